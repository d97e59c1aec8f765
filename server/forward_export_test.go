package server

import (
	"net/http"

	"github.com/ssobridge/ssobridge/sso/setting"
)

// Forwarded shows to tests what is read of a proxy's headers.
func Forwarded(cfg *setting.Config, r *http.Request) (origin, host, path string, err error) {
	w, err := (&settings{live: &live{cfg: cfg}}).forwarded(r)
	return string(w.origin), w.host, w.path(), err
}

// CleanForUpstream shows what is left of the headers of a request.
func CleanForUpstream(h http.Header) {
	(&settings{live: &live{cfg: &setting.Config{}}}).clean(h, identity, target, forwarded)
}

// WithoutCookies shows what is left of Cookie lines.
func WithoutCookies(lines []string) string { return withoutCookies(lines) }
