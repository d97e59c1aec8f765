package proxies

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/ssobridge/ssobridge/sso/token"
)

// attack is one request that cheats. Signed out it must not reach the app, unless public says that it is for a public
// page; signed in it must reach it with the true identity and nothing of the client's, or, with maybe, not at all.
type attack struct {
	name    string
	method  string // "": GET
	target  string // "": /page
	headers []string
	maybe   bool
	public  bool // under ACCESS_RULES
}

var huge = strings.Repeat("x", 64<<10)

func attacks() []attack {
	return []attack{
		{name: "nothing"},
		{name: "POST", method: "POST", headers: []string{"Content-Length: 0"}},
		{name: "HEAD", method: "HEAD"},
		{name: "OPTIONS", method: "OPTIONS"},
		{name: "TRACE", method: "TRACE", maybe: true},
		{name: "a method of its own", method: "BREW", maybe: true},
		{name: "Remote-User", headers: []string{"Remote-User: root@example.com"}},
		{name: "remote-user", headers: []string{"remote-user: root@example.com"}},
		{name: "two", headers: []string{"Remote-User: root@example.com", "Remote-User: ann@example.com"}},
		{name: "Remote_User", headers: []string{"Remote_User: root@example.com", "REMOTE_GROUPS: Administrators"}},
		{name: "Remote.User", headers: []string{"Remote.User: root@example.com", "remote.groups: Administrators"}},
		{name: "Remote~User", headers: []string{"Remote~User: root@example.com", "remote`groups: Administrators", "X^Metabase^Session: x"}}, // SECURITY H7
		{name: "mixed", headers: []string{"Remote-Groups: Administrators", "Remote_Email: root@example.com", "Remote-Assertion: e30.e30.e30", "Remote-Id: 1", "Remote-Name: root"}},
		{name: "an empty one", headers: []string{"Remote-User:", "Remote-Groups: "}},
		{name: "space before the colon", headers: []string{"Remote-User : root@example.com"}, maybe: true},
		{name: "folded", headers: []string{"X-A: b", " Remote-User: root@example.com"}, maybe: true},
		{name: "bare line feed", headers: []string{"X-A: b\nRemote-User: root@example.com"}},
		{name: "bare carriage return", headers: []string{"X-A: b\rRemote-User: root@example.com"}, maybe: true},
		{name: "NUL", headers: []string{"X-A: b\x00Remote-User: root@example.com"}, maybe: true},
		// SECURITY H5
		{name: "Connection: Remote-User", headers: []string{"Connection: close, Remote-User"}},
		{name: "Connection: all of them", headers: []string{"Connection: close, Remote-User, Remote-Groups, Remote-Email, Remote-Id, Remote-Name, Remote-Assertion"}},
		{name: "Connection: Cookie", headers: []string{"Connection: close, Cookie"}, maybe: true},
		{name: "Connection: what the proxy says", headers: []string{"Connection: close, X-Forwarded-Uri, X-Forwarded-Method, X-Forwarded-Host, X-Forwarded-Proto, X-Forwarded-For"}, maybe: true},
		{name: "Connection: Upgrade, Remote-User", headers: []string{"Connection: Upgrade, Remote-User", "Upgrade: h2c"}, maybe: true},
		{name: "TE and Trailer", headers: []string{"TE: trailers", "Trailer: Remote-User"}},
		{name: "spaces and tabs around the value", headers: []string{"Remote-User: \t root@example.com \t", "remote-groups:Administrators"}},
		// What stands behind an empty line is the body.
		{name: "trailers", method: "POST", headers: []string{"TE: trailers", "Trailer: Remote-User, Remote_User, X-Metabase-Session",
			"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nRemote-User: root@example.com\r\nRemote_User: root@example.com\r\nX-Metabase-Session: x"}, maybe: true},
		{name: "trailers that nobody announced", method: "POST", headers: []string{"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nRemote-User: root@example.com\r\nremote~user: root@example.com"}, maybe: true},
		{name: "Expect", method: "POST", headers: []string{"Expect: 100-continue", "Remote-User: root@example.com", "Content-Length: 5\r\n\r\nx"}, maybe: true},
		{name: "Expect and Connection", method: "POST", headers: []string{"Connection: close, Expect, Remote-User", "Expect: 100-continue", "Content-Length: 5\r\n\r\nx"}, maybe: true},
		{name: "an empty WebSocket", headers: []string{"Connection: Upgrade, Remote-User", "Upgrade: ", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Remote-User: root@example.com"}, maybe: true},
		// One request inside another (RFC 9112 §6.3).
		{name: "two lengths", method: "POST", headers: []string{"Content-Length: 4", "Content-Length: 60\r\n\r\nx"}, maybe: true},
		{name: "a length and chunks", method: "POST", headers: []string{"Content-Length: 4",
			"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /page HTTP/1.1\r\nHost: a\r\nRemote-User: root@example.com"}, maybe: true},
		{name: "chunks in another spelling", method: "POST", headers: []string{"Content-Length: 5", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\nGET /page HTTP/1.1\r\nHost: a"}, maybe: true},
		{name: "chunks twice", method: "POST", headers: []string{"Transfer-Encoding: chunked", "Transfer-Encoding: identity\r\n\r\n0"}, maybe: true},
		{name: "a length with a sign", method: "POST", headers: []string{"Content-Length: +5\r\n\r\nx"}, maybe: true},
		{name: "GET with a request for its body", headers: []string{"Content-Length: 4\r\n\r\nGET /page HTTP/1.1\r\nHost: a\r\nRemote-User: root@example.com"}, maybe: true},
		// SECURITY H4
		{name: "X-Forwarded-Uri", headers: []string{"X-Forwarded-Uri: /public/x"}, maybe: true},
		{name: "two X-Forwarded-Uri", headers: []string{"X-Forwarded-Uri: /public/x", "X-Forwarded-Uri: /public/y"}, maybe: true},
		{name: "X_Forwarded_Uri", headers: []string{"X_Forwarded_Uri: /public/x"}, maybe: true},
		{name: "X.Forwarded.Uri", headers: []string{"X.Forwarded.Uri: /public/x"}, maybe: true},
		{name: "X-Original-URL", headers: []string{"X-Original-URL: /public/x", "X-Original-URI: /public/x", "X-Rewrite-URL: /public/x"}, maybe: true},
		{name: "X-Forwarded-Method", headers: []string{"X-Forwarded-Method: OPTIONS", "X-HTTP-Method-Override: HEAD"}},
		{name: "X-Forwarded-Host", headers: []string{"X-Forwarded-Host: public.example", "X-Forwarded-Proto: https", "Forwarded: for=127.0.0.1;host=public.example"}},
		{name: "X-Forwarded-For", headers: []string{"X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1"}},
		{name: "..%2f", target: "/public/..%2fadmin-pages", maybe: true},
		{name: "..", target: "/public/../page", maybe: true},
		{name: "%2e%2e", target: "/public/%2e%2e/page", maybe: true},
		{name: "%252e", target: "/public/%252e%252e/page", maybe: true},
		{name: "%5c", target: "/public/..%5cpage", maybe: true},
		{name: "backslash", target: `/public\..\page`, maybe: true},
		{name: "semicolon", target: "/public;/../page", maybe: true},
		{name: "%3b", target: "/public%3b/page", maybe: true},
		{name: "hash", target: "/public#/../page", maybe: true},
		{name: "%23", target: "/public%23/../page", maybe: true},
		{name: "%3f", target: "/public%3f/../page", maybe: true},
		{name: "two slashes", target: "//public/page", maybe: true},
		{name: "slashes inside", target: "/x//../public/../page", maybe: true},
		{name: "%00", target: "/public/%00", maybe: true},
		{name: "overlong UTF-8", target: "/public/%c0%ae%c0%ae/page", maybe: true},
		{name: "%u002e", target: "/public/%u002e%u002e/page", maybe: true},
		{name: "..;", target: "/public/..;/page", maybe: true},
		{name: "a dot at the end", target: "/public./page"},
		{name: "another method", method: "POST", target: "/things", headers: []string{"Content-Length: 0", "X-HTTP-Method-Override: DELETE"}, maybe: true},
		{name: "another method, other words", method: "POST", target: "/things", headers: []string{"Content-Length: 0", "X_HTTP_Method: DELETE", "Connection: close, X_HTTP_Method"}, maybe: true},
		{name: "another case", target: "/PUBLIC/page"},
		{name: "a prefix of a name", target: "/publicity"},
		{name: "in the query", target: "/page?/public/"},
		{name: "absolute form", target: "http://public.example/public/../page", maybe: true},
		{name: "absolute form of another scheme", target: "ftp://public.example/public/x", maybe: true},
		{name: "absolute form with a name and a password", target: "http://root:x@public.example/page", maybe: true},
		{name: "two slashes and another host", target: "//evil.example/public/x", maybe: true},
		{name: "no path", target: "*", maybe: true},
		{name: "verify by another spelling", target: "/page/../auth/verify", maybe: true},
		// CVE-2026-34457
		{name: "health check", headers: []string{"User-Agent: GoogleHC/1.0"}},
		{name: "kube-probe", headers: []string{"User-Agent: kube-probe/1.30"}},
		{name: "ELB", target: "/ping", headers: []string{"User-Agent: ELB-HealthChecker/2.0"}},
		// SECURITY D6
		{name: "64 KiB of cookies", headers: []string{"Cookie: a=" + huge}, maybe: true},
		{name: "64 KiB of session", headers: []string{"Cookie: ssobridge=" + huge}, maybe: true},
		{name: "garbage cookie", headers: []string{"Cookie: ;;;=;ssobridge;\xff=\xfe;ssobridge=\xff"}, maybe: true},
		{name: "two sessions", headers: []string{"Cookie: ssobridge=" + strings.Repeat("A", 43)}, maybe: true},
		{name: "another bearer", headers: []string{"Authorization: Bearer " + strings.Repeat("A", 43)}},
		{name: "basic", headers: []string{"Authorization: Basic cm9vdDpyb290"}},
		{name: "public", target: "/public/x", headers: []string{"Remote-User: root@example.com", "Remote_User: root@example.com", "Remote.Groups: Administrators"}, public: true},
		{name: "public with garbage", target: "/public/x", headers: []string{"Cookie: a=b; ssobridge=x; ssobridge-flow-y=z", "X-Metabase-Session: x"}, public: true, maybe: true},
	}
}

// SECURITY H1, H2, H3, H4, H5, H6 and section 0.4.
func TestAttacks(t *testing.T) {
	for _, p := range doors(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, p)
			session := s.signIn(map[string]any{"first_name": "Zoë\r\nRemote-User: root", "last_name": "名"})
			for _, a := range attacks() {
				t.Run(a.name, func(t *testing.T) {
					s := *s
					s.t = t
					s.signedOut(a)
					s.signedIn(a, session)
				})
			}
		})
	}
}

func (a attack) send(s *stack, more ...string) answer {
	s.t.Helper()
	method, target := a.method, a.target
	if method == "" {
		method = "GET"
	}
	if target == "" {
		target = "/page"
	}
	return s.send(method, target, append(more, a.headers...)...)
}

func (s *stack) signedOut(a attack) {
	t := s.t
	t.Helper()
	before := s.app.got.Load()
	resp := a.send(s)
	if a.public || resp.public() {
		if resp.StatusCode != 200 {
			t.Fatalf("signed out: got %s %s", resp.Status, resp.body)
		}
		s.identity(resp, nobody())
		return
	}
	if resp.StatusCode/100 == 2 {
		t.Errorf("signed out: got %s %s", resp.Status, resp.body)
	}
	if s.app.got.Load() != before {
		t.Error("signed out: the app was asked")
	}
}

// public reports whether the app was asked for a page that is public in any reading. Some proxies clean the path before
// they ask and before they pass it on; then the bridge and the app see the same.
func (a answer) public() bool {
	var got report
	return json.Unmarshal([]byte(a.body), &got) == nil && strings.HasPrefix(got.URI, "/public/") &&
		!strings.ContainsAny(got.URI, "%;\\#") && !strings.Contains(got.URI, "..") && !strings.Contains(got.URI, "//")
}

func nobody() map[string]string {
	return map[string]string{"Remote-User": "-", "Remote-Email": "-", "Remote-Name": "-", "Remote-Groups": "-", "Remote-Id": "-", "Remote-Assertion": "-"}
}

func (s *stack) signedIn(a attack, session string) {
	t := s.t
	t.Helper()
	before := s.app.got.Load()
	resp := a.send(s, "Cookie: first=1; ssobridge="+session+"; last=2")
	if s.app.got.Load() == before {
		if !a.maybe || resp.StatusCode/100 == 2 {
			t.Errorf("signed in: the app was not asked: %s %.300s", resp.Status, resp.body)
		}
		return
	}
	if resp.StatusCode != 200 {
		t.Errorf("signed in: got %s %s", resp.Status, resp.body)
		return
	}
	if strings.Contains(resp.body, session) {
		t.Errorf("the session reached the app: %s", resp.body)
	}
	if a.method == "HEAD" {
		return
	}
	if a.public && a.maybe { // two cookies of the name are none
		s.identity(resp, nobody())
		return
	}
	s.identity(resp, map[string]string{
		"Remote-User": "ann@example.com", "Remote-Email": "ann@example.com", "Remote-Name": "Zo%C3%AB  Remote-User: root %E5%90%8D",
		"Remote-Groups": "All Users", "Remote-Id": "", "Remote-Assertion": "",
	})
}

var sign = regexp.MustCompile(`[^A-Za-z0-9]`)

// identity checks every header that the app could take for one of ours. A want of "" is any value but empty and "-".
func (s *stack) identity(resp answer, want map[string]string) {
	t := s.t
	t.Helper()
	var got report
	if err := json.Unmarshal([]byte(resp.body), &got); err != nil {
		t.Fatalf("%v: %s", err, resp.body)
	}
	for name, v := range want {
		values := got.Header[name]
		if len(values) != 1 || values[0] != v && v != "" || v == "" && (values[0] == "" || values[0] == "-") {
			t.Errorf("%s: the app got %q, want %q", name, values, v)
		}
	}
	if want["Remote-Assertion"] == "" {
		s.assertion(got.Header.Get("Remote-Assertion"))
	}
	for name, values := range got.Trailer {
		if s.proxy.passesTrailers() {
			break
		}
		if plain := strings.ToLower(sign.ReplaceAllString(name, "-")); strings.HasPrefix(plain, "remote-") || plain == "x-metabase-session" {
			t.Errorf("the app got the trailer %s: %q", name, values)
		}
	}
	for name, values := range got.Header {
		plain := strings.ToLower(sign.ReplaceAllString(name, "-"))
		if _, ours := want[name]; !ours && strings.HasPrefix(plain, "remote-") {
			t.Errorf("the app got %s: %q", name, values)
		}
		if plain == "x-metabase-session" && strings.Join(values, "") != "" {
			t.Errorf("the app got %s: %q", name, values)
		}
	}
}

// passesTrailers: none of the settings of Caddy and Traefik sees a trailer, and the bridge neither. Their documents say so.
func (p proxy) passesTrailers() bool {
	return strings.HasPrefix(p.name, "caddy") || p.name == "traefik"
}

// SECURITY H3: over HTTP/2 the names of headers come in small letters, the host in a field of its own, and no length of the body.
func TestAttacksOverHTTP2(t *testing.T) {
	for _, p := range at(t, secure) {
		if p.name == "nginx" {
			continue // its documented file speaks HTTP/1.1
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, p)
			session := s.signIn(map[string]any{"first_name": "Zoë\r\nRemote-User: root", "last_name": "名"})
			client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
				DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("tcp", s.addr) }}}
			defer client.CloseIdleConnections()
			ask := func(headers http.Header, host string) answer {
				t.Helper()
				req, err := http.NewRequestWithContext(t.Context(), "POST", s.site()+"/page", io.MultiReader(strings.NewReader("x")))
				if err != nil {
					t.Fatal(err)
				}
				req.Header = headers
				if host != "" {
					req.Host = host
				}
				resp, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				body, _ := io.ReadAll(resp.Body)
				if resp.ProtoMajor != 2 {
					t.Fatalf("the proxy speaks %s", resp.Proto)
				}
				return answer{resp, string(body)}
			}
			forged := func() http.Header {
				h := http.Header{"Accept": {"application/json"}, "Te": {"trailers"}}
				for _, name := range []string{"Remote-User", "remote_user", "Remote.User", "Remote~User", "REMOTE-GROUPS", "X-Metabase-Session"} {
					h[name] = []string{"root@example.com", "Administrators"}
				}
				return h
			}
			before := s.app.got.Load()
			if resp := ask(forged(), ""); resp.StatusCode != http.StatusUnauthorized || s.app.got.Load() != before {
				t.Errorf("signed out: got %s, and the app was asked %d times", resp.Status, s.app.got.Load()-before)
			}
			h := forged()
			delete(h, "X-Metabase-Session") // two sessions are none
			h.Set("Cookie", p.cookieName()+"="+session)
			resp := ask(h, "")
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("signed in: got %s %s", resp.Status, resp.body)
			}
			s.identity(resp, map[string]string{
				"Remote-User": "ann@example.com", "Remote-Email": "ann@example.com", "Remote-Name": "Zo%C3%AB  Remote-User: root %E5%90%8D",
				"Remote-Groups": "All Users", "Remote-Id": "", "Remote-Assertion": "",
			})
			before = s.app.got.Load()
			if resp := ask(http.Header{"Cookie": {p.cookieName() + "=" + session}}, "public.example"); s.app.got.Load() != before {
				t.Errorf("another host: the app was asked: %s %s", resp.Status, resp.body)
			}
		})
	}
}

