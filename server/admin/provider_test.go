package admin_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// own makes the provider acme, which lives in the database alone.
func (c *browser) own(settings ...string) {
	c.b.t.Helper()
	c.mustSave(append([]string{"PROVIDER_ACME_KIND=jwt", "PROVIDER_ACME_IDENTITY_PROVIDER_URI=https://acme.example/login", "PROVIDER_ACME_ISSUER=acme"}, settings...)...)
}

// A rule is saved on its card, a fault stands at its field with what was typed, and what is fixed is read only.
func TestRulesOfAProvider(t *testing.T) {
	b := start(t)
	c := b.admin()
	c.own("PROVIDER_ACME_SHARED_SECRET=" + otherSecret)
	page := c.get("/admin/providers/acme")
	contains(t, page, 200, "Which tokens are accepted", "Issuer (iss): <bdi>acme</bdi>", "/auth/sso</code>", `action="/admin/providers/acme"`)
	if dom.Has(page.body, `[name="PROVIDER_ACME_HEADER"]`) || dom.Has(page.body, `[name="JWT_ISSUER"]`) {
		t.Error("a field that does nothing here, or is of another provider")
	}
	for _, name := range []string{"jwt", "acme"} { // no field is without a card that says what it is about
		if titles := dom.Text(c.get("/admin/providers/"+name).body, "summary h3"); slices.Contains(titles, "More") {
			t.Errorf("%s: got the cards %q", name, titles)
		}
	}
	form := formWith(t, page.body, "PROVIDER_ACME_MAX_AGE")
	form.Set("PROVIDER_ACME_MAX_AGE", "soon")
	form.Set("PROVIDER_ACME_LEEWAY", "5s")
	again := c.post("/admin/providers/acme", form)
	contains(t, again, 400, `<a href="#PROVIDER_ACME_MAX_AGE">`)
	if !dom.Has(again.body, `details[open] [id="PROVIDER_ACME_MAX_AGE-error"]`) || !dom.Has(again.body, `details:not([open]) [name="PROVIDER_ACME_ALLOWED_DOMAINS"]`) {
		t.Error("want the card with the fault open, and no other")
	}
	form = formWith(t, again.body, "PROVIDER_ACME_MAX_AGE")
	if form.Get("PROVIDER_ACME_MAX_AGE") != "soon" || form.Get("PROVIDER_ACME_LEEWAY") != "5s" {
		t.Errorf("got %v, want what was typed", form)
	}
	form.Set("PROVIDER_ACME_MAX_AGE", "60s")
	c.post("/admin/providers/acme", form).want(t, 303, "/admin/providers/acme?done=saved")
	contains(t, c.get("/admin/providers/acme"), 200, "Greatest age of a token: <bdi>60s</bdi>")
	if resp := c.post("/admin/providers/nobody", form); resp.StatusCode != 404 {
		t.Errorf("a provider that is not there: got %d", resp.StatusCode)
	}
}

