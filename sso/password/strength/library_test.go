package strength_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ccojocar/zxcvbn-go"

	"github.com/ssobridge/ssobridge/sso/password/strength"
)

// TestBesideLibrary holds the estimates against those of zxcvbn-go: what people make up is never judged clearly better than
// there, and what is random passes the measures of its users ([token.CheckSecret], [password.Check]) better than there.
func TestBesideLibrary(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // G404: the same texts each time
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	word := func() string {
		return pick("summer", "dragon", "Monday", "london", "elizabeth", "Johnson", "monkey", "football", "letmein", "company",
			"welcome", "Purple", "garden", "liverpool", "P@ssw0rd", "s3cret", "drowssap", "CHOCOLATE", "tr0ub4dor", "iloveyou")
	}
	bytes := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	number := func() string { return fmt.Sprint(random.IntN(10000)) }
	const times = 150
	for _, kind := range []struct {
		name string
		make func() string
		more float64 // how many bits more than the library's are allowed
	}{
		{"words", func() string { return word() + word() + word() }, 5},
		{"words apart", func() string { return word() + "-" + word() + "-" + word() + "-" + word() }, 5},
		{"words and a year", func() string { return word() + word() + pick("1987", "2024", "2001") + pick("", "!", "!!") }, 6},
		{"a word and a number", func() string { return word() + word() + number() + pick("!", "?", "") }, 11},
		{"a date", func() string { return word() + pick("12/05/1987", "1.5.2024", "2024-01-31", "19870512") }, 3},
		{"the keyboard", func() string { return pick("qwertyuiop", "asdfghjkl", "1qaz2wsx", "zxcvbnm") + number() + word() }, 9},
		{"repeated", func() string { return strings.Repeat(word(), 3) + "1" }, 10},
		{"letters repeated", func() string { return strings.Repeat(pick("a", "x", "7"), 12) + word() }, 6},
	} {
		for range times {
			text := kind.make()
			if got, library := strength.Bits(text, "Ada"), zxcvbn.PasswordStrength(text, []string{"ada"}).Entropy; got > library+kind.more {
				t.Errorf("%s: %q: got %.1f bits, the library says %.1f", kind.name, text, got, library)
			}
		}
	}
	for _, kind := range []struct {
		name  string
		make  func() string
		least float64
	}{
		{"128 bits, hexadecimal", func() string { return hex.EncodeToString(bytes(16)) }, 80},
		{"256 bits, hexadecimal", func() string { return hex.EncodeToString(bytes(32)) }, 160},
		{"192 bits, base64", func() string { return base64.StdEncoding.EncodeToString(bytes(24)) }, 115},
		{"256 bits", func() string { return string(bytes(32)) }, 200},
	} {
		for range times {
			if text := kind.make(); strength.Bits(text) < kind.least {
				t.Errorf("%s: %q: got %.1f bits, want at least %.0f", kind.name, text, strength.Bits(text), kind.least)
			}
		}
	}
}
