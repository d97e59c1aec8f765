package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/ssobridge/ssobridge/sso/setting"
)

// OwnPath reports whether the bridge answers a path itself in front of an app, whatever ACCESS_RULES say about it. With a
// PATH_PREFIX that is all below it and nothing else.
func OwnPath(cfg *setting.Config, path string) bool {
	below, ok := WithoutPrefix(cfg, path)
	return ok && (cfg.PathPrefix != "" || reserved(below))
}

// reserved reports whether a path is the bridge's where it has no PATH_PREFIX.
func reserved(path string) bool {
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

// WithoutPrefix is a path as the routes know it. Not ok: the path is not below PATH_PREFIX, and so not the bridge's.
func WithoutPrefix(cfg *setting.Config, path string) (below string, ok bool) {
	if cfg.PathPrefix == "" {
		return path, true
	}
	below, ok = strings.CutPrefix(path, cfg.PathPrefix)
	switch {
	case !ok || below != "" && below[0] != '/':
		return "", false
	case below == "" && path != "":
		return "/", true
	}
	return below, true
}

type askedKey struct{}

// Unprefixed is r as the routes know it, below PATH_PREFIX; [asked] has its URL as it came.
func Unprefixed(cfg *setting.Config, r *http.Request) *http.Request {
	if cfg.PathPrefix == "" {
		return r
	}
	to := *r.URL
	to.Path, _ = WithoutPrefix(cfg, r.URL.Path)
	to.RawPath, _ = WithoutPrefix(cfg, r.URL.RawPath) // "" where the prefix itself is escaped: then Path says it all
	below := r.WithContext(context.WithValue(r.Context(), askedKey{}, r.URL))
	below.URL = &to
	return below
}

// asked is the URL that a client asked for, with PATH_PREFIX.
func asked(r *http.Request) *url.URL {
	if u, ok := r.Context().Value(askedKey{}).(*url.URL); ok {
		return u
	}
	return r.URL
}
