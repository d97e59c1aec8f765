package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// SECURITY D3, D6: of two cookies of the session's name nobody can tell which was planted, so no one is signed in by them:
// whichever comes first, and whatever else the request brings. RFC 6265 §4.2.2 warns of relying on the order.
func TestTwoSessionCookiesAreNobodys(t *testing.T) {
	b := start(t, "UPSTREAM="+app(t).URL, "TRUSTED_PROXIES=127.0.0.1", "FORWARD_AUTH=true")
	ann, mallory := b.browser(), b.browser()
	ann.signIn(nil)
	mallory.signIn(claims{"email": "mallory@example.com"})
	own, planted := "ssobridge="+ann.cookie(), "ssobridge="+mallory.cookie()
	for name, headers := range map[string][]string{
		"own first": {"Cookie: " + own + "; " + planted}, "planted first": {"Cookie: " + planted + "; a=b; " + own},
		"two lines": {"Cookie: " + planted, "Cookie: " + own}, "the same twice": {"Cookie: " + own + "; " + own},
		"one is garbage": {"Cookie: ssobridge=x; " + own}, "one is empty": {"Cookie: " + own + "; ssobridge="},
		"with a header":   {"Cookie: " + own + "; " + planted, "X-Metabase-Session: " + ann.cookie()},
		"with a bearer":   {"Cookie: " + own + "; " + planted, "Authorization: Bearer " + ann.cookie()},
		"garbage, header": {"Cookie: ssobridge=x; ssobridge=y", "X-Metabase-Session: " + ann.cookie()},
	} {
		c := b.browser()
		for path, more := range map[string][]string{"/auth/verify": nil, "/auth/forward": asked(b, "GET", "/page"), "/api/user/current": nil, "/page": nil} {
			if resp := c.get(path, append(more, headers...)...); resp.StatusCode != 401 || resp.Header.Get("Remote-User") != "" {
				t.Errorf("%s: %s: got %d as %q, want 401", name, path, resp.StatusCode, resp.Header.Get("Remote-User"))
			}
		}
	}
}

// SECURITY D4: a sign-out ends every session that the browser names, not one of them by a guess.
func TestSignOutEndsAllThatIsNamed(t *testing.T) {
	for name, order := range map[string][]int{"one first": {0, 1}, "the other first": {1, 0}} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			replica := startOn(t, b, "SITE_URL="+b.url)
			var ids []string
			for _, email := range []string{"ann@example.com", "mallory@example.com", "bob@example.com"} {
				c := b.browser()
				c.signIn(claims{"email": email})
				ids = append(ids, c.cookie())
			}
			live := func(on *bridge, id string) bool {
				return on.browser().get("/auth/verify", "Cookie: ssobridge="+id).StatusCode == 200
			}
			for _, id := range ids {
				if !live(b, id) || !live(replica, id) {
					t.Fatal("not signed in")
				}
			}
			two := fmt.Sprintf("Cookie: ssobridge=%s; ssobridge=x; ssobridge=%s", ids[order[0]], ids[order[1]])
			c := b.browser()
			if page := c.get("/auth/logout", two, "Accept: text/html"); page.StatusCode != 200 || !dom.Has(page.body, "form") || !strings.Contains(page.body, "@example.com") {
				t.Errorf("the page: got %d %s, want a button", page.StatusCode, page.body)
			}
			out := c.send("POST", "/auth/logout", form(), two, "Sec-Fetch-Site: same-origin")
			if out.StatusCode != 200 || len(out.Cookies()) == 0 || out.Cookies()[0].MaxAge >= 0 {
				t.Errorf("got %d %v", out.StatusCode, out.Header)
			}
			events, _, err := b.store.Events(t.Context(), sso.EventQuery{Page: sso.Page{Limit: 2}})
			if err != nil {
				t.Fatal(err)
			}
			who := map[string]bool{}
			for _, e := range events {
				who[fmt.Sprint(e.Kind, " ", e.Email, " ", e.AccountID != 0)] = true
			}
			for _, email := range []string{"ann@example.com", "mallory@example.com"} {
				if !who[fmt.Sprint(sso.EventSignOut, " ", email, " true")] {
					t.Errorf("events: got %v, want the sign-out of %s", who, email)
				}
			}
			for i, id := range ids {
				want := i == 2
				if got := live(b, id); got != want {
					t.Errorf("session %d: got alive %v, want %v", i, got, want)
				}
				if err := eventually(func() bool { return live(replica, id) == want }); err != nil {
					t.Errorf("session %d on the replica: want alive %v", i, want)
				}
			}
		})
	}
}