// assertion verifies one as an app does, with the keys that the bridge publishes.
func (s *stack) assertion(text string) {
	t := s.t
	t.Helper()
	resp, err := s.client().Get(s.bridgeSite() + "/.well-known/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var keys jose.JSONWebKeySet
	if err := json.NewDecoder(resp.Body).Decode(&keys); err != nil {
		t.Fatal(err)
	}
	signed, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatalf("assertion %q: %v", text, err)
	}
	var who struct {
		jwt.Claims
		Email string `json:"email"`
	}
	err = signed.Claims(keys, &who)
	if err == nil {
		err = who.Validate(jwt.Expected{Issuer: s.bridgeSite(), AnyAudience: []string{s.bridgeSite()}, Time: time.Now()})
	}
	if err != nil || who.Email != "ann@example.com" || signed.Headers[0].ExtraHeaders["typ"] != "assertion+jwt" {
		t.Errorf("assertion: got %+v, %v", who, err)
	}
}

// everywhere runs a test for each proxy at each place that it has files for, and for the bridge with UPSTREAM.
func everywhere(t *testing.T, test func(t *testing.T, p proxy)) {
	for name, where := range map[string]place{"plain": plain, "https": secure, "two hosts": apart} {
		all := at(t, where)
		if where == plain {
			all = append(all, proxy{name: "UPSTREAM"})
		}
		for _, p := range all {
			t.Run(name+"/"+p.name, func(t *testing.T) {
				t.Parallel()
				test(t, p)
			})
		}
	}
}

