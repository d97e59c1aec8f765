package setting

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

const otherSecret = "Tq4Wm8Zc1Xv6Bn2Lk9Pj3Hg7Fd5Sa0Ry"

func TestCheckProviderName(t *testing.T) {
	for name, want := range map[string]bool{
		"dex": true, "keycloak-api": true, "a1": true, "a-1": true, "jwt": true, strings.Repeat("a", 32): true,
		"": false, "Dex": false, "1a": false, "-a": false, "a-": false, "a--b": false, "a_b": false, "a.b": false, "é": false, "a b": false,
		"password": false, "service": false, "new": false, strings.Repeat("a", 33): false,
	} {
		if err := CheckProviderName(name); (err == nil) != want {
			t.Errorf("%q: got %v, want accepted %v", name, err, want)
		}
	}
}

// However a provider is written, it is the same provider.
func TestProviderSources(t *testing.T) {
	env := func(prefix string, more ...string) []string {
		return append([]string{prefix + "IDENTITY_PROVIDER_URI=" + testURI, prefix + "SHARED_SECRET=" + otherSecret, prefix + "CLAIM_EMAIL=mail",
			prefix + `GROUP_MAPPINGS={"a":[2]}`, prefix + "GROUP_SYNC=true"}, more...)
	}
	fields := map[string]any{"identity_provider_uri": testURI, "shared_secret": otherSecret, "claims": map[string]any{"email": "mail"},
		"group_mappings": map[string]any{"a": []any{2}}, "group_sync": true}
	for name, in := range map[string]Inputs{
		"environment": {Environ: env("SSOBRIDGE_PROVIDER_MY_DEX_", "SSOBRIDGE_PROVIDERS=my-dex")},
		"JSON object": {Environ: []string{`SSOBRIDGE_PROVIDERS={"my-dex":{"identity_provider_uri":"` + testURI + `","shared_secret":"` + otherSecret +
			`","claims":{"email":"mail"},"group_mappings":{"a":[2]},"group_sync":true}}`}},
		"nested": {FileName: "b.yaml", File: map[string]any{"providers": map[string]any{"my-dex": fields}}},
		"nested, of YAML": {FileName: "b.yaml", File: map[string]any{"providers": map[any]any{"my-dex": map[any]any{"identity_provider_uri": testURI,
			"shared_secret": otherSecret, "claims": map[any]any{"email": "mail"}, "group_mappings": map[any]any{"a": []any{2}}, "group_sync": true}}}},
		"flat": {FileName: "b.yaml", File: map[string]any{"providers": []any{"my-dex"}, "provider_my_dex_identity_provider_uri": testURI,
			"provider_my_dex_shared_secret": otherSecret, "provider_my_dex_claim_email": "mail", "provider_my_dex_group_mappings": `{"a":[2]}`,
			"provider_my_dex_group_sync": true}},
		"file and environment": {FileName: "b.yaml", File: map[string]any{"providers": map[string]any{"my-dex": map[string]any{"claims": map[string]any{"email": "x"}}}},
			Environ: env("SSOBRIDGE_PROVIDER_MY_DEX_")},
		"flags": {Flags: map[string]string{"providers": "my-dex", "provider-my-dex-identity-provider-uri": testURI, "provider-my-dex-shared-secret": otherSecret,
			"provider-my-dex-claim-email": "mail", "provider-my-dex-group-mappings": `{"a":[2]}`, "provider-my-dex-group-sync": "true"}},
	} {
		c := mustResolve(t, in)
		p := c.Provider("my-dex")
		if p == nil || len(c.Providers) != 2 || c.Providers[0] != c.JWT || !p.Enabled || p.Kind != KindJWT || p.IdentityProviderURI.String() != testURI ||
			!slices.Equal(p.SharedSecrets, []string{otherSecret}) || p.Claims.Email != "mail" || p.Claims.Groups != "groups" || !p.GroupSync || len(p.GroupMappings["a"]) != 1 {
			t.Errorf("%s: got %+v", name, p)
		}
		if c.JWT.Enabled || len(c.JWT.SharedSecrets) > 0 {
			t.Errorf("%s: the default provider has it, too: %+v", name, c.JWT)
		}
		for _, e := range c.Effective() {
			if strings.Contains(e.Value, otherSecret) {
				t.Errorf("%s: %s shows the secret", name, e.Setting.Name) // SECURITY F3
			}
		}
	}
	c := mustResolve(t, Inputs{FileName: "b.yaml", File: map[string]any{"providers": map[string]any{"jwt": map[string]any{
		"identity_provider_uri": testURI, "shared_secret": otherSecret, "claims": map[string]any{"first_name": "f"}}}}})
	if !c.JWT.Enabled || len(c.Providers) != 1 || c.JWT.Claims.FirstName != "f" || c.Source("JWT_SHARED_SECRET").String() != "b.yaml: providers.jwt.shared_secret" {
		t.Errorf("the default provider in the nested form: got %+v from %s", c.JWT, c.Source("JWT_SHARED_SECRET"))
	}
}

