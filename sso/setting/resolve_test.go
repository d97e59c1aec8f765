package setting

import (
	"io/fs"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/access"
	"github.com/ssobridge/ssobridge/sso/claim"
	"github.com/ssobridge/ssobridge/sso/origin"
	"github.com/ssobridge/ssobridge/sso/setting/parse"
)

const (
	testURI    = "https://product.example/sso"
	testSecret = "6f2c1f0e9d8b7a6958473625140392817f6e5d4c3b2a19081726354453627180"
)

// metabase is what an installation that comes from Metabase has.
func metabase(more ...string) []string {
	return append([]string{"MB_JWT_IDENTITY_PROVIDER_URI=" + testURI, "MB_JWT_SHARED_SECRET=" + testSecret, "PATH=/bin"}, more...)
}

func files(m map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if text, ok := m[name]; ok {
			return []byte(text), nil
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
}

func mustResolve(t *testing.T, in Inputs) *Config {
	t.Helper()
	c, faults := Resolve(in)
	if len(faults) > 0 {
		t.Fatalf("got faults %v, want none", faults)
	}
	return c
}

// withSaved resolves with what an administrator saved, "NAME=value".
func withSaved(in Inputs, saved ...string) (*Config, []Fault) {
	c, _ := Resolve(in)
	values := map[string]string{}
	for _, s := range saved {
		name, text, _ := strings.Cut(s, "=")
		values[name] = text
	}
	return c.WithSaved(Saved{Values: values})
}

func TestMetabaseVariablesAreEnough(t *testing.T) {
	c := mustResolve(t, Inputs{Environ: metabase(`MB_JWT_GROUP_MAPPINGS={"extHR":[7],"extSales":["Sales",4]}`, "MB_JWT_GROUP_SYNC=true",
		`MB_SESSION_TIMEOUT={"amount":120,"unit":"minutes"}`, "MAX_SESSION_AGE=60", "MB_SESSION_COOKIE_SAMESITE=Strict")})
	if !c.JWT.Enabled || c.JWT.IdentityProviderURI.String() != testURI || !slices.Equal(c.JWT.SharedSecrets, []string{testSecret}) {
		t.Errorf("got enabled %v, %v, %q", c.JWT.Enabled, c.JWT.IdentityProviderURI, c.JWT.SharedSecrets)
	}
	if want := (sso.Mappings{"extHR": {{ID: 7}}, "extSales": {{Name: "Sales"}, {ID: 4}}}); !cmp.Equal(c.JWT.GroupMappings, want) {
		t.Errorf("mappings: got %v, want %v", c.JWT.GroupMappings, want)
	}
	if c.SessionTimeout != 2*time.Hour || c.MaxSessionAge != time.Hour || c.SessionCookieSameSite != SameSiteStrict {
		t.Errorf("got %v, %v, %s", c.SessionTimeout, c.MaxSessionAge, c.SessionCookieSameSite)
	}
	if c.JWT.Profile != sso.Standard || c.JWT.MaxAge != 180*time.Second || c.JWT.Leeway != 30*time.Second || c.JWT.MaxLifetime != 10*time.Minute {
		t.Errorf("got %s, %v, %v, %v", c.JWT.Profile, c.JWT.MaxAge, c.JWT.Leeway, c.JWT.MaxLifetime)
	}
	if c.Listen != "127.0.0.1:3000" || c.SiteURL != "http://localhost:3000" || !c.JWT.UserProvisioningEnabled || !c.EnablePasswordLogin {
		t.Errorf("defaults: got %+v", c)
	}
	if want := (claim.Mapping{Email: "email", FirstName: "first_name", LastName: "last_name", Groups: "groups"}); c.JWT.Claims != want {
		t.Errorf("claims: got %v, want %v", c.JWT.Claims, want)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("got warnings %v, want none", c.Warnings)
	}
}

func TestPrecedence(t *testing.T) {
	in := Inputs{
		Flags:    map[string]string{"jwt-issuer": "flag"},
		Environ:  []string{"SSOBRIDGE_JWT_ISSUER=env", "SSOBRIDGE_JWT_AUDIENCE=env", "SSOBRIDGE_JWT_CLIENT_ID="},
		File:     map[string]any{"jwt_issuer": "file", "jwt_audience": "file", "jwt_client_id": "file", "jwt_leeway": 7, "jwt_group_sync": nil},
		FileName: "b.yaml",
	}
	c, faults := withSaved(in, "JWT_ISSUER=saved", "JWT_CLIENT_ID=saved", "JWT_MAX_AGE=60", "JWT_GROUP_SYNC=true")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	tests := []struct {
		name, text, source string
		fixed              bool
	}{
		{"JWT_ISSUER", "flag", "flag --jwt-issuer", true},
		{"JWT_AUDIENCE", "env", "SSOBRIDGE_JWT_AUDIENCE", true},
		{"JWT_CLIENT_ID", "file", "b.yaml: jwt_client_id", true}, // an empty variable counts as not set
		{"JWT_LEEWAY", "7", "b.yaml: jwt_leeway", true},
		{"JWT_MAX_AGE", "60", "saved", false},
		{"JWT_GROUP_SYNC", "true", "saved", false}, // a key without a value counts as not set
		{"JWT_MAX_LIFETIME", "10m", "default", false},
	}
	for _, tt := range tests {
		if got := c.Text(tt.name); got != tt.text {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.text)
		}
		if src := c.Source(tt.name); src.String() != tt.source || src.Fixed() != tt.fixed {
			t.Errorf("%s: got source %q, fixed %v; want %q, %v", tt.name, src, src.Fixed(), tt.source, tt.fixed)
		}
	}
	if c.JWT.Issuer != "flag" || c.JWT.Leeway != 7*time.Second || c.JWT.MaxAge != time.Minute || !c.JWT.GroupSync {
		t.Errorf("got %q, %v, %v, %v", c.JWT.Issuer, c.JWT.Leeway, c.JWT.MaxAge, c.JWT.GroupSync)
	}

	next, faults := c.WithSaved(Saved{Values: map[string]string{"JWT_MAX_AGE": "90"}})
	if len(faults) > 0 || next.JWT.MaxAge != 90*time.Second || next.JWT.GroupSync || next.JWT.Issuer != "flag" {
		t.Errorf("WithSaved: got %v, %v, %v, %q", faults, next.JWT.MaxAge, next.JWT.GroupSync, next.JWT.Issuer)
	}
	if c.JWT.MaxAge != time.Minute {
		t.Errorf("WithSaved changed the Config it was called on")
	}
}