// SECURITY H6: the app gets its own cookies and credentials, and none of ours.
func TestCredentialsStayHere(t *testing.T) {
	everywhere(t, func(t *testing.T, p proxy) {
		s := start(t, p)
		id := s.signIn(nil)
		var others []string // of the session's cookie, at other places
		for _, name := range []string{"ssobridge", "__Host-ssobridge", "__Secure-ssobridge"} {
			if name != p.cookieName() {
				others = append(others, name)
			}
		}
		fill := strings.NewReplacer("NAME", p.cookieName(), "OTHER", others[0], "THIRD", others[1], "ID", id)
		for _, tt := range []struct {
			headers       []string
			cookie, basic string
		}{
			{[]string{"Cookie: NAME=ID"}, "", ""},
			{[]string{"Cookie: NAME=ID; b=2"}, "b=2", ""},
			{[]string{"Cookie: a=1; NAME=ID"}, "a=1", ""},
			{[]string{"Cookie: a=1; NAME=ID; b=2; c=\"3 4\""}, "a=1; b=2; c=\"3 4\"", ""},
			{[]string{"Cookie: a=1;NAME=ID;b=2"}, "a=1;b=2", ""},
			{[]string{"Cookie: a=1", "Cookie: NAME=ID; b=2"}, "a=1; b=2", ""},
			{[]string{"Cookie: notssobridge=1; ssobridge2=2; NAME=ID; ssobridge_x=3"}, "notssobridge=1; ssobridge2=2; ssobridge_x=3", ""},
			{[]string{"Cookie: NAME=ID; OTHER=x"}, "", ""},
			{[]string{"Cookie: OTHER=ID; NAME=ID"}, "", ""},
			{[]string{"Cookie: NAME=ID; a=1; THIRD=ID; b=2"}, "a=1; b=2", ""},
			{[]string{"Cookie: NAME=ID;OTHER =ID"}, "", ""},
			{[]string{"Cookie: a=1; OTHER=ID; b=2; NAME=ID; c=3; THIRD=ID; d=4; OTHER=ID"}, "a=1; b=2; c=3; d=4", ""},
			{[]string{"Cookie: ssobridge-flow-0=ID; NAME=ID; a=1"}, "a=1", ""},
			{[]string{"Cookie: a=1; __Host-ssobridge-flow-0=ID; NAME=ID; __Host-ssobridge-flow-1=ID; b=2; __Host-ssobridge-device=ID"}, "a=1; b=2", ""},
			{[]string{"Cookie: NAME=ID", "Authorization: Basic YTpi"}, "", "Basic YTpi"},
			{[]string{"Cookie: NAME=ID; a=1", "Authorization: Bearer ID"}, "a=1", ""},
			{[]string{"Cookie: a=1", "Authorization: Bearer ID"}, "a=1", ""},
			{[]string{"Cookie: a=1", "Authorization: bearer ID"}, "a=1", ""},
			{[]string{"Cookie: NAME=ID", "Authorization: Bearer abc.def-_.ghi"}, "", "Bearer abc.def-_.ghi"}, // of the app
			{[]string{"Cookie: NAME=ID", "Authorization: Bearer x"}, "", "Bearer x"},
			{[]string{"Cookie: NAME=ID", "Authorization: Bearer " + strings.Repeat("A", 44)}, "", "Bearer " + strings.Repeat("A", 44)},
			{[]string{"Cookie: NAME=ID", "Authorization: Token x"}, "", "Token x"},
			{[]string{"Cookie: NAME=ID", "Authorization: Bearer " + strings.Repeat("A", 43)}, "", ""}, // as a session looks
			{[]string{"Cookie: a=1", "X-Metabase-Session: ID"}, "a=1", ""},
			{[]string{"X-Metabase-Session: ID"}, "", ""},
		} {
			var headers []string
			for _, h := range tt.headers {
				headers = append(headers, fill.Replace(h))
			}
			resp := s.send("GET", "/page", headers...)
			var got report
			if err := json.Unmarshal([]byte(resp.body), &got); err != nil {
				t.Errorf("%q: %s %s", tt.headers, resp.Status, resp.body)
				continue
			}
			cookie := strings.TrimRight(strings.Join(got.Header["Cookie"], "; "), "; ")
			if strings.ReplaceAll(cookie, " ", "") != strings.ReplaceAll(tt.cookie, " ", "") || got.Header.Get("Authorization") != tt.basic {
				t.Errorf("%q: the app got the cookies %q and %q, want %q and %q", tt.headers, cookie, got.Header["Authorization"], tt.cookie, tt.basic)
			}
			if strings.Contains(resp.body, id) {
				t.Errorf("%q: the session reached the app: %s", tt.headers, resp.body)
			}
		}
		for _, two := range [][]string{{"Authorization: Basic YTpi", "Authorization: Bearer ID"}, {"Authorization: Bearer ID", "Authorization: Bearer x"}} {
			if resp := s.send("GET", "/page", fill.Replace("Cookie: NAME=ID"), fill.Replace(two[0]), fill.Replace(two[1])); strings.Contains(resp.body, id) {
				t.Errorf("%q: the session reached the app: %s", two, resp.body)
			}
		}
		// More than one of our name are nobody's, but a public page is everyone's.
		for _, target := range []string{"/public/x", "/page"} {
			resp := s.send("GET", target, fill.Replace("Cookie: a=1; NAME=ID; OTHER=ID; THIRD=ID; NAME=ID; NAME=x"))
			if strings.Contains(resp.body, id) || resp.StatusCode == 200 && target == "/page" {
				t.Errorf("%s with many sessions: got %s %s", target, resp.Status, resp.body)
			}
		}
	})
}

