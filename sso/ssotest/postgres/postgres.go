// Package postgres gives tests a PostgreSQL database each: in the server that SSOBRIDGE_TEST_POSTGRES names, or in a
// throwaway one of the test process, which [Stop] ends.
package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres/cluster"
)

// Database returns the URL of an empty schema of the test's own.
func Database(t testing.TB) string {
	t.Helper()
	shared.ready(t)
	return shared.schema(t)
}

// Tables returns the URL of a database of the test's own that has all tables and nothing in them. make makes them once for
// all tests of this process, at the URL that it is given. Where the server is not ours, the database is empty instead.
func Tables(t testing.TB, make func(url string) error) string {
	t.Helper()
	if shared.ready(t); shared.own == nil {
		return shared.schema(t)
	}
	return shared.copy(t, make)
}

// Engines returns the names of the databases that a test is run on: sqlite, and in CI postgres (see [ssotest.First]). What the two do
// differently is tried on both outside CI, too, where it stands: in package sqldb, and by the conformance test of package store.
func Engines() []string { return ssotest.First("sqlite", "postgres") }

// InCI is [Database] for a test that outside CI is left out: another one has the rule on this database, or it is seldom broken.
func InCI(t testing.TB) string {
	t.Helper()
	ssotest.InCI(t, "PostgreSQL")
	return Database(t)
}

// Stop ends the server of this process, if one was started: call it when all tests have run.
func Stop() { shared.stop() }

// A server is the PostgreSQL server of this test process.
type server struct {
	once sync.Once
	url  string
	own  *cluster.Cluster // nil: not ours
	n    atomic.Int64
	db   *sql.DB
	bin  string
	made sync.Once // the database that others are copies of
}

var shared server

// ready starts the server, if that is for us to do, for the first test that wants it.
func (p *server) ready(t testing.TB) {
	t.Helper()
	given, bin := os.Getenv("SSOBRIDGE_TEST_POSTGRES"), ""
	if given == "" { // here, since a test that is skipped inside of Once would have started nothing for the others
		bin = filepath.Dir(ssotest.Need(t, "initdb", "apt-get install postgresql, or set SSOBRIDGE_TEST_POSTGRES=postgres://…"))
	}
	p.once.Do(func() { // tests ask at once; after this nothing of p is written
		if p.url, p.bin = given, bin; given == "" {
			if err := p.start(); err != nil {
				t.Logf("PostgreSQL did not start: %v", err)
			}
		}
		p.db, _ = sql.Open("pgx", p.url) // a wrong URL fails in what follows
	})
	if p.url == "" {
		t.Fatal("PostgreSQL did not start; an earlier test says why")
	}
}

func (p *server) schema(t testing.TB) string {
	t.Helper()
	schema := fmt.Sprintf("test_%d_%d", os.Getpid(), p.n.Add(1))
	if _, err := p.db.ExecContext(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	if p.own == nil { // one of our own goes as a whole
		t.Cleanup(func() {
			if _, err := p.db.ExecContext(context.Background(), "DROP SCHEMA "+schema+" CASCADE"); err != nil {
				t.Error(err)
			}
		})
	}
	u, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

// tables is the name of the database that others are copies of.
const tables = "tables"

// copy makes a database by copying files, which takes a fifth of the time that making its tables takes.
func (p *server) copy(t testing.TB, make func(url string) error) string {
	t.Helper()
	url := func(name string) string { return strings.Replace(p.url, "/postgres?", "/"+name+"?", 1) }
	p.made.Do(func() {
		if _, err := p.db.ExecContext(t.Context(), "CREATE DATABASE "+tables); err != nil {
			t.Error(err)
		} else if err := make(url(tables)); err != nil {
			t.Error(err)
		}
	})
	name := fmt.Sprintf("test_%d", p.n.Add(1))
	if _, err := p.db.ExecContext(t.Context(), "CREATE DATABASE "+name+" TEMPLATE "+tables+" STRATEGY FILE_COPY"); err != nil {
		t.Fatal(err)
	}
	return url(name)
}

func (p *server) start() error {
	c, err := cluster.Start(p.bin, "fsync=off", "full_page_writes=off", "autovacuum=off", "jit=off", "dynamic_shared_memory_type=mmap", "max_connections=500")
	if err == nil {
		p.own, p.url = c, c.URL
	}
	return err
}

func (p *server) stop() {
	if p.db != nil {
		p.db.Close()
	}
	if p.own == nil {
		return
	}
	if err := p.own.Remove(); err != nil {
		fmt.Fprintf(os.Stderr, "PostgreSQL did not stop: %v\n", err)
	}
}
