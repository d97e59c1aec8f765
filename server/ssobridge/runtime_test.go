package ssobridge

import (
	"cmp"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/store"
)

// runtime is a Runtime on a new database, or on that of another.
func runtime(t *testing.T, st *store.Store, environ ...string) (*Runtime, *store.Store, *strings.Builder) {
	t.Helper()
	key := []byte(strings.Repeat("k7", 20))
	if st == nil {
		var err error
		st, err = store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "bridge.db"), store.Options{Secret: key})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		if _, err := st.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	cfg, faults := setting.Resolve(setting.Inputs{Environ: environ})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	log := &strings.Builder{}
	r, err := NewRuntime(t.Context(), cfg, st, key, time.Now, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return r, st, log
}

func save(t *testing.T, r *Runtime, name, value string) error {
	t.Helper()
	_, version, err := r.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Save(t.Context(), admin.Change{Values: map[string]*string{name: &value}, Version: version, Actor: "root@example.com"})
	return err
}

// Whoever follows gets each set of settings once, and always a whole one.
func TestRuntimeFollow(t *testing.T) {
	r, _, _ := runtime(t, nil, "SSOBRIDGE_JWT_IDENTITY_PROVIDER_URI=https://idp.example/login", "SSOBRIDGE_JWT_SHARED_SECRET=vX9qLk2nRz7pTb4mYc8wHs3dJf6gKa1eUo5iQrWxNyE")
	var seen []string
	r.Follow(func(l server.Live) {
		if l.Config == nil || l.Bridge == nil || l.Bridge.Providers[0].Policy.SiteName != l.Config.SiteName {
			t.Errorf("half a set of settings: %+v", l)
		}
		seen = append(seen, l.Config.SiteName)
	})
	for _, name := range []string{"One", "One", "Two"} {
		if err := save(t, r, "SITE_NAME", name); err != nil {
			t.Fatal(err)
		}
		if err := r.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(seen, ","); got != "One,Two" {
		t.Errorf("got %q, want each once", got)
	}
}

// A replica that cannot use what another saved goes on with what it had, and says so once.
func TestRuntimeCannotUse(t *testing.T) {
	first, st, _ := runtime(t, nil)
	second, _, log := runtime(t, st, "SSOBRIDGE_JWT_PROFILE=standard")
	if err := save(t, first, "SITE_NAME", "Acme"); err != nil {
		t.Fatal(err)
	}
	if _, err := st.SaveSettings(t.Context(), sso.SettingsChange{Values: map[string]*string{"JWT_LEEWAY": new("forever")}, Version: 1}); err != nil { // as a newer program may
		t.Fatal(err)
	}
	for range 3 {
		if err := second.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := second.Live().Config.SiteName; got != "ssobridge" {
		t.Errorf("got %q in force, want what was", got)
	}
	if n := strings.Count(log.String(), "saved settings cannot be used"); n != 1 {
		t.Errorf("said %d times, want once: %s", n, log)
	}
	if err := save(t, first, "JWT_LEEWAY", "5s"); err != nil {
		t.Fatal(err)
	}
	if err := second.Reload(t.Context()); err != nil || second.Live().Config.SiteName != "Acme" {
		t.Errorf("after it was mended: got %q, %v", second.Live().Config.SiteName, err)
	}
}

// Of two who save at the same version one wins, and the other's is not kept.
func TestRuntimeConflict(t *testing.T) {
	first, st, _ := runtime(t, nil)
	second, _, _ := runtime(t, st)
	one, two := "One", "Two"
	if _, err := first.Save(t.Context(), admin.Change{Values: map[string]*string{"SITE_NAME": &one}}); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Save(t.Context(), admin.Change{Values: map[string]*string{"SITE_NAME": &two}}); sso.CodeOf(err) != sso.Conflict {
		t.Errorf("got %v, want conflict", err)
	}
	if cfg, _, err := second.Current(t.Context()); err != nil || cfg.SiteName != "One" {
		t.Errorf("got %v, %v, want One", cfg.SiteName, err)
	}
}

// Trying creates no group; saving does. What is tried is judged like what is saved.
func TestRuntimeTry(t *testing.T) {
	r, st, _ := runtime(t, nil)
	text := `{"ext":["Sales"]}`
	cfg, err := r.Try(t.Context(), map[string]*string{"JWT_GROUP_MAPPINGS": &text})
	if err != nil || len(cfg.JWT.GroupMappings) != 1 {
		t.Fatalf("got %v", err)
	}
	if _, err := st.GroupByName(t.Context(), "Sales"); sso.CodeOf(err) != sso.NotFound {
		t.Errorf("after trying: got %v, want no group", err)
	}
	if err := save(t, r, "JWT_GROUP_MAPPINGS", text); err != nil {
		t.Fatal(err)
	}
	if _, err := st.GroupByName(t.Context(), "Sales"); err != nil {
		t.Errorf("after saving: %v", err)
	}
	bad := "{"
	if _, err := r.Try(t.Context(), map[string]*string{"JWT_GROUP_MAPPINGS": &bad}); sso.CodeOf(err) != sso.Invalid {
		t.Errorf("a broken mapping: got %v, want invalid", err)
	}
}

// A store that is down is no reason to change anything, and is told.
func TestRuntimeStoreDown(t *testing.T) {
	r, st, _ := runtime(t, nil)
	st.Close()
	if err := r.Reload(context.WithoutCancel(t.Context())); err == nil {
		t.Error("got no error, want one, so that it is tried again")
	}
	if r.Live().Config == nil {
		t.Error("nothing in force")
	}
}

// EVENT_RETENTION is what a sweep keeps.
func TestSweepForgets(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		days string
		want int
	}{{"400", 2}, {"30", 1}, {"0", 3}} {
		r, st, _ := runtime(t, nil, "SSOBRIDGE_EVENT_RETENTION="+tt.days)
		for _, age := range []int{1, 100, 1000} {
			if err := st.Record(t.Context(), sso.Event{At: now.AddDate(0, 0, -age), Kind: sso.EventSignIn}); err != nil {
				t.Fatal(err)
			}
		}
		s := &Service{Runtime: r, store: st, now: func() time.Time { return now }, log: slog.New(slog.DiscardHandler)}
		s.sweep(t.Context())
		events, _, err := st.Events(t.Context(), sso.EventQuery{})
		if err != nil || len(events) != tt.want {
			t.Errorf("EVENT_RETENTION=%s: got %d events, %v, want %d", tt.days, len(events), err, tt.want)
		}
	}
}

// testKey is a public key of nobody.
const testKey = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`

// A login leaves the mark of what let it in: of each setting that does, and of the key; of nothing else.
//
// SECURITY G4
func TestMark(t *testing.T) {
	given := func(name, text string) string {
		all := map[string]string{"JWT_IDENTITY_PROVIDER_URI": "https://idp.example/login", "JWT_CLIENT_ID": "bridge", "JWT_GROUPS_ENDPOINT_URL": "https://idp.example/groups",
			"LDAP_USER_BASE": "dc=acme", "LDAP_BIND_DN": "cn=bridge", "LDAP_BIND_PASSWORD": "x", name: text}
		all["JWT_SHARED_SECRET"] = cmp.Or(all["JWT_SHARED_SECRET"], "vX9qLk2nRz7pTb4mYc8wHs3dJf6gKa1eUo5iQrWxNyE")
		var environ []string
		for name, text := range all {
			environ = append(environ, "SSOBRIDGE_"+name+"="+text)
		}
		r, _, _ := runtime(t, nil, environ...)
		return r.Live().Bridge.Providers[0].Digest(sso.SecretID(all["JWT_SHARED_SECRET"]))
	}
	before := given("JWT_CLIENT_ID", "bridge")
	other := map[string]string{
		"JWT_IDENTITY_PROVIDER_URI": "https://other.example/", "JWT_SHARED_SECRET": "0aLwKq3vVn8ZpXy5rT2uJc7dEb1mGhSf9QkWiRoN4xM", "JWT_PROFILE": "metabase",
		"JWT_BINDING": "state", "JWT_VALIDATION": "all", "LINK_PASSWORD_ACCOUNTS": "true", "JWT_LINK_ACCOUNTS": "true", "JWT_KEYS": testKey,
		"JWT_PRINCIPAL_DOMAIN": "acme.example", "JWT_ALLOWED_DOMAINS": "acme.example", "JWT_REQUIRE": `[{"claim":"a","values":["b"]}]`, "JWT_MAX_AGE": "10s", "JWT_LEEWAY": "1s", "JWT_MAX_LIFETIME": "60s",
		"JWT_GROUPS_ORDER": "endpoint", "JWT_GROUPS_ON_FAILURE": "keep", "JWT_GROUPS_ENDPOINT_METHOD": "post", "JWT_GROUPS_ENDPOINT_TIMEOUT": "3s", "JWT_GROUPS_ENDPOINT_CACHE": "3s",
		"LDAP_URL": "ldaps://dc1.acme.example", "LDAP_STARTTLS": "true", "LDAP_INSECURE": "true", "LDAP_USER_BASE": "ou=people,dc=acme", "LDAP_USER_FILTER": "(mail={email})",
		"LDAP_ENABLED_FILTER": "(a=b)", "LDAP_GROUP_FILTER": "(memberUid={user})", "LDAP_NESTED": "recursive", "LDAP_DEPTH": "3", "LDAP_TIMEOUT": "3s", "LDAP_CACHE": "3s",
	}
	for _, s := range setting.Table() {
		if text := cmp.Or(other[s.Name], "https://idp.example/x"); s.LetsIn || s.Name == "JWT_SHARED_SECRET" {
			if given(s.Name, text) == before {
				t.Errorf("%s=%s: got the same mark, want another", s.Name, text)
			}
		}
	}
	if given("SITE_NAME", "Acme") != before {
		t.Error("SITE_NAME: got another mark, want the same: it lets nobody in")
	}
}
