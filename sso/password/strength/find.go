package strength

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/ccojocar/zxcvbn-go/adjacency"
	"github.com/ccojocar/zxcvbn-go/entropy"
	"github.com/ccojocar/zxcvbn-go/match"
	zxcvbnmath "github.com/ccojocar/zxcvbn-go/utils/math"
)

// shortest is how many characters make a repetition, a sequence, or a way across a keyboard.
const shortest = 3

// part is what stands in a text from begin until before end.
func part(text, pattern, name string, begin, end int) match.Match {
	return match.Match{Pattern: pattern, DictionaryName: name, I: begin, J: end - 1, Token: text[begin:end]}
}

// dictionary finds the words of lists in each of some texts. It goes through the lists once and keeps no index of them: a text is
// short, and seldom judged.
func dictionary(texts []string, lists [][]string) (found [][]match.Match) {
	type place struct{ text, begin int }
	where := map[string][]place{} // whatever stands in a text
	for n, text := range texts {
		text = strings.ToLower(text)
		for i := range text {
			for end := i + 1; end <= len(text); end++ {
				where[text[i:end]] = append(where[text[i:end]], place{n, i})
			}
		}
	}
	found = make([][]match.Match, len(texts))
	for _, list := range lists {
		for rank, word := range list {
			for _, at := range where[word] {
				m := part(texts[at.text], "dictionary", "", at.begin, at.begin+len(word))
				m.Entropy = entropy.DictionaryEntropy(m, float64(rank+1))
				found[at.text] = append(found[at.text], m)
			}
		}
	}
	return found
}

// repeats finds one letter several times, small or capital.
func repeats(text string) (found []match.Match) {
	for i, end := 0, 0; i < len(text); i = end {
		for end = i + 1; end < len(text) && strings.EqualFold(text[i:i+1], text[end:end+1]); {
			end++
		}
		if end-i >= shortest {
			m := part(text, "repeat", "", i, end)
			m.Entropy = entropy.RepeatEntropy(m)
			found = append(found, m)
		}
	}
	return found
}

// sequences finds parts of the alphabet and of the digits, forwards and backwards.
func sequences(text string) (found []match.Match) {
	for _, order := range []string{"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"} {
		for _, step := range []int{1, -1} {
			follows := func(at int) bool {
				before, here := strings.IndexByte(order, text[at-1]), strings.IndexByte(order, text[at])
				return before >= 0 && here >= 0 && here-before == step
			}
			for i, end := 0, 0; i < len(text); i = end {
				for end = i + 1; end < len(text) && follows(end); {
					end++
				}
				if end-i >= shortest {
					m := part(text, "sequence", "", i, end)
					m.Entropy = entropy.SequenceEntropy(m, len(order), step == 1)
					found = append(found, m)
				}
			}
		}
	}
	return found
}

// spatial finds ways from key to key beside it, on each keyboard.
func spatial(text string) (found []match.Match) {
	for _, keyboard := range []string{"qwerty", "dvorak", "keypad", "macKeypad"} {
		graph := adjacency.GraphMap[keyboard]
		for i, end := 0, 0; i < len(text); i = end {
			turns, shifted, last := 0, 0, -1
			for end = i + 1; end < len(text); end++ {
				direction, shift := toward(graph.Graph[text[end-1:end]], text[end:end+1])
				if direction < 0 {
					break
				}
				if shift {
					shifted++
				}
				if direction != last {
					turns, last = turns+1, direction
				}
			}
			if end-i >= shortest {
				m := part(text, "spatial", graph.Name, i, end)
				m.Entropy = spatialEntropy(graph, end-i, turns, shifted)
				found = append(found, m)
			}
		}
	}
	return found
}

// toward is in which direction of a key the other one is, -1 if it is not beside it, and whether it is pressed with shift.
func toward(beside []string, key string) (direction int, shift bool) {
	for direction, keys := range beside {
		if at := strings.Index(keys, key); at >= 0 {
			return direction, at == 1
		}
	}
	return -1, false
}

// spatialEntropy counts the ways over so many keys, with as many turns or fewer, and which of them are pressed with shift. The
// library's own function reads its keyboard anew each time.
func spatialEntropy(graph adjacency.Graph, length, turns, shifted int) float64 {
	ways, choices := 0.0, 1.0
	for i := 1; i <= length; i++ {
		for j := range min(turns, i) + 1 {
			ways += zxcvbnmath.NChoseK(float64(i), float64(j)) * math.Pow(graph.CalculateAvgDegree(), float64(j+1))
		}
	}
	for i := 1; i <= min(shifted, length-shifted); i++ {
		choices += zxcvbnmath.NChoseK(float64(length), float64(i))
	}
	return math.Log2(ways*float64(len(graph.Graph))) + math.Log2(choices)
}

// plausible are dates as people write them: three numbers, with something between them or two digits a day and a month.
var plausible = sync.OnceValue(func() (all []*regexp.Regexp) {
	for _, form := range []string{
		`(\d\d)()(\d\d)(\d{4})`, `(\d{4})()(\d\d)(\d\d)`, `(\d\d)()(\d\d)(\d\d)`,
		`(\d{1,2})([\s/\\_.-])(\d{1,2})[\s/\\_.-](\d{4}|\d\d)`, `(\d{4}|\d\d)([\s/\\_.-])(\d{1,2})[\s/\\_.-](\d{1,2})`,
	} {
		all = append(all, regexp.MustCompile("^"+form))
	}
	return all
})

// dates finds days of the years 1900 to 2099, in any order of day, month and year.
func dates(text string) (found []match.Match) {
	for i := range text {
		for _, form := range plausible() {
			fields := form.FindStringSubmatch(text[i:])
			if fields == nil {
				continue
			}
			first, _ := strconv.Atoi(fields[1])
			second, _ := strconv.Atoi(fields[3])
			third, _ := strconv.Atoi(fields[4])
			for _, year := range []int{first, third} {
				if day := first + third - year; !inYear(day, second) || year > 99 && (year < 1900 || year > 2099) {
					continue
				}
				m := part(text, "date", "", i, i+len(fields[0]))
				m.Entropy = entropy.DateEntropy(match.DateMatch{Year: int64(year), Separator: fields[2]})
				found = append(found, m)
			}
		}
	}
	return found
}

// inYear reports whether two numbers are a day and a month.
func inYear(a, b int) bool { return min(a, b) >= 1 && min(a, b) <= 12 && max(a, b) <= 31 }