func TestMetabaseAliasAndOwnName(t *testing.T) {
	c := mustResolve(t, Inputs{Environ: metabase("SSOBRIDGE_JWT_SHARED_SECRET=" + testSecret)})
	if got := c.Source("JWT_SHARED_SECRET").Name; got != "SSOBRIDGE_JWT_SHARED_SECRET" {
		t.Errorf("both and equal: got source %q, want our own name", got)
	}
	_, faults := Resolve(Inputs{Environ: metabase("SSOBRIDGE_JWT_SHARED_SECRET=other")})
	wantFault(t, faults, "JWT_SHARED_SECRET", "differs from MB_JWT_SHARED_SECRET")
}

func TestSecretFiles(t *testing.T) {
	read := files(map[string]string{"/s/nl": testSecret + "\n", "/s/crlf": testSecret + "\r\n", "/s/two": testSecret + "\n\n",
		"/s/bare": testSecret, "/s/empty": "\n", "/s/db": "postgres://u:hidden@h/db\n", "/s/big": strings.Repeat("x", 70_000)})
	for _, name := range []string{"/s/nl", "/s/crlf", "/s/bare"} {
		for _, in := range []Inputs{
			{Environ: []string{"SSOBRIDGE_JWT_SHARED_SECRET_FILE=" + name}},
			{Environ: []string{"MB_JWT_SHARED_SECRET_FILE=" + name}},
			{Flags: map[string]string{"jwt-shared-secret-file": name}},
			{File: map[string]any{"jwt_shared_secret_file": name}},
		} {
			in.ReadFile = read
			if c := mustResolve(t, in); !slices.Equal(c.JWT.SharedSecrets, []string{testSecret}) {
				t.Errorf("%s: got %q, want the secret without its line end", name, c.JWT.SharedSecrets)
			}
		}
	}
	tests := []struct {
		name string
		in   Inputs
		want string
	}{
		{"more than one line end", Inputs{Environ: []string{"SSOBRIDGE_JWT_SHARED_SECRET_FILE=/s/two"}}, "spaces or a line end"},
		{"missing", Inputs{Environ: []string{"SSOBRIDGE_JWT_SHARED_SECRET_FILE=/s/none"}}, "cannot be read"},
		{"empty", Inputs{Environ: []string{"SSOBRIDGE_JWT_SHARED_SECRET_FILE=/s/empty"}}, "empty"},
		{"big", Inputs{Environ: []string{"SSOBRIDGE_JWT_SHARED_SECRET_FILE=/s/big"}}, "64 KiB"},
		{"env twice", Inputs{Environ: []string{"SSOBRIDGE_JWT_SHARED_SECRET_FILE=/s/nl", "SSOBRIDGE_JWT_SHARED_SECRET=" + testSecret}}, "given twice"},
		{"flag twice", Inputs{Flags: map[string]string{"jwt-shared-secret-file": "/s/nl", "jwt-shared-secret": testSecret}}, "given twice"},
		{"file twice", Inputs{File: map[string]any{"jwt_shared_secret_file": "/s/nl", "jwt_shared_secret": testSecret}}, "given twice"},
		{"alias differs", Inputs{Environ: []string{"SSOBRIDGE_JWT_SHARED_SECRET_FILE=/s/nl", "MB_JWT_SHARED_SECRET=other"}}, "differs from MB_JWT_SHARED_SECRET"},
		{"a name in quotes", Inputs{Environ: []string{`SSOBRIDGE_JWT_SHARED_SECRET_FILE="/s/nl"`}}, "is the name of a file that has quotes around it"},
		{"no name", Inputs{File: map[string]any{"jwt_shared_secret_file": 7}}, "not the name of a file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.ReadFile = read
			_, faults := Resolve(tt.in)
			wantFault(t, faults, "JWT_SHARED_SECRET", tt.want)
		})
	}
	_, faults := Resolve(Inputs{Environ: []string{"SSOBRIDGE_LISTEN_FILE=/x"}})
	wantFault(t, faults, "SSOBRIDGE_LISTEN_FILE", "is not a setting")
}

