// Package words has the texts of the pages that people meet, in their languages. English is in the templates and in the code; each
// other language is a file beside this one, of pairs of an English text and what it is there. A text that has no pair stays English.
package words

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

//go:embed *.json
var files embed.FS

// maxHeader bounds the Accept-Language that is read, in bytes. Browsers send some ten languages at most.
const maxHeader = 500

// Tables are the languages, each read when it is first needed. Make one with [New]; it is safe for concurrent use.
type Tables struct {
	names   []string // English first
	matcher language.Matcher
	texts   map[string]func() map[string]string
}

// New finds the languages.
func New() (*Tables, error) {
	found, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	t := &Tables{names: []string{"en"}, texts: map[string]func() map[string]string{}}
	for _, f := range found {
		name := strings.TrimSuffix(f.Name(), path.Ext(f.Name()))
		t.names = append(t.names, name)
		t.texts[name] = sync.OnceValue(func() map[string]string {
			texts, _ := read(f.Name()) // a test reads each
			return texts
		})
	}
	var tags []language.Tag
	for _, name := range t.names {
		tag, err := language.Parse(name)
		if err != nil {
			return nil, fmt.Errorf("%s.json: %w", name, err)
		}
		tags = append(tags, tag)
	}
	t.matcher = language.NewMatcher(tags)
	return t, nil
}

func read(file string) (texts map[string]string, err error) {
	data, err := files.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return texts, json.Unmarshal(data, &texts)
}

// Languages are the names of all languages, English first.
func (t *Tables) Languages() []string { return slices.Clone(t.names) }

// Match is the language that serves a reader best, by the header Accept-Language of the browser (RFC 9110 §12.5.4). One that
// cannot be read, or is longer than any browser's, asks for none.
func (t *Tables) Match(accept string) string {
	if len(accept) > maxHeader {
		return "en"
	}
	wanted, _, err := language.ParseAcceptLanguage(accept)
	if err != nil {
		return "en"
	}
	_, i, sure := t.matcher.Match(wanted...)
	if sure == language.No {
		return "en"
	}
	return t.names[i]
}

// Text is an English text in a language.
func (t *Tables) Text(name, english string) string {
	if of := t.texts[name]; of != nil {
		if text, ok := of()[english]; ok {
			return text
		}
	}
	return english
}

// Direction is the one in which a language is written, as the attribute dir of HTML says it.
func Direction(name string) string {
	switch base, _, _ := strings.Cut(name, "-"); base {
	case "ar", "fa", "he", "ur":
		return "rtl"
	}
	return "ltr"
}
