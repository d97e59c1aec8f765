package groupsource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// asked is a source that counts.
type asked struct {
	n  atomic.Int64
	do func(ctx context.Context, p Person) ([]string, bool, error)
}

func (a *asked) GroupsOf(ctx context.Context, p Person) ([]string, bool, error) {
	a.n.Add(1)
	return a.do(ctx, p)
}

func says(names ...string) *asked {
	return &asked{do: func(context.Context, Person) ([]string, bool, error) { return names, true, nil }}
}

func fails(err error) *asked {
	return &asked{do: func(context.Context, Person) ([]string, bool, error) { return nil, false, err }}
}

func silent() *asked {
	return &asked{do: func(context.Context, Person) ([]string, bool, error) { return nil, false, nil }}
}

// The first source that answers is believed, and nobody behind it is asked. SECURITY E13
func TestOrder(t *testing.T) {
	sent := sso.Identity{Email: "ada@example.org", Groups: []string{"t"}, GroupsSent: true}
	none := sso.Identity{Email: "ada@example.org", Groups: []string{}, GroupsSent: true}
	absent := sso.Identity{Email: "ada@example.org"}
	odd := sso.Identity{Email: "ada@example.org", GroupsFault: "the claim is odd"}
	var many []string
	for i := range MaxGroups + 1 {
		many = append(many, fmt.Sprint(i))
	}
	for _, tt := range []struct {
		name    string
		id      sso.Identity
		sources []Named
		want    string // source and groups
		said    string
	}{
		{"the token", sent, []Named{{Token, nil}, {LDAP, says("l")}}, "token []", "token: 1 group: t"},
		{"an empty list in the token is an answer", none, []Named{{Token, nil}, {LDAP, says("l")}}, "token []", "token: in no group"},
		{"no claim", absent, []Named{{Token, nil}, {LDAP, says("l", "m")}}, "ldap [p-l p-m]", "token: has no groups claim; ldap: 2 groups: l, m"},
		{"a claim that cannot be read", odd, []Named{{Token, nil}, {LDAP, says("l")}}, "ldap [p-l]", "token: the claim is odd; ldap: 1 group: l"},
		{"the directory first", sent, []Named{{LDAP, says("l")}, {Token, nil}}, "ldap [p-l]", "ldap: 1 group: l"},
		{"in no group of the directory", sent, []Named{{LDAP, says()}, {Token, nil}}, "ldap []", "ldap: in no group"},
		{"unknown to the directory", absent, []Named{{Token, nil}, {LDAP, silent()}, {Endpoint, says("e")}}, "endpoint [p-e]", "token: has no groups claim; ldap: does not know the person; endpoint: 1 group: e"},
		{"unknown to all", absent, []Named{{LDAP, silent()}, {Endpoint, silent()}}, " []", "ldap: does not know the person; endpoint: does not know the person"},
		{"a failure ends it", absent, []Named{{LDAP, fails(errors.New("down"))}, {Endpoint, says("e")}}, "error: down", "ldap: down"},
		{"what is no name", absent, []Named{{LDAP, says("a", "", "a", "b\n", strings.Repeat("x", 255), " c", "d")}}, "ldap [p-a p-d]", "ldap: 2 groups: a, d"},
		{"too many", absent, []Named{{LDAP, says(many...)}}, "error: more than 1000 groups", "ldap: more than 1000 groups"},
	} {
		o := &Order{Sources: tt.sources, Prefix: "p-", Log: slog.New(slog.DiscardHandler)}
		answer, err := o.FindGroups(t.Context(), tt.id)
		got := fmt.Sprint(answer.Source, " ", answer.Groups)
		if err != nil {
			got = "error: " + err.Error()
		}
		var said []string
		for _, a := range answer.Asked {
			text, _, _ := strings.Cut(a.String(), " (") // how long it took
			said = append(said, text)
		}
		if !strings.HasPrefix(got, tt.want) || !strings.HasPrefix(strings.Join(said, "; "), tt.said) {
			t.Errorf("%s: got %s, said %q; want %s, %q", tt.name, got, said, tt.want, tt.said)
		}
	}
}

