package web

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gorilla/sessions"

	"github.com/ssobridge/ssobridge/sso/origin"
)

// sessionOptions are those of the session's cookie. It holds the opaque id and nothing else: all that gorilla's stores put
// into cookies or files is in the sessions table, where it can be revoked. Every option is set, since the library's own
// defaults are SameSite=None and 30 days (SECURITY D1).
func (c SessionCookie) sessionOptions() *sessions.Options {
	return &sessions.Options{
		Path: "/", Domain: c.domain, MaxAge: int(c.maxAge / time.Second),
		Secure: c.Secure, HttpOnly: true, SameSite: c.SameSite,
	}
}

// SetSessionCookie signs this browser in as the session of that id.
func (site *Site) SetSessionCookie(w http.ResponseWriter, id string) {
	http.SetCookie(w, sessions.NewCookie(site.Cookie.Name, id, site.Cookie.sessionOptions()))
}

// ClearSessionCookie takes the cookie away, and where more than one of its name came, the others as far as we can reach
// them: those of before COOKIE_DOMAIN changed, and what a sibling site planted for all of its domain. Browsers take what
// is not theirs to clear for no cookie. Ending the session is the caller's.
func (site *Site) ClearSessionCookie(w http.ResponseWriter, r *http.Request) {
	domains := []string{site.Cookie.domain}
	if _, n := SoleCookie(r.Header["Cookie"], site.Cookie.Name); n > 1 {
		for _, d := range append(domainsOf(site.Config.SiteURL), "") {
			if d != site.Cookie.domain {
				domains = append(domains, d)
			}
		}
	}
	options := site.Cookie.sessionOptions()
	options.MaxAge = -1
	for _, options.Domain = range domains {
		http.SetCookie(w, sessions.NewCookie(site.Cookie.Name, "", options))
	}
}

// domainsOf are those that a cookie which reaches a site can be set for: its host and all above, one label included. An
// address has none.
func domainsOf(site origin.Origin) []string {
	host := HostName(string(site))
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	var all []string
	for ok := true; ok; _, host, ok = strings.Cut(host, ".") {
		all = append(all, host)
	}
	return all
}

// EachCookie calls yield with each value of a cookie, in the order of the request.
//
// It is exact about the name: spaces and tabs around a cookie go, and nothing else does (RFC 6265 §5.2). Whoever trims
// what Unicode calls white space reads U+2000 and "__Host-ssobridge" as ours, where browsers see a name without a prefix:
// a sibling site may set that for the whole domain (SECURITY D1, D3). What takes our cookies out of a request for the app is the generous one.
func EachCookie(lines []string, name string, yield func(value string)) {
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

// SoleCookie returns the last value of a cookie, and how many there are.
func SoleCookie(lines []string, name string) (value string, n int) {
	EachCookie(lines, name, func(v string) { value, n = v, n+1 })
	return value, n
}

// CookieValue returns the one value of a cookie. Two cookies of the name are none, as of the session: see package gate.
func CookieValue(lines []string, name string) (value string, ok bool) {
	value, n := SoleCookie(lines, name)
	return value, n == 1
}

// CookieName is the name of a cookie of ours besides the session's.
func (site *Site) CookieName(what string) string {
	if site.Cookie.Secure {
		return "__Host-ssobridge-" + what
	}
	return "ssobridge-" + what
}

// StrictCookie is a cookie of ours that comes with requests from our own pages only.
func (site *Site) StrictCookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: site.Cookie.Secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}

// SealCookie writes v so that only we can read it, and only as the cookie of that name.
func (web *Web) SealCookie(name string, v any) string {
	plain, err := json.Marshal(v)
	if err != nil {
		return "" // our own small structs: cannot happen, and "" opens as nothing
	}
	return base64.RawURLEncoding.EncodeToString(web.Box.Seal(plain, name))
}

// OpenCookie reads what sealCookie wrote; false for anything else.
func (web *Web) OpenCookie(r *http.Request, name string, v any) bool {
	value, ok := CookieValue(r.Header["Cookie"], name)
	if !ok {
		return false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return false
	}
	plain, err := web.Box.Open(sealed, name)
	return err == nil && json.Unmarshal(plain, v) == nil
}

// LaxCookie is a cookie of ours that comes along when another site sends the browser here with a link.
func (site *Site) LaxCookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: site.Cookie.Secure, HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
}
