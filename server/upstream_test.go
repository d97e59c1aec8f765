package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
)

// behindPath is behind for an app at a path of its server.
func behindPath(t *testing.T, path string, h http.HandlerFunc, settings ...string) *bridge {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return start(t, append([]string{"UPSTREAM=" + s.URL + path}, settings...)...)
}

// SECURITY H4: a path in UPSTREAM is a boundary. What the app's server might read as a way out of it does not arrive, whoever
// asks, nor does a target that is no path.
func TestUpstreamPathIsABoundary(t *testing.T) {
	var got string
	handler := func(w http.ResponseWriter, r *http.Request) { got = r.RequestURI }
	for _, upstream := range []string{"/app", "/app/", ""} {
		b := behindPath(t, upstream, handler)
		c := b.browser()
		c.signIn(nil)
		ask := func(target, cookie string) int {
			t.Helper()
			got = ""
			resp, conn, _ := b.raw("GET %s HTTP/1.1\nHost: x\nCookie: ssobridge=%s\nAccept: text/html\n\n", target, cookie)
			conn.Close()
			return resp.StatusCode
		}
		for _, target := range []string{
			"/../secret", "/%2e%2e/secret", "/.%2E/secret", "/..;/secret", "/..;x=1/secret", "/%2e%2e%3bx/secret", "/x/../../secret", "/..", "/x/..", "/./x", "/%2e/",
			`/..\secret`, "/..%5csecret", "/..%2fsecret", "/%2e%2e%2fsecret", "/x%2f..%2f..%2fsecret", "/%252e%252e/secret", "/%25252e%25252e/secret", "/%2525252525252e./secret",
			"/%c0%ae%c0%ae/secret", "/..%c0%afsecret", "/..%e0%80%afsecret", "/..%00/secret", "/..%00.css", "/..%20/secret", "/%09../secret", "/..%3f/secret", "/..%23/secret", "/.../secret",
			"http://any.example/../secret",
		} {
			for who, cookie := range map[string]string{"signed in": c.cookie(), "signed out": "x"} {
				want := 400
				if upstream == "" {
					want = map[string]int{"signed in": 200, "signed out": 302}[who]
				}
				if status := ask(target, cookie); status != want || status == 400 && got != "" {
					t.Errorf("UPSTREAM with %q, %s, %s: got %d, and the app %q; want %d", upstream, target, who, status, got, want)
				}
			}
		}
		for _, target := range []string{"secret:x", "secret:../x", "*", "http:secret", "http://any.example"} {
			if status := ask(target, c.cookie()); status != 400 || got != "" {
				t.Errorf("UPSTREAM with %q, %s: got %d, and the app %q; want 400", upstream, target, status, got)
			}
		}
		for target, want := range map[string]string{
			"/": "/", "/a..b/..c/d../.e": "/a..b/..c/d../.e", "/a%2Fb;v=1/100%25": "/a%2Fb;v=1/100%25", "/a?b=/../c": "/a?b=/../c", "//x//": "//x//",
			"/caf%C3%A9/caf%E9/%20": "/caf%C3%A9/caf%E9/%20", `/a\b`: "/a%5Cb", "/100%25zz": "/100%25zz",
		} {
			if status := ask(target, c.cookie()); status != 200 || got != strings.TrimSuffix(upstream, "/")+want {
				t.Errorf("UPSTREAM with %q, %s: got %d, and the app %q", upstream, target, status, got)
			}
		}
	}
}