// What an administrator saved is below what is given outside, field by field; a provider may be saved as a whole.
func TestSavedProvider(t *testing.T) {
	saved := []string{"PROVIDER_MY_DEX_KIND=jwt", "PROVIDER_MY_DEX_IDENTITY_PROVIDER_URI=" + testURI, "PROVIDER_MY_DEX_SHARED_SECRET=" + otherSecret,
		"PROVIDER_MY_DEX_CLAIM_EMAIL=mail"}
	c, faults := withSaved(Inputs{}, saved...)
	if p := c.Provider("my-dex"); len(faults) > 0 || p == nil || p.Claims.Email != "mail" || !p.Enabled {
		t.Errorf("saved: got %v, %+v", faults, p)
	}
	c, faults = withSaved(Inputs{Environ: []string{"SSOBRIDGE_PROVIDERS=my-dex,other", "SSOBRIDGE_PROVIDER_MY_DEX_CLAIM_EMAIL=upn", "SSOBRIDGE_PROVIDER_OTHER_ENABLED=false"}}, saved...)
	if p := c.Provider("my-dex"); len(faults) > 0 || p.Claims.Email != "upn" || len(p.SharedSecrets) != 1 || c.Provider("other").Enabled {
		t.Errorf("given and saved: got %v, %+v", faults, p)
	}
	if _, faults = withSaved(Inputs{}, saved[1:]...); len(faults) != 3 {
		t.Errorf("saved without a kind: got faults %v, want one for each setting", faults)
	}
}

