package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

func TestMain(m *testing.M) {
	ssotest.TempInMemory()
	code := m.Run()
	postgres.Stop()
	os.Exit(code)
}

// each runs a test on both engines, each with an empty database of its own.
func each(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, postgres.Database(t)) })
}

func open(t *testing.T, url string, o sqldb.Options) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// numbers makes a table with the row 1, 0.
func numbers(t *testing.T, db *sqldb.DB) {
	t.Helper()
	run(t, db, "CREATE TABLE numbers (id INTEGER PRIMARY KEY, n BIGINT NOT NULL)")
	run(t, db, "INSERT INTO numbers (id, n) VALUES ($1, $2)", 1, 0)
}

func run(t *testing.T, db *sqldb.DB, query string, args ...any) {
	t.Helper()
	if err := db.Write(t.Context(), func(c *sqldb.Conn) error {
		_, err := c.Exec(t.Context(), query, args...)
		return err
	}); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func number(t *testing.T, db *sqldb.DB) (n int) {
	t.Helper()
	if _, err := db.Read().One(t.Context(), []any{&n}, "SELECT n FROM numbers WHERE id = 1"); err != nil {
		t.Fatal(err)
	}
	return n
}

// Transactions that read and then write do not lose each other's work, and none fails: SQLite's writer is one, and waits in
// Go; PostgreSQL's rows are locked by an UPDATE.
func TestWriteAtOnce(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		dbs := []*sqldb.DB{open(t, url, sqldb.Options{}), open(t, url, sqldb.Options{})} // as of two processes
		numbers(t, dbs[0])
		const times = 16
		ssotest.AtOnce(times, func(i int) {
			err := dbs[i%2].Write(context.Background(), func(c *sqldb.Conn) error {
				n := 0
				if _, err := c.One(context.Background(), []any{&n}, "UPDATE numbers SET n = n WHERE id = 1 RETURNING n"); err != nil {
					return err
				}
				_, err := c.Exec(context.Background(), "UPDATE numbers SET n = $1 WHERE id = 1", n+1)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
		if n := number(t, dbs[0]); n != times {
			t.Errorf("got %d, want %d", n, times)
		}
	})
}

// A transaction that loses is run anew from nothing, so often and not for ever; one that fails or is undone keeps nothing.
func TestWriteEnds(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		db := open(t, url, sqldb.Options{})
		numbers(t, db)
		broken := errors.New("broken")
		for _, tt := range []struct {
			name      string
			fail      func(try int) error
			tries, n  int
			want      error
			available bool
		}{
			{"kept", func(int) error { return nil }, 1, 1, nil, true},
			{"undone", func(int) error { return sqldb.ErrUndo }, 1, 0, nil, true},
			{"broken", func(int) error { return broken }, 1, 0, broken, true},
			{"lost twice", func(try int) error {
				if try < 3 {
					return sqldb.ErrLost
				}
				return nil
			}, 3, 1, nil, true},
			{"lost for ever", func(int) error { return sqldb.ErrLost }, 6, 0, sso.StoreUnavailable, false},
			{"refused", func(int) error { return sso.Conflict }, 1, 0, sso.Conflict, true},
		} {
			run(t, db, "UPDATE numbers SET n = 0")
			tries := 0
			err := db.Write(t.Context(), func(c *sqldb.Conn) error {
				tries++
				if _, err := c.Exec(t.Context(), "UPDATE numbers SET n = n + 1"); err != nil {
					return err
				}
				return tt.fail(tries)
			})
			if !errors.Is(err, tt.want) || tries != tt.tries || number(t, db) != tt.n {
				t.Errorf("%s: got %v after %d tries with %d kept; want %v, %d, %d", tt.name, err, tries, number(t, db), tt.want, tt.tries, tt.n)
			}
			if errors.Is(err, sso.StoreUnavailable) == tt.available {
				t.Errorf("%s: got %v", tt.name, err)
			}
		}
	})
}

// A statement that rests on what is not so any more ends its transaction with the error that was named for that, and nothing of it is
// kept; what else goes wrong in it has an error of its own.
func TestLaterOr(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		db := open(t, url, sqldb.Options{})
		numbers(t, db)
		for _, tt := range []struct {
			name string
			id   int
			rest string // what the statement rests on
			ends func(error) bool
			kept int
		}{
			{"so", 2, "0", func(err error) bool { return err == nil }, 2},
			{"not so", 3, "7", func(err error) bool { return errors.Is(err, sso.Conflict) }, 2},
			{"the row is there", 1, "0", func(err error) bool { return err != nil && !errors.Is(err, sso.Conflict) }, 2},
		} {
			err := db.Write(t.Context(), func(c *sqldb.Conn) error {
				if err := c.LaterOr(t.Context(), sso.Conflict, "INSERT INTO numbers (id, n) SELECT $1, (SELECT 1 FROM numbers WHERE id = 1 AND n = "+tt.rest+")", tt.id); err != nil {
					return err
				}
				return c.Later(t.Context(), "UPDATE numbers SET n = n + 0 WHERE id = $1", tt.id)
			})
			rows := 0
			if _, e := db.Read().One(t.Context(), []any{&rows}, "SELECT count(*) FROM numbers"); e != nil {
				t.Fatal(e)
			}
			if !tt.ends(err) || rows != tt.kept {
				t.Errorf("%s: got %v with %d rows, want %d", tt.name, err, rows, tt.kept)
			}
		}
	})
}

