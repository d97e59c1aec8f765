package server_test

import (
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// The button of a refusal does what the page advises, and keeps the page that was wanted.
func TestTryAgain(t *testing.T) {
	b := start(t)
	if _, err := b.store.CreateAccount(t.Context(), sso.Account{Email: "root@example.com", Active: true}, "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", nil, sso.Event{Kind: sso.EventAccount}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/auth/sso?return_to=%2Fdeep&jwt=a.b":                                             "/auth/sso?redirect=%2Fdeep",
		"/auth/sso?redirect=%2Fdeep&jwt=" + forged(b.token(nil)):                          "/auth/sso?redirect=%2Fdeep",
		"/auth/sso?redirect=%2Fdeep&jwt=a&jwt=b":                                          "/auth/sso?redirect=%2Fdeep",
		"/auth/sso?redirect=%2Fdeep&error=no":                                             "/auth/sso?redirect=%2Fdeep",
		"/auth/sso?redirect=%2Fdeep&provider=saml":                                        "/auth/sso?redirect=%2Fdeep",
		"/auth/sso?redirect=%2Fdeep&jwt=" + b.token(claims{"email": "root@example.com"}):  "/login?return_to=%2Fdeep", // sign in with the password
		"/auth/sso?jwt=" + b.token(claims{"exp": b.Now().Unix() - 600}) + "&return_to=/a": "/auth/sso?redirect=%2Fa",
		"/auth/sso?redirect=//evil.example":                                               "/",
		"/auth/none":                                                                      "/",
	} {
		resp := b.browser().get(path, "Accept: text/html")
		if resp.StatusCode < 400 || !dom.Has(resp.body, `.button[href="`+want+`"]`) {
			t.Errorf("%s: got %d without a button to %q: %s", path, resp.StatusCode, want, resp.body)
		}
	}
}
