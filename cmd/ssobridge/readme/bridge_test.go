package readme

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// buildDir is where the program under test is built; TestMain removes it.
var buildDir string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if buildDir, err = os.MkdirTemp("", "ssobridge-readme-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(buildDir)
	return m.Run()
}

var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(buildDir, "ssobridge")
	out, err := exec.Command("go", "build", "-o", path, "github.com/ssobridge/ssobridge/cmd/ssobridge").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// program returns the path of the built binary.
func program(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// secret is what both sides know in these tests.
const secret = "kP2vXq8dJm4tYw7nRb3gHs6fLc9zQe5aTu1oViWxEyM"

// environ is a bare environment with these variables; nothing of the tester's own decides.
func environ(more ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, more...)
}

// process runs a program until the test ends, and waits until url answers.
func process(t *testing.T, cmd *exec.Cmd, url string) {
	t.Helper()
	var log bytes.Buffer
	var mu sync.Mutex
	cmd.Stdout = writer(func(b []byte) { mu.Lock(); defer mu.Unlock(); log.Write(b) })
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); cmd.Wait() }()
	said := func() string { mu.Lock(); defer mu.Unlock(); return log.String() }
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(15 * time.Second):
			cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(cmd.Path), said())
		}
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		resp, err := http.Get(url)
		if err == nil {
			resp.Body.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended at once:\n%s", cmd, said())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer: %v\n%s", cmd, err, said())
		}
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// output runs the program in an empty folder and returns what it printed, on both streams.
func output(t testing.TB, stdin string, env []string, args ...string) (out string, status int) {
	t.Helper()
	cmd := exec.Command(program(t), args...)
	cmd.Dir, cmd.Env, cmd.Stdin = t.TempDir(), env, strings.NewReader(stdin)
	b, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(b), cmd.ProcessState.ExitCode()
}