func TestUnknownNames(t *testing.T) {
	tests := []struct {
		name, fault, want string
		in                Inputs
	}{
		{"slip", "SSOBRIDGE_JWT_SHARD_SECRET", "did you mean SSOBRIDGE_JWT_SHARED_SECRET?", Inputs{Environ: []string{"SSOBRIDGE_JWT_SHARD_SECRET=x"}}},
		{"case", "ssobridge_listen", "did you mean SSOBRIDGE_LISTEN?", Inputs{Environ: []string{"ssobridge_listen=:1"}}},
		{"nothing near", "SSOBRIDGE_ZZZZZZZZZZ", "serve --help", Inputs{Environ: []string{"SSOBRIDGE_ZZZZZZZZZZ=1"}}},
		{"port by hand", "SSOBRIDGE_PORT", "is not a setting", Inputs{Environ: []string{"SSOBRIDGE_PORT=80"}}},
		{"key", "jwt_isuer", "did you mean jwt_issuer?", Inputs{File: map[string]any{"jwt_isuer": "x"}, FileName: "f"}},
		{"key as the variable", "SSOBRIDGE_LISTEN", "did you mean listen?", Inputs{File: map[string]any{"SSOBRIDGE_LISTEN": "x"}, FileName: "f"}},
		{"key in kebab case", "jwt-issuer", "did you mean jwt_issuer?", Inputs{File: map[string]any{"jwt-issuer": "x"}, FileName: "f"}},
		{"flag", "--jwt-isuer", "did you mean jwt-issuer?", Inputs{Flags: map[string]string{"jwt-isuer": "x"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, faults := Resolve(tt.in)
			wantFault(t, faults, tt.fault, tt.want)
			if len(faults) != 1 {
				t.Errorf("got %d faults %v, want 1", len(faults), faults)
			}
		})
	}
	for saved, want := range map[string]string{"JWT_TENANT=x": "not a setting of this version", "LISTEN=:1": "cannot be saved"} {
		_, faults := withSaved(Inputs{}, saved)
		name, _, _ := strings.Cut(saved, "=")
		wantFault(t, faults, name, want)
		if len(faults) != 1 {
			t.Errorf("saved %s: got %d faults %v, want 1", saved, len(faults), faults)
		}
	}
	mustResolve(t, Inputs{Environ: []string{
		"SSOBRIDGE_TEST_REQUIRE=all", "SSOBRIDGE_CONFIG=b.yaml", "MB_DB_TYPE=h2",
		"SSOBRIDGE_SERVICE_HOST=10.0.0.1", "SSOBRIDGE_SERVICE_PORT=80", "SSOBRIDGE_SERVICE_PORT_HTTP=80", "SSOBRIDGE_PORT=tcp://10.0.0.1:80",
		"SSOBRIDGE_PORT_80_TCP=tcp://10.0.0.1:80", "SSOBRIDGE_PORT_80_TCP_ADDR=10.0.0.1", "SSOBRIDGE_EMPTY=",
	}})
}

func TestFileForms(t *testing.T) {
	c := mustResolve(t, Inputs{FileName: "b.yaml", File: map[string]any{
		"jwt_group_mappings": map[string]any{"extHR": []any{7}, "extSales": []any{"Sales", 4}},
		"jwt_shared_secret":  []any{"first", "second"},
		"trusted_proxies":    []any{"10.0.0.0/8", "::1"},
		"allowed_origins":    "https://a.example",
		"session_timeout":    map[string]any{"amount": 2, "unit": "hours"},
		"jwt_group_sync":     true,
		"max_session_age":    60,
		"jwt_binding":        "off",
	}})
	if want := (sso.Mappings{"extHR": {{ID: 7}}, "extSales": {{Name: "Sales"}, {ID: 4}}}); !cmp.Equal(c.JWT.GroupMappings, want) {
		t.Errorf("mappings: got %v, want %v", c.JWT.GroupMappings, want)
	}
	if !slices.Equal(c.JWT.SharedSecrets, []string{"first", "second"}) {
		t.Errorf("secrets: got %q", c.JWT.SharedSecrets)
	}
	if want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}; !slices.Equal(c.TrustedProxies, want) {
		t.Errorf("proxies: got %v, want %v", c.TrustedProxies, want)
	}
	if c.SessionTimeout != 2*time.Hour || c.MaxSessionAge != time.Hour || !c.JWT.GroupSync {
		t.Errorf("got %v, %v, %v", c.SessionTimeout, c.MaxSessionAge, c.JWT.GroupSync)
	}
	c = mustResolve(t, Inputs{File: map[string]any{"jwt_group_mappings": map[any]any{2024: []any{map[string]any{}, 3}[1:]}}})
	if want := (sso.Mappings{"2024": {{ID: 3}}}); !cmp.Equal(c.JWT.GroupMappings, want) {
		t.Errorf("a number as key: got %v, want %v", c.JWT.GroupMappings, want)
	}
	for key, raw := range map[string]any{"jwt_shared_secret": 12345678901234567, "jwt_issuer": time.Now(), "listen": []any{"a"},
		"jwt_group_sync": "maybe", "jwt_group_mappings": map[string]any{"a": 3}} {
		_, faults := Resolve(Inputs{File: map[string]any{key: raw}, FileName: "b.yaml"})
		if len(faults) != 1 || faults[0].Source != "b.yaml: "+key {
			t.Errorf("%s: %v: got faults %v, want one that names b.yaml: %s", key, raw, faults, key)
		}
	}
}

// A secret's file is read once: it may be a pipe, which has nothing to say a second time.
func TestSecretFilesAreReadOnce(t *testing.T) {
	times := 0
	c := mustResolve(t, Inputs{Environ: []string{"SSOBRIDGE_JWT_SHARED_SECRET_FILE=/dev/fd/63"}, ReadFile: func(string) ([]byte, error) {
		times++
		return []byte(testSecret), nil
	}})
	next, faults := c.WithSaved(Saved{Values: map[string]string{"SITE_NAME": "Acme"}, Version: 1})
	if times != 1 || len(faults) > 0 || !slices.Equal(next.JWT.SharedSecrets, c.JWT.SharedSecrets) {
		t.Errorf("got it read %d times, and %q, %v", times, next.JWT.SharedSecrets, faults)
	}
}

