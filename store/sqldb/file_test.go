package sqldb_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/store/sqldb"
)

func TestDatabaseURL(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, tt := range []struct{ url, want string }{ // want is a file, or a part of the error after "!"
		{"sqlite:a.db", "a.db"},
		{"sqlite:./b.db", "b.db"},
		{"sqlite://" + dir + "/c.db", "c.db"},
		{"sqlite:" + dir + "/d.db", "d.db"},
		{"sqlite:with space %41.db", "with space %41.db"},
		{"sqlite:", "!needs a file"},
		{"sqlite://host/e.db", "!sqlite:///absolute/path"},
		{"sqlite::memory:", "!in memory"},
		{"sqlite:f.db?_pragma=synchronous(0)", "!no parameters"},
		{"sqlite:missing/g.db", "!no such file"},
		{"mysql://localhost/x", "!neither sqlite: nor postgres://"},
		{"", "!neither sqlite: nor postgres://"},
		{"postgres://u:s3cret@%zz", "!DATABASE_URL"},
	} {
		s, err := sqldb.Open(t.Context(), tt.url, sqldb.Options{})
		if part, refused := strings.CutPrefix(tt.want, "!"); refused {
			if err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s: got %v, want an error with %q and without a password", tt.url, err, part)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.url, err)
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, tt.want)); err != nil {
			t.Errorf("%s: %v", tt.url, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// SECURITY L3
func TestFileModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing on Windows")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "test.db")
	db := open(t, "sqlite:"+file, sqldb.Options{})
	numbers(t, db)
	backup := filepath.Join(dir, "backup.db")
	if err := db.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, file + "-wal", file + "-shm", backup} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got mode %v (%v), want 0600", name, info.Mode(), err)
		}
	}
	for _, name := range []string{file, file + "-wal"} {
		for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644} {
			if err := os.Chmod(name, mode); err != nil {
				t.Fatal(err)
			}
			if _, err := sqldb.Open(t.Context(), "sqlite:"+file, sqldb.Options{}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
				t.Errorf("%s with mode %o: got %v, want to be told to chmod 600", name, mode, err)
			}
		}
		if err := os.Chmod(name, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
