package server_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/seal"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// deep is the page that people want in these tests.
const deep = "/deep?x=1&y=%2F#f"

// tryAgain is the button of a refusal's page that begins anew and leads to deep.
const tryAgain = `[href="/auth/sso?redirect=%2Fdeep%3Fx%3D1%26y%3D%252F%23f"]`

// begin begins a login that ends at to, and returns what the IdP is told.
func (c *browser) begin(to string) url.Values {
	c.b.t.Helper()
	resp := c.get("/auth/sso?redirect=" + url.QueryEscape(to))
	u, err := resp.Location()
	if err != nil || resp.StatusCode != 302 || u.Host != "idp.example" {
		c.b.t.Fatalf("begin: got %d, %v, %v", resp.StatusCode, u, err)
	}
	return u.Query()
}

// back brings a callback as a redirect from the IdP does.
func (c *browser) back(pairs ...string) response {
	c.b.t.Helper()
	return c.get("/auth/sso?"+values(pairs...).Encode(), "Accept: text/html", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate")
}

func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

// tokenEndpoint is the IdP's half of RFC 7636: it redeems a code once, for the client and the challenge it was made for.
type tokenEndpoint struct {
	*httptest.Server
	mu    sync.Mutex
	codes map[string]grant
	asked int
	fail  http.HandlerFunc // answers instead, when set
}

type grant struct {
	client, redirect, challenge, token string
}

func newTokenEndpoint(t *testing.T) *tokenEndpoint {
	e := &tokenEndpoint{codes: map[string]grant{}}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

func (e *tokenEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked++
	if e.fail != nil {
		e.fail(w, r)
		return
	}
	r.ParseForm()
	f := r.PostForm
	g, ok := e.codes[f.Get("code")]
	delete(e.codes, f.Get("code"))
	w.Header().Set("Content-Type", "application/json")
	if !ok || g.client != f.Get("client_id") || g.redirect != f.Get("redirect_uri") || g.challenge != sso.S256(f.Get("code_verifier")) {
		w.WriteHeader(400)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
		return
	}
	json.NewEncoder(w).Encode(map[string]string{"id_token": g.token})
}

func (e *tokenEndpoint) set(fail http.HandlerFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fail = fail
}

func (e *tokenEndpoint) times() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked
}

// issue makes the code for a login.
func (e *tokenEndpoint) issue(q url.Values, token string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	code := fmt.Sprintf("code-%d", len(e.codes)+e.asked*100)
	e.codes[code] = grant{q.Get("client_id"), q.Get("redirect_uri"), q.Get("code_challenge"), token}
	return code
}

func pkce(e *tokenEndpoint, more ...string) []string {
	return append([]string{"JWT_BINDING=pkce", "JWT_CLIENT_ID=bridge", "JWT_TOKEN_URI=" + e.URL + "/token"}, more...)
}

var pkceClaim = []string{"JWT_BINDING=pkce", "JWT_CLIENT_ID=bridge"}

func TestStateBinding(t *testing.T) {
	b := start(t, "JWT_BINDING=state")
	c := b.browser()
	resp := c.get("/auth/sso?redirect=" + url.QueryEscape(deep))
	u, _ := resp.Location()
	q := u.Query()
	if len(q) != 3 || q.Get("from") != "bridge" || len(q.Get("state")) < 43 || strings.Contains(q.Get("state"), "deep") || len(q.Get("nonce")) != 43 || q.Get("state") == q.Get("nonce") {
		t.Errorf("the IdP is told %v", q) // the return path stays with the flow
	}
	cookie := resp.Header.Get("Set-Cookie")
	if !regexp.MustCompile(`^ssobridge-flow-[0-9a-f]{12}=[\w-]+; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax$`).MatchString(cookie) ||
		strings.Contains(cookie, q.Get("state")) {
		t.Errorf("cookie: got %q", cookie)
	}
	// The IdP may send a return path, and cannot change it.
	c.back("jwt", b.token(claims{"nonce": q.Get("nonce")}), "state", q.Get("state"), "return_to", "/elsewhere").want(t, 302, deep)
	if c.email() != "ann@example.com" {
		t.Error("not signed in")
	}
	// A nonce is optional.
	c = b.browser()
	q = c.begin("/")
	c.back("jwt", b.token(claims{"n": 1}), "state", q.Get("state")).want(t, 302, "/")
}

// SECURITY C4: on https the cookie cannot be planted from elsewhere.
func TestFlowCookieOnHTTPS(t *testing.T) {
	b := start(t, "JWT_BINDING=state", "SITE_URL=https://bridge.example", "COOKIE_DOMAIN=bridge.example", "SESSION_COOKIE_SAMESITE=strict")
	got := b.browser().get("/auth/sso").Header.Get("Set-Cookie")
	if !strings.HasPrefix(got, "__Host-ssobridge-flow-") || !strings.HasSuffix(got, "; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax") {
		t.Errorf("got %q", got)
	}
}

func TestPKCE(t *testing.T) {
	e := newTokenEndpoint(t)
	b := start(t, pkce(e)...)
	c := b.browser()
	q := c.begin(deep)
	for name, want := range map[string]string{"response_type": "code", "client_id": "bridge", "redirect_uri": b.url + "/auth/sso",
		"code_challenge_method": "S256", "return_to": ""} {
		if q.Get(name) != want {
			t.Errorf("%s: got %q, want %q", name, q.Get(name), want)
		}
	}
	if len(q.Get("code_challenge")) != 43 || q.Get("state") == "" || q.Get("nonce") == "" {
		t.Errorf("the IdP is told %v", q)
	}
	resp := c.back("code", e.issue(q, b.token(claims{"nonce": q.Get("nonce")})), "state", q.Get("state"))
	resp.want(t, 302, deep)
	if c.email() != "ann@example.com" {
		t.Error("not signed in")
	}
	if log := b.log.String(); strings.Contains(log, "eyJ") || strings.Contains(log, "code-") {
		t.Error("the log has a token or a code")
	}
}

func TestPKCEWithoutTokenEndpoint(t *testing.T) {
	b := start(t, pkceClaim...)
	c := b.browser()
	q := c.begin(deep)
	c.back("jwt", b.token(claims{"code_challenge": q.Get("code_challenge")}), "state", q.Get("state")).want(t, 302, deep)
	if c.who()["login_attributes"].(map[string]any)["code_challenge"] != nil {
		t.Error("the challenge became an attribute")
	}
}

// A scene is a login that goes wrong.
type scene struct {
	*testing.T
	b    *bridge
	e    *tokenEndpoint
	c    *browser // the person's
	q    url.Values
	tok  string // a token for this very login
	code string // the same as a code
}

// SECURITY C4, C6: each row breaks one thing. No session, the code that says so, words for who configures the IdP, and one
// click to start again, where the flow can be known to the very page that was wanted.
func TestFlowsThatGoWrong(t *testing.T) {
	state := []string{"JWT_BINDING=state"}
	endpoint := []string{"JWT_BINDING=pkce", "JWT_CLIENT_ID=bridge", "JWT_TOKEN_URI="}
	tests := []struct {
		name     string
		settings []string
		do       func(s *scene) response
		code     sso.Code
		reason   string // a part of what the event says
		knows    bool   // where the person wanted to go
	}{
		{"no cookie", state, func(s *scene) response {
			return s.other().back("jwt", s.tok, "state", s.q.Get("state"))
		}, sso.FlowMissing, "no cookie: ", false},
		{"wrong state", state, func(s *scene) response { return s.c.back("jwt", s.tok, "state", "made-up") },
			sso.FlowMismatch, "wrong state: this browser has begun a login", false},
		{"no state", state, func(s *scene) response { return s.c.back("jwt", s.tok) }, sso.FlowMissing, "has no state", false},
		{"no state, a return path", state, func(s *scene) response { return s.c.back("jwt", s.tok, "return_to", deep) },
			sso.FlowMissing, "has no state", true},
		{"an empty state", state, func(s *scene) response { return s.c.back("jwt", s.tok, "state", "") }, sso.FlowMissing, "has no state", false},
		{"a state twice", state, func(s *scene) response {
			return s.c.back("jwt", s.tok, "state", s.q.Get("state"), "state", s.q.Get("state"))
		}, sso.RequestMalformed, "", false},
		{"a state alone", state, func(s *scene) response { return s.c.back("state", s.q.Get("state")) },
			sso.TokenMalformed, "neither a token nor a code", true},
		{"expired", state, func(s *scene) response {
			s.b.Pass(sso.FlowLifetime)
			return s.c.back("jwt", s.b.token(nil), "state", s.q.Get("state"))
		}, sso.FlowMissing, "took longer than 10m0s", true},
		{"of another tab", state, func(s *scene) response {
			tab := s.c.begin(deep)
			return s.c.back("jwt", s.b.token(claims{"nonce": tab.Get("nonce")}), "state", s.q.Get("state"))
		}, sso.FlowMismatch, "nonce", true},
		{"swapped between two browsers", state, func(s *scene) response {
			other := s.other()
			return s.c.back("jwt", s.tok, "state", other.begin("/").Get("state"))
		}, sso.FlowMismatch, "wrong state", false},
		{"of another provider", state, func(s *scene) response {
			f := sso.NewFlow("other", sso.BindingState, deep, s.b.Now())
			s.plant(f, strings.Repeat("k", 31)+"!")
			return s.c.back("jwt", s.tok, "state", f.State)
		}, sso.FlowMismatch, `began with the provider "other"`, true},
		{"a forged cookie", state, func(s *scene) response {
			f := sso.NewFlow("jwt", sso.BindingState, deep, s.b.Now())
			s.plant(f, strings.Repeat("x", 32))
			return s.c.back("jwt", s.tok, "state", f.State)
		}, sso.FlowMissing, "SECRET_KEY", false},
		{"a damaged cookie", state, func(s *scene) response {
			name, value := s.laxCookie()
			s.setCookie(name, value[:len(value)-4])
			return s.c.back("jwt", s.tok, "state", s.q.Get("state"))
		}, sso.FlowMismatch, "wrong state", false},
		{"a damaged state", state, func(s *scene) response {
			return s.c.back("jwt", s.tok, "state", s.q.Get("state")[:40]+"AAAA"+s.q.Get("state")[44:])
		}, sso.FlowMismatch, "wrong state", false},
		{"a state with a line end", state, func(s *scene) response {
			return s.c.back("jwt", s.tok, "state", s.q.Get("state")+"\n")
		}, sso.FlowMismatch, "wrong state", false},
		{"a cookie that is nonsense", state, func(s *scene) response {
			name, _ := s.laxCookie()
			s.setCookie(name, "%%%")
			return s.c.back("jwt", s.tok, "state", s.q.Get("state"))
		}, sso.FlowMismatch, "wrong state", false},
		{"another flow's cookie under this name", state, func(s *scene) response {
			name, _ := s.laxCookie()
			other := &scene{T: s.T, b: s.b, c: s.other()}
			other.c.begin("/")
			_, value := other.laxCookie()
			s.setCookie(name, value)
			return s.c.back("jwt", s.tok, "state", s.q.Get("state"))
		}, sso.FlowMismatch, "wrong state", false},
		{"used twice", state, func(s *scene) response {
			s.c.back("jwt", s.tok, "state", s.q.Get("state")).want(s.T, 302, deep)
			s.signOut()
			return s.c.back("jwt", s.b.token(claims{"n": 2}), "state", s.q.Get("state"))
		}, sso.FlowMismatch, "finished before", true},
		{"a token used twice", state, func(s *scene) response {
			s.c.back("jwt", s.tok, "state", s.q.Get("state")).want(s.T, 302, deep)
			s.signOut()
			return s.c.back("jwt", s.tok, "state", s.c.begin(deep).Get("state"))
		}, sso.FlowMismatch, "nonce", true},
		{"a nonce of nobody", state, func(s *scene) response {
			return s.c.back("jwt", s.b.token(claims{"nonce": "x"}), "state", s.q.Get("state"))
		}, sso.FlowMismatch, "nonce", true},
		{"a nonce that is no string", state, func(s *scene) response {
			return s.c.back("jwt", s.b.token(claims{"nonce": []string{s.q.Get("nonce")}}), "state", s.q.Get("state"))
		}, sso.FlowMismatch, "nonce", true},
		{"the IdP says no", state, func(s *scene) response { return s.c.back("error", "access_denied", "state", s.q.Get("state")) },
			sso.ProviderRefused, `error="access_denied"`, true},
		{"a code where none is taken", state, func(s *scene) response { return s.c.back("code", "x", "state", s.q.Get("state")) },
			sso.CodeExchangeFailed, "JWT_BINDING is not pkce", true},

		{"no challenge in the token", pkceClaim, func(s *scene) response {
			return s.c.back("jwt", s.b.token(nil), "state", s.q.Get("state"))
		}, sso.FlowMismatch, "code_challenge", true},
		{"a challenge of another login", pkceClaim, func(s *scene) response {
			other := s.c.begin("/")
			return s.c.back("jwt", s.b.token(claims{"code_challenge": other.Get("code_challenge")}), "state", s.q.Get("state"))
		}, sso.FlowMismatch, "code_challenge", true},
		{"a challenge that is a list", pkceClaim, func(s *scene) response {
			return s.c.back("jwt", s.b.token(claims{"code_challenge": []string{s.q.Get("code_challenge")}}), "state", s.q.Get("state"))
		}, sso.FlowMismatch, "code_challenge", true},
		{"the challenge and no cookie", pkceClaim, func(s *scene) response {
			return s.other().back("jwt", s.tok, "state", s.q.Get("state"))
		}, sso.FlowMissing, "no cookie", false},
		{"a code and no token endpoint", pkceClaim, func(s *scene) response { return s.c.back("code", "x", "state", s.q.Get("state")) },
			sso.CodeExchangeFailed, "JWT_TOKEN_URI is not set", true},
		{"begun before pkce", state, func(s *scene) response {
			later := startOn(s.T, s.b, append([]string{"SITE_URL=" + s.b.url}, pkceClaim...)...)
			s.c.b = later
			return s.c.back("jwt", s.tok, "state", s.q.Get("state"))
		}, sso.FlowMismatch, "before JWT_BINDING was pkce", true},

		{"a token in the request", endpoint, func(s *scene) response { return s.c.back("jwt", s.tok, "state", s.q.Get("state")) },
			sso.FlowMismatch, "send a code instead", true},
		{"a token with its challenge in the request", endpoint, func(s *scene) response {
			return s.c.back("jwt", s.b.token(claims{"code_challenge": s.q.Get("code_challenge")}), "state", s.q.Get("state"))
		}, sso.FlowMismatch, "send a code instead", true},
		{"a token and a code", endpoint, func(s *scene) response {
			return s.c.back("jwt", s.tok, "code", s.code, "state", s.q.Get("state"))
		}, sso.RequestMalformed, "", true},
		{"a code and no cookie", endpoint, func(s *scene) response {
			resp := s.other().back("code", s.code, "state", s.q.Get("state"))
			if s.e.times() != 0 {
				s.Error("the code was exchanged")
			}
			return resp
		}, sso.FlowMissing, "no cookie", false},
		{"a code sent twice", endpoint, func(s *scene) response {
			s.c.back("code", s.code, "state", s.q.Get("state")).want(s.T, 302, deep)
			s.signOut()
			return s.c.back("code", s.code, "state", s.c.begin(deep).Get("state"))
		}, sso.CodeExchangeFailed, `refused the code with status 400, error "invalid_grant"`, true},
		{"a code of another login", endpoint, func(s *scene) response {
			other := s.other().begin("/")
			return s.c.back("code", s.e.issue(other, s.tok), "state", s.q.Get("state"))
		}, sso.CodeExchangeFailed, "invalid_grant", true},
		{"a code of another client", endpoint, func(s *scene) response {
			s.q.Set("client_id", "other")
			return s.c.back("code", s.e.issue(s.q, s.tok), "state", s.q.Get("state"))
		}, sso.CodeExchangeFailed, "invalid_grant", true},
		{"a code of plain", endpoint, func(s *scene) response { // the challenge taken for the verifier (RFC 7636 §4.6)
			q := values("client_id", s.q.Get("client_id"), "redirect_uri", s.q.Get("redirect_uri"), "code_challenge", sso.S256(s.q.Get("code_challenge")))
			return s.c.back("code", s.e.issue(q, s.tok), "state", s.q.Get("state"))
		}, sso.CodeExchangeFailed, "invalid_grant", true},
		{"a token of another audience", append(endpoint, "JWT_AUDIENCE=bridge"), func(s *scene) response {
			return s.c.back("code", s.e.issue(s.q, s.b.token(claims{"aud": "other"})), "state", s.q.Get("state"))
		}, sso.TokenAudience, "aud", true},
		{"a token of another login", endpoint, func(s *scene) response {
			return s.c.back("code", s.e.issue(s.q, s.b.token(claims{"nonce": "other"})), "state", s.q.Get("state"))
		}, sso.FlowMismatch, "nonce", true},
		{"a token nobody signed", endpoint, func(s *scene) response {
			return s.c.back("code", s.e.issue(s.q, forged(s.tok)), "state", s.q.Get("state"))
		}, sso.TokenSignature, "signature", true},
		{"a token endpoint with HTML", endpoint, func(s *scene) response {
			s.e.set(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") })
			return s.c.back("code", s.code, "state", s.q.Get("state"))
		}, sso.CodeExchangeFailed, "JSON is needed", true},
		{"a token endpoint that is down", endpoint, func(s *scene) response {
			s.e.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) })
			return s.c.back("code", s.code, "state", s.q.Get("state"))
		}, sso.ProviderUnavailable, "answered 502", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &scene{T: t, e: newTokenEndpoint(t)}
			settings := append([]string(nil), tt.settings...)
			for i := range settings {
				if settings[i] == "JWT_TOKEN_URI=" {
					settings[i] += s.e.URL
				}
			}
			s.b = start(t, settings...)
			s.c = s.b.browser()
			s.q = s.c.begin(deep)
			s.tok = s.b.token(claims{"nonce": s.q.Get("nonce")})
			if settings[0] == "JWT_BINDING=pkce" && len(settings) == 2 {
				s.tok = s.b.token(claims{"nonce": s.q.Get("nonce"), "code_challenge": s.q.Get("code_challenge")})
			}
			s.code = s.e.issue(s.q, s.tok)

			resp := tt.do(s)
			if status, _ := statusOf(tt.code); resp.StatusCode != status {
				t.Errorf("got %d, want %d: %s", resp.StatusCode, status, sso.Truncate(resp.body, 200))
			}
			if s.b.sessions() != 0 || s.c.who() != nil {
				t.Error("a session was opened")
			}
			if tt.code != sso.RequestMalformed { // that one is the client's, not a login's
				if e := s.b.lastEvent(); e.Kind != sso.EventSignInRefused || e.Code != tt.code || !strings.Contains(e.Detail, tt.reason) {
					t.Errorf("event: got %s %q, want %s with %q", e.Code, e.Detail, tt.code, tt.reason)
				}
			}
			page := html.UnescapeString(resp.body)
			if tt.knows && !dom.Has(resp.body, tryAgain) || !dom.Has(resp.body, `[href^="/auth/sso"]`) {
				t.Errorf("the page does not offer to start again (%q): %s", tryAgain, page)
			}
			for _, secret := range []string{s.tok, s.q.Get("state"), s.q.Get("nonce"), s.code} {
				if strings.Contains(page, secret) || strings.Contains(s.b.log.String(), secret) {
					t.Errorf("the page or the log has %q", secret)
				}
			}
			// One click, and all is well.
			s.e.set(nil)
			q := s.c.begin(deep)
			tok := s.b.token(claims{"nonce": q.Get("nonce"), "code_challenge": q.Get("code_challenge"), "aud": "bridge", "again": 1})
			if strings.HasPrefix(settings[len(settings)-1], "JWT_TOKEN_URI=") || len(settings) > 3 {
				s.c.back("code", s.e.issue(q, tok), "state", q.Get("state")).want(t, 302, deep)
			} else {
				s.c.back("jwt", tok, "state", q.Get("state")).want(t, 302, deep)
			}
		})
	}
}

