package sso_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/ssobridge/ssobridge/sso"
)

// SECURITY E1: one mailbox, one spelling.
func TestCheckEmail(t *testing.T) {
	for _, good := range []string{"a@b", "Ann.Lee+x@example.com", "o'brien@example.com", "ü@example.com", "a@münchen.example", "用户@example.com"} {
		if err := sso.CheckEmail(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "a", "@b", "a@", "a@evil.example@good.example", "a b@c.d", "a@c.d ", "a@c.d\n", "a\x00@c.d", "a,b@c.d", "a<b>@c.d", `"a b"@c.d`,
		"\u212Aim@c.d", "\u017Fam@c.d", "a\u200b@c.d", "u\u0308@c.d", "\u202ea@c.d", "a\ufffd@c.d", "a\xff@c.d", "a\u00a0b@c.d",
		strings.Repeat("a", 251) + "@b.c",
	} {
		if err := sso.CheckEmail(bad); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
	if a, b := sso.EmailKey("ANN@Example.COM"), sso.EmailKey("ann@example.com"); a != b {
		t.Errorf("got %q and %q, want one key", a, b)
	}
}

// everyRune calls f with each character that text in UTF-8 can have.
func everyRune(f func(r rune)) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if utf8.ValidRune(r) {
			f(r)
		}
	}
}

func asciiOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII {
			return -1
		}
		return r
	}, s)
}

// SECURITY E10: whatever text comes, accepted or not, its key has an ASCII character only where the text has one, so that
// no letter of another alphabet makes one mailbox of two.
func TestEmailKeyMakesNoASCII(t *testing.T) {
	everyRune(func(r rune) {
		email := "v" + string(r) + "ctim@example.com"
		if got, want := asciiOf(sso.EmailKey(email)), strings.ToLower(asciiOf(email)); got != want {
			t.Errorf("%U: got the key %q, want %q of its ASCII characters", r, got, want)
		}
	})
}

// SECURITY E10: no accepted address has a character outside ASCII that another program could read as an ASCII one,
// whichever way it compares text.
func TestNoLetterPassesForASCII(t *testing.T) {
	ways := map[string]func(string) string{
		"lower case": strings.ToLower, "upper case": strings.ToUpper, "title case": strings.ToTitle,
		"lower of upper case": func(s string) string { return strings.ToLower(strings.ToUpper(s)) },
		"folded": func(s string) string {
			r, _ := utf8.DecodeRuneInString(s)
			least := r
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				least = min(least, f)
			}
			return string(least)
		},
		"NFKC": norm.NFKC.String, "NFC": norm.NFC.String,
		"NFKC of lower case": func(s string) string { return norm.NFKC.String(strings.ToLower(s)) },
		"NFKC of upper case": func(s string) string { return norm.NFKC.String(strings.ToUpper(s)) },
	}
	everyRune(func(r rune) {
		if r <= unicode.MaxASCII || sso.CheckEmail("v"+string(r)+"ctim@example.com") != nil {
			return
		}
		for name, way := range ways {
			if got := asciiOf(way(string(r))); got != "" {
				t.Errorf("%U is accepted, and its %s has %q", r, name, got)
			}
		}
	})
}