// SECURITY H6: a token of an API client is for the bridge, and a token that no provider takes is the app's.
func TestTokensStayHere(t *testing.T) {
	const apiSecret = "Vq8s0Zk3mX1tY7rB5nD2fG9hJ4wL6pC8"
	everywhere(t, func(t *testing.T, p proxy) {
		p.settings = []string{"PROVIDERS=acme", "PROVIDER_ACME_KIND=bearer", "PROVIDER_ACME_ISSUER=https://acme.example", "PROVIDER_ACME_AUDIENCE=bi",
			"PROVIDER_ACME_SHARED_SECRET=" + apiSecret}
		s := start(t, p)
		ours, err := token.Mint(apiSecret, map[string]any{"iss": "https://acme.example", "aud": "bi", "sub": "etl", "exp": time.Now().Add(time.Hour).Unix()})
		if err != nil {
			t.Fatal(err)
		}
		others, err := token.Mint(secret, map[string]any{"iss": "https://app.example", "sub": "etl"})
		if err != nil {
			t.Fatal(err)
		}
		session := "Cookie: " + p.cookieName() + "=" + s.signIn(nil)
		for _, tt := range []struct {
			target  string
			headers []string
			user    string // "": nobody gets in
			gets    string // as Authorization
		}{
			{"/page", []string{"Authorization: Bearer " + ours}, "etl", ""},
			{"/page", []string{"Authorization: bearer   " + ours + " "}, "etl", ""},
			{"/page", []string{"Authorization: Bearer " + ours, "Remote-Authorization: Bearer x"}, "etl", ""},
			{"/page", []string{session, "Authorization: Bearer " + others}, "ann@example.com", "Bearer " + others},
			{"/page", []string{session, "Authorization: Bearer " + others, "Remote-Authorization: Bearer x"}, "ann@example.com", "Bearer " + others},
			{"/page", []string{session, "Authorization: Basic YTpi"}, "ann@example.com", "Basic YTpi"},
			{"/page", []string{session, "Remote-Authorization: Bearer x"}, "ann@example.com", ""},
			{"/page", []string{session, "Authorization: Bearer " + ours}, "", ""}, // of two callers
			{"/page", []string{session, "Authorization: Bearer " + others, "Authorization: Bearer " + ours}, "", ""},
			{"/public/x", []string{"Authorization: Bearer " + ours[:len(ours)-4]}, "-", ""}, // with another signature
			{"/public/x", []string{"Authorization: Bearer " + others}, "-", "Bearer " + others},
			{"/public/x", []string{"Authorization: Basic YTpi", "Authorization: Bearer " + ours}, "-", "Basic YTpi"},
		} {
			before := s.app.got.Load()
			resp := s.send("GET", tt.target, tt.headers...)
			two := resp.StatusCode == 400 && len(tt.headers) > 1 // some proxies take no second Authorization
			if tt.user == "" || two {
				if resp.StatusCode != 401 && !two || s.app.got.Load() != before {
					t.Errorf("%.60q: got %s, want 401", tt.headers, resp.Status)
				}
				continue
			}
			var got report
			if err := json.Unmarshal([]byte(resp.body), &got); err != nil {
				t.Errorf("%.60q: %s %s", tt.headers, resp.Status, resp.body)
				continue
			}
			if user := got.Header.Get("Remote-User"); user != tt.user || got.Header.Get("Authorization") != tt.gets || len(got.Header["Authorization"]) > 1 {
				t.Errorf("%.60q: the app got %s and %q, want %s and %q", tt.headers, user, got.Header["Authorization"], tt.user, tt.gets)
			}
			if strings.Contains(resp.body, ours) || strings.Count(resp.body, others) > 1 {
				t.Errorf("%.60q: the app got %s", tt.headers, resp.body)
			}
		}
	})
}

