package server_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/idp"
)

// email_verified speaks of the address beside it. It proves no other one: not that of another answer, nor that of another claim.
// SECURITY E1
func TestOpenIDVerifiedEmail(t *testing.T) {
	const mine, theirs = "eve@evil.example", "ada@example.com"
	for _, tt := range []struct {
		name     string
		setting  string
		idToken  map[string]any
		userinfo map[string]any
		code     sso.Code
	}{
		{"both in userinfo", "", nil, map[string]any{"email": theirs, "email_verified": true}, ""},
		{"verified in userinfo, the same address", "", map[string]any{"email": theirs}, map[string]any{"email": theirs, "email_verified": true}, ""},
		{"verified in userinfo alone", "", map[string]any{"email": theirs}, map[string]any{"email_verified": true}, sso.EmailUnverified},
		{"verified in userinfo, another address", "", map[string]any{"email": theirs}, map[string]any{"email": mine, "email_verified": true}, sso.EmailUnverified},
		{"address in userinfo, unverified there", "", map[string]any{"email_verified": true}, map[string]any{"email": theirs, "email_verified": false}, sso.EmailUnverified},
		{"address in userinfo, verified in the ID token", "", map[string]any{"email_verified": true}, map[string]any{"email": theirs}, sso.EmailUnverified},
		{"another claim is the address", "CLAIM_EMAIL=upn", map[string]any{"upn": theirs, "email": mine, "email_verified": true}, nil, sso.EmailUnverified},
		{"another claim with the same address", "CLAIM_EMAIL=upn", map[string]any{"upn": "ADA@example.com", "email": theirs, "email_verified": true}, nil, ""},
		{"another claim with a letter that only looks the same", "CLAIM_EMAIL=upn", map[string]any{"upn": "kate@example.com", "email": "\u212aate@example.com", "email_verified": true}, nil, sso.EmailUnverified},
		{"a name with a domain behind it", "CLAIM_PRINCIPAL=name PRINCIPAL_DOMAIN=example.com", map[string]any{"name": "ada", "email": mine, "email_verified": true}, nil, sso.EmailUnverified},
		{"another claim, and not required", "CLAIM_EMAIL=upn REQUIRE_VERIFIED_EMAIL=false", map[string]any{"upn": theirs, "email": mine, "email_verified": true}, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var settings []string
			for s := range strings.FieldsSeq(tt.setting) {
				settings = append(settings, "PROVIDER_ACME_"+s)
			}
			w := startOpenID(t, settings...)
			only := func(of map[string]any) func(map[string]any) {
				return func(c map[string]any) {
					delete(c, "email")
					delete(c, "email_verified")
					for name, value := range of {
						c[name] = value
					}
				}
			}
			w.idp.IDToken, w.idp.Userinfo = only(tt.idToken), only(tt.userinfo)
			c := w.browser()
			w.signIn(c)
			if got := w.lastEvent().Code; got != tt.code || (c.who() != nil) != (tt.code == "") {
				t.Errorf("got %q, signed in as %v; want %q", got, c.who(), tt.code)
			}
		})
	}
}

// A code of somebody else's sign-in opens nothing in another browser (RFC 9700 §4.5): the verifier does not fit, and where a
// provider does not look at it, the nonce does not. SECURITY C9
func TestOpenIDCodeInjection(t *testing.T) {
	for _, forgetful := range []bool{false, true} {
		w := startOpenID(t)
		eve, ann := w.browser(), w.browser()
		stolen, err := url.Parse(w.atProvider(w.begin(eve, "")))
		if err != nil {
			t.Fatal(err)
		}
		if forgetful {
			w.idp.AnyVerifier = true
		}
		own, err := url.Parse(w.atProvider(w.begin(ann, "?redirect=/wanted")))
		if err != nil {
			t.Fatal(err)
		}
		q := own.Query()
		q.Set("code", stolen.Query().Get("code"))
		resp := ann.get(own.Path + "?" + q.Encode())
		want := sso.CodeExchangeFailed
		if forgetful {
			want = sso.FlowMismatch
		}
		if got := w.lastEvent().Code; resp.StatusCode != http.StatusUnauthorized || got != want || ann.who() != nil {
			t.Errorf("forgetful %v: got %d, %s, signed in as %v; want %s", forgetful, resp.StatusCode, got, ann.who(), want)
		}
		// Her state, which is in addresses, is no use in another browser, with her code or his.
		for _, query := range []string{own.RawQuery, q.Encode()} {
			if resp := eve.get(own.Path + "?" + query); resp.StatusCode != http.StatusUnauthorized || eve.who() != nil {
				t.Errorf("forgetful %v: her state in his browser: got %d, signed in as %v", forgetful, resp.StatusCode, eve.who())
			}
		}
	}
}

