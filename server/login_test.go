package server_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

func TestSignInByRedirect(t *testing.T) {
	b := start(t)
	c := b.browser()
	resp := c.get("/auth/sso?redirect=" + url.QueryEscape("/question/1?x=1&y=%2F%2F#f"))
	// SECURITY B7: one parameter, from which nothing escapes.
	resp.want(t, 302, "https://idp.example/login?from=bridge&return_to=%2Fquestion%2F1%3Fx%3D1%26y%3D%252F%252F%23f")

	resp = c.get("/auth/sso?jwt=" + b.token(nil) + "&return_to=" + url.QueryEscape("/question/1?x=1&y=%2F%2F#f"))
	resp.want(t, 302, "/question/1?x=1&y=%2F%2F#f")
	for _, h := range []struct{ name, want string }{ // SECURITY B5
		{"Cache-Control", "no-store"}, {"Referrer-Policy", "no-referrer"},
	} {
		if got := resp.Header.Get(h.name); got != h.want {
			t.Errorf("%s: got %q, want %q", h.name, got, h.want)
		}
	}
	u := c.who()
	for k, want := range map[string]any{
		"email": "ann@example.com", "first_name": "Ann", "last_name": "Lee", "common_name": "Ann Lee", "is_superuser": false,
		"is_active": true, "sso_source": "jwt",
	} {
		if u[k] != want {
			t.Errorf("%s: got %v, want %v", k, u[k], want)
		}
	}
	if got := fmt.Sprint(u["group_ids"], u["groups"]); got != "[1] [map[id:1 name:All Users]]" {
		t.Errorf("groups: got %s", got)
	}
	e := b.lastEvent()
	if e.Kind != sso.EventSignIn || e.Email != "ann@example.com" || e.Provider != "jwt" || e.AccountID == 0 || e.Reference == "" {
		t.Errorf("event: got %+v", e)
	}
}

// Every way a token can come, and what it is answered with.
func TestWaysIn(t *testing.T) {
	b := start(t, "CORS_ORIGINS=https://app.example")
	tests := []struct {
		name    string
		send    func(c *browser, token string) response
		status  int
		to      string
		body    string // a part of the answer
		session bool   // by cookie
	}{
		{"GET", func(c *browser, tok string) response { return c.get("/auth/sso?jwt=" + tok) }, 302, "/", "", true},
		{"GET return_to", func(c *browser, tok string) response { return c.get("/auth/sso?jwt=" + tok + "&return_to=/a") }, 302, "/a", "", true},
		{"GET redirect", func(c *browser, tok string) response { return c.get("/auth/sso?jwt=" + tok + "&redirect=/a") }, 302, "/a", "", true},
		{"POST form", func(c *browser, tok string) response {
			return c.send("POST", "/auth/sso", form("jwt", tok, "return_to", "/a"))
		}, 303, "/a", "", true}, // SECURITY B6: never 307 or 308, which would post the token on
		{"POST form, return_to in the query", func(c *browser, tok string) response {
			return c.send("POST", "/auth/sso?return_to=/a", form("jwt", tok))
		}, 303, "/a", "", true},
		{"POST JSON", func(c *browser, tok string) response {
			return c.send("POST", "/auth/sso?return_to=/a", "application/json\n"+`{"jwt":"`+tok+`"}`)
		}, 303, "/a", "", true},
		{"GET SDK", func(c *browser, tok string) response {
			return c.get("/auth/sso?jwt="+tok, "X-Metabase-Client: embedding-sdk-react")
		}, 200, "", `"status":"ok"`, false},
		{"GET simple", func(c *browser, tok string) response {
			return c.get("/auth/sso?jwt="+tok, "X-Metabase-Client: embedding-simple")
		}, 200, "", `"status":"ok"`, false},
		{"GET Accept JSON", func(c *browser, tok string) response {
			return c.get("/auth/sso?jwt="+tok, "Accept: application/json")
		}, 200, "", `"status":"ok"`, false},
		{"POST JSON, SDK, other origin", func(c *browser, tok string) response {
			return c.send("POST", "/auth/sso", "application/json\n"+`{"jwt":"`+tok+`"}`, "X-Metabase-Client: embedding-sdk-react",
				"Origin: https://app.example", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors")
		}, 200, "", `"status":"ok"`, false},
		{"to_session", func(c *browser, tok string) response {
			return c.send("POST", "/auth/sso/to_session", "application/json\n"+`{"jwt":"`+tok+`"}`)
		}, 200, "", `"session_token":"`, false},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := b.browser()
			email := fmt.Sprintf("p%d@example.com", i)
			resp := tt.send(c, b.token(claims{"email": email, "iat": b.Now().Unix()}))
			resp.want(t, tt.status, tt.to)
			if !strings.Contains(resp.body, tt.body) {
				t.Errorf("body: got %q, want %q in it", resp.body, tt.body)
			}
			if got := len(resp.Cookies()) > 0; got != tt.session {
				t.Errorf("cookie: got %v, want %v", got, tt.session)
			}
			if tt.session {
				if got := c.email(); got != email {
					t.Errorf("signed in as %q, want %q", got, email)
				}
				return
			}
			var answer struct {
				ID    string `json:"id"`
				Token string `json:"session_token"`
				Exp   *int64 `json:"exp"`
				Iat   *int64 `json:"iat"`
			}
			if err := json.Unmarshal([]byte(resp.body), &answer); err != nil {
				t.Fatal(err)
			}
			if answer.Token == "" && (answer.Exp == nil || *answer.Iat != b.Now().Unix()) {
				t.Errorf("exp and iat: got %s", resp.body)
			}
			for _, h := range []string{"X-Metabase-Session: ", "Authorization: Bearer "} {
				if got := c.who(h + answer.ID + answer.Token); got["email"] != email {
					t.Errorf("%s: got %v, want %s", h, got, email)
				}
			}
		})
	}
}

