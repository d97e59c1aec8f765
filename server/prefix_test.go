package server_test

import (
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Each way in and out, where the bridge stands below a path. That all links stay there is a test of the administrator's place,
// which has all pages.
func TestSignInBelowAPrefix(t *testing.T) {
	b := start(t, "PATH_PREFIX=/_sso", "UPSTREAM="+app(t).URL)
	c := b.browser()
	c.get("/admin?x=1", page).want(t, 302, "/_sso/auth/sso?redirect=%2Fadmin%3Fx%3D1")
	c.get("/_sso/auth/sso?redirect=%2Fadmin%3Fx%3D1").want(t, 302, "https://idp.example/login?from=bridge&return_to=%2Fadmin%3Fx%3D1")
	c.get("/_sso/auth/sso?jwt="+b.token(nil)+"&return_to=%2Fadmin%3Fx%3D1").want(t, 302, "/admin?x=1")
	if body := c.get("/admin?x=1").body; !strings.Contains(body, "ann@example.com") {
		t.Errorf("the app: got %s, want it to know who it is", body)
	}
	if resp := c.get("/_sso/auth/verify"); resp.StatusCode != 200 || resp.Header.Get("Remote-User") != "ann@example.com" {
		t.Errorf("verify: got %d", resp.StatusCode)
	}
	if resp := c.get("/_sso/api/user/current"); resp.StatusCode != 200 {
		t.Errorf("current user: got %d", resp.StatusCode)
	}

	// A token that comes by a form of another site, and that of another person.
	forged := c.send("POST", "/_sso/auth/sso", form("jwt", b.token(claims{"email": "mallory@example.com"})), crossPost...)
	if forged.StatusCode != 303 || !strings.HasPrefix(forged.Header.Get("Location"), "/_sso/auth/sso?handoff=") {
		t.Errorf("a form of another site: got %d to %q", forged.StatusCode, forged.Header.Get("Location"))
	}
	if body := c.get(forged.Header.Get("Location"), page).body; !dom.Has(body, `[action="/_sso/auth/sso"]`) {
		t.Errorf("another person: got %.300s", body)
	}
	if body := c.get("/_sso/auth/logout", page).body; !dom.Has(body, `[action="/_sso/auth/logout"]`) {
		t.Errorf("sign out: got %.300s", body)
	}
	c.send("POST", "/_sso/auth/logout", form("scope", "others"), page).want(t, 303, "/_sso/auth/account?done=others")
	if body := c.send("POST", "/_sso/auth/logout", "", page).body; !dom.Has(body, `[href="/_sso/auth/sso"]`) {
		t.Errorf("signed out: got %.300s", body)
	}
	if body := c.get("/_sso/auth/sso?jwt=x&return_to=/deep", page).body; !dom.Has(body, `[href="/_sso/auth/sso?redirect=%2Fdeep"]`) {
		t.Errorf("a refusal: got %s, want it to begin anew below the prefix", body)
	}
}

func TestPasswordsBelowAPrefix(t *testing.T) {
	b := start(t, "PATH_PREFIX=/_sso", "SITE_URL=http://localhost:$PORT")
	link, err := b.srv.SetupLink(t.Context())
	if err != nil || !strings.HasPrefix(link, b.url+"/_sso/auth/setup#") {
		t.Errorf("the link to the first administrator: got %q, %v", link, err)
	}
	b.root()
	c := b.browser()
	c.get("/_sso/auth/passkeys", page).want(t, 302, "/_sso/login?return_to=%2F_sso%2Fauth%2Fpasskeys")
	c.send("POST", "/_sso/login", form("email", "root@example.com", "password", goodPassword, "return_to", "/_sso/auth/password")).want(t, 303, "/_sso/auth/password")
	b.Pass(11 * time.Minute)
	body := c.get("/_sso/auth/passkeys", page).body
	if want := "/_sso/auth/confirm?return_to=" + url.QueryEscape("/_sso/auth/passkeys"); !strings.Contains(html.UnescapeString(body), want) {
		t.Errorf("passkeys without a proof: got %s, want %s in it", body, want)
	}
	resp := c.send("POST", "/_sso/auth/passkeys/create", "application/json\n{}")
	if resp.StatusCode != 403 || !strings.Contains(resp.body, "/_sso/auth/confirm") {
		t.Errorf("a passkey without a proof: got %d %s", resp.StatusCode, resp.body)
	}
	c.send("POST", "/_sso/auth/password", form("old", goodPassword, "new", goodPassword+" again", "again", goodPassword+" again"), page).want(t, 303, "/_sso/auth/password?done=changed")
	c.get("/").want(t, 302, "/_sso/") // where a sign-in ends, and no app is there
	c.get("/login").want(t, 404, "")
	c.get("/auth/verify").want(t, 404, "")
}

func TestPKCEBelowAPrefix(t *testing.T) {
	e := newTokenEndpoint(t)
	b := start(t, append(pkce(e), "PATH_PREFIX=/_sso")...)
	c := b.browser()
	at, _ := url.Parse(c.get("/_sso/auth/sso?redirect=" + url.QueryEscape(deep)).Header.Get("Location"))
	q := at.Query()
	if got, want := q.Get("redirect_uri"), b.url+"/_sso/auth/sso"; got != want {
		t.Errorf("redirect_uri: got %q, want %q", got, want)
	}
	code := e.issue(q, b.token(claims{"nonce": q.Get("nonce")}))
	c.get("/_sso/auth/sso?code="+code+"&state="+q.Get("state")).want(t, 302, deep)
}

func TestForwardBelowAPrefix(t *testing.T) {
	b := start(t, "PATH_PREFIX=/_sso", "TRUSTED_PROXIES=127.0.0.1")
	c := b.browser()
	c.get("/_sso/auth/forward", asked(b, "GET", "/login?x", acceptPage)...).want(t, 302, b.url+"/_sso/auth/sso?redirect=%2Flogin%3Fx")
	c.get("/auth/forward", asked(b, "GET", "/login?x", acceptPage)...).want(t, 404, "")
	if resp := c.get("/_sso/auth/sso?jwt=" + b.token(nil)); resp.StatusCode != 302 {
		t.Fatalf("sign-in: got %d", resp.StatusCode)
	}
	if resp := c.get("/_sso/auth/forward", asked(b, "GET", "/login?x", acceptPage)...); resp.StatusCode != 200 || resp.Header.Get("Remote-User") != "ann@example.com" {
		t.Errorf("signed in: got %d", resp.StatusCode)
	}
}

// A program that mounts the bridge keeps its own /login, too.
func TestMountBelowAPrefix(t *testing.T) {
	b := start(t, "PATH_PREFIX=/_sso")
	h := b.srv.Mount(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for at, want := range map[string]int{
		"/login": 418, "/admin": 418, "/auth/sso": 418, "/": 418, "/healthz": 418, "/_ssox/login": 418, "/_sso/login": 200, "/_sso/healthz": 200, "/_sso": 200,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", at, nil))
		if w.Code != want {
			t.Errorf("%s: got %d, want %d", at, w.Code, want)
		}
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/private", nil)
	r.Header.Set("Accept", "text/html")
	b.srv.RequireSignIn()(h).ServeHTTP(w, r)
	if got, want := w.Header().Get("Location"), "/_sso/auth/sso?redirect=%2Fprivate"; got != want {
		t.Errorf("signed out: got %q, want %q", got, want)
	}
}
