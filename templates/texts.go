package templates

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/templates/words"
)

// functionsIn are the functions of templates in a language; text is what an English text is there.
//
//	{{t "Continue with %s" .Name}}        plain text
//	{{say "Hello, %s" .Name}}             HTML, in which a name of any script and direction stands for itself
func functionsIn(language string, text func(english string) string) template.FuncMap {
	t := func(english string, args ...any) string {
		if len(args) == 0 {
			return text(english)
		}
		return fmt.Sprintf(text(english), args...)
	}
	return template.FuncMap{
		"lang": func() string { return language },
		"dir":  func() string { return words.Direction(language) },
		"t":    t,
		"say": func(english string, args ...any) template.HTML {
			for i, arg := range args {
				args[i] = "<bdi>" + template.HTMLEscapeString(fmt.Sprint(arg)) + "</bdi>"
			}
			return template.HTML(fmt.Sprintf(template.HTMLEscapeString(text(english)), args...)) //nolint:gosec // G203: escaped
		},
		"ago": func(at, now time.Time) string {
			n, english := since(at, now)
			if n == 0 {
				return t(english)
			}
			return t(english, n)
		},
		"device": func(english string) string {
			browser, system, both := strings.Cut(english, " on ")
			if !both {
				return t(english)
			}
			return t("%s on %s", t(browser), system)
		},
		"moment": func(at time.Time) string {
			if language == "en" {
				return moment(at)
			}
			return at.UTC().Format("2006-01-02 15:04 UTC") // the script writes it as the reader does
		},
		"iso":    iso,
		"number": number,
	}
}
