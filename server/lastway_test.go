package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// The sign-in page names the product, and offers first what this browser used last. A cookie that lies changes the order of what there
// is, and nothing else.
func TestTheWayUsedLastComesFirst(t *testing.T) {
	b := start(t, "JWT_LABEL=Acme", "JWT_ISSUER=product", "ENABLE_PASSWORD_LOGIN=true", "PROVIDERS=partners", "PROVIDER_PARTNERS_SHARED_SECRET=3JqYyvT8sWk2nLr5Xa7mZd1cFhB9gPeUoQ4iKxMzN60",
		"PROVIDER_PARTNERS_IDENTITY_PROVIDER_URI=https://partners.example/login", "PROVIDER_PARTNERS_ISSUER=partners")
	ways := func(way string) (buttons []string, passwordFirst bool) {
		body := b.browser().get("/login", "Accept: text/html", "Cookie: ssobridge-way="+way).body
		return dom.Text(body, "main a.button"), !dom.Has(body, "details.or")
	}
	for way, want := range map[string]string{"": "Continue with Acme, Continue with partners", "jwt": "Continue with Acme, Continue with partners", "partners": "Continue with partners, Continue with Acme",
		"password": "Continue with Acme, Continue with partners", "nobody": "Continue with Acme, Continue with partners", "<b>": "Continue with Acme, Continue with partners"} {
		buttons, first := ways(way)
		if got := strings.Join(buttons, ", "); got != want || first != (way == "password") {
			t.Errorf("%q: got %s, and the password first %v, want %s", way, got, first, want)
		}
	}
	in := b.browser().signIn(claims{"iss": "product"})
	kept := ""
	for _, c := range in.Cookies() {
		if c.Name == "ssobridge-way" && c.HttpOnly && c.SameSite == http.SameSiteLaxMode {
			kept = c.Value
		}
	}
	if kept != "jwt" {
		t.Errorf("after a sign-in: got the cookies %v", in.Cookies())
	}
}

// Nobody chose the name jwt, and it says nothing to people: a product without a label needs no name where it is the only one, and has
// the host of its page beside others.
func TestTheProductWithoutALabel(t *testing.T) {
	buttons := func(settings ...string) string {
		t.Helper()
		return strings.Join(dom.Text(start(t, settings...).browser().get("/login", page).body, "main a.button"), ", ")
	}
	if got := buttons("ENABLE_PASSWORD_LOGIN=true"); got != "Sign in" {
		t.Errorf("alone: got %q", got)
	}
	if got := buttons("JWT_IDENTITY_PROVIDER_URI=https://product.example/login", "JWT_ISSUER=product", "PROVIDERS=partners", "PROVIDER_PARTNERS_SHARED_SECRET=3JqYyvT8sWk2nLr5Xa7mZd1cFhB9gPeUoQ4iKxMzN60",
		"PROVIDER_PARTNERS_IDENTITY_PROVIDER_URI=https://partners.example/login", "PROVIDER_PARTNERS_ISSUER=partners"); got != "Continue with product.example, Continue with partners" {
		t.Errorf("beside another: got %q", got)
	}
}