// SECURITY E13: whose name it is.
func TestPersonOf(t *testing.T) {
	claim := sso.Subject{Kind: sso.SubjectClaim, Value: "u1"}
	for _, tt := range []struct {
		id   sso.Identity
		want Person
	}{
		{sso.Identity{Email: "Ada@Example.org"}, Person{User: "Ada", Subject: "Ada@Example.org", Email: "Ada@Example.org"}},
		{sso.Identity{Email: "ada@evil.example"}, Person{Subject: "ada@evil.example", Email: "ada@evil.example"}},
		{sso.Identity{Email: "ada@sub.example.org"}, Person{Subject: "ada@sub.example.org", Email: "ada@sub.example.org"}},
		{sso.Identity{Email: "ada@evil.example", Subject: claim}, Person{User: "u1", Subject: "u1", Email: "ada@evil.example"}},
		{sso.Identity{Username: "ada", Subject: claim}, Person{User: "u1", Subject: "u1"}},
		{sso.Identity{Username: "ada"}, Person{User: "ada", Subject: "ada"}},
		{sso.Identity{}, Person{}},
	} {
		if got := (&Order{Domain: "example.org"}).PersonOf(tt.id); got != tt.want {
			t.Errorf("%+v: got %+v, want %+v", tt.id, got, tt.want)
		}
		if got := (&Order{}).PersonOf(sso.Identity{Email: "ada@"}); got.User != "" {
			t.Errorf("without a domain: got %+v", got)
		}
	}
}

// Twenty who ask at once are one question, and its answer is remembered until it is too old; a failure is not.
func TestRemember(t *testing.T) {
	release := make(chan struct{})
	source := &asked{do: func(_ context.Context, p Person) ([]string, bool, error) {
		<-release
		if p.User == "eve" {
			return nil, false, errors.New("down")
		}
		return []string{p.User + "|" + p.Email}, true, nil
	}}
	var now atomic.Int64
	m := Remember(source, time.Minute, time.Minute, func() time.Time { return time.Unix(now.Load(), 0) })
	var answers atomic.Int64
	go func() {
		for source.n.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		close(release)
	}()
	ssotest.AtOnce(20, func(int) {
		if names, known, err := m.GroupsOf(t.Context(), Person{User: "a", Email: "b"}); err == nil && known && names[0] == "a|b" {
			answers.Add(1)
		}
	})
	if answers.Load() != 20 || source.n.Load() != 1 {
		t.Errorf("%d of 20 were answered, by %d questions; want 20 by 1", answers.Load(), source.n.Load())
	}
	for _, p := range []Person{{User: "a", Email: "b"}, {User: "ab"}, {Email: "ab"}, {Subject: "ab"}, {User: "a", Subject: "b"}} { // CVE-2026-71326
		if names, _, err := m.GroupsOf(t.Context(), p); err != nil || names[0] != p.User+"|"+p.Email {
			t.Errorf("%+v: got %q, %v", p, names, err)
		}
	}
	before := source.n.Load()
	now.Add(61)
	for range 2 {
		m.GroupsOf(t.Context(), Person{User: "a", Email: "b"})
		m.GroupsOf(t.Context(), Person{User: "eve"})
	}
	if got := source.n.Load() - before; got != 3 {
		t.Errorf("a minute later two people were asked about twice each: %d questions, want 1 and 2", got)
	}
}

// SECURITY E5: an answer says until when it is remembered, so that whoever remembers what came of it does so no longer.
func TestRememberedUntil(t *testing.T) {
	var now time.Time
	clock := func() time.Time { return now }
	directory, endpoint := Remember(says("x"), time.Minute, time.Minute, clock), Remember(says("y"), time.Minute, 0, clock)
	unknown := Remember(silent(), time.Minute, 30*time.Second, clock)
	begin := time.Unix(1_700_000_000, 0)
	for _, tt := range []struct {
		after   time.Duration
		sources []Source
		want    time.Duration // after begin
	}{
		{0, []Source{directory}, time.Minute},
		{50 * time.Second, []Source{directory}, time.Minute},
		{0, []Source{unknown, directory}, 30 * time.Second},
		{61 * time.Second, []Source{directory}, 121 * time.Second},
		{61 * time.Second, []Source{endpoint}, 61 * time.Second},
	} {
		now = begin.Add(tt.after)
		o := &Order{Log: slog.New(slog.DiscardHandler), Sources: []Named{{Name: Token}}}
		for _, s := range tt.sources {
			o.Sources = append(o.Sources, Named{Name: LDAP, Source: s})
		}
		got, err := o.FindGroups(t.Context(), sso.Identity{Email: "ada@example.org"})
		if err != nil || !got.Until.Equal(begin.Add(tt.want)) {
			t.Errorf("%+v: until %v after the beginning, %v", tt, got.Until.Sub(begin), err)
		}
	}
	o := &Order{Sources: []Named{{Name: Token}, {Name: LDAP, Source: directory}}}
	if got, err := o.FindGroups(t.Context(), sso.Identity{GroupsSent: true}); err != nil || !got.Until.IsZero() {
		t.Errorf("the token knows: until %v, %v", got.Until, err)
	}
}

