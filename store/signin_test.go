package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
)

var cli = sso.Event{Kind: sso.EventAccount, Actor: "cli"}

func ptr[T any](v T) *T { return &v }

// with returns the standard policy, changed.
func with(change func(*sso.Policy)) sso.Policy {
	p := standard
	change(&p)
	return p
}

func mapped(m sso.Mappings) sso.Policy { return with(func(p *sso.Policy) { p.Mappings = m }) }

func names(groups []sso.Group) string {
	var all []string
	for _, g := range groups {
		all = append(all, g.Name)
	}
	return strings.Join(all, ", ")
}

func (db *testDB) ensure(t testing.TB, names ...string) {
	t.Helper()
	if _, err := db.EnsureGroups(t.Context(), names, sso.Event{Kind: sso.EventGroup, Actor: "test"}); err != nil {
		t.Fatal(err)
	}
}

// admin makes an account in Administrators.
func (db *testDB) admin(t testing.TB, email string) sso.Account {
	t.Helper()
	a, err := db.CreateAccount(t.Context(), sso.Account{Email: email, Active: true}, "", []int64{sso.Administrators}, cli)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// SECURITY C3: what is spent stays spent for as long as a replica might accept the token.
func TestSpentSurvivesSweep(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		x, in := conformance.Arrival(start, person("ada@example.com"), standard)
		if _, err := db.SignIn(t.Context(), x, in); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			at   time.Time
			want sso.Code
		}{{x.Proof.Until.Add(-time.Second), sso.TokenReplayed}, {x.Proof.Until.Add(time.Minute), sso.TokenReplayed}, {x.Proof.Until.Add(time.Hour), ""}} {
			if _, err := db.Sweep(t.Context(), tt.at); err != nil {
				t.Fatal(err)
			}
			again, in := conformance.Arrival(tt.at, person("ada@example.com"), standard)
			again.Proof = x.Proof
			if _, err := db.SignIn(t.Context(), again, in); sso.CodeOf(err) != tt.want {
				t.Errorf("swept at %v: got %v, want %q", tt.at, err, tt.want)
			}
		}
	})
}

// What PostgreSQL refuses and SQLite would keep never reaches either.
func TestHostileText(t *testing.T) {
	const nasty = "a\x00b\xffc\r\nd\u202e'; DROP TABLE accounts; --"
	each(t, func(t *testing.T, db *testDB) {
		id := groups(subject("ada@example.com", "sub\x00\xff"), nasty, "\x00")
		id.FirstName, id.LastName = ptr(nasty), ptr("\x00")
		id.Attributes = map[string]string{nasty: nasty}
		x, in := conformance.Arrival(start, id, standard)
		in.Session.Peer, in.Session.UserAgent, in.Session.Provider = nasty, nasty, nasty
		in.Event.Detail, in.Event.Reference, in.Event.KeyID, in.FlowKey = nasty, nasty, nasty, nasty
		out, err := db.SignIn(t.Context(), x, in)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := db.Account(t.Context(), out.Account.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(out.Account, kept, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("answered and kept differ (-answered +kept):\n%s", diff)
		}
		if err := db.Record(t.Context(), sso.Event{Kind: nasty, Code: nasty, Email: nasty, Actor: nasty}); err != nil {
			t.Errorf("Record: %v", err)
		}
		if _, _, err := db.Accounts(t.Context(), sso.AccountQuery{Search: nasty}); err != nil {
			t.Errorf("Accounts: %v", err)
		}
		for name, err := range map[string]error{
			"AccountByEmail": second(db.AccountByEmail(t.Context(), nasty)), "GroupByName": second(db.GroupByName(t.Context(), nasty)),
			"TakeHandoff": second(db.TakeHandoff(t.Context(), nasty)),
		} {
			if sso.CodeOf(err) != sso.NotFound {
				t.Errorf("%s: got %v, want not found", name, err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

// SECURITY E12: many groups are one login like any other.
func TestManyGroups(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		var all []string
		for i := range 300 {
			all = append(all, fmt.Sprintf("group %03d", i))
		}
		db.ensure(t, all...)
		out, _ := db.signIn(t, groups(person("ada@example.com"), all...), standard)
		if len(out.Groups) != 301 {
			t.Errorf("got %d groups, want 301", len(out.Groups))
		}
		out, _ = db.signIn(t, groups(person("ada@example.com"), all[7:10]...), standard)
		if got := names(out.Groups); got != "All Users, group 007, group 008, group 009" {
			t.Errorf("got %s", got)
		}
		seen, err := db.GroupNamesSeen(t.Context())
		if err != nil || len(seen) != 300 || seen[0].Name != "group 000" || !seen[0].LastSeen.Equal(start) {
			t.Errorf("got %d names seen, %v", len(seen), err)
		}
	})
}