func TestProviderFaults(t *testing.T) {
	whole := func(name string, more ...string) []string {
		prefix := "SSOBRIDGE_PROVIDER_" + name + "_"
		return append([]string{prefix + "IDENTITY_PROVIDER_URI=" + testURI, prefix + "SHARED_SECRET=" + otherSecret + name}, more...)
	}
	nested := func(fields map[string]any) map[string]any {
		return map[string]any{"providers": map[string]any{"dex": fields}}
	}
	for _, tt := range []struct {
		name string
		in   Inputs
		want []string // in the faults, in this order
	}{
		{"not declared", Inputs{Environ: whole("DEX")}, []string{"SSOBRIDGE_PROVIDER_DEX_IDENTITY_PROVIDER_URI is not a setting", "SSOBRIDGE_PROVIDER_DEX_SHARED_SECRET is not a setting"}},
		{"no such field", Inputs{Environ: whole("DEX", "SSOBRIDGE_PROVIDERS=dex", "SSOBRIDGE_PROVIDER_DEX_ISUER=x")}, []string{"did you mean SSOBRIDGE_PROVIDER_DEX_ISSUER?"}},
		{"nothing but a name", Inputs{Environ: []string{"SSOBRIDGE_PROVIDERS=dex"}}, []string{"PROVIDER_DEX_IDENTITY_PROVIDER_URI is not set, and the provider dex needs it", "PROVIDER_DEX_SHARED_SECRET"}},
		{"a bad name", Inputs{Environ: []string{"SSOBRIDGE_PROVIDERS=Dex"}}, []string{"PROVIDERS \"Dex\" names no provider"}},
		{"a reserved name", Inputs{Environ: []string{"SSOBRIDGE_PROVIDERS=password"}}, []string{"reserved"}},
		{"a name of another way in", Inputs{Environ: []string{"SSOBRIDGE_PROVIDERS=passkey"}}, []string{"reserved"}},
		{"no JSON", Inputs{Environ: []string{"SSOBRIDGE_PROVIDERS={\"dex\""}}, []string{"is no JSON object of providers"}},
		{"a JSON member twice", Inputs{Environ: []string{`SSOBRIDGE_PROVIDERS={"dex":{"enabled":false},"dex":{"enabled":false}}`}}, []string{"is no JSON object of providers"}},
		{"a variable and the JSON object", Inputs{Environ: []string{`SSOBRIDGE_PROVIDERS={"dex":{"enabled":false,"issuer":"a"}}`, "SSOBRIDGE_PROVIDER_DEX_ISSUER=b"}},
			[]string{"differs from SSOBRIDGE_PROVIDERS: providers.dex.issuer, which is the same setting"}},
		{"a secret as a number", Inputs{Environ: []string{`SSOBRIDGE_PROVIDERS={"dex":{"enabled":false,"shared_secret":1234}}`}}, []string{"is a number or a truth value"}},
		{"no mapping", Inputs{FileName: "b.yaml", File: map[string]any{"providers": map[string]any{"dex": "x"}}}, []string{"providers.dex is not a mapping"}},
		{"nested, no such field", Inputs{FileName: "b.yaml", File: nested(map[string]any{"enabled": false, "isuer": "x"})}, []string{"providers.dex.isuer is not a setting"}},
		{"nested, no such claim", Inputs{FileName: "b.yaml", File: nested(map[string]any{"enabled": false, "claims": map[string]any{"emial": "x"}})}, []string{"providers.dex.claims.emial is not a setting"}},
		{"flat and nested differ", Inputs{FileName: "b.yaml", File: map[string]any{"jwt_issuer": "a", "providers": map[string]any{"jwt": map[string]any{"issuer": "b"}}}},
			[]string{"providers.jwt.issuer differs from jwt_issuer"}},
		{"one secret for two", Inputs{Environ: metabase("SSOBRIDGE_PROVIDERS=dex", "SSOBRIDGE_PROVIDER_DEX_IDENTITY_PROVIDER_URI="+testURI, "SSOBRIDGE_PROVIDER_DEX_SHARED_SECRET="+testSecret)},
			[]string{"PROVIDER_DEX_SHARED_SECRET is that of the provider jwt, too"}},
		// SECURITY A10: an audience keeps two providers apart where both look at it
		{"one secret for two, of which one has an audience", Inputs{Environ: metabase("SSOBRIDGE_PROVIDERS=dex", "SSOBRIDGE_PROVIDER_DEX_IDENTITY_PROVIDER_URI="+testURI,
			"SSOBRIDGE_PROVIDER_DEX_SHARED_SECRET="+testSecret, "SSOBRIDGE_PROVIDER_DEX_AUDIENCE=a")}, []string{"PROVIDER_DEX_SHARED_SECRET is that of the provider jwt, too"}},
		{"one secret for two, of which one looks at no audience", Inputs{Environ: metabase("SSOBRIDGE_PROVIDERS=dex", "SSOBRIDGE_PROVIDER_DEX_IDENTITY_PROVIDER_URI="+testURI,
			"SSOBRIDGE_PROVIDER_DEX_SHARED_SECRET="+testSecret, "SSOBRIDGE_PROVIDER_DEX_AUDIENCE=a", "SSOBRIDGE_JWT_AUDIENCE=b", "SSOBRIDGE_JWT_PROFILE=metabase")},
			[]string{"PROVIDER_DEX_SHARED_SECRET is that of the provider jwt, too"}},
		{"nested, a claim in two ways", Inputs{FileName: "b.yaml", File: nested(map[string]any{"enabled": false, "claim_email": "a", "claims": map[string]any{"email": "b"}})},
			[]string{"providers.dex.claims.email is the same setting as providers.dex.claim_email"}},
		{"nested, in two cases", Inputs{FileName: "b.yaml", File: nested(map[string]any{"enabled": false, "issuer": "a", "ISSUER": "b"})},
			[]string{"providers.dex.issuer is the same setting as providers.dex.ISSUER"}},
		{"a JSON member twice in a list", Inputs{Environ: []string{`SSOBRIDGE_PROVIDERS={"dex":{"enabled":false,"require":[{"claim":"a","claim":"b","values":["c"]}]}}`}},
			[]string{"is no JSON object of providers"}},
		{"one issuer for two", Inputs{Environ: append(whole("DEX", "SSOBRIDGE_PROVIDERS=dex", "SSOBRIDGE_PROVIDER_DEX_ISSUER=i", "SSOBRIDGE_JWT_ISSUER=i"), metabase()...)},
			[]string{"PROVIDER_DEX_ISSUER is that of the provider jwt, too"}},
		// SECURITY J2: a provider with our issuer would judge the tokens of service accounts
		{"our own issuer", Inputs{Environ: []string{"SSOBRIDGE_PROVIDERS=om", "SSOBRIDGE_PROVIDER_OM_KIND=bearer", "SSOBRIDGE_PROVIDER_OM_AUDIENCE=any", "SSOBRIDGE_PROVIDER_OM_JWKS_URL=https://om.example.com/jwks",
			"SSOBRIDGE_PROVIDER_OM_ISSUER=open-metadata.org", "SSOBRIDGE_SERVICE_ISSUER=open-metadata.org"}}, []string{"PROVIDER_OM_ISSUER is that of the tokens of service accounts, too"}},
		{"our own issuer, of a provider with which people sign in", Inputs{Environ: append(metabase(), "SSOBRIDGE_JWT_BEARER=true", "SSOBRIDGE_JWT_BEARER_AUD=bi", "SSOBRIDGE_JWT_ISSUER=https://bi.example.com",
			"SSOBRIDGE_SITE_URL=https://bi.example.com")}, []string{"JWT_ISSUER is that of the tokens of service accounts, too"}},
		{"our own issuer, which is SITE_URL", Inputs{Environ: []string{"SSOBRIDGE_PROVIDERS=om", "SSOBRIDGE_PROVIDER_OM_KIND=bearer", "SSOBRIDGE_PROVIDER_OM_AUDIENCE=any", "SSOBRIDGE_PROVIDER_OM_JWKS_URL=https://om.example.com/jwks",
			"SSOBRIDGE_PROVIDER_OM_ISSUER=https://bi.example.com", "SSOBRIDGE_SITE_URL=https://bi.example.com"}}, []string{"PROVIDER_OM_ISSUER is that of the tokens of service accounts, too"}},
		{"strict", Inputs{Environ: whole("DEX", "SSOBRIDGE_PROVIDERS=dex", "SSOBRIDGE_PROVIDER_DEX_PROFILE=strict")},
			[]string{"PROVIDER_DEX_ISSUER is not set, and PROVIDER_DEX_PROFILE strict needs it", "PROVIDER_DEX_AUDIENCE", "PROVIDER_DEX_BINDING"}},
		{"too many", Inputs{Environ: []string{"SSOBRIDGE_PROVIDERS=" + strings.Repeat("a,", 3) + "b1,b2,b3,b4,b5,b6,b7,b8,b9,c1,c2,c3,c4,c5,c6,c7,c8,c9,d1,d2,d3"}}, []string{"more than 20 providers"}},
	} {
		_, faults := Resolve(tt.in)
		if len(faults) != len(tt.want) {
			t.Errorf("%s: got faults %v, want %d", tt.name, faults, len(tt.want))
			continue
		}
		for i, f := range faults {
			if !strings.Contains(f.String(), tt.want[i]) {
				t.Errorf("%s: got %q, want %q in it", tt.name, f, tt.want[i])
			}
			if strings.Contains(f.String(), otherSecret) {
				t.Errorf("%s: the fault shows the secret: %s", tt.name, f)
			}
		}
	}
	c := mustResolve(t, Inputs{Environ: append(whole("DEX", "SSOBRIDGE_PROVIDERS=dex"), metabase()...)})
	if len(c.Warnings) != 2 || !strings.Contains(c.Warnings[1], "provider=dex") {
		t.Errorf("two providers that nothing tells apart: got warnings %q", c.Warnings)
	}
}