func TestEmbeddingClientWithoutToken(t *testing.T) {
	b := start(t, "CORS_ORIGINS=https://app.example")
	c := b.browser()
	for _, h := range []string{"X-Metabase-Client: embedding-sdk-react", "X-Metabase-Client: embedding-simple", "Accept: application/json"} {
		resp := c.get("/auth/sso", h, "Origin: https://app.example")
		if want := `{"method":"jwt","url":"https://idp.example/login?from=bridge"}`; resp.StatusCode != 200 || strings.TrimSpace(resp.body) != want {
			t.Errorf("%s: got %d %s, want %s", h, resp.StatusCode, resp.body, want)
		}
		if got := resp.Header.Get("Access-Control-Allow-Origin"); got != "https://app.example" {
			t.Errorf("CORS: got %q", got)
		}
	}
	for origin, want := range map[string]string{"https://app.example": "https://app.example", "https://evil.example": "", "null": "", "https://app.example.evil": ""} {
		resp := c.send("OPTIONS", "/auth/sso", "", "Origin: "+origin, "Access-Control-Request-Method: GET")
		if got := resp.Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("preflight from %s: got %q, want %q", origin, got, want)
		}
		if resp.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("preflight from %s allows credentials", origin)
		}
	}
}

// The table of refusals: status and words, in the form that the client reads.
func TestRefusals(t *testing.T) {
	b := start(t)
	past := b.Now().Add(-time.Hour).Unix()
	tests := []struct {
		code    sso.Code
		path    string
		status  int
		message string
	}{
		{sso.ReturnToRefused, "/auth/sso?return_to=//evil.example", 400, "Invalid redirect URL"},
		{sso.ReturnToRefused, "/auth/sso?jwt=" + b.token(nil) + "&return_to=//evil.example", 400, "Invalid redirect URL"},
		{sso.RequestMalformed, "/auth/sso?jwt=a&jwt=b", 400, "The request is not one this page understands"},
		{sso.RequestMalformed, "/auth/sso?return_to=/a&return_to=/b", 400, "The request is not one this page understands"},
		{sso.RequestMalformed, "/auth/sso?return_to=/a&redirect=/b", 400, "The request is not one this page understands"},
		{sso.TokenMalformed, "/auth/sso?jwt=a.b", 401, "Message seems corrupt or manipulated"},
		{sso.TokenSignature, "/auth/sso?jwt=" + forged(b.token(nil)), 401, "Message seems corrupt or manipulated"},
		{sso.TokenExpired, "/auth/sso?jwt=" + b.token(claims{"exp": past}), 401, fmt.Sprintf("Token is expired (%d)", past)},
		{sso.TokenNotYetValid, "/auth/sso?jwt=" + b.token(claims{"nbf": past + 7200}), 401, fmt.Sprintf("Token is not yet valid (%d)", past+7200)},
		{sso.TokenTooOld, "/auth/sso?jwt=" + b.token(claims{"iat": b.Now().Unix() - 211}), 401, "Token is older than max-age (180)"},
		{sso.TokenFromFuture, "/auth/sso?jwt=" + b.token(claims{"iat": b.Now().Unix() + 31}), 401, "Token is from the future"},
		{sso.TokenUnbounded, "/auth/sso?jwt=" + b.token(claims{"exp": nil}), 401, "Token has no acceptable time limit"},
		{sso.TokenEmailMissing, "/auth/sso?jwt=" + b.token(claims{"email": nil}), 401, "JWT token missing email claim"},
		{sso.TokenEmailInvalid, "/auth/sso?jwt=" + b.token(claims{"email": "a@evil.example@good.example"}), 401, "JWT token has an invalid email claim"},
	}
	for _, tt := range tests {
		t.Run(string(tt.code), func(t *testing.T) {
			c := b.browser()
			plain := c.get(tt.path)
			if plain.StatusCode != tt.status || plain.body != tt.message || !strings.HasPrefix(plain.Header.Get("Content-Type"), "text/plain") {
				t.Errorf("plain: got %d %q (%s), want %d %q", plain.StatusCode, plain.body, plain.Header.Get("Content-Type"), tt.status, tt.message)
			}
			asJSON := c.get(tt.path, "Accept: application/json")
			var p map[string]any
			if err := json.Unmarshal([]byte(asJSON.body), &p); err != nil {
				t.Fatalf("%v in %q", err, asJSON.body)
			}
			if p["code"] != string(tt.code) || p["status"] != float64(tt.status) || p["message"] != tt.message || p["reference"] == "" ||
				asJSON.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("JSON: got %v", p)
			}
			page := c.get(tt.path, "Accept: text/html")
			ref := b.reference(tt.code)
			if page.StatusCode != tt.status || !strings.Contains(page.body, ref) {
				t.Errorf("page: got %d; reference %q in it: %v", page.StatusCode, ref, strings.Contains(page.body, ref))
			}
			for _, secret := range []string{"evil.example", "kid", "iat", "jwt=", "example.com"} { // SECURITY K3
				if strings.Contains(page.body, secret) {
					t.Errorf("the page says %q", secret)
				}
			}
			if c.who() != nil || b.sessions() != 0 {
				t.Error("a session was opened")
			}
		})
	}
	log := b.log.String() // SECURITY K1
	if strings.Contains(log, "eyJ") || strings.Contains(log, "jwt=") || strings.Contains(log, secret) {
		t.Error("the log has a token, a query or a secret")
	}
}

