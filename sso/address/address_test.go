package address_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
)

// SECURITY E1, E11: one plain mailbox as RFC 5321 has it.
func TestCheck(t *testing.T) {
	longest := strings.Repeat("l", 64) + "@" + strings.Repeat(strings.Repeat("d", 61)+".", 3) + "ddd"
	for _, good := range []string{
		"a@b", "Ann.Lee+x@example.com", "o'brien@example.com", "!#$%&'*+-/=?^_`{|}~@example.com", "1@2.example", "u@1.2.3.4",
		"a-@a--b.c-d.example", "a@" + strings.Repeat("d", 63) + ".example", longest,
		"ü@example.com", "straße@example.com", "a@münchen.example", "a@xn--mnchen-3ya.example", "用户@example.com", "ада@почта.рф",
		"नमस्ते@डाटामेल.भारत", "مثال@مثال.إيران", "ทดสอบ@example.com", // marks that no composed character replaces
	} {
		if err := address.Check(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for bad, why := range map[string]string{
		"": "needs one @", "a": "needs one @", "@": "needs one @", "@b": "needs one @", "a@": "needs one @",
		"a@evil.example@good.example": "needs one @", "a@@b": "needs one @",
		// Dots and hyphens.
		".test@iana.org": "a dot stands between", "test.@iana.org": "a dot stands between", "te..st@iana.org": "a dot stands between",
		".@iana.org": "a dot stands between", "test@.iana.org": "a dot stands between", "test@iana..com": "a dot stands between",
		"u@app.example.": "a dot stands between", "u@.": "a dot stands between",
		"test@-iana.org": "hyphen", "test@iana-.org": "hyphen", "test@iana.org-": "hyphen", "test@-": "hyphen",
		// Lengths, in bytes.
		strings.Repeat("l", 65) + "@b.example":                         "64 bytes",
		strings.Repeat("ü", 33) + "@b.example":                         "64 bytes",
		"a@" + strings.Repeat("d", 64) + ".example":                    "63 bytes",
		"a@" + strings.Repeat("ü", 59) + ".example":                    "63 bytes", // as xn--
		strings.Replace(longest, "@", "@d", 1):                         "254 bytes",
		"a@" + strings.Repeat("d.", 200) + "d":                         "254 bytes",
		"a@" + strings.Repeat("ü.", 80) + "d":                          "255 bytes", // as xn--
		strings.Repeat("l", 64) + "@" + strings.Repeat("ü.", 24) + "d": "254 bytes", // as xn--
		// Forms that programs read in different ways.
		`"a b"@c.d`: "leave out quotes", `"ada"@c.d`: "leave out quotes", `""@c.d`: "leave out quotes", `"@c.d`: "leave out quotes",
		"(ada)ada@c.d": "leave out quotes", "ada@c.d(ada)": "leave out quotes", "Ada <ada@c.d>": "leave out quotes", "<ada@c.d>": "leave out quotes",
		"ada@[127.0.0.1]": "name of a domain", "ada@[IPv6:::1]": "name of a domain", "ada@[c.d]": "name of a domain", "ada@[": "name of a domain",
		"ada@c.d]": "']'", "a,b@c.d": "','", "a;b@c.d": "';'", "a:b@c.d": "':'", `a\b@c.d`: `'\\'`, "[a]@c.d": "'['", "@c:ada@c.d": "needs one @",
		"a@c_d.example": "'_'", "a@c+d.example": "'+'", "a@c/d": "'/'", "a@c:25": "':'", "a@c%d": "'%'", "a@c'd": "'\\''", "a@c!d": "'!'",
		// What is no character of an address.
		"a b@c.d": "U+0020", "a@c.d ": "U+0020", " a@c.d": "U+0020", "a@c.d\n": "U+000A", "a@c.d\r\n": "U+000D", "a\x00@c.d": "U+0000", "a\t@c.d": "U+0009",
		"a\x7f@c.d": "U+007F", "a\u0085@c.d": "U+0085", "a\u00a0b@c.d": "U+00A0", "a\u3000@c.d": "U+3000", "a\u2028@c.d": "U+2028",
		"a\ufffd@c.d": "valid Unicode", "a\xff@c.d": "not UTF-8", "a\xed\xa0\x80@c.d": "not UTF-8",
		"☃@c.d": "neither a letter", "a@☃.d": "neither a letter", "a\u2019b@c.d": "neither a letter", "a@c\u3002d": "neither a letter", "\ue000@c.d": "neither a letter",
		// One letter, several ways to write it.
		"u\u0308@c.d": "NFC", "\u1112\u1161\u11ab@c.d": "NFC", "\u0301a@c.d": "NFC", "J\u030cx@c.d": "NFC", "\u212b@c.d": "form of another",
		"\u2126@c.d": "form of another", "\ufb2b@c.d": "form of another",
		"\u212aim@c.d": "read as an ASCII", "\u017fam@c.d": "read as an ASCII", "\u0130@c.d": "read as an ASCII", "\u0131@c.d": "read as an ASCII",
		"\uff41@c.d": "read as an ASCII", "a@\uff41.d": "read as an ASCII", "\u2071@c.d": "read as an ASCII", "x\u00b2@c.d": "neither a letter", "\ufb01@c.d": "read as an ASCII", "a@\u2113.d": "read as an ASCII",
		// Domains that have another form, or none.
		"a@xn--.d": "not in the form", "a@xn--abc.d": "", "a@xn--abc-.d": "", "a@xn--example-.com": "", "a@xn--a.d": "", "a@xn--0.d": "",
		"a@xn--mnchen-3ya.xn--zzzzzzzzzzz": "", "a@xn--mnchen-.d": "", "a@xn--n3h.d": "neither a letter", "a@xn--7ca.xn--a": "",
		"a@mu\u0308nchen.example": "read as ASCII",
	} {
		if err := address.Check(bad); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: got %v, want an error with %q", bad, err, why)
		}
	}
}

// SECURITY E11: letters that show nothing make no second address of one that looks the same.
func TestCheckSeesLettersThatShowNothing(t *testing.T) {
	for _, r := range "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180e\u180f\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2061\u2064\u2065" +
		"\u2066\u2069\u206a\u206f\u2800\u3164\ufe00\ufe0f\ufeff\uffa0\ufff0\ufff8\ufff9\ufffc\U0001d173\U0001bca0\U00013441\U00016fe4\U000e0001\U000e0020\U000e0061\U000e007f" +
		"\U000e0100\U000e01ef\U000e0fff" {
		for _, email := range []string{"ada" + string(r) + "@app.example", string(r) + "ada@app.example", "a" + string(r) + "da@app.example",
			"ada@app" + string(r) + ".example", "ada@a" + string(r) + "pp.example", "用" + string(r) + "户@app.example", string(r) + "@app.example"} {
			if address.Check(email) == nil {
				t.Errorf("%+q passed", email)
			}
		}
	}
	// A domain's A-label can hide one.
	for _, email := range []string{"a@xn--mgba3gch31f060k.com"} {
		if address.Check(email) == nil {
			t.Errorf("%q passed", email)
		}
	}
}

// SECURITY E1, E10: addresses in a row are one mailbox, and no two rows are.
func TestKey(t *testing.T) {
	seen := map[string]string{}
	for _, row := range [][]string{
		{"ann@example.com", "ANN@Example.COM", "aNN@example.com"},
		{"ada@münchen.example", "ada@xn--mnchen-3ya.example", "ADA@MÜNCHEN.EXAMPLE", "Ada@XN--MNCHEN-3YA.Example", "ada@Xn--Mnchen-3yA.example"},
		{"ada@munchen.example"}, {"ada@muenchen.example"},
		{"ada@strasse.example"},
		{"ada@straße.example", "ada@xn--strae-oqa.example", "ada@STRAẞE.example"},
		{"ada@νίκος.example", "ada@ΝΊΚΟς.example", "ada@xn--kxawhkp.example"}, {"ada@νίκοσ.example", "ada@ΝΊΚΟΣ.example"},
		{"ada@例え.example", "ada@xn--r8jz45g.example"},
		{"ada@a.münchen.example", "ada@a.xn--mnchen-3ya.example"}, {"ada@xn--mnchen-3ya.xn--mnchen-3ya", "ada@münchen.xn--mnchen-3ya", "ada@München.münchen"},
		{"ü@example.com", "Ü@example.com"}, {"u@example.com"}, {"xn--tda@example.com"},
		{"straße@example.com", "STRAẞE@example.com"}, {"strasse@example.com"},
		{"ада@example.com", "АДА@example.com"}, {"aдa@example.com"},
		{"i@example.com", "I@example.com"}, {"s@example.com"}, {"k@example.com"},
	} {
		for _, email := range row {
			if err := address.Check(email); err != nil {
				t.Errorf("%s: %v", email, err)
			}
			key := address.Key(email)
			if want := address.Key(row[0]); key != want {
				t.Errorf("%s: got the key %q, want that of %s, %q", email, key, row[0], want)
			}
			if other, known := seen[key]; known && other != row[0] {
				t.Errorf("%s has the key of %s", email, other)
			}
			seen[key] = row[0]
		}
	}
}

// Of a text of ASCII alone the key has small letters for capitals, and is the same otherwise.
func TestKeyOfASCII(t *testing.T) {
	for c := range rune(utf8.RuneSelf) {
		small := c
		if 'A' <= c && c <= 'Z' {
			small += 'a' - 'A'
		}
		for _, around := range []string{"%", "a%b@c.example", "a@b%c.example", "a@x%-y.example", "@", "%@", "@%"} {
			email, want := strings.ReplaceAll(around, "%", string(c)), strings.ReplaceAll(around, "%", string(small))
			if got := address.Key(email); got != want {
				t.Errorf("%q: got %q, want %q", email, got, want)
			}
		}
	}
}

// SECURITY E10: a domain has one key, in capitals, in small letters and as xn--, whatever letter it has; and that of another
// letter is another one.
func TestKeyOfEveryDomain(t *testing.T) {
	keys := map[string]rune{}
	everyRune(func(r rune) {
		email := "ada@x" + string(r) + "x.example"
		if r <= unicode.MaxASCII || !unicode.In(r, unicode.L, unicode.M, unicode.N) || unicode.In(r, unicode.Han, unicode.Hangul) && r%100 != 0 || address.Check(email) != nil {
			return
		}
		key := address.Key(email)
		if !strings.HasPrefix(key, "ada@xn--") || address.Check(key) != nil || address.Key(key) != key {
			t.Errorf("%U: got the key %q, whose own is %q (%v)", r, key, address.Key(key), address.Check(key))
		}
		lower := unicode.ToLower(unicode.ToUpper(r))
		if other, known := keys[key]; known && unicode.ToLower(other) != unicode.ToLower(r) && unicode.ToUpper(other) != unicode.ToUpper(r) {
			t.Errorf("%U and %U have one key", r, other)
		}
		keys[key] = lower
	})
}

// SECURITY E10: keys are as different as the addresses, for texts of any length that look like addresses.
func TestKeysStayApart(t *testing.T) {
	letters := []rune("aAbkKiIsSzZ0-._+üÜßẞıİſKσςΣéжЖ用नि\u0308\u0301\u200dａ。xn")
	local := rapid.StringOfN(rapid.SampledFrom(letters), 1, 8, -1)
	mailbox := rapid.Custom(func(t *rapid.T) string {
		return local.Draw(t, "local") + "@" + rapid.SampledFrom([]string{"", "xn--", "a.", "XN--"}).Draw(t, "prefix") + local.Draw(t, "domain") + ".example"
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := mailbox.Draw(t, "a"), mailbox.Draw(t, "b")
		for _, email := range []string{a, b} {
			key := address.Key(email)
			if address.Key(key) != key {
				t.Fatalf("%q: the key %q has the key %q", email, key, address.Key(key))
			}
			if (address.Check(email) == nil) != (address.Check(key) == nil) && !strings.ContainsFunc(email, unicode.IsUpper) {
				t.Fatalf("%q: %v; its key %q: %v", email, address.Check(email), key, address.Check(key))
			}
		}
		if address.Check(a) != nil || address.Check(b) != nil || address.Key(a) != address.Key(b) {
			return
		}
		localA, _, _ := strings.Cut(a, "@")
		localB, _, _ := strings.Cut(b, "@")
		if !strings.EqualFold(localA, localB) || !strings.EqualFold(onlyASCII(localA), onlyASCII(localB)) {
			t.Fatalf("%q and %q have one key", a, b)
		}
	})
}

func FuzzAddress(f *testing.F) {
	for _, email := range []string{"ada@app.example", "ada@münchen.example", "a@xn--mnchen-3ya.example", "v\u0130ctim@x", "a@[::1]", "\"a\"@b", "a@b@c", "@", "a@."} {
		f.Add(email)
	}
	f.Fuzz(func(t *testing.T, email string) {
		key := address.Key(email)
		if again := address.Key(key); again != key {
			t.Errorf("%q: the key %q has the key %q", email, key, again)
		}
		if address.Check(email) != nil {
			return
		}
		if strings.Count(key, "@") != 1 || sso.CleanText(email) != email || len(key) > 254 && len(email) <= 64 {
			t.Errorf("%q was accepted, with the key %q", email, key)
		}
		_, domain, _ := strings.Cut(key, "@")
		if onlyASCII(domain) != domain || strings.ToLower(domain) != domain {
			t.Errorf("%q: got the domain %q, want one in ASCII", email, domain)
		}
	})
}

// everyRune calls f with each character that Unicode has, and of those that it has not with one in a hundred.
func everyRune(f func(r rune)) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if utf8.ValidRune(r) && (r%100 == 0 || unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cc, unicode.Cf)) {
			f(r)
		}
	}
}

func onlyASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII {
			return -1
		}
		return r
	}, s)
}

// SECURITY E10: whatever text comes, accepted or not, its key has an ASCII character only where the text has one, so that
// no letter of another alphabet makes one mailbox of two.
func TestKeyMakesNoASCII(t *testing.T) {
	everyRune(func(r rune) {
		email := "v" + string(r) + "ctim@example.com"
		if got, want := onlyASCII(address.Key(email)), strings.ToLower(onlyASCII(email)); got != want {
			t.Errorf("%U: got the key %q, want %q of its ASCII characters", r, got, want)
		}
	})
}

// SECURITY E10: no accepted address has a character outside ASCII that another program could read as an ASCII one,
// whichever way it compares text.
func TestNoLetterPassesForASCII(t *testing.T) {
	ways := map[string]func(string) string{
		"lower case": strings.ToLower, "upper case": strings.ToUpper, "title case": strings.ToTitle,
		"lower of upper case": func(s string) string { return strings.ToLower(strings.ToUpper(s)) },
		"folded": func(s string) string {
			r, _ := utf8.DecodeRuneInString(s)
			least := r
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				least = min(least, f)
			}
			return string(least)
		},
		"NFKC": norm.NFKC.String, "NFC": norm.NFC.String,
		"NFKC of lower case": func(s string) string { return norm.NFKC.String(strings.ToLower(s)) },
		"NFKC of upper case": func(s string) string { return norm.NFKC.String(strings.ToUpper(s)) },
	}
	everyRune(func(r rune) {
		if r <= unicode.MaxASCII || address.Check("v"+string(r)+"ctim@example.com") != nil {
			return
		}
		for name, way := range ways {
			if got := onlyASCII(way(string(r))); got != "" {
				t.Errorf("%U is accepted, and its %s has %q", r, name, got)
			}
		}
	})
}
