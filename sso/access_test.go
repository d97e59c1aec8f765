package sso_test

import (
	"testing"

	"github.com/ssobridge/ssobridge/sso"
)

const rules = `[
	{"path":"/public","allow":"public"},
	{"host":"bi.example.com","path":"/admin","methods":["post"],"allow":["Sales","Reports"]},
	{"path":"/admin","allow":["Administrators"]},
	{"path":"/open/","methods":["GET"],"allow":"public"},
	{"path":"/Reports/","methods":["GET","POST"],"allow":["Reports"]}
]`

// SECURITY H4: the path is read once, and a path that others could read differently is denied.
func TestAccessRules(t *testing.T) {
	parsed, err := sso.ParseAccessRules(rules)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ host, method, path, want string }{
		{"a.example", "GET", "/public", "public"},
		{"a.example", "GET", "/public/x", "public"},
		{"a.example", "GET", "/publicity", "signed in"},
		{"a.example", "GET", "/Public", "signed in"},
		{"a.example", "GET", "/%70ublic", "public"},
		{"bi.example.com", "POST", "/admin/x", "Sales"},
		{"BI.example.com", "POST", "/admin", "Sales"},
		{"bi.example.com.", "POST", "/admin", "Sales"},
		{"bi.example.com", "GET", "/admin", "Administrators"},
		{"evil.bi.example.com", "POST", "/admin", "Administrators"},
		{"a.example", "GET", "/open/x", "public"},
		{"a.example", "HEAD", "/open/x", "public"},
		{"a.example", "GET", "/open", "signed in"},
		{"a.example", "GET", "/Open/x", "signed in"},
		{"a.example", "POST", "/open/x", "signed in"},
		// What an app may take for the same as a restricted path or method is restricted as well.
		{"a.example", "GET", "/ADMIN/x", "Administrators"},
		{"a.example", "get", "/reports/x", "Reports"},
		{"a.example", "post", "/reports", "Reports"},
		{"a.example", "HEAD", "/reports/", "Reports"},
		{"a.example", "PUT", "/reports/", "signed in"},
		{"a.example", "GET", "/", "signed in"},
		{"a.example", "GET", "/public/", "public"},
		{"a.example", "GET", "/public/..%2fadmin", "denied"},
		{"a.example", "GET", "/public/../admin", "denied"},
		{"a.example", "GET", "/public/%2e%2e/admin", "denied"},
		{"a.example", "GET", "/public/.%2e/admin", "denied"},
		{"a.example", "GET", "/public%2f", "denied"},
		{"a.example", "GET", "/public/%5c..%5cadmin", "denied"},
		{"a.example", "GET", `/public\..\admin`, "denied"},
		{"a.example", "GET", "/public;/admin", "denied"},
		{"a.example", "GET", "/public/%3b", "denied"},
		{"a.example", "GET", "/public#/admin", "denied"},
		{"a.example", "GET", "/public%23", "denied"},
		{"a.example", "GET", "/public%3f", "denied"},
		{"a.example", "GET", "/public//admin", "denied"},
		{"a.example", "GET", "//public", "denied"},
		{"a.example", "GET", "/public/./x", "denied"},
		{"a.example", "GET", "/public/%252e%252e/admin", "denied"},
		{"a.example", "GET", "/public/%zz", "denied"},
		{"a.example", "GET", "/public/%00", "denied"},
		{"a.example", "GET", "public", "denied"},
		{"a.example", "GET", "", "denied"},
	}
	for _, tt := range tests {
		rule, err := parsed.Decide(tt.host, tt.method, tt.path)
		got := "signed in"
		switch {
		case err != nil:
			got = "denied"
			if sso.CodeOf(err) != sso.Forbidden {
				t.Errorf("%s: got code %s", tt.path, sso.CodeOf(err))
			}
		case rule.Public:
			got = "public"
		case len(rule.Groups) > 0:
			got = rule.Groups[0]
		}
		if got != tt.want {
			t.Errorf("%s %s%s: got %s, want %s", tt.method, tt.host, tt.path, got, tt.want)
		}
	}
	if rule, err := sso.AccessRules(nil).Decide("a", "GET", "/a//b/../c"); err != nil || rule.Public {
		t.Errorf("without rules: got %v, %v", rule, err)
	}
}

func TestAccessRulesRefuse(t *testing.T) {
	for _, text := range []string{
		`{}`, `[{}]`, `[{"allow":"everyone"}]`, `[{"allow":[]}]`, `[{"allow":[""]}]`, `[{"allow":"public","pth":"/a"}]`, `[{"allow":"public","path":"a"}]`,
		`[{"allow":"public","path":"/a/../b"}]`, `[{"allow":"public","path":"/a%2f"}]`, `[{"allow":"public","path":"/a*;"}]`,
		`[{"allow":"public","host":"*.example.com"}]`, `[{"allow":"public","host":"a:80"}]`, `[{"allow":"public"}] x`, `[`, `[{"allow":["a,b"]}]`, `[{"allow":null}]`,
	} {
		if rules, err := sso.ParseAccessRules(text); err == nil {
			t.Errorf("%s: got %v, want an error", text, rules)
		}
	}
	if rules, err := sso.ParseAccessRules("  "); err != nil || rules != nil {
		t.Errorf("nothing: got %v, %v", rules, err)
	}
}

func FuzzAccessRules(f *testing.F) {
	f.Add(rules, "/public/..%2fadmin")
	f.Fuzz(func(t *testing.T, text, path string) {
		parsed, err := sso.ParseAccessRules(text)
		if err != nil {
			return
		}
		if rule, err := parsed.Decide("a", "GET", path); err == nil && rule.Public && rule.Path != "" && rule.Path != "/" && len(path) < len(rule.Path)-1 {
			t.Errorf("%q is public by %q", path, rule.Path)
		}
	})
}
