package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
)

// program is the bridge, and browsers are what its visitors have.
var (
	program  bridgetest.Program
	browsers chromium.Shared
)

func TestMain(m *testing.M) {
	status := program.Main(m)
	browsers.Close()
	postgres.Stop()
	os.Exit(status)
}

const secret = "kP2vXq8dJm4tYw7nRb3gHs6fLc9zQe5aTu1oViWxEyM"

// A bridge is the real binary, running. Its database is in dir and outlives it.
type bridge struct {
	t      testing.TB
	dir    string
	addr   string
	prefix string // PATH_PREFIX
	env    []string
	cmd    *exec.Cmd
	log    *ssotest.Buffer
}

// startBridge runs "ssobridge serve" configured as Metabase would be: MB_JWT_… variables and nothing else but where to
// listen. more are further variables.
func startBridge(t testing.TB, idp string, more ...string) *bridge {
	t.Helper()
	return startBridgeAt(t, ssotest.FreePort(t), idp, more...)
}

// startBridgeAt is startBridge on a port that others had to know before.
func startBridgeAt(t testing.TB, port, idp string, more ...string) *bridge {
	t.Helper()
	b := &bridge{t: t, dir: t.TempDir(), addr: "127.0.0.1:" + port, log: &ssotest.Buffer{}}
	b.env = append([]string{
		"PATH=" + os.Getenv("PATH"),
		"MB_JWT_IDENTITY_PROVIDER_URI=" + idp,
		"MB_JWT_SHARED_SECRET=" + secret,
		"SSOBRIDGE_DRAIN_TIME=0",
	}, more...)
	for _, e := range more {
		if prefix, ok := strings.CutPrefix(e, "SSOBRIDGE_PATH_PREFIX="); ok {
			b.prefix = prefix
		}
	}
	b.start()
	return b
}

func (b *bridge) start() {
	b.t.Helper()
	b.cmd = exec.Command(program.Path(b.t), "serve", "--listen", b.addr)
	b.cmd.Dir, b.cmd.Env = b.dir, b.env
	ssotest.Process{Cmd: b.cmd, Log: b.log, Ready: func() error {
		resp, err := http.Get(b.url("/readyz"))
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("got %s from /readyz", resp.Status)
		}
		return nil
	}}.Start(b.t)
}

// url is an address of the bridge; localhost as a person would type it.
func (b *bridge) url(path string) string {
	_, port, _ := net.SplitHostPort(b.addr)
	return "http://localhost:" + port + b.prefix + path
}

// present brings a token to the bridge as a browser would, from a client without cookies.
func (b *bridge) present(ctx context.Context, token, returnTo string) (*http.Response, error) {
	q := url.Values{"jwt": {token}, "return_to": {returnTo}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url("/auth/sso?"+q.Encode()), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/html")
	resp, err := stay.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, err
}

// stay is a client that does not follow redirects.
var stay = &http.Client{
	Timeout:       30 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// A user is the answer of /api/user/current, as far as the tests look.
type user struct {
	ID        int64             `json:"id"`
	Email     string            `json:"email"`
	FirstName string            `json:"first_name"`
	LastName  string            `json:"last_name"`
	Common    string            `json:"common_name"`
	Source    string            `json:"sso_source"`
	Attrs     map[string]string `json:"login_attributes"`
	Groups    []struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	} `json:"groups"`
}

// current asks who is signed in with a session's cookie; status is the answer's.
func (b *bridge) current(cookie *http.Cookie) (u user, status int) {
	b.t.Helper()
	req, err := http.NewRequest(http.MethodGet, b.url("/api/user/current"), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.AddCookie(cookie)
	resp, err := stay.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		if err := json.NewDecoder(resp.Body).Decode(&u); err != nil {
			b.t.Fatalf("/api/user/current: %v", err)
		}
	}
	return u, resp.StatusCode
}

// sessionCookie finds the one cookie that an answer to a sign-in sets.
func sessionCookie(resp *http.Response) (*http.Cookie, bool) {
	for _, c := range resp.Cookies() {
		if c.Name == "ssobridge" && c.Value != "" {
			return c, true
		}
	}
	return nil, false
}

// nodeModules finds a folder that has the packages of testdata/package.json.
func nodeModules(t testing.TB, packages ...string) string {
	t.Helper()
	for _, dir := range []string{os.Getenv("SSOBRIDGE_TEST_NODE_MODULES"), "../../../node_modules"} {
		found := dir != ""
		for _, p := range packages {
			_, err := os.Stat(filepath.Join(dir, p, "package.json"))
			found = found && err == nil
		}
		if found {
			abs, err := filepath.Abs(dir)
			if err != nil {
				t.Fatal(err)
			}
			return abs
		}
	}
	ssotest.Missing(t, fmt.Sprintf("npm %v", packages),
		"npm ci in a copy of cmd/ssobridge/interop/testdata, and SSOBRIDGE_TEST_NODE_MODULES set to its node_modules")
	return ""
}
