package setting

import (
	"strings"
	"testing"
)

// A callback path is an app's, and none of the bridge's own.
func TestCallbackPath(t *testing.T) {
	for _, tt := range []struct{ prefix, path, fault string }{
		{"", "/callback", ""},
		{"", "/a/callback", ""},
		{"/_sso", "/callback", ""},
		{"/_sso", "/_ssocallback", ""},
		{"/_sso", "/_sso/callback", "is below PATH_PREFIX"},
		{"/_sso", "/_sso", "is below PATH_PREFIX"},
		{"", "/auth/sso", "begins with /auth"},
		{"", "/admin", "begins with /admin"},
		{"", "callback", "is no path"},
		{"", "/a//b", "is no path"},
		{"", "/a/../b", "is no path"},
		{"", "/a?b", "is no path"},
		{"", "//evil.example", "is no path"},
	} {
		_, faults := Resolve(Inputs{Environ: []string{"SSOBRIDGE_PATH_PREFIX=" + tt.prefix, "SSOBRIDGE_PROVIDERS=acme", "SSOBRIDGE_PROVIDER_ACME_KIND=oidc",
			"SSOBRIDGE_PROVIDER_ACME_ISSUER=https://login.example.com", "SSOBRIDGE_PROVIDER_ACME_CLIENT_ID=x", "SSOBRIDGE_PROVIDER_ACME_CALLBACK_PATH=" + tt.path}})
		var got []string
		for _, f := range faults {
			got = append(got, f.Name+" "+f.Problem)
		}
		if all := strings.Join(got, "; "); (tt.fault == "") != (all == "") || !strings.Contains(all, tt.fault) || len(got) > 1 {
			t.Errorf("%s below %q: got %q, want %q", tt.path, tt.prefix, all, tt.fault)
		}
	}
}