// SECURITY H6: what one person got is not given to another by a cache, whatever the app says.
func TestUpstreamAnswersStayPrivate(t *testing.T) {
	app := func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.Header {
			if name, ok := strings.CutPrefix(name, "X-Answer-"); ok {
				w.Header()[name] = values
			}
		}
	}
	rules := `ACCESS_RULES=[{"path":"/public","allow":"public"}]`
	b, keyed := behind(t, app, rules), behind(t, app, rules, "BEARER_HEADER=X-Api-Key")
	people := map[string]*browser{"": b.browser(), ", X-Api-Key": keyed.browser()} // by what else Vary has
	for _, c := range people {
		c.signIn(nil)
	}
	for _, tt := range []struct {
		headers       []string
		control, vary string
	}{
		{nil, "private", "Cookie, Authorization"},
		{[]string{"Cache-Control: public, max-age=600", "Vary: Accept-Encoding"}, "private, max-age=600", "Accept-Encoding, Cookie, Authorization"},
		{[]string{"Cache-Control: Public,S-MaxAge=5 , max-age=600, immutable"}, "private, max-age=600, immutable", "Cookie, Authorization"},
		{[]string{"Cache-Control: max-age=600", "Cache-Control: public"}, "private, max-age=600", "Cookie, Authorization"},
		{[]string{"Cache-Control: private, max-age=5", "Vary: cookie"}, "private, max-age=5", "cookie, Authorization"},
		{[]string{"Cache-Control: no-store"}, "no-store", "Cookie, Authorization"},
		{[]string{"Cache-Control: no-cache"}, "no-cache", "Cookie, Authorization"},
		{[]string{"Cache-Control: PRIVATE"}, "PRIVATE", "Cookie, Authorization"},
		{[]string{`Cache-Control: private="Set-Cookie", max-age=9`}, "private, max-age=9", "Cookie, Authorization"},
		{[]string{`Cache-Control: no-cache="a, no-store", max-age="9"`}, `private, no-cache="a, no-store", max-age="9"`, "Cookie, Authorization"},
		{[]string{`Cache-Control: x="\", private, ", max-age=9`}, `private, x="\", private, ", max-age=9`, "Cookie, Authorization"},
		{[]string{"Vary: *", "CDN-Cache-Control: max-age=5", "X-Accel-Expires: 600", "Surrogate-Control: max-age=5", "Cloudflare-CDN-Cache-Control: max-age=5"}, "private", "*"},
	} {
		for more, c := range people {
			var headers []string
			for _, h := range tt.headers {
				headers = append(headers, "X-Answer-"+h)
			}
			vary := tt.vary
			if vary != "*" {
				vary += more
			}
			h := c.get("/page", headers...).Header
			if got := strings.Join(h["Cache-Control"], " | "); got != tt.control {
				t.Errorf("%q: got Cache-Control %q, want %q", tt.headers, got, tt.control)
			}
			if got := strings.Join(h["Vary"], " | "); got != vary {
				t.Errorf("%q: got Vary %q, want %q", tt.headers, got, vary)
			}
			for _, name := range []string{"CDN-Cache-Control", "X-Accel-Expires", "Surrogate-Control", "Cloudflare-CDN-Cache-Control"} {
				if got := h.Get(name); got != "" {
					t.Errorf("%q: got %s: %s", tt.headers, name, got)
				}
			}
		}
	}
	for _, c := range []*browser{b.browser(), people[""]} {
		h := c.get("/public/x", "X-Answer-Cache-Control: public, max-age=9", "X-Answer-CDN-Cache-Control: max-age=5").Header
		if h.Get("Cache-Control") != "public, max-age=9" || h.Get("Vary") != "" || h.Get("CDN-Cache-Control") == "" {
			t.Errorf("a public page: got %v", h)
		}
	}
}

// A client that breaks off, or sends what is no body, is not told that the app is down, nor is the log.
func TestBrokenUploads(t *testing.T) {
	b := behindPath(t, "/app", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.Method == "GET" {
			<-r.Context().Done()
		}
	})
	c := b.browser()
	c.signIn(nil)
	for _, body := range []string{"2\nab\n0\n\n", "2\r\nab\r\nx\r\n", "2\r\nabc\r\n0\r\n\r\n", "2\r\nab\r\n0\r\nno trailer\r\n\r\n"} {
		resp, conn, answers := b.raw("POST /upload HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\nCookie: ssobridge=%s\n\n%sGET /auth/login HTTP/1.1\nHost: x\n\n",
			c.cookie(), body)
		io.Copy(io.Discard, resp.Body)
		if resp.StatusCode != 400 || !strings.Contains(lastLine(b), "level=INFO") || !strings.Contains(lastLine(b), "path=/upload") {
			t.Errorf("%q: got %d, and logged %s", body, resp.StatusCode, lastLine(b))
		}
		if _, err := http.ReadResponse(answers, nil); err == nil {
			t.Errorf("%q: what came behind it was answered, too", body)
		}
		conn.Close()
	}
	// Nor is one who closes their half told that all went well.
	for _, request := range []string{"POST /gone HTTP/1.1\r\nContent-Length: 100\r\n", "GET /slow HTTP/1.1\r\n"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "%sHost: x\r\nCookie: ssobridge=%s\r\n\r\n", request, c.cookie())
		conn.(*net.TCPConn).CloseWrite()
		if got, _ := io.ReadAll(conn); strings.HasPrefix(string(got), "HTTP/1.1 200") {
			t.Errorf("%q: got %s", request, got)
		}
	}
	if log := b.log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("logged %s", log)
	}
}

