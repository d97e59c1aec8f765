package setting

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// directory are settings of a sound directory; more come behind them, and the last of a name counts.
func directory(more ...string) Inputs {
	env := map[string]string{}
	for _, kv := range append([]string{"LDAP_URL=ldaps://dc1.example.com", "LDAP_USER_BASE=dc=example,dc=com", "LDAP_USER_FILTER=(mail={email})",
		"JWT_GROUPS_ORDER=token,ldap", "JWT_GROUP_SYNC=true", "JWT_IDENTITY_PROVIDER_URI=" + testURI, "JWT_SHARED_SECRET=" + otherSecret}, more...) {
		name, value, _ := strings.Cut(kv, "=")
		env[name] = value
	}
	var in Inputs
	for name, value := range env {
		in.Environ = append(in.Environ, "SSOBRIDGE_"+name+"="+value)
	}
	return in
}

func TestGroupSources(t *testing.T) {
	c := mustResolve(t, directory("LDAP_BIND_DN=cn=b", "LDAP_BIND_PASSWORD=s3cret-of-ldap", "JWT_GROUPS_ORDER=token ldap endpoint", "JWT_GROUPS_ON_FAILURE=keep",
		"JWT_GROUPS_ENDPOINT_URL=https://groups.example.com/of", "JWT_GROUPS_ENDPOINT_TOKEN=s3cret-of-endpoint", "JWT_GROUPS_ENDPOINT_METHOD=post"))
	g, l := c.JWT.Groups, c.LDAP
	if !slices.Equal(g.Order, []string{"token", "ldap", "endpoint"}) || g.OnFailure != sso.KeepOnFailure || g.EndpointMethod != "post" || g.EndpointTimeout != 2*time.Second ||
		g.EndpointCache != time.Minute || g.EndpointToken != "s3cret-of-endpoint" {
		t.Errorf("groups: got %+v", g)
	}
	if l.Depth != 10 || l.Timeout != 2*time.Second || l.Cache != time.Minute || l.Nested != "no" || l.GroupFilter != "(member={dn})" || l.BindPassword != "s3cret-of-ldap" {
		t.Errorf("directory: got %+v", l)
	}
	for _, e := range c.Effective() {
		if strings.Contains(e.Value, "s3cret") { // SECURITY F3
			t.Errorf("%s shows a secret: %s", e.Setting.Name, e.Value)
		}
	}
	if c := mustResolve(t, Inputs{}); !slices.Equal(c.JWT.Groups.Order, []string{"token"}) || c.JWT.Groups.Asks() || c.JWT.Groups.OnFailure != sso.RefuseOnFailure {
		t.Errorf("unset: got %+v", c.JWT.Groups)
	}
}

// The blocks of the file are the same settings.
func TestGroupSourcesInTheFile(t *testing.T) {
	file := func(ldap, groups any) Inputs {
		return Inputs{FileName: "b.yaml", File: map[string]any{"ldap": ldap, "providers": map[string]any{"acme": map[string]any{
			"identity_provider_uri": testURI, "shared_secret": otherSecret, "group_sync": true, "groups": groups}}}}
	}
	c := mustResolve(t, file(
		map[string]any{"url": []any{"ldaps://dc1.example.com", "ldaps://dc2.example.com"}, "user_base": "dc=example,dc=com", "user_filter": "(mail={email})", "nested": "chain", "depth": 3, "timeout": "3s"},
		map[any]any{"order": []any{"token", "ldap", "endpoint"}, "on_failure": "keep", "endpoint": map[string]any{"url": "https://groups.example.com/of", "cache": 0}}))
	g := c.Provider("acme").Groups
	if len(c.LDAP.URLs) != 2 || c.LDAP.Nested != "chain" || c.LDAP.Depth != 3 || c.LDAP.Timeout != 3*time.Second || len(g.Order) != 3 || g.OnFailure != sso.KeepOnFailure ||
		g.EndpointURL != "https://groups.example.com/of" || g.EndpointCache != 0 {
		t.Errorf("got %+v, %+v", c.LDAP, g)
	}
	if got := c.Source("LDAP_DEPTH").String(); got != "b.yaml: ldap.depth" {
		t.Errorf("source: %s", got)
	}
	if got := c.Source("PROVIDER_ACME_GROUPS_ENDPOINT_URL").String(); got != "b.yaml: providers.acme.groups.endpoint.url" {
		t.Errorf("source: %s", got)
	}
	_, faults := Resolve(file(map[string]any{"uri": "x"}, map[string]any{"odrer": "x", "endpoint": map[string]any{"adress": "x"}}))
	for _, want := range []string{"ldap.uri is not a setting", "providers.acme.groups.odrer is not a setting", "providers.acme.groups.endpoint.adress is not a setting"} {
		if !slices.ContainsFunc(faults, func(f Fault) bool { return strings.Contains(f.String(), want) }) {
			t.Errorf("got %v, want %s", faults, want)
		}
	}
}