// SECURITY H6, L2: of many cookies the app gets all but ours; of more than a proxy can hold, nobody gets in.
func TestManyCookies(t *testing.T) {
	everywhere(t, func(t *testing.T, p proxy) {
		s := start(t, p)
		id := s.signIn(map[string]any{"attribute": strings.Repeat("a", 4000)})
		session := "; " + p.cookieName() + "=" + id
		line := "Cookie: a=" + strings.Repeat("x", 7900) + session
		more := "Cookie: b=" + strings.Repeat("y", 7900)
		for kib, headers := range map[int][]string{8: {line}, 16: {line, more}} {
			resp := s.send("GET", "/page", headers...)
			got, want := strings.Count(resp.body, "x")+strings.Count(resp.body, "y"), 7900*len(headers)
			if resp.StatusCode != 200 || got < want || strings.Contains(resp.body, id) {
				t.Errorf("%d KiB: got %s with %d letters, want %d", kib, resp.Status, got, want)
			}
		}
		for kib, headers := range map[int][]string{
			24: {line, more, more}, 31: {line, more, more, more}, 48: {line, more, more, more, more, more},
			64: {"Cookie: a=" + huge + session}, 128: {"Cookie: a=" + huge, "Cookie: b=" + huge + session}, 256: {"Cookie: a=" + strings.Repeat(huge, 4) + session},
		} {
			before := s.app.got.Load()
			resp := s.send("GET", "/page", headers...)
			letters := strings.Count(resp.body, "x") + strings.Count(resp.body, "y")
			if all := strings.Count(strings.Join(headers, ""), "x") + strings.Count(strings.Join(headers, ""), "y"); resp.StatusCode == 200 && letters < all {
				t.Errorf("%d KiB: got %d letters of %d", kib, letters, all)
			}
			if strings.Contains(resp.body, id) || resp.StatusCode != 200 && s.app.got.Load() != before {
				t.Errorf("%d KiB: got %s %.300s", kib, resp.Status, resp.body)
			}
		}
	})
}

