package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

var fromIdP = []string{"Accept: text/html", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}

// follow goes on until the browser leaves for the identity provider, or has arrived.
func (c *browser) follow(resp response) response {
	c.b.t.Helper()
	for range 5 {
		if to := resp.Header.Get("Location"); strings.HasPrefix(to, "/auth/") {
			resp = c.get(to, fromIdP...)
		}
	}
	return resp
}

// A page navigation with a spent token opens nothing, and begins the sign-in once more towards the same page; whoever
// brings it again goes in circles. Programs are told at once.
func TestSpentTokenBeginsOnceMore(t *testing.T) {
	b := start(t)
	tok := b.token(nil)
	b.browser().get("/auth/sso?jwt="+tok).want(t, 302, "/")
	path := "/auth/sso?return_to=%2Fdeep&jwt=" + tok
	c := b.browser()
	resp := c.get(path, fromIdP...)
	if e := b.lastEvent(); e.Code != sso.TokenReplayed || !strings.Contains(e.Detail, "begins once more") {
		t.Errorf("event: got %+v", e)
	}
	if strings.Contains(resp.Header.Get("Location")+resp.Header.Get("Set-Cookie"), tok) { // SECURITY B5
		t.Error("the token is carried on")
	}
	began := time.Now()
	c.follow(resp).want(t, 302, "https://idp.example/login?from=bridge&return_to=%2Fdeep")
	if waited := time.Since(began); waited < 900*time.Millisecond {
		t.Errorf("waited %v, want until the product signs another token", waited)
	}
	if c.who() != nil || b.sessions() != 1 {
		t.Errorf("the spent token opened something: %d sessions", b.sessions())
	}
	c.follow(c.get(path, fromIdP...)).want(t, 401, "")
	if e := b.lastEvent(); e.Code != sso.TokenReplayed || !strings.Contains(e.Detail, "came again") {
		t.Errorf("event: got %+v", e)
	}
	c.get("/auth/sso?return_to=%2Fdeep&jwt="+b.token(claims{"n": 1}), fromIdP...).want(t, 302, "/deep")
	if c.email() != "ann@example.com" {
		t.Error("a fresh token: not signed in")
	}
	for name, headers := range map[string][]string{"a program": nil, "JSON": {"Accept: application/json"}} {
		if resp := b.browser().get(path, headers...); resp.StatusCode != 401 {
			t.Errorf("%s: got %d, want 401", name, resp.StatusCode)
		}
	}
	bob := b.browser() // who is somebody else goes to the product, which knows who is there
	bob.signIn(claims{"email": "bob@example.com"})
	resp = bob.get(path, fromIdP...)
	if resp.StatusCode != 302 || bob.email() != "bob@example.com" {
		t.Errorf("another person: got %d as %s", resp.StatusCode, bob.email())
	}
}

// A browser that keeps no cookies, and a product that sends the same token each time: no endless redirect.
func TestSpentTokenWithoutCookies(t *testing.T) {
	b := start(t)
	tok := b.token(nil)
	b.browser().get("/auth/sso?jwt="+tok).want(t, 302, "/")
	resp := b.browser().get("/auth/sso?return_to=%2Fdeep&jwt="+tok, fromIdP...)
	resp = b.browser().get(resp.Header.Get("Location"), fromIdP...)
	resp.want(t, 401, "")
	if e := b.lastEvent(); e.Code != sso.FlowMissing || !strings.Contains(e.Detail, "keeps no cookies") {
		t.Errorf("event: got %+v", e)
	}
	if !dom.Has(resp.body, `[href="/auth/sso?redirect=%2Fdeep"]`) {
		t.Error("the way to the page that was wanted is lost")
	}
}

