package server_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// raw sends bytes as they are, and returns the answer; the connection stays open.
func (b *bridge) raw(request string, args ...any) (*http.Response, net.Conn, *bufio.Reader) {
	b.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		b.t.Fatal(err)
	}
	fmt.Fprintf(conn, strings.ReplaceAll(request, "\n", "\r\n"), args...)
	answers := bufio.NewReader(conn)
	resp, err := http.ReadResponse(answers, nil)
	b.t.Cleanup(func() { conn.Close() })
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, conn, answers
}

// SECURITY H3: a connection that becomes anything but a WebSocket would be a tunnel to the app, in which requests come with
// identity headers of the client's own (the "h2c smuggling" of 2020).
func TestProxyOpensNoTunnel(t *testing.T) {
	b := behind(t, func(w http.ResponseWriter, r *http.Request) {
		protocol := r.Header.Get("Upgrade")
		if protocol == "" {
			fmt.Fprintf(w, "%s%s", r.Header.Get("Connection"), r.Header.Get("Http2-Settings"))
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol)
	}, `ACCESS_RULES=[{"path":"/","allow":"public"}]`)
	for protocol, want := range map[string]int{
		"websocket": 101, "WebSocket": 101, "h2c": 200, "H2C": 200, "websocket, h2c": 200, "h2c, websocket": 200, "TLS/1.0": 200, "foo": 200,
	} {
		resp, _, _ := b.raw("GET / HTTP/1.1\nHost: x\nConnection: Upgrade, HTTP2-Settings\nUpgrade: %s\nHTTP2-Settings: AAMAAABk\n\n", protocol)
		if resp.StatusCode != want || want == 200 && resp.ContentLength != 0 {
			t.Errorf("%s: got %d with %d bytes, want %d with none", protocol, resp.StatusCode, resp.ContentLength, want)
		}
	}
	// Two headers, of which one reader takes the first and another the last.
	resp, _, _ := b.raw("GET / HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: h2c\nUpgrade: websocket\n\n")
	if resp.StatusCode == 101 {
		t.Error("two Upgrade headers: the connection was handed over")
	}
}

// SECURITY H4: what a client says in other ways about path, method or host does not slip past a rule.
func TestProxyRulesHold(t *testing.T) {
	b := start(t, "UPSTREAM="+app(t).URL, `ACCESS_RULES=[
		{"path":"/public","allow":"public"},
		{"host":"127.0.0.1","path":"/office","allow":["Administrators"]},
		{"path":"/orders","methods":["POST","GET"],"allow":["Administrators"]}]`)
	c := b.browser()
	c.signIn(nil)
	for _, tt := range []struct {
		line, host string
		want       int
	}{
		{"GET /office", "127.0.0.1", 403},
		{"GET /Office/x", "127.0.0.1", 403},
		{"GET /office", "127.0.0.1.", 403},
		{"GET /office", "other.example", 403},
		{"GET /office", "", 403},
		{"GET http://other.example/office", "127.0.0.1", 403},
		{"GET office:x", "127.0.0.1", 403},
		{"POST /orders", "127.0.0.1", 403},
		{"post /orders", "127.0.0.1", 403},
		{"HEAD /orders", "127.0.0.1", 403},
		{"DELETE /orders", "127.0.0.1", 200},
		{"GET /else", "127.0.0.1", 200},
		{"GET /else", "127.0.0.1:99", 200},
	} {
		resp, _, _ := b.raw("%s HTTP/1.1\nHost: %s\nCookie: ssobridge=%s\n\n", tt.line, tt.host, c.cookie())
		if resp.StatusCode != tt.want {
			t.Errorf("%s at %q: got %d, want %d", tt.line, tt.host, resp.StatusCode, tt.want)
		}
	}
	for _, header := range []string{"X-Original-URL", "X-Rewrite-URL", "x_original_url", "X-Original-Method"} {
		if resp := c.get("/public", header+": /office"); strings.Contains(resp.body, "/office") {
			t.Errorf("%s reached the app: %s", header, resp.body)
		}
	}
}

// SECURITY H6: nor does a session's cookie of before SITE_URL got https or COOKIE_DOMAIN changed, whose session may live.
func TestProxyStripsEarlierCookies(t *testing.T) {
	b := start(t, "UPSTREAM="+app(t).URL)
	c := b.browser()
	c.signIn(nil)
	id := c.cookie()
	resp := b.browser().get("/x", "Cookie: a=1; ssobridge="+id+"; __Host-ssobridge="+id+"; __Secure-ssobridge="+id+"; b=ssobridge; ssobridges=2")
	if strings.Contains(resp.body, id) || !strings.Contains(resp.body, `"a=1; b=ssobridge; ssobridges=2"`) {
		t.Errorf("the app got %s", resp.body)
	}
}