// sayer is an app that answers everything with these bytes.
func sayer(t *testing.T, answer string) (url string) {
	t.Helper()
	return bridgetest.RawApp(t, func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			io.WriteString(conn, answer)
		}
	})
}

// An answer that is none is the app's fault, told in our own words (SECURITY L5, K3).
func TestUpstreamAnswersNonsense(t *testing.T) {
	for _, status := range []string{"099 x", "000 x", "+12 x", "1 x", "1000 x", "abc x", "-01 x", "101 x", "", "200 OK\r\nContent-Length: 1\r\nContent-Length: 2"} {
		b := start(t, "UPSTREAM="+sayer(t, "HTTP/1.1 "+status+"\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\nSet-Cookie: app=1\r\nCache-Control: public\r\nConnection: close\r\n\r\nhello"))
		c := b.browser()
		c.signIn(nil)
		resp := c.get("/x")
		if resp.StatusCode != 502 || !strings.Contains(resp.body, "The app behind this page does not answer") || resp.ContentLength != int64(len(resp.body)) {
			t.Errorf("%q: got %s, %d bytes: %s", status, resp.Status, resp.ContentLength, resp.body)
		}
		if h := resp.Header; h.Get("Set-Cookie") != "" || h.Get("Content-Encoding") != "" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%q: got %v", status, h)
		}
		if log := b.log.String(); strings.Contains(log, "panic") {
			t.Errorf("%q: logged %s", status, log)
		}
	}
}

// What was said about another answer is not said about a refusal.
func TestRefusalHasItsOwnLength(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Length", "5")
	w.Header().Set("Content-Encoding", "gzip")
	start(t, "UPSTREAM="+app(t).URL).srv.ServeHTTP(w, httptest.NewRequest("GET", "/x", nil))
	if h := w.Header(); w.Code != 401 || h.Get("Content-Length") != "" || h.Get("Content-Encoding") != "" {
		t.Errorf("got %d %v", w.Code, h)
	}
}

// SECURITY H1, L1: "OPTIONS *" is answered like any request of no one, by us and not by the library.
func TestOptionsOfTheServer(t *testing.T) {
	for _, tt := range []struct {
		settings []string
		want     int
	}{
		{[]string{"UPSTREAM=" + app(t).URL}, 400},
		{[]string{"UPSTREAM=" + app(t).URL, `ACCESS_RULES=[{"path":"/","allow":"public"}]`}, 403},
		{nil, 404},
	} {
		b := start(t, tt.settings...)
		c := b.browser()
		c.signIn(nil)
		for _, cookie := range []string{"x", c.cookie()} {
			resp, _, _ := b.raw("OPTIONS * HTTP/1.1\nHost: x\nCookie: ssobridge=%s\n\n", cookie)
			if resp.StatusCode != tt.want || resp.Header.Get("X-Request-Id") == "" || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%q: got %d %v, want %d", tt.settings, resp.StatusCode, resp.Header, tt.want)
			}
		}
	}
}

