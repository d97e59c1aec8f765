package words_test

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"
)

// What no text may have, by language: marks and spaces that its typography does not have, another person than the polite one, and a
// word for something that has another one on all other pages. Portuguese is that of Brazil.
func TestTextsKeepTheStyleOfTheirLanguage(t *testing.T) {
	everywhere := regexp.MustCompile(`\(s\)|\.\.\.|"|  |\s$|^\s`)
	for language, wrong := range map[string]*regexp.Regexp{
		"de": regexp.MustCompile(`\b([Dd]u|[Dd]ich|[Dd]ein\w*)\b|Knopf|\bSite\b|[^ ]…`),
		"fr": regexp.MustCompile(`[^\x{a0}\x{202f}][:;?!»]( |$)|«[^\x{a0}]|'|(^| )([Tt]u|[Tt]oi|[Tt]on|[Tt]es) |passkey`),
		"es": regexp.MustCompile(`(^| )([Tt]ú|[Tt]us?|[Cc]ontigo|[Vv]osotros) |^[^¿]*\?|passkey`),
		"pt": regexp.MustCompile(`palavra-passe|iniciar sessão|início de sessão|\baceite\b|\b[Ll]igue\b|ecrã|passkey`),
		"ja": regexp.MustCompile(`[?!]|[^ 。]%d|だ。|くり返し|最初のページ`),
	} {
		file, err := os.ReadFile(language + ".json")
		if err != nil {
			t.Fatal(err)
		}
		texts := map[string]string{}
		if err := json.Unmarshal(file, &texts); err != nil {
			t.Fatal(err)
		}
		for english, text := range texts {
			for _, found := range []string{wrong.FindString(text), everywhere.FindString(text)} {
				if found != "" {
					t.Errorf("%s: got %q in %q, for %q", language, found, text, english)
				}
			}
		}
	}
}
