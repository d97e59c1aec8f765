package web

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/sso/brand"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

// A brandFile is what pages load besides the files of package static. Its name has a hash of the content, so that browsers keep it.
type brandFile struct {
	name, kind string
	content    []byte
}

// brandFiles are those that the settings name.
func brandFiles(cfg *setting.Config) (all []brandFile) {
	if l := cfg.SiteLogo; l != nil {
		all = append(all, brandFile{l.File(), l.Type, l.Content})
	}
	if a := cfg.SiteAccent; a.IsSet() {
		all = append(all, brandFile{a.File(), "text/css; charset=utf-8", a.CSS()})
	}
	return all
}

// brandOf is what a page needs to load them.
func brandOf(cfg *setting.Config) (b templates.Brand) {
	if a := cfg.SiteAccent; a.IsSet() {
		b.Colours = a.File()
	}
	if l := cfg.SiteLogo; l != nil {
		b.Logo, b.Width, b.Height, b.Wide = l.File(), l.Width, l.Height, l.Wide()
	}
	return b
}

// Brand is GET /auth/brand/:file. While settings are changed on one replica, another one is asked for what it does not have yet, or no
// more: then it gives what it has, without the promise that it stays.
func (web *Web) Brand(c echo.Context) error {
	asked := c.Param("file")
	for _, f := range web.Site().brandFiles {
		kind, _, _ := strings.Cut(f.name, ".")
		if of, _, _ := strings.Cut(asked, "."); of != kind {
			continue
		}
		h := c.Response().Header()
		h.Set("Cross-Origin-Resource-Policy", "cross-origin") // a proxy shows our pages under the address of an app
		h.Set("Content-Security-Policy", brand.Policy)
		h.Set("Cache-Control", "no-cache")
		if f.name == asked {
			h.Set("Cache-Control", "public, max-age=31536000, immutable") // RFC 8246
		}
		return c.Blob(http.StatusOK, f.kind, f.content)
	}
	return echo.ErrNotFound
}
