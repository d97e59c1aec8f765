package server

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/templates"
)

// page renders one page and answers with it.
func (web *web) page(w http.ResponseWriter, status int, page templates.Page) error {
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

func (web *web) layout(l *live) templates.Layout {
	return templates.Layout{Site: l.cfg.SiteName}
}

func person(a sso.Account) templates.Person {
	return templates.Person{Name: a.CommonName(), Email: a.Email}
}

// get adds a route that answers GET, and HEAD as GET does (RFC 9110 §9.3.2); net/http leaves the content out.
func get(e *echo.Echo, path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) {
	e.Match([]string{http.MethodGet, http.MethodHead}, path, h, m...)
}
