package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso/token"
)

// streamingApp says something in a WebSocket at /ws, and sends an event and the half of another at /events.
func streamingApp(t *testing.T) *httptest.Server {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: 1\n\n")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi")
		_, _ = io.ReadFull(conn, make([]byte, 8)) // the client's close frame
		_, _ = io.WriteString(conn, "\x88\x02\x03\xe9")
	}))
	t.Cleanup(app.Close)
	return app
}

// After SIGTERM streams of events end after a whole event, WebSockets hear that the bridge is going away, and the process ends with 0.
func TestServeDrains(t *testing.T) {
	r := startServe(t, t.TempDir(), "SSOBRIDGE_UPSTREAM="+streamingApp(t).URL, `SSOBRIDGE_ACCESS_RULES=[{"path":"/","allow":"public"}]`, "SSOBRIDGE_DRAIN_TIME=1s")
	address := strings.TrimPrefix(r.url, "http://")
	ask := func(path, upgrade string) (net.Conn, *bufio.Reader, *http.Response) {
		t.Helper()
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, address, upgrade)
		in := bufio.NewReader(conn)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return conn, in, resp
	}
	socket, frames, _ := ask("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n")
	_, _, events := ask("/events", "")
	if _, _, ready := ask("/readyz", ""); ready.StatusCode != http.StatusOK || ready.Close {
		t.Fatalf("before: got %s from /readyz", ready.Status)
	}
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(events.Body); string(got) != "data: 1\n\n" || err != nil {
		t.Errorf("events: got %q, %v; want a whole event and an end", got, err)
	}
	said := make([]byte, 8)
	if _, err := io.ReadFull(frames, said); string(said) != "\x81\x02hi\x88\x02\x03\xe9" || err != nil {
		t.Errorf("WebSocket: got %q, %v; want what the app says and a close frame of 1001", said, err)
	}
	_, _ = io.WriteString(socket, "\x88\x82mask"+string([]byte{'m' ^ 3, 'a' ^ 0xe9}))
	if rest, err := io.ReadAll(frames); len(rest) > 0 || err != nil {
		t.Errorf("WebSocket: got %q, %v after the close frame; want its end", rest, err)
	}
	if err := <-r.ended; err != nil {
		t.Errorf("got %v, want exit status 0; stderr: %s", err, r.stderr)
	}
}

// After SIGTERM the bridge goes on answering, and /readyz says no. A second signal ends it at once.
func TestServeEndsAtOnce(t *testing.T) {
	t.Run("two signals, one right after the other", func(t *testing.T) {
		r := startServe(t, t.TempDir(), "SSOBRIDGE_DRAIN_TIME=10m")
		for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} { // two of a kind, the system may make one of
			if err := r.cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case err := <-r.ended:
			if err == nil {
				t.Error("got exit status 0, want an end by the signal")
			}
		case <-time.After(time.Minute):
			t.Error("did not end")
		}
	})
	r := startServe(t, t.TempDir(), "SSOBRIDGE_DRAIN_TIME=10m", "SSOBRIDGE_LOG_LEVEL=info")
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; {
		resp, err := http.Get(r.url + "/readyz")
		if err != nil || time.Now().After(end) {
			t.Fatalf("readyz: %v", err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			continue
		}
		if resp.StatusCode != http.StatusServiceUnavailable || !resp.Close || !strings.Contains(string(body), `"cause":"ending"`) {
			t.Errorf("after SIGTERM: got %s, close %v, %s; want 503, the last answer of its connection", resp.Status, resp.Close, body)
		}
		break
	}
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-r.ended:
		if err == nil {
			t.Error("got exit status 0, want an end by the signal")
		}
	case <-time.After(time.Minute):
		t.Error("did not end")
	}
	if _, err := http.Get(r.url + "/readyz"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("afterwards: got %v, want nobody there", err)
	}
}

// SIGHUP has the bridge read its settings and the files of secrets anew. A file that is broken leaves everything as it was, and what
// needs a restart is named; no secret is in the log.
//
// SECURITY K1
func TestServeReadsSettingsAnew(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const idp = "jwt_identity_provider_uri: https://product.example/sso\n"
	first, second, third := rand.Text()+rand.Text(), rand.Text()+rand.Text(), rand.Text()+rand.Text()
	write("bridge.yaml", idp)
	write("secret", first)
	r := startServe(t, dir, "SSOBRIDGE_CONFIG=bridge.yaml", "SSOBRIDGE_JWT_SHARED_SECRET_FILE=secret")
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	signsIn := func(secret string) bool {
		t.Helper()
		signed, err := token.Mint(secret, map[string]any{"email": "ada@example.com", "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix(), "jti": rand.Text()})
		if err != nil {
			t.Fatal(err)
		}
		return get(t, browser, r.url+"/auth/sso?jwt="+signed).StatusCode == http.StatusFound
	}
	hangUp := func() {
		t.Helper()
		if err := r.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	takes := func(secret string) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !signsIn(secret); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the new secret is not taken")
			}
		}
	}
	if !signsIn(first) {
		t.Fatal("the secret of the start is not taken")
	}
	write("secret", second)
	write("bridge.yaml", idp+"metrics_listen: 127.0.0.1:0\n")
	hangUp()
	takes(second)
	if signsIn(first) {
		t.Error("the secret of before is taken")
	}
	write("secret", third)
	write("bridge.yaml", idp+"jwt_max_age: soon\njwt_profil: strict\n")
	hangUp()
	for end := time.Now().Add(time.Minute); !strings.Contains(r.stderr.String(), "cannot be used; those of before stay in force"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("nothing is said of the broken file: %s", r.stderr)
		}
	}
	if !signsIn(second) || signsIn(third) {
		t.Error("a broken file has changed which secret is taken")
	}
	write("bridge.yaml", idp)
	hangUp()
	takes(third)
	r.end(t, syscall.SIGTERM)
	log := r.stderr.String()
	for _, want := range []string{"some settings have changed and need a restart", `METRICS_LISTEN`, "the settings were read anew and are in force"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q: %s", want, log)
		}
	}
	for _, secret := range []string{first, second, third} {
		if strings.Contains(log, secret) {
			t.Error("the log has a secret")
		}
	}
}