// Each row breaks one rule between settings.
func TestRules(t *testing.T) {
	strict := []string{"SSOBRIDGE_JWT_PROFILE=strict", "SSOBRIDGE_JWT_ISSUER=i", "SSOBRIDGE_JWT_AUDIENCE=a", "SSOBRIDGE_JWT_BINDING=state"}
	without := func(i int) []string { return slices.Delete(slices.Clone(strict), i, i+1) }
	https := "SSOBRIDGE_SITE_URL=https://app.example.com"
	bosses := `SSOBRIDGE_ACCESS_RULES=[{"host":"bi.example.com","path":"/admin-x","allow":["Bosses"]}]`
	tests := []struct {
		name, fault, want string // fault "": all is well
		environ           []string
	}{
		{"strict", "", "", strict},
		{"strict without issuer", "JWT_ISSUER", "strict needs it", without(1)},
		{"strict without audience", "JWT_AUDIENCE", "strict needs it", without(2)},
		{"strict without binding", "JWT_BINDING", "state or pkce", without(3)},
		{"pkce without client", "JWT_CLIENT_ID", "pkce needs it", []string{"SSOBRIDGE_JWT_BINDING=pkce"}},
		{"pkce", "", "", []string{"SSOBRIDGE_JWT_BINDING=pkce", "SSOBRIDGE_JWT_CLIENT_ID=bridge"}},
		{"enabled without secret", "JWT_SHARED_SECRET", "JWT_ENABLED is true", []string{"MB_JWT_ENABLED=true", "MB_JWT_IDENTITY_PROVIDER_URI=" + testURI}},
		{"enabled without URI", "JWT_IDENTITY_PROVIDER_URI", "JWT_ENABLED is true", []string{"MB_JWT_ENABLED=true", "MB_JWT_SHARED_SECRET=" + testSecret}},
		{"postgres without key", "SECRET_KEY", "PostgreSQL", []string{"SSOBRIDGE_DATABASE_URL=postgres://h/db"}},
		{"postgres", "", "", []string{"SSOBRIDGE_DATABASE_URL=postgres://h/db", "SSOBRIDGE_SECRET_KEY=" + testSecret}},
		{"a path prefix", "", "", []string{"SSOBRIDGE_PATH_PREFIX=/_sso"}},
		{"a longer path prefix", "", "", []string{"SSOBRIDGE_PATH_PREFIX=/apps/Sign-In_1.0~x"}},
		{"no slash before a path prefix", "PATH_PREFIX", "begins with a slash", []string{"SSOBRIDGE_PATH_PREFIX=_sso"}},
		{"a slash after a path prefix", "PATH_PREFIX", "ends with a slash", []string{"SSOBRIDGE_PATH_PREFIX=/_sso/"}},
		{"no path in a path prefix", "PATH_PREFIX", "ends with a slash", []string{"SSOBRIDGE_PATH_PREFIX=/"}},
		{"dots in a path prefix", "PATH_PREFIX", "segment without a name", []string{"SSOBRIDGE_PATH_PREFIX=/a/../b"}},
		{"two slashes in a path prefix", "PATH_PREFIX", "segment without a name", []string{"SSOBRIDGE_PATH_PREFIX=//evil.example/x"}},
		{"an escape in a path prefix", "PATH_PREFIX", "other than letters", []string{"SSOBRIDGE_PATH_PREFIX=/%5fsso"}},
		{"a parameter in a path prefix", "PATH_PREFIX", "other than letters", []string{"SSOBRIDGE_PATH_PREFIX=/a;b"}},
		{"a letter beyond ASCII in a path prefix", "PATH_PREFIX", "other than letters", []string{"SSOBRIDGE_PATH_PREFIX=/ssö"}},
		{"a URL as a path prefix", "PATH_PREFIX", "begins with a slash", []string{"SSOBRIDGE_PATH_PREFIX=https://app.example.com/_sso"}},
		{"a path prefix without end", "PATH_PREFIX", "longer than", []string{"SSOBRIDGE_PATH_PREFIX=/" + strings.Repeat("a", 100)}},
		{"plain http", "SITE_URL", "in clear", []string{"SSOBRIDGE_SITE_URL=http://app.example.com"}},
		{"site with path", "SITE_URL", "more than scheme", []string{"MB_SITE_URL=https://app.example.com/sub"}},
		{"none without https", "SESSION_COOKIE_SAMESITE", "https", []string{"SSOBRIDGE_SESSION_COOKIE_SAMESITE=none"}},
		{"none", "", "", []string{"SSOBRIDGE_SESSION_COOKIE_SAMESITE=none", https}},
		{"domain", "", "", []string{"SSOBRIDGE_COOKIE_DOMAIN=example.com", https}},
		{"domain is the host", "", "", []string{"SSOBRIDGE_COOKIE_DOMAIN=app.example.com", https}},
		{"another domain", "COOKIE_DOMAIN", "does not cover", []string{"SSOBRIDGE_COOKIE_DOMAIN=example.org", https}},
		{"half a label", "COOKIE_DOMAIN", "does not cover", []string{"SSOBRIDGE_COOKIE_DOMAIN=ample.com", https}},
		{"domain below", "COOKIE_DOMAIN", "does not cover", []string{"SSOBRIDGE_COOKIE_DOMAIN=x.app.example.com", https}},
		{"a public suffix", "COOKIE_DOMAIN", "is co.uk, under which anyone may have a name", []string{"SSOBRIDGE_COOKIE_DOMAIN=co.uk", "SSOBRIDGE_SITE_URL=https://example.co.uk"}},
		{"a public suffix of a provider", "COOKIE_DOMAIN", "github.io", []string{"SSOBRIDGE_COOKIE_DOMAIN=github.io", "SSOBRIDGE_SITE_URL=https://ann.github.io"}},
		{"below a public suffix", "", "", []string{"SSOBRIDGE_COOKIE_DOMAIN=example.co.uk", "SSOBRIDGE_SITE_URL=https://bi.example.co.uk"}},
		{"a domain of one's own making", "", "", []string{"SSOBRIDGE_COOKIE_DOMAIN=corp.internal", "SSOBRIDGE_SITE_URL=https://bi.corp.internal"}},
		{"upstream is the bridge", "UPSTREAM", "for ever", []string{"SSOBRIDGE_UPSTREAM=http://localhost:3000"}},
		// SECURITY H4: headers are believed from named proxies only
		{"forward-auth without proxies", "FORWARD_AUTH", "believes headers", []string{"SSOBRIDGE_FORWARD_AUTH=true"}},
		{"forward-auth", "", "", []string{"SSOBRIDGE_FORWARD_AUTH=true", "SSOBRIDGE_TRUSTED_PROXIES=127.0.0.1"}},
		{"forward-auth off without proxies", "", "", []string{"SSOBRIDGE_FORWARD_AUTH=false"}},
		// SECURITY H4: one app has no hosts to tell apart
		{"a host of several with upstream", "ACCESS_RULES", "under each of bi.example.com, auth.example.com", []string{"SSOBRIDGE_SITE_URL=https://auth.example.com",
			"SSOBRIDGE_ALLOWED_ORIGINS=https://bi.example.com", "SSOBRIDGE_UPSTREAM=http://127.0.0.1:8000", bosses}},
		{"a host with upstream", "ACCESS_RULES", "leave host out", []string{https, "SSOBRIDGE_UPSTREAM=http://127.0.0.1:8000", bosses}},
		{"the one host with upstream", "", "", []string{"SSOBRIDGE_SITE_URL=https://bi.example.com", "SSOBRIDGE_ALLOWED_ORIGINS=https://bi.example.com:8443",
			"SSOBRIDGE_UPSTREAM=http://127.0.0.1:8000", bosses}},
		{"a host of several behind a proxy", "", "", []string{https, "SSOBRIDGE_TRUSTED_PROXIES=127.0.0.1", bosses}},
		{"backups of PostgreSQL", "BACKUP_EVERY", "is for SQLite", []string{"SSOBRIDGE_DATABASE_URL=postgres://db.example.com/x", "SSOBRIDGE_SECRET_KEY=Tq4Wm8Zc1Xv6Bn2Lk9Pj3Hg7Fd5Sa0Ry", "SSOBRIDGE_BACKUP_EVERY=24h"}},
		{"one port for two", "METRICS_LISTEN", "same as LISTEN", []string{"SSOBRIDGE_METRICS_LISTEN=127.0.0.1:3000"}},
		{"a broken value is one fault", "JWT_PROFILE", "none of metabase", []string{"SSOBRIDGE_JWT_PROFILE=harsh", "SSOBRIDGE_JWT_BINDING=off"}},
		{"a broken secret is one fault", "JWT_SHARED_SECRET", "JSON list", []string{"SSOBRIDGE_JWT_SHARED_SECRET=[x", "MB_JWT_ENABLED=true", "MB_JWT_IDENTITY_PROVIDER_URI=" + testURI}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, faults := Resolve(Inputs{Environ: tt.environ})
			if tt.fault == "" {
				if len(faults) > 0 {
					t.Errorf("got faults %v, want none", faults)
				}
				return
			}
			wantFault(t, faults, tt.fault, tt.want)
			if len(faults) != 1 {
				t.Errorf("got %d faults %v, want 1", len(faults), faults)
			}
		})
	}
}

