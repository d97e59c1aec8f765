// Package strength estimates how hard a text is to guess, as zxcvbn does (Wheeler, "zxcvbn: Low-Budget Password Strength
// Estimation", USENIX Security 2016): by the words, names, common passwords, keyboard rows, sequences and dates in it. The
// lists, the keyboards and the scores are those of the library zxcvbn-go. What looks for them in a text is ours: the library's
// package for it reads all lists before any program begins, and takes seconds for some texts. Copies of what stood in the text
// before are found besides.
package strength

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go/scoring"
)

// How many characters of a text count, and how many of those that are left once copies are out of it: the work grows
// with more than the square of these. What follows can only make a text harder to guess.
const (
	looked = 512
	judged = 64
)

// Bits estimates how many bits an attacker must guess who knows dictionaries, names, common passwords, keyboards, and the
// given words.
func Bits(text string, words ...string) float64 {
	var known []string
	for _, w := range slices.Concat(words, rows()) {
		known = append(known, strings.ToLower(letters(w)))
	}
	text = letters(text)
	rest, copies := withoutCopies(text)
	least := copies + guessed(rest[:min(len(rest), judged)], known)
	if rest != text && len(text) <= judged { // what looks like a copy may be a date
		least = min(least, guessed(text, known))
	}
	return least
}

// guessed is how many bits a text is worth that is short. The signs in it are read as letters or as keys, not both.
func guessed(text string, known []string) float64 {
	words := dictionary(append([]string{text}, readings(text)...), append([][]string{known}, lists()...))
	both := slices.Concat(repeats(text), sequences(text), dates(text))
	typed := scoring.MinimumEntropyMatchSequence(text, slices.Concat(words[0], spatial(text), both))
	read := scoring.MinimumEntropyMatchSequence(text, append(slices.Concat(words...), both...))
	return min(typed.Entropy, read.Entropy)
}

// letters are the first characters that count, one byte each, as the scores take bytes for characters. A character outside
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

// rows are those of German and French keyboards, of which the library has no graph.
func rows() []string {
	return []string{"qwertzuiopü", "asdfghjklöä", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn"}
}

// readings are the text with letters in place of the digits and signs that stand for them. A 1 is read as i or as l, a 7 as
// l or as t. Every combination would be exact, and for some texts take seconds.
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
