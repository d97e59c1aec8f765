package admin_test

import (
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// formOf reads the first form of a page's main part, as a browser would send it without pressing a named button.
func formOf(t *testing.T, body string) url.Values {
	t.Helper()
	return formTo(t, body, "")
}

// formTo is the first form that posts to a path, "" for the first of all.
func formTo(t *testing.T, body, path string) url.Values {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	form := first(first(doc, "main"), "form")
	for n := range doc.Descendants() {
		if to, _ := attribute(n, "action"); n.Data == "form" && path != "" && to == path {
			form = n
			break
		}
	}
	if form == nil {
		t.Fatalf("no form in %.500s", body)
	}
	return valuesOf(form)
}

func valuesOf(form *html.Node) url.Values {
	values := url.Values{}
	for n := range form.Descendants() {
		name, ok := attribute(n, "name")
		if n.Type != html.ElementNode || !ok {
			continue
		}
		kind, _ := attribute(n, "type")
		value, _ := attribute(n, "value")
		_, checked := attribute(n, "checked")
		switch {
		case n.Data == "input" && (kind == "radio" || kind == "checkbox") && !checked:
		case n.Data == "input":
			values.Set(name, value)
		case n.Data == "textarea":
			values.Set(name, textOf(n))
		case n.Data == "select":
			values.Set(name, chosen(n))
		}
	}
	return values
}

// formWith is the form that has a field of that name.
func formWith(t *testing.T, body, field string) url.Values {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "form" {
			if values := valuesOf(n); values.Has(field) {
				return values
			}
		}
	}
	t.Fatalf("no form with %s", field)
	return nil
}

func first(n *html.Node, element string) *html.Node {
	if n == nil {
		return nil
	}
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && d.Data == element {
			return d
		}
	}
	return nil
}

func attribute(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

func chosen(n *html.Node) string {
	value, any := "", false
	for d := range n.Descendants() {
		if d.Data != "option" {
			continue
		}
		_, selected := attribute(d, "selected")
		if v, _ := attribute(d, "value"); selected || !any {
			value, any = v, true
		}
	}
	return value
}

// linkOf is where the link of that text leads.
func linkOf(t *testing.T, body, text string) string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "a" && strings.TrimSpace(textOf(n)) == text {
			to, _ := attribute(n, "href")
			return to
		}
	}
	t.Fatalf("no link %q", text)
	return ""
}