// Clients do not get at what is for the proxy: the answers of /auth/verify and /auth/forward hold what is kept from
// scripts.
func TestChecksAreNotForClients(t *testing.T) {
	everywhere(t, func(t *testing.T, p proxy) {
		s := start(t, p)
		cookie := "Cookie: other=hidden; " + p.cookieName() + "=" + s.signIn(nil)
		said := []string{
			cookie, "X-Forwarded-Method: GET", "X-Forwarded-Uri: /", "X-Forwarded-Host: " + s.site()[strings.LastIndex(s.site(), "/")+1:],
			"X-Forwarded-Proto: " + s.site()[:strings.Index(s.site(), ":")],
		}
		for _, target := range []string{
			"/auth/verify", "/auth/forward", "/auth/forward?with=cookies", "/auth/%66orward?with=cookies", "/auth/./forward", "/x/../auth/forward",
			"/AUTH/forward", "/auth//forward", "/auth/forward/", "/auth%2fforward?with=cookies", "//auth/forward?with=cookies", "/auth/forward-sales?with=cookies",
		} {
			if p.command == nil && target == "/auth/verify" {
				continue // the bridge itself: it is open, and tells who has a session about that one and no cookie
			}
			for _, site := range []string{s.site(), s.bridgeSite()} {
				resp := s.sendTo(site, "GET", target, said...)
				if resp.Header.Get("Remote-User") != "" || resp.Header.Get("Remote-Assertion") != "" || resp.Header.Get("Cookie") != "" {
					t.Errorf("%s%s: got %s %v", site, target, resp.Status, resp.Header)
				}
			}
		}
	})
}

