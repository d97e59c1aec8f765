package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
	"github.com/ssobridge/ssobridge/store"
)

func TestBackup(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		file := filepath.Join(t.TempDir(), "backup.db")
		if !strings.HasPrefix(db.url, "sqlite:") {
			if err := db.Backup(t.Context(), file); err == nil || !strings.Contains(err.Error(), "pg_dump") {
				t.Errorf("got %v, want a hint at pg_dump", err)
			}
			return
		}
		value := "s3cret value"
		if _, err := db.SaveSettings(t.Context(), sso.SettingsChange{Values: map[string]*string{"JWT_SHARED_SECRET": &value}, Secrets: map[string]bool{"JWT_SHARED_SECRET": true}}); err != nil {
			t.Fatal(err)
		}
		out, sid := db.signIn(t, person("ada@example.com"), standard)
		stopped, stop := context.WithCancel(t.Context())
		stop()
		if err := db.Backup(stopped, file); err == nil {
			t.Error("a backup that is cut off: got no error")
		}
		if left, err := os.ReadDir(filepath.Dir(file)); len(left) > 0 || err != nil {
			t.Errorf("a backup that is cut off: got %v, %v; want nothing, under no name", left, err)
		}
		if err := db.Backup(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		if err := db.Backup(t.Context(), file); !errors.Is(err, os.ErrExist) {
			t.Errorf("onto a file that exists: got %v", err)
		}
		db.signIn(t, person("later@example.com"), standard)

		restored := open(t, "sqlite:"+file)
		p, err := restored.Principal(t.Context(), sid)
		if err != nil || p.Account.ID != out.Account.ID {
			t.Errorf("the session in the backup: got %+v, %v", p, err)
		}
		wantCode(t, "what came later", second(restored.AccountByEmail(t.Context(), "later@example.com")), sso.NotFound)
		saved, _, err := restored.Settings(t.Context())
		if err != nil || saved["JWT_SHARED_SECRET"].Value != value {
			t.Errorf("settings in the backup: got %v, %v", saved, err)
		}
		restored.signIn(t, person("new@example.com"), standard)
	})
}

// SECURITY L4: a database that is locked by another process is unavailable, and then is not.
func TestLocked(t *testing.T) {
	db := open(t, "sqlite:"+t.TempDir()+"/test.db")
	hasty := db.another(t, store.Options{LockWait: time.Millisecond})
	_, sid := db.signIn(t, person("ada@example.com"), standard)

	lock, err := db.raw(t).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := lock.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	x, in := conformance.Arrival(start, person("bob@example.com"), standard)
	wantCode(t, "SignIn while locked", second(hasty.SignIn(t.Context(), x, in)), sso.StoreUnavailable)
	wantCode(t, "Record while locked", hasty.Record(t.Context(), sso.Event{Kind: sso.EventSignIn}), sso.StoreUnavailable)
	wantCode(t, "Ready while locked", hasty.Ready(t.Context()), sso.StoreUnavailable)
	if _, err := hasty.Principal(t.Context(), sid); err != nil {
		t.Errorf("reading while locked: %v", err)
	}
	if _, err := lock.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	x.Err = nil
	if _, err := hasty.SignIn(t.Context(), x, in); err != nil {
		t.Errorf("SignIn afterwards: %v", err)
	}
	if err := hasty.Ready(t.Context()); err != nil {
		t.Errorf("Ready afterwards: %v", err)
	}
}

