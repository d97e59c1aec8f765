package strength

import (
	"math"
	"strings"
	"time"
)

// findCopies finds what stood in the text before: repeated characters, words, halves.
func (t *text) findCopies() {
	const least = 3
	length := make([]int, len(t.runes)+1) // of the longest copy that ends there
	for distance := 1; distance < len(t.runes); distance++ {
		run := 0
		for i := distance; i < len(t.runes); i++ {
			if t.runes[i] != t.runes[i-distance] {
				run = 0
				continue
			}
			run++
			length[i+1] = max(length[i+1], run)
		}
	}
	for to, n := range length {
		if n >= least { // of what, and how much of it
			t.add(to-n, to, math.Log2(float64(to-n))+math.Log2(float64(n)))
		}
	}
}

// findSequences finds parts of the alphabet and of the digits, up and down.
func (t *text) findSequences() {
	const least = 3
	for from, first := range t.lower {
		for _, step := range []rune{1, -1} {
			for to := from + 1; to <= len(t.lower) && ordered(t.lower[to-1]) && t.lower[to-1] == first+step*rune(to-1-from); to++ {
				if to-from < least {
					continue
				}
				bits := math.Log2(26) + math.Log2(float64(to-from)) + capitals(t.runes[from:to], t.lower[from:to])
				switch {
				case strings.ContainsRune("az019", first):
					bits += 2 - math.Log2(26)
				case isDigit(first):
					bits += math.Log2(10) - math.Log2(26)
				}
				if step < 0 {
					bits++
				}
				t.add(from, to, bits)
			}
		}
	}
}

// ordered reports whether a character has a place in an order that everyone knows.
func ordered(r rune) bool { return isDigit(r) || r >= 'a' && r <= 'z' }

// A keyboard is where the keys lie: a row a line, without and with shift.
type keyboard struct {
	plain, shifted []string
	slanted        bool // each row lies half a key to the right of the one above: a key touches six others, not eight
}

// The keyboards: American, German, French, and the block of digits. A zero is no key.
var keyboards = []keyboard{
	{
		plain:   []string{"`1234567890-=", "\x00qwertyuiop[]\\", "\x00asdfghjkl;'", "\x00zxcvbnm,./"},
		shifted: []string{"~!@#$%^&*()_+", "\x00QWERTYUIOP{}|", "\x00ASDFGHJKL:\"", "\x00ZXCVBNM<>?"},
		slanted: true,
	},
	{
		plain:   []string{"1234567890", "qwertzuiopü", "asdfghjklöä", "yxcvbnm,.-"},
		shifted: []string{"!\"§$%&/()=", "QWERTZUIOPÜ", "ASDFGHJKLÖÄ", "YXCVBNM;:_"},
		slanted: true,
	},
	{
		plain:   []string{"&é\"'(-è_çà", "azertyuiop", "qsdfghjklm", "wxcvbn,;:!"},
		shifted: []string{"1234567890", "AZERTYUIOP", "QSDFGHJKLM", "WXCVBN?./§"},
		slanted: true,
	},
	{plain: []string{"789", "456", "123", "0"}},
}

// A key is a place on a keyboard.
type key struct {
	row, column int
	shift       bool
}

func (k keyboard) keys() map[rune]key {
	keys := map[rune]key{}
	for shift, rows := range [][]string{k.plain, k.shifted} {
		for row, line := range rows {
			for column, r := range []rune(line) {
				if r != 0 {
					keys[r] = key{row, column, shift == 1}
				}
			}
		}
	}
	return keys
}

// touches reports whether two keys touch, and in which direction the second lies.
func (k keyboard) touches(a, b key) (direction [2]int, ok bool) {
	row, column := b.row-a.row, b.column-a.column
	ok = (row != 0 || column != 0) && row >= -1 && row <= 1 && column >= -1 && column <= 1
	return [2]int{row, column}, ok && !(k.slanted && row*column > 0) // another key lies between
}

// findWalks finds keys that lie in a row, or turn at times.
func (t *text) findWalks(k keyboard) {
	const least = 4
	keys := k.keys()
	degree := 8.0
	if k.slanted {
		degree = 6
	}
	for from := range t.runes {
		turns, shifted := 0, 0
		var before, was [2]int // the directions of the last two steps
		for to := from + 1; to <= min(len(t.runes), from+longest); to++ {
			at, on := keys[t.runes[to-1]]
			if to > from+1 && on {
				var direction [2]int
				if direction, on = k.touches(keys[t.runes[to-2]], at); direction != was && direction != before { // a zigzag is one turn
					turns++
				}
				before, was = was, direction
			}
			if !on {
				break
			}
			if at.shift {
				shifted++
			}
			if n := to - from; n >= least {
				length := math.Log2(float64(n))
				bits := math.Log2(float64(len(keys))) + length + float64(turns)*(math.Log2(degree)+length/2)
				if shifted > 0 {
					bits += max(1, choices(shifted, n-shifted))
				}
				t.add(from, to, bits)
			}
		}
	}
}

// findDates finds years and days from 1900 to 2049, in the usual orders.
func (t *text) findDates() {
	const (
		years = 150
		year  = 4
	)
	for from, r := range t.runes {
		if !isDigit(r) {
			continue
		}
		for _, layout := range []string{"2006", "20060102", "02012006", "01022006", "060102", "020106", "010206", "2006-1-2", "2-1-2006", "1-2-2006", "2-1-06", "1-2-06"} {
			for to := from + len(layout); to <= min(len(t.runes), from+len(layout)+2); to++ {
				day, err := time.Parse(layout, dashed(t.runes[from:to]))
				if err != nil || day.Year() < 1900 || day.Year() >= 1900+years {
					continue
				}
				bits := math.Log2(years)
				if len(layout) > year {
					bits += math.Log2(365) + 2 // the order
				}
				t.add(from, to, bits)
				const apart = 2 // bits of "-2026" and "-2026-"
				if from > 0 && separates(t.runes[from-1]) {
					t.add(from-1, to, bits+apart)
					if to < len(t.runes) && separates(t.runes[to]) {
						t.add(from-1, to+1, bits+apart+1)
					}
				}
			}
		}
	}
}

func separates(r rune) bool { return strings.ContainsRune("-./_ \\", r) }

// dashed writes a date's separators as "-".
func dashed(runes []rune) string {
	out := make([]rune, len(runes))
	for i, r := range runes {
		if separates(r) {
			r = '-'
		}
		out[i] = r
	}
	return string(out)
}

// findEnd finds the sign at the end, once or more often, that rules for passwords have taught everyone.
func (t *text) findEnd() {
	const bits = 3
	from := len(t.runes)
	for from > 1 && strings.ContainsRune("!?.*#$", t.runes[from-1]) && t.runes[from-1] == t.runes[len(t.runes)-1] {
		from--
		t.add(from, len(t.runes), bits+math.Log2(float64(len(t.runes)-from)))
	}
}
