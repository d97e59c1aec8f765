// Package strength estimates how hard a text is to guess: by the library zxcvbn-go (Wheeler, "zxcvbn: Low-Budget Password
// Strength Estimation", USENIX Security 2016), which finds words, names, common passwords, keyboard rows, sequences and
// dates. What is here keeps its work within bounds, and finds what it does not: copies of what stood in the text before.
package strength

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go/frequency"
	"github.com/ccojocar/zxcvbn-go/match"
	"github.com/ccojocar/zxcvbn-go/matching"
	"github.com/ccojocar/zxcvbn-go/scoring"
)

// How many characters of a text count, and how many of those that are left once copies are out of it: the library's work
// grows with more than the square of these. What follows can only make a text harder to guess.
const (
	looked = 512
	judged = 64
)

// Bits estimates how many bits an attacker must guess who knows dictionaries, names, common passwords, keyboards, and the
// given words.
func Bits(text string, words ...string) float64 {
	text, copies := withoutCopies(letters(text))
	text = text[:min(len(text), judged)]
	known := []string{}
	for _, w := range append(words[:len(words):len(words)], rows()...) {
		known = append(known, letters(w))
	}
	plain := matching.Omnimatch(text, known, matching.FilterL33tMatcher)
	signs := slices.DeleteFunc(slices.Clone(plain), func(m match.Match) bool { return m.Pattern == "spatial" })
	for _, read := range readings(text) {
		signs = append(signs, matching.Omnimatch(read, known, onlyWords)...)
	}
	return copies + min(scoring.MinimumEntropyMatchSequence(text, plain).Entropy, scoring.MinimumEntropyMatchSequence(text, signs).Entropy)
}

// onlyWords has the library look for the words of its lists and for nothing else.
func onlyWords(m match.Matcher) (skip bool) {
	_, list := frequency.Lists[m.ID]
	return !list
}

// letters are the first characters that count, one byte each, as the library takes bytes for characters. A character outside
// ASCII becomes a letter: the same one the same, the next one the next.
func letters(text string) string {
	var b strings.Builder
	add := func(r rune) {
		if r >= utf8.RuneSelf {
			r = 'a' + r%26
		}
		b.WriteByte(byte(r))
	}
	for i, r := range text {
		if b.Len() == looked {
			break
		}
		if r == utf8.RuneError { // a key as bytes: U+FFFD for each would look like a repetition
			r = rune(text[i])
		}
		add(r)
	}
	return b.String()
}

// shortestCopy is how many characters must stand in the text before to be a copy. In 64 random hexadecimal digits four
// the same come again in one of 30.
const shortestCopy = 4

// withoutCopies is a text without what it repeats of itself, and the bits of saying what that is, and how long.
func withoutCopies(text string) (rest string, bits float64) {
	var b strings.Builder
	for at := 0; at < len(text); {
		longest := 0
		for from := range at {
			n := 0
			for at+n < len(text) && text[from+n] == text[at+n] {
				n++
			}
			longest = max(longest, n)
		}
		if longest < shortestCopy {
			b.WriteByte(text[at])
			at++
			continue
		}
		bits += math.Log2(float64(at)) + math.Log2(float64(longest))
		at += longest
	}
	return b.String(), bits
}

// rows are those of German and French keyboards, of which the library does not know.
func rows() []string {
	return []string{"qwertzuiopü", "asdfghjklöä", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn"}
}

// readings are the text with letters in place of the digits and signs that stand for them. A 1 is read as i or as l, a 7 as
// l or as t. The library's own search replaces them in every combination: that is slow, and for some texts it takes seconds.
func readings(text string) (all []string) {
	for _, one := range []string{"i", "l"} {
		for _, seven := range []string{"t", "l"} {
			read := strings.NewReplacer("1", one, "|", one, "!", "i", "7", seven, "+", "t", "4", "a", "@", "a", "8", "b",
				"(", "c", "{", "c", "[", "c", "<", "c", "3", "e", "6", "g", "9", "g", "0", "o", "$", "s", "5", "s", "%", "x", "2", "z").Replace(text)
			if read != text && !slices.Contains(all, read) {
				all = append(all, read)
			}
		}
	}
	return all
}
