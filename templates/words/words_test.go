package words_test

import (
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/templates/words"
)

// What browsers send, and what nobody should.
func TestMatch(t *testing.T) {
	tables, err := words.New()
	if err != nil {
		t.Fatal(err)
	}
	for accept, want := range map[string]string{
		"": "en", "de": "de", "de-CH,de;q=0.9,en;q=0.8": "de", "fr-CA": "fr", "es-419,es;q=0.9": "es", "pt-BR,pt;q=0.9,en-US;q=0.8": "pt", "ja,en-US;q=0.7": "ja",
		"en-GB,de;q=0.9": "en", "zh-CN": "en", "zh-CN,fr;q=0.5": "fr", "*": "en", "de;q=0": "en", "tlh, de;q=0.1": "de", "DE": "de",
		"\x00": "en", "<script>": "en", "de;q=x": "en", "../../etc": "en", strings.Repeat("de,", 4000): "en", "de," + strings.Repeat("a-", 5000): "en",
	} {
		if got := tables.Match(accept); got != want {
			t.Errorf("%.40q: got %s, want %s", accept, got, want)
		}
	}
	if got := strings.Join(tables.Languages(), " "); got != "en de es fr ja pt" {
		t.Errorf("got the languages %s", got)
	}
}

func TestText(t *testing.T) {
	tables, err := words.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range [][3]string{{"de", "Sign in", "Anmelden"}, {"en", "Sign in", "Sign in"}, {"de", "no such text", "no such text"}, {"xx", "Sign in", "Sign in"}} {
		if got := tables.Text(tt[0], tt[1]); got != tt[2] {
			t.Errorf("%s %q: got %q, want %q", tt[0], tt[1], got, tt[2])
		}
	}
}
