package templates

import (
	"fmt"
	"html/template"
	"slices"
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
		"device": func(english string) string { return deviceIn(t, english) },
		"passkeyName": func(name string) string {
			if browser, system, both := strings.Cut(name, " on "); !both || !known(browser) && browser != "Unknown browser" || !known(strings.TrimRight(system, " 0123456789")) {
				return name // what a person wrote
			}
			return deviceIn(t, name)
		},
		"number": number,
	}
}

// deviceIn is a name of [Device] in the language of t.
func deviceIn(t func(string, ...any) string, english string) string {
	browser, system, both := strings.Cut(english, " on ")
	if !both {
		return t(english)
	}
	return t("%s on %s", t(browser), system)
}

// known reports whether [Device] may call a browser or a system so.
func known(name string) bool { return slices.Contains(Devices(), name) }