// Each setting of the default provider is one of every other provider, with the same bounds, and no two settings have one name.
func TestProviderTable(t *testing.T) {
	c := mustResolve(t, Inputs{Environ: []string{"SSOBRIDGE_PROVIDERS=a,a-claim,a-b", "SSOBRIDGE_PROVIDER_A_ENABLED=no", "SSOBRIDGE_PROVIDER_A_CLAIM_ENABLED=no", "SSOBRIDGE_PROVIDER_A_B_ENABLED=no"}})
	seen := map[string]bool{}
	for _, s := range c.Table() {
		if seen[s.Name] || c.Find(s.Name) != s {
			t.Errorf("%s: there twice", s.Name)
		}
		seen[s.Name] = true
		if s.Provider != DefaultProvider {
			continue
		}
		name := strings.NewReplacer("JWT_ATTRIBUTE_FIRSTNAME", "PROVIDER_A_CLAIM_FIRST_NAME", "JWT_ATTRIBUTE_LASTNAME", "PROVIDER_A_CLAIM_LAST_NAME",
			"JWT_ATTRIBUTE_", "PROVIDER_A_CLAIM_", "JWT_", "PROVIDER_A_").Replace(s.Name)
		other := c.Find(name)
		if other == nil || other.LetsIn != s.LetsIn || other.WithoutProof != s.WithoutProof || other.Secret != s.Secret || other.Changeable != s.Changeable {
			t.Errorf("%s: got %+v for the provider a", s.Name, other)
			continue
		}
		for _, text := range []string{"", "true", "x", "1s", "https://a.example/", "{}", "pkce", "strict"} {
			if (s.Parse(text) == nil) != (other.Parse(text) == nil) {
				t.Errorf("%s=%q: got %v, and %v for %s", s.Name, text, s.Parse(text), other.Parse(text), name)
			}
		}
	}
	if got := c.Provider("a").Setting("ISSUER"); got != "PROVIDER_A_ISSUER" || c.JWT.Setting("ISSUER") != "JWT_ISSUER" || c.Provider("b") != nil {
		t.Errorf("got %s", got)
	}
}

