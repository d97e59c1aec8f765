package tokenlog

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/ssobridge/ssobridge/sso"
)

func number(n int64) json.Number { return json.Number(fmt.Sprint(n)) }

func TestOf(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	for _, tt := range []struct {
		name   string
		claims sso.Claims
		want   Entry
	}{
		{"names, never values", sso.Claims{"sub": "secret", "email": "ada@example.com", "iat": number(100), "exp": number(400)},
			Entry{At: at, Claims: []string{"email", "exp", "iat", "sub"}, Lifetime: 5 * time.Minute, About: sso.Claims{"iat": number(100), "exp": number(400)}}},
		{"no iat", sso.Claims{"exp": number(400)}, Entry{At: at, Claims: []string{"exp"}, About: sso.Claims{"exp": number(400)}}},
		{"it ends before it begins", sso.Claims{"iat": number(400), "exp": number(100)}, Entry{At: at, Claims: []string{"exp", "iat"}, About: sso.Claims{"iat": number(400), "exp": number(100)}}},
		{"an end that overflows", sso.Claims{"iat": number(1), "exp": number(1 << 62)}, Entry{At: at, Claims: []string{"exp", "iat"}, About: sso.Claims{"iat": number(1), "exp": number(1 << 62)}}},
		{"parts of seconds", sso.Claims{"iat": json.Number("1.5"), "exp": json.Number("61.5")}, Entry{At: at, Claims: []string{"exp", "iat"}, Lifetime: time.Minute, About: sso.Claims{"iat": json.Number("1.5"), "exp": json.Number("61.5")}}},
		{"dates that are none", sso.Claims{"iat": "100", "exp": true}, Entry{At: at, Claims: []string{"exp", "iat"}, About: sso.Claims{"iat": "100", "exp": true}}},
		{"what is too long", sso.Claims{"iss": strings.Repeat("x", 1000)}, Entry{At: at, Claims: []string{"iss"}}},
		{"a name that turns the line round", sso.Claims{"a\u202eb": 1, "a\u200eb": 1, "x\x00\n": 1}, Entry{At: at, Claims: []string{"a\ufffdb", "x\ufffd\ufffd"}, About: sso.Claims{}}},
		{"a long name", sso.Claims{strings.Repeat("é", 80): 1}, Entry{At: at, Claims: []string{strings.Repeat("é", 50) + "…"}, About: sso.Claims{}}},
	} {
		if got := Of(tt.claims, at); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
	many := sso.Claims{}
	for i := range 1000 {
		many[fmt.Sprint("claim", i)] = i
	}
	if got := Of(many, at); len(got.Claims) != maxClaims || got.More != 1000-maxClaims {
		t.Errorf("of 1000 claims: %d names and %d more", len(got.Claims), got.More)
	}
}

func TestClaims(t *testing.T) {
	got := Claims([]Entry{{Claims: []string{"iss", "sub"}}, {Claims: []string{"sub"}}, {Claims: []string{"aud", "sub"}}})
	if want := []Claim{{"sub", 3}, {"aud", 1}, {"iss", 1}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Claims(nil); got != nil {
		t.Errorf("of none: %v", got)
	}
}

// Whatever a claim is called, what is kept of it is short and can be seen.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"sub", "a\u202eb", "\x00", "https://example.com/groups", "\xff", strings.Repeat("☃", 99)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		e := Of(sso.Claims{name: "value of it"}, time.Time{})
		if len(e.Claims) != 1 || len(e.Claims[0]) > maxName+len("…") {
			t.Fatalf("got %q", e.Claims)
		}
		for _, r := range e.Claims[0] {
			if !unicode.IsPrint(r) {
				t.Errorf("%q has %U", e.Claims[0], r)
			}
		}
	})
}

// What is taken for short without a look at its JSON is short, and can be written.
func FuzzShort(f *testing.F) {
	for _, s := range []string{"https://idp.example", "\x00", "\xff", "<&>", "\u2028", "1.5", "0x1", "0 ", "01", "", "☃", strings.Repeat("\x01", 170), strings.Repeat("é", 400)} {
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, value string, text bool) {
		claims := sso.Claims{"iss": value, "iat": number(1), "email_verified": true}
		if !text {
			claims["iss"] = json.Number(value)
		}
		written, err := json.Marshal(claims)
		if surelyShort(claims) && (err != nil || len(written) > maxAbout) {
			t.Errorf("%q: %d bytes, %v", value, len(written), err)
		}
		if (aboutItself(claims) == nil) != (err != nil || len(written) > maxAbout) {
			t.Errorf("%q: kept %v of %d bytes, %v", value, aboutItself(claims), len(written), err)
		}
	})
}
