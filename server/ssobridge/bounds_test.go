package ssobridge

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// What an administrator saves cannot make the bridge ask its own machine; who starts the bridge can. SECURITY G5
func TestSavedAddressesLeadElsewhere(t *testing.T) {
	r, _, _ := runtime(t, nil, "SSOBRIDGE_SITE_URL=https://bi.example.com", "SSOBRIDGE_PROVIDERS=acme", "SSOBRIDGE_PROVIDER_ACME_ENABLED=false",
		"SSOBRIDGE_JWT_CA_FILE=", "SSOBRIDGE_PROVIDER_ACME_KIND=oidc")
	for _, here := range []string{"https://127.0.0.1/x", "http://localhost:8200/x", "https://LOCALHOST./x", "https://[::1]/x", "https://[::ffff:127.0.0.1]/x", "https://127.9.9.9/x", "https://a.localhost/x", "https://0.0.0.0/x"} {
		for _, name := range []string{"JWT_JWKS_URL", "JWT_VALIDATION_URL", "JWT_TOKEN_URI", "JWT_GROUPS_ENDPOINT_URL", "PROVIDER_ACME_JWKS_URL", "PROVIDER_ACME_DISCOVERY_URL", "PROVIDER_ACME_ISSUER"} {
			_, err := r.Try(t.Context(), map[string]*string{name: &here})
			if sso.CodeOf(err) != sso.Invalid || !strings.Contains(err.Error(), name) {
				t.Errorf("%s=%s: got %v, want a refusal", name, here, err)
			}
		}
	}
	elsewhere, issuer := "https://idp.example.com/x", "https://localhost"
	for name, value := range map[string]*string{"JWT_JWKS_URL": &elsewhere, "JWT_ISSUER": &issuer} {
		if _, err := r.Try(t.Context(), map[string]*string{name: value}); err != nil {
			t.Errorf("%s=%s: %v", name, *value, err)
		}
	}
	local, _, _ := runtime(t, nil) // on a machine where somebody tries it out
	here := "http://localhost:8200/x"
	if _, err := local.Try(t.Context(), map[string]*string{"JWT_JWKS_URL": &here}); err != nil {
		t.Error(err)
	}
}

// There is a bound on providers, which is told where one too many is made, and not at the next start.
func TestSavedProvidersAreBounded(t *testing.T) {
	r, st, _ := runtime(t, nil, "SSOBRIDGE_PROVIDERS=acme", "SSOBRIDGE_PROVIDER_ACME_ENABLED=false")
	kind, off := "jwt", "false"
	version := int64(0)
	for i := 1; ; i++ {
		of := fmt.Sprintf("PROVIDER_P%d_", i)
		_, now, err := r.Current(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		version = now
		_, err = r.Save(t.Context(), admin.Change{Version: version, Values: map[string]*string{of + "KIND": &kind, of + "ENABLED": &off}})
		if err == nil && i < setting.MaxProviders {
			continue
		}
		if i != setting.MaxProviders || sso.CodeOf(err) != sso.Invalid || !strings.Contains(err.Error(), "delete one first") {
			t.Fatalf("provider %d: got %v", i, err)
		}
		break
	}
	label := "Known"
	if _, err := r.Save(t.Context(), admin.Change{Version: version, Values: map[string]*string{"PROVIDER_P1_LABEL": &label}}); err != nil {
		t.Errorf("a provider that is there cannot be changed: %v", err)
	}
	if again, _, _ := runtime(t, st, "SSOBRIDGE_PROVIDERS=acme,beta", "SSOBRIDGE_PROVIDER_ACME_ENABLED=false", "SSOBRIDGE_PROVIDER_BETA_ENABLED=false"); again == nil {
		t.Error("the next start fails")
	}
}

// A login by a published key leaves a mark that is known after a start, too, before any key was fetched: the settings say whom to
// believe. One by a key that is configured leaves the mark of that key. SECURITY G4
func TestMarkOfPublishedKeys(t *testing.T) {
	for _, environ := range [][]string{
		{"SSOBRIDGE_JWT_JWKS_URL=https://idp.example.com/jwks"},
		{"SSOBRIDGE_JWT_VALIDATION_URL=https://idp.example.com/validate"},
		{"SSOBRIDGE_JWT_JWKS_URL=https://idp.example.com/jwks", "SSOBRIDGE_JWT_KEYS=" + testKey},
	} {
		environ = append(environ, "SSOBRIDGE_JWT_IDENTITY_PROVIDER_URI=https://idp.example.com/login")
		before, _, _ := runtime(t, nil, environ...)
		live := before.Live()
		digest := live.Bridge.Providers[0].Digest
		mark := digest("a kid of today")
		if n := testing.AllocsPerRun(10, func() { digest("a kid of tomorrow") }); n > 200 { // each sign-in asks for it: to make it takes thousands
			t.Errorf("the digest is made anew at each sign-in, with %v allocations", n)
		}
		after, _, _ := runtime(t, nil, environ...)
		next := after.Live()
		if !slices.Contains(after.digests(&next), mark) {
			t.Errorf("%s: the mark is not among those that let administrators in", environ)
		}
		moved, _, _ := runtime(t, nil, append(environ, "SSOBRIDGE_JWT_ISSUER=x")...)
		if other := moved.Live(); slices.Contains(moved.digests(&other), mark) {
			t.Errorf("%s: the mark is good under other rules", environ)
		}
	}
	r, _, _ := runtime(t, nil, "SSOBRIDGE_JWT_IDENTITY_PROVIDER_URI=https://idp.example.com/login", "SSOBRIDGE_JWT_KEYS="+testKey)
	live := r.Live()
	if digests := r.digests(&live); len(digests) != 1 || slices.Contains(digests, live.Bridge.Providers[0].Digest("another key")) {
		t.Errorf("a key that is not configured has a mark of %q", digests)
	}
}
