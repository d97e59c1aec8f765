// Package search finds people by words. A person has words, and a search has terms: it finds who has, for each term, a word
// that begins with it. Both are folded, so that case, accents and forms of one letter make no difference.
package search

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
)

const (
	maxWord  = 100 // bytes; of what is longer, words and terms keep the beginning
	maxTerms = 8   // more than names and an e-mail have
)

// Words returns the words by which a search finds an account, sorted: each part of its names and of its e-mail, with
// what follows it there, so that "len" and "lenaa" both find Anna-Lena A. A word that another one begins with is left
// out. What a name or an address can hold bounds them (see their lengths).
func Words(a sso.Account) []string {
	var words []string
	for _, name := range []string{a.FirstName, a.LastName, joinedName(a)} {
		for part := range strings.FieldsSeq(fold(sso.Truncate(name, 2*sso.MaxName))) {
			words = append(words, suffixes(part)...)
		}
	}
	for _, email := range []string{address.Key(a.Email), address.Letters(a.Email)} {
		words = append(words, suffixes(fold(sso.Truncate(email, 2*address.MaxLength)))...)
	}
	slices.Sort(words)
	return longest(words)
}

// Terms returns what a search looks for; nothing when it has neither a letter nor a digit. A part with an @ is looked
// for as it is; of others each word is a term.
func Terms(search string) []string {
	var terms []string
	for part := range strings.FieldsSeq(fold(search)) {
		if strings.Contains(part, "@") {
			part = strings.TrimLeftFunc(part, separates)
			terms = append(terms, sso.Truncate(part, maxWord))
			continue
		}
		for _, word := range strings.FieldsFunc(part, separates) {
			terms = append(terms, sso.Truncate(word, maxWord))
		}
	}
	terms = slices.DeleteFunc(terms, func(term string) bool { return term == "" })
	slices.Sort(terms)
	terms = longest(terms)
	return terms[:min(len(terms), maxTerms)]
}

// longest leaves out of sorted words those with which the next one begins.
func longest(sorted []string) []string {
	kept := sorted[:0]
	for i, word := range sorted {
		if i+1 == len(sorted) || !strings.HasPrefix(sorted[i+1], word) {
			kept = append(kept, word)
		}
	}
	return kept
}

// joinedName is a name as it is written where no space stands between last and first name; "" elsewhere.
func joinedName(a sso.Account) string {
	last, _ := utf8.DecodeLastRuneInString(a.LastName)
	first, _ := utf8.DecodeRuneInString(a.FirstName)
	if !unspaced(last) || !unspaced(first) {
		return ""
	}
	return a.LastName + a.FirstName
}

// suffixes returns a folded text from each place where a word begins. What separates words is kept in an address and left
// out in a name: O'Brien is found as obrien too.
func suffixes(folded string) []string {
	address := strings.Contains(folded, "@")
	var text strings.Builder
	var begins []int
	before := ' '
	for _, r := range folded {
		if beginsWord(before, r) {
			begins = append(begins, text.Len())
		}
		if address || !separates(r) {
			text.WriteRune(r)
		}
		before = r
	}
	words := make([]string, len(begins))
	for i, from := range begins {
		words[i] = sso.Truncate(text.String()[from:], maxWord)
	}
	return words
}

// beginsWord reports whether a word begins with r after another character.
func beginsWord(before, r rune) bool {
	switch {
	case separates(r):
		return false
	case separates(before) || unspaced(r):
		return true
	case unicode.IsMark(r):
		return false
	}
	return unicode.IsSymbol(before) || unspaced(before) && !unicode.Is(unicode.Hangul, r)
}

// separates reports whether a character stands between words. Modifier apostrophes are letters to Unicode only.
func separates(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return !isAlphanumeric(byte(r))
	case r >= '\u02B9' && r <= '\u02BF':
		return true
	}
	return !unicode.In(r, unicode.L, unicode.N, unicode.M, unicode.S)
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// unspaced reports whether a character may begin a word without a space before it: a symbol, or one of a script that
// writes no spaces. In Hangul, decomposed, a syllable begins with a leading consonant.
func unspaced(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return false
	case unicode.IsSymbol(r):
		return true
	case r < '\u0E00' || !unicode.IsLetter(r):
		return false
	case unicode.Is(unicode.Hangul, r):
		return r < '\u1160' || r >= '\uA960' && r <= '\uA97C' || r >= '\uAC00' && r <= '\uD7A3'
	}
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Thai, unicode.Lao,
		unicode.Khmer, unicode.Myanmar)
}

// fold makes texts equal that a person would take for one: case, accents and points, wide and narrow forms, letters
// that a keyboard may lack. Each character is folded by itself, so that the beginning of a text becomes the beginning of
// what the text becomes.
func fold(s string) string {
	decomposed := norm.NFKD.String(s)
	var b strings.Builder
	for i, r := range decomposed {
		switch {
		case r < utf8.RuneSelf:
			b.WriteRune(unicode.ToLower(r))
		case address.ShowsNothing(r) || isAccent(decomposed[i:]):
		default:
			b.WriteString(plainLetter(unicode.ToLower(unicode.ToUpper(r))))
		}
	}
	return b.String()
}

// isAccent reports whether a text begins with a mark that changes how a letter is spoken or stressed. Marks of class 0 are
// vowels of Indic scripts; those of class 8 make another syllable of a kana.
func isAccent(s string) bool {
	class := norm.NFKD.PropertiesString(s).CCC()
	return class != 0 && class != 8
}

// plainLetter gives the Latin letters that have no decomposition the ones that are typed for them.
func plainLetter(r rune) string {
	switch r {
	case 'ß':
		return "ss"
	case 'æ':
		return "ae"
	case 'œ':
		return "oe"
	case 'þ':
		return "th"
	case 'ø':
		return "o"
	case 'ł':
		return "l"
	case 'đ', 'ð':
		return "d"
	case 'ħ':
		return "h"
	case 'ŧ':
		return "t"
	case 'ŋ':
		return "n"
	case 'ə':
		return "e"
	}
	return string(r)
}