// UPSTREAM at the bridge's own listener is found, however it is written; only names that would have to be looked up are not.
func TestUpstreamIsTheBridge(t *testing.T) {
	for _, tt := range []struct {
		listen, upstream string
		fault            bool
	}{
		{"127.0.0.1:3000", "http://127.0.0.1:3000", true},
		{":3000", "http://127.0.0.1:3000/app", true},
		{":3000", "http://[::1]:3000", true},
		{"0.0.0.0:3000", "http://localhost:3000", true},
		{"[::]:3000", "http://127.0.0.9:3000", true},
		{"localhost:3000", "http://127.0.0.1:3000", true},
		{"127.0.0.1:3000", "http://LOCALHOST:3000", true},
		{"127.0.0.1:80", "http://127.0.0.1", true},
		{"127.0.0.1:443", "https://127.0.0.1", true},
		{"10.0.0.5:3000", "http://10.0.0.5:3000", true},
		{"127.0.0.1:3000", "http://0.0.0.0:3000", true},
		{"127.0.0.1:3000", "http://[::ffff:127.0.0.1]:3000", true},
		{"bridge.internal:3000", "http://bridge.internal:3000", true},
		{"127.0.0.1:3000", "http://127.0.0.2:3000", false},
		{"127.0.0.1:3000", "http://[::1]:3000", false},
		{"10.0.0.5:3000", "http://127.0.0.1:3000", false},
		{":3000", "http://app.internal:3000", false},
		{":3000", "http://10.0.0.5:3000", false},
		{"127.0.0.1:3000", "http://127.0.0.1:3001", false},
	} {
		_, faults := Resolve(Inputs{Environ: []string{"SSOBRIDGE_SITE_URL=https://bi.example.com", "SSOBRIDGE_LISTEN=" + tt.listen, "SSOBRIDGE_UPSTREAM=" + tt.upstream}})
		if tt.fault {
			wantFault(t, faults, "UPSTREAM", "is LISTEN: the bridge would ask itself for ever")
		}
		if len(faults) > 1 || len(faults) == 1 && !tt.fault {
			t.Errorf("LISTEN %s, UPSTREAM %s: got faults %v", tt.listen, tt.upstream, faults)
		}
	}
}

