package interop

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// The documents' Go program compiles as it is, serves the bridge's pages beside its own, and lets in whom it says.
func TestGoProgram(t *testing.T) {
	dir, port := t.TempDir(), ssotest.FreePort(t)
	app := program.Build(t, "./testdata/mount/app.go")
	b := &bridge{t: t, addr: "127.0.0.1:" + port}

	bare := exec.Command(app) // as somebody runs it who has read no comment
	bare.Dir, bare.Env = dir, []string{"SSO_SECRET=" + secret}
	if out, err := bare.CombinedOutput(); err == nil || !strings.Contains(string(out), "SECRET_KEY") {
		t.Errorf("without SECRET_KEY: got %v, %s; want a word about it", err, out)
	}

	cmd := exec.Command(app)
	cmd.Dir, cmd.Env = dir, []string{"SSO_SECRET=" + secret, "SECRET_KEY=" + strings.Repeat("7f3a", 16), "BRIDGE_URL=" + b.url(""), "PORT=" + port}
	ssotest.Process{Cmd: cmd, Log: &ssotest.Buffer{}, Ready: func() error {
		resp, err := http.Get(b.url("/"))
		if err == nil {
			resp.Body.Close()
		}
		return err
	}}.Start(t)

	if status, body := ask(t, b.url("/"), "Accept", "text/html"); status != http.StatusOK || body != "welcome, anyone" {
		t.Errorf("/: got %d %q", status, body)
	}
	if status, _ := ask(t, b.url("/report"), "Accept", "text/html"); status != http.StatusFound {
		t.Errorf("/report, signed out: got %d, want 302", status)
	}
	cookie, _ := signInAnn(t, b)
	if status, body := ask(t, b.url("/report"), "Cookie", cookie.Name+"="+cookie.Value); status != http.StatusOK || body != "report for ann@example.com" {
		t.Errorf("/report: got %d %q", status, body)
	}
	if status, _ := ask(t, b.url("/board"), "Cookie", cookie.Name+"="+cookie.Value); status != http.StatusForbidden {
		t.Errorf("/board: got %d, want 403", status)
	}
}
