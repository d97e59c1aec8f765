package store_test

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
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
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/store"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(child())
	}
	code := m.Run()
	postgres.stop()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// each runs a test on both databases, each in an empty one of its own.
func each(t *testing.T, test func(t *testing.T, db *testDB)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, open(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db")))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, open(t, postgres.database(t)))
	})
}

// A testDB is a migrated store with a clock that the test moves.
type testDB struct {
	*store.Store
	url string
	now atomic.Pointer[time.Time]
}

var secret = bytes.Repeat([]byte("k7"), 20)

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func open(t testing.TB, databaseURL string) *testDB {
	t.Helper()
	db := &testDB{url: databaseURL}
	db.now.Store(&start)
	db.Store = db.another(t, store.Options{})
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	return db
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

// cluster is a PostgreSQL server for this test process: the one of SSOBRIDGE_TEST_POSTGRES, or a throwaway one. Each test
// gets a schema of its own.
type cluster struct {
	once sync.Once
	url  string
	dir  string
	n    atomic.Int64
	bin  string
	run  func(name string, args ...string) *exec.Cmd
}

var postgres cluster

func (p *cluster) database(t testing.TB) string {
	t.Helper()
	p.url = cmp.Or(p.url, os.Getenv("SSOBRIDGE_TEST_POSTGRES"))
	if p.url == "" {
		initdb := ssotest.Need(t, "initdb", "apt-get install postgresql, or set SSOBRIDGE_TEST_POSTGRES=postgres://…")
		p.bin = filepath.Dir(initdb)
	}
	p.once.Do(func() {
		if p.url == "" {
			if err := p.start(); err != nil {
				t.Logf("PostgreSQL did not start: %v", err)
			}
		}
	})
	if p.url == "" {
		t.Fatal("PostgreSQL did not start; an earlier test says why")
	}
	return p.schema(t)
}

func (p *cluster) schema(t testing.TB) string {
	t.Helper()
	admin, err := sql.Open("pgx", p.url)
	if err != nil {
		t.Fatal(err)
	}
	schema := fmt.Sprintf("test_%d_%d", os.Getpid(), p.n.Add(1))
	if _, err := admin.ExecContext(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.ExecContext(context.Background(), "DROP SCHEMA "+schema+" CASCADE"); err != nil {
			t.Error(err)
		}
		admin.Close()
	})
	u, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
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
			fmt.Sprintf("-p %d -k %s -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=500", port, dir), "start"),
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

// Logins for tests.

func person(email string) sso.Identity {
	return sso.Identity{Provider: "jwt", Subject: sso.Subject{Kind: sso.SubjectEmail, Value: sso.EmailKey(email)}, Email: email}
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

var standard = sso.Policy{SingleUse: true, Provision: true, SyncGroups: true}

// arrival is one callback as the bridge hands it to the store.
func arrival(now time.Time, id sso.Identity, policy sso.Policy) (*sso.Exam, sso.SignIn) {
	sid, _ := sso.HashSessionID(sso.NewSessionID())
	proof := sso.ProofByID("test", sso.NewSessionID())
	x := &sso.Exam{Now: now, Identity: id, Proof: sso.Proof{Key: proof, Until: now.Add(10 * time.Minute)}}
	return x, sso.SignIn{
		Policy: policy,
		Session: sso.Session{Hash: sid, Provider: id.Provider, Proof: proof, CreatedAt: now, LastUsed: now,
			ExpiresAt: now.Add(time.Hour), Peer: "192.0.2.1", UserAgent: "test"},
		Event: sso.Event{At: now, Kind: sso.EventSignIn, Reference: sso.NewReference(), Provider: id.Provider, Email: id.Email, Proof: proof},
	}
}

func (db *testDB) signIn(t testing.TB, id sso.Identity, policy sso.Policy) (*sso.SignedIn, sso.SessionHash) {
	t.Helper()
	x, in := arrival(*db.now.Load(), id, policy)
	out, err := db.SignIn(t.Context(), x, in)
	if err != nil {
		t.Fatalf("SignIn(%s): %v", id.Email, err)
	}
	return out, in.Session.Hash
}

// count counts rows, past the store.
func (db *testDB) count(t testing.TB, table string) (n int) {
	t.Helper()
	if err := db.raw(t).QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
