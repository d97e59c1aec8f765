package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store"
)

// The bare transaction is only a fair measure while it writes what a login writes. Triggers count the rows that each of
// the two inserts, updates and deletes in every table, for a new person and for one who returns.
func TestBareTransactionWritesWhatALoginWrites(t *testing.T) {
	bare := filepath.Join(t.TempDir(), "bare.db")
	l, err := openLedger(t.Context(), "sqlite:"+bare, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.db.Close()
	if err := l.login(t.Context(), order{}); err != nil { // the first of a group begins its size, as somebody does in the other one
		t.Fatal(err)
	}
	full := filepath.Join(t.TempDir(), "full.db")
	s := openStore(t, full)

	for _, again := range []bool{false, true} {
		got := counted(t, bare, func() {
			if again { // of those who return, the first is meant
				l.logins.Store(returning - 1)
			}
			if err := l.login(t.Context(), order{Again: again}); err != nil {
				t.Fatal(err)
			}
		})
		want := counted(t, full, func() { signIn(t.Context(), t, s, again) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("again %v: the bare transaction writes other rows than a login: -login +bare\n%s", again, diff)
		}
	}
}

func openStore(t *testing.T, file string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+file, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.EnsureGroups(t.Context(), []string{group}, sso.Event{Kind: sso.EventGroup}); err != nil {
		t.Fatal(err)
	}
	// Names of groups are written down once a day, which is no part of a login: here, by somebody else's.
	signInAs(t.Context(), t, s, 999, "earlier")
	return s
}

func signIn(ctx context.Context, t *testing.T, s *store.Store, again bool) {
	t.Helper()
	signInAs(ctx, t, s, 0, fmt.Sprint(again))
}

func signInAs(ctx context.Context, t *testing.T, s *store.Store, person int64, unique string) {
	t.Helper()
	now := time.Now()
	first, last := "Person", fmt.Sprint(person)
	proof := sso.Proof{Key: sso.ProofByID("", "", unique), Until: now.Add(14 * time.Minute)}
	x := &sso.Exam{Now: now, Proof: proof, Identity: sso.Identity{
		Provider: "jwt", Subject: sso.Subject{Kind: sso.SubjectEmail, Value: email(person)}, Email: email(person),
		FirstName: &first, LastName: &last, Attributes: map[string]string{"department": "Benchmarks"},
		Groups: []string{"staff"}, GroupsSent: true,
	}}
	_, err := s.SignIn(ctx, x, sso.Attempt{
		Policy: sso.Policy{
			SingleUse: true, Admission: sso.Admission{Provision: true},
			GroupSync: sso.GroupSync{SyncGroups: true, Mappings: sso.Mappings{"staff": {{Name: group}}}},
		},
		Session: sso.Session{Hash: sha256.Sum256([]byte(unique)), Provider: "jwt", Proof: proof.Key, CreatedAt: now, LastUsed: now,
			ExpiresAt: now.Add(time.Hour), Peer: "127.0.0.1"},
		Event: sso.Event{At: now, Kind: sso.EventSignIn, Provider: "jwt", Email: email(person), Proof: proof.Key},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// counted returns how many rows do changed, by table and kind of change.
func counted(t *testing.T, file string, do func()) map[string]int {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec := func(query string) {
		if _, err := db.Exec(query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	exec("DROP TABLE IF EXISTS bench_counts")
	exec("CREATE TABLE bench_counts (what TEXT)")
	var triggers []string
	for _, table := range names(t, db, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'bench%' AND name NOT LIKE 'sqlite%'") {
		for _, kind := range []string{"INSERT", "UPDATE", "DELETE"} {
			trigger := fmt.Sprintf("bench_%s_%s", table, strings.ToLower(kind))
			exec(fmt.Sprintf("CREATE TRIGGER %s AFTER %s ON %s BEGIN INSERT INTO bench_counts VALUES ('%s %s'); END",
				trigger, kind, table, kind, table))
			triggers = append(triggers, trigger)
		}
	}
	do()
	counts := map[string]int{}
	for _, what := range names(t, db, "SELECT what FROM bench_counts") {
		counts[what]++
	}
	for _, trigger := range triggers {
		exec("DROP TRIGGER " + trigger)
	}
	return counts
}

func names(t *testing.T, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		all = append(all, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestTransactionsTakeOrders(t *testing.T) {
	in, orders := io.Pipe()
	results, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- serveTransactions(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "bench.db"), "4", in, out)
		out.Close()
	}()
	c := newTransactions(nil, orders, results)
	if err := c.prepare(); err != nil {
		t.Fatal(err)
	}
	for _, o := range []order{{}, {Again: true}, {Shared: true}, {Again: true, Shared: true}} {
		s, err := c.turn(o)(t.Context(), 20*time.Millisecond)
		if err != nil || s.requests == 0 || s.requests != len(s.times) || s.elapsed <= 0 {
			t.Errorf("%+v: got %d requests in %v, %v", o, s.requests, s.elapsed, err)
		}
	}
	orders.Close()
	if err := <-ended; err != nil {
		t.Errorf("after the last order: got %v, want a clean end", err)
	}
}
