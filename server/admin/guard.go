package admin

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
)

// guard lets only administrators through to anything that is, or could be read as, a path of ours (SECURITY G1, G2). It
// stands before routing, so that pages that do not exist, and methods that are not offered, look like the others.
func (a *Admin) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if keySet(r) || !guarded(r.URL) {
			return next(c)
		}
		p, err := a.Host.Principal(r)
		switch {
		case err != nil:
			return err
		case p == nil && strings.HasPrefix(r.URL.Path, area.PagesPrefix) && web.ReaderOf(r).CanSignIn(r.Method):
			return c.Redirect(http.StatusFound, a.link("/login?return_to="+url.QueryEscape(a.link(r.URL.RequestURI()))))
		case p == nil:
			return sso.NotSignedIn
		case !p.Administrator():
			return web.NotAllowed(fmt.Errorf("account %d is no administrator: %w", p.Account.ID, sso.Forbidden), p.Account.Email)
		}
		if err := a.Host.SameOrigin(r); err != nil {
			return err
		}
		if err := checkKind(r); err != nil {
			return err
		}
		c.Set(principalKey, p)
		err = next(c)
		if errors.Is(err, admin.ErrProofNeeded) { // which knows no PATH_PREFIX
			err = a.proofNeeded()
		}
		return area.Readable(err)
	}
}

const principalKey = "principal"

// KeySetPath is the one path below /api/v1 that is for anyone: the public keys of the bridge.
const KeySetPath = apiPrefix + "/system/config/jwks"

func keySet(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.URL.Path == KeySetPath && r.URL.RawPath == ""
}

// guarded reports whether any reading of a URL's path leads below /admin or /api/v1: without case, after decoding, after
// dots and doubled slashes are taken out.
func guarded(u *url.URL) bool {
	for _, p := range []string{u.Path, u.EscapedPath()} {
		if unescaped, err := url.PathUnescape(p); err == nil {
			p = unescaped
		}
		p = strings.ToLower(path.Clean("/" + strings.ReplaceAll(p, `\`, "/")))
		for _, prefix := range []string{area.PagesPrefix, apiPrefix, "/api/admin"} {
			if rest, ok := strings.CutPrefix(p, prefix); ok && (rest == "" || !letterOrDigit(rest[0])) {
				return true
			}
		}
	}
	return false
}

// proofNeeded says where the proof is given.
func (a *Admin) proofNeeded() error {
	at := a.link("/auth/confirm")
	return &admin.Refusal{Err: sso.ProofNeeded.About(at, "this needs a recent proof of who you are: sign in again, or confirm it at %s, and repeat the request", at)}
}

func letterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// checkKind wants forms for pages and JSON for the API, never the other way round: a form of another site cannot send JSON
// (SECURITY G1).
func checkKind(r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.ContentLength == 0 {
		return nil
	}
	want := "application/x-www-form-urlencoded"
	if strings.HasPrefix(r.URL.Path, apiPrefix) {
		want = "application/json"
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != want {
		return fmt.Errorf("the body is %q, not %s: %w", kind, want, sso.RequestMalformed)
	}
	return nil
}
