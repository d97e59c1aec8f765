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

	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// A Program is the binary under test, and what else its package of tests builds. A package has one, whose Main is called
// by TestMain.
type Program struct {
	dir   string
	mu    sync.Mutex
	built map[string]func() (path string, err error)
}

// Main runs the tests with a folder for what they build, and removes it when they have ended. It returns the exit status.
func (p *Program) Main(m *testing.M) (status int) {
	ssotest.TempInMemory()
	var err error
	if p.dir, err = os.MkdirTemp("", "ssobridge-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(p.dir)
	return m.Run()
}

// Path returns the path of the binary.
func (p *Program) Path(t testing.TB) string {
	t.Helper()
	return p.Build(t, "github.com/ssobridge/ssobridge/cmd/ssobridge")
}

// Build returns the path of a program that is built of a package or a file of Go. It is built once, and only for the tests
// that need it: a fuzz run starts many processes of a package.
func (p *Program) Build(t testing.TB, source string) string {
	t.Helper()
	path, err := p.builder(source)()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (p *Program) builder(source string) func() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.built == nil {
		p.built = map[string]func() (string, error){}
	}
	if p.built[source] == nil {
		path := filepath.Join(p.dir, fmt.Sprintf("program-%d", len(p.built)))
		p.built[source] = sync.OnceValues(func() (string, error) {
			return path, Compile(source, path)
		})
	}
	return p.built[source]
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

// Compile writes the program of a package or a file of Go to path. Programs of "go run" stay in the cache of Go, so that the
// packages of tests that need the same one link it once; "go build" links it each time.
func Compile(source, path string) error {
	if out, err := exec.Command("go", "run", "-exec", "cp", source, path).CombinedOutput(); err != nil {
		return fmt.Errorf("go run -exec cp %s: %w\n%s", source, err, out)
	}
	return nil
}
