package strength

import (
	_ "embed" // the dictionary
	"math"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// dictionary is the lists of zxcvbn in one: passwords, English words, and names, each with the rank that it has in its
// list. A line is a word in lower case, a space, and one character: '0' and four times the binary logarithm of the rank.
// The lines are sorted by byte, and the space sorts before everything else in a word. TestDictionary makes it, with
// -update.
//
//go:embed words.txt
var dictionary string

// shortest and longest are the lengths of the words that are looked for. A letter alone is no cheaper as a word.
const (
	shortest = 2
	longest  = 32
)

// lookup returns the bits of a word of the dictionary, and whether a longer word begins with it.
func lookup(word string) (bits float64, known, more bool) {
	if strings.ContainsAny(word, " \n") { // what ends words and lines
		return 0, false, false
	}
	at := sort.Search(len(dictionary), func(i int) bool { // of all places in a line the same is said
		line := dictionary[strings.LastIndexByte(dictionary[:i], '\n')+1:]
		line = line[:strings.IndexByte(line, '\n')]
		return line >= word
	})
	rest, more := strings.CutPrefix(dictionary[at:], word)
	if !more {
		return 0, false, false
	}
	if rest[0] != ' ' {
		return 0, false, true
	}
	_, next, _ := strings.Cut(rest, "\n")
	return float64(rest[1]-'0') / 4, true, strings.HasPrefix(next, word)
}

// A reading is one way to read a text: as it stands or backwards, and with its digits and signs as the letters that they
// resemble, or not.
type reading struct {
	typed, lower, read []rune
	backwards          bool
}

// readings are the ways to read a text that differ.
func (t *text) readings() (all []reading) {
	forwards := []reading{{typed: t.runes, lower: t.lower, read: t.lower}}
	for _, letters := range resembling() {
		read := slices.Clone(t.lower)
		for i, r := range read {
			if l, ok := letters[r]; ok {
				read[i] = l
			}
		}
		if !slices.ContainsFunc(forwards, func(o reading) bool { return slices.Equal(o.read, read) }) {
			forwards = append(forwards, reading{typed: t.runes, lower: t.lower, read: read})
		}
	}
	for _, f := range forwards {
		all = append(all, f, reading{typed: reversed(f.typed), lower: reversed(f.lower), read: reversed(f.read), backwards: true})
	}
	return all
}

func reversed(runes []rune) []rune {
	r := slices.Clone(runes)
	slices.Reverse(r)
	return r
}

// resembling are the letters that digits and signs stand for. Where there are two, each has its turn.
func resembling() (all []map[rune]rune) {
	for _, one := range "il" {
		for _, seven := range "tl" {
			all = append(all, map[rune]rune{'4': 'a', '@': 'a', '8': 'b', '(': 'c', '{': 'c', '[': 'c', '<': 'c', '3': 'e', '6': 'g', '9': 'g',
				'1': one, '!': one, '|': one, '0': 'o', '$': 's', '5': 's', '+': 't', '7': seven, '%': 'x', '2': 'z'})
		}
	}
	return all
}

// findWords finds the words of the dictionary, and the given ones, which are guessed in their order.
func (t *text) findWords(given []string) {
	var words [][]rune
	for _, w := range given {
		words = append(words, []rune(strings.ToLower(w)))
	}
	for _, r := range t.readings() {
		for i := range r.read {
			var word []byte
			for j, more := i, true; more && j < min(i+longest, len(r.read)); j++ {
				var bits float64
				var known bool
				word = utf8.AppendRune(word, r.read[j])
				if bits, known, more = lookup(string(word)); known && j+1-i >= shortest {
					t.addWord(r, i, j+1, bits)
				}
			}
			for rank, w := range words {
				if len(w) >= shortest && len(r.read)-i >= len(w) && slices.Equal(r.read[i:i+len(w)], w) {
					t.addWord(r, i, i+len(w), math.Log2(float64(rank+1)))
				}
			}
		}
	}
}

// addWord notes a word in a reading, with what its spelling costs besides.
func (t *text) addWord(r reading, from, to int, bits float64) {
	bits += capitals(r.typed[from:to], r.lower[from:to]) + resemblances(r.lower[from:to], r.read[from:to])
	if r.backwards {
		from, to, bits = len(t.runes)-to, len(t.runes)-from, bits+1
	}
	t.add(from, to, bits)
}

// capitals is the bits of knowing which letters are capital: one for the usual ways.
func capitals(typed, lower []rune) float64 {
	upper, letters := 0, 0
	for i, r := range typed {
		if r != lower[i] {
			upper++
		} else if r >= 'a' && r <= 'z' {
			letters++
		}
	}
	last := len(typed) - 1
	switch {
	case upper == 0:
		return 0
	case letters == 0, upper == 1 && (typed[0] != lower[0] || typed[last] != lower[last]):
		return 1
	}
	return choices(upper, letters)
}

// resemblances is the bits of knowing which letters are written as digits and signs: one when each that could be is.
func resemblances(lower, read []rune) float64 {
	instead := map[rune]bool{}
	changed, kept := 0, 0
	for i, r := range read {
		if r != lower[i] {
			instead[r] = true
			changed++
		}
	}
	for i, r := range read {
		if r == lower[i] && instead[r] {
			kept++
		}
	}
	if changed == 0 {
		return 0
	}
	return max(1, choices(changed, kept))
}
