package server_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/logout"
)

// logoutToken signs a logout token as the OpenID provider. typ "" leaves the type out.
func (w *openID) logoutToken(typ string, with claims) string {
	w.idp.Header = func(h map[string]any) {
		if h["typ"] = typ; typ == "" {
			delete(h, "typ")
		}
	}
	defer func() { w.idp.Header = nil }()
	c := map[string]any{"iss": w.idp.URL, "aud": "the bridge", "iat": w.Now().Unix(), "exp": w.Now().Add(time.Minute).Unix(), "jti": sso.NewSessionID(), "sub": "ada-1",
		"events": map[string]any{logout.EventURI: map[string]any{}}}
	maps.Copy(c, with)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return w.idp.Sign(c)
}

const openIDLogout = "/auth/oidc/acme/backchannel-logout"

func (w *openID) backChannel(path, token string) (int, sso.Code) {
	w.t.Helper()
	resp := w.browser().send("POST", path, form("logout_token", token))
	var answer struct {
		Code sso.Code `json:"code"`
	}
	_ = json.Unmarshal([]byte(resp.body), &answer)
	return resp.StatusCode, answer.Code
}

// An OpenID provider ends the sessions of who signed out there, and the sign-ins that were under way. SECURITY D9
func TestOpenIDBackChannelLogout(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		w := startOpenID(t, database)
		in := func(sid string) *browser {
			t.Helper()
			w.idp.IDToken = func(c map[string]any) { c["sid"] = sid }
			c := w.browser()
			w.signIn(c).want(t, http.StatusFound, "/wanted")
			return c
		}
		phone, desk := in("phone"), in("desk")
		late := w.browser()
		lateAddress := w.begin(late, "?redirect=/late")

		if status, code := w.backChannel(openIDLogout, w.logoutToken("logout+jwt", claims{"sid": "phone"})); status != http.StatusOK {
			t.Fatalf("one session: got %d %s", status, code)
		}
		if phone.email() != "" || desk.email() == "" {
			t.Errorf("one session: signed in are %q and %q, want the other one", phone.email(), desk.email())
		}
		w.Pass(time.Second)
		if status, code := w.backChannel(openIDLogout, w.logoutToken("", nil)); status != http.StatusOK { // as Dex leaves the type out
			t.Fatalf("the person: got %d %s", status, code)
		}
		if desk.email() != "" {
			t.Error("the person is still signed in")
		}
		w.Pass(time.Minute) // the code was given before, the ID token is signed now
		if resp := late.get(w.atProvider(lateAddress)); resp.StatusCode != http.StatusUnauthorized || w.lastEvent().Code != sso.SignedOut {
			t.Errorf("a sign-in that began before: got %d, %s", resp.StatusCode, w.lastEvent().Code)
		}
		again := in("new")
		if again.email() == "" {
			t.Error("a sign-in that began after: nobody is signed in")
		}

		other := w.logoutToken("logout+jwt", claims{"aud": "another app"})
		idToken := w.logoutToken("JWT", claims{"events": nil, "nonce": "n", "email": "ada@example.com"})
		secretSigned := w.bridge.logoutToken(claims{"iss": w.idp.URL, "aud": "the bridge", "sub": "ada-1"})
		for _, tt := range []struct {
			name, path, token string
			status            int
			code              sso.Code
		}{
			{"another audience", openIDLogout, other, 400, sso.TokenAudience},
			{"an ID token", openIDLogout, idToken, 400, sso.TokenType},
			{"an ID token without a type", openIDLogout, w.logoutToken("", claims{"events": nil, "nonce": "n"}), 400, sso.LogoutEvent},
			{"a nonce", openIDLogout, w.logoutToken("", claims{"nonce": "n"}), 400, sso.LogoutNonce},
			{"signed with a secret", openIDLogout, secretSigned, 400, sso.KeyUnknown},
			{"at no provider", "/auth/oidc/other/backchannel-logout", w.logoutToken("", nil), 400, sso.RequestMalformed},
			{"at the path of kind jwt, which is good", "/auth/sso/backchannel-logout?provider=acme", w.logoutToken("", claims{"sub": "nobody"}), 200, ""},
		} {
			if status, code := w.backChannel(tt.path, tt.token); status != tt.status || code != tt.code {
				t.Errorf("%s: got %d %s, want %d %s", tt.name, status, code, tt.status, tt.code)
			}
		}
		if again.email() == "" {
			t.Error("a refused token ended the session")
		}
	})
}