// What was meant is said: a scheme that lacks is no "more than scheme, host and port".
func TestSchemeLacks(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"ALLOWED_ORIGINS", "app.example.com", "\"app.example.com\" lacks the scheme: write https://app.example.com"},
		{"ALLOWED_ORIGINS", "app.example.com:8443", "lacks the scheme: write https://app.example.com:8443"},
		{"ALLOWED_ORIGINS", "app.example.com/x", "has more than scheme, host and port"},
		{"ALLOWED_ORIGINS", "javascript:alert(1)", "javascript"},
		{"SITE_URL", "localhost:3000", "write http://localhost:3000"},
		{"SITE_URL", "127.0.0.1:3000", "write http://127.0.0.1:3000"},
		{"SITE_URL", "[::1]:3000", "write http://[::1]:3000"},
		{"SITE_URL", "[::1]", "write http://[::1]"},
		{"SITE_URL", "bi.example.com", "write https://bi.example.com"},
		{"UPSTREAM", "127.0.0.1:8000", "lacks the scheme: write http://127.0.0.1:8000"},
		{"UPSTREAM", "app:8000", "write http://app:8000"},
		{"UPSTREAM", "app/x", "such as http://127.0.0.1:8000"},
		{"JWT_IDENTITY_PROVIDER_URI", "product.example.com", "write https://product.example.com"},
		{"JWT_IDENTITY_PROVIDER_URI", "product.example.com/login", "such as https://product.example.com/login"},
	} {
		_, faults := Resolve(Inputs{Environ: []string{"SSOBRIDGE_" + tt.name + "=" + tt.text}})
		wantFault(t, faults, tt.name, tt.want)
	}
	_, faults := Resolve(Inputs{Environ: []string{"SSOBRIDGE_JWT_IDENTITY_PROVIDER_URI=" + testSecret}}) // SECURITY K1: in the wrong place
	if len(faults) != 1 || strings.Contains(faults[0].String(), testSecret) {
		t.Errorf("got %v", faults)
	}
}

func TestEveryFaultAtOnce(t *testing.T) {
	c, faults := withSaved(Inputs{
		Flags:    map[string]string{"listen": "nowhere"},
		Environ:  []string{"SSOBRIDGE_JWT_MAX_AGE=soon", "SSOBRIDGE_LISTN=1", "MB_JWT_GROUP_MAPPINGS={"},
		File:     map[string]any{"jwt_leeway": "2h", "typo": 1},
		FileName: "b.yaml",
	}, "JWT_PROFILE=strict", "JWT_MAX_AGE=also wrong, but not in force")
	var got []string
	for _, f := range faults {
		got = append(got, f.Name)
		if f.Problem == "" || strings.HasSuffix(f.String(), ".") || strings.Contains(f.String(), "\n") {
			t.Errorf("got the fault %q, want one line without a full stop", f)
		}
	}
	want := []string{"LISTEN", "JWT_GROUP_MAPPINGS", "JWT_MAX_AGE", "JWT_LEEWAY", "SSOBRIDGE_LISTN", "typo", "JWT_ISSUER", "JWT_AUDIENCE", "JWT_BINDING"}
	if !slices.Equal(got, want) {
		t.Errorf("got faults of %q, want %q", got, want)
	}
	if src := c.Source("JWT_MAX_AGE").String(); src != "SSOBRIDGE_JWT_MAX_AGE" {
		t.Errorf("source of a broken value: got %q", src)
	}
	if c.JWT.MaxAge != 180*time.Second {
		t.Errorf("a broken value: got %v in force, want the default", c.JWT.MaxAge)
	}
	for _, e := range c.Effective() { // check shows the settings beside the faults
		_ = e.Value
	}
}

// SECURITY F3: secrets are never shown.
func TestEffectiveMasksSecrets(t *testing.T) {
	c, _ := Resolve(Inputs{Environ: []string{"SSOBRIDGE_SECRET_KEY=" + testSecret, "MB_JWT_SHARED_SECRET=" + `["` + testSecret + `","x"]`,
		"SSOBRIDGE_DATABASE_URL=postgres://bridge:hunter2@db/bridge?password=hunter2&sslmode=require"}})
	shown := map[string]string{}
	for _, e := range c.Effective() {
		shown[e.Setting.Name] = e.Value
		if strings.Contains(e.Value, testSecret) || strings.Contains(e.Value, "hunter2") {
			t.Errorf("%s: got %q, want it masked", e.Setting.Name, e.Value)
		}
	}
	for name, want := range map[string]string{"SECRET_KEY": masked, "JWT_SHARED_SECRET": masked, "SITE_URL": "http://localhost:3000",
		"DATABASE_URL": "postgres://bridge:xxxxx@db/bridge", "JWT_ENABLED": "false", "JWT_MAX_AGE": "180s"} {
		if shown[name] != want {
			t.Errorf("%s: got %q shown, want %q", name, shown[name], want)
		}
	}
}

func TestSiteURLFollowsTheListener(t *testing.T) {
	if c := mustResolve(t, Inputs{Flags: map[string]string{"listen": "127.0.0.1:4000"}}); c.SiteURL != "http://localhost:4000" {
		t.Errorf("got %s, want the port of LISTEN", c.SiteURL)
	}
	c := mustResolve(t, Inputs{Flags: map[string]string{"listen": "127.0.0.1:0"}})
	c = c.WithListener(netip.MustParseAddrPort("127.0.0.1:4711"))
	if c.SiteURL != "http://localhost:4711" {
		t.Errorf("got %s, want the port that was taken", c.SiteURL)
	}
	if next, _ := c.WithSaved(Saved{}); next.SiteURL != c.SiteURL {
		t.Errorf("after a change of settings: got %s, want %s", next.SiteURL, c.SiteURL)
	}
	c = mustResolve(t, Inputs{Flags: map[string]string{"listen": "127.0.0.1:0", "site-url": "https://a.example"}})
	if c = c.WithListener(netip.MustParseAddrPort("127.0.0.1:4711")); c.SiteURL != "https://a.example" {
		t.Errorf("got %s, want the SITE_URL that was given", c.SiteURL)
	}
}