// How the bridge does is for who watches it, and no client's to know: at its own host name, too.
func TestMetricsAreNotForClients(t *testing.T) {
	everywhere(t, func(t *testing.T, p proxy) {
		if p.command == nil {
			p.settings = []string{"METRICS_LISTEN=127.0.0.1:0"} // as the documents ask; serve listens there, which this bridge is not
		}
		s := start(t, p)
		cookie := "Cookie: " + p.cookieName() + "=" + s.signIn(nil)
		for _, target := range []string{
			"/metrics", "/metrics?x", "/metrics/", "/%6detrics", "//metrics", "/./metrics", "/auth/../metrics", "/METRICS", "/metrics;x", "/metrics%3f",
			s.bridgeSite() + "/metrics", "/readyz", "/%72eadyz", "//readyz", "/auth/../readyz", s.bridgeSite() + "/readyz",
		} {
			if p.command == nil && strings.Contains(target, "readyz") {
				continue // for a balancer
			}
			for _, site := range []string{s.site(), s.bridgeSite()} {
				for _, more := range []string{"Accept: */*", cookie} {
					before := s.app.got.Load()
					resp := s.sendTo(site, "GET", target, more)
					if strings.Contains(resp.body, "ssobridge_") || resp.StatusCode == 200 && s.app.got.Load() == before && resp.body != "" {
						t.Errorf("%s%s: got %s %.300s", site, target, resp.Status, resp.body)
					}
				}
			}
		}
	})
}