// SECURITY L4: a full database keeps nothing of a login, stays red until there is room, and recovers without a restart.
func TestFull(t *testing.T) {
	db := open(t, "sqlite:"+t.TempDir()+"/test.db")
	_, sid := db.signIn(t, person("ada@example.com"), standard)
	limit := func(pages int) {
		t.Helper()
		if err := db.PragmaOnWriter(t.Context(), fmt.Sprintf("max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // as far as it is now
	big := person("big@example.com")
	big.Attributes = map[string]string{}
	for i := range 50 {
		big.Attributes[fmt.Sprint("a", i)] = strings.Repeat("x", 4000)
	}
	x, in := conformance.Arrival(start, big, standard)
	wantCode(t, "SignIn when full", second(db.SignIn(t.Context(), x, in)), sso.StoreUnavailable)
	for table, want := range map[string]int{"accounts": 1, "sessions": 1, "proofs": 1, "events": 1} {
		if got := db.count(t, table); got != want {
			t.Errorf("%d %s after a login that was not kept, want %d", got, table, want)
		}
	}
	if _, err := db.Principal(t.Context(), sid); err != nil {
		t.Errorf("reading when full: %v", err)
	}
	limit(1 << 30)
	x.Err = nil
	if _, err := db.SignIn(t.Context(), x, in); err != nil {
		t.Errorf("SignIn when there is room: %v", err)
	}
	if err := db.Ready(t.Context()); err != nil {
		t.Errorf("Ready: %v", err)
	}
}

// SECURITY L4
func TestReadOnly(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		_, sid := db.signIn(t, person("ada@example.com"), standard)
		if strings.HasPrefix(db.url, "sqlite:") {
			if err := db.PragmaOnWriter(t.Context(), "query_only = 1"); err != nil {
				t.Fatal(err)
			}
		} else {
			db.url += "&default_transaction_read_only=on"
			db.Store = db.another(t, store.Options{})
		}
		x, in := conformance.Arrival(start, person("bob@example.com"), standard)
		wantCode(t, "SignIn", second(db.SignIn(t.Context(), x, in)), sso.StoreUnavailable)
		wantCode(t, "Ready", db.Ready(t.Context()), sso.StoreUnavailable)
		if _, err := db.Principal(t.Context(), sid); err != nil {
			t.Errorf("Principal: %v", err)
		}
	})
}

func TestNotReachable(t *testing.T) {
	_, err := store.Open(t.Context(), "postgres://u:s3cret@127.0.0.1:1/x?connect_timeout=2", store.Options{})
	wantCode(t, "Open", err, sso.StoreUnavailable)
	if err != nil && strings.Contains(err.Error(), "s3cret") { // SECURITY K1
		t.Errorf("the error tells the password: %v", err)
	}
	each(t, func(t *testing.T, db *testDB) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		x, in := conformance.Arrival(start, person("ada@example.com"), standard)
		wantCode(t, "SignIn after its time", second(db.SignIn(ctx, x, in)), sso.StoreUnavailable)
		wantCode(t, "Principal after its time", second(db.Principal(ctx, in.Session.Hash)), sso.StoreUnavailable)
		if err := db.Ready(t.Context()); err != nil {
			t.Errorf("Ready: %v", err)
		}
	})
}

