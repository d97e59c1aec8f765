package server_test

import (
	"strings"
	"testing"
)

// doors are both ways to ask for a page behind ACCESS_RULES, of one browser: target as it stands in the request line.
func doors(b *bridge, c *browser) map[string]func(method, target string, headers ...string) int {
	return map[string]func(method, target string, headers ...string) int{
		"/auth/forward": func(method, target string, headers ...string) int {
			return c.get("/auth/forward", asked(b, method, target, headers...)...).StatusCode
		},
		"UPSTREAM": func(method, target string, headers ...string) int {
			resp, conn, _ := b.raw("%s %s HTTP/1.1\n%s\n\n", method, target, strings.Join(append(headers, "Host: x", "Cookie: ssobridge="+c.cookie()), "\n"))
			conn.Close()
			return resp.StatusCode
		},
	}
}

// SECURITY H4: a path that apps read in several ways is denied, signed in or not, and the others are the page they name.
func TestAmbiguousPaths(t *testing.T) {
	b := start(t, "UPSTREAM="+app(t).URL, "TRUSTED_PROXIES=127.0.0.1", "FORWARD_AUTH=true",
		`ACCESS_RULES=[{"path":"/public","allow":"public"},{"path":"/wiki/open","allow":"signed_in"},{"path":"/wiki","allow":["Administrators"]}]`)
	ann, anyone := b.browser(), b.browser()
	ann.signIn(nil)
	denied := []string{
		"/public/%c0%ae%c0%ae/page", "/public/%c0%af..%c0%afpage", "/public/%e0%80%af", "/public/%f8%80%80%80%ae", "/public/%ff", "/public/caf%e9", "/public/%ed%a0%80",
		"/public/%u002e%u002e/page", "/public/%uff0e", "/public/%2", "/public/%%32%65",
		"/public/%2e%2e/page", "/public/.%2E/page", "/public/../page", "/public/./page", "/public/...", "/public/..%20/page", "/public/%20/page",
		"/public/%5c..%5cpage", `/public/\..\page`, "/public/..%2fpage", "/public//page", "//public/page", "/public//",
		"/public;/page", "/public;x=1", "/public/..;/page", "/public%3b/page", "/public/%23", "/public/%3f", "/public/%252e%252e/page", "/public/%25",
		"/public/%00", "/public/%00.css", "/public/%0a", "/public/%0d%0aX", "/public/%0b", "/public/%1f", "/public/%7f", "/public/%c2%85",
	}
	for name, door := range doors(b, ann) {
		for _, target := range denied {
			if got := door("GET", target); got/100 != 4 || got == 401 { // Go's server answers 400 to broken escapes
				t.Errorf("%s of %s: got %d, want it denied", target, name, got)
			}
		}
		for target, want := range map[string]int{
			"/public/caf%C3%A9": 200, "/public/a%20b.pdf": 200, "/public/%E6%97%A5%E6%9C%AC": 200, "/public/%70age": 200, "/page/caf%C3%A9": 200,
			"/public/a,b:c@d=e&f+g~h!i*(j)'$": 200, "/public/?a=..%2f;b//%c0%ae": 200, "/public/Acme_Inc.": 200, "/public/a..b/.c": 200,
			// Not the page that everyone signed in may see, to most apps.
			"/wiki/open/x": 200, "/wiki/OPEN/x": 403, "/wiki/open./x": 403, "/wiki/open%20": 403, "/WIKI./x": 403, "/wiki%20/x": 403,
		} {
			if got := door("GET", target); got != want {
				t.Errorf("%s of %s: got %d, want %d", target, name, got, want)
			}
		}
	}
	for name, door := range doors(b, anyone) {
		for _, target := range denied {
			if got := door("GET", target); got/100 != 4 || got == 401 {
				t.Errorf("%s of %s, signed out: got %d, want it denied", target, name, got)
			}
		}
		for target, want := range map[string]int{
			"/public/caf%C3%A9": 200, "/public": 200, "/public./page": 401, "/PUBLIC/page": 401, "/public%20": 401, "/publicity": 401,
		} {
			if got := door("GET", target); got != want {
				t.Errorf("%s of %s, signed out: got %d, want %d", target, name, got, want)
			}
		}
	}
	// Other forms of a request target (RFC 9112 §3.2). What a proxy says is a path.
	for target, want := range map[string]int{"*": 403, "http://public.example/public": 403} {
		if got := doors(b, ann)["/auth/forward"]("GET", target); got != want {
			t.Errorf("%s of /auth/forward: got %d, want %d", target, got, want)
		}
	}
	for target, want := range map[string]int{"*": 403, "http:public": 403, "http://any.example/public/x": 200, "http://any.example/public/%c0%ae": 403, "http://any.example/page": 401} {
		if got := doors(b, anyone)["UPSTREAM"]("GET", target); got != want {
			t.Errorf("%s of UPSTREAM: got %d, want %d", target, got, want)
		}
	}
}

// SECURITY H4: a rule for one method is not passed by a header that makes the app take another.
func TestMethodOverride(t *testing.T) {
	settings := `ACCESS_RULES=[{"path":"/things","methods":["DELETE","PUT"],"allow":["Administrators"]},{"path":"/read","methods":["GET"],"allow":"public"},{"path":"/open","allow":"public"}]`
	b := start(t, "UPSTREAM="+app(t).URL, "TRUSTED_PROXIES=127.0.0.1", "FORWARD_AUTH=true", settings)
	ann, anyone := b.browser(), b.browser()
	ann.signIn(nil)
	for _, tt := range []struct {
		method, target string
		plain, with    int // with such a header
		who            *browser
	}{
		{"POST", "/things/1", 200, 403, ann},
		{"GET", "/things/1", 200, 403, ann},
		{"DELETE", "/things/1", 403, 403, ann},
		{"GET", "/THINGS./1", 200, 403, ann},
		{"GET", "/read/x", 200, 403, anyone},
		{"POST", "/read/x", 401, 403, anyone},
		{"POST", "/open/x", 200, 200, anyone}, // no rule names methods here
		{"POST", "/page", 200, 200, ann},
		{"POST", "/page", 401, 401, anyone},
	} {
		for name, door := range doors(b, tt.who) {
			if got := door(tt.method, tt.target); got != tt.plain {
				t.Errorf("%s %s of %s: got %d, want %d", tt.method, tt.target, name, got, tt.plain)
			}
			for _, h := range []string{"X-HTTP-Method-Override: DELETE", "X-HTTP-Method: PUT", "x-method-override: POST", "X_HTTP_Method_Override: DELETE", "X.Http.Method: GET", "X-Http-Method-Override: "} {
				if got := door(tt.method, tt.target, h); got != tt.with {
					t.Errorf("%s %s of %s with %s: got %d, want %d", tt.method, tt.target, name, h, got, tt.with)
				}
				if tt.with == 403 && tt.plain != 403 && !strings.Contains(lastLine(b), "ACCESS_RULES name methods") {
					t.Errorf("logged %s", lastLine(b))
				}
			}
		}
	}
	if got := ann.send("POST", "/auth/verify", "", "X-HTTP-Method-Override: GET").StatusCode; got != 405 {
		t.Errorf("POST /auth/verify: got %d, want 405", got)
	}
	free := start(t, "UPSTREAM="+app(t).URL)
	c := free.browser()
	c.signIn(nil)
	if got := c.send("POST", "/things/1", "", "X-HTTP-Method-Override: DELETE").StatusCode; got != 200 {
		t.Errorf("without rules: got %d, want 200", got)
	}
}