// SECURITY L8: an end of our own time is "unavailable", whatever the driver calls it.
func TestTranslate(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		db := open(t, url, sqldb.Options{})
		for _, err := range []error{sql.ErrTxDone, sql.ErrConnDone, context.DeadlineExceeded, context.Canceled} {
			if got := db.Translate(fmt.Errorf("commit: %w", err)); !errors.Is(got, sso.StoreUnavailable) {
				t.Errorf("%v: got %v", err, got)
			}
		}
		if got := db.Translate(sso.NotFound); sso.CodeOf(got) != sso.NotFound {
			t.Errorf("a refusal becomes %v", got)
		}
		if _, err := db.Read().One(t.Context(), nil, "SELECT nonsense FROM nowhere"); err == nil || errors.Is(err, sso.StoreUnavailable) {
			t.Errorf("a mistake of ours is called %v", err)
		}
	})
}

// What goes in comes out, of both engines.
func TestValues(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		db := open(t, url, sqldb.Options{})
		kind := "BYTEA"
		if strings.HasPrefix(url, "sqlite:") {
			kind = "BLOB"
		}
		run(t, db, "CREATE TABLE things (at BIGINT, never BIGINT, hash "+kind+", name TEXT, yes BOOLEAN, list TEXT)")
		type name string
		at, hash := time.Date(2026, 1, 2, 3, 4, 5, 678_000, time.UTC), [4]byte{1, 2, 0, 255}
		run(t, db, "INSERT INTO things VALUES ($1, $2, $3, $4, $5, $6)", at, time.Time{}, hash, name("a\x00b\xff"), true, `["x"]`)
		var got struct {
			at, never time.Time
			hash      [4]byte
			name      string
			yes       bool
			list      []string
		}
		found, err := db.Read().One(t.Context(), []any{
			sqldb.Time(&got.at), sqldb.Time(&got.never), sqldb.Bytes(got.hash[:]), &got.name, &got.yes, sqldb.JSON(&got.list),
		}, "SELECT at, never, hash, name, yes, list FROM things")
		if !found || err != nil || !got.at.Equal(at) || !got.never.IsZero() || got.hash != hash || got.name != "a\ufffdb\ufffd" || !got.yes || !slices.Equal(got.list, []string{"x"}) {
			t.Errorf("got %+v, %v, %v", got, found, err)
		}
		if _, err := db.Read().One(t.Context(), []any{sqldb.Bytes(make([]byte, 5))}, "SELECT hash FROM things"); err == nil {
			t.Error("a hash of another length is taken")
		}
	})
}