// SECURITY D3: a new sign-in ends every session that the browser named before. Of another person's it asks first (C8).
func TestSignInEndsAllThatIsNamed(t *testing.T) {
	b := start(t)
	one, other := b.browser(), b.browser()
	one.signIn(claims{"n": 1})
	other.signIn(claims{"n": 3})
	two := "Cookie: ssobridge=" + other.cookie() + "; ssobridge=" + one.cookie()
	b.browser().get("/auth/sso?jwt="+b.token(claims{"n": 2}), two).want(t, 302, "/")
	if one.who() != nil || other.who() != nil || b.sessions() != 1 {
		t.Errorf("got %d sessions, want the new one", b.sessions())
	}
}

func TestTooManySessionCookies(t *testing.T) {
	b := start(t)
	c := b.browser()
	c.signIn(nil)
	many := "Cookie: " + strings.Repeat("ssobridge=x; ", 200) + "ssobridge=" + c.cookie()
	b.browser().send("POST", "/auth/logout", form(), many).want(t, 400, "") // rather than to say that it is done
	if c.who() == nil {
		t.Error("signed out")
	}
}

// After a sign-out no second cookie is left that would keep the person signed out for ever: of before COOKIE_DOMAIN changed,
// or of a sibling site.
func TestSignOutClearsOtherDomains(t *testing.T) {
	b := start(t, "SITE_URL=https://auth.apps.example.com", "COOKIE_DOMAIN=apps.example.com")
	site := &url.URL{Scheme: "https", Host: "auth.apps.example.com", Path: "/"}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	const name = "__Secure-ssobridge"
	for _, domain := range []string{"", "auth.apps.example.com", "apps.example.com", "example.com"} {
		jar.SetCookies(site, []*http.Cookie{{Name: name, Value: sso.NewSessionID(), Path: "/", Domain: domain, Secure: true}})
	}
	header := func() string {
		var all []string
		for _, c := range jar.Cookies(site) {
			all = append(all, c.Name+"="+c.Value)
		}
		return "Cookie: " + strings.Join(all, "; ")
	}
	if n := len(jar.Cookies(site)); n != 3 { // this jar takes the first two for one
		t.Fatalf("got %d cookies", n)
	}
	resp := b.browser().send("POST", "/auth/logout", form(), header())
	jar.SetCookies(site, resp.Cookies())
	if left := jar.Cookies(site); len(left) != 0 {
		t.Errorf("got %v left, want none", left)
	}
	for _, c := range resp.Cookies() {
		if c.Name != name || c.Value != "" || c.MaxAge >= 0 || !c.Secure || !c.HttpOnly || c.Path != "/" {
			t.Errorf("got %v", c)
		}
	}
	if one := b.browser().send("POST", "/auth/logout", form(), "Cookie: "+name+"="+sso.NewSessionID()).Cookies(); len(one) != 1 || one[0].Domain != "apps.example.com" {
		t.Errorf("with one cookie: got %v", one)
	}
	local := start(t)
	if all := local.browser().send("POST", "/auth/logout", form(), "Cookie: ssobridge=x; ssobridge=y").Cookies(); len(all) != 1 || all[0].Domain != "" {
		t.Errorf("of an address: got %v", all)
	}
}

