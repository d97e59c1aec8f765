// Package strength estimates how hard a text is to guess, in the manner of zxcvbn (Wheeler, "zxcvbn: Low-Budget Password
// Strength Estimation", USENIX Security 2016): it finds the words, names, common passwords, keyboard rows, sequences, dates
// and repetitions in a text, and the cheapest way to put it together from them and from single characters.
//
// It is our own because the libraries that do this build their dictionaries as the program starts, 20 to 46 ms and 7 to
// 10 MB of each start. This one searches sorted text where it lies in the program file. Its tests hold it against one of
// them.
package strength

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// judged is how many characters of a text count: the time grows with their square.
const judged = 1024

// Bits estimates how many bits an attacker must guess who knows dictionaries, names, common passwords, keyboards, and the
// given words. It is a bound from above only as far as the patterns of this package go.
func Bits(text string, words ...string) float64 {
	t := newText(text)
	t.findWords(words)
	t.findCopies()
	t.findSequences()
	for _, k := range keyboards {
		t.findWalks(k)
	}
	t.findDates()
	t.findEnd()
	return t.cheapest()
}

// A text and what was found in it.
type text struct {
	runes, lower []rune
	each         float64   // the bits of a character that belongs to nothing
	found        [][]guess // by where they end
}

// A guess is a way to guess the characters from a place on.
type guess struct {
	from int
	bits float64
}

func newText(s string) *text {
	runes := []rune(s)
	if !utf8.ValidString(s) { // a key as bytes; U+FFFD for each would look like a repetition
		runes = runes[:0]
		for _, b := range []byte(s) {
			runes = append(runes, rune(b))
		}
	}
	runes = runes[:min(len(runes), judged)]
	t := &text{runes: runes, lower: make([]rune, len(runes)), found: make([][]guess, len(runes)+1)}
	for i, r := range runes {
		t.lower[i] = unicode.ToLower(r)
	}
	t.each = math.Log2(alphabet(runes))
	return t
}

// add notes that the characters from and before to can be guessed at the cost of bits.
func (t *text) add(from, to int, bits float64) {
	t.found[to] = append(t.found[to], guess{from, bits})
}

// cheapest is the least sum of bits over the ways to put the text together.
func (t *text) cheapest() float64 {
	best := make([]float64, len(t.runes)+1)
	for i := range t.runes {
		each := t.each
		switch {
		case !isDigit(t.runes[i]):
		case i > 0 && isDigit(t.runes[i-1]):
			each = min(each, math.Log2(10)) // a number goes on
		default:
			each = min(each, math.Log2(10)+1)
		}
		best[i+1] = best[i] + each
		for _, g := range t.found[i+1] {
			best[i+1] = min(best[i+1], best[g.from]+g.bits)
		}
	}
	return best[len(t.runes)]
}

// alphabet is how many characters someone must try at each place who has seen which kinds occur.
func alphabet(runes []rune) float64 {
	const hexadecimal = "0123456789abcdef"
	text := string(runes)
	if strings.Trim(text, hexadecimal) == "" || strings.Trim(text, strings.ToUpper(hexadecimal)) == "" {
		return 16
	}
	size := 0.0
	for _, kind := range []struct {
		is   func(rune) bool
		size float64
	}{
		{func(r rune) bool { return r >= 'a' && r <= 'z' }, 26},
		{func(r rune) bool { return r >= 'A' && r <= 'Z' }, 26},
		{isDigit, 10},
		{func(r rune) bool { return r < utf8.RuneSelf && !isDigit(r) && !unicode.IsLetter(r) }, 33},
		{func(r rune) bool { return r >= utf8.RuneSelf }, 100},
	} {
		if strings.ContainsFunc(text, kind.is) {
			size += kind.size
		}
	}
	return size
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

// choices is the bits of choosing between 1 and least(a, b) of a+b places.
func choices(a, b int) float64 {
	sum, binomial := 0.0, 1.0
	for k := 1; k <= min(a, b); k++ {
		binomial *= float64(a+b-k+1) / float64(k)
		sum += binomial
	}
	return math.Log2(max(1, sum))
}