// While its keys cannot be fetched, the provider is told to try again; it may do so with the same token. SECURITY D9
func TestOpenIDLogoutWithoutKeys(t *testing.T) {
	w := startOpenID(t)
	down := func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) }
	w.idp.Before["/jwks"] = down
	token := w.logoutToken("logout+jwt", nil)
	resp := w.browser().send("POST", openIDLogout, form("logout_token", token))
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || !strings.Contains(resp.body, string(sso.ProviderUnavailable)) {
		t.Errorf("got %d, Retry-After %q, %s; want 503", resp.StatusCode, resp.Header.Get("Retry-After"), resp.body)
	}
	delete(w.idp.Before, "/jwks")
	w.Pass(time.Minute - time.Second) // past what is remembered of the failure
	if status, code := w.backChannel(openIDLogout, token); status != http.StatusOK {
		t.Errorf("the same token, once the keys are there: got %d %s", status, code)
	}
}

// Who signs out here signs out at the OpenID provider, too, by the page that it names, and comes back to a page that says so.
func TestOpenIDSignOut(t *testing.T) {
	w := startOpenID(t)
	given := ""
	w.idp.Signed = func(token string) string { given = token; return token }
	c := w.browser()
	w.signIn(c).want(t, http.StatusFound, "/wanted")
	page := w.idp.URL + "/logout?theme=dark"
	w.idp.Document = func(d map[string]any) { d["end_session_endpoint"] = page }
	w.Pass(25 * time.Hour) // the document is read anew
	resp := c.send("POST", "/auth/logout", form("return_to", "https://evil.example/"), "Sec-Fetch-Site: same-origin", "Accept: text/html")
	u, err := url.Parse(refresh(resp.body))
	if err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(u.String(), w.idp.URL+"/logout?") {
		t.Fatalf("got %d to %q, want the page of the provider", resp.StatusCode, u)
	}
	q := u.Query()
	if q.Get("client_id") != "the bridge" || q.Get("post_logout_redirect_uri") != w.url+"/auth/logout" || len(q.Get("state")) < 20 || given == "" || q.Get("id_token_hint") != given || q.Get("theme") != "dark" || strings.Contains(u.String(), "evil") {
		t.Errorf("got the parameters %v", q)
	}
	if c.email() != "" || w.sessions() != 0 {
		t.Error("still signed in here")
	}
	for _, state := range []string{"?state=" + q.Get("state"), "?state=other", ""} { // whatever comes back, it says the same
		back := c.get("/auth/logout"+state, "Accept: text/html")
		if back.StatusCode != http.StatusOK || strings.Contains(back.body, "<form") {
			t.Errorf("back with %q: got %d %s", state, back.StatusCode, sso.Truncate(back.body, 300))
		}
	}

	// A hint that makes an address too long for the buffers of proxies stays away.
	w.idp.Claims["groups"] = []any{strings.Repeat("research ", 300)}
	w.signIn(c).want(t, http.StatusFound, "/wanted")
	resp = c.send("POST", "/auth/logout", form(), "Sec-Fetch-Site: same-origin", "Accept: text/html")
	if to := refresh(resp.body); len(to) > 3<<10 || !strings.Contains(to, "client_id=") || strings.Contains(to, "id_token_hint") {
		t.Errorf("a long ID token: got %d bytes %q", len(to), sso.Truncate(to, 300))
	}
	w.idp.Claims["groups"] = []any{"research"}

	// While it cannot be asked, the person is signed out here all the same.
	c = w.browser()
	w.signIn(c).want(t, http.StatusFound, "/wanted")
	w.Pass(25 * time.Hour)
	w.idp.Close()
	resp = c.send("POST", "/auth/logout", form(), "Sec-Fetch-Site: same-origin", "Accept: text/html")
	if resp.StatusCode >= 400 || c.email() != "" || w.sessions() != 0 {
		t.Errorf("with the provider down: got %d", resp.StatusCode)
	}
}
