// Package templates holds the pages that people see. Each page is a struct: its fields are all that the page can show,
// and the file in pages/ of the same name says how. A new page is a struct with a template method, a file, and a line in
// the test's list.
//
// [Pages.Render] writes nothing until the whole page is made, so a fault never leaves half a page behind. Every field is
// text: html/template escapes it where it stands, and a URL that is neither a path nor http(s) becomes a dead link. The
// pages work without script, and keep to a Content-Security-Policy that allows nothing inline.
//
// Texts about a refusal come from the caller; no page shows claims, tokens or the inside of an error.
//
// What administrators see is in English. The other pages are in the language of [Layout]: a text is written as {{t "Sign in"}},
// or {{t .Label}} where the code has it, and package words has it in the other languages.
package templates

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/ssobridge/ssobridge/templates/words"
)

// A Page is one of the page structs of this package.
type Page interface {
	template() string // the name of its file in pages/, without .html
}

// Layout is what surrounds every page.
type Layout struct {
	Language string    // of the reader; "" is English, as of all that administrators see
	Site     string    // the site's name as people know it; "" is ssobridge
	Brand    Brand     // how it looks; administrators' pages have none
	User     *UserMenu // who is signed in, shown at the top; nil on pages that are about who it is
}

func (l Layout) language() string { return cmp.Or(l.Language, "en") }

// SiteName is the name to show.
func (l Layout) SiteName() string {
	if l.Site == "" {
		return "ssobridge"
	}
	return l.Site
}

// Brand is the look of a site. The zero value is that of the bridge. Its files are below /auth/brand/.
type Brand struct {
	Colours       string // name of a style sheet; "" is none
	Logo          string // name of a picture; "" is none
	Width, Height int    // of the logo, in pixels of CSS
	Wide          bool   // the logo is the name
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
	byName map[string]map[string]func() (*template.Template, error) // then by language
	Words  *words.Tables                                            // the languages
}

// New finds every page. asset returns the path of a static file by its name, such as app.css. A fault in a template is an
// error of the first [Pages.Render]; a test renders each page.
//
// base is what every path of the bridge gets before it: "", a PATH_PREFIX, or an origin with one for pages that are shown
// elsewhere. Templates write href="/login" and do not know of it; of a path in a field they write {{path .URL}}, where the
// field has no base yet.
func New(asset func(name string) string, base string) (*Pages, error) {
	texts, err := words.New()
	if err != nil {
		return nil, err
	}
	return newPages(asset, base, texts, texts.Languages(), texts.Text)
}

// newPages is New with these languages.
func newPages(asset func(string) string, base string, texts *words.Tables, languages []string, text func(language, english string) string) (*Pages, error) {
	files, err := fs.Glob(source, "pages/*.html")
	if err != nil {
		return nil, err
	}
	p := &Pages{byName: make(map[string]map[string]func() (*template.Template, error), len(files)), Words: texts}
	for _, file := range files {
		in := make(map[string]func() (*template.Template, error), len(languages))
		for _, language := range languages {
			in[language] = sync.OnceValues(func() (*template.Template, error) {
				functions := functionsIn(language, func(english string) string { return text(language, english) })
				functions["asset"] = func(name string) string { return base + asset(name) }
				functions["path"] = func(p string) string { return base + p }
				// The page comes last: it defines "title" and "main", and anew what the layout has a default for.
				return parseFiles(template.New("").Funcs(functions), base, "layout.html", "parts.html", "admin.html", file)
			})
		}
		p.byName[strings.TrimSuffix(path.Base(file), ".html")] = in
	}
	return p, nil
}

// ownLink is an attribute with a path of the bridge, as templates write it.
var ownLink = regexp.MustCompile(`(\s(?:href|src|action|formaction)=")/`)

func parseFiles(t *template.Template, base string, files ...string) (*template.Template, error) {
	for _, file := range files {
		text, err := source.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if _, err := t.New(file).Parse(ownLink.ReplaceAllString(string(text), "${1}"+base+"/")); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Render writes a page to w in one piece. On an error of the template nothing was written; an error of w is returned as
// it is.
func (p *Pages) Render(w io.Writer, page Page) error {
	language := "en"
	if of, ok := page.(interface{ language() string }); ok {
		language = of.language()
	}
	in, ok := p.byName[page.template()]
	if !ok {
		return fmt.Errorf("there is no page %q", page.template())
	}
	parsed, ok := in[language]
	if !ok {
		parsed = in["en"]
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
