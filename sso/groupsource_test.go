package sso_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
)

// finder answers as it is told.
type finder struct {
	answer sso.GroupAnswer
	err    error
	asked  int
}

func (f *finder) FindGroups(context.Context, sso.Identity) (sso.GroupAnswer, error) {
	f.asked++
	return f.answer, f.err
}

// SECURITY E13: the groups of a sign-in are those of the source that answered; a failure is no answer.
func TestGroupSources(t *testing.T) {
	said := func(source string) []sso.GroupsAsked { return []sso.GroupsAsked{{Source: source, Said: "as it is"}} }
	ldap := func(groups ...string) sso.GroupAnswer {
		return sso.GroupAnswer{Source: "ldap", Groups: groups, Asked: said("ldap")}
	}
	down := errors.New("connection refused")
	keep := func(p *sso.Provider) { p.OnGroupFailure = sso.KeepOnFailure }
	allowed := func(p *sso.Provider) { p.Policy.AllowedGroups = []string{"Sales"} }
	for _, tt := range []struct {
		name   string
		finder finder
		claims map[string]any
		change []func(*sso.Provider)
		want   string // groups afterwards, or the code; before, the person is in Sales
	}{
		{"of the directory", finder{answer: ldap("Support")}, nil, nil, "All Users, Support"},
		{"not of the token", finder{answer: ldap("Support")}, map[string]any{"groups": []string{"Sales"}}, nil, "All Users, Support"},
		{"of the token", finder{answer: sso.GroupAnswer{Source: "token", Asked: said("token")}}, map[string]any{"groups": []string{"Support"}}, nil, "All Users, Support"},
		{"in none", finder{answer: ldap()}, nil, nil, "All Users"},
		{"one whose name has a comma", finder{answer: ldap("Sales, EMEA")}, nil, nil, "All Users"},
		{"unknown everywhere", finder{answer: sso.GroupAnswer{Asked: said("ldap")}}, nil, nil, "All Users"},
		{"unknown, with a claim that cannot be read", finder{answer: sso.GroupAnswer{Asked: said("ldap")}}, map[string]any{"groups": map[string]any{"a": 1}}, nil, "All Users, Sales"},
		{"down", finder{answer: sso.GroupAnswer{Asked: said("ldap")}, err: down}, nil, nil, "groups_unavailable"},
		{"down, keep", finder{answer: sso.GroupAnswer{Asked: said("ldap")}, err: down}, map[string]any{"groups": []string{"Support"}}, []func(*sso.Provider){keep}, "All Users, Sales"},
		{"down, keep, and groups decide who may come in", finder{err: down}, nil, []func(*sso.Provider){keep, allowed}, "groups_unavailable"},
		{"switched off", finder{err: fmt.Errorf("off: %w", sso.PersonNotAllowed)}, nil, []func(*sso.Provider){keep}, "person_not_allowed"},
		{"allowed by the directory", finder{answer: ldap("Sales")}, nil, []func(*sso.Provider){allowed}, "All Users, Sales"},
		{"not allowed by the directory", finder{answer: ldap("Support")}, map[string]any{"groups": []string{"Sales"}}, []func(*sso.Provider){allowed}, "person_not_allowed"},
	} {
		w := newWorld(t)
		if _, err := w.store.EnsureGroups(t.Context(), []string{"Sales", "Support"}, sso.Event{}); err != nil {
			t.Fatal(err)
		}
		w.signIn(sso.Callback{Token: w.token(secretA, map[string]any{"groups": []string{"Sales"}})})
		p := w.Providers[0]
		p.Groups = &tt.finder
		for _, c := range tt.change {
			c(p)
		}
		token := w.token(secretA, tt.claims)
		explained := w.Explain(t.Context(), sso.Callback{Token: token})
		in, err := w.SignIn(t.Context(), sso.Callback{Token: token})
		got := string(sso.CodeOf(err))
		if err == nil {
			var names []string
			for _, g := range in.SignedIn.Groups {
				names = append(names, g.Name)
			}
			got = strings.Join(names, ", ")
		}
		if got != tt.want {
			t.Errorf("%s: got %s (%v), want %s", tt.name, got, err, tt.want)
		}
		if explained.Accepted != (err == nil) || string(explained.Code) != string(sso.CodeOf(err)) {
			t.Errorf("%s: explained as %v, %s", tt.name, explained.Accepted, explained.Code)
		}
		for _, c := range explained.Checks {
			if c.Name == "group_sources" && tt.finder.answer.Asked != nil && !strings.Contains(c.Detail, "as it is") {
				t.Errorf("%s: the check says %q, want what the sources said", tt.name, c.Detail)
			}
		}
		if err != nil && sso.CodeOf(err) == sso.GroupsUnavailable { // nothing was spent: the same token is good once the source is back
			p.Groups = &finder{answer: ldap("Sales")}
			if _, err := w.SignIn(t.Context(), sso.Callback{Token: token}); err != nil {
				t.Errorf("%s: afterwards got %v", tt.name, err)
			}
		}
	}
}

// Who brings a token that is no good causes no question.
func TestGroupSourcesAfterTheToken(t *testing.T) {
	f := &finder{}
	w := newWorld(t, func(p *sso.Provider) { p.Groups = f })
	if _, err := w.SignIn(t.Context(), sso.Callback{Token: w.token(secretB, nil)}); sso.CodeOf(err) != sso.TokenSignature || f.asked != 0 {
		t.Errorf("got %v after %d questions, want %s after none", err, f.asked, sso.TokenSignature)
	}
}