// SECURITY L1, H4: no spelling of TRACE reaches the app, and no method that rules and app may take for two.
func TestUpstreamMethods(t *testing.T) {
	b := start(t, "UPSTREAM="+app(t).URL, "TRUSTED_PROXIES=127.0.0.1", "FORWARD_AUTH=true",
		`ACCESS_RULES=[{"path":"/read","methods":["GET"],"allow":"public"},{"path":"/public","allow":"public"},{"path":"/things","methods":["DELETE"],"allow":["Administrators"]}]`)
	free := start(t, "UPSTREAM="+app(t).URL)
	ann, anns, anyone := b.browser(), free.browser(), b.browser()
	ann.signIn(nil)
	anns.signIn(nil)
	for _, method := range []string{"TRACE", "trace", "Trace", "TRACK", "track", "CONNECT", "connect"} {
		for _, c := range []*browser{ann, anyone, anns} {
			resp, _, _ := c.b.raw("%s /public HTTP/1.1\nHost: x\nCookie: ssobridge=%s\n\n", method, c.cookie())
			if resp.StatusCode != 405 {
				t.Errorf("%s: got %s, want 405", method, resp.Status)
			}
		}
	}
	for _, tt := range []struct {
		method, target string
		ann, anyone    int
	}{
		{"GET", "/read", 200, 200}, {"get", "/read", 403, 403}, {"Get", "/read", 403, 403}, {"HEAD", "/read", 200, 200}, {"head", "/READ", 403, 403},
		{"GET", "/things", 200, 401}, {"delete", "/things", 403, 403}, {"get", "/things", 403, 403},
		{"get", "/public", 200, 200}, {"get", "/page", 200, 401}, {"BREW", "/things", 200, 401},
	} {
		for who, c := range map[string]*browser{"signed in": ann, "signed out": anyone} {
			want := map[string]int{"signed in": tt.ann, "signed out": tt.anyone}[who]
			for name, door := range doors(b, c) {
				if got := door(tt.method, tt.target); got != want {
					t.Errorf("%s %s of %s, %s: got %d, want %d", tt.method, tt.target, name, who, got, want)
				}
			}
		}
	}
}

// SECURITY H3, H6: apps that make one variable of "-" and "_" (CGI, WSGI, Rack) get no second header of a name that says where a
// message ends or in which we take credentials; the rest is between client and app.
func TestUpstreamUnderscores(t *testing.T) {
	b := start(t, "UPSTREAM="+app(t).URL, "BEARER_HEADER=X-Api-Key")
	c := b.browser()
	c.signIn(nil)
	for _, name := range []string{
		"Content_Length", "content.length", "Transfer_Encoding", "TRANSFER_ENCODING", "Proxy_Connection", "Keep_Alive", "Proxy_Authorization", "HTTP2_Settings",
		"X_Metabase_Session", "X_METABASE-SESSION", "X_Api_Key", "x.api-key", "Remote_User", "X_Forwarded_For", "X_Real_IP",
		"Remote~User", "X^Metabase^Session", "X'Api'Key", "Content|Length", "X!Own", "Own+", "Proxy", // SECURITY H7
	} {
		if resp := c.get("/x", name+": planted"); resp.StatusCode != 200 || strings.Contains(resp.body, "planted") {
			t.Errorf("%s: got %d, and the app %s", name, resp.StatusCode, resp.body)
		}
	}
	for _, name := range []string{"Access_token", "X_request_id", "Content-Type", "X.y"} {
		if resp := c.get("/x", name+": theirs"); !strings.Contains(resp.body, "theirs") {
			t.Errorf("%s did not reach the app: %s", name, resp.body)
		}
	}
}

