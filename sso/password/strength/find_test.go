package strength

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ccojocar/zxcvbn-go/data"
	"github.com/ccojocar/zxcvbn-go/match"
	"github.com/ccojocar/zxcvbn-go/matching"
	"github.com/ccojocar/zxcvbn-go/scoring"
	"github.com/google/go-cmp/cmp"
)

// Words, ways across keyboards, sequences and repetitions come out as the library's own search finds them. It is not asked about dates,
// which it takes for one letter longer than they are, nor about the alphabet down to its end, which it takes for going on.
func TestFoundIsWhatTheLibraryFinds(t *testing.T) {
	parts := []string{"password", "Dragon", "monkey", "Elizabeth", "qwerty", "zxcvbn", "asdfGHJK", "7894561230", "abcdef", "WVUTS", "98765", "aaaa", "!!!!!", "XxX",
		"aoeuidhtns", "Smith", "love", "k9$", "#", "Qp", "m", "_", "x7Lw", "the", "1q2w3e4r", "zaq1", "gfe", "321", "tuv"}
	random := rand.New(rand.NewPCG(1, 2))
	dateless := func(m match.Matcher) bool {
		return matching.FilterL33tMatcher(m) || matching.FilterDateSepMatcher(m) || matching.FilterDateWithoutSepMatcher(m)
	}
	for range 300 {
		text := ""
		for range 1 + random.IntN(6) {
			text += parts[random.IntN(len(parts))]
		}
		text = text[:min(len(text), judged)]
		theirs := scored(text, matching.Omnimatch(text, []string{"k9$"}, dateless))
		ours := scored(text, slices.Concat(dictionary([]string{text}, append([][]string{{"k9$"}}, lists()...))[0], spatial(text), repeats(text), sequences(text)))
		if ours > theirs+0.002 || ours < theirs-0.002 { // the library rounds
			t.Errorf("%q: got %.3f bits, the library says %.3f", text, ours, theirs)
		}
	}
}

func scored(text string, found []match.Match) float64 {
	return scoring.MinimumEntropyMatchSequence(text, found).Entropy
}

func TestListsAreTheLibrarys(t *testing.T) {
	for i, name := range []string{"Passwords", "English", "FemaleNames", "MaleNames", "Surnames"} {
		text, err := data.Asset("data/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var want struct{ List []string }
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		for i := range want.List {
			want.List[i] = strings.ToLower(want.List[i])
		}
		if diff := cmp.Diff(want.List, lists()[i]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