// Keys are those of the token's own provider, and never the client's secret. SECURITY A2
func TestOpenIDForeignKeys(t *testing.T) {
	q := idp.New(t)
	w := startOpenID(t, "PROVIDERS=acme,other", "PROVIDER_OTHER_KIND=oidc", "PROVIDER_OTHER_ISSUER="+q.URL, "PROVIDER_OTHER_CLIENT_ID=the bridge")
	q.Now = w.Now
	var claims map[string]any
	w.idp.IDToken = func(c map[string]any) { claims = c }
	for name, signed := range map[string]func(string) string{
		"the key of another provider, with the kid of ours": func(string) string { return q.Sign(claims) },
		"the client secret": func(string) string {
			signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims(claims)).SignedString([]byte("s%c+r et"))
			if err != nil {
				t.Error(err)
			}
			return signed
		},
	} {
		w.idp.Signed = signed
		c := w.browser()
		c.get(w.atProvider(w.begin(c, "?provider=acme")))
		if got := w.lastEvent().Code; got != sso.TokenSignature && got != sso.KeyUnknown || c.who() != nil {
			t.Errorf("%s: got %q, signed in as %v", name, got, c.who())
		}
	}
}

// A form of ours may lead to the pages of the provider, which need not be on the site of its issuer, and which no policy can name
// before the provider was asked: the first that leads there comes through (SECURITY L1).
func TestOpenIDFormAction(t *testing.T) {
	login := idp.New(t) // where people sign in and out
	w := startOpenID(t)
	w.idp.Document = func(d map[string]any) { d["end_session_endpoint"] = login.URL + "/logout" }
	csp := w.browser().get("/login").Header.Get("Content-Security-Policy")
	if want := "form-action 'self' " + w.idp.URL + ";"; !strings.Contains(csp, want) {
		t.Errorf("the policy is %q, want %s", csp, want)
	}
	leaves := func(what string, resp response, to string, byPage bool) {
		t.Helper()
		_, by, _ := strings.Cut(resp.body, `content="0; url=`)
		got := html.UnescapeString(strings.Split(by, `"`)[0])
		if at := resp.Header.Get("Location"); at != "" {
			got = at
		}
		if !strings.HasPrefix(got, to+"?") || (resp.StatusCode == http.StatusOK) != byPage {
			t.Errorf("%s: got %d to %q, want %s", what, resp.StatusCode, got, to)
		}
	}
	c := w.browser()
	w.signIn(c).want(t, http.StatusFound, "/wanted")
	leaves("a sign-out", c.send("POST", "/auth/logout", form(), "Sec-Fetch-Site: same-origin", "Accept: text/html"), login.URL+"/logout", true)
	w.idp.Document = func(d map[string]any) { d["authorization_endpoint"] = login.URL + "/authorize" }
	w.Pass(25 * time.Hour) // the document is read anew
	for from, byPage := range map[string]bool{"same-origin": true, "cross-site": false, "none": false} {
		leaves("a sign-in that came from "+from, w.browser().get("/auth/sso", "Sec-Fetch-Site: "+from, "Accept: text/html"), login.URL+"/authorize", byPage)
	}
	leaves("a browser that does not say", w.browser().get("/auth/sso", "Accept: text/html"), login.URL+"/authorize", true)
}