// SECURITY D1, D3: what browsers do not take for white space is a part of the name. "\u2000__Host-ssobridge" has no prefix
// for them, so a sibling site may set it for all of the domain.
func TestOnlyTheExactNameIsTheSession(t *testing.T) {
	for _, site := range []struct {
		name     string
		settings []string
	}{
		{"ssobridge", nil},
		{"__Host-ssobridge", []string{"SITE_URL=https://auth.example.com"}},
		{"__Secure-ssobridge", []string{"SITE_URL=https://auth.example.com", "COOKIE_DOMAIN=example.com"}},
	} {
		b := start(t, append(site.settings, "TRUSTED_PROXIES=127.0.0.1")...)
		planted := signedInAs(b, site.name)
		for _, name := range almost(site.name) {
			for _, header := range []string{name + "=" + planted, "a=1;" + name + "=" + planted, "a=1; " + name + "=" + planted + "; b=2"} {
				for path, more := range map[string][]string{"/auth/verify": nil, "/auth/forward": asked(b, "GET", "/"), "/api/user/current": nil} {
					resp := b.browser().get(path, append(more, "Cookie: "+header)...)
					if resp.StatusCode != 401 || resp.Header.Get("Remote-User") != "" {
						t.Errorf("%s: %q: got %d as %q, want 401", path, header, resp.StatusCode, resp.Header.Get("Remote-User"))
					}
				}
			}
			// Nor does it stand in the way of the true one.
			resp := b.browser().get("/auth/verify", "Cookie: "+name+"=x; "+site.name+"="+planted)
			if resp.StatusCode != 200 {
				t.Errorf("beside %q: got %d, want 200", name, resp.StatusCode)
			}
		}
		for _, header := range []string{"a=1;" + site.name + "=" + planted, "a=1;\t " + site.name + "=" + planted + " \t;b=2"} {
			if got := b.browser().get("/auth/verify", "Cookie: "+header).StatusCode; got != 200 {
				t.Errorf("%q: got %d, want 200", header, got)
			}
		}
	}
}

// signedInAs returns the session of a new sign-in, whatever the name of its cookie.
func signedInAs(b *bridge, name string) string {
	b.t.Helper()
	for _, c := range b.browser().signIn(nil).Cookies() {
		if c.Name == name && c.Value != "" {
			return c.Value
		}
	}
	b.t.Fatalf("no cookie %s", name)
	return ""
}

// almost are names that some program or other takes for name. HTTP has no more control characters than the tab.
func almost(name string) []string {
	all := []string{strings.ToUpper(name), name + " ", name + "\t", "\"" + name + "\"", name + "%20", "%20" + name, "$" + name, "\xa0" + name, "\x85" + name, "\xff" + name}
	for _, space := range "\u0085\u00a0\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff" {
		all = append(all, string(space)+name, " "+string(space)+name, name+string(space))
	}
	return all
}

// SECURITY D1, C4: the cookie of a login that has begun is ours under its exact name only, too.
func TestOnlyTheExactNameIsTheFlow(t *testing.T) {
	b := start(t, "SITE_URL=https://auth.example.com", "JWT_BINDING=state")
	began := b.browser().get("/auth/sso")
	to, err := url.Parse(began.Header.Get("Location"))
	if err != nil || len(began.Cookies()) == 0 {
		t.Fatalf("got %v, %v", began.Header, err)
	}
	flow, state := began.Cookies()[0], to.Query().Get("state")
	path := "/auth/sso?" + url.Values{"jwt": {b.token(nil)}, "state": {state}}.Encode()
	for _, name := range almost(flow.Name) {
		resp := b.browser().get(path, "Cookie: "+name+"="+flow.Value)
		if resp.StatusCode != 401 || b.sessions() != 0 {
			t.Errorf("%q: got %d, want 401", name, resp.StatusCode)
		}
	}
	b.browser().get(path, "Cookie: "+flow.Name+"="+flow.Value).want(t, 302, "/")
}

// SECURITY H6: whatever an app may read as a cookie of ours stays here.
func TestNothingLikeOursReachesTheApp(t *testing.T) {
	behind := app(t)
	b := start(t, "UPSTREAM="+behind.URL, "TRUSTED_PROXIES=127.0.0.1", "FORWARD_AUTH=true")
	c := b.browser()
	c.signIn(nil)
	id, secret := c.cookie(), sso.NewSessionID()
	check := func(name, want string, headers ...string) {
		t.Helper()
		headers = append(headers, "X-Metabase-Session: "+id)
		forwarded := b.browser().get("/auth/forward?with=cookies", append(asked(b, "GET", "/"), headers...)...)
		passed := b.browser().get("/page", headers...)
		var got http.Header
		if err := json.Unmarshal([]byte(passed.body), &got); err != nil || forwarded.StatusCode != 200 {
			t.Fatalf("%q: %d %s, %d", name, passed.StatusCode, passed.body, forwarded.StatusCode)
		}
		for way, h := range map[string]http.Header{"/auth/forward": forwarded.Header, "UPSTREAM": got} {
			if all := fmt.Sprint(h); h.Get("Cookie") != want || strings.Contains(all, secret) || strings.Contains(all, id) {
				t.Errorf("%s: %q: got %q of %s, want %q", way, name, h.Get("Cookie"), all, want)
			}
		}
	}
	for _, ours := range []string{"__Secure-ssobridge", "__Host-ssobridge-flow-0", "ssobridge-flow-1", "__Host-ssobridge-device"} {
		for _, name := range append(almost(ours), ours) {
			if strings.ContainsAny(name, "%$") {
				continue
			}
			check(name, "", "Cookie: "+name+"="+secret)
			check(name, "a=1; b=2", "Cookie: a=1;"+name+"="+secret+";b=2")
			check(name, "a=1; b=2", "Cookie: a=1; "+name+"="+secret+"; "+name+"="+secret, "Cookie: "+ours+"=x; b=2")
		}
	}
	for _, theirs := range []string{"notssobridge", "ssobridge2", "my-ssobridge-flow-1", "__Host-", "_ssobridge"} {
		check(theirs, theirs+"=1", "Cookie: "+theirs+"=1")
	}
	check("two bearers", "", "Authorization: Bearer "+secret, "Authorization: bearer "+secret)
}