// A provider is made on the list, is off, is set up and turned on, and goes again: only when it is not in use, or that is
// confirmed. One that is named outside stays.
//
// SECURITY G6, G8
func TestProviderIsMadeAndRemoved(t *testing.T) {
	b := start(t, "PROVIDERS=outside", "PROVIDER_OUTSIDE_ENABLED=false")
	c := b.admin()
	add := func(name string) response {
		form := formTo(t, c.get("/admin/providers").body, "/admin/providers")
		form.Set("name", name)
		form.Set("kind", "jwt")
		return c.post("/admin/providers", form)
	}
	for _, name := range []string{"", "Acme", "jwt", "outside", "password", "<b>"} {
		contains(t, add(name), 400, `id="name-error"`)
	}
	add("acme").want(t, 303, "/admin/providers/acme?done=provider-made")
	contains(t, add("acme"), 400, "There is a provider acme already")
	contains(t, c.get("/admin/providers/acme?done=provider-made"), 200, "Set it up, then turn it on under Product")
	c.own("PROVIDER_ACME_SHARED_SECRET="+otherSecret, "PROVIDER_ACME_ENABLED=true")
	if got := b.signIn(otherSecret, claims{"iss": "acme"}); got != "" {
		t.Fatal(got)
	}
	late := b.signedIn("root@example.com", 3600e9)
	form := formTo(t, c.get("/admin/providers/acme").body, "/admin/providers/acme/remove")
	b.asksFirst(t, late, "/admin/providers/acme/remove", form)
	contains(t, c.post("/admin/providers/acme/remove", form), 400, "people sign in with this provider")
	form.Set("sign_ins", "1")
	c.post("/admin/providers/acme/remove", form).want(t, 303, "/admin/providers?done=provider-removed")
	if resp := c.get("/admin/providers/acme"); resp.StatusCode != 404 || b.signIn(otherSecret, claims{"iss": "acme"}) == "" {
		t.Errorf("afterwards: got %d, want it gone, and nobody signed in by it", resp.StatusCode)
	}
	if page := c.get("/admin/providers/outside"); dom.Has(page.body, `[action$="/remove"]`) {
		t.Error("a provider that is named outside can be removed here")
	}
	if resp := c.call("DELETE", fmt.Sprint("/api/v1/providers/outside?version=", c.version()), nil, nil); resp.StatusCode != 400 {
		t.Errorf("by API: got %d, want 400", resp.StatusCode)
	}
}

// Each provider has shared secrets of its own, by page and by API.
//
// SECURITY F4, G8
func TestSecretsOfAnotherProvider(t *testing.T) {
	b := start(t)
	c := b.admin()
	c.own("PROVIDER_ACME_SHARED_SECRET=" + otherSecret)
	if got := b.signIn(otherSecret, claims{"iss": "acme"}); got != "" {
		t.Fatal(got)
	}
	var added struct {
		Keys      int
		Generated string
	}
	c.call("POST", "/api/v1/signing-key?provider=acme", map[string]any{"version": c.version()}, &added)
	if added.Keys != 2 || b.signIn(added.Generated, claims{"iss": "acme"}) != "" || b.signIn(added.Generated, nil) == "" {
		t.Errorf("got %d keys; want the new one to sign for acme, and for no other provider", added.Keys)
	}
	contains(t, c.get("/admin/providers/acme"), 200, "<code>"+fingerprint(otherSecret)+"</code>", "<code>"+fingerprint(added.Generated)+"</code>", "1 sign-in in the last 24 hours")
	remove := url.Values{"version": {fmt.Sprint(c.version())}, "action": {"remove"}, "key": {fingerprint(otherSecret)}}
	contains(t, c.post("/admin/providers/acme/keys", remove), 400, "that key is in use")
	remove.Set("sign_ins", "1")
	c.post("/admin/providers/acme/keys", remove).want(t, 303, "/admin/providers/acme?done=key-removed")
	if got := b.signIn(otherSecret, claims{"iss": "acme"}); got == "" {
		t.Error("the secret that was removed still signs in")
	}
	if resp := c.call("GET", "/api/v1/signing-key?provider=nobody", nil, nil); resp.StatusCode != 404 {
		t.Errorf("another provider: got %d, want 404", resp.StatusCode)
	}
}

