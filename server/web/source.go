package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/origin"
)

// OwnOrigin reports whether pages of an origin are ours: of SITE_URL, of ALLOWED_ORIGINS, or of the very host of the
// request. Of that they must come over TLS where we do: anyone on the way can make an http page.
func (site *Site) OwnOrigin(text, host string) bool {
	from, err := origin.Parse(text)
	if err != nil {
		return false
	}
	if from == site.Config.SiteURL || slices.Contains(site.Config.AllowedOrigins, from) {
		return true
	}
	scheme, _, _ := strings.Cut(string(from), "://")
	own, err := origin.Parse(scheme + "://" + host)
	return err == nil && from == own && (https(from) || !site.Cookie.Secure)
}

// CrossSite reports whether a POST came from a page of another site: then Lax cookies did not come with it.
func (site *Site) CrossSite(r *http.Request) bool { return site.CheckSource(r) != nil }

// CheckSource refuses a request that could change something and that a page of another site made. Browsers say so in
// Sec-Fetch-Site. Those of before 2023 say in Origin whose page it is, and that is compared with SITE_URL, scheme and port
// included: whoever can fake an http page of our host must do nothing at our https one (SECURITY G7). The request's Host is
// not asked, as net/http's CrossOriginProtection does: it knows no scheme, and a proxy may have written it anew.
//
// A request with neither is a program's. Pages of ALLOWED_ORIGINS and CORS_ORIGINS are other sites here.
func (l *Site) CheckSource(r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	if sites := HeaderValues(r.Header, "Sec-Fetch-Site"); len(sites) > 0 {
		for _, site := range sites {
			if site != "same-origin" && site != "none" {
				return fmt.Errorf("the request's Sec-Fetch-Site is %q: %w", sso.Truncate(sso.CleanText(site), 50), sso.CrossOrigin)
			}
		}
		return nil
	}
	for _, text := range HeaderValues(r.Header, "Origin") {
		if from, err := origin.Parse(text); err != nil || from != l.Config.SiteURL {
			return fmt.Errorf("the request's Origin is %q, and SITE_URL %s: %w", sso.Truncate(sso.CleanText(text), 100), l.Config.SiteURL, sso.CrossOrigin)
		}
	}
	return nil
}

// HeaderValues are the values of a header that say something: some proxies blank a header where they could take it away.
func HeaderValues(h http.Header, name string) []string {
	if values := h[name]; len(values) != 1 || values[0] != "" {
		return values
	}
	return nil
}

// SameOrigin refuses what changes state and comes from another site (SECURITY G1, G7). No token in a form can be forgotten.
func (web *Web) SameOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := web.Site().CheckSource(c.Request()); err != nil {
			return err
		}
		return next(c)
	}
}
