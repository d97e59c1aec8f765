// Package postgres gives tests a PostgreSQL database each: in the server that SSOBRIDGE_TEST_POSTGRES names, or in a
// throwaway one of the test process, which [Stop] ends.
package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// Database returns the URL of an empty schema of the test's own.
func Database(t testing.TB) string {
	t.Helper()
	server.ready(t)
	return server.schema(t)
}

// Tables returns the URL of a database of the test's own that has all tables and nothing in them. make makes them once for
// all tests of this process, at the URL that it is given. Where the server is not ours, the database is empty instead.
func Tables(t testing.TB, make func(url string) error) string {
	t.Helper()
	if server.ready(t); server.dir == "" {
		return server.schema(t)
	}
	return server.copy(t, make)
}

// Stop ends the server of this process, if one was started: call it when all tests have run.
func Stop() { server.stop() }

// A cluster is the PostgreSQL server of this test process.
type cluster struct {
	once sync.Once
	url  string
	dir  string
	n    atomic.Int64
	db   *sql.DB
	bin  string
	made sync.Once // the database that others are copies of
	run  func(name string, args ...string) *exec.Cmd
}

var server cluster

// ready starts the server, if that is for us to do, for the first test that wants it.
func (p *cluster) ready(t testing.TB) {
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

func (p *cluster) schema(t testing.TB) string {
	t.Helper()
	schema := fmt.Sprintf("test_%d_%d", os.Getpid(), p.n.Add(1))
	if _, err := p.db.ExecContext(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	if p.dir == "" { // one of our own goes as a whole
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
func (p *cluster) copy(t testing.TB, make func(url string) error) string {
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

func (p *cluster) start() error {
	dir, err := os.MkdirTemp("", "ssobridge-pg-")
	if err != nil {
		return err
	}
	p.dir = dir
	p.run = exec.Command
	if me, err := user.Current(); err == nil && me.Uid == "0" { // initdb refuses root
		owner, err := user.Lookup("postgres")
		if err != nil {
			return err
		}
		uid, _ := strconv.Atoi(owner.Uid)
		gid, _ := strconv.Atoi(owner.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			return err
		}
		p.run = func(name string, args ...string) *exec.Cmd {
			return exec.Command("runuser", append([]string{"-u", "postgres", "--", name}, args...)...)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	for _, c := range []*exec.Cmd{
		p.run(filepath.Join(p.bin, "initdb"), "-D", dir+"/d", "-A", "trust", "-U", "postgres", "--locale=C.UTF-8", "-E", "UTF8", "--no-sync"),
		p.run(filepath.Join(p.bin, "pg_ctl"), "-D", dir+"/d", "-l", dir+"/log", "-w", "-o",
			fmt.Sprintf("-p %d -k %s -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off -c autovacuum=off -c jit=off -c dynamic_shared_memory_type=mmap -c max_connections=500", port, dir), "start"),
	} {
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", c.Args, err, out)
		}
	}
	p.url = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
	return nil
}

func (p *cluster) stop() {
	if p.db != nil {
		p.db.Close()
	}
	if p.dir == "" {
		return
	}
	c := p.run(filepath.Join(p.bin, "pg_ctl"), "-D", p.dir+"/d", "-m", "immediate", "stop")
	c.Dir = p.dir
	if out, err := c.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "PostgreSQL did not stop: %v\n%s", err, out)
	}
	os.RemoveAll(p.dir)
}
