package gate

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// stripCredentials removes what is for the bridge and no one behind it (SECURITY H6).
func (s *settings) stripCredentials(h http.Header) {
	h.Del("X-Metabase-Session")
	if lines := h["Cookie"]; len(lines) > 0 {
		if rest := withoutCookies(lines); rest != "" {
			h["Cookie"] = []string{rest}
		} else {
			delete(h, "Cookie")
		}
	}
	h["Authorization"] = slices.DeleteFunc(slices.Clone(h["Authorization"]), func(v string) bool { // two are none, and both go
		_, ours := bearerSession(http.Header{"Authorization": {v}}, "Authorization")
		return ours || s.bearers.takes(v, "Authorization")
	})
	if len(h["Authorization"]) == 0 {
		delete(h, "Authorization")
	}
	for _, name := range s.headersOf() {
		delete(h, name)
	}
}

// withoutBearer is a query without the parameters of credentials, and otherwise as it was sent.
func (s *settings) withoutBearer(rawQuery string) string {
	if rawQuery == "" || s.Config.BearerParameter == "" && s.bearers == nil {
		return rawQuery
	}
	var kept []string
	for part := range strings.SplitSeq(rawQuery, "&") {
		key, _, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(key); err != nil || !s.readsParameter(plain) {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}

// withoutCookies writes the cookies again without ours: the session, also one of before SITE_URL or COOKIE_DOMAIN changed,
// and all whose names begin with "ssobridge-". Unlike [web.EachCookie] it is generous about names: what any app may take for
// one of ours goes (SECURITY H6).
func withoutCookies(lines []string) string {
	var kept []string
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ";") {
			name, _, _ := strings.Cut(part, "=")
			if part = strings.Trim(part, " \t"); part != "" && !oursToSomeone(name) {
				kept = append(kept, part)
			}
		}
	}
	return strings.Join(kept, "; ")
}

// oursToSomeone reports whether some app may read the name of a cookie as one of ours: without what is no visible ASCII
// around it, quotes and whatever case.
func oursToSomeone(name string) bool {
	name = strings.ToLower(strings.TrimFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' }))
	name = strings.TrimPrefix(strings.TrimPrefix(name, "__host-"), "__secure-")
	return name == "ssobridge" || strings.HasPrefix(name, "ssobridge-")
}
