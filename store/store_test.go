package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
	"github.com/ssobridge/ssobridge/store"
)

func TestMain(m *testing.M) {
	ssotest.TempInMemory()
	code := m.Run()
	postgres.Stop()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// each runs a test on the databases (see [postgres.Engines]), each in an empty one of its own.
func each(t *testing.T, test func(t *testing.T, db *testDB)) {
	for _, engine := range postgres.Engines() {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			test(t, open(t, empties()[engine](t)))
		})
	}
}

// empties make the address of a database that has all tables and nothing in them, for each engine.
func empties() map[string]func(testing.TB) string {
	return map[string]func(testing.TB) string{
		"sqlite": func(t testing.TB) string {
			path := filepath.Join(t.TempDir(), "test.db")
			empty.Copy(t, path, func(path string) error { return makeTables(t, "sqlite:"+path) })
			return "sqlite:" + path
		},
		"postgres": func(t testing.TB) string {
			return postgres.Tables(t, func(url string) error { return makeTables(t, url) })
		},
	}
}

var empty ssotest.Template

func makeTables(t testing.TB, databaseURL string) error {
	db, err := store.Open(t.Context(), databaseURL, store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	_, err = db.Migrate(t.Context())
	return errors.Join(err, db.Close())
}

// A testDB is a migrated store with a clock that the test moves.
type testDB struct {
	*store.Store
	url    string
	now    atomic.Pointer[time.Time]
	counts func() *sql.DB // for count: PostgreSQL starts a process for each connection
}

var secret = bytes.Repeat([]byte("k7"), 20)

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func open(t testing.TB, databaseURL string) *testDB {
	t.Helper()
	db := &testDB{url: databaseURL}
	db.counts = sync.OnceValue(func() *sql.DB { return db.raw(t) })
	db.now.Store(&start)
	db.Store = db.another(t, store.Options{})
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	t.Cleanup(func() { db.sizesHold(t); db.weeksHold(t) })
	return db
}

// sizesHold compares how many people are in each group by what triggers kept with what a count finds, whatever a test did.
func (db *testDB) sizesHold(t testing.TB) {
	t.Helper()
	const differ = `SELECT count(*) FROM (
		SELECT group_id, sum(n) AS n FROM (
			SELECT group_id, members AS n FROM group_sizes
			UNION ALL SELECT group_id, -count(*) FROM memberships GROUP BY group_id
			UNION ALL SELECT 1, -count(*) FROM accounts
		) AS sizes GROUP BY group_id) AS differences WHERE n <> 0`
	n := 0
	if err := db.counts().QueryRowContext(context.Background(), differ).Scan(&n); err == nil && n > 0 { // a test may have taken the database away
		t.Errorf("the sizes of %d groups are not what is counted", n)
	}
}

// another opens the same database once more, as another replica does.
func (db *testDB) another(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	o.Now = func() time.Time { return *db.now.Load() }
	o.Log = slog.New(slog.DiscardHandler)
	if o.Secret == nil {
		o.Secret = secret
	}
	s, err := store.Open(t.Context(), db.url, o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func (db *testDB) advance(d time.Duration) {
	now := db.now.Load().Add(d)
	db.now.Store(&now)
}

// raw opens the database without the store.
func (db *testDB) raw(t testing.TB) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", db.url
	if file, ok := strings.CutPrefix(db.url, "sqlite:"); ok {
		driver, dsn = "sqlite", "file:"+file+"?_pragma=busy_timeout(5000)"
	}
	raw, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	return raw
}

// Logins for tests.

func person(email string) sso.Identity {
	return sso.Identity{Provider: "jwt", Subject: sso.Subject{Kind: sso.SubjectEmail, Value: address.Key(email)}, Email: email}
}

func subject(email, sub string) sso.Identity {
	id := person(email)
	id.Subject = sso.Subject{Kind: sso.SubjectClaim, Value: sub}
	return id
}

func groups(id sso.Identity, names ...string) sso.Identity {
	id.Groups, id.GroupsSent = append([]string{}, names...), true
	return id
}

var standard = sso.Policy{SingleUse: true, Admission: sso.Admission{Provision: true}, GroupSync: sso.GroupSync{SyncGroups: true}}

func (db *testDB) signIn(t testing.TB, id sso.Identity, policy sso.Policy) (*sso.SignedIn, sso.SessionHash) {
	t.Helper()
	x, in := conformance.Arrival(*db.now.Load(), id, policy)
	_, version, err := db.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	in.Settings = version
	out, err := db.SignIn(t.Context(), x, in)
	if err != nil {
		t.Fatalf("SignIn(%s): %v", id.Email, err)
	}
	return out, in.Session.Hash
}

// count counts rows, past the store.
func (db *testDB) count(t testing.TB, table string) (n int) {
	t.Helper()
	if err := db.counts().QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
