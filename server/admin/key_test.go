package admin_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

func fingerprint(secret string) string { return strings.TrimPrefix(sso.SecretID(secret), "secret ") }

// Each secret shows its fingerprint, who made it, and its use. One that was made and lost goes at once, and one in use only
// when its sign-ins are confirmed: by page, by API, and by whatever else drops it.
//
// SECURITY G8, F4
func TestKeysInUse(t *testing.T) {
	b := start(t, bare...)
	c := b.admin()
	c.mustSave("JWT_IDENTITY_PROVIDER_URI=https://idp.example/login", "JWT_SHARED_SECRET="+secret)
	for range 2 {
		if got := b.signIn(secret, nil); got != "" {
			t.Fatal(got)
		}
	}
	press := func(form url.Values) response {
		t.Helper()
		form.Set("version", fmt.Sprint(c.version()))
		return c.post("/admin/providers/jwt/keys", form)
	}
	contains(t, press(url.Values{"action": {"generate"}}), 200, "Your new secret") // and lost
	page := c.get("/admin/providers/jwt")
	contains(t, page, 200, "<code>"+fingerprint(secret)+"</code>", "<bdi>root@example.com</bdi>, <time ", ">just now<", "2 sign-ins in the last 24 hours", "never used")
	contains(t, page, 200, `svg.spark[aria-label^="Sign-ins: 2 in 14 days, at most 2 on a day"]`)
	if n := len(dom.Attr(page.body, "svg.spark", "role")); n != 1 {
		t.Errorf("got %d charts, want one of the key that was used", n)
	}
	if strings.Contains(page.body, secret) {
		t.Error("a secret is shown")
	}
	contains(t, press(url.Values{"action": {"retire"}}), 400, "that key is in use")
	contains(t, press(url.Values{"action": {"remove"}, "key": {fingerprint(secret)}}), 400, "that key is in use")
	v := c.version()
	for _, call := range []struct {
		method, path string
		body         any
	}{
		{"POST", "/api/v1/signing-key/retire", map[string]any{"version": v, "sign_ins": 1}},
		{"POST", "/api/v1/signing-key", map[string]any{"version": v, "secret": otherSecret, "replace": true}},
		{"DELETE", fmt.Sprintf("/api/v1/signing-key/%s?version=%d", fingerprint(secret), v), nil},
		{"PATCH", "/api/v1/settings", map[string]any{"version": v, "values": map[string]any{"JWT_SHARED_SECRET": otherSecret}}},
		{"PATCH", "/api/v1/settings", map[string]any{"version": v, "values": map[string]any{"JWT_SHARED_SECRET": nil, "JWT_ENABLED": "false"}}},
	} {
		var p problem
		if resp := c.call(call.method, call.path, call.body, &p); resp.StatusCode != 400 || !strings.Contains(p.Errors["sign_ins"], "2 sign-ins") {
			t.Errorf("%s %s: got %d %+v, want it asked for", call.method, call.path, resp.StatusCode, p)
		}
	}
	if got := b.signIn(secret, nil); got != "" {
		t.Errorf("sign-in afterwards: got %q, want in", got)
	}
	var k struct {
		Secrets []struct {
			ID   string
			Days []int
		}
	}
	c.call("GET", "/api/v1/signing-key", nil, &k)
	if len(k.Secrets) != 2 || len(k.Secrets[1].Days) != 14 || k.Secrets[1].Days[13] != 3 || k.Secrets[0].Days[13] != 0 {
		t.Errorf("API: got %+v, want the use of each key on 14 days", k.Secrets)
	}
	if len(k.Secrets) != 2 {
		t.Fatalf("got %+v, want two", k)
	}
	press(url.Values{"action": {"remove"}, "key": {k.Secrets[0].ID}}).want(t, 303, "/admin/providers/jwt?done=key-removed")
	contains(t, press(url.Values{"action": {"remove"}, "key": {k.Secrets[0].ID}}), 400, "There is no shared secret")
	contains(t, press(url.Values{"action": {"remove"}, "key": {fingerprint(secret)}, "sign_ins": {"3"}}), 400, "only shared secret")
	if got := b.signIn(secret, nil); got != "" {
		t.Errorf("sign-in with the one that is left: got %q, want in", got)
	}
}

// The page that shows the first secret has the button of the test sign-in. Browsers hold the way to the product against the policy of
// that page, which was that of before.
func TestFirstSecretPageLeadsToTheTest(t *testing.T) {
	b := start(t, bare...)
	c := b.admin()
	c.mustSave("JWT_IDENTITY_PROVIDER_URI=https://idp.example/login")
	page := c.post("/admin/providers/jwt/keys", url.Values{"action": {"generate"}, "version": {fmt.Sprint(c.version())}})
	if policy := page.Header.Get("Content-Security-Policy"); !dom.Has(page.body, `form[action="/admin/try/begin"]`) || !strings.Contains(policy, "https://idp.example") {
		t.Errorf("got %d with the policy %q, want a test that may lead to https://idp.example", page.StatusCode, policy)
	}
}
