package groupsource

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
)

// A Template is a text with placeholders such as {user}. The zero Template is the empty text.
type Template struct {
	parts []part
}

// A part is a text, or the name of a placeholder.
type part struct{ text, name string }

// ParseTemplate reads a text in which each {…} is one of the known placeholders. There is no way to write a brace otherwise.
func ParseTemplate(text string, known ...string) (t Template, err error) {
	for rest := text; rest != ""; {
		open := strings.IndexAny(rest, "{}")
		if open < 0 {
			open = len(rest)
		}
		if open > 0 {
			t.parts = append(t.parts, part{text: rest[:open]})
		}
		if rest = rest[open:]; rest == "" {
			break
		}
		end := strings.IndexByte(rest, '}')
		if rest[0] == '}' || end < 0 {
			return Template{}, errors.New("has a brace without its other one: write placeholders as {user}")
		}
		name := rest[1:end]
		if !slices.Contains(known, name) {
			return Template{}, fmt.Errorf("has the placeholder {%s}, which is unknown here: {%s} can be used", sso.Shorten(name, 50), strings.Join(known, "}, {"))
		}
		t.parts = append(t.parts, part{name: name})
		rest = rest[end+1:]
	}
	return t, nil
}

// Has reports whether a placeholder occurs.
func (t Template) Has(name string) bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return p.name == name })
}

// Fill puts values, each through escape, in the place of the placeholders. ok is false where a value is empty: it would ask for
// everybody, or for nobody.
func (t Template) Fill(values map[string]string, escape func(string) string) (text string, ok bool) {
	var b strings.Builder
	for _, p := range t.parts {
		switch value := values[p.name]; {
		case p.name == "":
			b.WriteString(p.text)
		case value == "":
			return "", false
		default:
			b.WriteString(escape(value))
		}
	}
	return b.String(), true
}