// No name of a provider makes one setting of two: what ends another field's name is no field of its own.
func TestProviderNamesAreApart(t *testing.T) {
	var fields []string
	for _, s := range providerSettings("a") {
		field := strings.TrimPrefix(s.Name, "PROVIDER_A_")
		if fields = append(fields, field); s.Secret {
			fields = append(fields, field+fileSuffix)
		}
	}
	for _, long := range fields {
		for _, short := range fields {
			middle, ends := strings.CutSuffix(long, "_"+short)
			if name := "a-" + strings.ToLower(strings.ReplaceAll(middle, "_", "-")); ends && CheckProviderName(name) == nil {
				t.Errorf("PROVIDER_A_%s is a setting of the providers a and %s", long, name)
			}
		}
	}
}

func FuzzProviders(f *testing.F) {
	f.Add(`{"dex":{"enabled":false,"claims":{"email":"mail"}}}`, "a")
	f.Add(`{"jwt":{"shared_secret":null},"a":null}`, "a,b")
	f.Add(`{"a":{"claims":[],"group_mappings":{"x":[2]}}}`, "a,a-b")
	f.Fuzz(func(t *testing.T, object, names string) {
		c, faults := Resolve(Inputs{Environ: []string{"SSOBRIDGE_PROVIDERS=" + object}, Flags: map[string]string{"providers": names}})
		for _, p := range c.Providers {
			if err := CheckProviderName(p.Name); err != nil {
				t.Errorf("got a provider %q: %v", p.Name, err)
			}
			if p.Enabled && len(faults) == 0 && (p.IdentityProviderURI == nil || len(p.SharedSecrets) == 0 || p.Claims.Email == "" || p.Profile == sso.Profile("")) {
				t.Errorf("a provider that is on, without a fault: %+v", p)
			}
		}
	})
}

