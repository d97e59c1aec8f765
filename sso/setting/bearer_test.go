package setting

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// bearerEnv is the environment of a provider acme of kind bearer, with one setting per provider more.
func bearerEnv(more ...string) []string {
	return append([]string{"SSOBRIDGE_PROVIDERS=acme", "SSOBRIDGE_PROVIDER_ACME_KIND=bearer", "SSOBRIDGE_PROVIDER_ACME_JWKS_URL=https://acme.example/jwks"}, more...)
}

// What a provider of API clients needs, and what is no use to it, is said with the setting's name.
func TestBearerRules(t *testing.T) {
	const at = "SSOBRIDGE_PROVIDER_ACME_"
	signIns := []string{at + "KIND=jwt", at + "IDENTITY_PROVIDER_URI=https://acme.example/login"}
	for _, tt := range []struct {
		name     string
		env      []string
		fault    string // the setting; "": none
		warnings []string
	}{
		{"enough", []string{at + "AUDIENCE=bi"}, "", nil},
		{"no audience", nil, "PROVIDER_ACME_AUDIENCE", nil},
		{"any audience", []string{at + "AUDIENCE=any"}, "", []string{"PROVIDER_ACME_AUDIENCE is any"}},
		{"an audience that is no list", []string{at + `AUDIENCE=["a",1]`}, "PROVIDER_ACME_AUDIENCE", nil},
		{"no key", []string{at + "AUDIENCE=bi", at + "JWKS_URL="}, "PROVIDER_ACME_KEYS", nil},
		{"keys by discovery", []string{at + "AUDIENCE=bi", at + "JWKS_URL=", at + "ISSUER=https://acme.example", at + "DISCOVERY_URL=https://acme.example/d", at + "CA_FILE=/ca.pem"}, "", nil},
		{"keys by discovery of no issuer", []string{at + "AUDIENCE=bi", at + "JWKS_URL=", at + "DISCOVERY_URL=https://acme.example/d"}, "PROVIDER_ACME_DISCOVERY_URL", nil},
		{"discovery of another kind", append(signIns, at+"DISCOVERY_URL=https://acme.example/d"), "", []string{"PROVIDER_ACME_DISCOVERY_URL has no effect: the kind is neither oidc nor bearer"}},
		{"off", []string{at + "ENABLED=false", at + "JWKS_URL="}, "", nil},
		{"to Administrators", []string{at + "AUDIENCE=bi", at + `GROUP_MAPPINGS={"root":["Administrators"]}`}, "PROVIDER_ACME_GROUP_MAPPINGS", nil},
		{"to the group 2", []string{at + "AUDIENCE=bi", at + `GROUP_MAPPINGS={"root":[2]}`}, "PROVIDER_ACME_GROUP_MAPPINGS", nil},
		{"a sign-in page", []string{at + "AUDIENCE=bi", at + "IDENTITY_PROVIDER_URI=https://acme.example/login"}, "", []string{"PROVIDER_ACME_IDENTITY_PROVIDER_URI has no effect"}},
		{"a header that has a meaning", []string{at + "AUDIENCE=bi", at + "HEADER=Remote-User"}, "PROVIDER_ACME_HEADER", nil},
		{"a strange way of accounts", []string{at + "AUDIENCE=bi", at + "ACCOUNTS=all"}, "PROVIDER_ACME_ACCOUNTS", nil},
		{"two without an issuer", []string{at + "AUDIENCE=bi", "SSOBRIDGE_PROVIDERS=acme,acme-two", at + "TWO_KIND=bearer", at + "TWO_AUDIENCE=x", at + "TWO_JWKS_URL=https://two.example/"},
			"PROVIDER_ACME_TWO_ISSUER", nil},
		{"one without an issuer", []string{at + "AUDIENCE=bi", at + "ISSUER=a", "SSOBRIDGE_PROVIDERS=acme,acme-two", at + "TWO_KIND=bearer", at + "TWO_AUDIENCE=x", at + "TWO_JWKS_URL=https://two.example/"}, "", nil},
		{"a long life of login tokens", []string{at + "AUDIENCE=bi", "SSOBRIDGE_JWT_MAX_LIFETIME=48h"}, "JWT_MAX_LIFETIME", nil},
		{"a header for sign-ins", []string{at + "KIND=jwt", at + "IDENTITY_PROVIDER_URI=https://acme.example/login", at + "HEADER=X-Jwt"}, "", []string{"PROVIDER_ACME_HEADER has no effect"}},
		{"besides sign-ins", append(signIns, at+"BEARER=true", at+"BEARER_AUD=bi", at+"ACCOUNTS=existing", at+"HEADER=X-Jwt"), "", nil},
		{"besides sign-ins, for nobody", append(signIns, at+"BEARER=true"), "PROVIDER_ACME_BEARER_AUD", nil},
		{"besides sign-ins, for anyone", append(signIns, at+"BEARER=true", at+"BEARER_AUD=any"), "", []string{"PROVIDER_ACME_BEARER_AUD is any"}},
		{"for an audience, and not taken", append(signIns, at+"BEARER_AUD=bi"), "", []string{"PROVIDER_ACME_BEARER_AUD has no effect: PROVIDER_ACME_BEARER is off"}},
		{"a server alone judges sign-ins", append(signIns, at+"JWKS_URL=", at+"VALIDATION_URL=https://acme.example/v"), "", nil},
		{"a server and no key", append(signIns, at+"JWKS_URL=", at+"VALIDATION_URL=https://acme.example/v", at+"VALIDATION=all"), "PROVIDER_ACME_VALIDATION", nil},
		{"of the default provider", []string{at + "AUDIENCE=bi", at + "ISSUER=a", "SSOBRIDGE_JWT_IDENTITY_PROVIDER_URI=https://a.example", "SSOBRIDGE_JWT_JWKS_URL=https://a.example/k",
			"SSOBRIDGE_JWT_BEARER=true", "SSOBRIDGE_JWT_BEARER_AUD=a, b"}, "", nil},
		{"two with one issuer for API clients", []string{at + "AUDIENCE=bi", at + "ISSUER=a", "SSOBRIDGE_JWT_IDENTITY_PROVIDER_URI=https://a.example", "SSOBRIDGE_JWT_JWKS_URL=https://a.example/k",
			"SSOBRIDGE_JWT_ISSUER=a", "SSOBRIDGE_JWT_BEARER=true", "SSOBRIDGE_JWT_BEARER_AUD=b"}, "PROVIDER_ACME_ISSUER", nil},
		{"two without an issuer for API clients", []string{at + "AUDIENCE=bi", "SSOBRIDGE_JWT_IDENTITY_PROVIDER_URI=https://a.example", "SSOBRIDGE_JWT_JWKS_URL=https://a.example/k",
			"SSOBRIDGE_JWT_BEARER=true", "SSOBRIDGE_JWT_BEARER_AUD=b"}, "PROVIDER_ACME_ISSUER", nil},
	} {
		c, faults := Resolve(Inputs{Environ: lastOf(bearerEnv(tt.env...))})
		names := make([]string, len(faults))
		for i, f := range faults {
			names[i] = f.Name
		}
		if got := strings.Join(names, " "); got != tt.fault {
			t.Errorf("%s: got faults %+v, want one of %q", tt.name, faults, tt.fault)
		}
		for _, want := range tt.warnings {
			if !slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.HasPrefix(w, want) }) {
				t.Errorf("%s: got warnings %q, want one that begins with %q", tt.name, c.Warnings, want)
			}
		}
	}
}