// SECURITY D3: the app signs nobody in or out here, on no page: it sets none of our cookies and clears none.
func TestUpstreamLeavesOurCookiesAlone(t *testing.T) {
	b := behind(t, func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.Header {
			if name, ok := strings.CutPrefix(name, "X-Answer-"); ok {
				w.Header()[name] = values
			}
		}
	}, `ACCESS_RULES=[{"path":"/public","allow":"public"}]`)
	c := b.browser()
	c.signIn(nil)
	api := b.browser() // no jar that drops cookies by itself
	api.Jar = nil
	for _, tt := range []struct{ sent, want string }{ // Set-Cookie
		{"app=1; Path=/", "app=1; Path=/"},
		{"ssobridge=x; Path=/; HttpOnly", ""},
		{" \tssobridge\t = x", ""},
		{"__Host-ssobridge=x; Secure; Path=/", ""},
		{"__Secure-ssobridge=; Max-Age=0; Secure", ""},
		{"ssobridge-flow-abc=x", ""},
		{"__Host-ssobridge-flow-abc=x; Secure; Path=/", ""},
		{"=ssobridge=x", ""}, // without a name, and browsers send the value alone
		{"= ssobridge=x", ""},
		{"ssobridge", ""},
		{"ssobridges=1", "ssobridges=1"},
		{"my-ssobridge=1; Path=/ssobridge", "my-ssobridge=1; Path=/ssobridge"},
		{"a=ssobridge=1", "a=ssobridge=1"},
	} {
		for _, path := range []string{"/page", "/public"} {
			h := api.get(path, "Cookie: ssobridge="+c.cookie(), "X-Answer-Set-Cookie: first=1", "X-Answer-Set-Cookie: "+tt.sent, "X-Answer-Set-Cookie: last=1").Header
			want := []string{"first=1", "last=1"}
			if tt.want != "" {
				want = []string{"first=1", tt.want, "last=1"}
			}
			if got := h["Set-Cookie"]; !slices.Equal(got, want) {
				t.Errorf("%s, Set-Cookie: %s: got %q", path, tt.sent, got)
			}
		}
	}
	for sent, want := range map[string]string{ // Clear-Site-Data
		`"cookies"`: "", `"cache"`: `"cache"`, `"cache", "cookies", "storage"`: `"cache", "storage"`, `"COOKIES"`: "", `"a, "cookies"`: `"a`,
		`"*"`: `"cache", "executionContexts", "storage"`, `"cache","*"`: `"cache", "executionContexts", "storage"`,
	} {
		h := api.get("/public", "X-Answer-Clear-Site-Data: "+sent).Header
		if got := h.Get("Clear-Site-Data"); got != want {
			t.Errorf("Clear-Site-Data: %s: got %s, want %s", sent, got, want)
		}
	}
	if n := strings.Count(b.log.String(), "level=WARN"); n != 1 || strings.Contains(b.log.String(), "=x") {
		t.Errorf("warned %d times, want once, without a value: %s", n, b.log.String())
	}
}

