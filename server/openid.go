package server

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
)

// handleOpenID is GET /auth/oidc/NAME/callback: where an OpenID provider sends browsers back, each provider to a page of its
// own (RFC 9700 §4.4.2.2). Nothing begins here, so that an answer without anything in it makes no circle.
func (s *relyingParty) handleOpenID(c echo.Context) error {
	site, r := s.web.Site(), c.Request()
	p := site.Bridge.Providers.Named(c.Param("provider"))
	if p == nil || !p.OwnPage {
		return fmt.Errorf("no OpenID provider has its callback here: %w", sso.NotFound)
	}
	if web.Prefetch(r) {
		c.Response().Header().Set("Retry-After", "0") // see handleSSO
		return c.NoContent(http.StatusServiceUnavailable)
	}
	if r.Method == http.MethodHead { // SECURITY C7
		return c.NoContent(http.StatusOK)
	}
	in, err := sso.ParseCallback(r.URL.RawQuery, "", nil)
	if err != nil {
		return err
	}
	in.Provider, in.Page, in.ReturnTo = p.Name, p.Name, "" // it leads where the login began
	if err := checkLoad(site, r); err != nil {
		return err
	}
	return s.gate.BySettings(r.Context(), func(site *web.Site) error { return s.signIn(c, site, in) })
}
