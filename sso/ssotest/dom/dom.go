// Package dom asks an HTML page what a browser would find in it, by CSS selectors. A test that looks for a piece of the text of
// a page instead depends on the order of attributes and on how a template breaks its lines.
package dom

import (
	"strings"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"
)

// Has reports whether an element of a page matches a selector, such as `input[name="return_to"][value="/a"]`. It panics for
// a selector that cannot be read.
func Has(page, selector string) bool { return Attr(page, selector, "") != nil }

// Attr returns an attribute of each element that matches, in the order of the page; "" for an element without it.
func Attr(page, selector, name string) []string {
	var values []string
	for _, n := range find(page, selector) {
		value := ""
		for _, a := range n.Attr {
			if a.Key == name {
				value = a.Val
			}
		}
		values = append(values, value)
	}
	return values
}

// Text returns the text of each element that matches, in the order of the page, with single spaces in it and none around it.
func Text(page, selector string) []string {
	var texts []string
	for _, n := range find(page, selector) {
		var b strings.Builder
		for d := range n.Descendants() {
			if d.Type == html.TextNode {
				b.WriteString(d.Data)
			}
		}
		texts = append(texts, strings.Join(strings.Fields(b.String()), " "))
	}
	return texts
}

func find(page, selector string) []*html.Node {
	doc, err := html.Parse(strings.NewReader(page)) // which fails only when reading does
	if err != nil {
		panic(err)
	}
	return cascadia.QueryAll(doc, cascadia.MustCompile(selector))
}
