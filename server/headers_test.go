package server_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
)

// What proxies ask, and what is refused in front of an app, has the headers of every other answer. SECURITY L1
func TestEveryDoor(t *testing.T) {
	app := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			panic(http.ErrAbortHandler)
		}
		if r.URL.Path == "/hints" {
			w.Header().Set("Link", "</a.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			panic(http.ErrAbortHandler)
		}
	}
	b := behind(t, app, "SITE_URL=https://bridge.example.com", "TRUSTED_PROXIES=127.0.0.1", "FORWARD_AUTH=true")
	c := b.browser()
	session := "Authorization: Bearer " + c.openAPISession(nil)
	ask := func(more ...string) []string {
		return append([]string{"X-Forwarded-Method: GET", "X-Forwarded-Proto: https", "X-Forwarded-Host: bridge.example.com", "X-Forwarded-Uri: /x"}, more...)
	}
	for _, tt := range []struct {
		method, path string
		headers      []string
		want         int
	}{
		{"GET", "/auth/verify", []string{session}, 200},
		{"HEAD", "/auth/verify", []string{session}, 200},
		{"GET", "/auth/verify", nil, 401},
		{"GET", "/auth/verify?group=Administrators", []string{session}, 403},
		{"GET", "/auth/verify?what=this", []string{session}, 403},
		{"POST", "/auth/verify", []string{session}, 405},
		{"GET", "/auth/forward", ask(session), 200},
		{"GET", "/auth/forward", ask("Accept: text/html"), 302},
		{"GET", "/auth/forward", ask(), 401},
		{"GET", "/auth/forward?group=Administrators", ask(session), 403},
		{"GET", "/auth/forward", nil, 403},
		{"TRACE", "/auth/forward", nil, 405},
		{"GET", "/x", nil, 401},
		{"GET", "/x", []string{"Accept: text/html"}, 302},
		{"GET", "/broken", []string{session}, 502},
		{"GET", "/hints", []string{session}, 502},
	} {
		resp := c.send(tt.method, tt.path, "", tt.headers...)
		if resp.StatusCode != tt.want {
			t.Errorf("%s %s %v: got %d, want %d", tt.method, tt.path, tt.headers, resp.StatusCode, tt.want)
		}
		resp.wantSecurityHeaders(t, tt.method+" "+tt.path)
		if resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Vary") != "Cookie, Authorization" { // SECURITY H6
			t.Errorf("%s %s: got Cache-Control %q, Vary %q", tt.method, tt.path, resp.Header["Cache-Control"], resp.Header["Vary"])
		}
	}
}

// openAPISession signs in as a program does, and returns the session.
func (c *browser) openAPISession(with claims) string {
	c.b.t.Helper()
	resp := c.send("POST", "/auth/sso/to_session", "application/json\n"+`{"jwt":"`+c.b.token(with)+`"}`)
	_, rest, _ := strings.Cut(resp.body, `"session_token":"`)
	id, _, ok := strings.Cut(rest, `"`)
	if !ok {
		c.b.t.Fatalf("to_session: got %d %s", resp.StatusCode, resp.body)
	}
	return id
}

// An app's answer is the app's: of ours there is the request's id alone, where the app gives none.
func TestAppKeepsItsHeaders(t *testing.T) {
	b := behind(t, func(w http.ResponseWriter, r *http.Request) {
		if id := r.URL.Query().Get("id"); id != "" {
			w.Header().Set("X-Request-Id", id)
		}
		w.Header().Set("Content-Security-Policy", "default-src app")
		if r.URL.Path == "/hints" {
			w.WriteHeader(http.StatusEarlyHints)
		}
	}, `ACCESS_RULES=[{"path":"/","allow":"public"}]`)
	c := b.browser()
	for path, want := range map[string]string{"/": "given-0001", "/hints": "given-0001", "/?id=of-the-app": "of-the-app"} {
		resp := c.get(path, "X-Request-Id: given-0001")
		if got := resp.Header["X-Request-Id"]; !slices.Equal(got, []string{want}) {
			t.Errorf("%s: X-Request-Id is %q, want %q", path, got, want)
		}
		if got := resp.Header["Content-Security-Policy"]; !slices.Equal(got, []string{"default-src app"}) {
			t.Errorf("%s: Content-Security-Policy is %q, want the app's", path, got)
		}
		for _, name := range []string{"X-Frame-Options", "Referrer-Policy", "Cache-Control", "Vary", "Permissions-Policy", "X-Content-Type-Options"} {
			if got := resp.Header[name]; got != nil {
				t.Errorf("%s: %s is %q, want none: the app sent none", path, name, got)
			}
		}
	}
}

