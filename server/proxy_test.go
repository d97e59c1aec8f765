package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// behind runs a bridge in front of an app.
func behind(t *testing.T, h http.HandlerFunc, settings ...string) *bridge {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return start(t, append([]string{"UPSTREAM=" + s.URL}, settings...)...)
}

// open sends a request and returns the answer while its body still comes.
func (c *browser) open(req *http.Request) *http.Response {
	c.b.t.Helper()
	resp, err := c.Do(req)
	if err != nil {
		c.b.t.Fatal(err)
	}
	c.b.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// SECURITY H1, H2, H4 at UPSTREAM.
func TestProxyFollowsAccessRules(t *testing.T) {
	b := start(t, "UPSTREAM="+app(t).URL, "JWT_GROUP_SYNC=true",
		`ACCESS_RULES=[{"path":"/public","allow":"public"},{"path":"/sales","allow":["Sales"]}]`)
	if _, err := b.store.EnsureGroups(t.Context(), []string{"Sales"}, sso.Event{Actor: "cli"}); err != nil {
		t.Fatal(err)
	}
	ann, bob, anyone := b.browser(), b.browser(), b.browser()
	ann.signIn(claims{"groups": []string{"Sales"}})
	bob.signIn(claims{"email": "bob@example.com"})
	spoofed := []string{"Remote-User: root", "Remote_User: root", "Remote.User: root", "Remote~User: root", "Cookie: ssobridge=x; a=1"}
	for _, tt := range []struct {
		method, path     string
		ann, bob, anyone int
	}{
		{"GET", "/page", 200, 200, 401},
		{"GET", "/public/x?y=z", 200, 200, 200},
		{"POST", "/public", 200, 200, 200},
		{"GET", "/publicity", 200, 200, 401},
		{"GET", "/sales/x", 200, 403, 401},
		{"GET", "/public/..%2fsales", 403, 403, 403},
		{"GET", "/public/%2e%2e/sales", 403, 403, 403},
		{"GET", "/public;/sales", 403, 403, 403},
		{"GET", "//public/x", 403, 403, 403},
		{"TRACE", "/public", 405, 405, 405},
	} {
		for who, c := range map[string]*browser{"ann@example.com": ann, "bob@example.com": bob, "-": anyone} {
			headers, want := []string{}, map[string]int{"ann@example.com": tt.ann, "bob@example.com": tt.bob, "-": tt.anyone}[who]
			if who == "-" {
				headers = spoofed
			}
			resp := c.send(tt.method, tt.path, "", headers...)
			if resp.StatusCode != want {
				t.Errorf("%s %s as %s: got %d, want %d", tt.method, tt.path, who, resp.StatusCode, want)
			}
			if want != 200 {
				if resp.Header.Get("X-Request-Id") == "" {
					t.Errorf("%s %s as %s: no X-Request-Id", tt.method, tt.path, who)
				}
				continue
			}
			var got http.Header
			if err := json.Unmarshal([]byte(resp.body), &got); err != nil {
				t.Fatal(err)
			}
			for name, v := range got {
				if strings.HasPrefix(strings.ToLower(name), "remote") && (len(v) != 1 || v[0] == "" || strings.Contains(v[0], "root") || who == "-" && v[0] != "-") {
					t.Errorf("%s %s as %s: the app got %s %q", tt.method, tt.path, who, name, v)
				}
			}
			if got.Get("Remote-User") != who || strings.Contains(got.Get("Cookie"), "ssobridge") {
				t.Errorf("%s %s: the app got %s, want %s", tt.method, tt.path, got.Get("Remote-User"), who)
			}
		}
	}
}

// SECURITY H6, K1: a bearer token gets in by the header and parameter that are set, reaches no app and no log.
func TestProxyBearer(t *testing.T) {
	b := start(t, "UPSTREAM="+app(t).URL, "BEARER_HEADER=X-Api-Key", "BEARER_PARAMETER=access_token")
	c := b.browser()
	c.signIn(nil)
	id, other := c.cookie(), sso.NewSessionID()
	api := b.browser()
	for _, tt := range []struct {
		path, header string
		want         int
	}{
		{"/x", "X-Api-Key: " + id, 200},
		{"/x", "X-Api-Key: Bearer " + id, 200},
		{"/x?a=%zz&access_token=" + id, "", 401}, // not to be read in one way only
		{"/x?a=b;c&access_token=" + id + "&access%5Ftoken=" + id, "", 401},
		{"/x?a=1&access_token=" + id + "&b=2", "", 200},
		{"/x?access%5ftoken=" + id, "", 200},
		{"/x?access_token=" + other, "", 401},
		{"/x", "Authorization: Bearer " + id, 401}, // another header is set
		{"/x", "X-Api-Key: " + other, 401},
	} {
		var headers []string
		if tt.header != "" {
			headers = append(headers, tt.header)
		}
		resp := api.get(tt.path, headers...)
		if resp.StatusCode != tt.want {
			t.Errorf("%s %s: got %d, want %d", tt.path, tt.header, resp.StatusCode, tt.want)
		}
		if strings.Contains(resp.body, id) {
			t.Errorf("%s %s: the app got %s", tt.path, tt.header, resp.body)
		}
		if strings.Contains(tt.path, "&b=2") && !strings.Contains(resp.body, `"/x?a=1\u0026b=2"`) {
			t.Errorf("the query that reached the app: %s", resp.body)
		}
		for _, route := range []string{"/auth/verify", "/auth/verify?group=All+Users"} {
			if got := api.get(route, headers...).StatusCode; strings.HasPrefix(tt.header, "X-") && got != tt.want {
				t.Errorf("%s %s: got %d, want %d", route, tt.header, got, tt.want)
			}
		}
	}
	if got := api.get("/auth/verify?access_token=" + id).StatusCode; got != 200 {
		t.Errorf("/auth/verify by parameter: got %d, want 200", got)
	}
	if got := api.get("/api/user/current?access_token=" + id).StatusCode; got != 401 {
		t.Errorf("/api/user/current by parameter: got %d, want 401", got)
	}
	resp := api.get("/x?access_token="+other+"&a=1", "Accept: text/html")
	resp.want(t, 302, "/auth/sso?redirect=%2Fx%3Fa%3D1")
	for _, secret := range []string{id, other} {
		if strings.Contains(b.log.String(), secret) {
			t.Error("a token is in the log")
		}
	}
	plain := start(t, "UPSTREAM="+app(t).URL)
	p := plain.browser()
	p.signIn(nil)
	if got := plain.browser().get("/x?access_token=" + p.cookie()).StatusCode; got != 401 {
		t.Errorf("the parameter is on by itself: got %d", got)
	}
	if resp := plain.browser().get("/x?a;b&c=%zz", "Authorization: Bearer "+p.cookie()); !strings.Contains(resp.body, `"/x?a;b\u0026c=%zz"`) {
		t.Errorf("a query that Go cannot read does not arrive as it is: %s", resp.body)
	}
}

// Server-sent events arrive while the app still writes.
func TestProxyStreams(t *testing.T) {
	more := make(chan string)
	b := behind(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for text := range more {
			fmt.Fprintf(w, "data: %s\n\n", text)
			w.(http.Flusher).Flush()
		}
	})
	c := b.browser()
	c.signIn(nil)
	req, _ := http.NewRequest("GET", b.url+"/events", nil)
	go func() { more <- "one" }()
	in := bufio.NewReader(c.open(req).Body)
	for i, want := range []string{"one", "two", "three"} {
		if i > 0 {
			more <- want // only after the one before has arrived
		}
		if line, err := in.ReadString('\n'); err != nil || line != "data: "+want+"\n" {
			t.Fatalf("got %q, %v, want %s", line, err, want)
		}
		in.ReadString('\n')
	}
	close(more)
}

