// Package templates holds the pages that people see. Each page is a struct: its fields are all that the page can show,
// and the file in pages/ of the same name says how. A new page is a struct with a template method, a file, and a line in
// the test's list.
//
// [Pages.Render] writes nothing until the whole page is made, so a fault never leaves half a page behind. Every field is
// text: html/template escapes it where it stands, and a URL that is neither a path nor http(s) becomes a dead link. The
// pages work without script, and keep to a Content-Security-Policy that allows nothing inline.
//
// Texts about a refusal come from the caller; no page shows claims, tokens or the inside of an error.
package templates

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
)

// A Page is one of the page structs of this package.
type Page interface {
	template() string // the name of its file in pages/, without .html
}

// Layout is what surrounds every page.
type Layout struct {
	Site string    // the site's name as people know it; "" is ssobridge
	User *UserMenu // who is signed in, shown at the top; nil on pages that are about who it is
}

// SiteName is the name to show.
func (l Layout) SiteName() string {
	if l.Site == "" {
		return "ssobridge"
	}
	return l.Site
}

// UserMenu is the signed-in person at the top of a page.
type UserMenu struct {
	Name     string
	AdminURL string // "" for people who are no administrators
}

//go:embed layout.html parts.html admin.html pages
var source embed.FS

// Pages are the templates, each parsed when it is first needed: most of them show an administrator something, so that a
// bridge may never need them. They are safe for concurrent use.
type Pages struct {
	byName map[string]func() (*template.Template, error)
}

// New finds every page. asset returns the URL of a static file by its name, such as app.css. A fault in a template is an
// error of the first [Pages.Render]; a test renders each page.
func New(asset func(name string) string) (*Pages, error) {
	functions := template.FuncMap{
		"asset":  asset,
		"ago":    ago,
		"moment": moment,
		"iso":    iso,
		"number": number,
	}
	files, err := fs.Glob(source, "pages/*.html")
	if err != nil {
		return nil, err
	}
	p := &Pages{byName: make(map[string]func() (*template.Template, error), len(files))}
	for _, file := range files {
		p.byName[strings.TrimSuffix(path.Base(file), ".html")] = sync.OnceValues(func() (*template.Template, error) {
			// The page comes last: it defines "title" and "main", and anew what the layout has a default for.
			return template.New("").Funcs(functions).ParseFS(source, "layout.html", "parts.html", "admin.html", file)
		})
	}
	return p, nil
}

// Render writes a page to w in one piece. On an error of the template nothing was written; an error of w is returned as
// it is.
func (p *Pages) Render(w io.Writer, page Page) error {
	parsed, ok := p.byName[page.template()]
	if !ok {
		return fmt.Errorf("there is no page %q", page.template())
	}
	t, err := parsed()
	if err != nil {
		return fmt.Errorf("page %s: %w", page.template(), err)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout", page); err != nil {
		return fmt.Errorf("page %s: %w", page.template(), err)
	}
	_, err = w.Write(b.Bytes())
	return err
}