// A harmless request id of a proxy in front is kept, whatever the way; another is not.
func TestRequestID(t *testing.T) {
	b := behind(t, func(http.ResponseWriter, *http.Request) {})
	c := b.browser()
	for _, path := range []string{"/healthz", "/auth/verify", "/auth/forward", "/x", "/auth/nothing"} {
		if got := c.get(path, "X-Request-Id: 0123-abcd_EF").Header["X-Request-Id"]; !slices.Equal(got, []string{"0123-abcd_EF"}) {
			t.Errorf("%s: got %q, want the one that was sent", path, got)
		}
		for _, odd := range []string{"short", strings.Repeat("x", 65), "with a space", `<script>alert(1)</script>`, "jwt=eyJhbGciOi"} {
			if got := c.get(path, "X-Request-Id: "+odd).Header["X-Request-Id"]; len(got) != 1 || got[0] == odd || len(got[0]) != 16 {
				t.Errorf("%s with %q: got %q, want a new one", path, odd, got)
			}
		}
	}
}

// HEAD answers as GET does on every route, without content (RFC 9110 §9.3.2).
func TestHeadAnswersAsGet(t *testing.T) {
	for _, settings := range [][]string{nil, {"ENABLE_PASSWORD_LOGIN=false"}, {"JWT_ENABLED=false"}} {
		b := start(t, settings...)
		paths := []string{"/nothing", "/auth/nothing", "/auth/verify", "/login?redirect=/x", "/auth/sso?redirect=/x", "/auth/sso?redirect=//evil.example", "/auth/confirm?return_to=/x"}
		for _, route := range b.srv.Routes() {
			if path, ok := strings.CutPrefix(route, "GET "); ok {
				paths = append(paths, strings.ReplaceAll(path, "*", "app.css"))
			}
		}
		signedIn, signedOut := b.browser(), b.browser()
		if settings == nil {
			b.root()
			signedIn.password("root@example.com", goodPassword).want(t, 303, "/")
		}
		for who, c := range map[string]*browser{"signed in": signedIn, "signed out": signedOut} {
			for _, path := range paths {
				for _, accept := range []string{"*/*", "text/html", "application/json"} {
					get, head := c.get(path, "Accept: "+accept), c.send("HEAD", path, "", "Accept: "+accept)
					if get.StatusCode != head.StatusCode || head.body != "" {
						t.Errorf("%s, %s, %s: HEAD got %d with %d bytes, GET %d", path, who, accept, head.StatusCode, len(head.body), get.StatusCode)
					}
					for _, resp := range []response{get, head} {
						for _, own := range []string{"Date", "X-Request-Id"} {
							resp.Header.Del(own)
						}
						for i, cookie := range resp.Header["Set-Cookie"] { // what is sealed is another text each time
							name, _, _ := strings.Cut(cookie, "=")
							resp.Header["Set-Cookie"][i] = name
						}
					}
					if head.Header.Get("Content-Length") == "" || get.Header.Get("Content-Length") == "" { // of a long answer it need not be known
						head.Header.Del("Content-Length")
						get.Header.Del("Content-Length")
					}
					if !maps.EqualFunc(get.Header, head.Header, slices.Equal) {
						t.Errorf("%s, %s, %s: HEAD got\n%v\nGET\n%v", path, who, accept, head.Header, get.Header)
					}
				}
			}
		}
	}
}

// HEAD signs nobody in, uses nothing up, and leaves no event. SECURITY C7
func TestHeadUsesNothingUp(t *testing.T) {
	b := start(t, "JWT_BINDING=off")
	c := b.browser()
	path := "/auth/sso?jwt=" + b.token(nil)
	for range 3 {
		if resp := c.send("HEAD", path, ""); resp.StatusCode != 200 || len(resp.Cookies()) > 0 {
			t.Errorf("a token: got %d, cookies %v", resp.StatusCode, resp.Cookies())
		}
		c.send("HEAD", "/auth/sso?jwt=garbage", "")
		c.send("HEAD", "/auth/sso?error=access_denied&state=x", "")
	}
	if list, _, err := b.store.Events(t.Context(), sso.EventQuery{}); err != nil || len(list) > 0 || b.sessions() != 0 {
		t.Errorf("got %d events and %d sessions (%v), want none", len(list), b.sessions(), err)
	}
	c.get(path).want(t, 302, "/")
	kept := c.send("POST", "/auth/sso", form("jwt", b.token(claims{"email": "ann@example.com", "jti": "2"})), crossPost...).Header.Get("Location")
	c.send("HEAD", kept, "").want(t, 200, "")
	c.get(kept).want(t, 302, "/")
}
