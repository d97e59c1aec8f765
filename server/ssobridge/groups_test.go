package ssobridge

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/groupsource"
)

// SECURITY F3: a password that nobody may see is not sent to another place by whoever changes where it goes.
func TestSecretsAreNotSentElsewhere(t *testing.T) {
	try := func(r *Runtime, changes ...string) string {
		values := map[string]*string{}
		for _, kv := range changes {
			name, value, _ := strings.Cut(kv, "=")
			values[name] = &value
		}
		_, err := r.Try(t.Context(), values)
		var refused *admin.Refusal
		if !errors.As(err, &refused) {
			return ""
		}
		for name, problem := range refused.Fields {
			return name + " " + problem
		}
		return err.Error()
	}
	fixed, _, _ := runtime(t, nil, "SSOBRIDGE_LDAP_BIND_DN=cn=b", "SSOBRIDGE_LDAP_BIND_PASSWORD=of-the-operator", "SSOBRIDGE_LDAP_USER_BASE=dc=acme",
		"SSOBRIDGE_JWT_GROUPS_ENDPOINT_TOKEN=of-the-operator", "SSOBRIDGE_PROVIDERS=acme", "SSOBRIDGE_PROVIDER_ACME_KIND=oidc", "SSOBRIDGE_PROVIDER_ACME_ENABLED=false",
		"SSOBRIDGE_PROVIDER_ACME_CLIENT_SECRET=of-the-operator")
	for _, change := range []string{"LDAP_URL=ldaps://evil.example", "LDAP_INSECURE=true", "JWT_GROUPS_ENDPOINT_URL=https://evil.example",
		"PROVIDER_ACME_ISSUER=https://evil.example", "PROVIDER_ACME_DISCOVERY_URL=https://evil.example"} {
		if got := try(fixed, change); !strings.Contains(got, "decides where") || !strings.Contains(got, "set this there, too") {
			t.Errorf("the secret is set outside, %s: got %q", change, got)
		}
	}
	r, _, _ := runtime(t, nil)
	if err := save(t, r, "LDAP_USER_BASE", "dc=acme"); err != nil {
		t.Fatal(err)
	}
	whole := []string{"LDAP_URL=ldaps://dc1.example", "LDAP_BIND_DN=cn=b", "LDAP_BIND_PASSWORD=saved"}
	values := map[string]*string{}
	for _, kv := range whole {
		name, value, _ := strings.Cut(kv, "=")
		values[name] = &value
	}
	_, version, err := r.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Save(t.Context(), admin.Change{Values: values, Version: version, Actor: "ada"}); err != nil {
		t.Fatal(err)
	}
	if got := try(r, "LDAP_URL=ldaps://evil.example"); got != "LDAP_URL decides where LDAP_BIND_PASSWORD is sent: type that again, too" {
		t.Errorf("another address alone: got %q", got)
	}
	if got := try(r, "LDAP_URL=ldaps://evil.example", "LDAP_BIND_PASSWORD="); !strings.Contains(got, "LDAP_BIND_PASSWORD") {
		t.Errorf("another address, and the password goes: got %q", got)
	}
	for _, changes := range [][]string{{"LDAP_URL=ldaps://dc2.example", "LDAP_BIND_PASSWORD=given anew"}, {"LDAP_URL=ldaps://dc1.example", "LDAP_DEPTH=3"}} {
		if got := try(r, changes...); got != "" {
			t.Errorf("%q: got %q, want no refusal", changes, got)
		}
	}
}

// What is wrong with a source is the fault of a setting, whether a provider asks the source or not.
func TestGroupSourceFaults(t *testing.T) {
	for _, tt := range []struct{ name, value, order, want string }{
		{"ldap-user-filter", "(uid=*)", "ldap", "LDAP_USER_FILTER"},
		{"ldap-user-filter", "(uid=*)", "token", "LDAP_USER_FILTER"},
		{"ldap-group-filter", "(x", "token,ldap", "LDAP_GROUP_FILTER"},
		{"ldap-ca-file", "/nowhere/ca.pem", "ldap", "LDAP_CA_FILE"},
		{"jwt-groups-endpoint-url", "http://groups.example.com", "endpoint", "JWT_GROUPS_ENDPOINT_URL"}, // SECURITY G5
		{"jwt-groups-endpoint-url", "https://169.254.169.254/groups", "endpoint", "JWT_GROUPS_ENDPOINT_URL"},
		{"jwt-groups-endpoint-url", "https://groups.example.com/?user=x", "endpoint", "JWT_GROUPS_ENDPOINT_URL"},
	} {
		flags := map[string]string{"ldap-url": "ldaps://dc1.example.com", "ldap-user-base": "dc=acme", "ldap-user-filter": "(mail={email})",
			"jwt-group-sync": "true", "jwt-groups-order": tt.order}
		flags[tt.name] = tt.value
		cfg := with(t, flags)
		_, _, err := Bridge(t.Context(), cfg, &notebook{}, time.Now, slog.New(slog.DiscardHandler))
		if err == nil {
			t.Errorf("%s=%s: got no error", tt.name, tt.value)
			continue
		}
		if f, ok := FaultOf(cfg, err); !ok || f.Name != tt.want || sso.CodeOf(err) != sso.Invalid {
			t.Errorf("%s=%s: got %v, want a fault of %s", tt.name, tt.value, err, tt.want)
		}
	}
}

// A source with what it remembers stays while the settings that made it do.
func TestSourcesAreKept(t *testing.T) {
	source := func(m *maker, flags map[string]string) groupsource.Source {
		all := map[string]string{"ldap-url": "ldaps://dc1.example.com", "ldap-user-base": "dc=acme", "ldap-user-filter": "(mail={email})",
			"jwt-group-sync": "true", "jwt-groups-order": "ldap"}
		for name, value := range flags {
			all[name] = value
		}
		b, _, err := m.bridge(t.Context(), with(t, all), &notebook{})
		if err != nil {
			t.Fatal(err)
		}
		return b.Providers[0].Groups.(*groupsource.Order).Sources[0].Source
	}
	m := &maker{keyring: &keyring{}, sources: &sourcebook{}, now: time.Now, log: slog.New(slog.DiscardHandler)}
	before := source(m, nil)
	if source(m, map[string]string{"site-name": "Acme"}) != before {
		t.Error("another name of the site made another source")
	}
	if source(m, map[string]string{"ldap-bind-dn": "cn=b", "ldap-bind-password": "x"}) == before {
		t.Error("another name at the directory made no other source")
	}
}