// Two frames of another site may bring one token: the cookie that counts is kept where the session's is.
func TestSpentTokenInAFrame(t *testing.T) {
	for mode, want := range map[string]http.SameSite{"none": http.SameSiteNoneMode, "lax": http.SameSiteLaxMode, "strict": http.SameSiteLaxMode} {
		b := start(t, "SITE_URL=https://bridge.example", "SESSION_COOKIE_SAMESITE="+mode)
		tok := b.token(nil)
		b.browser().get("/auth/sso?jwt=" + tok)
		resp := b.browser().get("/auth/sso?jwt="+tok, "Accept: text/html", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe")
		if all := resp.Cookies(); len(all) != 1 || all[0].SameSite != want || !strings.HasSuffix(all[0].Name, "begun") {
			t.Errorf("%s: got %v", mode, all)
		}
	}
}

// Twenty tabs of one browser, restored after the session's end, all bring the same token: each lands on its own page.
func TestTwentyTabsWithOneToken(t *testing.T) {
	for _, binding := range []string{"off", "state"} {
		t.Run(binding, func(t *testing.T) {
			b := start(t, "JWT_BINDING="+binding)
			c := b.browser()
			tokens := []string{b.token(nil), b.token(claims{"n": 1}), b.token(claims{"n": 2})} // of one second after the other
			var wg sync.WaitGroup
			for i := range 20 {
				page := "/page/" + strings.Repeat("x", i+1)
				wg.Go(func() {
					resp := c.get("/auth/sso?redirect="+page, "Accept: text/html", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate")
					for _, tok := range append(tokens[:len(tokens):len(tokens)], b.token(claims{"tab": i})) { // the last is for this tab alone
						to, _ := resp.Location()
						if to == nil || to.Host != "idp.example" {
							break
						}
						back := url.Values{"jwt": {tok}}
						for _, name := range []string{"state", "return_to"} {
							if v := to.Query().Get(name); v != "" {
								back.Set(name, v)
							}
						}
						resp = c.follow(c.get("/auth/sso?"+back.Encode(), fromIdP...))
					}
					resp.want(t, 302, page)
				})
			}
			wg.Wait()
			if c.email() != "ann@example.com" {
				t.Errorf("signed in as %q", c.email())
			}
		})
	}
}

// A tab's request is under way with the cookie of a session that another tab replaces: its next request brings the newer one,
// so the tab lands on its page. Where nobody is signed in, one such look more is all there is.
func TestSpentTokenBesideANewerSession(t *testing.T) {
	b := start(t, "PROVIDERS=other", "PROVIDER_OTHER_SHARED_SECRET=3JqYyvT8sWk2nLr5Xa7mZd1cFhB9gPeUoQ4iKxMzN60",
		"PROVIDER_OTHER_IDENTITY_PROVIDER_URI=https://other.example/login")
	tok := b.token(nil)
	b.browser().get("/auth/sso?provider=jwt&jwt="+tok).want(t, 302, "/")
	spent := "/auth/sso?provider=jwt&return_to=%2Fdeep&jwt=" + tok
	c := b.browser()
	c.follow(c.get(spent, fromIdP...)).want(t, 302, "https://idp.example/login?from=bridge&return_to=%2Fdeep")
	again := c.get(spent, fromIdP...).Header.Get("Location")
	u, _ := url.Parse(b.url)
	var begun string // that the page's sign-in has begun once more
	for _, cookie := range c.Jar.Cookies(u) {
		if strings.HasSuffix(cookie.Name, "begun") {
			begun = cookie.Name + "=" + cookie.Value + "; "
		}
	}
	signIn := func(n int) (session string) {
		c.get("/auth/sso?provider=jwt&jwt="+b.token(claims{"n": n}), fromIdP...).want(t, 302, "/")
		return "ssobridge=" + c.cookie()
	}
	replaced := signIn(1)
	signIn(2)
	before := b.sessions()
	last := strings.Replace(again, "again=yes", "again=last", 1)
	for name, cookies := range map[string]string{"begun": begun + replaced, "begun, then forgotten": replaced} {
		inFlight := append([]string{"Cookie: " + cookies}, fromIdP...)
		resp := b.browser().get(again, inFlight...)
		resp.want(t, 302, last)
		c.get(resp.Header.Get("Location"), fromIdP...).want(t, 302, "/deep")
		b.browser().get(last, inFlight...).want(t, 401, "")
		if e := b.lastEvent(); e.Code != sso.TokenReplayed || !strings.Contains(e.Detail, "came again") {
			t.Errorf("%s: event: got %+v", name, e)
		}
	}
	if b.sessions() != before {
		t.Errorf("got %d sessions, want %d: a spent token opened one", b.sessions(), before)
	}
	// A product that sends the same token for ever, to a browser that keeps the cookie of an ended session.
	b.browser().get("/auth/sso?provider=jwt&jwt="+b.token(claims{"n": 3}), "Cookie: ssobridge="+c.cookie()).want(t, 302, "/")
	if c.who() != nil {
		t.Fatal("the session was not ended")
	}
	requests := 0
	before = b.sessions()
	for resp := c.get(spent, fromIdP...); resp.StatusCode != 401; requests++ {
		if requests > 10 {
			t.Fatal("an endless redirect")
		}
		to := resp.Header.Get("Location")
		if strings.HasPrefix(to, "https://idp.example/") {
			to = spent
		}
		resp = c.get(to, fromIdP...)
	}
	if requests < 3 || b.sessions() != before || c.who() != nil {
		t.Errorf("after %d requests: %d sessions, want %d", requests, b.sessions(), before)
	}
}

// A product that sends people back without a token is told so, instead of an endless redirect.
func TestCircle(t *testing.T) {
	tok := "eyJhbGciOiJIUzI1NiJ9.eyJlbWFpbCI6ImFubkBleGFtcGxlLmNvbSJ9.c2lnbmF0dXJlc2lnbmF0dXJl"
	for name, path := range map[string]string{
		"another name": "/auth/sso?token=" + tok + "&return_to=%2Fdeep", "in a fragment": "/auth/sso?return_to=%2Fdeep",
		"at the page": "/auth/sso?redirect=" + url.QueryEscape("/deep?token="+tok),
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			c := b.browser()
			c.get("/auth/sso?redirect=%2Fdeep", "Accept: text/html", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate")
			for range 3 {
				if resp := c.get(path, fromIdP...); resp.StatusCode == 400 {
					break
				} else if resp.StatusCode != 302 {
					t.Fatalf("got %d", resp.StatusCode)
				}
			}
			resp := c.get(path, fromIdP...)
			if resp.StatusCode != 400 || !strings.Contains(resp.body, "Your product sent you back without a token") || strings.Contains(resp.body, tok) {
				t.Fatalf("got %d %s", resp.StatusCode, resp.body)
			}
			log := b.log.String()
			if !strings.Contains(log, "level=WARN") || !strings.Contains(log, "sign_in_circle") || strings.Contains(log, tok) { // SECURITY K1
				t.Errorf("the log: %s", log)
			}
			if strings.Contains(path, "token=") && !strings.Contains(b.lastEvent().Detail, "token") {
				t.Errorf("event: got %+v", b.lastEvent())
			}
			// Whoever presses the button begins anew, and so does everybody after half a minute.
			c.get("/auth/sso?redirect=%2Fdeep", "Accept: text/html", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate").want(t, 302,
				"https://idp.example/login?from=bridge&return_to=%2Fdeep")
			b.Pass(31 * time.Second)
			if resp := c.get(path, fromIdP...); resp.StatusCode != 302 {
				t.Errorf("later: got %d", resp.StatusCode)
			}
		})
	}
	b := start(t)
	if resp := b.browser().send("POST", "/auth/sso", form("token", tok), fromIdP...); resp.StatusCode != 400 || !strings.Contains(b.lastEvent().Detail, "token") {
		t.Errorf("a form of another site: got %d", resp.StatusCode)
	}
	c := b.browser()
	for i := range 20 { // restored, or opened from a bookmark: no circle
		if resp := c.get("/auth/sso?redirect=%2Fdeep", "Accept: text/html"); resp.StatusCode != 302 {
			t.Errorf("tab %d: got %d", i, resp.StatusCode)
		}
	}
	// One chain of redirects from a typed address stays "none": a page of ours makes a step of its own.
	typed := b.browser()
	var resp response
	for range 4 {
		resp = typed.get("/auth/sso?redirect=%2Fdeep", "Accept: text/html", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate")
	}
	if resp.StatusCode != http.StatusOK || !strings.Contains(resp.body, "/auth/sso?redirect=%2Fdeep") {
		t.Errorf("a chain of redirects: got %d", resp.StatusCode)
	}
}

// Who is signed in by the time its callback comes goes on to its page, and stays who it is.
func TestSignedInMeetsNoDeadEnd(t *testing.T) {
	b := start(t, "JWT_BINDING=state")
	c := b.browser()
	late := c.begin("/late")
	b.Pass(sso.FlowLifetime)
	q := c.begin("/")
	c.back("jwt", b.token(nil), "state", q.Get("state")).want(t, 302, "/")
	c.back("jwt", b.token(claims{"n": 1}), "state", late.Get("state")).want(t, 302, "/late")
	if e := b.lastEvent(); e.Code != sso.FlowMissing || !strings.Contains(e.Detail, "signed in already") || b.sessions() != 1 {
		t.Errorf("event: got %+v, %d sessions", e, b.sessions())
	}
	// SECURITY C4: a link for somebody else changes nothing, and is refused.
	c.back("jwt", b.token(claims{"email": "mallory@example.com"}), "return_to", "/x").want(t, 401, "")
	if c.email() != "ann@example.com" {
		t.Errorf("signed in as %s", c.email())
	}
}