// SECURITY H4, H6: with UPSTREAM a trusted proxy is what does TLS, and hands on whatever X-Forwarded-… a script of the app
// sets. Such a script learns nothing that is kept from it.
func TestForwardIsNotForScriptsOfTheApp(t *testing.T) {
	b := start(t, "UPSTREAM="+app(t).URL, "TRUSTED_PROXIES=127.0.0.1")
	c := b.browser()
	c.signIn(nil)
	for _, query := range []string{"", "?with=cookies", "?with=sign_in"} {
		resp := b.browser().get("/auth/forward"+query, asked(b, "GET", "/", "Cookie: hidden=from-scripts; ssobridge="+c.cookie(), "Sec-Fetch-Mode: cors")...)
		if all := fmt.Sprint(resp.Header); resp.StatusCode != 403 || strings.Contains(all, "from-scripts") || strings.Contains(all, "Remote-") {
			t.Errorf("%q: got %d %v, want 403", query, resp.StatusCode, resp.Header)
		}
	}
}

// SECURITY C8: two cookies of the session's name are no one's, and do not pass over the question whether to switch people.
func TestTwoCookiesDoNotSkipTheQuestion(t *testing.T) {
	for name, settings := range map[string][]string{"ssobridge": nil, "__Secure-ssobridge": {"SITE_URL=https://auth.example.com", "COOKIE_DOMAIN=example.com"}} {
		t.Run(name, func(t *testing.T) {
			b := start(t, settings...)
			session := func(email string) string {
				_, value, _ := strings.Cut(b.browser().signIn(claims{"email": email}).Header.Get("Set-Cookie"), "=")
				value, _, _ = strings.Cut(value, ";")
				return name + "=" + value
			}
			victim, attacker := session("victim@example.com"), session("mallory@example.com")
			n := 0
			arrive := func(email string, cookies ...string) response {
				n++
				return b.browser().get("/auth/sso?jwt="+b.token(claims{"email": email, "n": n}), "Accept: text/html", "Cookie: "+strings.Join(cookies, "; "))
			}
			for _, cookies := range [][]string{{victim, name + "=x"}, {name + "=x", victim}, {attacker, victim}, {victim, attacker}, {victim, victim}} {
				page := arrive("mallory@example.com", cookies...)
				if page.StatusCode != 200 || !strings.Contains(page.body, "victim@example.com") || !strings.Contains(page.body, "mallory@example.com") {
					t.Errorf("%q: got %d, want the question", cookies, page.StatusCode)
				}
			}
			if who := b.browser().who("Cookie: " + victim); who["email"] != "victim@example.com" {
				t.Fatalf("the victim is %v, want still signed in", who)
			}
			resp := arrive("victim@example.com", victim, name+"=x")
			resp.want(t, 302, "/")
			var last string
			for _, cookie := range resp.Cookies() {
				if cookie.Name == name {
					last = cookie.Value
				}
			}
			if len(last) != 43 { // the planted one is taken away before, as far as it can be reached
				t.Errorf("the last cookie set: got %q, want a session", last)
			}
			if who := b.browser().who("Cookie: " + victim); who != nil {
				t.Errorf("the session before: got %v, want it ended", who) // SECURITY D3
			}
			arrive("new@example.com", name+"=x", name+"=y").want(t, 302, "/") // no live session: no question
		})
	}
}
