package strength

import (
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ccojocar/zxcvbn-go/frequency"
)

var update = flag.Bool("update", false, "write words.txt from the lists of zxcvbn-go")

// TestDictionary keeps words.txt what its comment says: the lists of zxcvbn-go, each word with its best rank.
func TestDictionary(t *testing.T) {
	ranks := map[string]int{}
	for _, list := range frequency.Lists {
		for i, w := range list.List {
			w = strings.ToLower(w)
			if had := ranks[w]; had == 0 || i+1 < had {
				ranks[w] = i + 1
			}
		}
	}
	var want strings.Builder
	for _, w := range slices.Sorted(maps.Keys(ranks)) {
		if len(w) < shortest || len(w) > longest || strings.ContainsFunc(w, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Logf("%q is left out", w)
			continue
		}
		fmt.Fprintf(&want, "%s %c\n", w, '0'+rune(math.Round(4*math.Log2(float64(ranks[w])))))
	}
	if *update {
		if err := os.WriteFile("words.txt", []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want.String() != dictionary {
		t.Errorf("words.txt has %d bytes and differs from the lists, which have %d: go test -run TestDictionary -update", len(dictionary), want.Len())
	}
}

func TestLookup(t *testing.T) {
	for _, test := range []struct {
		word        string
		known, more bool
	}{
		{"password", true, true},
		{"unbelievabl", false, true},
		{"passwordzz", false, false},
		{"", false, true},
		{"zzzzzzzzz", false, false},
		{"~", false, false},
		{" ", false, false},
		{"\n", false, false},
		{"pass\nword", false, false},
		{dictionary[:20], false, false},
		{dictionary[len(dictionary)-20:], false, false},
	} {
		_, known, more := lookup(test.word)
		if known != test.known || more != test.more {
			t.Errorf("%q: got known %t, more %t; want %t, %t", test.word, known, more, test.known, test.more)
		}
	}
	for line := range strings.Lines(dictionary) { // each is found, with the bits that its line says
		word, class, _ := strings.Cut(line, " ")
		if bits, known, _ := lookup(word); !known || bits != float64(class[0]-'0')/4 {
			t.Fatalf("%q: got %v bits, known %t; its line is %q", word, bits, known, line)
		}
	}
}