func TestGroupSourceFaults(t *testing.T) {
	for _, tt := range []struct {
		more []string
		want string // in the one fault; "": none
	}{
		{nil, ""},
		{[]string{"LDAP_URL=ldap://dc1.example.com"}, "LDAP_URL has ldap://dc1.example.com, which everyone on the way can read and change; write ldaps://, or set LDAP_STARTTLS"}, // SECURITY G5
		{[]string{"LDAP_URL=ldaps://dc1.example.com,ldap://10.0.0.7"}, "LDAP_URL has ldap://10.0.0.7"},
		{[]string{"LDAP_URL=ldap://localhost.example.com"}, "LDAP_URL has ldap://localhost.example.com"},
		{[]string{"LDAP_URL=ldap://dc1.example.com", "LDAP_STARTTLS=true"}, ""},
		{[]string{"LDAP_URL=ldap://dc1.example.com", "LDAP_INSECURE=true"}, ""},
		{[]string{"LDAP_URL=ldap://127.0.0.1:389 ldap://localhost ldap://[::1]:1389 ldapi://%2Frun%2Fldapi"}, ""},
		{[]string{"LDAP_URL=https://dc1.example.com"}, "SSOBRIDGE_LDAP_URL: LDAP_URL is not an address such as ldaps://"},
		{[]string{"LDAP_URL=ldaps://ann:hunter2@dc1.example.com"}, "without a name or a password in it"},
		{[]string{"LDAP_URL=ldaps://a,ldaps://b,ldaps://c,ldaps://d,ldaps://e"}, "at most 4"},
		{[]string{"LDAP_URL="}, "LDAP_URL is not set, and JWT_GROUPS_ORDER has ldap"},
		{[]string{"LDAP_USER_BASE="}, "LDAP_USER_BASE is not set"},
		{[]string{"LDAP_BIND_DN=cn=b"}, "LDAP_BIND_PASSWORD is not set, and LDAP_BIND_DN needs it"},
		{[]string{"LDAP_BIND_PASSWORD=hunter2"}, "LDAP_BIND_DN is not set"},
		{[]string{"LDAP_USER_FILTER=(uid={user})"}, "JWT_ATTRIBUTE_SUBJECT is not set, and {user} in LDAP_USER_FILTER needs it"}, // SECURITY E13
		{[]string{"LDAP_USER_FILTER=(uid={user})", "JWT_ATTRIBUTE_SUBJECT=sub"}, ""},
		{[]string{"LDAP_USER_FILTER=(uid={user})", "JWT_ALLOWED_DOMAINS=example.com"}, ""},
		{[]string{"LDAP_USER_FILTER=(uid={user})", "JWT_PRINCIPAL_DOMAIN=example.com"}, ""},
		{[]string{"LDAP_USER_FILTER=(uid={user})", "JWT_ALLOWED_DOMAINS=example.com,example.org"}, "JWT_ATTRIBUTE_SUBJECT is not set"},
		{[]string{"LDAP_GROUP_FILTER=(memberUid={user})"}, "JWT_ATTRIBUTE_SUBJECT is not set"},
		{[]string{"LDAP_DEPTH=0"}, "no number from 1 to 50"},
		{[]string{"LDAP_TIMEOUT=1h"}, "is not between"},
		{[]string{"LDAP_NESTED=yes"}, "no, recursive"},
		{[]string{"JWT_GROUPS_ORDER=token,ad"}, `"ad" is none of token, ldap and endpoint`},
		{[]string{"JWT_GROUPS_ORDER=ldap,ldap"}, "ldap stands there twice"},
		{[]string{"JWT_GROUPS_ORDER=,"}, "is empty"},
		{[]string{"JWT_GROUPS_ORDER=token,endpoint"}, "JWT_GROUPS_ENDPOINT_URL is not set, and JWT_GROUPS_ORDER has endpoint"},
		{[]string{"JWT_GROUPS_ON_FAILURE=ignore"}, "refuse, keep"},
		{[]string{"JWT_GROUPS_ENDPOINT_URL=https://a:hunter2@groups.example.com"}, "without a name or a password in it"},
		{[]string{"JWT_GROUPS_ENDPOINT_URL=https://a.example,https://b.example"}, "more than one address"},
		{[]string{"JWT_GROUPS_ENDPOINT_TOKEN=hunter2\nX-Admin: 1"}, "cannot stand in a header"},
	} {
		_, faults := Resolve(directory(tt.more...))
		var all []string
		for _, f := range faults {
			all = append(all, f.String())
		}
		got := strings.Join(all, " | ")
		if (tt.want == "") != (len(faults) == 0) || !strings.Contains(got, tt.want) || len(faults) > 1 || strings.Contains(got, "hunter2") {
			t.Errorf("%q: got %s, want %s", tt.more, got, tt.want)
		}
	}
}

func TestGroupSourceWarnings(t *testing.T) {
	for _, tt := range []struct {
		more []string
		want string
	}{
		{[]string{"JWT_GROUPS_ORDER=token"}, "LDAP_URL has no effect"},
		{[]string{"JWT_GROUP_SYNC=false"}, "JWT_GROUPS_ORDER has no effect: JWT_GROUP_SYNC is off"},
		{[]string{"JWT_GROUPS_ON_FAILURE=keep", "JWT_ALLOWED_GROUPS=staff"}, "JWT_GROUPS_ON_FAILURE keep lets nobody in"},
		{[]string{"JWT_GROUPS_ENDPOINT_URL=https://groups.example.com"}, "JWT_GROUPS_ENDPOINT_URL has no effect"},
	} {
		c := mustResolve(t, directory(tt.more...))
		if !slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.HasPrefix(w, tt.want) }) {
			t.Errorf("%q: got %q, want %s", tt.more, c.Warnings, tt.want)
		}
	}
}
