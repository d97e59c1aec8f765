package server

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/urltext"
)

// A browser remembers in a cookie, for a moment, which sign-ins it began: who comes back again and again without a token,
// or with a token that is spent, goes in circles. Nothing is kept on the server, and a browser can mislead itself alone.
const (
	begunLifetime = 30 * time.Second
	maxBegun      = 16
	// circleLaps is how many sign-ins of one page in begunLifetime are a circle, of which circleFrom came from another site.
	// Twenty tabs that a browser restores come from none.
	circleLaps, circleFrom = 4, 3
	// spentLaps is how often the sign-in of a page begins once more because its token was spent.
	spentLaps = 1
	// newToken is how long that waits: pages written for Metabase sign the same token within a second.
	newToken = time.Second
	// newCookie is how long a browser has for the answer of another tab, in which its newer session is. It is no part of
	// newToken, when the other tabs come again, and replace that one too.
	newCookie = newToken / 2
)

// beginning is one sign-in that a browser began.
type beginning struct {
	Page  string `json:"p"`           // see pageKey
	At    int64  `json:"t"`           // unix milliseconds
	Away  bool   `json:"a,omitempty"` // it came from another site
	Spent bool   `json:"s,omitempty"` // it began once more, because its token was spent
}

type begun []beginning

func begunCookieName(site *web.Site) string { return site.CookieName("begun") }

// begunOf reads the cookie. One that cannot be read is none.
func (s *relyingParty) begunOf(r *http.Request, site *web.Site) (all begun) {
	if !s.web.OpenCookie(r, begunCookieName(site), &all) {
		return nil
	}
	oldest := s.web.Now().Add(-begunLifetime).UnixMilli()
	return all.without(func(b beginning) bool { return b.At < oldest })
}

// keepBegun writes the cookie; of none it takes it away.
func (s *relyingParty) keepBegun(w http.ResponseWriter, site *web.Site, all begun) {
	name := begunCookieName(site)
	if len(all) == 0 {
		http.SetCookie(w, begunCookie(site, name, "", -1))
		return
	}
	sealed := s.web.SealCookie(name, all[max(0, len(all)-maxBegun):])
	http.SetCookie(w, begunCookie(site, name, sealed, int(begunLifetime.Seconds())))
}

// begunCookie is kept wherever the session's cookie is: in a frame of another site, who keeps one keeps both.
func begunCookie(site *web.Site, name, value string, maxAge int) *http.Cookie {
	c := site.LaxCookie(name, value, maxAge)
	if site.Cookie.SameSite == http.SameSiteNoneMode {
		c.SameSite = http.SameSiteNoneMode
	}
	return c
}

func (all begun) without(drop func(beginning) bool) begun {
	var kept begun
	for _, b := range all {
		if !drop(b) {
			kept = append(kept, b)
		}
	}
	return kept
}

// of returns those of a page: the first ones, or those that began once more.
func (all begun) of(page string, spent bool) begun {
	return all.without(func(b beginning) bool { return b.Page != page || b.Spent != spent })
}

func (all begun) away() (n int) {
	for _, b := range all {
		if b.Away {
			n++
		}
	}
	return n
}

// pageKey names a page in the cookie.
func pageKey(to string) string {
	sum := sha256.Sum256([]byte(urltext.PageWithoutTokens(to)))
	return hex.EncodeToString(sum[:6])
}

// fromAway reports whether a browser was sent here by another site. An identity provider may be a sibling.
func fromAway(site *web.Site, r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return true
	case "":
		u, err := url.Parse(r.Header.Get("Referer"))
		return err == nil && u.Host != "" && u.Scheme+"://"+u.Host != string(site.Config.SiteURL)
	}
	return false
}

// namesIn are the names of the parameters of a page, for the log.
func namesIn(to string) []string {
	_, query, _ := strings.Cut(to, "?")
	cb, _ := sso.ParseCallback(query, "", nil)
	return cb.Sent
}
