package interop

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// Behind nginx, which checks nobody's health, two replicas are restarted in turn while people sign in by POST. Each sign-in is
// answered, once.
func TestRollingRestart(t *testing.T) {
	ssotest.InCI(t, "two replicas behind a proxy")
	path := ssotest.Need(t, "nginx", "apt-get install nginx")
	one := startBridge(t, "http://127.0.0.1:9/login", "SSOBRIDGE_DRAIN_TIME=1s")
	other := startBridge(t, "http://127.0.0.1:9/login", "SSOBRIDGE_DRAIN_TIME=1s", "SSOBRIDGE_DATABASE_URL=sqlite:"+filepath.Join(one.dir, "ssobridge.db"))
	port := ssotest.FreePort(t)
	site := "http://127.0.0.1:" + port
	upstream, err := os.ReadFile("../proxies/nginx/nginx-replicas.conf")
	if err != nil {
		t.Fatal(err)
	}
	startNginx(t, path, port, strings.NewReplacer("127.0.0.1:3000", one.addr, "127.0.0.1:3001", other.addr, "\n}", "\n    keepalive 16;\n}").Replace(string(upstream)))

	wanted := bridgetest.Repetitions(t, 400)
	var answered, failed atomic.Int64
	var enough atomic.Bool
	var clients sync.WaitGroup
	for client := range 8 {
		c := &http.Client{Transport: &http.Transport{}, CheckRedirect: stay.CheckRedirect}
		clients.Go(func() {
			for n := 0; !enough.Load() || answered.Load() < wanted; n++ {
				form := url.Values{"jwt": {mint(t, fmt.Sprintf("p%d.%d@example.com", client, n))}, "return_to": {"/"}}
				resp, err := c.PostForm(site+"/auth/sso", form)
				if err != nil {
					t.Error(err)
					failed.Add(1)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if _, ok := sessionCookie(resp); resp.StatusCode != http.StatusSeeOther || !ok {
					t.Errorf("got %s to %q, session %v; want one", resp.Status, resp.Header.Get("Location"), ok)
					failed.Add(1)
				}
				answered.Add(1)
			}
		})
	}
	restarts := 0
	for ; restarts < 2 || answered.Load() < wanted; restarts++ {
		[]*bridge{one, other}[restarts%2].restart()
	}
	enough.Store(true)
	clients.Wait()
	t.Logf("%d sign-ins by POST, %d restarts, %d failed", answered.Load(), restarts, failed.Load())
}

// restart ends the bridge as a supervisor does, and starts it anew once its port is free.
func (b *bridge) restart() {
	b.t.Helper()
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		b.t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", b.addr, 100*time.Millisecond)
		if err == nil {
			conn.Close()
		} else if errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
		if time.Now().After(end) {
			b.t.Fatal("the bridge did not end")
		}
	}
	b.start()
}

// startNginx runs it before an upstream of bridges.
func startNginx(t *testing.T, path, port, upstream string) {
	t.Helper()
	dir := t.TempDir()
	var conf bytes.Buffer
	fmt.Fprintf(&conf, "daemon off; master_process off; error_log stderr; pid %s/nginx.pid; events {}\nhttp { access_log off;\n", dir)
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&conf, "%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	fmt.Fprintf(&conf, `%s
server {
	listen 127.0.0.1:%s;
	location / { proxy_pass http://bridges; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host localhost; }
} }`, upstream, port)
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), conf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	ssotest.Process{
		Cmd: exec.Command(path, "-p", dir, "-e", "stderr", "-c", filepath.Join(dir, "nginx.conf")), Log: &ssotest.Buffer{},
		Ready: func() error {
			conn, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err == nil {
				conn.Close()
			}
			return err
		},
	}.Start(t)
}

func mint(t testing.TB, email string) string {
	now := time.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"email": email, "first_name": "A", "last_name": "B", "groups": []string{"staff"},
		"iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(), "jti": rand.Text(),
	}).SignedString([]byte(secret))
	if err != nil {
		t.Error(err)
	}
	return token
}
