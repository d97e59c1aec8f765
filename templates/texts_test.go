package templates

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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
				if slices.Contains([]string{"aria-label", "placeholder", "title", "alt"}, a.Key) && n.Data != "time" || n.Data == "script" && strings.HasPrefix(a.Key, "data-") {
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
	for _, root := range []string{".", "../server", "../sso/password"} {
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
			reason := strings.ToLower(english[:1]) + strings.TrimSuffix(english[1:], ".") // from which a page makes a sentence
			if !composed[english] && !strings.Contains(code.String(), `"`+english+`"`) && !strings.Contains(code.String(), `Fault{"`+reason+`"`) {
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

// english are sentences in the code of pages that only the person who runs the site meets, or that no page shows.
var english = map[string]bool{
	"The end of the link that the bridge wrote to its log, or the whole link.": true, // at the set-up
}

// Each sentence that stands in the code behind the pages that people meet has a translation. So has each reason why a password
// may not be chosen, though it has gaps.
func TestEverySentenceIsTranslated(t *testing.T) {
	sentence := regexp.MustCompile(`^[A-Z“][^ ]*[ ,].*[.?!]$`)
	all, found := tables(t), 0
	for _, folder := range []string{".", "../server", "../server/local", "../server/web", "../server/gate", "../sso/password"} {
		files, err := filepath.Glob(folder + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: got %v, %v", folder, files, err)
		}
		for _, file := range files {
			if name := filepath.Base(file); strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "admin") || strings.HasPrefix(name, "setup") {
				continue // for administrators, who read English
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				if made, ok := n.(*ast.CompositeLit); ok && fmt.Sprint(made.Type) == "Fault" && len(made.Elts) > 0 {
					if literal, ok := made.Elts[0].(*ast.BasicLit); ok {
						reason, err := strconv.Unquote(literal.Value)
						if err != nil {
							t.Fatal(err)
						}
						literal.Value = strconv.Quote(strings.ToUpper(reason[:1]) + reason[1:] + ".")
					}
				}
				literal, ok := n.(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(literal.Value)
				if err != nil || !sentence.MatchString(text) || english[text] {
					return true
				}
				found++
				for language, texts := range all {
					if texts[text] == "" {
						t.Errorf("%s: %s has no %q", file, language, text)
					}
				}
				return true
			})
		}
	}
	if found < 45 {
		t.Errorf("got %d sentences", found)
	}
}

// Each code has a row of its own for the page that a person meets: without one the page says that something went wrong, and nothing
// that the person can do.
func TestEachCodeHasAReason(t *testing.T) {
	none := ReasonOf(sso.Internal)
	for _, code := range sso.Codes() {
		if code != sso.Internal && ReasonOf(code) == none {
			t.Errorf("%s has no row in reasons.go", code)
		}
	}
}

// A passkey whose name the program made is named in the language of the page, as devices are; one that a person named is as they wrote it.
func TestNamesOfPasskeysInTheReadersLanguage(t *testing.T) {
	tables, err := words.New()
	if err != nil {
		t.Fatal(err)
	}
	named := functionsIn("de", func(english string) string { return tables.Text("de", english) })["passkeyName"].(func(string) string)
	for name, want := range map[string]string{
		"Chrome on Windows": "Chrome auf Windows", "Chrome on Windows 2": "Chrome auf Windows 2", "Unknown browser on Linux": "Unbekannter Browser auf Linux",
		"Laptop on my desk": "Laptop on my desk", "Chrome on the shelf": "Chrome on the shelf", "1Password": "1Password", "": "",
	} {
		if got := named(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
