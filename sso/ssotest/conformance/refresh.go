package conformance

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/renewal"
	"github.com/ssobridge/ssobridge/sso/ssotest"
)

var given = sso.Granted{Issuer: "https://login.example.com", IDToken: "id-1", RefreshToken: "refresh-1", Subject: "ada-1", Nonce: "n"}

// refreshable signs somebody in whose session can be refreshed.
func (db *subject) refreshable(t *testing.T, id sso.Identity) (*sso.SignedIn, sso.SessionHash) {
	t.Helper()
	x, in := Arrival(db.now, id, standard)
	in.Granted = given
	out, err := db.SignIn(t.Context(), x, in)
	if err != nil {
		t.Fatal(err)
	}
	return out, in.Session.Hash
}

// claim claims a session for a minute, if it was refreshed ten minutes ago or before.
func (db *subject) claim(t *testing.T, session sso.SessionHash) (renewal.Claim, bool) {
	t.Helper()
	c, claimed, err := db.ClaimRefresh(t.Context(), session, db.now.Add(-10*time.Minute), db.now, db.now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return c, claimed
}

func (db *subject) mustClaim(t *testing.T, session sso.SessionHash) renewal.Claim {
	t.Helper()
	c, claimed := db.claim(t, session)
	if !claimed {
		t.Fatal("the session cannot be claimed")
	}
	return c
}

// renew is a refresh that brings this identity.
func (db *subject) renew(t *testing.T, c renewal.Claim, id sso.Identity) error {
	t.Helper()
	x := &sso.Exam{Now: db.now, Identity: id, Refreshes: id.Subject.Value}
	g := c.Granted
	g.IDToken = "id-2"
	_, err := db.Renew(t.Context(), x, sso.Attempt{
		Policy: standard, Granted: g, Session: sso.Session{Hash: c.Session, AccountID: c.AccountID, Provider: id.Provider},
		Event: sso.Event{At: db.now, Kind: sso.EventAccount, Provider: id.Provider, Detail: "refresh"},
	}, c)
	return err
}

func (db *subject) eventsOf(t *testing.T, kind sso.EventKind) []sso.Event {
	t.Helper()
	events, _, err := db.Events(t.Context(), sso.EventQuery{Kinds: []sso.EventKind{kind}})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func refreshes(t *testing.T, db *subject) {
	db.ensure(t, "Sales", "HR")
	ada := subjectOf("ada@example.com", "ada-1")
	before, session := db.refreshable(t, groups(ada, "Sales"))
	if _, claimed := db.claim(t, session); claimed {
		t.Error("a session that was just opened is due")
	}
	if _, plain := db.signIn(t, subjectOf("bob@example.com", "bob-1"), standard); true {
		db.advance(time.Hour)
		if _, claimed := db.claim(t, plain); claimed {
			t.Error("a session without a refresh token is due")
		}
	}

	c := db.mustClaim(t, session)
	if c.AccountID != before.Account.ID || c.Granted != given || !c.State.Refreshed.Equal(start) || !c.State.Failing.IsZero() {
		t.Errorf("got the claim %+v", c)
	}
	if _, claimed := db.claim(t, session); claimed {
		t.Error("it can be claimed twice")
	}
	rotated := c.Granted
	rotated.RefreshToken = "refresh-2"
	if err := db.KeepGranted(t.Context(), c, rotated); err != nil {
		t.Fatal(err)
	}

	// A crash here loses nothing: once the claim is over, the next one has the new token.
	db.advance(time.Minute)
	late := c
	if c = db.mustClaim(t, session); c.Granted != rotated {
		t.Errorf("after a crash: got %+v, want %+v", c.Granted, rotated)
	}
	for name, err := range map[string]error{
		"keep": db.KeepGranted(t.Context(), late, given), "settle": db.SettleRefresh(t.Context(), late, renewal.State{Refreshed: db.now}),
		"renew": db.renew(t, late, groups(ada, "HR")), "end": db.EndRefused(t.Context(), late, sso.Event{}),
	} {
		if sso.CodeOf(err) != sso.NotSignedIn {
			t.Errorf("%s with a claim that is over: got %v, want not_signed_in", name, err)
		}
	}

	// No good answer: later again.
	failing := renewal.State{Refreshed: c.State.Refreshed, After: db.now.Add(30 * time.Second), Failing: db.now}
	if err := db.SettleRefresh(t.Context(), c, failing); err != nil {
		t.Fatal(err)
	}
	if _, claimed := db.claim(t, session); claimed {
		t.Error("it can be claimed before it is tried again")
	}
	if p, err := db.Principal(t.Context(), session); err != nil || !p.Session.Unconfirmed.Equal(failing.Failing) {
		t.Errorf("got %+v, %v; want it unconfirmed since %v", p, err, failing.Failing)
	}
	db.advance(30 * time.Second)
	if c = db.mustClaim(t, session); !c.State.Failing.Equal(failing.Failing) {
		t.Errorf("failing since %v, want %v", c.State.Failing, failing.Failing)
	}

	if err := db.renew(t, c, groups(ada, "HR")); err != nil {
		t.Fatal(err)
	}
	p, err := db.Principal(t.Context(), session)
	if err != nil || names(p.Groups) != "All Users, HR" || !p.Session.RefreshedAt.Equal(db.now) || !p.Session.RefreshAfter.IsZero() || !p.Session.Unconfirmed.IsZero() {
		t.Errorf("got %+v, %v", p, err)
	}
	if !p.Account.LastLogin.Equal(start) {
		t.Errorf("a refresh is no sign-in: got the last one at %v", p.Account.LastLogin)
	}
	if e := db.eventsOf(t, sso.EventAccount); len(e) != 1 || !strings.HasPrefix(e[0].Detail, "refresh; added to ") || e[0].Email != "ada@example.com" {
		t.Errorf("got the events %+v", e)
	}
	rows := db.Rows(t)
	db.advance(time.Hour)
	if c = db.mustClaim(t, session); c.Granted.IDToken != "id-2" || c.Granted.RefreshToken != "refresh-2" || !c.State.Failing.IsZero() {
		t.Errorf("got the claim %+v", c)
	}
	if err := db.renew(t, c, groups(ada, "HR")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rows, db.Rows(t)); diff != "" { // nothing changed: no event, no announcement
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// A session that ended while it was refreshed does not come back, and nothing else of the refresh is kept.
func refreshOfEnded(t *testing.T, db *subject) {
	db.ensure(t, "Sales")
	ada := subjectOf("ada@example.com", "ada-1")
	_, session := db.refreshable(t, ada)
	db.advance(time.Hour)
	c := db.mustClaim(t, session)
	if ended, err := db.EndSession(t.Context(), session, sso.Event{Kind: sso.EventSignOut}); !ended || err != nil {
		t.Fatal(ended, err)
	}
	rows := db.Rows(t)
	for name, err := range map[string]error{
		"keep": db.KeepGranted(t.Context(), c, given), "settle": db.SettleRefresh(t.Context(), c, renewal.State{Refreshed: db.now}),
		"renew": db.renew(t, c, groups(ada, "Sales")), "end": db.EndRefused(t.Context(), c, sso.Event{}),
	} {
		if sso.CodeOf(err) != sso.NotSignedIn {
			t.Errorf("%s: got %v, want not_signed_in", name, err)
		}
	}
	if _, claimed := db.claim(t, session); claimed {
		t.Error("it is due")
	}
	if diff := cmp.Diff(rows, db.Rows(t)); diff != "" {
		t.Errorf("something was kept (-before +after):\n%s", diff)
	}
}

func refreshRefused(t *testing.T, db *subject) {
	ada := subjectOf("ada@example.com", "ada-1")
	out, session := db.refreshable(t, ada)
	db.signIn(t, subjectOf("bob@example.com", "bob-1"), standard)
	db.advance(time.Hour)
	c := db.mustClaim(t, session)
	for name, id := range map[string]sso.Identity{"another account": subjectOf("bob@example.com", "bob-1"), "a new person": subjectOf("ada@example.com", "ada-2")} {
		rows := db.Rows(t)
		if err := db.renew(t, c, id); sso.CodeOf(err) != sso.TokenSubjectMismatch {
			t.Errorf("%s: got %v, want token_subject_mismatch", name, err)
		}
		if diff := cmp.Diff(rows, db.Rows(t)); diff != "" {
			t.Errorf("%s: something was kept (-before +after):\n%s", name, diff)
		}
	}
	x := &sso.Exam{Now: db.now, Identity: ada, Refreshes: "ada-1"}
	_, err := db.Renew(t.Context(), x, sso.Attempt{Policy: standard, Settings: 99, Granted: given, Session: sso.Session{Hash: session, AccountID: out.Account.ID}}, c)
	if _, changed := errors.AsType[sso.SettingsChanged](err); !changed { // SECURITY D8
		t.Errorf("by settings that are not in force: got %v", err)
	}
	e := sso.Event{At: db.now, Kind: sso.EventNotRefreshed, Code: sso.ProviderRefused, Provider: "jwt", Detail: "why"}
	if err := db.EndRefused(t.Context(), c, e); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Principal(t.Context(), session); sso.CodeOf(err) != sso.NotSignedIn {
		t.Errorf("the session: got %v, want not_signed_in", err)
	}
	if got := db.eventsOf(t, sso.EventNotRefreshed); len(got) != 1 || got[0].Email != "ada@example.com" || got[0].AccountID != out.Account.ID || got[0].Code != sso.ProviderRefused {
		t.Errorf("got the events %+v", got)
	}
}

// Of many replicas that find a session due at once, one refreshes it.
func refreshedOnceAtOnce(t *testing.T, db *subject) {
	_, session := db.refreshable(t, subjectOf("ada@example.com", "ada-1"))
	db.advance(time.Hour)
	got := make([]bool, 20)
	ssotest.AtOnce(len(got), func(i int) {
		var store renewal.Store = db.Store
		if i%2 == 1 {
			store = db.Twin
		}
		var err error
		if _, got[i], err = store.ClaimRefresh(context.Background(), session, db.now.Add(-time.Minute), db.now, db.now.Add(time.Minute+time.Duration(i)*time.Second)); err != nil {
			t.Error(err)
		}
	})
	n := 0
	for _, claimed := range got {
		if claimed {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d have claimed it, want 1", n)
	}
}
