package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A bridge that is asked to writes a backup at its start, keeps the newest and what others have put there, and the backup can be used.
func TestServeWritesBackups(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "copies")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	const oldest, older, others = "ssobridge-20200101T000000Z.db", "ssobridge-20200102T000000Z.db", "ssobridge.db"
	for _, name := range []string{oldest, older, others} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := startServe(t, dir, "SSOBRIDGE_BACKUP_EVERY=24h", "SSOBRIDGE_BACKUP_KEEP=2", "SSOBRIDGE_BACKUP_DIR="+folder)
	there := func(name string) bool {
		_, err := os.Stat(filepath.Join(folder, name))
		return err == nil
	}
	for end := time.Now().Add(time.Minute); there(oldest); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no backup was made: %s", r.stderr)
		}
	}
	r.end(t, syscall.SIGTERM)
	made, err := filepath.Glob(filepath.Join(folder, "ssobridge-202[1-9]*"))
	if err != nil || len(made) != 1 || !there(older) || !there(others) {
		t.Fatalf("got %q, %v, the older %v, others %v; want one new backup beside both", made, err, there(older), there(others))
	}
	if info, err := os.Stat(made[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v; want 0600", info.Mode(), err)
	}
	var out bytes.Buffer
	p := &program{stdin: strings.NewReader(""), stdout: &out, stderr: &out, now: time.Now}
	status := p.run(context.Background(), []string{"groups", "list", "--database-url", "sqlite:" + made[0], "--secret-key-file", filepath.Join(dir, "ssobridge.db.key")})
	if status != 0 || !strings.Contains(out.String(), "Administrators") {
		t.Errorf("the backup: got %d\n%s", status, &out)
	}
}
