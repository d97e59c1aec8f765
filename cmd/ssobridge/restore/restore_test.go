package restore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/hint"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
	"github.com/ssobridge/ssobridge/store"
	"github.com/ssobridge/ssobridge/store/sqlitefile"
)

var secret = []byte("0123456789012345678901234567890123456789")

// holdEnv names a database that the process of the test keeps open until its standard input ends.
const holdEnv = "RESTORE_TEST_HOLD"

// killEnv names the step before which the process of the test kills itself, and then the files.
const killEnv = "RESTORE_TEST_KILL"

func TestMain(m *testing.M) {
	if args := strings.Split(os.Getenv(killEnv), "|"); len(args) == 3 {
		_, err := Restore{From: args[1], Database: args[2], Secret: secret, Now: time.Now, at: func(step string) {
			if step == args[0] {
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}}.Run(context.Background())
		fmt.Println("not killed:", err)
		os.Exit(3)
	}
	if file := os.Getenv(holdEnv); file != "" {
		s, err := store.Open(context.Background(), "sqlite:"+file, store.Options{Secret: secret})
		if err == nil {
			_, err = s.Groups(context.Background())
		}
		fmt.Println("ready", err)
		io.ReadAll(os.Stdin)
		os.Exit(0)
	}
	ssotest.TempInMemory()
	os.Exit(m.Run())
}

func open(t testing.TB, file string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+file, store.Options{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The two databases of a test: the old one has group Old, the backup group Backup.
func databases(t testing.TB) (database, backup string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"Backup", "Old"} {
		s := open(t, filepath.Join(dir, name))
		_, err := s.Migrate(t.Context())
		if err == nil {
			_, err = s.CreateGroup(t.Context(), name, sso.Event{Kind: sso.EventGroup})
		}
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "Old"), filepath.Join(dir, "Backup")
}

func groups(t testing.TB, s *store.Store) string {
	t.Helper()
	all, err := s.Groups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all[len(all)-1].Name
}

// groupOf opens a database as a bridge does, and returns the name of its newest group.
func groupOf(t testing.TB, file string) string {
	t.Helper()
	if err := sqlitefile.Check(t.Context(), file); err != nil {
		t.Errorf("%s: %v", file, err)
	}
	s := open(t, file)
	defer s.Close()
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("%s: %v", file, err)
	}
	return groups(t, s)
}

// crash makes a database as a bridge leaves it that was killed: the newest group stands in the -wal only.
func crash(t testing.TB, file, group string) {
	t.Helper()
	s := open(t, file)
	defer s.Close()
	if _, err := s.CreateGroup(t.Context(), group, sso.Event{Kind: sso.EventGroup}); err != nil {
		t.Fatal(err)
	}
	saved := map[string][]byte{}
	for _, name := range []string{file, file + "-wal"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		saved[name] = data
	}
	s.Close()
	for name, data := range saved {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A restore that is killed before any of its steps leaves the old database whole, with what its -wal had, or the new one; and it
// can be begun again.
func TestKilled(t *testing.T) {
	for _, step := range []string{"copy", "prepare", "keep", "remove", "rename", "end"} {
		t.Run(step, func(t *testing.T) {
			database, backup := databases(t)
			crash(t, database, "InWAL")
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), killEnv+"="+step+"|"+backup+"|"+database)
			out, err := cmd.CombinedOutput()
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != -1 {
				t.Fatalf("was not killed: %v\n%s", err, out)
			}
			want := "InWAL"
			if step == "end" {
				want = "Backup"
			}
			if got := groupOf(t, database); got != want {
				t.Errorf("killed before %s: the database has group %s, want %s", step, got, want)
			}
			done, err := Restore{From: backup, Database: database, Secret: secret, Now: time.Now}.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := groupOf(t, database); got != "Backup" {
				t.Errorf("restored: group %s", got)
			}
			if got := groupOf(t, done.Kept); got != want {
				t.Errorf("kept: group %s, want %s", got, want)
			}
			if left, _ := filepath.Glob(database + ".restoring-*"); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// What was used after the backup stays used, and sessions of the time of the backup end, also those that somebody ended since.
//
// SECURITY C1, C3, D4
func TestWhatHappenedSince(t *testing.T) {
	database, backup := databases(t)
	login := func(file, email, proof string) (*sso.SignedIn, error) {
		s := open(t, file)
		defer s.Close()
		x, in := conformance.Arrival(time.Now(), sso.Identity{Provider: "jwt", Subject: sso.Subject{Kind: sso.SubjectEmail, Value: address.Key(email)}, Email: email},
			sso.Policy{SingleUse: true, Admission: sso.Admission{Provision: true}})
		x.Proof.Key, in.Session.Proof = proof, proof
		return s.SignIn(t.Context(), x, in)
	}
	must := func(in *sso.SignedIn, err error) int64 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return in.Account.ID
	}
	must(login(backup, "ada@example.com", "before"))
	must(login(database, "ada@example.com", "before"))
	newest := must(login(database, "bob@example.com", "since"))

	done, err := Restore{From: backup, Database: database, Secret: secret, Now: time.Now}.Run(t.Context())
	if err != nil || done.Ended != 1 || done.Unknown != nil {
		t.Fatalf("got %+v, %v; want one session ended", done, err)
	}
	for _, proof := range []string{"before", "since"} {
		if _, err := login(database, "eve@example.com", proof); sso.CodeOf(err) != sso.TokenReplayed {
			t.Errorf("a token that was used %s: got %v, want %v", proof, err, sso.TokenReplayed)
		}
	}
	if id := must(login(database, "eve@example.com", "another")); id <= newest {
		t.Errorf("eve got id %d, which apps may know as bob's (%d)", id, newest)
	}
}

// Who has seen the set-up link of the time of a backup gets in with it no more: an old log may have it.
//
// SECURITY F7
func TestTheSetUpLinkOfBeforeIsSpent(t *testing.T) {
	database, backup := databases(t)
	setUpSecret := func(file string) string {
		t.Helper()
		s := open(t, file)
		defer s.Close()
		kept, err := s.SetupSecret(t.Context(), sso.NewSessionID())
		if err != nil {
			t.Fatal(err)
		}
		return kept
	}
	before := setUpSecret(backup)
	if _, err := (Restore{From: backup, Database: database, Secret: secret, Now: time.Now}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if setUpSecret(database) == before {
		t.Error("the link of the time of the backup works")
	}
}

// A database that is a symbolic link is replaced where it leads, and tables that other programs have added stay.
func TestLinkedDatabase(t *testing.T) {
	database, backup := databases(t)
	run(t, backup, "CREATE TABLE replicated (at BIGINT)")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(database, link); err != nil {
		t.Fatal(err)
	}
	done, err := Restore{From: backup, Database: link, Secret: secret, Now: time.Now}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.Readlink(link); got != database || groupOf(t, database) != "Backup" || groupOf(t, done.Kept) != "Old" || filepath.Dir(done.Kept) != filepath.Dir(database) {
		t.Errorf("the link leads to %q (%v), where group %s is, and %s has %s", got, err, groupOf(t, database), done.Kept, groupOf(t, done.Kept))
	}
}

// What cannot be restored is refused with what to do, and nothing is changed.
func TestRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, r *Restore)
		want  string
	}{
		"cut off":     {func(t *testing.T, r *Restore) { truncate(t, r.From, -4096) }, "the file is cut off"},
		"one page":    {func(t *testing.T, r *Restore) { truncate(t, r.From, 4096) }, "the file is cut off"},
		"in a page":   {func(t *testing.T, r *Restore) { truncate(t, r.From, -100) }, "the file is cut off"},
		"header":      {func(t *testing.T, r *Restore) { truncate(t, r.From, 50) }, "the file is cut off"},
		"empty":       {func(t *testing.T, r *Restore) { truncate(t, r.From, 0) }, "the file is empty"},
		"damaged":     {func(t *testing.T, r *Restore) { overwrite(t, r.From, 4096) }, "the database is damaged"},
		"text":        {func(t *testing.T, r *Restore) { write(t, r.From, "CREATE TABLE x") }, "it is no SQLite database"},
		"dump":        {func(t *testing.T, r *Restore) { write(t, r.From, "PGDMP\x01\x0e") }, "a dump of PostgreSQL"},
		"folder":      {func(t *testing.T, r *Restore) { r.From = filepath.Dir(r.From) }, "is no file"},
		"itself":      {func(t *testing.T, r *Restore) { r.From = r.Database }, "the bridge itself"},
		"missing":     {func(t *testing.T, r *Restore) { r.From += "x" }, "no such file"},
		"with a -wal": {func(t *testing.T, r *Restore) { write(t, r.From+"-wal", "x") }, "is not the whole database"},
		"of another program": {func(t *testing.T, r *Restore) {
			os.Remove(r.From)
			run(t, r.From, "CREATE TABLE notes (text TEXT)")
		}, "not one of ssobridge"},
		"of another program with migrations": {func(t *testing.T, r *Restore) {
			os.Remove(r.From)
			run(t, r.From, "CREATE TABLE migrations (version BIGINT, name TEXT, checksum TEXT, applied_at BIGINT); INSERT INTO migrations VALUES (1, '0001_start', 'x', 1)")
		}, "not one of ssobridge"},
		"newer": {func(t *testing.T, r *Restore) {
			run(t, r.From, "INSERT INTO migrations SELECT max(version)+1, 'later', 'x', 1 FROM migrations")
		}, "by a newer program"},
		"with a trigger": {func(t *testing.T, r *Restore) {
			run(t, r.From, "CREATE TRIGGER evil AFTER INSERT ON sessions BEGIN INSERT OR IGNORE INTO memberships VALUES (NEW.account_id, 2, 'admin', 0); END")
		}, `it has the trigger "evil", which ssobridge has not made`},
		"with a trigger of the bridge's that does something else": {func(t *testing.T, r *Restore) {
			run(t, r.From, "DROP TRIGGER accounts_added; CREATE TRIGGER accounts_added AFTER INSERT ON accounts BEGIN DELETE FROM events; END")
		}, `it has the trigger "accounts_added", which`},
		"with a view": {func(t *testing.T, r *Restore) {
			run(t, r.From, "ALTER TABLE undo_members RENAME TO kept; CREATE VIEW undo_members AS SELECT * FROM kept")
		}, `it has the view "undo_members", which`},
		"with a virtual table": {func(t *testing.T, r *Restore) { run(t, r.From, "CREATE VIRTUAL TABLE evil USING fts5(x)") }, `it has the virtual table "evil", which`},
		"another key":          {func(t *testing.T, r *Restore) { r.Secret = append(slices.Clone(secret), 'x') }, "SECRET_KEY is not the one"},
		"in use": {func(t *testing.T, r *Restore) {
			s := open(t, r.Database)
			t.Cleanup(func() { s.Close() })
			groups(t, s)
		}, "is in use"},
	} {
		t.Run(name, func(t *testing.T) {
			database, backup := databases(t)
			r := Restore{From: backup, Database: database, Secret: secret, Now: time.Now}
			tt.spoil(t, &r)
			_, err := r.Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if e, ok := errors.AsType[*hint.Error](err); !ok || e.Hint == "" {
				t.Errorf("%v has no hint", err)
			}
			if got := groupOf(t, database); got != "Old" {
				t.Errorf("the database has group %s now", got)
			}
			if left, _ := filepath.Glob(database + ".*"); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// A damaged database is replaced, and kept; but not while a bridge has it open.
func TestDamaged(t *testing.T) {
	database, backup := databases(t)
	r := Restore{From: backup, Database: database, Secret: secret, Now: time.Now}
	bridge := exec.Command(os.Args[0]) // a process of its own: the locks of this one do not keep this one out
	bridge.Env = append(os.Environ(), holdEnv+"="+database)
	stdin, err := bridge.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := bridge.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := bridge.Start(); err != nil {
		t.Fatal(err)
	}
	defer bridge.Wait()
	defer stdin.Close()
	if n, err := stdout.Read(make([]byte, 5)); n == 0 {
		t.Fatal(err)
	}
	overwrite(t, database, 0)
	if _, err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "is in use") {
		t.Errorf("while a bridge has it open: got %v", err)
	}
	stdin.Close()
	bridge.Wait()
	overwrite(t, database, 0)
	done, err := r.Run(t.Context())
	if err != nil || done.Unknown == nil {
		t.Fatalf("got %+v, %v", done, err)
	}
	if got := groupOf(t, database); got != "Backup" {
		t.Errorf("restored: group %s", got)
	}
	if _, err := os.Stat(done.Kept); err != nil {
		t.Error(err)
	}
}

func truncate(t testing.TB, file string, size int64) {
	t.Helper()
	if size < 0 {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if err := os.Truncate(file, size); err != nil {
		t.Fatal(err)
	}
}

func overwrite(t testing.TB, file string, at int64) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(strings.Repeat("x", 4096)), at); err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func run(t testing.TB, file, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}
