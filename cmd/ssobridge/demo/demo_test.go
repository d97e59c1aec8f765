package demo

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestWalk(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"))
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("SSOBRIDGE_JWT_PROFILE", "nonsense") // the demo does not depend on what is set up
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"return_to=%2Freports%2F7%3Ftab%3D2", "✓ signature", "✓ groups", "All Users, Research, Staff", "the sign-in works: 10 hops"}},
		{[]string{"--binding", "state"}, []string{"Set-Cookie: ssobridge-flow-", "state=", "✓ signature", "not judged here",
			"did not begin this login", "the sign-in works: 11 hops"}},
		{[]string{"--binding=pkce"}, []string{"code_challenge_method=S256", "code=", "no token", "POST http://127.0.0.1:",
			"the sign-in works: 10 hops"}},
	} {
		var stdout, stderr bytes.Buffer
		if got := Run(t.Context(), append(tt.args, "--walk"), &stdout, &stderr); got != 0 {
			t.Fatalf("demo --walk %v: got %d, want 0\n%s%s", tt.args, got, stdout.String(), stderr.String())
		}
		for _, want := range append(tt.want, "GET http://localhost:", "Set-Cookie: ssobridge=…;") {
			if !strings.Contains(stdout.String(), want) {
				t.Errorf("the walk %v does not say %q:\n%s", tt.args, want, stdout.String())
			}
		}
		if strings.Contains(stdout.String(), "✗") || stderr.Len() > 0 {
			t.Errorf("%v: got ✗ or errors:\n%s%s", tt.args, stdout.String(), stderr.String())
		}
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// The demo says what to open, its administrator's password works, and it waits for people until it is told to stop.
func TestDemoEnds(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var stderr bytes.Buffer
	stdout := &until{text: "nothing is kept", then: func(said string) {
		defer stop()
		m := regexp.MustCompile(`admin +(http://\S+)\s+e-mail (\S+), password (\S+)`).FindStringSubmatch(said)
		if m == nil {
			t.Errorf("no administrator in:\n%s", said)
			return
		}
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		defer client.CloseIdleConnections()
		resp, err := client.PostForm(m[1], url.Values{"email": {m[2]}, "password": {m[3]}})
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
		session := slices.ContainsFunc(resp.Cookies(), func(c *http.Cookie) bool { return c.Name == "ssobridge" && c.Value != "" })
		if resp.StatusCode != http.StatusSeeOther || !session {
			t.Errorf("the administrator signs in: got %s, cookies %v; want 303 and a session", resp.Status, resp.Cookies())
		}
	}}
	if got := Run(ctx, []string{"--listen", "127.0.0.1:0", "--idp-listen", ":0"}, stdout, &stderr); got != 0 {
		t.Errorf("got %d, want 0: %s", got, stderr.String())
	}
	for _, want := range []string{"http://localhost:", "http://127.0.0.1:", "admin@example.com, password "} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the demo does not say %q:\n%s", want, stdout)
		}
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDemoRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"a port that is taken", []string{"--listen", taken.Addr().String()}, 1, []string{"is taken", "hint: ", "--listen"}},
		{"the IdP's port taken", []string{"--listen", ":0", "--idp-listen", taken.Addr().String()}, 1, []string{"is taken", "--idp-listen"}},
		{"other machines", []string{"--listen", "0.0.0.0:0"}, 1, []string{"not on loopback", "hint: "}},
		{"a name", []string{"--listen", ":0", "--app-listen", "example.com:80"}, 1, []string{"not on loopback"}},
		{"no port", []string{"--listen", "127.0.0.1"}, 1, []string{"not an address with a port"}},
		{"an unknown flag", []string{"--what"}, 2, []string{"what"}},
		{"an unknown binding", []string{"--binding", "plain"}, 2, []string{"--binding", "off, state, pkce"}},
		{"an argument", []string{"now"}, 2, []string{"no arguments"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if got := Run(t.Context(), tt.args, &stdout, &stderr); got != tt.code {
				t.Errorf("got %d, want %d", got, tt.code)
			}
			for _, want := range tt.want {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("got %q, want it to say %q", stderr.String(), want)
				}
			}
		})
	}
}

// until calls then once text was written.
type until struct {
	mu   sync.Mutex
	b    bytes.Buffer
	text string
	then func(said string)
}

func (u *until) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.b.Write(p)
	if strings.Contains(u.b.String(), u.text) {
		u.then(u.b.String())
	}
	return len(p), nil
}

func (u *until) String() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.b.String()
}
