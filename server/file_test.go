package server_test

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store"
)

// readiness asks /readyz, which answers within a second whatever the database does, and returns status and cause.
func (b *bridge) readiness(t *testing.T) (status int, cause string) {
	t.Helper()
	began := time.Now()
	resp := b.browser().get("/readyz")
	if took := time.Since(began); took > 2900*time.Millisecond {
		t.Errorf("/readyz answered after %v", took)
	}
	_, cause, _ = strings.Cut(resp.body, `"cause":"`)
	cause, _, _ = strings.Cut(cause, `"`)
	return resp.StatusCode, cause
}

// wantReadiness waits until /readyz says so.
func (b *bridge) wantReadiness(t *testing.T, status int, cause string) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		got, why := b.readiness(t)
		if got == status && why == cause {
			t.Logf("%d %q after %v", got, why, time.Since(began))
			return
		}
		if time.Since(began) > 10*time.Second {
			t.Fatalf("/readyz: got %d %q, want %d %q", got, why, status, cause)
		}
	}
}

// A database file that is deleted, moved or replaced under the running bridge is no database any more: what is written to it
// would be lost. It is one again when the file is back.
//
// SECURITY L4
func TestFileIsMoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kept")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "bridge.db")
	b := start(t, "DATABASE_URL=sqlite:"+file, "JWT_BINDING=off")
	b.browser().signIn(nil).want(t, 302, "/")
	must := func(errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	const line = "the database cannot be used"
	for i, tt := range []struct {
		name       string
		fail, mend func()
		said       string
	}{
		{"moved away", func() { must(os.Rename(file, file+".old")) }, func() { must(os.Rename(file+".old", file)) }, "was deleted or moved away"},
		{"replaced", func() { must(os.Rename(file, file+".old"), os.WriteFile(file, nil, 0o600)) },
			func() { must(os.Rename(file+".old", file)) }, "was replaced by another file"},
		{"the log of writes", func() { must(os.Link(file+"-wal", file+".old"), os.Remove(file+"-wal")) },
			func() { must(os.Rename(file+".old", file+"-wal")) }, "bridge.db-wal was deleted"},
		{"the folder", func() { must(os.Rename(dir, dir+".old")) }, func() { must(os.Rename(dir+".old", dir)) }, "was deleted or moved away"},
	} {
		tt.fail()
		b.wantReadiness(t, 503, "file_moved")
		b.browser().get("/auth/sso?jwt="+b.token(claims{"jti": sso.NewReference()}), "Accept: application/json").
			wantUnavailable(t, tt.name, sso.StoreUnavailable)
		log := b.log.String()
		last := log[max(0, strings.LastIndex(log, line)):]
		if n := strings.Count(log, line); n != i+1 || !strings.Contains(last[:strings.Index(last, "\n")], tt.said) {
			t.Errorf("%s: said %d times: %.400s", tt.name, n, last)
		}
		if _, err := os.Stat(file); tt.name == "moved away" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: another file was made there (%v)", tt.name, err)
		}
		tt.mend()
		b.wantReadiness(t, 200, "")
		b.browser().signIn(claims{"jti": sso.NewReference()}).want(t, 302, "/")
	}

	// Another program has a lock.
	db, err := sql.Open("sqlite", "file:"+file+"?_txlock=immediate")
	must(err)
	defer db.Close()
	lock, err := db.Begin()
	must(err)
	b.wantReadiness(t, 503, "locked")
	must(lock.Rollback())
	b.wantReadiness(t, 200, "")
}

