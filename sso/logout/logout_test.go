package logout_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/sso/logout"
)

var at = time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)

// meets reports whether a mark of the notice is one under which the sign-in looks.
func meets(n logout.Notice, s logout.SignIn) bool {
	return slices.ContainsFunc(n.Marks(), func(k logout.Key) bool { return slices.Contains(s.Marks(), k) })
}

func TestWhoIsMeant(t *testing.T) {
	ada := map[string]any{"sub": "42", "sid": "s1", "email": "ada@example.com"}
	without := func(names ...string) map[string]any {
		c := map[string]any{}
		for name, v := range ada {
			if !slices.Contains(names, name) {
				c[name] = v
			}
		}
		return c
	}
	for _, tt := range []struct {
		name    string
		notice  logout.Notice
		claims  map[string]any
		byClaim string // "": by e-mail
		want    bool
	}{
		{"the subject", logout.Notice{Subject: "42"}, ada, "", true},
		{"another subject", logout.Notice{Subject: "43"}, ada, "", false},
		{"a subject in other letters", logout.Notice{Subject: "ADA"}, map[string]any{"sub": "ada"}, "ada", false},
		{"a subject that is a number", logout.Notice{Subject: "42"}, map[string]any{"sub": json.Number("42")}, "", true},
		{"a list is no subject", logout.Notice{Subject: "42"}, map[string]any{"sub": []any{"42"}}, "", false},
		{"the e-mail, of people known by it", logout.Notice{Subject: "Ada@Example.com", ByEmail: true}, without("sub"), "", true},
		{"the e-mail, of people known by a claim", logout.Notice{Subject: "ada@example.com"}, ada, "42", false},
		{"the claim by which people are known", logout.Notice{Subject: "u-7"}, ada, "u-7", true},
		{"the session", logout.Notice{ID: "s1"}, ada, "", true},
		{"another session", logout.Notice{ID: "s2"}, ada, "", false},
		{"a session named as the subject is", logout.Notice{ID: "42"}, ada, "", false},
		{"a subject named as the session is", logout.Notice{Subject: "s1"}, ada, "", false},
		{"the session and its subject", logout.Notice{Subject: "42", ID: "s1"}, ada, "", true},
		{"another session of the subject", logout.Notice{Subject: "42", ID: "s2"}, ada, "", false},
		{"a session of the subject that the token does not name", logout.Notice{Subject: "42", ID: "s2"}, without("sid"), "", true},
		{"the subject alone, of a token that names its session", logout.Notice{Subject: "42"}, ada, "", true},
		{"no subject meets no other", logout.Notice{ID: "s2"}, map[string]any{}, "", false},
	} {
		s := logout.SignIn{Session: logout.SessionOf(tt.claims), Person: tt.byClaim}
		if tt.byClaim == "" {
			s.Person, s.ByEmail = address.Key("ada@example.com"), true
		}
		if got := meets(tt.notice, s); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A sign-in was under way when its token, or its code, is older than the notice. SECURITY D9
func TestBars(t *testing.T) {
	m := logout.Mark{Issued: at, Received: at.Add(time.Minute)} // the provider's clock is a minute behind
	for _, tt := range []struct {
		name string
		s    logout.SignIn
		want bool
	}{
		{"signed before", logout.SignIn{Issued: at.Add(-time.Second)}, true},
		{"signed in the same second", logout.SignIn{Issued: at}, true},
		{"signed after", logout.SignIn{Issued: at.Add(time.Second)}, false},
		{"nobody knows when", logout.SignIn{}, true},
		{"begun before, and signed after, for a code", logout.SignIn{Issued: at.Add(time.Second), Begun: at.Add(time.Minute)}, true},
		{"begun after, for a code", logout.SignIn{Issued: at.Add(time.Second), Begun: at.Add(time.Minute + 1)}, false},
		{"begun after, with a token of before", logout.SignIn{Issued: at, Begun: at.Add(time.Hour)}, true},
	} {
		if got := m.Bars(tt.s); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Whatever text names a subject or a session, a notice with it means that one and no other.
func FuzzSubjects(f *testing.F) {
	f.Add("a", "b")
	f.Add("a\x00", "a")
	f.Add("", "a")
	f.Add("a", "")
	f.Add("K", "\u212a")
	f.Fuzz(func(t *testing.T, a, b string) {
		s := logout.SignIn{Session: logout.SessionOf(map[string]any{"sub": a, "sid": b}), Person: a}
		if n := len(s.Marks()); n > logout.MaxMarks {
			t.Errorf("%d marks, want %d at most", n, logout.MaxMarks)
		}
		if a != "" && !meets(logout.Notice{Subject: a}, s) {
			t.Errorf("sub %q does not mean itself", a)
		}
		if b != "" && !meets(logout.Notice{ID: b}, s) {
			t.Errorf("sid %q does not mean itself", b)
		}
		if a != b && (meets(logout.Notice{Subject: b}, s) || meets(logout.Notice{ID: a}, s)) {
			t.Errorf("%q means %q", b, a)
		}
	})
}
