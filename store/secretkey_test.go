package store_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/seal"
	"github.com/ssobridge/ssobridge/sso/service"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
	"github.com/ssobridge/ssobridge/store"
	"github.com/ssobridge/ssobridge/store/sealed"
)

var nextSecret = bytes.Repeat([]byte("n8"), 20)

var keyEvent = sso.Event{Kind: sso.EventSetting, Actor: "cli", Detail: "SECRET_KEY was changed"}

// sealEverything keeps something in each column that is sealed.
func sealEverything(t *testing.T, db *testDB) {
	t.Helper()
	ctx := t.Context()
	x, in := conformance.Arrival(*db.now.Load(), person("granted@example.com"), standard)
	in.Session.Hash, in.Granted = grantedSession, granted
	if _, err := db.SignIn(ctx, x, in); err != nil {
		t.Fatal(err)
	}
	if _, err := db.SetupSecret(ctx, "set-up secret"); err != nil {
		t.Fatal(err)
	}
	if err := db.saveSecret(t, db.Store, "JWT_SHARED_SECRET", "a secret that is saved"); err != nil {
		t.Fatal(err)
	}
	if err := db.saveSecret(t, db.Store, "PROVIDER_ACME_SHARED_SECRET", "another"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.EnsureSigningKey(ctx, "k1", []byte("private part"), db.now.Load().Add(-time.Hour), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Services().EnsureKey(ctx, service.Key{ID: "s1", Algorithm: "ES256", Public: []byte("public part"), Private: []byte("private part"),
		CreatedAt: *db.now.Load()}, time.Time{}, sso.Event{}); err != nil {
		t.Fatal(err)
	}
	if err := db.KeepHandoff(ctx, "handoff", []byte("a form"), db.now.Load().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
}

// What a provider gave with a session.
var (
	grantedSession, _ = sso.HashSessionID(sso.NewSessionID())
	granted           = sso.Granted{Issuer: "https://login.example.com", IDToken: "an ID token", RefreshToken: "a refresh token", Subject: "ada-1", Nonce: "n"}
)

// saveSecret saves a secret setting, whatever the version is.
func (db *testDB) saveSecret(t *testing.T, st *store.Store, name, value string) error {
	var version int64
	if err := db.raw(t).QueryRow("SELECT value FROM counters WHERE name = 'settings'").Scan(&version); err != nil {
		return err
	}
	_, err := st.SaveSettings(t.Context(), sso.SettingsChange{
		Version: version, Values: map[string]*string{name: &value}, Secrets: map[string]bool{name: true},
	})
	return err
}

// opensEverything fails unless a store opens what sealEverything kept.
func opensEverything(t *testing.T, st *store.Store) {
	t.Helper()
	ctx := t.Context()
	saved, _, err := st.Settings(ctx)
	if err != nil || saved["JWT_SHARED_SECRET"].Value != "a secret that is saved" || saved["PROVIDER_ACME_SHARED_SECRET"].Value != "another" {
		t.Errorf("settings: got %v, %v", saved, err)
	}
	keys, err := st.SigningKeys(ctx)
	if err != nil || len(keys) != 1 || string(keys[0].Private) != "private part" {
		t.Errorf("signing keys: got %v, %v", keys, err)
	}
	if keys, err := st.Services().Keys(ctx); err != nil || len(keys) != 1 || string(keys[0].Private) != "private part" {
		t.Errorf("service keys: got %v, %v", keys, err)
	}
	if secret, err := st.SetupSecret(ctx, "a fresh one"); err != nil || secret != "set-up secret" {
		t.Errorf("set-up secret: got %q, %v", secret, err)
	}
	if data, err := st.TakeHandoff(ctx, "handoff"); err != nil || string(data) != "a form" {
		t.Errorf("handoff: got %q, %v", data, err)
	}
	if g, err := st.Granted(ctx, grantedSession); err != nil || g != granted {
		t.Errorf("grant: got %v, %v", g, err)
	}
}

// SECURITY F8: everything comes under the new key at once, and a program with the one of before seals nothing more.
func TestRotateSecretKey(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		ctx := t.Context()
		sealEverything(t, db)
		next := db.another(t, store.Options{Secret: nextSecret})
		if _, err := next.RotateSecretKey(ctx, bytes.Repeat([]byte("m9"), 20), keyEvent); !errors.Is(err, seal.ErrOtherKey) {
			t.Errorf("wrong key of before: got %v, want %v", err, seal.ErrOtherKey)
		}
		if _, err := db.RotateSecretKey(ctx, secret, keyEvent); !errors.Is(err, sealed.ErrSame) {
			t.Errorf("same key: got %v, want %v", err, sealed.ErrSame)
		}
		if _, err := db.RotateSecretKey(ctx, []byte("short"), keyEvent); err == nil {
			t.Error("short key: got no error")
		}
		if err := db.Ready(ctx); err != nil {
			t.Errorf("after refused rotations: got %v, want the database as it was", err)
		}
		n, err := db.RotateSecretKey(ctx, nextSecret, keyEvent)
		if err != nil || n != 7 {
			t.Fatalf("got %d values, %v, want 7", n, err)
		}
		if _, err := db.RotateSecretKey(ctx, nextSecret, keyEvent); !errors.Is(err, sealed.ErrRotated) {
			t.Errorf("twice: got %v, want %v", err, sealed.ErrRotated)
		}
		sealsNoMore(t, db)
		opensEverything(t, next)
		if err := next.Ready(ctx); err != nil {
			t.Errorf("new key: got %v, want ready", err)
		}
		if events, _, err := next.Events(ctx, sso.EventQuery{Kinds: []sso.EventKind{sso.EventSetting}}); err != nil || len(events) != 1 || events[0].Actor != "cli" {
			t.Errorf("got events %v, %v, want one", events, err)
		}
	})
}

// sealsNoMore fails unless a store whose key is the one of before refuses whatever would have to be sealed.
func sealsNoMore(t *testing.T, db *testDB) {
	t.Helper()
	ctx := t.Context()
	_, setup := db.SetupSecret(ctx, "fresh")
	_, key := db.EnsureSigningKey(ctx, "k2", []byte("private"), *db.now.Load(), *db.now.Load())
	_, serviceKey := db.Services().EnsureKey(ctx, service.Key{ID: "s2", Private: []byte("private"), CreatedAt: *db.now.Load()}, *db.now.Load(), sso.Event{})
	for what, err := range map[string]error{
		"service key": serviceKey,
		"ready":       db.Ready(ctx), "handoff": db.KeepHandoff(ctx, "later", []byte("x"), db.now.Load().Add(time.Hour)),
		"setting": db.saveSecret(t, db.Store, "JWT_SHARED_SECRET", "of the old key"), "set-up": setup, "signing key": key,
	} {
		if !errors.Is(err, seal.ErrOtherKey) {
			t.Errorf("%s with the key of before: got %v, want %v", what, err, seal.ErrOtherKey)
		}
	}
}

// What is sealed while the key changes is either sealed anew with it, or refused.
func TestRotationWhileOthersSeal(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		const writers = 30
		kept := make([]bool, writers)
		ssotest.AtOnce(writers+1, func(i int) {
			if i == writers/2 {
				if _, err := db.RotateSecretKey(t.Context(), nextSecret, keyEvent); err != nil {
					t.Errorf("rotation: got %v", err)
				}
				return
			}
			if i > writers/2 {
				i--
			}
			err := db.KeepHandoff(t.Context(), fmt.Sprint("handoff ", i), []byte("x"), db.now.Load().Add(time.Hour))
			if kept[i] = err == nil; err != nil && !errors.Is(err, seal.ErrOtherKey) {
				t.Errorf("got %v, want it kept or refused", err)
			}
		})
		next := db.another(t, store.Options{Secret: nextSecret})
		for i, was := range kept {
			if _, err := next.TakeHandoff(t.Context(), fmt.Sprint("handoff ", i)); was != (err == nil) {
				t.Errorf("handoff %d: got kept %v, and then %v", i, was, err)
			}
		}
	})
}