func statusOf(code sso.Code) (int, bool) {
	switch code {
	case sso.RequestMalformed:
		return 400, true
	case sso.ProviderUnavailable:
		return 503, true
	}
	return 401, false
}

func (s *scene) other() *browser { return s.b.browser() }

func (s *scene) signOut() {
	s.Helper()
	s.c.send("POST", "/auth/logout", form())
	if s.c.who() != nil {
		s.Fatal("still signed in")
	}
}

// flowCookie finds the cookie of the one login that the browser has begun.
func (s *scene) laxCookie() (name, value string) {
	s.Helper()
	u, _ := url.Parse(s.b.url)
	for _, cookie := range s.c.Jar.Cookies(u) {
		if strings.HasPrefix(cookie.Name, "ssobridge-flow-") {
			return cookie.Name, cookie.Value
		}
	}
	s.Fatal("no flow cookie")
	return "", ""
}

func (s *scene) setCookie(name, value string) {
	u, _ := url.Parse(s.b.url)
	s.c.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// plant gives the browser a cookie, and the flow a state for it, sealed under this SECRET_KEY.
func (s *scene) plant(f *sso.Flow, secretKey string) {
	s.Helper()
	box, err := seal.New([]byte(secretKey), "flow")
	if err != nil {
		s.Fatal(err)
	}
	plain, err := json.Marshal(map[string]any{"n": f.Nonce, "p": f.Provider, "r": f.ReturnTo, "e": f.Expires.UnixMicro()})
	if err != nil {
		s.Fatal(err)
	}
	const id, value = "0123456789ab", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	f.State = id + base64.RawURLEncoding.EncodeToString(box.Seal(plain, id+value))
	s.setCookie("ssobridge-flow-"+id, value)
}

// Something that was down does not end the flow: the page says "reload", and the reload signs in.
func TestReloadAfterTheTokenEndpointWasDown(t *testing.T) {
	e := newTokenEndpoint(t)
	b := start(t, pkce(e)...)
	c := b.browser()
	q := c.begin(deep)
	code := e.issue(q, b.token(nil))
	e.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	if resp := c.back("code", code, "state", q.Get("state")); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Fatalf("got %d", resp.StatusCode)
	}
	e.set(nil)
	c.back("code", code, "state", q.Get("state")).want(t, 302, deep)
}

