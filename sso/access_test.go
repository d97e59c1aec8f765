package sso_test

import (
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/sso"
)

const rules = `[
	{"path":"/public","allow":"public"},
	{"host":"bi.example.com","path":"/admin","methods":["post"],"allow":["Sales","Reports"]},
	{"path":"/admin","allow":["Administrators"]},
	{"path":"/open/","methods":["GET"],"allow":"public"},
	{"path":"/Reports/","methods":["GET","POST"],"allow":["Reports"]},
	{"path":"/shop/cart","allow":"signed_in"},
	{"path":"/shop","allow":"public"},
	{"path":"/restricted/open","allow":"signed_in"},
	{"path":"/restricted","allow":["Administrators"]}
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
		{"a.example", "GET", "/public/%00.css", "denied"},
		{"a.example", "GET", "/public/%0a", "denied"},
		{"a.example", "GET", "/public/a%0bb", "denied"},
		{"a.example", "GET", "/public/a%7f", "denied"},
		{"a.example", "GET", "/public/a%c2%85", "denied"},
		{"a.example", "GET", "/public/%c0%ae%c0%ae/admin", "denied"}, // overlong: two dots to lax decoders
		{"a.example", "GET", "/public/%c0%af..%c0%afadmin", "denied"},
		{"a.example", "GET", "/public/%e0%80%ae", "denied"},
		{"a.example", "GET", "/public/%ed%a0%80", "denied"}, // half of a pair of UTF-16
		{"a.example", "GET", "/public/caf%e9", "denied"},    // Latin-1
		{"a.example", "GET", "/public/caf\xc3\xa9", "denied"},
		{"a.example", "GET", "/public/a b", "denied"},
		{"a.example", "GET", "/public/%u002e%u002e/admin", "denied"},
		{"a.example", "GET", "/public/%u2215admin", "denied"},
		{"a.example", "GET", "/public/%2", "denied"},
		{"a.example", "GET", "/public/%", "denied"},
		{"a.example", "GET", "/public/..;/admin", "denied"},
		{"a.example", "GET", "/public;jsessionid=1", "denied"},
		{"a.example", "GET", "/public/...", "denied"},
		{"a.example", "GET", "/public/..%20/admin", "denied"},
		{"a.example", "GET", "/public/.%20./admin", "denied"},
		{"a.example", "GET", "/public/%20/admin", "denied"},
		{"a.example", "GET", "/public//", "denied"},
		{"a.example", "GET", "*", "denied"},
		{"a.example", "GET", "http://a.example/public", "denied"},
		{"a.example", "GET", "/public/caf%C3%A9", "public"},
		{"a.example", "GET", "/public/a%20b/%E2%82%AC", "public"},
		{"a.example", "GET", "/public/!$&'()*+,=:@-_~\"|", "public"},
		{"a.example", "GET", "/public/Acme_Inc./..a/b..c/.d", "public"},
		// The same, to apps on Windows and some others.
		{"a.example", "GET", "/admin./x", "Administrators"},
		{"a.example", "GET", "/admin%20", "Administrators"},
		{"a.example", "GET", "/%20admin", "Administrators"},
		{"a.example", "GET", "/admin.%20./x", "Administrators"},
		{"a.example", "GET", "/Re%C5%BFtricted", "Administrators"}, // the old long s
		{"a.example", "GET", "/public./x", "signed in"},
		{"a.example", "GET", "/public%20", "signed in"},
		// Neither reading may be used to get by the other.
		{"a.example", "GET", "/shop", "public"},
		{"a.example", "GET", "/shop/cart/x", "signed in"},
		{"a.example", "GET", "/shop/CART/x", "signed in"},
		{"a.example", "GET", "/restricted/open", "signed in"},
		{"a.example", "GET", "/restricted/Open", "Administrators"},
		{"a.example", "GET", "/restricted/open.", "Administrators"},
		{"a.example", "GET", "public", "denied"},
		{"a.example", "GET", "", "denied"},
	}
	for _, tt := range tests {
		rule, _, err := parsed.Decide(tt.host, tt.method, tt.path)
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
	if rule, _, err := sso.AccessRules(nil).Decide("a", "GET", "/a//b/../c"); err != nil || rule.Public {
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

// What was asked under a rule with methods is told apart: another method could be under another rule.
func TestAccessRulesByMethod(t *testing.T) {
	parsed, err := sso.ParseAccessRules(rules)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		host, method, path string
		want               bool
	}{
		{"bi.example.com", "POST", "/admin", true},
		{"bi.example.com", "GET", "/admin", true},
		{"bi.example.com", "GET", "/ADMIN./x", true},
		{"a.example", "POST", "/admin", false}, // that rule is another host's
		{"a.example", "POST", "/open/x", true},
		{"a.example", "GET", "/OPEN/x", true},
		{"a.example", "GET", "/reports", true},
		{"a.example", "GET", "/public/x", false},
		{"a.example", "GET", "/page", false},
	} {
		if _, got, err := parsed.Decide(tt.host, tt.method, tt.path); err != nil || got != tt.want {
			t.Errorf("%s %s%s: got %v, %v, want %v", tt.method, tt.host, tt.path, got, err, tt.want)
		}
	}
}

// Whatever is decided, is decided about one path, however it is escaped; and what is public is below a public path.
func FuzzAccessRules(f *testing.F) {
	f.Add(rules, "/public/..%2fadmin")
	f.Add(rules, "/public/%c0%ae%c0%ae/admin")
	f.Add(rules, "/shop/CART./caf%C3%A9")
	f.Fuzz(func(t *testing.T, text, sent string) {
		parsed, err := sso.ParseAccessRules(text)
		if err != nil || len(parsed) == 0 {
			return
		}
		rule, _, err := parsed.Decide("a", "GET", sent)
		if err != nil {
			return
		}
		plain, err := url.PathUnescape(sent)
		if err != nil || !utf8.ValidString(plain) || path.Clean(plain) != plain && path.Clean(plain)+"/" != plain {
			t.Fatalf("%q is decided about, as %q, %v", sent, plain, err)
		}
		again, _, err := parsed.Decide("a", "GET", (&url.URL{Path: plain}).EscapedPath())
		if err != nil || again.Public != rule.Public || !slices.Equal(again.Groups, rule.Groups) {
			t.Errorf("%q: got %v, and %v, %v when it is escaped in another way", sent, rule, again, err)
		}
		if rule.Public && plain != rule.Path && !strings.HasPrefix(plain, strings.TrimSuffix(rule.Path, "/")+"/") {
			t.Errorf("%q is public by %q", sent, rule.Path)
		}
	})
}
