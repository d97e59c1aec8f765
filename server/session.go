package server

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/sessions"

	"github.com/ssobridge/ssobridge/sso"
)

// cookieSessions is a [sessions.Store] over the sessions table. The cookie holds the opaque id and nothing else; all that
// gorilla's stores put into cookies or files is on the server here, where it can be revoked. Every option is set: the
// library's own defaults are SameSite=None and 30 days (SECURITY 0.6).
//
// The answer to "who is this?" does not come through here but through [principals], which need no [sessions.Session].
type cookieSessions struct {
	spec cookieSpec
}

// Get returns the request's session.
func (c cookieSessions) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(c, name)
}

// New returns the session that the request's cookie names, without judging whether it is still good.
func (c cookieSessions) New(r *http.Request, name string) (*sessions.Session, error) {
	s := sessions.NewSession(c, name)
	s.Options = c.options()
	s.ID, _ = cookieValue(r.Header["Cookie"], name)
	s.IsNew = s.ID == ""
	return s, nil
}

// Save writes the cookie. With Options.MaxAge < 0 it clears it; ending the session on the server is the caller's, through
// the store, in the transaction that also writes the event.
func (c cookieSessions) Save(_ *http.Request, w http.ResponseWriter, s *sessions.Session) error {
	http.SetCookie(w, sessions.NewCookie(s.Name(), s.ID, s.Options))
	return nil
}

func (c cookieSessions) options() *sessions.Options {
	return &sessions.Options{
		Path: "/", Domain: c.spec.domain, MaxAge: int(c.spec.maxAge / time.Second),
		Secure: c.spec.secure, HttpOnly: true, SameSite: c.spec.sameSite,
	}
}

// setSessionCookie signs this browser in as the session of that id.
func (l *live) setSessionCookie(w http.ResponseWriter, r *http.Request, id string) error {
	store := cookieSessions{l.cookie}
	s := sessions.NewSession(store, l.cookie.name)
	s.ID, s.Options = id, store.options()
	return s.Save(r, w)
}

// clearSessionCookie takes the cookie away.
func (l *live) clearSessionCookie(w http.ResponseWriter, r *http.Request) error {
	store := cookieSessions{l.cookie}
	s := sessions.NewSession(store, l.cookie.name)
	s.Options = store.options()
	s.Options.MaxAge = -1
	return s.Save(r, w)
}

// cookieValue returns the one value of a cookie. Two cookies of the name are none: one of them may have been planted
// from a sibling domain, and which one is unknowable (SECURITY D3, D6).
func cookieValue(lines []string, name string) (value string, ok bool) {
	for _, line := range lines {
		for line != "" {
			var part string
			part, line, _ = strings.Cut(line, ";")
			k, v, found := strings.Cut(strings.TrimSpace(part), "=")
			if !found || k != name {
				continue
			}
			if ok {
				return "", false
			}
			value, ok = v, true
		}
	}
	return value, ok
}

// sessionOf returns the hash of the session that a request presents: the cookie, else X-Metabase-Session, else a bearer
// token in BEARER_HEADER. A cookie that cannot be ours does not fall back to a header: one request, one credential.
func (l *live) sessionOf(r *http.Request) (hash sso.SessionHash, ok bool) {
	if len(r.Header["Cookie"]) > 0 {
		if v, found := cookieValue(r.Header["Cookie"], l.cookie.name); found {
			return sso.HashSessionID(v)
		}
	}
	if v := r.Header["X-Metabase-Session"]; len(v) == 1 {
		return sso.HashSessionID(v[0])
	}
	return bearerSession(r.Header, l.cfg.BearerHeader)
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