// lastOf keeps the last value of each variable.
func lastOf(env []string) (kept []string) {
	for i, line := range env {
		name, _, _ := strings.Cut(line, "=")
		if !slices.ContainsFunc(env[i+1:], func(later string) bool { return strings.HasPrefix(later, name+"=") }) {
			kept = append(kept, line)
		}
	}
	return kept
}

func TestBearerDefaults(t *testing.T) {
	c := mustResolve(t, Inputs{Environ: bearerEnv("SSOBRIDGE_PROVIDER_ACME_AUDIENCE=bi, bi-cli")})
	p := c.Provider("acme")
	if p.MaxLifetime != 24*time.Hour || p.Bearer.Accounts != "none" || !slices.Equal(p.Bearer.Audiences, []string{"bi", "bi-cli"}) || p.Claims.Subject != "sub" || !p.Claims.EmailOptional {
		t.Errorf("got %+v", p)
	}
	if got := c.Text("PROVIDER_ACME_MAX_LIFETIME"); got != "24h" {
		t.Errorf("the default is shown as %q", got)
	}
	// What is the default of a login is no default here.
	if short := mustResolve(t, Inputs{Environ: bearerEnv("SSOBRIDGE_PROVIDER_ACME_AUDIENCE=bi", "SSOBRIDGE_PROVIDER_ACME_MAX_LIFETIME=10m")}); short.Provider("acme").MaxLifetime != 10*time.Minute {
		t.Errorf("10m: got %v", short.Provider("acme").MaxLifetime)
	}
	if c.JWT.MaxLifetime != 10*time.Minute || len(c.LoginProviders()) != 0 {
		t.Errorf("the default provider: %+v", c.JWT)
	}
	c = mustResolve(t, Inputs{Environ: bearerEnv("SSOBRIDGE_PROVIDER_ACME_AUDIENCE=bi", "SSOBRIDGE_PROVIDER_ACME_MAX_LIFETIME=2000h", "SSOBRIDGE_PROVIDER_ACME_ACCOUNTS=provision")})
	if p = c.Provider("acme"); p.MaxLifetime != 2000*time.Hour || p.Claims.EmailOptional {
		t.Errorf("got %+v", p)
	}
}

// Where a login token may have the audience of API clients, only the typ tells the two apart.
func TestAccessTokensOnly(t *testing.T) {
	for _, tt := range []struct {
		audience, profile, bearer string
		want                      bool
	}{
		{"bi", "standard", "bi-api", false},
		{"bi", "strict", "bi-api, bi-cli", false},
		{"bi", "standard", "bi-api, bi", true},
		{"bi", "standard", "any", true},
		{"", "standard", "bi-api", true},
		{"bi", "metabase", "bi-api", true}, // which looks at no audience
	} {
		c, _ := Resolve(Inputs{Environ: []string{"SSOBRIDGE_JWT_AUDIENCE=" + tt.audience, "SSOBRIDGE_JWT_PROFILE=" + tt.profile, "SSOBRIDGE_JWT_BEARER=true",
			"SSOBRIDGE_JWT_BEARER_AUD=" + tt.bearer}})
		if got := c.JWT.AccessTokensOnly(); got != tt.want {
			t.Errorf("%+v: got %v", tt, got)
		}
	}
}