func TestClaimSettings(t *testing.T) {
	c := mustResolve(t, Inputs{Environ: metabase(`SSOBRIDGE_JWT_REQUIRE=[{"claim":"azp","values":["bi"]},{"claim":"realm_access.roles","values":["a","b"]}]`,
		"SSOBRIDGE_JWT_ALLOWED_DOMAINS=Example.com, bücher.example", `SSOBRIDGE_JWT_ALLOWED_GROUPS=["Finance Team"]`, "SSOBRIDGE_JWT_PRINCIPAL_DOMAIN=example.com",
		"SSOBRIDGE_JWT_ATTRIBUTE_PRINCIPAL=email,preferred_username,sub", "SSOBRIDGE_JWT_GROUP_SEPARATOR=,", "SSOBRIDGE_JWT_ATTRIBUTE_GROUPS=https://example.com/groups")})
	p := c.JWT
	if len(p.Require) != 2 || p.Require[1].Claim.String() != "realm_access.roles" || !slices.Equal(p.AllowedDomains, []string{"example.com", "xn--bcher-kva.example"}) ||
		!slices.Equal(p.AllowedGroups, []string{"Finance Team"}) || p.Claims.Domain != "example.com" || p.Claims.GroupSeparator != "," {
		t.Errorf("got %+v", p)
	}
	for name, texts := range map[string][]string{
		"JWT_REQUIRE":             {"{}", `[{"claim":"a"}]`, `[{"claim":"","values":["x"]}]`, `[{"claim":"a","values":["x"],"more":1}]`, `[{"claim":"a","values":[1]}]`, "azp=bi"},
		"JWT_ALLOWED_DOMAINS":     {"@example.com", "example.com.", "*.example.com", "a@example.com", "http://example.com"},
		"JWT_PRINCIPAL_DOMAIN":    {"@example.com", "a.example,b.example"},
		"JWT_ATTRIBUTE_PRINCIPAL": {"a,,b", "a\x00"},
		"JWT_ATTRIBUTE_EMAIL":     {"", " email"},
		"JWT_KEYS":                {`[{"file":"relative.pem"}]`, `[{"file":"/a","key":"b"}]`, `[{"kid":"a"}]`, `[{"file":"/a","not_after":"tomorrow"}]`, `{"a":1}`, "[", `[{"file":"/a","file":"/b"}]`},
		"JWT_PUBLIC_KEY":          {"idp.pem", "file://idp.pem"},
		"JWT_JWKS_URL":            {"idp.example.com/jwks", "ftp://idp.example.com/"},
	} {
		for _, text := range texts {
			if err := Find(name).Parse(text); err == nil {
				t.Errorf("%s=%s: accepted", name, text)
			}
		}
	}
}

// SECURITY F3: a secret that stands where a file, an address or an algorithm should be is not shown.
func TestMisplacedSecrets(t *testing.T) {
	pem := "-----BEGIN PRIVATE KEY-----\n" + otherSecret + "\n-----END PRIVATE KEY-----\n"
	for _, given := range []string{"JWT_PUBLIC_KEY=" + pem, "JWT_PUBLIC_KEY=" + otherSecret, "JWT_JWKS_FILE=" + otherSecret, "JWT_CA_FILE=" + pem,
		"JWT_JWKS_URL=https://u:" + otherSecret + "@idp.example.com/", "JWT_JWKS_URL=https://u:" + otherSecret + "@idp.example.com:x/",
		`JWT_KEYS=[{"file":"` + otherSecret + `"}]`, `JWT_KEYS=[{"key":"x","alg":"` + otherSecret + `"}]`} {
		c, faults := Resolve(Inputs{Environ: []string{"SSOBRIDGE_" + given}})
		for _, f := range faults {
			if strings.Contains(f.String(), otherSecret) {
				t.Errorf("%s: got the fault %s", given, f)
			}
		}
		for _, e := range c.Effective() {
			if strings.Contains(e.Value, otherSecret) {
				t.Errorf("%s: %s is shown as %s", given, e.Setting.Name, e.Value)
			}
		}
	}
}

