package gate

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
)

// An entry keeps names only as headers have them: a group is found by its exact name, and by nothing that looks like it.
func TestAnswerKnowsItsGroups(t *testing.T) {
	names := []string{"All Users", "Sales, Europe", "100%", "-", "Ingénierie", " x ", "%2C", "a%20b"}
	p := &sso.Principal{Account: sso.Account{ID: 7, Email: "ada@example.com"}}
	for i, name := range names {
		p.Groups = append(p.Groups, sso.Group{ID: int64(i + 1), Name: name})
	}
	e := newEntry(p)
	if diff := cmp.Diff(names, e.answer.groups()); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	for _, name := range names {
		if !e.inAny([]string{"nobody", name}) {
			t.Errorf("%q: got not in it, want in it", name)
		}
	}
	for _, name := range []string{"", "all users", "All", "Sales", " Europe", "Sales%2C Europe", "100%25", "%2D", "x", ",", "a b",
		strings.Join(names, ",")} {
		if e.inAny([]string{name}) {
			t.Errorf("%q: got in it, want not in it", name)
		}
	}
	if e.inAny(nil) {
		t.Error("no names: got in one of them")
	}
}

func FuzzHeaderValue(f *testing.F) {
	for _, text := range []string{"", "-", "ada@example.com", " a ", "a,b", "100%", "%2D", "Zo\u00eb", "a\r\nb", "\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value := headerValue(text)
		if value == "" || strings.TrimSpace(value) != value || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' || r == ',' }) {
			t.Errorf("headerValue(%q): got %q, want one line of ASCII without commas", text, value)
		}
		if got := fromHeader(value); got != text {
			t.Errorf("fromHeader(headerValue(%q)): got %q", text, got)
		}
	})
}

// An assertion is handed out for as long as an app can rely on it, and not after the clock was set back.
func TestAssertionAge(t *testing.T) {
	at := time.Unix(1_800_000_000, 123_456_789)
	a := &signed{at: at.UnixMicro()}
	for _, c := range []struct {
		after time.Duration
		want  bool
	}{
		{0, true},
		{assertionRenew - time.Millisecond, true},
		{assertionRenew, false},
		{-time.Millisecond, false},
	} {
		if got := a.good(at.Add(c.after)); got != c.want {
			t.Errorf("%v after it was signed: got good %v, want %v", c.after, got, c.want)
		}
	}
	if (*signed)(nil).good(at) {
		t.Error("none: got good")
	}
}