// The same callback again, in the browser that it signed in: no new session, no second exchange, on to the same page.
func TestReloadOfABoundLogin(t *testing.T) {
	e := newTokenEndpoint(t)
	for name, settings := range map[string][]string{"state": {"JWT_BINDING=state"}, "claim": pkceClaim, "code": pkce(e)} {
		t.Run(name, func(t *testing.T) {
			b := start(t, settings...)
			c := b.browser()
			q := c.begin(deep)
			tok := b.token(claims{"code_challenge": q.Get("code_challenge")})
			callback := []string{"jwt", tok, "state", q.Get("state")}
			if name == "code" {
				callback = []string{"code", e.issue(q, tok), "state", q.Get("state")}
			}
			c.back(callback...).want(t, 302, deep)
			before, asked := c.cookie(), e.times()
			b.Pass(20 * time.Minute)
			resp := c.back(callback...)
			resp.want(t, 302, deep)
			if c.cookie() != before || b.sessions() != 1 || e.times() != asked {
				t.Errorf("got %d sessions, a new cookie %v, asked %d times more", b.sessions(), c.cookie() != before, e.times()-asked)
			}
			if resp := b.browser().back(callback...); resp.StatusCode != 401 {
				t.Errorf("from another browser: got %d", resp.StatusCode)
			}
		})
	}
}