func TestRememberEnds(t *testing.T) {
	hang := &asked{do: func(ctx context.Context, _ Person) ([]string, bool, error) {
		<-ctx.Done()
		return nil, false, context.Cause(ctx)
	}}
	m := Remember(hang, 10*time.Millisecond, time.Minute, time.Now)
	if _, _, err := m.GroupsOf(t.Context(), Person{}); err == nil || err.Error() != "no answer within 10ms" {
		t.Errorf("a source that hangs: got %v", err)
	}
	m = Remember(hang, time.Hour, time.Minute, time.Now)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("gone"))
	if _, _, err := m.GroupsOf(ctx, Person{}); err == nil || err.Error() != "gone" {
		t.Errorf("who asks has gone: got %v", err)
	}
	m = Remember(&asked{do: func(context.Context, Person) ([]string, bool, error) { panic("odd") }}, time.Hour, time.Minute, time.Now)
	if _, _, err := m.GroupsOf(t.Context(), Person{}); err == nil || !strings.Contains(err.Error(), "odd") {
		t.Errorf("a panic: got %v", err)
	}
}

// SECURITY E12
func TestRememberIsBounded(t *testing.T) {
	m := Remember(says("x"), time.Minute, time.Hour, time.Now).(*memory)
	for i := range maxRemembered + 100 {
		m.put(Person{User: fmt.Sprint(i)}, answer{until: time.Now().Add(time.Hour)})
	}
	if n := len(m.answers); n != maxRemembered {
		t.Errorf("%d answers are remembered, want %d", n, maxRemembered)
	}
}

func TestParseTemplate(t *testing.T) {
	for text, want := range map[string]string{
		"(uid={user})": "(uid=<a>)", "": "", "x": "x", "{user}{email}{user}": "<a><b><a>", "(a={user})(b={email})x": "(a=<a>)(b=<b>)x",
		"{": "!", "}": "!", "{user": "!", "user}": "!", "{}": "!", "{ user}": "!", "{User}": "!", "{dn}": "!", "{{user}}": "!", "{none}": "-",
	} {
		tmpl, err := ParseTemplate(text, "user", "email", "none")
		got := "!"
		if err == nil {
			filled, ok := tmpl.Fill(map[string]string{"user": "a", "email": "b"}, func(s string) string { return "<" + s + ">" })
			if got = filled; !ok {
				got = "-"
			}
		}
		if got != want {
			t.Errorf("%q: got %q (%v), want %q", text, got, err, want)
		}
	}
}

// What is filled in never changes the text around it, and a template without placeholders is its own text.
func FuzzParseTemplate(f *testing.F) {
	for _, text := range []string{"(uid={user})", "{user}", "{", "}", "{{user}}", "(&(a={user})(b={email}))"} {
		f.Add(text, "ada)(uid=*")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		tmpl, err := ParseTemplate(text, "user", "email")
		if err != nil {
			return
		}
		filled, ok := tmpl.Fill(map[string]string{"user": value, "email": value}, func(string) string { return "\x00" })
		has := tmpl.Has("user") || tmpl.Has("email")
		if ok != (value != "" || !has) {
			t.Fatalf("%q with %q: filled %v", text, value, ok)
		}
		if want := strings.NewReplacer("{user}", "\x00", "{email}", "\x00").Replace(text); ok && filled != want {
			t.Fatalf("%q: got %q, want %q", text, filled, want)
		}
	})
}
