package web

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/templates"
)

// Page renders one page and answers with it.
func (web *Web) Page(w http.ResponseWriter, status int, page templates.Page) error {
	web.Site().describeForms(w.Header())
	return web.pages.Render(&pageWriter{w, status}, page)
}

// pageWriter writes the head of the answer once the page is made.
type pageWriter struct {
	http.ResponseWriter
	status int
}

func (p *pageWriter) Write(b []byte) (int, error) {
	p.Header().Set("Content-Type", "text/html; charset=utf-8")
	p.WriteHeader(p.status)
	return p.ResponseWriter.Write(b)
}

// Layout is what surrounds a page.
func (web *Web) Layout(site *Site) templates.Layout {
	return templates.Layout{Site: site.Config.SiteName}
}

// Person is an account as pages name it.
func Person(a sso.Account) templates.Person {
	return templates.Person{Name: a.CommonName(), Email: a.Email}
}

// Get adds a route that answers GET, and HEAD as GET does (RFC 9110 §9.3.2); net/http leaves the content out.
func Get(e *echo.Echo, path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) {
	e.Match([]string{http.MethodGet, http.MethodHead}, path, h, m...)
}
