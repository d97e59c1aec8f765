package postgres

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// Pooled returns a function that changes the URL of a database into one by way of a PgBouncer, which the test has for itself. It is in
// transaction mode: each transaction may be in another process of the server.
func Pooled(t testing.TB) func(databaseURL string) string {
	t.Helper()
	program := ssotest.Need(t, "pgbouncer", "apt-get install pgbouncer")
	if shared.ready(t); shared.own == nil {
		t.Skip("PgBouncer is tried before a server of our own")
	}
	dir, err := os.MkdirTemp("", "ssobridge-bouncer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	host, port, _ := net.SplitHostPort(shared.own.Address())
	listen := ssotest.FreePort(t)
	config := fmt.Sprintf("[databases]\n* = host=%s port=%s user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %s\nunix_socket_dir =\n"+
		"auth_type = any\npool_mode = transaction\nserver_round_robin = 1\ndefault_pool_size = 20\n", host, port, listen)
	if err := os.WriteFile(filepath.Join(dir, "ini"), []byte(config), 0o644); err != nil { //nolint:gosec // G306: PgBouncer runs as another user
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // G302: as above
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-q", filepath.Join(dir, "ini"))
	if os.Getuid() == 0 { // PgBouncer refuses root
		cmd = exec.Command(program, "-q", "-u", "postgres", filepath.Join(dir, "ini"))
	}
	ssotest.Process{Cmd: cmd, Log: &ssotest.Buffer{}, Grace: time.Second, Ready: func() error {
		c, err := net.Dial("tcp", "127.0.0.1:"+listen)
		if err == nil {
			c.Close()
		}
		return err
	}}.Start(t)
	return func(databaseURL string) string {
		u, err := url.Parse(databaseURL)
		if err != nil {
			t.Fatal(err)
		}
		u.Host = "127.0.0.1:" + listen
		return u.String()
	}
}
