package server

import (
	"context"
	"errors"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
)

// ownPath reports whether the bridge answers a path itself, in front of an UPSTREAM.
func ownPath(path string) bool {
	for _, p := range []string{"/auth", "/admin", "/api/v1"} {
		if path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	switch path {
	case "/login", "/api/user/current", "/api/openapi.json", "/healthz", "/readyz", "/metrics", "/.well-known/jwks.json":
		return true
	}
	return false
}

// proxied is what reverseProxy hands to the proxy's functions.
type proxied struct {
	entry  *entry
	cookie string // name of the session cookie
	server *Server
	peer   string
	https  bool
}

type proxiedKey struct{}

// newProxy makes the reverse proxy of UPSTREAM. The standard library's handles WebSockets, streaming and trailers, and
// removes hop-by-hop headers before Rewrite, so that "Connection: Remote-User" removes nothing of ours (SECURITY H5).
func newProxy(upstream *url.URL) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			p := pr.In.Context().Value(proxiedKey{}).(proxied)
			pr.SetURL(upstream)
			pr.Out.Host = pr.In.Host
			pr.Out.Header.Set("X-Forwarded-For", p.peer)
			pr.Out.Header.Set("X-Forwarded-Host", pr.In.Host)
			pr.Out.Header.Set("X-Forwarded-Proto", map[bool]string{true: "https", false: "http"}[p.https])
			cleanForUpstream(pr.Out.Header, p.cookie)
			p.server.setIdentity(pr.Out.Header, p.entry)
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			p := r.Context().Value(proxiedKey{}).(proxied)
			if errors.Is(err, context.Canceled) {
				return // the client went away
			}
			p.server.Log.Error("upstream does not answer", "error", err)
			p.server.serveRefusal(w, r, sso.UpstreamDown)
		},
		FlushInterval: -1, // server-sent events and other streams arrive as they are sent
	}
}

// cleanForUpstream removes what a client sent in our name, in every spelling that some server reads as the same header
// (SECURITY H3), and our session (SECURITY H6).
func cleanForUpstream(h http.Header, cookie string) {
	for name := range h {
		if identityHeader(name) {
			delete(h, name)
		}
	}
	h.Del("X-Metabase-Session")
	if lines := h["Cookie"]; len(lines) > 0 {
		if rest := withoutCookies(lines, cookie); rest != "" {
			h["Cookie"] = []string{rest}
		} else {
			delete(h, "Cookie")
		}
	}
	if v := h["Authorization"]; len(v) == 1 && len(v[0]) > 7 && strings.EqualFold(v[0][:7], "Bearer ") {
		if _, ours := sso.HashSessionID(v[0][7:]); ours {
			delete(h, "Authorization")
		}
	}
}

// identityHeader reports whether a header could pass for one of ours: Remote-User, remote_user, Remote.Email, and all
// else of that kind.
func identityHeader(name string) bool {
	plain := strings.Map(func(r rune) rune {
		switch {
		case r == '_' || r == '.':
			return '-'
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, name)
	return strings.HasPrefix(plain, "remote-")
}

// withoutCookies writes the cookies again without ours (the session, and logins that have begun).
func withoutCookies(lines []string, session string) string {
	var kept []string
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ";") {
			part = strings.TrimSpace(part)
			name, _, _ := strings.Cut(part, "=")
			if part != "" && name != session && !strings.HasPrefix(name, flowCookieHost) && !strings.HasPrefix(name, flowCookiePlain) {
				kept = append(kept, part)
			}
		}
	}
	return strings.Join(kept, "; ")
}

// reverseProxy answers for the app behind UPSTREAM: signed in, the request goes on; else a browser is sent to sign in and
// comes back to the page it wanted, and anything else gets 401.
func (s *Server) reverseProxy(w http.ResponseWriter, r *http.Request) {
	l := s.live.Load()
	e, err := s.check(r, l)
	if err != nil {
		if sso.CodeOf(err) == sso.NotSignedIn && wantsPage(r) {
			setPrivate(w.Header())
			http.Redirect(w, r, "/auth/sso?redirect="+url.QueryEscape(r.URL.RequestURI()), http.StatusFound)
			return
		}
		s.serveRefusal(w, r, err)
		return
	}
	p := proxied{entry: e, cookie: l.cookie.name, server: s, peer: l.peer(r), https: l.cookie.secure}
	l.proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), proxiedKey{}, p)))
}

// wantsPage reports whether a browser is loading a page, as against an API client, a script or an image: only a page may
// be answered with a redirect to sign in.
func wantsPage(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || r.Header.Get("Upgrade") != "" {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
		return false
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}