func TestWarnings(t *testing.T) {
	tests := []struct {
		want    string
		environ []string
	}{
		{"is off: set JWT_IDENTITY_PROVIDER_URI and JWT_SHARED_SECRET, or do so as administrator at /admin/providers/jwt", nil},
		{"JWT_SHARED_SECRET is not: sign-in through the identity provider is off; set JWT_SHARED_SECRET, or as administrator at /admin/providers/jwt", []string{"MB_JWT_IDENTITY_PROVIDER_URI=" + testURI}},
		{"JWT_IDENTITY_PROVIDER_URI is not: sign-in", []string{"MB_JWT_SHARED_SECRET=" + testSecret}},
		{"SITE_URL is not set", metabase("SSOBRIDGE_LISTEN=:3000")},
		{"JWT_GROUP_SYNC is off", metabase(`MB_JWT_GROUP_MAPPINGS={"a":[3]}`)},
		{"no one can sign in", metabase("MB_JWT_ENABLED=false", "MB_ENABLE_PASSWORD_LOGIN=false")},
		{"it cannot sign in", metabase("SSOBRIDGE_ADMIN_EMAIL=ada@example.com", "SSOBRIDGE_ADMIN_PASSWORD=seven green kettles hum", "MB_ENABLE_PASSWORD_LOGIN=false")},
		{"ACCESS_RULES has no effect", metabase(`SSOBRIDGE_ACCESS_RULES=[{"path":"/a","allow":"public"}]`)},
		{"JWT_TOKEN_URI has no effect", metabase("SSOBRIDGE_JWT_TOKEN_URI=https://p.example/token")},
	}
	for _, tt := range tests {
		c := mustResolve(t, Inputs{Environ: tt.environ})
		if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], tt.want) {
			t.Errorf("%q: got warnings %q, want one with %q", tt.environ, c.Warnings, tt.want)
		}
	}
	if c := mustResolve(t, Inputs{Environ: []string{"MB_JWT_ENABLED=false"}}); len(c.Warnings) > 0 {
		t.Errorf("off on purpose: got warnings %q", c.Warnings)
	}
}

// The app's settings, as YAML has them.
func TestAppSettings(t *testing.T) {
	c := mustResolve(t, Inputs{FileName: "b.yaml", File: map[string]any{
		"trusted_proxies": []any{"127.0.0.1"}, "bearer_header": "x-api-key", "bearer_parameter": "access_token",
		"access_rules": []any{
			map[string]any{"path": "/health", "allow": "public"},
			map[any]any{"host": "bi.example.com", "methods": []any{"post"}, "allow": []any{"Sales"}},
		},
	}})
	want := access.Rules{{Path: "/health", Public: true}, {Host: "bi.example.com", Methods: []string{"POST"}, Groups: []string{"Sales"}}}
	if !cmp.Equal(c.AccessRules, want) {
		t.Errorf("rules: got %+v, want %+v", c.AccessRules, want)
	}
	if c.BearerHeader != "X-Api-Key" || c.BearerParameter != "access_token" || !c.ForwardAuth {
		t.Errorf("got %q, %q, %v", c.BearerHeader, c.BearerParameter, c.ForwardAuth)
	}
	if c := mustResolve(t, Inputs{}); c.BearerHeader != "Authorization" || c.BearerParameter != "" || c.ForwardAuth {
		t.Errorf("defaults: got %q, %q, %v", c.BearerHeader, c.BearerParameter, c.ForwardAuth)
	}
	for name, tt := range map[string]struct {
		environ []string
		want    bool
	}{
		"proxies":            {[]string{"SSOBRIDGE_TRUSTED_PROXIES=127.0.0.1"}, true},
		"proxies, upstream":  {[]string{"SSOBRIDGE_TRUSTED_PROXIES=127.0.0.1", "SSOBRIDGE_UPSTREAM=http://127.0.0.1:8000"}, false},
		"both, and asked to": {[]string{"SSOBRIDGE_TRUSTED_PROXIES=127.0.0.1", "SSOBRIDGE_UPSTREAM=http://127.0.0.1:8000", "SSOBRIDGE_FORWARD_AUTH=true"}, true},
	} {
		if got := mustResolve(t, Inputs{Environ: tt.environ}).ForwardAuth; got != tt.want {
			t.Errorf("%s: FORWARD_AUTH is %v, want %v", name, got, tt.want)
		}
	}
	for _, e := range c.Effective() {
		if e.Setting.Name == "FORWARD_AUTH" && e.Value != "true" {
			t.Errorf("FORWARD_AUTH is shown as %q", e.Value)
		}
	}
}

func TestSQLitePath(t *testing.T) {
	for text, want := range map[string]string{"sqlite:a.db": "a.db", "sqlite:///var/a.db": "/var/a.db", "sqlite:/var/a.db": "/var/a.db"} {
		c := mustResolve(t, Inputs{Flags: map[string]string{"database-url": text}})
		if got, ok := c.SQLitePath(); got != want || !ok {
			t.Errorf("%s: got %q, %v; want %q", text, got, ok, want)
		}
	}
	c, _ := Resolve(Inputs{Flags: map[string]string{"database-url": "postgres://h/db"}})
	if got, ok := c.SQLitePath(); ok {
		t.Errorf("postgres: got the file %q, want none", got)
	}
}

func wantFault(t *testing.T, faults []Fault, name, text string) {
	t.Helper()
	for _, f := range faults {
		if f.Name == name && strings.Contains(f.String(), text) {
			return
		}
	}
	t.Errorf("got faults %v, want one of %s with %q", faults, name, text)
}

