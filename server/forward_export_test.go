package server

import (
	"net/http"

	"github.com/ssobridge/ssobridge/sso/setting"
)

// Forwarded shows to tests what is read of a proxy's headers.
func Forwarded(cfg *setting.Config, r *http.Request) (origin, host, path string, err error) {
	w, err := (&live{cfg: cfg}).forwarded(r)
	return string(w.origin), w.host, w.path(), err
}

// IdentityHeader shows what is taken for a header of ours.
func IdentityHeader(name string) bool { return identityHeader(name) }

// WithoutCookies shows what is left of Cookie lines.
func WithoutCookies(lines []string) string { return withoutCookies(lines) }