// A browser is sent to sign in and back to the very page; the rest gets 401; groups count; a session that ended ends
// here; without a bridge no one gets in.
func TestCourse(t *testing.T) {
	for _, p := range doors(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, p)
			const page, want = "/a/b%20c?x=1&y=%2F%2F", "/auth/sso?redirect=%2Fa%2Fb%2520c%3Fx%3D1%26y%3D%252F%252F"
			if resp := s.send("GET", page, "Accept: text/html"); resp.StatusCode != 302 || strings.TrimPrefix(resp.Header.Get("Location"), s.site()) != want {
				t.Errorf("browser: got %s to %q, want 302 to %q", resp.Status, resp.Header.Get("Location"), want)
			}
			for name, h := range map[string]string{"program": "Accept: */*", "script": "Sec-Fetch-Mode: cors"} {
				if resp := s.send("GET", page, h); resp.StatusCode != 401 {
					t.Errorf("%s: got %s, want 401", name, resp.Status)
				}
			}
			if resp := s.send("POST", page, "Accept: text/html", "Content-Length: 0"); resp.StatusCode != 401 {
				t.Errorf("POST: got %s, want 401", resp.Status)
			}
			cookie := "Cookie: ssobridge=" + s.signIn(nil)
			resp := s.send("GET", page, cookie)
			var got report
			if err := json.Unmarshal([]byte(resp.body), &got); err != nil || got.URI != page {
				t.Errorf("signed in: got %s %s, want %s", resp.Status, resp.body, page)
			}
			if resp := s.send("GET", "/sales/x", cookie); resp.StatusCode != 403 {
				t.Errorf("not in the group: got %s, want 403", resp.Status)
			}
			for header, want := range map[string]int{"X-A: b": 200, "X-HTTP-Method-Override: DELETE": 403, "x-method-override: DELETE": 403} { // SECURITY H4
				if resp := s.send("POST", "/things", cookie, header, "Content-Length: 0"); resp.StatusCode != want {
					t.Errorf("%s: got %s, want %d", header, resp.Status, want)
				}
			}
			if resp := s.send("GET", "/public/caf%C3%A9/a%20b", "Accept: text/html"); resp.StatusCode != 200 {
				t.Errorf("a public page: got %s %s, want 200", resp.Status, resp.body)
			}
			s.webSocket(cookie)
			if resp := s.send("POST", "/auth/logout", cookie, "Content-Length: 0"); resp.StatusCode != 303 && resp.StatusCode != 302 && resp.StatusCode != 200 {
				t.Errorf("sign out: got %s %s", resp.Status, resp.body)
			}
			if resp := s.send("GET", page, cookie); resp.StatusCode != 401 { // SECURITY D4
				t.Errorf("signed out: got %s, want 401", resp.Status)
			}
			if p.command == nil {
				return
			}
			cookie = "Cookie: ssobridge=" + s.signIn(nil)
			before := s.app.got.Load()
			s.stop() // SECURITY L4
			if resp := s.send("GET", page, cookie); resp.StatusCode/100 == 2 || s.app.got.Load() != before {
				t.Errorf("without a bridge: got %s %s", resp.Status, resp.body)
			}
		})
	}
}

// webSocket says something through the proxy and hears it again.
func (s *stack) webSocket(cookie string) {
	s.t.Helper()
	s.webSocketAfter(cookie, 0)
}

// webSocketAfter is webSocket, where there is silence first.
func (s *stack) webSocketAfter(cookie string, silence time.Duration) {
	t := s.t
	t.Helper()
	conn, err := s.dial(s.site())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(silence + 10*time.Second))
	fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: %s\r\n%s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n", s.site()[strings.LastIndex(s.site(), "/")+1:], cookie)
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Errorf("WebSocket: got %v, %v", resp, err)
		return
	}
	time.Sleep(silence)
	fmt.Fprint(conn, "hello")
	got := make([]byte, 5)
	if _, err := io.ReadFull(in, got); err != nil || string(got) != "hello" {
		t.Errorf("WebSocket: heard %q, %v", got, err)
	}
}

// SECURITY H3: in a connection that becomes anything but a WebSocket ("h2c smuggling") requests would reach the app with
// identity headers of the client's own.
func TestNoTunnel(t *testing.T) {
	for _, p := range doors(t) {
		t.Run(p.name, func(t *testing.T) {
			s := start(t, p)
			cookie := "Cookie: ssobridge=" + s.signIn(nil)
			for _, protocol := range []string{"h2c", "H2C", "h2c, websocket", "websocket, h2c", "foo", "h2c\r\nUpgrade: websocket"} {
				resp := s.send("GET", "/tunnel", cookie, "Connection: Upgrade, HTTP2-Settings", "Upgrade: "+protocol, "HTTP2-Settings: AAMAAABk")
				if resp.StatusCode == 0 || resp.StatusCode == 101 && resp.Header.Get("Upgrade") != "websocket" {
					t.Errorf("%q: got %s", protocol, resp.Status)
				}
			}
			s.webSocket(cookie)
		})
	}
}

// A person about whom the identity provider says much still gets in: proxies bound the headers of answers.
func TestManyAttributes(t *testing.T) {
	for _, p := range doors(t) {
		t.Run(p.name, func(t *testing.T) {
			s := start(t, p)
			for _, n := range []int{1000, 2500, 4000, 5000} {
				cookie := "Cookie: ssobridge=" + s.signIn(map[string]any{"a": strings.Repeat("a", n/2), "b": strings.Repeat("b", n/2)})
				if resp := s.send("GET", "/page", cookie); resp.StatusCode != 200 {
					t.Errorf("%d bytes: got %s", n, resp.Status)
				}
			}
		})
	}
}