// No column is sealed that a rotation does not know: whatever looks sealed, in any column of any table, is another value
// afterwards, and the new key opens it.
func TestNoColumnIsForgotten(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		sealEverything(t, db)
		raw := db.raw(t)
		before := sealedValues(t, raw)
		for _, col := range sealed.Columns() {
			if len(before[col.Table+"."+col.Value]) == 0 {
				t.Errorf("%s.%s: got nothing sealed, so that this test says nothing of it: let sealEverything keep something there", col.Table, col.Value)
			}
		}
		if _, err := db.RotateSecretKey(t.Context(), nextSecret, keyEvent); err != nil {
			t.Fatal(err)
		}
		for column, values := range sealedValues(t, raw) {
			for _, v := range values {
				if slices.Contains(before[column], v) {
					t.Errorf("%s: a value looks sealed, and a rotation leaves it: add the column to sealed.Columns", column)
				}
			}
		}
		opensEverything(t, db.another(t, store.Options{Secret: nextSecret}))
	})
}

// sealedValues are those in the form of [seal.Box.Seal], as bytes or as base64, by table and column.
func sealedValues(t *testing.T, raw *sql.DB) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, table := range tables(t, raw) {
		rows, err := raw.QueryContext(t.Context(), "SELECT * FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values := make([]any, len(columns))
			to := make([]any, len(columns))
			for i := range values {
				to[i] = &values[i]
			}
			if err := rows.Scan(to...); err != nil {
				t.Fatal(err)
			}
			for i, v := range values {
				text := fmt.Sprintf("%s", v)
				plain, err := base64.StdEncoding.DecodeString(text)
				if looksSealed([]byte(text)) || err == nil && looksSealed(plain) {
					found[table+"."+columns[i]] = append(found[table+"."+columns[i]], text)
				}
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// looksSealed: a version, which key, a nonce of 12 bytes and a tag of 16.
func looksSealed(v []byte) bool { return len(v) >= 1+1+12+16 && v[0] == 1 }

func tables(t *testing.T, raw *sql.DB) (all []string) {
	t.Helper()
	rows, err := raw.QueryContext(t.Context(), "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
	if err != nil {
		rows, err = raw.QueryContext(t.Context(), "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()")
	}
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
	return all
}

// A key that is not the one of the database is told at once, with what it does not open; and there is a way on without it.
func TestLostSecretKey(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		ctx := t.Context()
		sealEverything(t, db)
		if _, err := db.ForgetSecretKey(ctx, keyEvent); !errors.Is(err, sealed.ErrNotLost) {
			t.Errorf("key that is not lost: got %v, want %v", err, sealed.ErrNotLost)
		}
		other := db.another(t, store.Options{Secret: nextSecret})
		_, err := other.Migrate(ctx)
		lost, ok := errors.AsType[*sealed.Lost](err)
		want := "2 saved secrets (JWT_SHARED_SECRET, PROVIDER_ACME_SHARED_SECRET), 1 signing key of Remote-Assertion, 1 key of service tokens"
		if !ok || strings.Join(lost.What, ", ") != want {
			t.Errorf("start: got %v, want it to name %s", err, want)
		}
		if err := db.Ready(ctx); err != nil {
			t.Errorf("after a start with another key: got %v, want the database as it was", err)
		}
		_, version, _ := db.Settings(ctx)
		gone, err := other.ForgetSecretKey(ctx, keyEvent)
		if err != nil || strings.Join(gone, ", ") != want {
			t.Fatalf("got %q, %v, want %q", gone, err, want)
		}
		if _, err := other.ForgetSecretKey(ctx, keyEvent); !errors.Is(err, sealed.ErrNotLost) {
			t.Errorf("twice: got %v, want %v", err, sealed.ErrNotLost)
		}
		if err := other.Ready(ctx); err != nil {
			t.Errorf("got %v, want it ready", err)
		}
		saved, after, err := other.Settings(ctx)
		if err != nil || len(saved) != 0 || after == version {
			t.Errorf("settings: got %v of version %d, %v, want none, of another version than %d", saved, after, err, version)
		}
		if keys, err := other.Services().Keys(ctx); err != nil || len(keys) != 1 || keys[0].Private != nil || string(keys[0].Public) != "public part" {
			t.Errorf("service keys: got %v, %v, want the public part: it verifies the tokens that there are", keys, err)
		}
		sealsNoMore(t, db)
	})
}

// A database of before does not say which key it has. A key that opens what is there becomes its key, another does not.
func TestUpdateFindsTheSecretKey(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		ctx := t.Context()
		sealEverything(t, db)
		if _, err := db.raw(t).ExecContext(ctx, "DELETE FROM secret_key"); err != nil {
			t.Fatal(err)
		}
		other := db.another(t, store.Options{Secret: nextSecret})
		if _, err := other.Migrate(ctx); !errors.Is(err, seal.ErrOtherKey) {
			t.Errorf("start: got %v, want %v", err, seal.ErrOtherKey)
		}
		if err := other.KeepHandoff(ctx, "x", []byte("x"), db.now.Load().Add(time.Hour)); !errors.Is(err, seal.ErrOtherKey) {
			t.Errorf("another key: got %v, want %v", err, seal.ErrOtherKey)
		}
		if err := db.KeepHandoff(ctx, "x", []byte("x"), db.now.Load().Add(time.Hour)); err != nil {
			t.Errorf("its key: got %v", err)
		}
		if _, err := other.Migrate(ctx); !errors.Is(err, seal.ErrOtherKey) {
			t.Errorf("start afterwards: got %v, want %v", err, seal.ErrOtherKey)
		}
		opensEverything(t, db.Store)
	})
}
