package strength

import (
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/ccojocar/zxcvbn-go/adjacency"
	"github.com/ccojocar/zxcvbn-go/data"
	"github.com/ccojocar/zxcvbn-go/entropy"
	"github.com/ccojocar/zxcvbn-go/match"
)

// What is here finds the signs of a weak text, as the library's package matching does. That package reads all word lists at
// each start of a program that links it, which takes longer than everything else in a start.

// ranks are the words among all parts of the texts, each with its place in the list where it stands first. The known words
// are a list, too.
func ranks(known []string, texts ...string) map[string]int {
	place := map[string]int{}
	for _, text := range texts {
		text = strings.ToLower(text)
		for from := range len(text) {
			for to := from + 1; to <= len(text); to++ {
				place[text[from:to]] = 0
			}
		}
	}
	note := func(word string, at int) {
		if before, wanted := place[word]; wanted && (before == 0 || at < before) {
			place[word] = at
		}
	}
	for i, word := range known {
		note(strings.ToLower(word), i+1)
	}
	for _, list := range lists() {
		for i, word := range wordsOf(list) {
			note(word, i+1)
		}
	}
	return place
}

// lists are the texts of the library's lists, 0.9 MB in all, which are unpacked when the first text is judged.
var lists = sync.OnceValue(func() (texts []string) {
	for _, name := range []string{"MaleNames", "FemaleNames", "Surnames", "English", "Passwords"} {
		texts = append(texts, string(data.MustAsset("data/"+name+".json")))
	}
	return texts
})

// wordsOf yields the words of such a text, the commonest first. The lists are JSON without a single escape, so that what
// stands between quotes is a word; only the first is the name of the list.
func wordsOf(text string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		n := 0
		for part := range strings.SplitSeq(text, `"`) {
			if word := n%2 == 1 && n > 1; word && !yield(n/2-1, part) {
				return
			}
			n++
		}
	}
}

// sign is one that covers text[from:to].
func sign(text, pattern string, from, to int) match.Match {
	return match.Match{Pattern: pattern, I: from, J: to - 1, Token: text[from:to]}
}

// words finds those that have a rank.
func words(text string, ranks map[string]int) (found []match.Match) {
	lower := strings.ToLower(text)
	for from := range len(text) {
		for to := from + 1; to <= len(text); to++ {
			if rank := ranks[lower[from:to]]; rank > 0 {
				m := sign(text, "dictionary", from, to)
				m.Entropy = entropy.DictionaryEntropy(m, float64(rank))
				found = append(found, m)
			}
		}
	}
	return found
}

// shortest is how many characters make a walk, a repetition or a sequence.
const shortest = 3

// walks finds keys that lie side by side.
func walks(text string) (found []match.Match) {
	for _, name := range []string{"qwerty", "dvorak", "keypad", "macKeypad"} {
		keyboard := adjacency.GraphMap[name]
		for from := 0; from < len(text); {
			length, turns, shifted := walk(text[from:], keyboard.Graph)
			if length >= shortest {
				m := sign(text, "spatial", from, from+length)
				m.DictionaryName = keyboard.Name
				m.Entropy = entropy.SpatialEntropy(m, turns, shifted)
				found = append(found, m)
			}
			from += length
		}
	}
	return found
}

// walk is the one that the text begins with. Its first step counts as a turn.
func walk(text string, keys map[string][]string) (length, turns, shifted int) {
	last := -1
	for length = 1; length < len(text); length++ {
		direction, upper := step(keys[text[length-1:length]], text[length])
		switch {
		case direction < 0:
			return length, turns, shifted
		case direction != last:
			turns++
			last = direction
		}
		if upper {
			shifted++
		}
	}
	return length, turns, shifted
}

// step says in which direction a key lies, or -1. Each neighbour is a key without and with Shift.
func step(neighbours []string, key byte) (direction int, shifted bool) {
	for direction, neighbour := range neighbours {
		if at := strings.IndexByte(neighbour, key); at >= 0 {
			return direction, at == 1
		}
	}
	return -1, false
}

// repetitions finds the same letter several times.
func repetitions(text string) (found []match.Match) {
	lower := strings.ToLower(text)
	for from := 0; from < len(text); {
		to := from + 1
		for to < len(text) && lower[to] == lower[from] {
			to++
		}
		if to-from >= shortest {
			m := sign(text, "repeat", from, to)
			m.Entropy = entropy.RepeatEntropy(m)
			found = append(found, m)
		}
		from = to
	}
	return found
}

// sequences finds letters and digits in their order, forwards and backwards.
func sequences(text string) (found []match.Match) {
	for _, of := range []string{"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"} {
		for _, forwards := range []bool{true, false} {
			for from := 0; from < len(text); {
				to := from + 1
				for to < len(text) && follows(of, text[to-1], text[to], forwards) {
					to++
				}
				if to-from >= shortest {
					m := sign(text, "sequence", from, to)
					m.Entropy = entropy.SequenceEntropy(m, len(of), forwards)
					found = append(found, m)
				}
				from = to
			}
		}
	}
	return found
}

func follows(of string, before, after byte, forwards bool) bool {
	if !forwards {
		before, after = after, before
	}
	at := strings.IndexByte(of, before)
	return at >= 0 && at+1 < len(of) && of[at+1] == after
}

// dates finds days of a year, with and without signs between them.
func dates(text string) (found []match.Match) {
	const between, day, year = `([-\s/\\_.])`, `(\d{1,2})`, `((?:19|20)\d{2}|\d{2})`
	for _, form := range []struct {
		text                        string
		year, day, month, separator int // the groups
	}{
		{day + between + day + between + year, 5, 1, 3, 2},
		{year + between + day + between + day, 1, 3, 5, 2},
		{`(\d{2})(\d{2})(\d{4})`, 3, 1, 2, 0},
		{`(\d{4})(\d{2})(\d{2})`, 1, 2, 3, 0},
		{`(\d{2})(\d{2})(\d{2})`, 3, 1, 2, 0},
		{`(\d{2})(\d{2})(\d{2})`, 1, 2, 3, 0},
	} {
		for _, at := range regexp.MustCompile(form.text).FindAllStringSubmatchIndex(text, -1) {
			number := func(group int) int64 {
				n, _ := strconv.ParseInt(text[at[2*group]:at[2*group+1]], 10, 64)
				return n
			}
			d := match.DateMatch{Day: number(form.day), Month: number(form.month), Year: number(form.year)}
			if form.separator > 0 {
				d.Separator = text[at[2*form.separator]:at[2*form.separator+1]]
			}
			if isDate(d.Day, d.Month) {
				m := sign(text, "date", at[0], at[1])
				m.Entropy = entropy.DateEntropy(d)
				found = append(found, m)
			}
		}
	}
	return found
}

// isDate reports whether one of two numbers is a month, and the other one a day.
func isDate(a, b int64) bool {
	return min(a, b) >= 1 && min(a, b) <= 12 && max(a, b) <= 31
}