// What a page writes as KEYS is read as the same keys.
func TestKeysText(t *testing.T) {
	at := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, keys := range [][]Key{
		{},
		{{Data: "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----", Alg: "RS256"}},
		{{File: "/etc/a.pem"}, {Data: `{"kty":"OKP"}`, Kid: "<é>", NotAfter: at}, {Data: "QUJD", Encoding: "base64", Alg: "ES256"}},
	} {
		text, err := KeysText(keys)
		got, again := keyList(text)
		if err != nil || again != nil || len(got) != len(keys) || len(keys) > 0 && !reflect.DeepEqual(got, keys) {
			t.Errorf("%s: got %+v, %v, %v, want %+v", text, got, err, again, keys)
		}
	}
}

// Each provider has the same fields under the same names.
func TestFieldsOfProviders(t *testing.T) {
	fields := func(provider string) (all []string) {
		for _, s := range providerSettings(provider) {
			if s.Page == "" && s.Changeable {
				t.Errorf("%s: got no page", s.Name)
			}
			all = append(all, s.Field())
		}
		return all
	}
	other := fields("acme")
	for _, field := range fields(DefaultProvider) {
		if !slices.Contains(other, field) || strings.Contains(field, "ATTRIBUTE") {
			t.Errorf("got %s, which another provider does not have", field)
		}
	}
}

// SECURITY A11: keys or a server of an identity provider say nothing of the app for which a token is.
func TestNoAudienceWarns(t *testing.T) {
	for _, tt := range []struct {
		settings []string
		want     bool
	}{
		{[]string{"SSOBRIDGE_JWT_JWKS_URL=https://idp.example.com/jwks"}, true},
		{[]string{"SSOBRIDGE_JWT_VALIDATION_URL=https://idp.example.com/validate"}, true},
		{[]string{"SSOBRIDGE_JWT_JWKS_URL=https://idp.example.com/jwks", "SSOBRIDGE_JWT_AUDIENCE=bi"}, false},
		{[]string{"SSOBRIDGE_JWT_JWKS_URL=https://idp.example.com/jwks", "SSOBRIDGE_JWT_AUDIENCE=bi", "SSOBRIDGE_JWT_PROFILE=metabase"}, true},
		{[]string{"SSOBRIDGE_JWT_SHARED_SECRET=" + testSecret}, false},
	} {
		c := mustResolve(t, Inputs{Environ: append([]string{"SSOBRIDGE_JWT_IDENTITY_PROVIDER_URI=" + testURI}, tt.settings...)})
		if got := slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.Contains(w, "JWT_AUDIENCE is not set, or not looked at") }); got != tt.want {
			t.Errorf("%v: got warnings %q, want %v", tt.settings, c.Warnings, tt.want)
		}
	}
}

// SECURITY F3: a secret that an administrator can keep while it is sent to somebody says whose choice of whom that is.
func TestSecretsSayWhereTheyGo(t *testing.T) {
	c := mustResolve(t, Inputs{Environ: []string{"SSOBRIDGE_PROVIDERS=acme", "SSOBRIDGE_PROVIDER_ACME_ENABLED=no"}})
	for _, s := range c.Table() {
		if stays := s.Field() == "SHARED_SECRET" || s.Field() == "KEYS"; s.Secret && s.Changeable && stays != (len(s.SentTo) == 0) {
			t.Errorf("%s: it is sent to whom %q say; name the settings that decide it, or that it is never sent", s.Name, s.SentTo)
		}
		for _, where := range s.SentTo {
			if c.Find(where) == nil {
				t.Errorf("%s: there is no setting %s", s.Name, where)
			}
		}
	}
}