// A database file that is written over in place is the same file, and no database any more: nobody is let in by what is in it, nothing
// more is kept, and what was to be written goes into nothing. The next start refuses it and says what to do.
//
// SECURITY L4
func TestFileIsOverwritten(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other.db")
	b := start(t, "DATABASE_URL=sqlite:"+other, "JWT_BINDING=off")
	b.browser().signIn(nil).want(t, 302, "/")
	foreign := other + ".backup"
	if err := b.store.Backup(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, said string
		with       string // "": a backup of its own
	}{
		{"with another database", "written over with another one", foreign},
		{"with a backup of its own", "written over with another one", ""},
		{"with a text", "written over with another one", "file_test.go"},
		{"with nothing", "emptied", os.DevNull},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "bridge.db")
			b := start(t, "DATABASE_URL=sqlite:"+file, "JWT_BINDING=off")
			b.browser().signIn(nil).want(t, 302, "/")
			from := tt.with
			if from == "" {
				from = file + ".backup"
				if err := b.store.Backup(t.Context(), from); err != nil {
					t.Fatal(err)
				}
			}
			b.browser().signIn(claims{"jti": sso.NewReference()}).want(t, 302, "/")
			b.wantReadiness(t, 200, "")
			put, err := os.ReadFile(from)
			if err == nil {
				err = os.WriteFile(file, put, 0o600) // as cp does, into the same file
			}
			if err != nil {
				t.Fatal(err)
			}
			b.browser().get("/auth/sso?jwt="+b.token(claims{"jti": sso.NewReference()}), "Accept: application/json").
				wantUnavailable(t, "at once", sso.StoreUnavailable)
			b.wantReadiness(t, 503, "file_overwritten")
			if log := b.log.String(); strings.Count(log, "the database cannot be used") != 1 || !strings.Contains(log, tt.said) {
				t.Errorf("the log does not say once that it was %s:\n%s", tt.said, log)
			}
			if err := b.store.Close(); err != nil {
				t.Error(err)
			}
			if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, put) {
				t.Errorf("the file was changed afterwards: %d bytes of %d (%v)", len(now), len(put), err)
			}
			_, err = store.Open(t.Context(), "sqlite:"+file, store.Options{})
			if err == nil || !strings.Contains(err.Error(), "ssobridge restore") {
				t.Errorf("the next start: got %v, want to be told to restore", err)
			}
		})
	}
}

// A bridge that runs with a SECRET_KEY which is not that of its database any more is not ready, and says so in a word; what is sealed
// it cannot read, and nothing goes wrong with that. SECURITY F2, L4
func TestSecretKeyIsChanged(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		b := start(t, database)
		b.wantReadiness(t, 200, "")
		if _, err := b.store.RotateSecretKey(t.Context(), []byte(strings.Repeat("n", 40)), sso.Event{At: b.Now(), Kind: sso.EventSetting, Actor: "test"}); err != nil {
			t.Fatal(err)
		}
		b.wantReadiness(t, 503, "secret_key")
		if resp := b.browser().get("/healthz"); resp.StatusCode != 200 {
			t.Errorf("/healthz: got %d", resp.StatusCode)
		}
		if log := b.log.String(); !strings.Contains(log, "SECRET_KEY is not the one that this database has") {
			t.Errorf("the log does not say what it is:\n%s", log)
		}
	})
}

// A database file of which a part is damaged keeps no sign-in, though other parts of it can be read and written. So the bridge is not
// ready, and says why.
//
// SECURITY L4
func TestFileIsDamaged(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bridge.db")
	b := start(t, "DATABASE_URL=sqlite:"+file, "JWT_BINDING=off")
	b.browser().signIn(nil).want(t, 302, "/")
	b.wantReadiness(t, 200, "")
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var root, size int64
	if err := db.QueryRow("SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_schema WHERE name = 'events'").Scan(&root, &size); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil { // else the page is still in the log of writes
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err == nil {
		_, err = f.WriteAt([]byte(strings.Repeat("\xff", int(size))), (root-1)*size)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("UPDATE counters SET value = value + 1 WHERE name = 'probe'"); err != nil { // who remembers pages reads them anew
		t.Fatal(err)
	}
	b.browser().get("/auth/sso?jwt="+b.token(claims{"jti": sso.NewReference()}), "Accept: application/json").
		wantUnavailable(t, "a sign-in", sso.StoreUnavailable)
	for range 3 { // the probe itself writes elsewhere
		if status, cause := b.readiness(t); status != 503 || cause != "damaged" {
			t.Errorf("/readyz: got %d %q, want 503 damaged", status, cause)
		}
	}
}