// A public key is pasted, accepted, shown and removed. What is no key, or a private one, is refused at its field; a private key
// is not sent back.
//
// SECURITY A4, F3
func TestPublicKeysOfAProvider(t *testing.T) {
	b := start(t)
	c := b.admin()
	c.own("PROVIDER_ACME_SHARED_SECRET=" + otherSecret)
	public, private, _ := ed25519.GenerateKey(nil)
	der, _ := x509.MarshalPKIXPublicKey(public)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	hidden, _ := x509.MarshalPKCS8PrivateKey(private)
	secretText := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: hidden}))
	add := func(key, algorithm string) response {
		return c.post("/admin/providers/acme/keys", url.Values{"version": {fmt.Sprint(c.version())}, "action": {"add"}, "public": {key}, "algorithm": {algorithm}, "kid": {"2026"}})
	}
	for _, bad := range []struct{ key, algorithm, kept string }{
		{"nonsense", "", "nonsense"}, {"", "", ""}, {text, "RS256", "BEGIN PUBLIC KEY"}, {secretText, "", ""},
	} {
		resp := add(bad.key, bad.algorithm)
		contains(t, resp, 400, `id="public-error"`)
		form := formWith(t, resp.body, "public")
		if got := form.Get("public"); !strings.Contains(got, bad.kept) || bad.kept == "" && got != "" || form.Get("kid") != "2026" {
			t.Errorf("%.20q: got %v back", bad.key, form)
		}
	}
	add(text, "EdDSA").want(t, 303, "/admin/providers/acme?done=public-added")
	contains(t, add(text, ""), 400, "This key is among them already.")
	page := c.get("/admin/providers/acme")
	contains(t, page, 200, "EdDSA", "<code>2026</code>", "never used")
	form := formWith(t, page.body, "key")
	var list struct {
		Providers []struct {
			Name    string
			Sources []struct {
				Keys []struct{ ID, Fingerprint string }
			} `json:"key_sources"`
		}
	}
	c.call("GET", "/api/v1/providers", nil, &list)
	keys := list.Providers[1].Sources[0].Keys
	if len(keys) != 1 || keys[0].ID != "2026" || form.Get("key") != keys[0].Fingerprint {
		t.Fatalf("got %+v and %v", list, form)
	}
	form.Set("version", fmt.Sprint(c.version()))
	c.post("/admin/providers/acme/keys", form).want(t, 303, "/admin/providers/acme?done=public-removed")
	if resp := c.call("DELETE", fmt.Sprintf("/api/v1/providers/acme/public-keys/%s?version=%d", keys[0].Fingerprint, c.version()), nil, nil); resp.StatusCode != 404 {
		t.Errorf("removed twice: got %d, want 404", resp.StatusCode)
	}
	if got := strings.Join(b.events(sso.EventSetting), "\n"); strings.Contains(got, "BEGIN") {
		t.Errorf("a key stands in the events: %s", got)
	}
}

// The password of the directory is written and never shown, and does not wait for a proof.
//
// SECURITY F3
func TestPasswordOfTheDirectory(t *testing.T) {
	b := start(t)
	c := b.admin()
	form := formWith(t, c.get("/admin/group-sources").body, "LDAP_URL")
	form.Set("LDAP_URL", "ldaps://dc1.example.com")
	form.Set("LDAP_USER_BASE", "ou=people,dc=example,dc=com")
	form.Set("LDAP_BIND_PASSWORD", "open sesame")
	again := c.post("/admin/group-sources/directory", form)
	contains(t, again, 400, `<a href="#LDAP_BIND_DN">`, "Type it once more") // the name is missing
	form = formWith(t, again.body, "LDAP_URL")
	form.Set("LDAP_BIND_DN", "cn=bridge,dc=example,dc=com")
	form.Set("LDAP_BIND_PASSWORD", "open sesame")
	c.post("/admin/group-sources/directory", form).want(t, 303, "/admin/group-sources?done=saved")
	page := c.get("/admin/group-sources")
	contains(t, page, 200, "Set, and not shown", "ldaps://dc1.example.com", "but no provider asks it")

	moved := formWith(t, page.body, "LDAP_URL")
	moved.Set("LDAP_URL", "ldaps://elsewhere.example")
	contains(t, c.post("/admin/group-sources/directory", moved), 400, "type that again, too")
	moved.Set("LDAP_BIND_PASSWORD", "open sesame") // the same
	c.post("/admin/group-sources/directory", moved).want(t, 303, "/admin/group-sources?done=saved")
	moved = formWith(t, c.get("/admin/group-sources").body, "LDAP_URL")
	moved.Set("LDAP_URL", "ldaps://yet.another.example")
	late := b.signedIn("root@example.com", 3600e9)
	moved.Set("LDAP_BIND_PASSWORD", "open sesame")
	wait := late.post("/admin/group-sources/directory", moved)
	confirm, err := wait.Location()
	if err != nil || confirm.Path != "/auth/confirm" {
		t.Fatalf("got %d to %v, want a proof asked for", wait.StatusCode, confirm)
	}
	kept := c.get(confirm.Query().Get("return_to"))
	if strings.Contains(kept.body, "sesame") {
		t.Error("the password waits in the page")
	}
	contains(t, c.post("/admin/group-sources/directory", formTo(t, kept.body, "/admin/group-sources/directory")), 400, "type it once more")

	clear := formWith(t, c.get("/admin/group-sources").body, "LDAP_URL")
	clear.Set("clear.LDAP_BIND_PASSWORD", "yes")
	clear.Set("LDAP_BIND_DN", "")
	c.post("/admin/group-sources/directory", clear).want(t, 303, "/admin/group-sources?done=saved")
	contains(t, c.get("/admin/group-sources"), 200, "Not set.")
	if shown := page.body + again.body + strings.Join(b.events(sso.EventSetting), "") + b.log.String(); strings.Contains(shown, "sesame") {
		t.Error("the password is shown")
	}
}

