package server

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/sessions"

	"github.com/ssobridge/ssobridge/sso"
)

// sessionOptions are those of the session's cookie. It holds the opaque id and nothing else: all that gorilla's stores put
// into cookies or files is in the sessions table, where it can be revoked. Every option is set, since the library's own
// defaults are SameSite=None and 30 days (SECURITY D1).
func (c cookieSpec) sessionOptions() *sessions.Options {
	return &sessions.Options{
		Path: "/", Domain: c.domain, MaxAge: int(c.maxAge / time.Second),
		Secure: c.secure, HttpOnly: true, SameSite: c.sameSite,
	}
}

// setSessionCookie signs this browser in as the session of that id.
func (l *live) setSessionCookie(w http.ResponseWriter, id string) {
	http.SetCookie(w, sessions.NewCookie(l.cookie.name, id, l.cookie.sessionOptions()))
}

// clearSessionCookie takes the cookie away, and where more than one of its name came, the others as far as we can reach
// them: those of before COOKIE_DOMAIN changed, and what a sibling site planted for all of its domain. Browsers take what
// is not theirs to clear for no cookie. Ending the session is the caller's.
func (l *live) clearSessionCookie(w http.ResponseWriter, r *http.Request) {
	domains := []string{l.cookie.domain}
	if _, n := soleCookie(r.Header["Cookie"], l.cookie.name); n > 1 {
		for _, d := range append(domainsOf(l.cfg.SiteURL), "") {
			if d != l.cookie.domain {
				domains = append(domains, d)
			}
		}
	}
	options := l.cookie.sessionOptions()
	options.MaxAge = -1
	for _, options.Domain = range domains {
		http.SetCookie(w, sessions.NewCookie(l.cookie.name, "", options))
	}
}

// domainsOf are those that a cookie which reaches a site can be set for: its host and all above, one label included. An
// address has none.
func domainsOf(site sso.Origin) []string {
	host := hostName(string(site))
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	var all []string
	for ok := true; ok; _, host, ok = strings.Cut(host, ".") {
		all = append(all, host)
	}
	return all
}

// eachCookie calls yield with each value of a cookie, in the order of the request.
//
// It is exact about the name: spaces and tabs around a cookie go, and nothing else does (RFC 6265 §5.2). Whoever trims
// what Unicode calls white space reads U+2000 and "__Host-ssobridge" as ours, where browsers see a name without a prefix:
// a sibling site may set that for the whole domain (SECURITY D1, D3). [withoutCookies] is the generous one.
func eachCookie(lines []string, name string, yield func(value string)) {
	for _, line := range lines {
		for line != "" {
			var part string
			part, line, _ = strings.Cut(line, ";")
			if k, v, found := strings.Cut(strings.Trim(part, " \t"), "="); found && k == name {
				yield(v)
			}
		}
	}
}

// soleCookie returns the last value of a cookie, and how many there are.
func soleCookie(lines []string, name string) (value string, n int) {
	eachCookie(lines, name, func(v string) { value, n = v, n+1 })
	return value, n
}

// cookieValue returns the one value of a cookie. Two cookies of the name are none, see [live.sessionOf].
func cookieValue(lines []string, name string) (value string, ok bool) {
	value, n := soleCookie(lines, name)
	return value, n == 1
}

// sessionOf returns the hash of the session that a request presents: the cookie, else X-Metabase-Session, else a bearer
// token in BEARER_HEADER. A cookie that cannot be ours does not fall back to a header: one request, one credential.
//
// Two cookies of the name are no one's, whatever they name and wherever they stand (SECURITY D3, D6). One may have been
// planted, by a sibling site or with a longer path, and nothing in the request tells which: browsers send longer paths
// first (RFC 6265 §5.4), and servers should not rely on the order (§4.2.2). Who takes the first, as oauth2-proxy and
// net/http do, takes the planted one, and the person goes on as somebody else without a sign of it; who is signed out,
// sees that. With __Host- in the name there are no two.
func (l *live) sessionOf(r *http.Request) (hash sso.SessionHash, ok bool) {
	if len(r.Header["Cookie"]) > 0 {
		switch v, n := soleCookie(r.Header["Cookie"], l.cookie.name); {
		case n == 1:
			return sso.HashSessionID(v)
		case n > 1:
			return hash, false
		}
	}
	if v := r.Header["X-Metabase-Session"]; len(v) == 1 {
		return sso.HashSessionID(v[0])
	}
	return bearerSession(r.Header, l.cfg.BearerHeader)
}

// maxNamed is how many sessions a request may name to end them: more than browsers keep cookies for a site.
const maxNamed = 200

// sessionsOf returns the hashes of all sessions that a request names, where those of several cookies are to end:
// whichever of them is the person's, none is good any more.
func (l *live) sessionsOf(r *http.Request) (all []sso.SessionHash, err error) {
	n := 0
	eachCookie(r.Header["Cookie"], l.cookie.name, func(v string) {
		n++
		if hash, ok := sso.HashSessionID(v); ok && n <= maxNamed && !slices.Contains(all, hash) {
			all = append(all, hash)
		}
	})
	switch {
	case n > maxNamed:
		return nil, fmt.Errorf("%d cookies %s came: %w", n, l.cookie.name, sso.RequestMalformed)
	case n == 0:
		if hash, ok := l.sessionOf(r); ok {
			all = append(all, hash)
		}
	}
	return all, nil
}

// bearerSession returns the session in a header: after "Bearer " (RFC 6750 §2.1), or, where the header is no
// Authorization, alone.
func bearerSession(h http.Header, name string) (hash sso.SessionHash, ok bool) {
	v := h[name]
	switch {
	case len(v) != 1:
		return hash, false
	case len(v[0]) > 7 && strings.EqualFold(v[0][:7], "Bearer "):
		return sso.HashSessionID(v[0][7:])
	case name != "Authorization":
		return sso.HashSessionID(v[0])
	}
	return hash, false
}

// sessionInQuery returns the session in BEARER_PARAMETER. Two of the name are none.
func (l *live) sessionInQuery(r *http.Request) (hash sso.SessionHash, ok bool) {
	if l.cfg.BearerParameter == "" || r.URL.RawQuery == "" {
		return hash, false
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if v := q[l.cfg.BearerParameter]; err == nil && len(v) == 1 {
		return sso.HashSessionID(v[0])
	}
	return hash, false
}