// SECURITY H1, G1: a page of another site opens no WebSocket with somebody's session (RFC 6455 §10.2). Browsers send the
// cookie along with SameSite=None and from siblings, and no CORS keeps the answers from the page.
func TestForeignWebSockets(t *testing.T) {
	var who string
	app := func(w http.ResponseWriter, r *http.Request) {
		who = r.Header.Get("Remote-User")
		if r.Header.Get("Upgrade") == "" {
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	}
	const upgrade = "Connection: Upgrade\nUpgrade: websocket\n"
	plain := behind(t, app, "SITE_URL=http://bridge.localhost:$PORT", "ALLOWED_ORIGINS=https://app.example.com", `ACCESS_RULES=[{"path":"/public","allow":"public"}]`)
	secure := behind(t, app, "SITE_URL=https://bridge.example.com", "SESSION_COOKIE_SAMESITE=none")
	pc, sc := plain.browser(), secure.browser()
	pc.signIn(nil)
	session := secure.apiSession(sc)
	_, port, _ := strings.Cut(strings.TrimPrefix(plain.url, "http://"), ":")
	for _, tt := range []struct {
		b           *bridge
		path, lines string // $C is the session
		want        int
	}{
		{plain, "/ws", upgrade, 101}, // no browser
		{plain, "/ws", upgrade + "Origin: http://bridge.localhost:" + port + "\n", 101},
		{plain, "/ws", upgrade + "Origin: HTTP://Bridge.Localhost:" + port + "\n", 101},
		{plain, "/ws", upgrade + "Origin: https://app.example.com\n", 101},
		{plain, "/ws", upgrade + "Origin: https://app.example.com:443\n", 101},
		{plain, "/ws", upgrade + "Origin: http://own.example:81\n", 101}, // as Host says
		{plain, "/ws", upgrade + "Origin: https://own.example:81\n", 101},
		{plain, "/ws", upgrade + "Origin: http://own.example\n", 403},
		{plain, "/ws", upgrade + "Origin: http://app.example.com\n", 403},
		{plain, "/ws", upgrade + "Origin: https://app.example.com.evil.example\n", 403},
		{plain, "/ws", upgrade + "Origin: https://sibling.example.com\n", 403},
		{plain, "/ws", upgrade + "Origin: null\n", 403},
		{plain, "/ws", upgrade + "Origin:\n", 403},
		{plain, "/ws", upgrade + "Origin: https://app.example.com\nOrigin: https://evil.example\n", 403},
		{plain, "/ws", upgrade + "Origin: https://app.example.com, https://evil.example\n", 403},
		{plain, "/ws", "Connection: upgrade\nUpgrade: WebSocket\nOrigin: https://evil.example\n", 403},
		{plain, "/ws", "Origin: https://evil.example\n", 200}, // CORS is the app's
		{plain, "/public/ws", upgrade + "Origin: https://evil.example\n", 101},
		{secure, "/ws", upgrade, 101},
		{secure, "/ws", upgrade + "Origin: https://bridge.example.com\n", 101},
		{secure, "/ws", upgrade + "Origin: https://own.example:81\n", 101},
		{secure, "/ws", upgrade + "Origin: http://own.example:81\n", 403}, // who can fake that page reads no https
		{secure, "/ws", upgrade + "Origin: http://bridge.example.com\n", 403},
		{secure, "/ws", upgrade + "Origin: https://sibling.example.com\n", 403},
	} {
		cookie, want := "ssobridge="+pc.cookie(), "ann@example.com"
		if tt.b == secure {
			cookie = "__Host-ssobridge=" + session
		}
		if tt.path == "/public/ws" {
			want = "-" // as for anyone
		}
		who = ""
		resp, conn, _ := tt.b.raw("GET %s HTTP/1.1\nHost: own.example:81\nCookie: %s\n%s\n", tt.path, cookie, strings.ReplaceAll(tt.lines, "\n", "\r\n"))
		conn.Close()
		if resp.StatusCode != tt.want || resp.StatusCode == 403 && (who != "" || !strings.Contains(lastLine(tt.b), "ALLOWED_ORIGINS")) || resp.StatusCode != 403 && who != want {
			t.Errorf("%s %q: got %s, and the app %q; want %d", tt.path, tt.lines, resp.Status, who, tt.want)
		}
		if tt.want != 403 {
			continue
		}
		resp, conn, _ = tt.b.raw("GET %s HTTP/1.1\nHost: own.example:81\nAuthorization: Bearer %s\n%s\n", tt.path, cookie[strings.Index(cookie, "=")+1:], strings.ReplaceAll(tt.lines, "\n", "\r\n"))
		conn.Close()
		if resp.StatusCode != 101 { // no page can send that, and a program may say any Origin
			t.Errorf("bearer, %q: got %s, want 101", tt.lines, resp.Status)
		}
	}
}

// apiSession signs in as a program does, and returns the session.
func (b *bridge) apiSession(c *browser) string {
	b.t.Helper()
	var got struct{ ID string }
	resp := c.get("/auth/sso?jwt="+b.token(nil), "Accept: application/json")
	if err := json.Unmarshal([]byte(resp.body), &got); err != nil || got.ID == "" {
		b.t.Fatalf("got %d %s", resp.StatusCode, resp.body)
	}
	return got.ID
}

// A page whose session ends before the app answers is asked for once more, since another tab of the browser may have signed in
// meanwhile.
func TestPageWhoseSessionEnds(t *testing.T) {
	arrived := make(chan struct{})
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // or the server does not see that the client has left
		arrived <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(app.Close)
	b := start(t, "UPSTREAM="+app.URL)
	for i, tt := range []struct {
		method, path string
		status       int
		location     string
	}{
		{"GET", "/slow?x=1&jwt=a.b.c", 302, "/slow?x=1"},
		{"GET", "/a//b%2F..?x=//y", 302, "/a//b%2F..?x=//y"},
		{"GET", "//other.example/slow", 302, "/other.example/slow"},
		{"POST", "/slow", 401, ""},
	} {
		c := b.browser()
		c.signIn(claims{"email": fmt.Sprintf("p%d@example.com", i)}) // a token of its own
		answer := make(chan response)
		go func() { answer <- c.send(tt.method, tt.path, "", "Accept: text/html", "Sec-Fetch-Mode: navigate") }()
		select {
		case <-arrived:
		case got := <-answer:
			t.Fatalf("%s %s: got %d before the app was asked", tt.method, tt.path, got.StatusCode)
		}
		b.browser().send("POST", "/auth/logout", "", "Cookie: ssobridge="+c.cookie())
		if got := <-answer; got.StatusCode != tt.status || got.Header.Get("Location") != tt.location || got.Header.Get("Cache-Control") == "" {
			t.Errorf("%s %s: got %d to %q, want %d to %q, not to be kept", tt.method, tt.path, got.StatusCode, got.Header.Get("Location"), tt.status, tt.location)
		}
	}
}