// What is set outside is read only, also a secret, and the page says where it is set.
func TestSourcesSetOutside(t *testing.T) {
	b := start(t, "LDAP_URL=ldaps://dc1.example.com", "LDAP_USER_BASE=dc=example", "LDAP_BIND_DN=cn=b", "LDAP_BIND_PASSWORD=open sesame", "LDAP_USER_FILTER=(mail={email})",
		"JWT_GROUP_SYNC=true", "JWT_GROUPS_ORDER=token,ldap,endpoint", "JWT_GROUPS_ON_FAILURE=keep", "JWT_GROUPS_ENDPOINT_URL=https://groups.example.com/of", "JWT_GROUPS_ENDPOINT_TOKEN=abracadabra")
	c := b.admin()
	page, provider := c.get("/admin/group-sources"), c.get("/admin/providers/jwt")
	contains(t, page, 200, "the token, then the directory, then the endpoint", "https://groups.example.com/of", "the groups stay as they are", "One is set up, and asked",
		"Using <code>SSOBRIDGE_LDAP_BIND_PASSWORD</code>")
	contains(t, provider, 200, "Using <code>SSOBRIDGE_JWT_GROUPS_ENDPOINT_TOKEN</code>")
	if dom.Has(page.body, `[name="LDAP_BIND_PASSWORD"]`) || strings.Contains(page.body+provider.body, "sesame") || strings.Contains(provider.body, "abracadabra") {
		t.Error("want what is set outside read only, and not shown")
	}
}

// The page of a provider says which claims the tokens of the last sign-ins had, and nobody's values.
func TestTokensOfAProvider(t *testing.T) {
	b := start(t)
	c := b.admin()
	c.own("PROVIDER_ACME_SHARED_SECRET="+otherSecret, "PROVIDER_ACME_ENABLED=true")
	if page := c.get("/admin/providers/acme"); dom.Has(page.body, "#tokens") {
		t.Error("tokens, before anybody has signed in")
	}
	for _, more := range []claims{{"shoe": "size-43"}, {"shoe": "size-44", "a\u202eb": 1}, {}} {
		more["iss"] = "acme"
		if got := b.signIn(otherSecret, more); got != "" {
			t.Fatal(got)
		}
	}
	page := c.get("/admin/providers/acme")
	rows := dom.Text(page.body, "section[aria-labelledby=tokens] tr")
	for _, want := range []string{"iss3 of the last 3", "shoe2 of the last 3", "a\ufffdb1 of the last 3"} {
		if !slices.Contains(rows, want) {
			t.Errorf("got %q, want %q", rows, want)
		}
	}
	api := c.get("/api/v1/providers/acme/tokens")
	contains(t, api, 200, `"sign_ins":3`, `{"name":"shoe","seen":2}`)
	for _, text := range []string{page.body, api.body} {
		if strings.Contains(text, "size-4") || strings.Contains(text, "\u202e") {
			t.Errorf("a value, or a letter that turns lines round:\n%s", text)
		}
	}
	if resp := c.get("/api/v1/providers/nobody/tokens"); resp.StatusCode != 404 {
		t.Errorf("a provider that is not there: got %d", resp.StatusCode)
	}
}
