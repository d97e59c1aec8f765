package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
	"github.com/ssobridge/ssobridge/store"
)

// fresh opens an empty database.
func fresh(t *testing.T, url string) *testDB {
	db := &testDB{url: url}
	db.now.Store(&start)
	db.Store = db.another(t, store.Options{})
	return db
}

func TestMigrate(t *testing.T) {
	try := func(t *testing.T, url string) {
		db := fresh(t, url)
		if err := db.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "not migrated") {
			t.Errorf("Ready before: got %v", err)
		}
		// From several processes at once: every step is taken once.
		applied := make([][]string, 6)
		ssotest.AtOnce(len(applied), func(i int) {
			s := db.another(t, store.Options{})
			var err error
			if applied[i], err = s.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
		steps := map[string]int{}
		for _, names := range applied {
			for _, name := range names {
				steps[name]++
			}
		}
		if steps["0001_start"] != 1 {
			t.Errorf("got steps %v, want each once", steps)
		}
		if err := db.Ready(t.Context()); err != nil {
			t.Errorf("Ready after: %v", err)
		}
		if again, err := db.Migrate(t.Context()); len(again) != 0 || err != nil {
			t.Errorf("again: got %v, %v", again, err)
		}
		db.signIn(t, person("ada@example.com"), standard)

		raw := db.raw(t)
		for _, tt := range []struct{ change, want, undo string }{
			{"UPDATE migrations SET checksum = checksum || 'x'", "is not the one", "UPDATE migrations SET checksum = substr(checksum, 1, 64)"},
			{"INSERT INTO migrations VALUES (99, '0099_future', 'x', 0)", "newer program", "DELETE FROM migrations WHERE version = 99"},
		} {
			if _, err := raw.ExecContext(t.Context(), tt.change); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: got %v, want %q", tt.change, err, tt.want)
			}
			if strings.HasPrefix(tt.change, "INSERT") {
				err := db.Ready(t.Context())
				wantCode(t, "Ready with a newer database", err, sso.StoreUnavailable)
				if !errors.Is(err, store.ErrNewer) {
					t.Errorf("Ready with a newer database: got %v, want ErrNewer", err)
				}
			}
			if _, err := raw.ExecContext(t.Context(), tt.undo); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Ready(t.Context()); err != nil {
			t.Error(err)
		}

		// A newer program may add what this one can live with, while this one runs and before it starts again.
		for _, change := range []string{
			"CREATE TABLE later (account_id BIGINT REFERENCES accounts (id) ON DELETE CASCADE)", "ALTER TABLE accounts ADD COLUMN later TEXT",
			"INSERT INTO migration_needs SELECT max(version)+1, max(version) FROM migrations",
			"INSERT INTO migrations SELECT max(version)+1, 'later', 'x', 1 FROM migrations",
		} {
			if _, err := raw.ExecContext(t.Context(), change); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Ready(t.Context()); err != nil {
			t.Errorf("Ready with a newer database: got %v, want that this program can live with it", err)
		}
		again := db.another(t, store.Options{})
		if took, err := again.Migrate(t.Context()); len(took) > 0 || err != nil {
			t.Errorf("a start with a newer database: got %v, %v", took, err)
		}
		db.signIn(t, person("grace@example.com"), standard)
		if err := again.Migrated(t.Context()); !errors.Is(err, store.ErrNewer) {
			t.Errorf("what needs all tables: got %v, want ErrNewer", err)
		}
	}
	t.Run("sqlite", func(t *testing.T) { try(t, "sqlite:"+t.TempDir()+"/test.db") })
	t.Run("postgres", func(t *testing.T) { try(t, postgres.Database(t)) })
}