// forged changes what a token says and keeps its signature.
func forged(tok string) string {
	header, rest, _ := strings.Cut(tok, ".")
	_, signature, _ := strings.Cut(rest, ".")
	return header + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"email":"root@example.com","exp":9999999999}`)) + "." + signature
}

// reference finds the reference of the newest log line of a code.
func (b *bridge) reference(code sso.Code) string {
	lines := strings.Split(strings.TrimSpace(b.log.String()), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if _, rest, ok := strings.Cut(lines[i], "code="+string(code)+" reference="); ok {
			ref, _, _ := strings.Cut(rest, " ")
			return ref
		}
	}
	b.t.Fatalf("no log line with code %s in %s", code, b.log)
	return ""
}

func TestDisabled(t *testing.T) {
	b := start(t, "JWT_IDENTITY_PROVIDER_URI=", "JWT_SHARED_SECRET=")
	c := b.browser()
	for _, path := range []string{"/auth/sso", "/auth/sso?jwt=x", "/auth/sso?redirect=/a"} {
		if resp := c.get(path); resp.StatusCode != 400 || resp.body != "SSO has not been enabled and/or configured" {
			t.Errorf("%s: got %d %q", path, resp.StatusCode, resp.body)
		}
	}
	if resp := c.get("/", "Accept: text/html"); resp.StatusCode != 200 || !strings.Contains(resp.body, "JWT_IDENTITY_PROVIDER_URI") {
		t.Errorf("the start page does not say what to set: %d %s", resp.StatusCode, resp.body)
	}
}

// SECURITY C1: 100 parallel presentations, on two replicas, open one session.
func TestOneTokenOpensOneSession(t *testing.T) {
	t.Parallel()
	b := start(t)
	replica := startOn(t, b, "SITE_URL="+b.url)
	tok := b.token(nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for i := range 100 {
		c := []*bridge{b, replica}[i%2].browser()
		wg.Go(func() {
			resp := c.get("/auth/sso?jwt=" + tok)
			mu.Lock()
			statuses[resp.StatusCode]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if statuses[302] != 1 || statuses[401] != 99 || b.sessions() != 1 {
		t.Errorf("got %v and %d sessions, want one 302, 99 times 401, one session", statuses, b.sessions())
	}
}

// SECURITY C2: neither a line end nor an ES256 twin: the proof is made from what was signed. Here the line end.
func TestReplayInDisguise(t *testing.T) {
	b := start(t)
	tok := b.token(claims{"jti": "one"})
	b.browser().get("/auth/sso?jwt="+tok).want(t, 302, "/")
	for name, again := range map[string]string{"same": tok, "line end": tok + "%0A", "blank": tok + "%20", "same jti, other content": b.token(claims{"jti": "one", "x": 1})} {
		c := b.browser()
		if resp := c.get("/auth/sso?jwt=" + again); resp.StatusCode != 401 || c.who() != nil {
			t.Errorf("%s: got %d", name, resp.StatusCode)
		}
	}
	if got := b.sessions(); got != 1 {
		t.Errorf("got %d sessions, want 1", got)
	}
}

// A reload or the back button is no attack, even when the token has expired meanwhile.
func TestReloadGoesOn(t *testing.T) {
	b := start(t)
	c, path := b.browser(), "/auth/sso?return_to=/a&jwt="+b.token(nil)
	c.get(path).want(t, 302, "/a")
	b.Pass(20 * time.Minute)
	resp := c.get(path)
	resp.want(t, 302, "/a")
	if len(resp.Cookies()) != 0 || b.sessions() != 1 {
		t.Errorf("got %d cookies, %d sessions, want none and 1", len(resp.Cookies()), b.sessions())
	}
	other := b.browser()
	other.get(path).want(t, 401, "")
	c.send("POST", "/auth/logout", form())
	c.get(path).want(t, 401, "") // the session is over: now it is a replay
}

func TestReplayIsNamed(t *testing.T) {
	b := start(t)
	path := "/auth/sso?jwt=" + b.token(nil)
	b.browser().get(path)
	b.browser().get(path).want(t, 401, "")
	if e := b.lastEvent(); e.Kind != sso.EventSignInRefused || e.Code != sso.TokenReplayed || e.Proof == "" || e.Email != "ann@example.com" {
		t.Errorf("event: got %+v", e)
	}
}

// SECURITY C5: an unsolicited token does not silently replace another person.
func TestSwitchingPeopleAsks(t *testing.T) {
	b := start(t)
	c := b.browser()
	c.signIn(nil).want(t, 302, "/")
	tok := b.token(claims{"email": "mallory@example.com", "first_name": "Mal", "last_name": nil})
	page := c.get("/auth/sso?return_to=/a&jwt=" + tok)
	if page.StatusCode != 200 || !strings.Contains(page.body, "ann@example.com") || !strings.Contains(page.body, "mallory@example.com") {
		t.Fatalf("got %d %s, want a page with both names", page.StatusCode, page.body)
	}
	if got := c.email(); got != "ann@example.com" {
		t.Errorf("before agreeing: signed in as %q", got)
	}
	agree := form("jwt", tok, "return_to", "/a", "switch", "yes")
	// An attacker's page cannot agree: from there it comes back to the question.
	forged := c.send("POST", "/auth/sso", agree, "Sec-Fetch-Site: cross-site", "Origin: https://evil.example")
	if back := c.get(forged.Header.Get("Location")); forged.StatusCode != 303 || back.StatusCode != 200 || c.email() != "ann@example.com" {
		t.Errorf("forged agreement: got %d then %d as %q", forged.StatusCode, back.StatusCode, c.email())
	}
	c.send("POST", "/auth/sso", agree, "Sec-Fetch-Site: same-origin").want(t, 303, "/a")
	if got := c.email(); got != "mallory@example.com" {
		t.Errorf("after agreeing: signed in as %q", got)
	}
}

func TestSamePersonAgainDoesNotAsk(t *testing.T) {
	b := start(t)
	c := b.browser()
	c.signIn(nil).want(t, 302, "/")
	first := c.cookie()
	c.signIn(claims{"email": "ANN@example.com"}).want(t, 302, "/")
	if got := c.cookie(); got == first || got == "" { // SECURITY D3
		t.Error("the session id was not renewed")
	}
}

func (c *browser) cookie() string {
	u, _ := url.Parse(c.b.url)
	for _, cookie := range c.Jar.Cookies(u) {
		if cookie.Name == "ssobridge" {
			return cookie.Value
		}
	}
	return ""
}

// SECURITY C7: links are looked at by machines.
func TestLooksDoNotSignIn(t *testing.T) {
	b := start(t)
	path := "/auth/sso?jwt=" + b.token(nil)
	c := b.browser()
	c.send("HEAD", path, "").want(t, 200, "")
	c.get(path, "Sec-Purpose: prefetch").want(t, 503, "")
	c.get(path, "Sec-Purpose: prefetch;prerender").want(t, 503, "")
	c.get(path, "Purpose: prefetch").want(t, 503, "")
	c.get(path, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image", "Sec-Fetch-Site: cross-site").want(t, 403, "")
	c.get(path, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script").want(t, 403, "")
	c.get(path, "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty").want(t, 403, "")
	if b.sessions() != 0 {
		t.Error("a session was opened")
	}
	c.get(path, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document", "Sec-Fetch-Site: cross-site").want(t, 302, "/") // not used up
}

// SECURITY B1, B2, B4, through the front door. The rules are proved in package sso; the oracle over many disguises is in
// cmd/ssobridge/interop.
func TestReturnTo(t *testing.T) {
	b := start(t, "ALLOWED_ORIGINS=https://app.example,https://other.example:8443")
	n := 0
	try := func(value string) response {
		n++
		c := b.browser()
		return c.get("/auth/sso?jwt=" + b.token(claims{"n": n}) + "&return_to=" + url.QueryEscape(value))
	}
	for value, want := range map[string]string{
		"": "/", "/ü?x=1&y=%2F%2F#f": "/%C3%BC?x=1&y=%2F%2F#f", b.url + "/x?y#z": "/x?y#z", "https://APP.example:443/x": "https://app.example/x",
		"https://other.example:8443/x?y": "https://other.example:8443/x?y",
	} {
		try(value).want(t, 302, want)
	}
	for _, value := range []string{"//evil.example", "/\\evil.example", "https://app.example:8443/", "javascript:alert(1)", "/a\r\nX: y"} {
		try(value).want(t, 400, "")
	}
	before := b.sessions()
	c, tok := b.browser(), b.token(claims{"keep": "me"})
	c.get("/auth/sso?jwt="+tok+"&return_to=//evil.example").want(t, 400, "")
	c.get("/auth/sso?jwt="+tok+"&return_to=/fine").want(t, 302, "/fine") // SECURITY B3: not used up
	if got := b.sessions(); got != before+1 {
		t.Errorf("got %d sessions, want %d", got, before+1)
	}
}

// SECURITY B4: twice is refused, wherever.
func TestParametersComeOnce(t *testing.T) {
	b := start(t)
	c, tok := b.browser(), b.token(nil)
	for name, resp := range map[string]response{
		"jwt in query and body":        c.send("POST", "/auth/sso?jwt="+tok, form("jwt", tok)),
		"jwt twice in the body":        c.send("POST", "/auth/sso", form("jwt", tok, "jwt", tok)),
		"jwt twice in JSON":            c.send("POST", "/auth/sso", "application/json\n"+`{"jwt":"`+tok+`","jwt":"`+tok+`"}`),
		"return_to in query and body":  c.send("POST", "/auth/sso?return_to=/a", form("jwt", tok, "return_to", "/a")),
		"return_to and redirect":       c.get("/auth/sso?return_to=/a&redirect=/a&jwt=" + tok),
		"return_to twice":              c.get("/auth/sso?return_to=/a&return_to=/a&jwt=" + tok),
		"JSON that is no object":       c.send("POST", "/auth/sso", "application/json\n"+`["`+tok+`"]`),
		"JSON with a tail":             c.send("POST", "/auth/sso", "application/json\n"+`{"jwt":"`+tok+`"} {}`),
		"another kind of body":         c.send("POST", "/auth/sso", "text/plain\n"+`{"jwt":"`+tok+`"}`),
		"a body too large":             c.send("POST", "/auth/sso", form("jwt", tok, "x", strings.Repeat("x", 70<<10))),
		"jwt that is no string":        c.send("POST", "/auth/sso", "application/json\n"+`{"jwt":7}`),
		"a provider that is not there": c.get("/auth/sso?provider=saml&jwt=" + tok),
	} {
		if resp.StatusCode != 400 {
			t.Errorf("%s: got %d, want 400", name, resp.StatusCode)
		}
	}
	if b.sessions() != 0 {
		t.Error("a session was opened")
	}
	c.get("/auth/sso?preferred_method=jwt&jwt="+tok).want(t, 302, "/")
}

// IdP pages do not always encode what they were given.
func TestCarelessQueries(t *testing.T) {
	b := start(t)
	for i, tt := range []struct{ query, want string }{
		{"return_to=/a;b", "/a;b"}, {"return_to=/100%", "/100%25"}, {"return_to=/a%zz", "/a%25zz"}, {"return_to=/a&y=2;", "/a"},
	} {
		b.browser().get("/auth/sso?"+tt.query+"&jwt="+b.token(claims{"n": i})).want(t, 302, tt.want)
	}
}

// SECURITY B8: nothing that a client says about hosts changes a URL.
func TestHostHeadersChangeNothing(t *testing.T) {
	b := start(t)
	c := b.browser()
	for _, h := range []string{"X-Forwarded-Host: evil.example", "Forwarded: host=evil.example;proto=https", "X-Forwarded-Proto: https", "X-Original-Host: evil.example"} {
		resp := c.get("/auth/sso?redirect=/a", h)
		resp.want(t, 302, "https://idp.example/login?from=bridge&return_to=%2Fa")
	}
	req, _ := http.NewRequest("GET", b.url+"/auth/sso?jwt="+b.token(nil), nil)
	req.Host = "evil.example"
	resp := c.do(req)
	resp.want(t, 302, "/")
	if resp.Cookies()[0].Secure || resp.Cookies()[0].Domain != "" {
		t.Errorf("cookie: got %v", resp.Cookies()[0])
	}
}

// A form on the IdP's page keeps the token out of URLs; browsers send no Lax cookie with it.
func TestPostFromAnotherSite(t *testing.T) {
	b := start(t)
	c, tok := b.browser(), b.token(nil)
	cross := []string{"Sec-Fetch-Site: cross-site", "Origin: https://idp.example", "Sec-Fetch-Mode: navigate", "Accept: text/html"}
	c.send("POST", "/auth/sso", form("jwt", tok, "return_to", "//evil.example"), cross...).want(t, 400, "")
	resp := c.send("POST", "/auth/sso", form("jwt", tok, "return_to", "/a"), cross...)
	next := resp.Header.Get("Location")
	if resp.StatusCode != 303 || !strings.HasPrefix(next, "/auth/sso?handoff=") || strings.Contains(next, "eyJ") {
		t.Fatalf("got %d to %q", resp.StatusCode, next)
	}
	c.get(next, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate").want(t, 302, "/a")
	if got := c.email(); got != "ann@example.com" {
		t.Errorf("signed in as %q", got)
	}
	b.browser().get(next).want(t, 401, "") // good once
}

// SECURITY E2, E8, provisioning, and that the reasons are told apart.
func TestWhoMaySignIn(t *testing.T) {
	b := start(t)
	ctx := t.Context()
	cli := sso.Event{At: b.Now(), Kind: sso.EventAccount, Actor: "cli"}
	if _, err := b.store.CreateAccount(ctx, sso.Account{Email: "root@example.com", Active: true}, "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", []int64{sso.Administrators}, cli); err != nil {
		t.Fatal(err)
	}
	c := b.browser()
	c.signIn(claims{"email": "Root@example.com"}).want(t, 403, "")
	if e := b.lastEvent(); e.Code != sso.LinkRefused {
		t.Errorf("password account: got %+v", e)
	}
	c.signIn(nil).want(t, 302, "/")
	id := int64(c.who()["id"].(float64))
	if err := b.store.SetActive(ctx, id, false, cli); err != nil {
		t.Fatal(err)
	}
	if err := eventually(func() bool { return c.who() == nil }); err != nil { // SECURITY D4
		t.Error("a deactivated person stays signed in")
	}
	c.signIn(claims{"n": 2}).want(t, 403, "")
	if e := b.lastEvent(); e.Code != sso.AccountDisabled {
		t.Errorf("deactivated: got %+v", e)
	}

	closed := startOn(t, b, "JWT_USER_PROVISIONING_ENABLED=false", "SITE_NAME=Acme")
	resp := closed.browser().signIn(claims{"email": "new@example.com"})
	if want := "Sorry, but you'll need a Acme account to view this page. Please contact your administrator."; resp.StatusCode != 401 || resp.body != want {
		t.Errorf("provisioning off: got %d %q", resp.StatusCode, resp.body)
	}
	if resp := closed.browser().signIn(claims{"n": 3}); resp.StatusCode != 403 {
		t.Errorf("provisioning off, deactivated: got %d", resp.StatusCode)
	}
	lenient := startOn(t, b, "JWT_PROFILE=metabase")
	lenient.browser().signIn(claims{"n": 4}).want(t, 302, "/") // Metabase's way: back by signing in
}

// Pages written for Metabase send times that only its profile takes.
func TestTimesAsMetabaseTakesThem(t *testing.T) {
	b := start(t)
	lenient := startOn(t, b, "JWT_PROFILE=metabase")
	for name, with := range map[string]claims{
		"nbf null": {"nbf": json.RawMessage("null")}, "exp in milliseconds": {"exp": b.Now().Add(time.Hour).UnixMilli()},
		"iat in milliseconds": {"iat": b.Now().UnixMilli()}, "all null": {"nbf": json.RawMessage("null"), "exp": json.RawMessage("null"), "iat": json.RawMessage("null")},
	} {
		lenient.browser().signIn(with).want(t, 302, "/")
		if resp := b.browser().signIn(with); resp.StatusCode != 401 || b.lastEvent().Code != sso.TokenMalformed {
			t.Errorf("%s, standard: got %d and %+v", name, resp.StatusCode, b.lastEvent())
		}
	}
	lenient.browser().signIn(claims{"nbf": b.Now().UnixMilli()}).want(t, 401, "")
	if e := b.lastEvent(); e.Code != sso.TokenNotYetValid {
		t.Errorf("nbf in milliseconds: got %+v", e)
	}
}

func eventually(cond func() bool) error {
	for range 100 {
		if cond() {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("not within a second")
}

// A refusal is found by the e-mail that its token names. One that nobody signed says so; neither is looked up, so that it
// leaves the same whether the account exists or not (SECURITY L9).
func TestRefusalsNameThePerson(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		b := start(t, database)
		b.browser().signIn(claims{"email": "root@example.com"}).want(t, 302, "/")
		for _, email := range []string{"root@example.com", "nobody@example.com"} {
			old := b.token(claims{"email": email, "exp": b.Now().Add(-time.Hour).Unix()})
			header, rest, _ := strings.Cut(b.token(claims{"email": email}), ".")
			payload, _, _ := strings.Cut(rest, ".")
			for tok, proven := range map[string]bool{old: true, header + "." + payload + "." + strings.Repeat("A", 43): false} {
				b.browser().get("/auth/sso?jwt="+tok).want(t, 401, "")
				found, _, err := b.store.Events(t.Context(), sso.EventQuery{Email: strings.ToUpper(email), Kinds: []sso.EventKind{sso.EventSignInRefused}, Page: sso.Page{Limit: 1}})
				if err != nil || len(found) != 1 || found[0].Email != email || found[0].AccountID != 0 || strings.Contains(found[0].Detail, sso.Unproven) == proven {
					t.Errorf("%s, proven %v: got %+v, %v", email, proven, found, err)
				}
			}
		}
	})
}

// CONTRACT 6, SECURITY E6: what of a groups claim was not understood stands in the event, on the person's page and in
// explain, and a claim that means nothing changes nothing.
func TestGroupsThatAreNotUnderstood(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		b := start(t, database, "JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"extHR":["HR"]}`)
		c := b.browser()
		for i, tt := range []struct {
			claim any
			want  string
			stays bool
		}{
			{map[string]string{"0": "extHR"}, `the claim "groups" is no list of names: {"0":"extHR"}; memberships stay as they are`, true},
			{"extHR,extSales", `"extHR,extSales" is one text and no list of names; memberships stay as they are`, true},
			{[]any{map[string]string{"name": "extHR"}}, `1 of 1 entries are no names or too many: [{"name":"extHR"}]; memberships stay as they are`, true},
			{[]string{"extHR "}, `"extHR " is not "extHR": names are compared letter by letter`, false},
			{"/extHR", `"/extHR" is not "extHR": names are compared letter by letter`, false},
			{[]string{"staff"}, `no mapping knows "staff"`, false},
		} {
			c.signIn(claims{"groups": "extHR", "n": i}).want(t, 302, "/")
			tok := b.token(claims{"groups": tt.claim, "n": -1 - i})
			explained := b.sso.Explain(t.Context(), sso.Callback{Token: tok, Pasted: sso.PastedToken})
			said := ""
			for _, check := range explained.Checks {
				if check.Name == "groups" {
					said = check.Detail
				}
			}
			if !strings.Contains(said, tt.want) || strings.Contains(said, "no groups were sent") {
				t.Errorf("%v: explain says %q, want %q", tt.claim, said, tt.want)
			}
			c.get("/auth/sso?jwt="+tok).want(t, 302, "/")
			signIns, _, err := b.store.Events(t.Context(), sso.EventQuery{Kinds: []sso.EventKind{sso.EventSignIn}})
			if err != nil || !strings.Contains(signIns[0].Detail, tt.want) {
				t.Errorf("%v: got the event %+v (%v), want %q", tt.claim, signIns[0], err, tt.want)
			}
			if in := strings.Contains(fmt.Sprint(c.who()["groups"]), "HR"); in != tt.stays {
				t.Errorf("%v: in the group: %v, want %v", tt.claim, in, tt.stays)
			}
		}
	})
}