// A condition finds what it says, however many values there are.
func TestWhere(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		db := open(t, url, sqldb.Options{})
		run(t, db, "CREATE TABLE words (word TEXT, n BIGINT)")
		for i, word := range []string{"a", "b", "c", "d", "e"} {
			run(t, db, "INSERT INTO words VALUES ($1, $2)", word, i)
		}
		count := func(query string, args ...any) (n int) {
			if _, err := db.Read().One(t.Context(), []any{&n}, "SELECT count(*) FROM words"+query, args...); err != nil {
				t.Errorf("%s: %v", query, err)
			}
			return n
		}
		w := &sqldb.Where{}
		if w.SQL() != "" || count(w.SQL(), w.Args()...) != 5 {
			t.Errorf("no condition: %q", w.SQL())
		}
		w.In("word", nil)
		w.And("n >= ?", 1)
		more := w.Clone()
		more.In("word", []string{"a", "c", "d"})
		if n, m := count(w.SQL(), w.Args()...), count(more.SQL(), more.Args()...); n != 4 || m != 2 {
			t.Errorf("got %d and %d, want 4 and 2: %q, %q", n, m, w.SQL(), more.SQL())
		}
		for n := 1; n <= 5; n++ {
			some := []string{"a", "b", "c", "d", "e"}[:n]
			if got := count(" WHERE n < $1 AND word IN "+sqldb.List(n, 1), append([]any{99}, sqldb.Padded(some)...)...); got != n {
				t.Errorf("a list of %d finds %d", n, got)
			}
		}
	})
}

// A hot query is prepared when it is first needed, and answers as it would unprepared, in a transaction and outside one.
func TestHotQueries(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		const read, write = "SELECT n FROM numbers WHERE id = $1", "UPDATE numbers SET n = n + 1 WHERE id = $1"
		cold := open(t, url, sqldb.Options{})
		numbers(t, cold)
		db := open(t, url, sqldb.Options{Reads: []string{read}})
		for range 3 {
			run(t, db, write, 1)
		}
		c, err := db.ReadHot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		if found, err := c.One(t.Context(), []any{&n}, read, 1); !found || err != nil || n != 3 {
			t.Errorf("got %d, %v, %v; want 3", n, found, err)
		}
	})
}

