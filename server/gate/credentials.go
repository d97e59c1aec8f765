package gate

import (
	"net/http"
	"net/url"
	"strings"
)

// stripCredentials removes what is for the bridge and no one behind it (SECURITY H6).
func (s *settings) stripCredentials(h http.Header) {
	delete(h, "X-Metabase-Session")
	s.handCredentials(h, h)
	for _, name := range s.headers {
		delete(h, name)
	}
}

// handCredentials writes the Cookie and Authorization of a request as the app may see them.
func (s *settings) handCredentials(to, from http.Header) {
	if rest := withoutCookies(from["Cookie"]); rest != "" {
		to["Cookie"] = []string{rest}
	} else {
		delete(to, "Cookie")
	}
	if rest := s.withoutTokens(from["Authorization"]); len(rest) > 0 {
		to["Authorization"] = rest
	} else {
		delete(to, "Authorization")
	}
}

// withoutTokens are the values of Authorization that are neither a session nor a token for us. Two are none, and both go.
func (s *settings) withoutTokens(values []string) (rest []string) {
	for _, v := range values {
		if _, ours := bearerSession(http.Header{"Authorization": {v}}, "Authorization"); !ours && !s.bearers.takes(v, "Authorization") {
			rest = append(rest, v)
		}
	}
	return rest
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
	var room [8]string // most requests have no more, and then nothing is allocated
	kept := room[:0]
	for _, line := range lines {
		for line != "" {
			var part string
			part, line, _ = strings.Cut(line, ";")
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
