package server

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/netip"
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

// cookieName is the name of a cookie of ours besides the session's.
func (l *live) cookieName(what string) string {
	if l.cookie.secure {
		return "__Host-ssobridge-" + what
	}
	return "ssobridge-" + what
}

func (l *live) sealedCookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: l.cookie.secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}

// sealCookie writes v so that only we can read it, and only as the cookie of that name.
func (web *web) sealCookie(name string, v any) string {
	plain, err := json.Marshal(v)
	if err != nil {
		return "" // our own small structs: cannot happen, and "" opens as nothing
	}
	return base64.RawURLEncoding.EncodeToString(web.box.Seal(plain, name))
}

// openCookie reads what sealCookie wrote; false for anything else.
func (web *web) openCookie(r *http.Request, name string, v any) bool {
	value, ok := cookieValue(r.Header["Cookie"], name)
	if !ok {
		return false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return false
	}
	plain, err := web.box.Open(sealed, name)
	return err == nil && json.Unmarshal(plain, v) == nil
}

func (l *live) flowCookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: l.cookie.secure, HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
}