// SECURITY D4, E5: what runs ends with its session, and with its groups, wherever they ended.
func TestWhatRunsEndsWithItsSession(t *testing.T) {
	app := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		io.Copy(conn, rw)
	}
	for _, tt := range []struct {
		name, path string
		end        func(b *bridge, other *browser, c *browser)
	}{
		{"signed out elsewhere", "/", func(b *bridge, other, c *browser) {
			other.send("POST", "/auth/logout", "", "Cookie: ssobridge="+c.cookie())
		}},
		{"signed out here", "/", func(b *bridge, other, c *browser) { c.send("POST", "/auth/logout", "") }},
		{"lost the group", "/sales", func(b *bridge, other, c *browser) { other.signIn(claims{"groups": []string{}}) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			settings := []string{"JWT_GROUP_SYNC=true", `ACCESS_RULES=[{"path":"/sales","allow":["Sales"]}]`}
			b := behind(t, app, settings...)
			replica := startOn(t, b, settings...)
			if _, err := b.store.EnsureGroups(t.Context(), []string{"Sales"}, sso.Event{Actor: "cli"}); err != nil {
				t.Fatal(err)
			}
			c, bob := b.browser(), b.browser()
			c.signIn(claims{"groups": []string{"Sales"}})
			bob.signIn(claims{"email": "bob@example.com", "groups": []string{"Sales"}})
			socket, stream, bobs := b.webSocket(c, tt.path), b.stream(c, tt.path), b.webSocket(bob, tt.path)
			tt.end(b, replica.browser(), c)
			socket.SetDeadline(time.Now().Add(20 * time.Second))
			if n, err := socket.Read(make([]byte, 1)); err == nil || errorsTimeout(err) {
				t.Errorf("WebSocket: got %d bytes, %v, want its end", n, err)
			}
			if _, err := stream.Read(make([]byte, 1)); err == nil {
				t.Error("stream: goes on")
			}
			fmt.Fprint(bobs, "x")
			bobs.SetDeadline(time.Now().Add(20 * time.Second))
			if n, err := bobs.Read(make([]byte, 1)); n != 1 {
				t.Errorf("another person's WebSocket: %v", err)
			}
		})
	}
}

func errorsTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

// webSocket opens one through the bridge and hears itself.
func (b *bridge) webSocket(c *browser, path string) net.Conn {
	b.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nCookie: ssobridge=%s\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n", path, c.cookie())
	got := ""
	for buf := make([]byte, 1); !strings.HasSuffix(got, "\r\n\r\n"); got += string(buf) {
		if _, err := conn.Read(buf); err != nil {
			b.t.Fatalf("WebSocket: %q, %v", got, err)
		}
	}
	if !strings.HasPrefix(got, "HTTP/1.1 101 ") {
		b.t.Fatalf("WebSocket: %s", got)
	}
	fmt.Fprint(conn, "hello")
	hello := make([]byte, 5)
	if _, err := io.ReadFull(conn, hello); err != nil || string(hello) != "hello" {
		b.t.Fatalf("WebSocket: %q, %v", hello, err)
	}
	return conn
}

func (b *bridge) stream(c *browser, path string) io.Reader {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	b.t.Cleanup(cancel)
	req, _ := http.NewRequestWithContext(ctx, "GET", b.url+path, nil)
	return c.open(req).Body
}

// An upload that is cut off because its session ended is answered as such, and not as if all were well.
func TestUploadEndsWithItsSession(t *testing.T) {
	b := behind(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	c := b.browser()
	c.signIn(nil)
	c.Timeout = 20 * time.Second
	body, feed := io.Pipe()
	defer feed.Close()
	go func() {
		feed.Write([]byte("begun"))
		req, _ := http.NewRequest("POST", b.url+"/auth/logout", nil)
		req.Header.Set("Cookie", "ssobridge="+c.cookie())
		if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
			resp.Body.Close()
		}
	}()
	req, _ := http.NewRequest("POST", b.url+"/upload", body)
	if resp := c.open(req); resp.StatusCode != 401 {
		t.Errorf("got %d, want 401", resp.StatusCode)
	}
}

// zeros is that many bytes that nobody holds.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	n := min(int64(len(p)), z.left)
	if z.left -= n; n == 0 {
		return 0, io.EOF
	}
	clear(p[:n])
	return int(n), nil
}