func TestMigrate(t *testing.T) {
	folder := fstest.MapFS{
		"0001_start.sql": {Data: []byte("CREATE TABLE numbers (id INTEGER PRIMARY KEY AUTOINCREMENT, n BIGINT NOT NULL);\nINSERT INTO numbers (n) VALUES (7);")},
		"0002_twice.sql": {Data: []byte("UPDATE numbers SET n = 2 * n")},
	}
	steps, err := sqldb.Migrations(folder)
	if err != nil || len(steps) != 2 || steps[1].Name != "0002_twice" {
		t.Fatalf("got %v, %v", steps, err)
	}
	var then atomic.Int64
	steps[1].Then = func(ctx context.Context, c *sqldb.Conn) error {
		then.Add(1)
		_, err := c.Exec(ctx, "UPDATE numbers SET n = n + 1")
		return err
	}
	each(t, func(t *testing.T, url string) {
		then.Store(0)
		db := open(t, url, sqldb.Options{})
		unavailable := func(err error, part string) {
			t.Helper()
			if !errors.Is(err, sso.StoreUnavailable) || !strings.Contains(err.Error(), part) {
				t.Errorf("got %v, want one that says %q", err, part)
			}
		}
		unavailable(db.Migrated(t.Context(), steps), "not migrated")
		names := make([][]string, 4) // from several processes at once: every step is taken once
		ssotest.AtOnce(len(names), func(i int) {
			var err error
			if names[i], err = open(t, url, sqldb.Options{}).Migrate(context.Background(), steps, time.Unix(1, 0)); err != nil {
				t.Error(err)
			}
		})
		if all := slices.Concat(names...); !slices.Equal(all, []string{"0001_start", "0002_twice"}) || then.Load() != 1 || number(t, db) != 15 {
			t.Errorf("got steps %v, %d, and %d", all, then.Load(), number(t, db))
		}
		if err := db.Migrated(t.Context(), steps); err != nil {
			t.Error(err)
		}
		unavailable(db.Migrated(t.Context(), steps[:1]), "newer program")
		if _, err := db.Migrate(t.Context(), steps[:1], time.Unix(1, 0)); !errors.Is(err, sqldb.ErrNewer) {
			t.Errorf("an older program: got %v", err)
		}
		other, err := sqldb.Migrations(fstest.MapFS{"0001_start.sql": folder["0001_start.sql"], "0002_twice.sql": {Data: []byte("SELECT 1")}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Migrate(t.Context(), other, time.Unix(1, 0)); err == nil || !strings.Contains(err.Error(), "0002_twice is not the one") {
			t.Errorf("another step: got %v", err)
		}
		more, err := sqldb.Migrations(fstest.MapFS{"0001_start.sql": folder["0001_start.sql"], "0002_twice.sql": folder["0002_twice.sql"], "0003_bad.sql": {Data: []byte("UPDATE numbers SET n = 99; UPDATE nowhere SET n = 1")}})
		if err != nil {
			t.Fatal(err)
		}
		unavailable(db.Migrated(t.Context(), more), "this program needs 3")
		if _, err := db.Migrate(t.Context(), more, time.Unix(1, 0)); err == nil || number(t, db) != 15 {
			t.Errorf("a step that fails half-way: got %v, and %d is kept", err, number(t, db))
		}
	})
	if _, err := sqldb.Migrations(fstest.MapFS{"0002_gap.sql": {}}); err == nil || !strings.Contains(err.Error(), "not number 1") {
		t.Errorf("a gap: got %v", err)
	}
}

// An older program can work with tables to which a newer one has added what it can live with, and is told from one that cannot.
func TestNeeds(t *testing.T) {
	files := fstest.MapFS{"0001_start.sql": {Data: []byte("CREATE TABLE numbers (n BIGINT)")}}
	steps := func(added ...string) []sqldb.Migration {
		t.Helper()
		for i, text := range added {
			files[fmt.Sprintf("%04d_step.sql", i+2)] = &fstest.MapFile{Data: []byte(text)}
		}
		all, err := sqldb.Migrations(files)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	each(t, func(t *testing.T, url string) {
		db := open(t, url, sqldb.Options{})
		all := steps("CREATE TABLE two (n BIGINT)", "-- needs: 2\nCREATE TABLE three (n BIGINT)", "-- needs: 2\nCREATE TABLE four (n BIGINT)", "-- needs: 4\nCREATE TABLE five (n BIGINT)")
		for version, oldest := range []int64{0, 1, 2, 2, 2, 4} {
			if version == 0 {
				continue
			}
			if _, err := db.Migrate(t.Context(), all[:version], time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
			for known := 1; known <= len(all); known++ {
				program := all[:known]
				s, err := db.Schema(t.Context(), program)
				if err != nil || s.Needs != oldest || s.Version != int64(version) || s.CanRun() != (int64(known) >= oldest) || len(s.Pending) != max(0, known-version) {
					t.Errorf("tables of %d, a program of %d: got %+v, %v; want needs %d", version, known, s, err, oldest)
				}
				err = db.Usable(t.Context(), program)
				if usable := known <= version && int64(known) >= oldest; usable != (err == nil) {
					t.Errorf("tables of %d, a program of %d: usable %v, got %v", version, known, usable, err)
				}
				if newer := known < version; newer != errors.Is(db.Migrated(t.Context(), program), sqldb.ErrNewer) {
					t.Errorf("tables of %d, a program of %d: got %v, want ErrNewer %v of what needs all tables", version, known, db.Migrated(t.Context(), program), newer)
				}
				if known > version {
					continue
				}
				took, err := db.Migrate(t.Context(), program, time.Unix(1, 0))
				if lives := int64(known) >= oldest; len(took) > 0 || lives != (err == nil) || !lives && !errors.Is(err, sqldb.ErrNewer) {
					t.Errorf("tables of %d, a program of %d starts: got %v, %v; want that it can %v", version, known, took, err, lives)
				}
			}
		}
	})
	for _, text := range []string{"-- needs: 0\n", "-- needs: 3\n", "-- needs: 99999999999999999999\n"} {
		files["0002_step.sql"] = &fstest.MapFile{Data: []byte(text)}
		if _, err := sqldb.Migrations(files); err == nil || !strings.Contains(err.Error(), "needs") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
