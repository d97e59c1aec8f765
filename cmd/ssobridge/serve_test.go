package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/token"
)

// A running is the real program, serving.
type running struct {
	cmd    *exec.Cmd
	url    string // as it said on stdout
	stderr *ssotest.Buffer
	ended  chan error
}

// startServe runs "ssobridge serve" as a process of its own. dir is where it keeps things.
func startServe(t *testing.T, dir string, environ ...string) *running {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &running{stderr: &ssotest.Buffer{}, ended: make(chan error, 1)}
	environ = append([]string{"SSOBRIDGE_DRAIN_TIME=0"}, environ...) // the last one of a name counts
	r.cmd = &exec.Cmd{Path: self, Args: []string{"ssobridge", "serve", "--listen", "127.0.0.1:0"}, Dir: dir, Env: environ, Stderr: r.stderr}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(out).ReadString('\n')
	go func() {
		_, _ = io.Copy(io.Discard, out)
		r.ended <- r.cmd.Wait()
	}()
	t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	site := regexp.MustCompile(`for browsers at (http://localhost:\d+)\n`).FindStringSubmatch(said)
	if site == nil {
		t.Fatalf("got %q, %v on stdout, want the address; stderr: %s", said, err, r.stderr)
	}
	r.url = site[1]
	return r
}

func (r *running) end(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := r.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-r.ended:
		if err != nil {
			t.Errorf("ended by %v: got %v, want exit status 0; stderr: %s", sig, err, r.stderr)
		}
	case <-time.After(15 * time.Second):
		t.Fatalf("did not end on %v", sig)
	}
}

// A product with Metabase's two variables, a free port, a fresh directory: a person signs in, keeps the session over a
// restart, and SIGTERM ends the program with 0. What is logged has no secret, token or cookie in it (SECURITY K1).
func TestServeOnAFreshDirectory(t *testing.T) {
	dir := t.TempDir()
	environ := []string{"MB_JWT_IDENTITY_PROVIDER_URI=https://product.example/sso?tenant=1", "MB_JWT_SHARED_SECRET=" + secret}
	r := startServe(t, dir, environ...)
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

	resp := get(t, browser, r.url+"/auth/sso?redirect=/question/1")
	if got, want := resp.Header.Get("Location"), "https://product.example/sso?tenant=1&return_to=%2Fquestion%2F1"; got != want {
		t.Errorf("signed out: got sent to %q, want %q", got, want)
	}
	now := time.Now()
	signed, err := token.Mint(secret, map[string]any{"email": "ada@example.com", "first_name": "Ada", "exp": now.Add(10 * time.Minute).Unix(), "iat": now.Unix()})
	if err != nil {
		t.Fatal(err)
	}
	resp = get(t, browser, r.url+"/auth/sso?jwt="+signed+"&return_to=%2Fquestion%2F1")
	if resp.StatusCode != http.StatusFound || resp.Header.Get("Location") != "/question/1" {
		t.Fatalf("with a token: got %s to %q, want 302 to /question/1", resp.Status, resp.Header.Get("Location"))
	}
	i := slices.IndexFunc(resp.Cookies(), func(c *http.Cookie) bool { return c.Name == "ssobridge" }) // others may go at the same time
	if i < 0 {
		t.Fatalf("with a token: got the cookies %v, want a session", resp.Cookies())
	}
	cookie := resp.Cookies()[i].Value
	r.end(t, syscall.SIGTERM)

	again := startServe(t, dir, environ...)
	req, _ := http.NewRequest(http.MethodGet, again.url+"/api/user/current", nil)
	req.Header.Set("X-Metabase-Session", cookie)
	resp, err = http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var who struct{ Email, SSOSource string }
	if err := json.NewDecoder(resp.Body).Decode(&who); err != nil || who.Email != "ada@example.com" {
		t.Errorf("after a restart: got %s, %v, %v; want ada@example.com", resp.Status, who, err)
	}
	again.end(t, syscall.SIGTERM)
	for _, private := range []string{secret, signed, cookie} {
		if strings.Contains(r.stderr.String()+again.stderr.String(), private) {
			t.Errorf("got %q in the log", private)
		}
	}
}