// 100 MB go through without standing in memory.
func TestProxyLargeUpload(t *testing.T) {
	const size = 100 << 20
	var most uint64
	b := behind(t, func(w http.ResponseWriter, r *http.Request) {
		buf, total := make([]byte, 1<<20), 0
		for i := 0; ; i++ {
			n, err := r.Body.Read(buf)
			total += n
			if i%256 == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapInuse)
			}
			if err != nil {
				break
			}
		}
		fmt.Fprint(w, total)
	})
	c := b.browser()
	c.signIn(nil)
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	req, _ := http.NewRequest("PUT", b.url+"/upload", &zeros{size})
	if resp := c.do(req); resp.StatusCode != 200 || resp.body != fmt.Sprint(size) {
		t.Errorf("got %d %s, want %d bytes", resp.StatusCode, resp.body, size)
	}
	if grown := int64(most) - int64(before.HeapInuse); grown > 32<<20 {
		t.Errorf("memory grew by %d MB", grown>>20)
	}
	// Signed out, nothing of it is asked for, and the app hears nothing.
	req, _ = http.NewRequest("PUT", b.url+"/upload", &zeros{size})
	req.Header.Set("Expect", "100-continue")
	if resp := b.browser().do(req); resp.StatusCode != 401 {
		t.Errorf("signed out: got %d, want 401", resp.StatusCode)
	}
}

// Trailers go both ways, and none of them is an identity (SECURITY H3), a credential (SECURITY H6), or one of these to some
// server (SECURITY H7).
func TestProxyTrailers(t *testing.T) {
	got := make(chan http.Header, 1)
	b := behind(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		got <- r.Trailer
		w.Header().Set("Trailer", "X-Sum")
		io.WriteString(w, "body")
		w.Header().Set("X-Sum", "42")
	}, "BEARER_HEADER=X-Api-Key")
	c := b.browser()
	c.signIn(nil)
	req, _ := http.NewRequest("POST", b.url+"/x", io.MultiReader(strings.NewReader("some"), strings.NewReader("thing")))
	req.Trailer = http.Header{"X-Check": {"ok"}}
	for _, name := range []string{"Remote-User", "Remote_groups", "Cookie", "Authorization", "X-Metabase-Session", "X_metabase_session", "X-Api-Key", "X_api.key", "X-Forwarded-For",
		"Remote~user", "X^metabase^session", "X|check", "X-Http-Method-Override", "X-Original-Url"} {
		req.Trailer[name] = []string{"ssobridge=" + c.cookie()}
	}
	resp := c.do(req)
	if resp.StatusCode != 200 || resp.Trailer.Get("X-Sum") != "42" {
		t.Errorf("answer: got %d, trailer %v", resp.StatusCode, resp.Trailer)
	}
	if h := <-got; len(h) != 1 || h.Get("X-Check") != "ok" {
		t.Errorf("the app got the trailers %v", h)
	}
	// Not announced.
	b.raw("POST / HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\nTrailer: X-Check\nCookie: ssobridge=%s\n\n0\nX-Check: ok\nCookie: ssobridge=%[1]s\nRemote-User: root\n\n", c.cookie())
	if h := <-got; len(h) != 1 || h.Get("X-Check") != "ok" {
		t.Errorf("the app got the trailers %v", h)
	}
}

// An app that is slow is waited for; one that the client no longer waits for is told.
func TestProxySlowApp(t *testing.T) {
	begun, ended := make(chan bool), make(chan bool)
	b := behind(t, func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		close(ended)
	})
	c := b.browser()
	c.signIn(nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	req, _ := http.NewRequestWithContext(ctx, "GET", b.url+"/slow", nil)
	if _, err := c.Do(req); err == nil {
		t.Error("got an answer, want none")
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("the app goes on")
	}
}

// An app that fails in the middle of an answer: the client sees that it is not whole.
func TestProxyBrokenApp(t *testing.T) {
	b := behind(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	c := b.browser()
	c.signIn(nil)
	req, _ := http.NewRequest("GET", b.url+"/x", nil)
	if _, err := io.ReadAll(c.open(req).Body); err == nil {
		t.Error("got a whole answer")
	}
}