// SECURITY C1, C4: one flow opens one session, however many tokens come for it at once.
func TestOneFlowOpensOneSession(t *testing.T) {
	b := start(t, "JWT_BINDING=state")
	c := b.browser()
	q := c.begin("/")
	u, _ := url.Parse(b.url)
	cookies := c.Jar.Cookies(u)
	var wg sync.WaitGroup
	for i := range 20 {
		tok := b.token(claims{"n": i})
		wg.Go(func() {
			twin := b.browser()
			twin.Jar.SetCookies(u, cookies)
			twin.back("jwt", tok, "state", q.Get("state"))
		})
	}
	wg.Wait()
	if got := b.sessions(); got != 1 {
		t.Errorf("got %d sessions, want 1", got)
	}
}

// Any number of tabs sign in at once, in whatever order they begin and come back, and each lands on its own page. The
// cookies stay small, also where all tabs begin before the first answer is there.
func TestManyTabs(t *testing.T) {
	e := newTokenEndpoint(t)
	for name, settings := range map[string][]string{"state": {"JWT_BINDING=state"}, "code": pkce(e)} {
		for _, size := range []int{1, 1500, 2048} {
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				b := start(t, settings...)
				c := b.browser()
				var wg sync.WaitGroup
				asked, pages := make([]url.Values, 40), make([]string, 40)
				for i := range asked {
					pages[i] = fmt.Sprintf("/tab/%d?q=%s", i, strings.Repeat("x", size))
					begin := func() { asked[i] = c.begin(pages[i]) }
					if i%2 == 0 {
						begin()
					} else {
						wg.Go(begin)
					}
				}
				wg.Wait()
				if total := len(b.flowHeader(c)); total > 4<<10 {
					t.Errorf("the cookies have %d bytes", total)
				}
				for i, q := range asked {
					tok := b.token(claims{"n": i, "nonce": q.Get("nonce")})
					if name == "code" {
						c.back("code", e.issue(q, tok), "state", q.Get("state")).want(t, 302, pages[i])
					} else {
						c.back("jwt", tok, "state", q.Get("state")).want(t, 302, pages[i])
					}
				}
			})
		}
	}
}

