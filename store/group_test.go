package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
	"github.com/ssobridge/ssobridge/store"
)

// SECURITY C1: of sign-ins that share a commit and bring the same token one opens a session, and the others are refused; new
// people beside them are signed in.
func TestSameTokenInOneCommit(t *testing.T) {
	db := open(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"))
	const same, others = 6, 3
	errs := make([]error, same+others)
	first, in := conformance.Arrival(start, person("ada@example.com"), standard)
	end := db.Hold(t.Context())
	go func() {
		for db.Waiting() <= len(errs) {
			time.Sleep(time.Millisecond)
		}
		if err := end(); err != nil {
			t.Error(err)
		}
	}()
	ssotest.AtOnce(len(errs), func(i int) {
		x, attempt := conformance.Arrival(start, person(fmt.Sprintf("p%d@example.com", i)), standard)
		if i < same {
			x.Identity, x.Proof = first.Identity, first.Proof
			attempt.FlowKey = in.FlowKey
		}
		_, errs[i] = db.SignIn(context.Background(), x, attempt)
	})
	opened := 0
	for i, err := range errs {
		switch {
		case err == nil && i < same:
			opened++
		case i < same:
			wantCode(t, "the same token", err, sso.TokenReplayed)
		case err != nil:
			t.Errorf("another person: %v", err)
		}
	}
	if n := db.count(t, "sessions"); opened != 1 || n != 1+others {
		t.Errorf("the token opened %d sessions, and there are %d; want 1 and %d", opened, n, 1+others)
	}
}

// When a sign-in would have to wait too long, the next one is told so, and leaves nothing behind: no event, no spent token, no
// guess. Who waits already is served, and so is whoever writes something else. At once is told who comes while others have waited
// for long; who comes before that, with many others, when their time is over.
func TestTooManySignIns(t *testing.T) {
	for _, most := range []time.Duration{time.Nanosecond, 300 * time.Millisecond} {
		t.Run(most.String(), func(t *testing.T) {
			each(t, func(t *testing.T, db *testDB) { tooManySignIns(t, db, most) })
		})
	}
}

func tooManySignIns(t *testing.T, db *testDB, most time.Duration) {
	if _, err := db.CreateAccount(t.Context(), sso.Account{Email: "bob@example.com", Active: true}, "h", nil, cli); err != nil {
		t.Fatal(err)
	}
	s := db.another(t, store.Options{MostWait: most})
	x, in := conformance.Arrival(start, person("ada@example.com"), standard)
	key := credential.Credential{AccountID: 1, Passkey: &credential.Passkey{ID: "k"}}
	ways := map[string]func() error{
		"token": func() error {
			_, err := s.SignIn(t.Context(), x, in)
			return err
		},
		"password": func() error {
			_, err := s.AddFailureWithin(t.Context(), map[string]int{"all": 1}, start, start)
			return err
		},
		"passkey": func() error {
			n, _ := db.sessionOf(1)
			return s.OpenSession(t.Context(), n, key, cli)
		},
	}
	end := s.Hold(t.Context())
	events := db.count(t, "events")
	for name, way := range ways {
		wantCode(t, name, way(), sso.Busy)
	}
	if n := db.count(t, "events"); n != events {
		t.Errorf("%d events of those who were told to come back", n-events)
	}
	group := make(chan error, 1)
	go func() {
		_, err := s.CreateGroup(context.Background(), "Research", cli)
		group <- err
	}()
	if err := errors.Join(end(), <-group); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"token", "password"} {
		if err := ways[name](); err != nil {
			t.Errorf("%s, when there is room: %v", name, err)
		}
	}
}
