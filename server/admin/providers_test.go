package admin_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
	"github.com/ssobridge/ssobridge/sso/ssotest/idp"
)

// The page and the API show each provider with its public keys, and nothing that is secret.
func TestProviders(t *testing.T) {
	const jwk = `{"kty":"OKP","crv":"Ed25519","kid":"2026-a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	file := filepath.Join(t.TempDir(), "acme.json")
	if err := os.WriteFile(file, []byte(jwk), 0o600); err != nil {
		t.Fatal(err)
	}
	b := start(t, "PROVIDERS=acme,old", "PROVIDER_ACME_LABEL=Acme & Co", "PROVIDER_ACME_IDENTITY_PROVIDER_URI=https://acme.example/login", "PROVIDER_ACME_PUBLIC_KEY="+file,
		"PROVIDER_ACME_ISSUER=https://acme.example", "PROVIDER_OLD_ENABLED=false", "PROVIDER_OLD_SHARED_SECRET="+otherSecret,
		"JWT_IDENTITY_PROVIDER_URI=https://idp.example/login", "JWT_SHARED_SECRET="+secret)
	c := b.admin()
	var got struct {
		Providers []struct {
			Name    string
			Enabled bool
			Secrets int
			Sources []struct {
				Origin, Fault string
				Keys          []struct{ ID, Algorithm string }
			} `json:"key_sources"`
		}
	}
	c.call("GET", "/api/v1/providers", nil, &got)
	all := got.Providers
	if len(all) != 3 || all[0].Name != "jwt" || all[0].Secrets != 1 || all[1].Name != "acme" || !all[1].Enabled || all[2].Enabled || len(all[1].Sources) != 1 ||
		all[1].Sources[0].Keys[0].ID != "2026-a" || all[1].Sources[0].Keys[0].Algorithm != "EdDSA" {
		t.Errorf("got %+v", got)
	}
	list, page, old := c.get("/admin/providers"), c.get("/admin/providers/acme"), c.get("/admin/providers/old")
	contains(t, list, 200, "Acme &amp; Co", `href="/admin/providers/acme"`, "Your product", "Nobody has signed in with its keys yet", "Off")
	contains(t, page, 200, "Acme &amp; Co", "2026-a", "EdDSA", "https://acme.example", "named in <code>SSOBRIDGE_PROVIDERS</code>", file, "Read <time ", ">just now<",
		"Using <code>SSOBRIDGE_PROVIDER_ACME_ISSUER</code>")
	contains(t, old, 200, "<code>"+fingerprint(otherSecret)+"</code>", "The shared secret comes from <code>SSOBRIDGE_PROVIDER_OLD_SHARED_SECRET</code>", "Nobody can sign in with it.")
	if shown := list.body + page.body + old.body; strings.Contains(shown, secret) || strings.Contains(shown, otherSecret) {
		t.Error("a secret is shown")
	}
	if resp := c.get("/admin/providers/nobody"); resp.StatusCode != 404 {
		t.Errorf("a provider that is not there: got %d", resp.StatusCode)
	}
	c.get("/admin/key").want(t, 302, "/admin/providers/jwt#keys")
	contains(t, c.get("/admin/try"), 200, "Begin the test with <bdi>Acme &amp; Co</bdi>", `button[name="provider"][value="jwt"]`)
	if to := c.post("/admin/try/begin", url.Values{"provider": {"acme"}}).leads(t); to.Host != "acme.example" {
		t.Errorf("the test sign-in with acme leads to %v", to)
	}
	if resp := c.post("/admin/try/begin", url.Values{"provider": {"old"}}); resp.StatusCode != 400 {
		t.Errorf("the test sign-in with a provider that is off: got %d", resp.StatusCode)
	}
}

// The page of an OpenID provider shows what is to be typed in there, and what is known of it.
func TestOpenIDProvider(t *testing.T) {
	p := idp.New(t)
	b := start(t, "PROVIDERS=acme", "PROVIDER_ACME_KIND=oidc", "PROVIDER_ACME_ISSUER="+p.URL, "PROVIDER_ACME_CLIENT_ID=bridge", "PROVIDER_ACME_CLIENT_SECRET="+otherSecret)
	c := b.admin()
	contains(t, c.get("/admin/providers/acme"), 200, b.url+"/auth/oidc/acme/callback", b.url+"/auth/oidc/acme/backchannel-logout", b.url+"/auth/logout</code>", "not read yet")
	if to := c.post("/admin/try/begin", url.Values{"provider": {"acme"}}).leads(t); !strings.HasPrefix(to.String(), p.URL+"/authorize?") {
		t.Errorf("the test sign-in leads to %v", to)
	}
	page := c.get("/admin/providers/acme")
	contains(t, page, 200, p.URL+"/.well-known/openid-configuration", "userinfo_endpoint", p.URL+"/token")
	if strings.Contains(page.body, otherSecret) {
		t.Error("the secret is shown")
	}
	var got struct {
		Providers []struct {
			Name        string
			RedirectURI string `json:"redirect_uri"`
			Discovery   struct{ Endpoints map[string]string }
		}
	}
	c.call("GET", "/api/v1/providers", nil, &got)
	if last := got.Providers[len(got.Providers)-1]; last.RedirectURI != b.url+"/auth/oidc/acme/callback" || last.Discovery.Endpoints["jwks_uri"] != p.URL+"/jwks" {
		t.Errorf("got %+v", got)
	}
}

// A provider whose token endpoint refuses the bridge is not shown as ready, until a sign-in goes well or its settings are changed.
func TestProviderThatRefusesTheBridge(t *testing.T) {
	p := idp.New(t)
	settings := []string{"PROVIDERS=acme,other"}
	for name, issuer := range map[string]string{"ACME": p.URL, "OTHER": idp.New(t).URL} {
		settings = append(settings, "PROVIDER_"+name+"_KIND=oidc", "PROVIDER_"+name+"_ISSUER="+issuer, "PROVIDER_"+name+"_CLIENT_ID=the bridge", "PROVIDER_"+name+"_CLIENT_SECRET=s%c+r et")
	}
	b := start(t, settings...)
	p.Now = b.now
	c := b.admin()
	signIn := func() int {
		t.Helper()
		someone := b.browser()
		resp, err := bridgetest.NewClient().Get(someone.get("/auth/sso?provider=acme").Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return someone.get(strings.TrimPrefix(resp.Header.Get("Location"), b.url)).StatusCode
	}
	state := func(page string) string { t.Helper(); return strings.Join(dom.Text(c.get(page).body, ".state"), " ") }
	const page = "/admin/providers/acme"
	answer := func(status int, body string) {
		p.Before["/token"] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for _, tt := range []struct {
		status       int
		answer, want string
	}{
		{400, `{"error":"invalid_grant","error_description":"error \"invalid_client\""}`, "Ready"}, // anybody can come with a code that is none
		{401, `{"error":"invalid_client","error_description":"Invalid client credentials <b>"}`, "Needs a look Its token endpoint does not accept the client id or the client secret of the bridge"},
		{400, `{"error":"unauthorized_client"}`, "does not accept the client id or the client secret"},
	} {
		answer(tt.status, tt.answer)
		if got := signIn(); got != http.StatusUnauthorized {
			t.Fatalf("%s: got %d", tt.answer, got)
		}
		b.ahead.Add(int64(time.Second))
		if got := state(page); !strings.Contains(got, tt.want) {
			t.Errorf("%s: the page says %q, want %q", tt.answer, got, tt.want)
		}
	}
	if got := state("/admin/providers/other"); strings.Contains(got, "Needs a look") {
		t.Errorf("another provider: %q", got)
	}
	delete(p.Before, "/token")
	if got := signIn(); got != http.StatusFound {
		t.Fatalf("a good sign-in: got %d", got)
	}
	b.ahead.Add(int64(time.Second))
	if got := state(page); strings.Contains(got, "Needs a look") {
		t.Errorf("after a good sign-in: %q", got)
	}
	answer(401, `{"error":"invalid_client"}`)
	signIn()
	c.mustSave("SITE_NAME=Bridge")
	if got := state(page); strings.Contains(got, "Needs a look") {
		t.Errorf("after a change of settings: %q", got)
	}
}

// A newcomer connects a provider whose issuer has a path, as Keycloak's has, from the page alone: each mistake says what to do, and
// the test sign-in says why it fails, also when it does not begin.
func TestOpenIDProviderFromThePage(t *testing.T) {
	p := idp.New(t)
	issuer := p.URL + "/realms/acme"
	p.Before["/realms/acme/.well-known/openid-configuration"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"issuer": issuer, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/jwks"})
	}
	p.IDToken = func(claims map[string]any) {
		claims["iss"] = issuer
		delete(claims, "groups")
		claims["realm_access"] = map[string]any{"roles": []any{"analysts"}}
	}
	b := start(t)
	p.Now = b.now
	c := b.admin()
	add := formTo(t, c.get("/admin/providers").body, "/admin/providers")
	add.Set("name", "acme")
	add.Set("kind", "oidc")
	c.post("/admin/providers", add).want(t, 303, "/admin/providers/acme?done=provider-made")
	page := c.get("/admin/providers/acme")
	contains(t, page, 200, "Three things are needed", "The provider publishes its keys, and says where")
	fields := func(name, value string, more ...string) url.Values {
		form := formWith(t, c.get("/admin/providers/acme").body, name)
		form.Set(name, value)
		for i := 0; i < len(more); i += 2 {
			form.Set(more[i], more[i+1])
		}
		return form
	}
	const own = "/admin/providers/acme"
	try := func() response {
		begun := c.post("/admin/try/begin", url.Values{"provider": {"acme"}})
		to := begun.Header.Get("Location")
		if to == "" {
			to = begun.leads(t).String()
		}
		if !strings.HasPrefix(to, "/admin/") {
			resp, err := bridgetest.NewClient().Get(to)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			to = c.get(strings.TrimPrefix(resp.Header.Get("Location"), b.url)).Header.Get("Location")
		}
		return c.get(to)
	}
	first := []string{"PROVIDER_ACME_CLIENT_ID", "bridge", "PROVIDER_ACME_CLIENT_SECRET", otherSecret, "PROVIDER_ACME_ENABLED", "true"}
	contains(t, c.post(own, fields("PROVIDER_ACME_ISSUER", issuer+"/.well-known/openid-configuration", first...)), 400, "the issuer is what stands before it: "+issuer+"<")
	c.post(own, fields("PROVIDER_ACME_ISSUER", issuer+"/", first...)).want(t, 303, own+"?done=saved")
	contains(t, try(), 200, "would be refused", "its issuer is &#34;"+issuer+"&#34;, and ISSUER is &#34;"+issuer+"/&#34;: set ISSUER to the former")
	contains(t, c.get(own), 200, "What the provider says of itself could not be read lately: its issuer is", "Is the issuer the address that the provider shows")
	contains(t, c.post(own, fields("PROVIDER_ACME_ISSUER", issuer)), 400, "type that again, too")
	c.post(own, fields("PROVIDER_ACME_ISSUER", issuer, "PROVIDER_ACME_CLIENT_SECRET", otherSecret)).want(t, 303, own+"?done=saved")
	contains(t, try(), 200, "Ada Lovelace", "first name from the claim &#34;given_name&#34;")

	// What is in the fields is what is in force. Another name of a claim is kept, though other kinds have it by default.
	form := fields("PROVIDER_ACME_CLAIM_GROUPS", "realm_access.roles", "PROVIDER_ACME_CLAIM_FIRST_NAME", "first_name")
	if was := form.Get("was.PROVIDER_ACME_CLAIM_FIRST_NAME") + " " + form.Get("PROVIDER_ACME_CLAIM_LAST_NAME") + " " + form.Get("PROVIDER_ACME_CLAIM_SUBJECT"); was != "given_name family_name sub" {
		t.Errorf("the fields have %q", was)
	}
	c.post(own, form).want(t, 303, own+"?done=saved")
	contains(t, try(), 200, "analysts")
	if got := fields("PROVIDER_ACME_CLAIM_FIRST_NAME", "given_name"); got.Get("was.PROVIDER_ACME_CLAIM_FIRST_NAME") != "first_name" {
		t.Errorf("the first name is from %q", got.Get("was.PROVIDER_ACME_CLAIM_FIRST_NAME"))
	}
}
