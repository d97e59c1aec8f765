package templates

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/ssobridge/ssobridge/templates/words"
)

// functionsIn are the functions of templates in a language; text is what an English text is there.
//
//	{{t "Continue with %s" .Name}}        plain text
//	{{say "Hello, %s" .Name}}             HTML, in which a name of any script and direction stands for itself
//	{{at .MadeAt}}                        when something is or was
//	{{ago .LastUsed .Now}}                how long ago it was, with the exact time for whoever asks (see [clock])
func functionsIn(language string, text func(english string) string) template.FuncMap {
	t := func(english string, args ...any) string {
		if len(args) == 0 {
			return text(english)
		}
		return fmt.Sprintf(text(english), args...)
	}
	clock := clock{language, t}
	return template.FuncMap{
		"lang": func() string { return language },
		"dir":  func() string { return words.Direction(language) },
		"t":    t,
		"say": func(english string, args ...any) template.HTML {
			for i, arg := range args {
				if _, ready := arg.(template.HTML); !ready {
					args[i] = "<bdi>" + template.HTMLEscapeString(fmt.Sprint(arg)) + "</bdi>"
				}
			}
			return template.HTML(fmt.Sprintf(template.HTMLEscapeString(text(english)), args...)) //nolint:gosec // G203: escaped
		},
		"at": clock.at, "atSecond": clock.atSecond,
		"ago": clock.ago, "agoAt": clock.agoAt,
		"device": func(english string) string {
			browser, system, both := strings.Cut(english, " on ")
			if !both {
				return t(english)
			}
			return t("%s on %s", t(browser), system)
		},
		"number": number,
	}
}
