package search_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/sso/search"
)

// finds reports whether a search finds a person.
func finds(text string, a sso.Account) bool {
	words, terms := search.Words(a), search.Terms(text)
	for _, term := range terms {
		if !slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(word, term) }) {
			return false
		}
	}
	return len(terms) > 0
}

func TestFindsPeople(t *testing.T) {
	for _, tt := range []struct {
		person sso.Account
		found  []string
		not    []string
	}{
		{sso.Account{Email: "ada@example.com", FirstName: "Ada", LastName: "Lovelace"},
			[]string{"ada", "ADA", "love", "Lovelace, Ada", "ada lovelace", "ada@example.com", "@example.com", "ada@", "example", "a"},
			[]string{"da", "velace", "ada byron", "ada@example.org", "x", "", " ", "@", "-", "ada@com"}},
		{sso.Account{Email: "al@example.com", FirstName: "Anna-Lena", LastName: "von der Leyen"},
			[]string{"lena", "anna-lena", "annalena", "leyen", "der", "von der leyen", "lena leyen"}, []string{"nna", "eyen"}},
		{sso.Account{Email: "sob@example.com", FirstName: "Siobhán", LastName: "O'Brien"},
			[]string{"brien", "obrien", "o'brien", "O\u2019Brien", "o\u02BCbr", "siobhan", "siobha\u0301n"}, nil},
		{sso.Account{Email: "J.Smith+x@sub.corp.example"},
			[]string{"smith", "corp", "j.smith", "smith+x", "smith+x@sub.corp", "x@sub", "+x@sub", "corp.example", "@sub.corp.example", "SUB"},
			[]string{"mith", "orp", "smith@sub", "x@corp"}},
		{sso.Account{Email: "m@example.com", FirstName: "José", LastName: "Müller-Weiß"},
			[]string{"jose", "JOSÉ", "muller", "Mu\u0308ller", "weiss", "WEISS", "weiß", "WEIẞ"}, nil},
		{sso.Account{Email: "s@example.com", FirstName: "Søren", LastName: "Łukasz Đorđe Þór Ægir"},
			[]string{"soren", "søren", "lukasz", "dorde", "thor", "aegir"}, nil},
		{sso.Account{Email: "i@example.com", FirstName: "Işıl", LastName: "İNCİ"},
			[]string{"isil", "ışıl", "IŞIL", "inci", "İnci", "INCI"}, nil},
		{sso.Account{Email: "t@example.com", FirstName: "太郎", LastName: "山田"},
			[]string{"山田", "太郎", "郎", "山田太郎", "田太", "山田 太郎", "太郎 山田"}, []string{"太田"}},
		{sso.Account{Email: "y@example.com", FirstName: "山田太郎"}, []string{"太郎", "山田", "田太郎"}, nil},
		{sso.Account{Email: "k@example.com", FirstName: "ｶﾞﾝﾀﾞﾑ"}, []string{"ガン", "ダム"}, []string{"カン"}},
		{sso.Account{Email: "c@example.com", FirstName: "철수", LastName: "김"}, []string{"김철수", "철수", "수", "김", "ㅊ", "처"}, nil},
		{sso.Account{Email: "w@example.com", FirstName: "สมชาย"}, []string{"สมชาย", "ชาย"}, nil},
		{sso.Account{Email: "f@example.com", FirstName: "Ｆｕｌｌ", LastName: "ΟΔΥΣΣΕΥΣ"}, []string{"full", "Ｆｕ", "οδυσσευς", "οδυσσευσ"}, nil},
		{sso.Account{Email: "r@example.com", FirstName: "Артём", LastName: "Йошкин"}, []string{"артем", "АРТЁМ", "йошк", "иошк"}, nil},
		{sso.Account{Email: "ada@münchen.example"}, []string{"münchen", "munchen", "xn--mnchen-3ya", "ada@münchen.example", "ada@xn--mnchen-3ya.example", "@munchen"}, nil},
		{sso.Account{Email: "ada@xn--mnchen-3ya.example"}, []string{"münchen", "munchen", "xn--mnchen-3ya", "ada@münchen.example", "ada@xn--mnchen-3ya.example"}, nil},
		{sso.Account{Email: "e@other.example", FirstName: "😀 Kim"}, []string{"😀", "kim"}, nil},
		{sso.Account{Email: "jr@example.com", FirstName: "JR東日本Tokyo"}, []string{"日本", "tokyo", "jr東"}, nil},
	} {
		for _, text := range tt.found {
			if !finds(text, tt.person) {
				t.Errorf("%q does not find %q %q %s: words %q, terms %q", text, tt.person.FirstName, tt.person.LastName, tt.person.Email,
					search.Words(tt.person), search.Terms(text))
			}
		}
		for _, text := range tt.not {
			if finds(text, tt.person) {
				t.Errorf("%q finds %q %q %s", text, tt.person.FirstName, tt.person.LastName, tt.person.Email)
			}
		}
	}
}

