package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/templates"
)

// Page renders one page and answers with it.
func (web *Web) Page(w http.ResponseWriter, status int, page templates.Page) error {
	return web.pages.Render(&pageWriter{w, status}, page)
}

// Leave sends a browser to a page of an identity provider. A form of ours may have led here, by whatever redirects, and browsers
// hold all of them against the form-action of the page with the form. For a site that the policy does not name, a page of ours
// ends the chain: it goes on by itself, and that is no form any more. So it is for each form of ours that leads here at once: its
// page may have been open since before an address was changed, and then the policy of today is not the one that holds.
func (web *Web) Leave(c echo.Context, site *Site, page templates.Leave) error {
	r := c.Request()
	u, err := url.Parse(page.URL)
	if err != nil {
		return err
	}
	from := r.Header.Get("Sec-Fetch-Site") // of the whole chain; old browsers do not say it
	mayBeForm := r.Method == http.MethodPost || ReaderOf(r).Page && (from == "same-origin" || from == "")
	switch {
	case mayBeForm && !slices.Contains(site.forms, siteOf(u)), ofOurForm(r):
		page.Layout = web.Layout(site, r)
		return web.Page(c.Response(), http.StatusOK, page)
	case r.Method == http.MethodPost:
		return c.Redirect(http.StatusSeeOther, page.URL)
	}
	return c.Redirect(http.StatusFound, page.URL)
}

// Step sends a browser that has sent a form to a path of ours from where a redirect may lead to another site. Where a page of ours has
// the form, a page makes the step, and the policy of the first one ends there; see [Web.Leave].
func (web *Web) Step(c echo.Context, site *Site, to string) error {
	if !ofOurForm(c.Request()) {
		return c.Redirect(http.StatusSeeOther, to)
	}
	return web.Page(c.Response(), http.StatusOK, templates.Continue{Layout: web.Layout(site, c.Request()), URL: to})
}

// ofOurForm reports whether a browser says that a page of ours sent this form.
func ofOurForm(r *http.Request) bool {
	return r.Method == http.MethodPost && ReaderOf(r).Page && r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

// pageWriter writes the head of the answer once the page is made.
type pageWriter struct {
	http.ResponseWriter
	status int
}

func (p *pageWriter) Write(b []byte) (int, error) {
	h := p.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h["Vary"] = []string{strings.Join(append(slices.Clone(h["Vary"]), "Accept-Language"), ", ")} // of its own: the shared one is read only
	p.WriteHeader(p.status)
	return p.ResponseWriter.Write(b)
}

// Layout is what surrounds a page that anybody may meet: in the language that the reader's browser asks for.
func (web *Web) Layout(site *Site, r *http.Request) templates.Layout {
	return templates.Layout{
		Site: site.Config.SiteName, Brand: site.brand,
		Language: web.pages.Words.Match(strings.Join(r.Header["Accept-Language"], ",")),
	}
}

// Say is an English text with its gaps filled, in the language of a page.
func (web *Web) Say(layout templates.Layout, english string, args ...any) string {
	return fmt.Sprintf(web.pages.Words.Text(layout.Language, english), args...)
}

// Person is an account as pages name it.
func Person(a sso.Account) templates.Person {
	return templates.Person{Name: a.CommonName(), Email: a.Email}
}

// Get adds a route that answers GET, and HEAD as GET does (RFC 9110 §9.3.2); net/http leaves the content out.
func Get(e *echo.Echo, path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) {
	e.Match([]string{http.MethodGet, http.MethodHead}, path, h, m...)
}
