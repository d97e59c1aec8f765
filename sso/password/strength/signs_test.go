package strength

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ccojocar/zxcvbn-go/frequency"
	"github.com/ccojocar/zxcvbn-go/matching"
	"github.com/ccojocar/zxcvbn-go/scoring"
)

// The lists are read as the library reads them.
func TestWordsOfTheLibrary(t *testing.T) {
	for i, name := range []string{"MaleNames", "FemaleNames", "Surname", "English", "Passwords"} {
		var got []string
		for at, word := range wordsOf(lists()[i]) {
			if at != len(got) {
				t.Fatalf("%s: got %q at %d, want it at %d", name, word, at, len(got))
			}
			got = append(got, word)
		}
		if want := frequency.Lists[name].List; !slices.Equal(got, want) {
			t.Errorf("%s: got %d words, want the %d of the library", name, len(got), len(want))
		}
	}
}

// Words, walks, repetitions and sequences are those that the library finds. Dates end here where they end; the library takes
// in the next character, too. It also lets a sequence that goes back to "a" go on with any character, so none does that here.
func TestSignsOfTheLibrary(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	pieces := []string{"qwerty", "1qaz2wsx", "!QAZxsw2", "aaaa", "Aaa", "abcdef", "FEDC", "4567", "9876", "x7#Kq", "Ada", "!", "zz", "-", "7412369"}
	for _, list := range frequency.Lists {
		for range 20 {
			pieces = append(pieces, list.List[random.IntN(len(list.List))])
		}
	}
	known := []string{"ada"}
	for range 60 {
		var text string
		for n := 8 + random.IntN(30); len(text) < n; {
			piece := pieces[random.IntN(len(pieces))]
			if random.IntN(4) == 0 {
				piece = strings.ToUpper(piece[:1]) + piece[1:]
			}
			text += piece
		}
		signs := slices.Concat(words(text, ranks(known, text)), walks(text), repetitions(text), sequences(text))
		got := scoring.MinimumEntropyMatchSequence(text, signs).Entropy
		signs = matching.Omnimatch(text, known, matching.FilterL33tMatcher, matching.FilterDateSepMatcher, matching.FilterDateWithoutSepMatcher)
		if want := scoring.MinimumEntropyMatchSequence(text, signs).Entropy; math.Abs(got-want) > 0.01 {
			t.Errorf("seed %d: %q: got %.2f bits, the library says %.2f", seed, text, got, want)
		}
	}
}

func TestDates(t *testing.T) {
	for text, want := range map[string][]string{
		"12.05.1987": {"12.05.1987"}, "x1987-12-05y": {"1987-12-05"}, "31/12/99": {"31/12/99"}, "5 6 2031": {"5 6 2031"},
		"a05121987": {"05121987"}, "19871205": {"19871205"}, "871205": {"871205"}, "120587": {"120587"},
		"1987": nil, "45.45.1987": nil, "99999999": nil, "0000-00-00": nil, "": nil,
	} {
		var got []string
		for _, m := range dates(text) {
			got = append(got, m.Token)
			if m.Entropy < 15 || m.Entropy > 18 {
				t.Errorf("%q: got %.0f bits, want 15 to 18", text, m.Entropy)
			}
		}
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%q: got the dates %q, want %q", text, got, w)
			}
		}
		if want == nil && got != nil {
			t.Errorf("%q: got the dates %q, want none", text, got)
		}
	}
}