// Words are few: what begins another word is left out.
func TestWordsAreFew(t *testing.T) {
	got := search.Words(sso.Account{Email: "ada.lovelace@example.com", FirstName: "Ada", LastName: "Lovelace"})
	if want := []string{"ada.lovelace@example.com", "com", "example.com", "lovelace@example.com"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	long := strings.Repeat("山田", 42)
	got = search.Words(sso.Account{Email: strings.Repeat("a.", 31) + "a@" + strings.Repeat("b.", 90) + "c", FirstName: long, LastName: long})
	if len(got) > 500 {
		t.Errorf("got %d words of the longest person", len(got))
	}
	if got := search.Terms(strings.Repeat("a b c d e f g h i j k ", 1000)); len(got) > 10 {
		t.Errorf("got %d terms", len(got))
	}
}

// Over all characters: folding twice is folding once, and case makes no difference.
func TestFoldsEveryCharacter(t *testing.T) {
	for r := rune(1); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) || unicode.In(r, unicode.Co) || r > 0x33FFF && r < 0xE0000 { // private ones, and planes without characters
			continue
		}
		once := search.Fold(string(r))
		if twice := search.Fold(once); twice != once {
			t.Errorf("%U: folds to %q, and that to %q", r, once, twice)
		}
		for _, other := range []rune{unicode.ToLower(r), unicode.ToUpper(r), unicode.ToTitle(r), unicode.SimpleFold(r)} {
			if got := search.Fold(string(other)); got != once && !unicode.IsMark(r) && !unicode.IsMark(other) { // U+0345 is an accent in lower case only
				t.Errorf("%U folds to %q, %U to %q", r, once, other, got)
			}
		}
	}
}

// Each word of a name and each part of an e-mail finds the person, and so does each of its beginnings.
func TestEachBeginningOfAWordFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.StringN(0, 60, 254), rapid.StringOfN(rapid.RuneFrom([]rune("aÉ山太ガ철 '-.ßıŁ\u0301\u0308\u3099")), 0, 40, 254))
		a := sso.Account{Email: "j.smith+x@sub.corp.example", FirstName: sso.CleanText(name.Draw(t, "first")), LastName: sso.CleanText(name.Draw(t, "last"))}
		checkBeginnings(t, a)
	})
}

func FuzzEachBeginningOfAWordFinds(f *testing.F) {
	f.Add("ada@example.com", "Ada", "Lovelace")
	f.Add("j.smith+x@sub.corp.example", "Anna-Lena", "von der Leyen")
	f.Add("jörg@xn--mnchen-3ya.example", "山田太郎", "김철수")
	f.Add("a@b", "e\u0301\u0327\u3099", "\ufdfa ŉ ½")
	f.Fuzz(func(t *testing.T, email, first, last string) {
		if address.Check(email) != nil {
			email = "a@example.com"
		}
		const maxName = 254
		checkBeginnings(t, sso.Account{Email: email,
			FirstName: sso.Truncate(sso.CleanText(first), maxName), LastName: sso.Truncate(sso.CleanText(last), maxName)})
	})
}

func checkBeginnings(t interface{ Fatalf(string, ...any) }, a sso.Account) {
	between := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.In(r, unicode.M, unicode.Cf)
	}
	words := search.Words(a)
	for _, field := range []string{a.FirstName, a.LastName, a.Email} {
		for _, word := range append(strings.FieldsFunc(norm.NFKD.String(field), between), strings.Fields(field)...) {
			if first, _ := utf8.DecodeRuneInString(word); unicode.In(first, unicode.M, unicode.Cf) { // of what stands before it
				continue
			}
			for end := range word {
				if text := word[:end]; len(search.Terms(text)) > 0 && !finds(text, a) {
					t.Fatalf("%q does not find %q %q %s: terms %q, words %q", text, a.FirstName, a.LastName, a.Email, search.Terms(text), words)
				}
			}
			if len(search.Terms(word)) > 0 && !finds(word, a) {
				t.Fatalf("%q does not find %q %q %s: terms %q, words %q", word, a.FirstName, a.LastName, a.Email, search.Terms(word), words)
			}
		}
	}
	for _, word := range words {
		if word == "" || len(word) > 100 || !utf8.ValidString(word) {
			t.Fatalf("the word %q", word)
		}
	}
}
