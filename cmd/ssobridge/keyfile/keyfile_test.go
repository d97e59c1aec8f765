package keyfile_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/keyfile"
)

// What a killed process left of a key is taken away, and nothing else: no file that is being written, none of another name, and no
// link or folder.
func TestClean(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	now := time.Now()
	make := func(name string, mode os.FileMode, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(path(name), keyfile.Random(), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path(name), now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"x.db.key.tmp-1234567890", "x.db.key.new.tmp-5"} {
		make(name, 0o600, time.Hour)
	}
	stay := []string{"x.db", "x.db.key", "x.db.key.new", "x.db.key.tmp-", "x.db.key.tmp-12a", "x.db.key.tmp-1.old", "xx.db.key.tmp-1", "x.db.key.new.new.tmp-1"}
	for _, name := range stay {
		make(name, 0o600, time.Hour)
	}
	make("x.db.key.tmp-2", 0o600, time.Second)
	make("x.db.key.tmp-3", 0o644, time.Hour)
	if err := os.Symlink(path("x.db.key"), path("x.db.key.tmp-4")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path("x.db.key.tmp-5"), 0o700); err != nil {
		t.Fatal(err)
	}
	stay = append(stay, "x.db.key.tmp-2", "x.db.key.tmp-3", "x.db.key.tmp-4", "x.db.key.tmp-5")
	keyfile.Clean(path("x.db.key"), now.Add(10*time.Second))
	var got []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(stay)
	if !slices.Equal(got, stay) {
		t.Errorf("got %q, want %q", got, stay)
	}
	keyfile.Clean(path("nothing/x.db.key"), now) // no such folder
}