func (b *bridge) flowHeader(c *browser) string {
	u, _ := url.Parse(b.url)
	var all []string
	for _, cookie := range c.Jar.Cookies(u) {
		all = append(all, cookie.String())
	}
	return strings.Join(all, "; ")
}

// A return path that no cookie can carry costs the view, not the login.
func TestLongReturnPath(t *testing.T) {
	b := start(t, "JWT_BINDING=state")
	c := b.browser()
	long := strings.Repeat("x", 3500)
	for path, want := range map[string]string{"/q?x=" + long: "/q", "/q?x=1#" + long: "/q", "/q?x=" + long[:2000]: "/q?x=" + long[:2000]} {
		q := c.begin(path)
		c.back("jwt", b.token(claims{"nonce": q.Get("nonce")}), "state", q.Get("state")).want(t, 302, want)
	}
	c.get("/auth/sso?redirect=/"+long).want(t, 400, "")
}

var crossPost = []string{"Sec-Fetch-Site: cross-site", "Origin: https://idp.example", "Sec-Fetch-Mode: navigate", "Accept: text/html"}

// A form on the IdP's page keeps tokens and codes out of URLs; browsers send no Lax cookie with it, and need not.
func TestFormPostWithBinding(t *testing.T) {
	e := newTokenEndpoint(t)
	for name, settings := range map[string][]string{"off": nil, "state": {"JWT_BINDING=state"}, "claim": pkceClaim, "code": pkce(e)} {
		t.Run(name, func(t *testing.T) {
			b := start(t, settings...)
			c, bare := b.browser(), b.browser() // bare is the same browser as such a POST shows it: without cookies
			q := c.begin(deep)
			tok := b.token(claims{"code_challenge": q.Get("code_challenge")})
			fields := []string{"jwt", tok, "state", q.Get("state"), "return_to", q.Get("return_to")}
			if name == "code" {
				fields = []string{"code", e.issue(q, tok), "state", q.Get("state")}
			}
			post := bare.send("POST", "/auth/sso", form(fields...), crossPost...)
			next := post.Header.Get("Location")
			if post.StatusCode != 303 || !strings.HasPrefix(next, "/auth/sso?handoff=") || strings.Contains(next, "eyJ") || b.sessions() != 0 {
				t.Fatalf("got %d to %q", post.StatusCode, next)
			}
			if name != "off" { // the victim of a stolen or planted link has not begun this login
				stolen := bare.send("POST", "/auth/sso", form(fields...), crossPost...).Header.Get("Location")
				if resp := b.browser().get(stolen, "Accept: text/html"); resp.StatusCode != 401 || b.lastEvent().Code != sso.FlowMissing {
					t.Errorf("another browser: got %d, %s", resp.StatusCode, b.lastEvent().Code)
				}
			}
			c.get(next, crossPost[0], "Sec-Fetch-Mode: navigate", "Accept: text/html").want(t, 302, deep)
			if c.email() != "ann@example.com" {
				t.Error("not signed in")
			}
			if again := b.browser().get(next, "Accept: text/html"); again.StatusCode != 401 {
				t.Errorf("the link again: got %d", again.StatusCode)
			}
			if e := b.lastEvent(); e.Code != sso.FlowMissing || !strings.Contains(e.Detail, "taken already") {
				t.Errorf("the link again: event %s %q", e.Code, e.Detail)
			}
		})
	}
}

