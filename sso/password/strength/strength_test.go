package strength_test

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso/password/strength"
)

func TestBits(t *testing.T) {
	random := hex.EncodeToString([]byte(rand.Text()))[:40]
	for _, test := range []struct {
		name, text  string
		least, most float64
	}{
		{"empty", "", 0, 0},
		{"one letter", "a", 0, 10},
		{"one letter often", strings.Repeat("a", 1024), 0, 15},
		{"a word often", strings.Repeat("deadbeef", 8), 0, 40},
		{"a word often, cut", strings.Repeat("change-me-", 4)[:39], 0, 40},
		{"keyboard", "qwertyuiopasdfghjklzxcvbnm", 0, 40},
		{"digits", strings.Repeat("1234567890", 4), 0, 40},
		{"user's own words", "ada-lovelace", 0, 20},
		{"not UTF-8", strings.Repeat("\xff\xfe\xfa", 20), 0, 60},
		{"keyboard, up and down", "1q2w3e4r5t6y7u8i9o0p", 0, 36},
		{"keyboard, column by column", "1qaz2wsx3edc4rfv", 0, 36},
		{"German keyboard", "qwertzuiopüasdfghjklöä", 0, 30},
		{"French keyboard", "azertyuiopqsdfghjklm", 0, 30},
		{"keypad", "7896541237894561230", 0, 36},
		{"alphabet", "abcdefghijklmnopqrstuvwxyz", 0, 10},
		{"alphabet backwards", "zyxwvutsrqponmlkjihgfedcba", 0, 11},
		{"signs for letters", "p@55w0rdp@55w0rd", 0, 20},
		{"signs for letters, the other way", "e1izabe7h!", 0, 20},
		{"backwards", "drowssapneerg", 0, 28},
		{"capitals", "PaSsWoRdPASSWORDPassword", 0, 25},
		{"dates", "12.05.1987-1987/05/12", 0, 55},
		{"two-digit years", "120587 310124", 0, 45},
		{"a year", "Lovelace1987!", 0, 15},
		{"a company and a year", "CompanyName2026!!", 0, 41},
		{"a month and a year", "September-2026-!", 0, 36},
		{"signs at the end", "Password!!!!!!!!", 0, 12},
		{"letters of another alphabet", "абвгдежзийклмнопрст", 0, 20},
		{"one letter of another alphabet", strings.Repeat("é", 40), 0, 20},
		{"words of another alphabet", "пятнадцать странных слов", 60, 200},
		{"copied", "kX9#vQkX9#vQkX9#vQkX9#vQ", 0, 50},
		{"bytes", "\xd7\x55\xe6\xb7\xcc\x66\x39\x2e\x69\x46\x2e\xa4\x36\xf0\xe9\xf5", 90, 200},
		{"random", random, 60, 1000},
		{"random after a weak start", strings.Repeat("a", 60) + random, 60, 1000},
		{"random before a weak end", random + strings.Repeat("a", 60), 60, 1000},
	} {
		if got := strength.Bits(test.text, "Ada", "Lovelace"); got < test.least || got > test.most {
			t.Errorf("%s (%q): got %.0f bits, want %.0f to %.0f", test.name, test.text, got, test.least, test.most)
		}
	}
}

func TestWordsAreNotChanged(t *testing.T) {
	words := []string{"Ada"}
	strength.Bits("x", words...)
	if diff := cmp.Diff([]string{"Ada"}, words); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
}

func FuzzBits(f *testing.F) {
	f.Add("correct horse battery staple", "horse")
	f.Add("\xff\x00é4@$", "")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, text, word string) {
		if got := strength.Bits(text, word); got < 0 {
			t.Errorf("%q: got %f bits", text, got)
		}
	})
}

// A long text costs no more than a short one: what counts is bounded, and the signs that stand for letters, which the
// library would try in all combinations, are few.
//
// SECURITY L7
func TestBitsAreBounded(t *testing.T) {
	signs := "4@8({[<369!1|0$5+7%2"
	for _, hostile := range []string{signs, "1|!7+l", "19870512", "qazwsxedc", "a", "é", "\xff", "1.1.00-"} {
		cost := func(times int) time.Duration {
			least := time.Hour
			for range 3 {
				begun := time.Now()
				strength.Bits(strings.Repeat(hostile, times), "Ada")
				least = min(least, time.Since(begun))
			}
			return least
		}
		if once, twice := cost(100), cost(5000); twice > 3*once+50*time.Millisecond {
			t.Errorf("%q: got %v for 100 times, %v for 5,000", hostile, once, twice)
		}
	}
	random := hex.EncodeToString([]byte(rand.Text() + rand.Text() + rand.Text()))
	if long := strength.Bits(random + strings.Repeat("x", 40<<10)); long < strength.Bits(random[:64]) {
		t.Errorf("a long end makes it weaker: got %.0f bits", long)
	}
}
