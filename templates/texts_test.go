package templates

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/static"
	"github.com/ssobridge/ssobridge/templates/words"
)

// tables are the texts of each language but English.
func tables(t *testing.T) map[string]map[string]string {
	t.Helper()
	files, err := filepath.Glob("words/*.json")
	if err != nil || len(files) < 5 {
		t.Fatalf("got the files %v, %v", files, err)
	}
	all := map[string]map[string]string{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		texts := map[string]string{}
		if err == nil {
			err = json.Unmarshal(data, &texts)
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = texts
	}
	return all
}

// ours reports whether a page is for people, and not for administrators, who read English.
func ours(page Page) bool {
	return !strings.HasPrefix(page.template(), "admin-") && page.template() != "setup"
}

// pseudo are pages in a language in which each text stands between brackets, and the texts that they asked for.
func pseudo(t *testing.T) (p *Pages, asked map[string]bool) {
	t.Helper()
	texts, err := words.New()
	if err != nil {
		t.Fatal(err)
	}
	asked = map[string]bool{}
	p, err = newPages(static.URL, "", texts, []string{"en", "qps"}, func(_, english string) string {
		asked[english] = true
		return "⟦" + english + "⟧"
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, asked
}

// Every text that a page shows people is one that has a translation: what is left of a page in the pseudo-language, without the
// data of this person, has no letters. A text that somebody writes into a template as it is would be found here.
func TestEveryTextIsTranslated(t *testing.T) {
	p, asked := pseudo(t)
	for _, s := range samples() {
		if !ours(s.page) {
			continue
		}
		page := rewritePaths(s.page, func(path, s string) string {
			switch {
			case strings.HasSuffix(path, ".Layout.Language"):
				return "qps"
			case s == "" || strings.HasSuffix(path, ".Help") || strings.HasSuffix(path, ".Layout.Site"):
				return s
			}
			return "1"
		})
		var b strings.Builder
		if err := p.Render(&b, page); err != nil {
			t.Fatal(err)
		}
		doc := parse(t, b.String())
		if got := attr(find(doc, "html")[0], "lang"); got != "qps" {
			t.Errorf("%s: got the language %q", s.name, got)
		}
		for _, text := range shownTexts(doc) {
			for inner := regexp.MustCompile(`⟦[^⟦⟧]*⟧`); inner.MatchString(text); {
				text = inner.ReplaceAllString(text, "")
			}
			if strings.ContainsFunc(strings.ReplaceAll(strings.ReplaceAll(text, "Acme Reports", ""), "ssobridge", ""), unicode.IsLetter) {
				t.Errorf("%s: %q stands on the page in English only", s.name, strings.Join(strings.Fields(text), " "))
			}
		}
	}
	for _, code := range sso.Codes() {
		r := ReasonOf(code)
		asked[r.Title], asked[r.Help] = true, true
	}
	for language, texts := range tables(t) {
		for text := range asked {
			if _, ok := texts[text]; !ok && text != "1" && strings.ContainsFunc(text, unicode.IsLetter) {
				t.Errorf("%s has no %q", language, text)
			}
		}
	}
}

// shownTexts are what a reader of a page sees or hears.
func shownTexts(doc *html.Node) (all []string) {
	var b strings.Builder
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
		if n.Type == html.ElementNode {
			for _, a := range n.Attr {
				if slices.Contains([]string{"aria-label", "placeholder", "title", "alt"}, a.Key) || n.Data == "script" && strings.HasPrefix(a.Key, "data-") {
					all = append(all, a.Val)
				}
			}
			if slices.Contains([]string{"pre", "time", "code"}, n.Data) || attr(n, "lang") == "en" {
				return // data, or for the person who runs the site
			}
		}
		for c := range n.ChildNodes() {
			walk(c)
		}
		if n.Type == html.ElementNode && slices.Contains([]string{"title", "body"}, n.Data) {
			all = append(all, b.String())
			b.Reset()
		}
	}
	walk(doc)
	return all
}

// The languages have the same texts, each with the same gaps, and none that nothing shows.
func TestTablesOfTexts(t *testing.T) {
	all := tables(t)
	var code strings.Builder
	for _, root := range []string{".", "../server"} {
		err := fs.WalkDir(os.DirFS(root), ".", func(path string, _ fs.DirEntry, err error) error {
			if err != nil || strings.HasSuffix(path, "_test.go") || !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".html") {
				return err
			}
			text, err := os.ReadFile(filepath.Join(root, path))
			code.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	composed := map[string]bool{ // by [Device], and of messages of the table of codes
		"Unknown browser": true, "A Go program": true, "A Node program": true, "E-mail or password is wrong.": true, "Too many attempts; try again later.": true,
	}
	gap := regexp.MustCompile(`%[a-z]`)
	for language, texts := range all {
		for english, text := range texts {
			if strings.TrimSpace(text) != text || text == "" || strings.Join(gap.FindAllString(english, -1), "") != strings.Join(gap.FindAllString(text, -1), "") || strings.Contains(text, "<") {
				t.Errorf("%s: %q is %q: want a text with the same gaps", language, english, text)
			}
			if !composed[english] && !strings.Contains(code.String(), `"`+english+`"`) {
				t.Errorf("%s: nothing shows %q", language, english)
			}
			for other, its := range all {
				if _, ok := its[english]; !ok {
					t.Errorf("%s has no %q", other, english)
				}
			}
		}
	}
}

// A language that is written from right to left turns the page around.
func TestDirection(t *testing.T) {
	for language, want := range map[string]string{"ar": "rtl", "he-IL": "rtl", "de": "ltr", "ja": "ltr", "": "ltr", "arx": "ltr"} {
		if got := words.Direction(language); got != want {
			t.Errorf("%q: got %s, want %s", language, got, want)
		}
	}
	for _, file := range []string{"app.css"} {
		css, err := os.ReadFile(filepath.Join("..", "static", "files", file))
		if err != nil {
			t.Fatal(err)
		}
		if found := regexp.MustCompile(`(?:margin|padding|border)-(?:left|right)|\b(?:left|right):|text-align: (?:left|right)`).FindString(string(css)); found != "" {
			t.Errorf("%s: %s has one side for all languages", file, found)
		}
	}
}
