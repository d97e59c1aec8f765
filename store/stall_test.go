package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
)

// SECURITY L8, L4: a database that does not answer in our time is unavailable, whatever waits for it, and is there again
// afterwards.
func TestStalledDatabase(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		a, err := db.CreateAccount(t.Context(), sso.Account{Email: "ada@example.com", Active: true}, "h", nil, cli)
		if err != nil {
			t.Fatal(err)
		}
		n, _ := db.sessionOf(a.ID)
		by := credential.Credential{AccountID: a.ID, PasswordHash: "h"}
		operations := map[string]func(context.Context) error{
			"sign-in": func(ctx context.Context) error {
				x, in := conformance.Arrival(start, person("eve@example.com"), standard)
				_, err := db.SignIn(ctx, x, in)
				return err
			},
			"session": func(ctx context.Context) error { return db.OpenSession(ctx, n, by, cli) },
			"settings": func(ctx context.Context) error {
				_, err := db.SaveSettings(ctx, sso.SettingsChange{Values: map[string]*string{"SITE_NAME": ptr("x")}, Events: []sso.Event{cli}})
				return err
			},
			"failures": func(ctx context.Context) error {
				_, err := db.AddFailureWithin(ctx, map[string]int{"all": 1}, start, start)
				return err
			},
		}
		conn, err := db.raw(t).Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		stall := []string{"BEGIN", "LOCK TABLE counters, accounts, proofs, failures IN ACCESS EXCLUSIVE MODE"}
		if strings.HasPrefix(db.url, "sqlite:") {
			stall = []string{"BEGIN IMMEDIATE"}
		}
		for _, text := range stall {
			if _, err := conn.ExecContext(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		for name, run := range operations {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			wantCode(t, name, run(ctx), sso.StoreUnavailable)
			cancel()
		}
		if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"sign-in", "session", "settings", "failures"} {
			if err := operations[name](t.Context()); err != nil {
				t.Errorf("%s afterwards: %v", name, err)
			}
		}
	})
}