func TestHandoffIsBounded(t *testing.T) {
	b := start(t)
	resp := b.browser().send("POST", "/auth/sso", form("jwt", strings.Repeat("a", 30<<10)), crossPost...)
	if resp.StatusCode != 401 || resp.Header.Get("Location") != "" {
		t.Errorf("got %d to %q, want 401", resp.StatusCode, resp.Header.Get("Location"))
	}
	b.Pass(time.Hour)
	resp = b.browser().send("POST", "/auth/sso", form("jwt", b.token(nil)), crossPost...)
	b.Pass(time.Minute + time.Second)
	b.browser().get(resp.Header.Get("Location")).want(t, 401, "")
}

// refresh is where a page goes on to by itself; "" for one that does not.
func refresh(page string) string {
	for _, content := range dom.Attr(page, `meta[http-equiv="refresh"]`, "content") {
		return strings.TrimPrefix(content, "0; url=")
	}
	return ""
}

// With strict cookies a request that another site caused looks signed out. A step of our own shows who is there.
func TestStrictCookies(t *testing.T) {
	cross := []string{"Accept: text/html", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"}
	for name, headers := range map[string][]string{"fetch metadata": cross, "an old browser": cross[:1]} {
		t.Run(name, func(t *testing.T) {
			b := start(t, "SESSION_COOKIE_SAMESITE=strict")
			c := b.browser()
			u, _ := url.Parse(b.url)
			// arrive is what a browser does: without the session first, then from our own page with all cookies.
			arrive := func(query string) response {
				first := b.browser().get("/auth/sso?"+query, headers...)
				on := refresh(first.body)
				if first.StatusCode != 200 || on == "" || strings.Contains(first.body, "eyJ") {
					t.Fatalf("got %d %s, want a page that goes on", first.StatusCode, first.body)
				}
				c.Jar.SetCookies(u, first.Cookies())
				return c.get(on, "Accept: text/html", "Sec-Fetch-Site: same-origin")
			}
			arrive("jwt="+b.token(nil)+"&return_to=/a").want(t, 302, "/a")
			if c.email() != "ann@example.com" {
				t.Fatal("not signed in")
			}
			// SECURITY C5: the question is asked all the same.
			page := arrive("jwt=" + b.token(claims{"email": "mallory@example.com"}))
			if page.StatusCode != 200 || !strings.Contains(page.body, "mallory@example.com") || c.email() != "ann@example.com" {
				t.Errorf("got %d %s as %s", page.StatusCode, page.body, c.email())
			}
			// Nobody else can send a browser past the step.
			planted := b.browser().send("POST", "/auth/sso", form("jwt", b.token(claims{"email": "mallory@example.com", "n": 1})), crossPost...)
			on := refresh(planted.body)
			if on == "" {
				t.Fatalf("got %d %s", planted.StatusCode, planted.body)
			}
			before := b.sessions()
			if resp := b.browser().get(on, headers...); resp.StatusCode != 401 || b.sessions() != before {
				t.Errorf("a planted link: got %d, %d sessions more", resp.StatusCode, b.sessions()-before)
			}
			if e := b.lastEvent(); e.Code != sso.FlowMissing || !strings.Contains(e.Detail, "not begun by a page of ours") {
				t.Errorf("a planted link: event %s %q", e.Code, e.Detail)
			}
		})
	}
	b := start(t, "SESSION_COOKIE_SAMESITE=strict", "JWT_BINDING=state")
	c := b.browser()
	q := c.begin(deep)
	first := c.back("jwt", b.token(nil), "state", q.Get("state"))
	on := refresh(first.body)
	if on == "" {
		t.Fatalf("got %d %s", first.StatusCode, first.body)
	}
	c.get(on, "Accept: text/html", "Sec-Fetch-Site: same-origin").want(t, 302, deep)
}

// The strict profile refuses every login that this browser did not begin, by whatever way it comes.
func TestStrictProfile(t *testing.T) {
	e := newTokenEndpoint(t)
	base := []string{"JWT_PROFILE=strict", "JWT_ISSUER=https://idp.example", "JWT_AUDIENCE=bridge"}
	for name, settings := range map[string][]string{"state": {"JWT_BINDING=state"}, "claim": pkceClaim, "code": pkce(e)} {
		t.Run(name, func(t *testing.T) {
			b := start(t, append(settings, base...)...)
			n := 0
			tokenFor := func(q url.Values) string {
				n++
				with := claims{"iss": "https://idp.example", "aud": "bridge", "iat": b.Now().Unix(), "jti": fmt.Sprint("id", n)}
				for _, name := range []string{"nonce", "code_challenge"} {
					if q.Has(name) {
						with[name] = q.Get(name)
					}
				}
				return b.token(with)
			}
			token := func() string { return tokenFor(nil) } // all is well with it but that nobody here asked for it
			for _, unbound := range []struct {
				name string
				send func(c *browser) response
			}{
				{"GET", func(c *browser) response { return c.back("jwt", token()) }},
				{"GET with a state", func(c *browser) response { return c.back("jwt", token(), "state", "x") }},
				{"POST", func(c *browser) response { return c.send("POST", "/auth/sso", form("jwt", token())) }},
				{"POST from our own page", func(c *browser) response {
					return c.send("POST", "/auth/sso", form("jwt", token(), "switch", "yes"), "Sec-Fetch-Site: same-origin")
				}},
				{"POST from another site", func(c *browser) response {
					resp := c.send("POST", "/auth/sso", form("jwt", token()), crossPost...)
					return c.get(resp.Header.Get("Location"), crossPost[0])
				}},
				{"POST JSON", func(c *browser) response {
					return c.send("POST", "/auth/sso", "application/json\n"+`{"jwt":"`+token()+`"}`)
				}},
				{"SDK", func(c *browser) response {
					return c.get("/auth/sso?jwt="+token(), "X-Metabase-Client: embedding-sdk-react")
				}},
				{"JSON", func(c *browser) response { return c.get("/auth/sso?jwt="+token(), "Accept: application/json") }},
				{"to_session", func(c *browser) response {
					return c.send("POST", "/auth/sso/to_session", "application/json\n"+`{"jwt":"`+token()+`"}`)
				}},
				{"a code", func(c *browser) response { return c.back("code", e.issue(values("client_id", "bridge"), token())) }},
			} {
				c := b.browser()
				if resp := unbound.send(c); resp.StatusCode != 401 || c.who() != nil || b.sessions() != 0 || strings.Contains(resp.body, "session") {
					t.Errorf("%s: got %d, %d sessions: %s", unbound.name, resp.StatusCode, b.sessions(), sso.Truncate(resp.body, 200))
				}
				if code := b.lastEvent().Code; code != sso.FlowMissing && code != sso.FlowMismatch && code != sso.CodeExchangeFailed {
					t.Errorf("%s: got %s", unbound.name, code)
				}
			}
			c := b.browser()
			q := c.begin(deep)
			tok := tokenFor(q)
			if name == "code" {
				c.back("code", e.issue(q, tok), "state", q.Get("state")).want(t, 302, deep)
			} else {
				c.back("jwt", tok, "state", q.Get("state")).want(t, 302, deep)
			}
			if c.email() != "ann@example.com" {
				t.Error("a login that this browser began: not signed in")
			}
		})
	}
}
