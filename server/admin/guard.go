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

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
)

// guard lets only administrators through to anything that is, or could be read as, a path of ours (SECURITY G1, G2). It
// stands before routing, so that pages that do not exist, and methods that are not offered, look like the others.
func (a *Admin) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if !guarded(r.URL) {
			return next(c)
		}
		p, err := a.Host.Principal(r)
		switch {
		case err != nil:
			return err
		case p == nil && strings.HasPrefix(r.URL.Path, pagesPrefix) && web.ReaderOf(r).CanSignIn(r.Method):
			return c.Redirect(http.StatusFound, a.path("/login?return_to="+url.QueryEscape(a.path(r.URL.RequestURI()))))
		case p == nil:
			return sso.NotSignedIn
		case !p.Administrator():
			return fmt.Errorf("account %d is no administrator: %w", p.Account.ID, sso.Forbidden)
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
		return readable(err)
	}
}

const principalKey = "principal"

// guarded reports whether any reading of a URL's path leads below /admin or /api/v1: without case, after decoding, after
// dots and doubled slashes are taken out.
func guarded(u *url.URL) bool {
	for _, p := range []string{u.Path, u.EscapedPath()} {
		if unescaped, err := url.PathUnescape(p); err == nil {
			p = unescaped
		}
		p = strings.ToLower(path.Clean("/" + strings.ReplaceAll(p, `\`, "/")))
		for _, prefix := range []string{pagesPrefix, apiPrefix, "/api/admin"} {
			if rest, ok := strings.CutPrefix(p, prefix); ok && (rest == "" || !letterOrDigit(rest[0])) {
				return true
			}
		}
	}
	return false
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

// A Refusal is an error that an administrator may read.
type Refusal = admin.Refusal

func invalid(field, format string, args ...any) error { return admin.Invalid(field, format, args...) }

// fieldsOf returns what is wrong with which field, and whether the error is one that a form can show.
func fieldsOf(err error) (map[string]string, bool) {
	r, ok := errors.AsType[*Refusal](err)
	if !ok {
		return nil, false
	}
	return r.Fields, true
}

// readable makes the errors that are about what an administrator asked for readable. Others, such as those of the
// database, stay in the log.
func readable(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Refusal](err); ok {
		return err
	}
	if _, ok := errors.AsType[*echo.HTTPError](err); ok {
		return err
	}
	switch sso.CodeOf(err) {
	case sso.Invalid, sso.Conflict, sso.NotFound, sso.Forbidden, sso.RequestMalformed, sso.PasswordRefused, sso.LinkRefused:
		return &Refusal{Err: err}
	}
	return err
}