// The connections that PostgreSQL ends (a restart, an administrator) are replaced.
func TestConnectionsEnded(t *testing.T) {
	db := open(t, postgres.InCI(t))
	_, sid := db.signIn(t, person("ada@example.com"), standard)
	if _, err := db.raw(t).ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE application_name = 'ssobridge' AND query LIKE '%' || $1 || '%' AND pid <> pg_backend_pid()`, "zzz"); err != nil {
		t.Fatal(err)
	}
	ok := false
	for range 20 { // one failure for each connection that was open is honest; then it works again
		if _, err := db.Principal(t.Context(), sid); err == nil {
			ok = true
			break
		} else if sso.CodeOf(err) != sso.StoreUnavailable {
			t.Fatal(err)
		}
	}
	if !ok {
		t.Error("the store does not recover")
	}
}

// SECURITY F2: a copy of the database alone tells no secret.
func TestSecretsAreSealed(t *testing.T) {
	const (
		setting = "the-shared-secret-of-the-idp"
		key     = "the-private-part-of-a-key"
		token   = "header.payload.signature"
		handle  = "the-key-of-a-handoff"
	)
	each(t, func(t *testing.T, db *testDB) {
		value, plain := setting, "300s"
		v, err := db.SaveSettings(t.Context(), sso.SettingsChange{
			Values: map[string]*string{"JWT_SHARED_SECRET": &value, "JWT_MAX_AGE": &plain}, Secrets: map[string]bool{"JWT_SHARED_SECRET": true},
			Events: []sso.Event{{Kind: sso.EventSetting, Actor: "root@example.com", Detail: "changed"}},
		})
		if err != nil || v != 1 {
			t.Fatalf("got version %d, %v", v, err)
		}
		if _, err := db.EnsureSigningKey(t.Context(), "k1", []byte(key), start, start); err != nil {
			t.Fatal(err)
		}
		if err := db.KeepHandoff(t.Context(), handle, []byte(token), start.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		var raw strings.Builder
		if file, ok := strings.CutPrefix(db.url, "sqlite:"); ok {
			for _, suffix := range []string{"", "-wal"} {
				b, err := os.ReadFile(file + suffix)
				if err != nil {
					t.Fatal(err)
				}
				raw.Write(b)
			}
		} else {
			dump(t, db.raw(t), &raw, "settings", "signing_keys", "handoffs", "events")
		}
		for _, secret := range []string{setting, key, token, handle} {
			if strings.Contains(raw.String(), secret) {
				t.Errorf("the database shows %q", secret)
			}
		}
		if !strings.Contains(raw.String(), "300s") {
			t.Error("the database does not show what is no secret: the test looks in the wrong place")
		}

		saved, version, err := db.Settings(t.Context())
		if err != nil || version != 1 || saved["JWT_SHARED_SECRET"].Value != setting || saved["JWT_MAX_AGE"].Value != "300s" ||
			saved["JWT_MAX_AGE"].SavedBy != "root@example.com" || !saved["JWT_MAX_AGE"].SavedAt.Equal(start) {
			t.Errorf("got %+v, version %d, %v", saved, version, err)
		}
		// Another SECRET_KEY, or none: an error that says so.
		other := db.another(t, store.Options{Secret: []byte(strings.Repeat("other", 10))})
		if _, _, err := other.Settings(t.Context()); err == nil || !strings.Contains(err.Error(), "JWT_SHARED_SECRET: sealed under another SECRET_KEY") {
			t.Errorf("settings under another SECRET_KEY: got %v", err)
		}
		if _, err := other.SigningKeys(t.Context()); err == nil || !strings.Contains(err.Error(), "another SECRET_KEY") {
			t.Errorf("keys under another SECRET_KEY: got %v", err)
		}
		none := db.another(t, store.Options{Secret: []byte{}})
		if err := none.KeepHandoff(t.Context(), "x", nil, start); err == nil || !strings.Contains(err.Error(), "SECRET_KEY") {
			t.Errorf("a handoff without SECRET_KEY: got %v", err)
		}
		// What is sealed for one row opens in no other.
		if _, err := db.raw(t).ExecContext(t.Context(), "UPDATE settings SET name = 'JWT_OTHER' WHERE name = 'JWT_SHARED_SECRET'"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := db.Settings(t.Context()); err == nil {
			t.Error("a sealed setting opens under another name")
		}
	})
}

func dump(t *testing.T, raw *sql.DB, to *strings.Builder, tables ...string) {
	t.Helper()
	for _, table := range tables {
		rows, err := raw.QueryContext(t.Context(), "SELECT x::text FROM "+table+" x")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			to.WriteString(line)
		}
		rows.Close()
	}
}

func TestSettingsSavedMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		a, b := "a", "b"
		save := func(expect int64, changes map[string]*string) error {
			_, err := db.SaveSettings(t.Context(), sso.SettingsChange{Values: changes, Version: expect, Events: []sso.Event{{Kind: sso.EventSetting}}})
			return err
		}
		wantCode(t, "first", save(0, map[string]*string{"X": &a, "Y": &a}), "")
		wantCode(t, "late", save(0, map[string]*string{"X": &b}), sso.Conflict)
		wantCode(t, "delete", save(1, map[string]*string{"X": &b, "Y": nil, "Z": nil}), "")
		saved, version, err := db.Settings(t.Context())
		if err != nil || version != 2 || len(saved) != 1 || saved["X"].Value != "b" {
			t.Errorf("got %v, version %d, %v", saved, version, err)
		}
		if n := db.count(t, "events"); n != 2 {
			t.Errorf("got %d events, want 2: a refused save leaves none", n)
		}
		changes, _, err := db.Changes(t.Context(), 0)
		if err != nil || len(changes) != 2 || changes[1].AccountID != 0 {
			t.Errorf("got changes %v, %v", changes, err)
		}
	})
}

func TestHandoffs(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		keep := func(key string) {
			t.Helper()
			if err := db.KeepHandoff(t.Context(), key, []byte("data of "+key), start.Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
		keep("a")
		keep("late")
		wantCode(t, "the same key", db.KeepHandoff(t.Context(), "a", nil, start.Add(time.Minute)), sso.Conflict)
		wantCode(t, "unknown", second(db.TakeHandoff(t.Context(), "b")), sso.NotFound)
		taken := make([]bool, 20)
		ssotest.AtOnce(len(taken), func(i int) {
			data, err := db.TakeHandoff(context.Background(), "a")
			taken[i] = err == nil && string(data) == "data of a"
		})
		n := 0
		for _, ok := range taken {
			if ok {
				n++
			}
		}
		if n != 1 {
			t.Errorf("taken %d times, want once", n)
		}
		db.advance(time.Minute)
		wantCode(t, "too late", second(db.TakeHandoff(t.Context(), "late")), sso.NotFound)
	})
}

func TestSigningKeys(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		for i, id := range []string{"k1", "k2"} {
			at := start.Add(time.Duration(i) * time.Hour)
			wantCode(t, id, second(db.EnsureSigningKey(t.Context(), id, []byte("private "+id), at, at)), "")
		}
		keys, err := db.SigningKeys(t.Context())
		if err != nil || len(keys) != 2 || keys[0].ID != "k2" || !keys[0].RetiredAt.IsZero() || string(keys[1].Private) != "private k1" {
			t.Errorf("got %+v, %v", keys, err)
		}
		wantCode(t, "delete", db.DeleteSigningKey(t.Context(), "k1"), "")
		wantCode(t, "delete again", db.DeleteSigningKey(t.Context(), "k1"), sso.NotFound)
	})
}

// Of replicas that ask at once, one adds its key.
func TestEnsureSigningKey(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		var wg sync.WaitGroup
		var added atomic.Int64
		ensure := func(id string, since time.Time) {
			ok, err := db.EnsureSigningKey(t.Context(), id, []byte("private "+id), start, since)
			if err != nil {
				t.Errorf("%s: %v", id, err)
			}
			if ok {
				added.Add(1)
			}
		}
		for i := range 8 {
			wg.Go(func() { ensure(fmt.Sprint("k", i), time.Time{}) })
		}
		wg.Wait()
		keys, err := db.SigningKeys(t.Context())
		if err != nil || len(keys) != 1 || added.Load() != 1 || string(keys[0].Private) != "private "+keys[0].ID {
			t.Fatalf("got %d added, keys %+v, %v; want one", added.Load(), keys, err)
		}
		ensure("later", start)
		ensure("too many", time.Time{})
		if keys, err = db.SigningKeys(t.Context()); err != nil || len(keys) != 2 {
			// "later" was added, since nothing was made after start; "too many" was not, since there is a key.
			t.Errorf("got %+v, %v; want two keys", keys, err)
		}
	})
}
