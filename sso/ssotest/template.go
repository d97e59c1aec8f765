package ssotest

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// A Template is a file that is made once and copied for each test, since making it takes longer.
type Template struct {
	once sync.Once
	data []byte
	err  error
}

// Copy writes the file to path. make makes it, at the path that it is given.
func (f *Template) Copy(t testing.TB, path string, make func(path string) error) {
	t.Helper()
	f.once.Do(func() {
		var dir string
		if dir, f.err = os.MkdirTemp("", "ssobridge-template-"); f.err != nil {
			return
		}
		defer os.RemoveAll(dir)
		made := filepath.Join(dir, "made")
		if f.err = make(made); f.err == nil {
			f.data, f.err = os.ReadFile(made)
		}
	})
	if f.err != nil {
		t.Fatal(f.err)
	}
	if err := os.WriteFile(path, f.data, 0o600); err != nil {
		t.Fatal(err)
	}
}
