package server_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
)

// roleOfItsOwn returns the URL with a new role, which owns the schema, and what runs SQL as the superuser.
func roleOfItsOwn(t *testing.T, database string) (ofRole, role string, run func(string)) {
	t.Helper()
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	run = func(query string) {
		t.Helper()
		if _, err := db.ExecContext(context.Background(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	schema := u.Query().Get("search_path")
	role = "role_" + schema
	run("CREATE ROLE " + role + " LOGIN")
	run("ALTER SCHEMA " + schema + " OWNER TO " + role)
	t.Cleanup(func() { // the schema goes later, and by then must be somebody's
		run("REASSIGN OWNED BY " + role + " TO CURRENT_USER")
		run("DROP OWNED BY " + role)
		run("DROP ROLE " + role)
	})
	u.User = url.User(role)
	return u.String(), role, run
}

// A PostgreSQL that refuses to write, or to be connected to, answers sign-ins with 503, and is there again as soon as it is:
// connections from a time when it was another do not stay.
//
// SECURITY L4
func TestFailover(t *testing.T) {
	database, role, run := roleOfItsOwn(t, postgres.InCI(t))
	b := start(t, "DATABASE_URL="+database, "JWT_BINDING=off")
	b.browser().signIn(nil).want(t, 302, "/")
	end := fmt.Sprintf("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '%s'", role)
	for _, tt := range []struct{ name, fail, mend, cause string }{
		{"read-only", "ALTER ROLE " + role + " SET default_transaction_read_only = on", "ALTER ROLE " + role + " RESET default_transaction_read_only", "read_only"},
		{"too many connections", "ALTER ROLE " + role + " CONNECTION LIMIT 0", "ALTER ROLE " + role + " CONNECTION LIMIT -1", "too_many_connections"},
		{"no entrance", "ALTER ROLE " + role + " NOLOGIN", "ALTER ROLE " + role + " LOGIN", "unavailable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run(tt.fail)
			run(end)
			for range 4 {
				began := time.Now()
				resp := b.browser().get("/auth/sso?jwt="+b.token(claims{"jti": sso.NewReference()}), "Accept: application/json")
				resp.wantUnavailable(t, "a sign-in", sso.StoreUnavailable)
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("answered after %v", took)
				}
			}
			b.wantReadiness(t, 503, tt.cause)
			run(tt.mend)
			recovers(t, b, time.Now())
		})
	}
	run(end) // a restart: who is asked first may have to be told, and nobody else
	failed := 0
	for range 6 {
		if resp := b.browser().signIn(claims{"jti": sso.NewReference()}); resp.StatusCode != 302 {
			failed++
		}
	}
	if failed > 1 {
		t.Errorf("%d of 6 sign-ins failed after all connections were ended", failed)
	}
	if log := b.log.String(); strings.Contains(log, "code=internal") {
		t.Error("the log has an internal error")
	}
}

// blockers is the query of the documents that finds who has locks for which the bridge waits.
func blockers(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile("../cmd/ssobridge/monitoring/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```sql\n")
	query, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("README.md has no query")
	}
	return query
}

// A program that has a table of PostgreSQL locked, such as one that changes it, is no reason to wait without end: sign-ins get 503
// in time, and /readyz says that it is a lock.
//
// SECURITY L4
func TestTableIsLocked(t *testing.T) {
	database := postgres.Database(t)
	b := start(t, "DATABASE_URL="+database, "JWT_BINDING=off")
	b.browser().signIn(nil).want(t, 302, "/")
	other, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	lock, err := other.Begin()
	if err == nil {
		_, err = lock.Exec("LOCK TABLE sessions, accounts IN ACCESS EXCLUSIVE MODE")
	}
	if err != nil {
		t.Fatal(err)
	}
	b.wantReadiness(t, 503, "locked")
	waits := make(chan struct{})
	go func() { // so that somebody waits for the lock
		defer close(waits)
		b.browser().get("/auth/sso?jwt=" + b.token(claims{"jti": sso.NewReference()}))
	}()
	holder, query := int64(0), blockers(t)
	if err := lock.QueryRow("SELECT pg_backend_pid()").Scan(&holder); err != nil {
		t.Fatal(err)
	}
	for found, end := int64(0), time.Now().Add(10*time.Second); found != holder; time.Sleep(10 * time.Millisecond) {
		if err := other.QueryRow("SELECT coalesce(max(pid), 0) FROM (" + query + ") q WHERE application_name <> 'ssobridge'").Scan(&found); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			t.Fatalf("the documented query finds %d, and %d has the lock", found, holder)
		}
	}
	<-waits
	ssotest.AtOnce(4, func(int) {
		began := time.Now()
		resp := b.browser().get("/auth/sso?jwt="+b.token(claims{"jti": sso.NewReference()}), "Accept: application/json")
		if took := time.Since(began); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || took > 10*time.Second {
			t.Errorf("a sign-in: got %d, Retry-After %q, after %v", resp.StatusCode, resp.Header.Get("Retry-After"), took)
		}
	})
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	recovers(t, b, time.Now())
	b.wantReadiness(t, 200, "")

	// Who says another time in DATABASE_URL has it.
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("lock_timeout", "50")
	u.RawQuery = q.Encode()
	b = start(t, "DATABASE_URL="+u.String(), "JWT_BINDING=off")
	if lock, err = other.Begin(); err == nil {
		_, err = lock.Exec("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
	}
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	b.browser().get("/auth/sso?jwt="+b.token(claims{"jti": sso.NewReference()}), "Accept: application/json").wantUnavailable(t, "a sign-in", sso.StoreUnavailable)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("answered after %v, with a lock_timeout of 50 ms", took)
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
}
