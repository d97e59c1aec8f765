package docs

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// program is the bridge.
var program bridgetest.Program

func TestMain(m *testing.M) { os.Exit(program.Main(m)) }

// secret is what both sides know in these tests.
const secret = "kP2vXq8dJm4tYw7nRb3gHs6fLc9zQe5aTu1oViWxEyM"

// environ is a bare environment with these variables; nothing of the tester's own decides.
func environ(more ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, more...)
}

// process runs a program until the test ends, and waits until url answers.
func process(t *testing.T, cmd *exec.Cmd, url string) {
	t.Helper()
	ssotest.Process{Cmd: cmd, Log: &ssotest.Buffer{}, Ready: func() error {
		resp, err := http.Get(url)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}}.Start(t)
}

// output runs the program in an empty folder and returns what it printed, on both streams.
func output(t testing.TB, stdin string, env []string, args ...string) (out string, status int) {
	t.Helper()
	cmd := exec.Command(program.Path(t), args...)
	cmd.Dir, cmd.Env, cmd.Stdin = t.TempDir(), env, strings.NewReader(stdin)
	b, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(b), cmd.ProcessState.ExitCode()
}
