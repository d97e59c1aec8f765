// Package bridgetest runs bridges for tests: the real program, built and started from outside, and the server in the
// process of the test, on a real port and a real database file.
package bridgetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// A Program is the binary under test. A package of tests has one, whose Main is called by TestMain.
type Program struct {
	dir   string
	build sync.Once
	err   error
}

// Main runs the tests with a folder for what they build, and removes it when they have ended. It returns the exit status.
func (p *Program) Main(m *testing.M) (status int) {
	var err error
	if p.dir, err = os.MkdirTemp("", "ssobridge-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(p.dir)
	return m.Run()
}

// Path returns the path of the binary. It is built once, and only for the tests that need it: a fuzz run starts many
// processes of a package.
func (p *Program) Path(t testing.TB) string {
	t.Helper()
	path := filepath.Join(p.dir, "ssobridge")
	p.build.Do(func() {
		out, err := exec.Command("go", "build", "-o", path, "github.com/ssobridge/ssobridge/cmd/ssobridge").CombinedOutput()
		if err != nil {
			p.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if p.err != nil {
		t.Fatal(p.err)
	}
	return path
}

// TempDir makes a folder that stands until the last test has ended, for processes that write for a moment after they
// were told to end.
func (p *Program) TempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(p.dir, "")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