func TestGroupsFollowTheToken(t *testing.T) {
	b := start(t, "JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"sales":["Sales","Reports"],"root":["Administrators"]}`)
	c := b.browser()
	groups := func() string { return fmt.Sprint(c.who()["groups"]) }
	c.signIn(claims{"groups": []string{"sales", "unknown"}})
	if got, want := groups(), "[map[id:1 name:All Users] map[id:3 name:Reports] map[id:4 name:Sales]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	c.signIn(claims{"n": 1}) // claim absent: nothing changes
	if got, want := groups(), "[map[id:1 name:All Users] map[id:3 name:Reports] map[id:4 name:Sales]]"; got != want {
		t.Errorf("claim absent: got %s, want %s", got, want)
	}
	c.signIn(claims{"groups": []string{"Administrators", "2"}}) // SECURITY E4
	if got, want := groups(), "[map[id:1 name:All Users]]"; got != want {
		t.Errorf("a group merely named so: got %s, want %s", got, want)
	}
	other := b.browser()
	other.signIn(claims{"groups": "root", "n": 2})
	if other.who()["is_superuser"] != true {
		t.Error("mapped: not an administrator")
	}
	// SECURITY E5: what one session's login takes away is gone from all.
	third := b.browser()
	third.signIn(claims{"email": "boss@example.com", "groups": "root"})
	third.signIn(claims{"groups": []string{}, "n": 3, "email": "boss@example.com"})
	c.signIn(claims{"groups": []string{}, "n": 4})
	if err := eventually(func() bool { return other.who()["is_superuser"] == true }); err != nil {
		t.Error("the last administrator was removed") // SECURITY E6: ann is the last one
	}
}