// FuzzSettings feeds texts to each setting by two ways in. Resolving never panics, both ways judge alike, and a Config
// without faults keeps the promises that other packages build on.
func FuzzSettings(f *testing.F) {
	table := Table()
	for i, s := range table {
		f.Add(uint8(i), s.Default)
		for _, text := range []string{`["a","b"]`, `{"amount":120,"unit":"minutes"}`, "https://a.example", "10.0.0.0/8, ::1",
			"postgres://u:p@h/d", "/_sso", "/a/../b", "//h", "/%2e", "-9223372036854775808", "\x00", "1e400"} {
			f.Add(uint8(i), text)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		s := table[int(which)%len(table)]
		c, faults := Resolve(Inputs{Environ: []string{s.Env() + "=" + text}})
		again, other := Resolve(Inputs{Flags: map[string]string{s.Flag(): text}})
		if text != "" && (len(faults) == 0) != (len(other) == 0) {
			t.Errorf("%s: as variable %v, as flag %v", s.Name, faults, other)
		}
		if len(faults) == 0 {
			keepsPromises(t, c)
		}
		if len(other) == 0 {
			keepsPromises(t, again)
		}
	})
}

func keepsPromises(t *testing.T, c *Config) {
	t.Helper()
	if _, err := origin.Parse(string(c.SiteURL)); err != nil {
		t.Errorf("SiteURL: got %q: %v", c.SiteURL, err)
	}
	if scheme, host := parse.SplitOrigin(c.SiteURL); scheme == "http" && !parse.Loopback(host) {
		t.Errorf("SiteURL: got plain http for %s", host)
	}
	if c.JWT.Enabled && (c.JWT.IdentityProviderURI == nil || len(c.JWT.SharedSecrets) == 0) {
		t.Error("JWTEnabled without URI or secret")
	}
	if c.JWT.Leeway < 0 || c.JWT.Leeway > time.Minute || c.JWT.MaxAge < time.Second || c.MaxSessionAge < time.Minute {
		t.Errorf("times: got %v, %v, %v", c.JWT.Leeway, c.JWT.MaxAge, c.MaxSessionAge)
	}
	if c.SessionTimeout != 0 && c.SessionTimeout < time.Minute {
		t.Errorf("SessionTimeout: got %v", c.SessionTimeout)
	}
	if n := len(c.SecretKey); n != 0 && n < 32 {
		t.Errorf("SecretKey: got %d bytes", n)
	}
	if c.JWT.Claims.Email == "" {
		t.Error("JWTClaims.Email is empty")
	}
	// PATH_PREFIX is one path to everyone, and no part of the host.
	if u, err := url.Parse(c.URL("/x")); err != nil || u.Host == "" || u.Path != c.PathPrefix+"/x" || u.EscapedPath() != u.Path || path.Clean(u.Path) != u.Path ||
		string(c.SiteURL) != u.Scheme+"://"+u.Host {
		t.Errorf("PathPrefix: got %q", c.PathPrefix)
	}
}

// OpenMetadata's four names count without a prefix, beside its private key and nowhere else: JWT_ISSUER is a common word.
func TestOpenMetadataNames(t *testing.T) {
	theirs := []string{"RSA_PRIVATE_KEY_FILE_PATH=/c/private_key.der", "RSA_PUBLIC_KEY_FILE_PATH=/c/public_key.der", "JWT_ISSUER=open-metadata.org", "JWT_KEY_ID=Gb389a"}
	c := mustResolve(t, Inputs{Environ: metabase(theirs...)})
	if c.ServiceKeyFile != "/c/private_key.der" || c.ServicePublicKeyFile != "/c/public_key.der" || c.ServiceIssuer != "open-metadata.org" || c.ServiceKeyID != "Gb389a" || c.JWT.Issuer != "" {
		t.Errorf("got %q, %q, %q, %q, and the issuer of sign-ins %q", c.ServiceKeyFile, c.ServicePublicKeyFile, c.ServiceIssuer, c.ServiceKeyID, c.JWT.Issuer)
	}
	if got := c.Source("SERVICE_KEY_FILE").String(); got != "RSA_PRIVATE_KEY_FILE_PATH" {
		t.Errorf("source %q", got)
	}
	c = mustResolve(t, Inputs{Environ: metabase("JWT_ISSUER=open-metadata.org", "JWT_KEY_ID=Gb389a")})
	if c.ServiceIssuer != "" || c.ServiceKeyID != "" || c.JWT.Issuer != "" {
		t.Errorf("alone they count: %q, %q, %q", c.ServiceIssuer, c.ServiceKeyID, c.JWT.Issuer)
	}
	_, faults := Resolve(Inputs{Environ: metabase("RSA_PUBLIC_KEY_FILE_PATH=/c/public_key.der")})
	wantFault(t, faults, "RSA_PUBLIC_KEY_FILE_PATH", "RSA_PRIVATE_KEY_FILE_PATH is not")
	_, faults = Resolve(Inputs{Environ: metabase(append(theirs, "SSOBRIDGE_SERVICE_KEY_FILE=/d/other.der")...)})
	wantFault(t, faults, "SERVICE_KEY_FILE", "differs from RSA_PRIVATE_KEY_FILE_PATH")
	_, faults = Resolve(Inputs{Environ: metabase("SSOBRIDGE_RSA_PRIVATE_KEY_FILE_PATH=/c/private_key.der")})
	wantFault(t, faults, "SSOBRIDGE_RSA_PRIVATE_KEY_FILE_PATH", "is not a setting")
	if len(faults) != 1 || faults[0].Hint != "write SSOBRIDGE_SERVICE_KEY_FILE" {
		t.Errorf("faults %v", faults)
	}
}
