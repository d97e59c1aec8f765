package server_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/token"
)

// otherProvider are the settings of a second provider, "other", with a secret and an issuer of its own. That of the settings JWT_…
// has no issuer.
func otherProvider(secret string, more ...string) []string {
	return append([]string{"PROVIDERS=other", "PROVIDER_OTHER_LABEL=The other", "PROVIDER_OTHER_IDENTITY_PROVIDER_URI=https://other.example/login",
		"PROVIDER_OTHER_SHARED_SECRET=" + secret, "PROVIDER_OTHER_ISSUER=https://other.example"}, more...)
}

// One server, two providers with secrets of their own: each has its buttons, its flows, its tokens and its sessions.
func TestTwoProviders(t *testing.T) {
	const otherSecret = "Tq4Wm8Zc1Xv6Bn2Lk9Pj3Hg7Fd5Sa0Ry"
	b := start(t, otherProvider(otherSecret, "JWT_BINDING=state", "PROVIDER_OTHER_BINDING=state", "PROVIDER_OTHER_LINK_ACCOUNTS=true",
		"PROVIDER_OTHER_LOGOUT_URI=https://other.example/bye", "JWT_LOGOUT_URI=https://idp.example/bye")...)
	of := func(secret string, with claims) string {
		t.Helper()
		all := claims{"email": "ann@example.com", "exp": b.Now().Add(10 * time.Minute).Unix(), "jti": "1"} // each counts from 1
		for k, v := range with {
			all[k] = v
		}
		tok, err := token.Mint(secret, all)
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	// begin begins a login, and returns its state.
	begin := func(c *browser, query, host string) string {
		t.Helper()
		at, err := c.get("/auth/sso" + query).Location()
		if err != nil || at.Host != host {
			t.Fatalf("%s: sent to %v, %v, want %s", query, at, err, host)
		}
		return url.QueryEscape(at.Query().Get("state"))
	}
	iss := claims{"iss": "https://other.example"}

	b.browser().get("/auth/sso?redirect=/a%3Fb").want(t, http.StatusSeeOther, "/login?return_to=%2Fa%3Fb") // which one?
	if page := b.browser().get("/login").body; !strings.Contains(page, "The other") {
		t.Errorf("no button for the other provider:\n%s", page)
	}
	for _, tt := range []struct{ query, host, token, provider string }{
		{"?provider=jwt", "idp.example", of(secret, nil), "jwt"},
		{"?provider=other", "other.example", of(otherSecret, iss), "other"},
	} {
		c := b.browser()
		resp := c.get("/auth/sso?state=" + begin(c, tt.query, tt.host) + "&jwt=" + tt.token)
		resp.want(t, http.StatusFound, "/")
		if e := b.lastEvent(); e.Kind != sso.EventSignIn || e.Provider != tt.provider || c.email() != "ann@example.com" {
			t.Errorf("%s: got event %+v, signed in as %q", tt.provider, e, c.email())
		}
		list, _, err := b.store.Sessions(t.Context(), sso.SessionQuery{})
		if err != nil || list[0].Provider != tt.provider {
			t.Errorf("%s: got sessions %+v, %v", tt.provider, list, err)
		}
		b.Pass(time.Second)
	}
	for _, tt := range []struct {
		name, begun, host, token, provider string
		want                               sso.Code
	}{
		{"the other's secret", "?provider=jwt", "idp.example", of(otherSecret, claims{"jti": "2"}), "", sso.TokenSignature},
		{"ended with the other", "?provider=jwt", "idp.example", of(otherSecret, iss), "&provider=other", sso.FlowMismatch},
		{"a token of this one for the other", "?provider=other", "other.example", of(secret, iss), "", sso.TokenSignature},
		{"used", "?provider=other", "other.example", of(otherSecret, iss), "", sso.TokenReplayed},
	} {
		c := b.browser()
		resp := c.get("/auth/sso?state="+begin(c, tt.begun, tt.host)+"&jwt="+tt.token+tt.provider, page)
		if tt.want == sso.TokenReplayed { // once more, with the same provider
			resp.want(t, http.StatusFound, "/auth/sso?again=yes&redirect=%2F&provider=other")
		}
		if e := b.lastEvent(); e.Kind != sso.EventSignInRefused || e.Code != tt.want || c.email() != "" {
			t.Errorf("%s: got event %+v, signed in as %q, want %s", tt.name, e, c.email(), tt.want)
		}
	}
	resp := b.browser().send("POST", "/auth/sso", "application/json\n{}", "Accept: application/json")
	if !strings.Contains(resp.body, "idp.example") {
		t.Errorf("a program is told %s", resp.body)
	}
}

// SECURITY E1: what a second provider says opens no account of the first one, and the refusal says what to set.
func TestAccountOfAnotherProvider(t *testing.T) {
	const otherSecret = "Tq4Wm8Zc1Xv6Bn2Lk9Pj3Hg7Fd5Sa0Ry"
	b := start(t, otherProvider(otherSecret)...)
	b.browser().get("/auth/sso?provider=jwt&jwt="+b.token(nil)).want(t, http.StatusFound, "/")
	tok, err := token.Mint(otherSecret, claims{"email": "ann@example.com", "iss": "https://other.example", "exp": b.Now().Add(time.Minute).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	c := b.browser()
	if resp := c.get("/auth/sso?jwt=" + tok); resp.StatusCode != http.StatusForbidden || c.email() != "" {
		t.Errorf("got %d, signed in as %q", resp.StatusCode, c.email())
	}
	if e := b.lastEvent(); e.Code != sso.LinkRefused || e.Provider != "other" || !strings.Contains(e.Detail, "PROVIDER_OTHER_LINK_ACCOUNTS is off") {
		t.Errorf("got event %+v", e)
	}
}

// Whoever signs out goes to the product of the provider that signed them in.
func TestSignOutOfTwoProviders(t *testing.T) {
	const otherSecret = "Tq4Wm8Zc1Xv6Bn2Lk9Pj3Hg7Fd5Sa0Ry"
	b := start(t, otherProvider(otherSecret, "PROVIDER_OTHER_LOGOUT_URI=https://other.example/bye", "JWT_LOGOUT_URI=https://idp.example/bye")...)
	ann := b.browser()
	ann.get("/auth/sso?provider=jwt&jwt="+b.token(nil)).want(t, http.StatusFound, "/")
	tok, err := token.Mint(otherSecret, claims{"email": "bob@example.com", "iss": "https://other.example", "exp": b.Now().Add(time.Minute).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	bob := b.browser()
	bob.get("/auth/sso?jwt="+tok).want(t, http.StatusFound, "/")
	ann.send("POST", "/auth/logout", form(), page).want(t, http.StatusSeeOther, "https://idp.example/bye")
	b.save("PROVIDER_OTHER_ENABLED=false") // as with JWT_ENABLED, sessions go on, and end in the same way
	for deadline := time.Now().Add(10 * time.Second); b.browser().get("/auth/sso?provider=other").StatusCode == http.StatusFound; {
		if time.Now().After(deadline) {
			t.Fatal("the other provider is still on")
		}
		b.Pass(2 * time.Second)
	}
	if policy := bob.get("/auth/logout", page).Header.Get("Content-Security-Policy"); !strings.Contains(policy, "https://other.example") {
		t.Errorf("the form may not lead to the other provider: %s", policy)
	}
	bob.send("POST", "/auth/logout", form(), page).want(t, http.StatusSeeOther, "https://other.example/bye")
}

// Who is not among those who may come in gets no account; the log says by which setting, and the page does not.
func TestWhoMayComeIn(t *testing.T) {
	b := start(t, "JWT_ALLOWED_DOMAINS=example.com", "JWT_ALLOWED_GROUPS=staff", `JWT_REQUIRE=[{"claim":"azp","values":["bi"]}]`)
	for _, tt := range []struct {
		name string
		with claims
		want sso.Code
	}{
		{"one of them", claims{"groups": []string{"staff"}, "azp": "bi"}, ""},
		{"another domain", claims{"groups": []string{"staff"}, "azp": "bi", "email": "eve@example.com.evil"}, sso.PersonNotAllowed},
		{"another group", claims{"groups": []string{"guests"}, "azp": "bi", "jti": "2"}, sso.PersonNotAllowed},
		{"another client", claims{"groups": []string{"staff"}, "azp": "x", "jti": "3"}, sso.TokenClaim},
	} {
		c := b.browser()
		resp := c.get("/auth/sso?jwt="+b.token(tt.with), page)
		if e := b.lastEvent(); e.Code != tt.want || (c.email() == "") != (tt.want != "") {
			t.Errorf("%s: got %+v, signed in as %q", tt.name, e, c.email())
		}
		if strings.Contains(resp.body, "ALLOWED_") { // SECURITY K3
			t.Errorf("%s: the page names the setting", tt.name)
		}
	}
	if a, err := b.store.AccountByEmail(t.Context(), "eve@example.com.evil"); err == nil {
		t.Errorf("an account was made: %+v", a)
	}
}

// The page that asks about another account sends the token on to the provider that it came for: no issuer tells the two apart.
func TestSwitchWithTwoProviders(t *testing.T) {
	const otherSecret = "Tq4Wm8Zc1Xv6Bn2Lk9Pj3Hg7Fd5Sa0Ry"
	b := start(t, otherProvider(otherSecret)...)
	c := b.browser()
	c.get("/auth/sso?provider=jwt&jwt="+b.token(nil)).want(t, http.StatusFound, "/")
	resp := c.get("/auth/sso?provider=jwt&jwt="+b.token(claims{"email": "bob@example.com", "jti": "b"}), page)
	fields := url.Values{}
	for _, field := range regexp.MustCompile(`name="(\w+)" value="([^"]*)"`).FindAllStringSubmatch(resp.body, -1) {
		fields.Set(field[1], field[2])
	}
	if fields.Get("switch") != "yes" {
		t.Fatalf("nobody is asked:\n%s", resp.body)
	}
	c.send("POST", "/auth/sso", "application/x-www-form-urlencoded\n"+fields.Encode(), page).want(t, http.StatusSeeOther, "/")
	if c.email() != "bob@example.com" {
		t.Errorf("signed in as %q", c.email())
	}
}

// ALLOWED_GROUPS names groups as the provider sends them, whatever they are called here.
func TestAllowedGroupsWithPrefix(t *testing.T) {
	b := start(t, "JWT_ALLOWED_GROUPS=staff", "JWT_GROUP_PREFIX=acme:")
	for group, want := range map[string]string{"staff": "ann@example.com", "acme:staff": "", "guests": ""} {
		c := b.browser()
		c.get("/auth/sso?jwt=" + b.token(claims{"groups": []string{group}, "jti": group}))
		if got := c.email(); got != want {
			t.Errorf("%s: signed in as %q, want %q", group, got, want)
		}
	}
}