// SECURITY L2: a form of another site is kept until its browser comes back. Anyone can post one.
func TestHandoffsOfNobodyAreFew(t *testing.T) {
	b := start(t)
	c, forged := b.browser(), b.token(nil)+"A"
	kept := 0
	for range 150 {
		resp := c.send("POST", "/auth/sso", form("jwt", forged), crossPost...)
		if resp.StatusCode == 303 {
			kept++
		} else if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
			t.Fatalf("got %d, Retry-After %q, want 303 or 429", resp.StatusCode, resp.Header.Get("Retry-After"))
		}
	}
	if kept != 100 {
		t.Errorf("kept %d forged tokens at once, want 100", kept)
	}
	if resp := c.send("POST", "/auth/sso", form("jwt", b.token(nil)), crossPost...); resp.StatusCode != 303 {
		t.Errorf("a signed one: got %d, want 303", resp.StatusCode)
	}
	b.Pass(time.Second)
	if resp := c.send("POST", "/auth/sso", form("jwt", forged), crossPost...); resp.StatusCode != 303 {
		t.Errorf("a second later: got %d, want 303", resp.StatusCode)
	}
}

// SECURITY L2: nor does one token that somebody signed, however old, fill the disk, nor do forms without a token; and neither
// keeps other people out.
func TestHandoffsOfOneAreFew(t *testing.T) {
	b := start(t, "TRUSTED_PROXIES=127.0.0.1")
	c := b.browser()
	post := func(from string, fields ...string) int {
		t.Helper()
		resp := c.send("POST", "/auth/sso", form(fields...), append([]string{"X-Forwarded-For: " + from}, crossPost...)...)
		if resp.StatusCode == 429 && resp.Header.Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
		return resp.StatusCode
	}
	fill := func(most int, from string, fields ...string) {
		t.Helper()
		for i := range most {
			if got := post(from, fields...); got != 303 {
				t.Fatalf("form %d: got %d, want 303", i+1, got)
			}
		}
		if got := post(from, fields...); got != 429 {
			t.Errorf("form %d: got %d, want 429", most+1, got)
		}
	}
	for name, tok := range map[string]string{"good": b.token(nil), "long expired": b.token(claims{"exp": 1})} {
		t.Run(name, func(t *testing.T) {
			fill(20, "192.0.2.1", "jwt", tok)
			if got := post("198.51.100.1", "jwt", tok); got != 429 {
				t.Errorf("from another network: got %d, want 429", got)
			}
			if got := post("192.0.2.1", "jwt", b.token(claims{"n": name})); got != 303 {
				t.Errorf("another token: got %d, want 303", got)
			}
			b.Pass(2*time.Minute + time.Second)
			if got := post("192.0.2.1", "jwt", tok); got != 303 {
				t.Errorf("later: got %d, want 303", got)
			}
		})
	}
	fill(600, "192.0.2.1", "code", "x", "state", "y")
	for _, fields := range [][]string{{"error", "access_denied"}, {"state", "y"}} {
		if got := post("192.0.2.77", fields...); got != 429 { // the same network
			t.Errorf("%v: got %d, want 429", fields, got)
		}
	}
	if got := post("198.51.100.1", "code", "x", "state", "y"); got != 303 {
		t.Errorf("another network: got %d, want 303", got)
	}
	b.Pass(time.Minute + time.Second)
	if got := post("192.0.2.1", "code", "x", "state", "y"); got != 429 {
		t.Errorf("a minute later: got %d, want 429", got)
	}
	b.Pass(time.Minute)
	if got := post("192.0.2.1", "code", "x", "state", "y"); got != 303 {
		t.Errorf("two minutes later: got %d, want 303", got)
	}
}

// SECURITY D3: a sign-in ends the session that the browser had before, as ASVS 7.2.4 asks; those of other browsers stay.
func TestSignInEndsTheSessionBefore(t *testing.T) {
	b := start(t)
	c, elsewhere := b.browser(), b.browser()
	elsewhere.signIn(claims{"jti": "elsewhere"})
	var ids []string
	for i := range 3 {
		c.signIn(claims{"jti": fmt.Sprint(i)}).want(t, 302, "/")
		ids = append(ids, c.cookie())
	}
	for i, id := range ids {
		if got, want := b.browser().who("X-Metabase-Session: "+id) != nil, i == 2; got != want {
			t.Errorf("session %d of 3 in one browser: signed in %v, want %v", i+1, got, want)
		}
	}
	if b.sessions() != 2 || elsewhere.email() == "" {
		t.Errorf("got %d sessions, want this browser's and the other's", b.sessions())
	}
}