// Without a file descriptor left the bridge says so, once, goes on with the connections that it has, and takes new ones as soon as
// it can.
//
// SECURITY L2
func TestOutOfFileDescriptors(t *testing.T) {
	prlimit := ssotest.Need(t, "prlimit", "apt-get install util-linux")
	r := startServe(t, t.TempDir())
	pid := strconv.Itoa(r.cmd.Process.Pid)
	limit := func(files int) {
		t.Helper()
		if out, err := exec.Command(prlimit, "--pid", pid, fmt.Sprintf("--nofile=%d:", files)).CombinedOutput(); err != nil {
			t.Fatalf("prlimit: %v\n%s", err, out)
		}
	}
	ask := func(c *http.Client, path string) (status int) {
		resp, err := c.Get(r.url + path)
		if err != nil {
			return 0
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	kept, late := &http.Client{Transport: &http.Transport{}}, &http.Client{Transport: &http.Transport{}}
	if got := ask(kept, "/auth/verify"); got != http.StatusUnauthorized {
		t.Fatalf("at first: got %d, want 401", got)
	}
	limit(4) // fewer than are open
	answered := make(chan int, 1)
	go func() { answered <- ask(late, "/auth/verify") }()
	for range 50 { // for longer than the first waits of the accept loop
		if got := ask(kept, "/auth/verify"); got != http.StatusUnauthorized {
			t.Errorf("a connection that was open: got %d, want 401", got)
		}
		time.Sleep(20 * time.Millisecond)
	}
	select {
	case got := <-answered:
		t.Errorf("a new connection: got %d while there was no descriptor for it", got)
	default:
	}
	limit(1024)
	if got := <-answered; got != http.StatusUnauthorized {
		t.Errorf("the new connection afterwards: got %d, want 401", got)
	}
	r.end(t, syscall.SIGTERM)
	if n := strings.Count(r.stderr.String(), "no new connection can be accepted"); n != 1 {
		t.Errorf("said %d times, want once: %s", n, r.stderr)
	}
}

func get(t *testing.T, c *http.Client, url string) *http.Response {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

// Several programs that start at once on a fresh directory agree on one key.
func TestSecretKeyIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	cfg, faults := setting.Resolve(setting.Inputs{Flags: map[string]string{"database-url": "sqlite:" + path}})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var wg sync.WaitGroup
	keys := make([]string, 20)
	for i := range keys {
		wg.Go(func() {
			key, err := secretKey(cfg, true)
			if err != nil {
				t.Error(err)
			}
			keys[i] = string(key)
		})
	}
	wg.Wait()
	for _, k := range keys {
		if k != keys[0] || len(k) != 43 {
			t.Errorf("got keys %q and %q, want one of 43 characters", keys[0], k)
		}
	}
	left, _ := filepath.Glob(path + "*")
	if len(left) != 1 {
		t.Errorf("got the files %q, want the key alone", left)
	}
}

// What an administrator saved counts, and a broken value stops every command that depends on it.
func TestSavedSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	environ := []string{"MB_JWT_SHARED_SECRET=" + secret}
	run := func(args ...string) (int, string) {
		var out bytes.Buffer
		p := &program{stdin: strings.NewReader(""), stdout: &out, stderr: &out, environ: environ, now: time.Now}
		return p.run(context.Background(), args), out.String()
	}
	if status, out := run("migrate"); status != 0 {
		t.Fatalf("migrate: got %d\n%s", status, out)
	}
	save(t, map[string]string{"JWT_IDENTITY_PROVIDER_URI": "https://product.example/sso", "JWT_MAX_AGE": "77s"})
	if status, out := run("check"); status != 0 || !regexp.MustCompile(`JWT_MAX_AGE +77s +saved\n`).MatchString(out) ||
		!regexp.MustCompile(`JWT_ENABLED +true +default\n`).MatchString(out) {
		t.Errorf("check: got %d, want JWT_MAX_AGE 77s saved\n%s", status, out)
	}
	save(t, map[string]string{"JWT_MAX_AGE": "soon"})
	for _, args := range [][]string{{"check"}, {"serve"}, {"users", "list"}, {"explain", "a.b.c"}} {
		if status, out := run(args...); status != 1 || !strings.Contains(out, "saved: JWT_MAX_AGE") {
			t.Errorf("%v: got %d, want 1 and the fault\n%s", args, status, out)
		}
	}
}

func save(t *testing.T, values map[string]string) {
	t.Helper()
	p := &program{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, now: time.Now}
	f := &flags{p: p}
	o, err := f.open(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer o.store.Close()
	_, version, err := o.store.Settings(t.Context())
	changes := map[string]*string{}
	for name, value := range values {
		changes[name] = &value
	}
	if err == nil {
		_, err = o.store.SaveSettings(t.Context(), sso.SettingsChange{Values: changes, Version: version})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Errors are one line in lower case without a full stop, and what they quote cannot drive the terminal.
func TestErrorsAreOneLine(t *testing.T) {
	for _, err := range []error{errors.New("a\nb"), errors.New("a\x1b[2Jb"), errors.Join(errors.New("a"), errors.New("b"))} {
		if got := oneLine(err.Error()); strings.ContainsAny(got, "\n\x1b") {
			t.Errorf("got %q", got)
		}
	}
}

// FuzzConfigFile: whatever stands in the file, it is a mapping or an error, and no error quotes it.
func FuzzConfigFile(f *testing.F) {
	for _, s := range []string{"", "listen: ':1'", "- hidden", "a: 1\na: 2", "a: &x [1]\nb: *x", "hidden", "---\n---\n", "a: {b: [c]}", "\x00", "a: !!binary hidden", "? [a]\n: b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := parseConfig(data)
		if err != nil && doc != nil {
			t.Errorf("got both %v and %v", doc, err)
		}
		if _, faults := setting.Resolve(setting.Inputs{File: doc, FileName: "f"}); err != nil && len(faults) > 0 {
			t.Errorf("got faults %v of a file that could not be read", faults)
		}
	})
}

// SECURITY K1: what an app behind the bridge sends is not in the log, not even what the standard library finds odd.
func TestServeLogsNothingOfTheApp(t *testing.T) {
	closed := make(chan struct{})
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nunasked and private")
		_, _ = io.Copy(io.Discard, conn)
		close(closed)
	}))
	defer app.Close()
	r := startServe(t, t.TempDir(), "SSOBRIDGE_UPSTREAM="+app.URL, `SSOBRIDGE_ACCESS_RULES=[{"path":"/x","allow":"public"}]`, "SSOBRIDGE_LOG_LEVEL=debug")
	get(t, http.DefaultClient, r.url+"/x")
	<-closed
	r.end(t, syscall.SIGTERM)
	if strings.Contains(r.stderr.String(), "private") {
		t.Errorf("the log has what the app sent: %s", r.stderr)
	}
}
