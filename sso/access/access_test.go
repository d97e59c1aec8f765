package access_test

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/access"
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
func TestRules(t *testing.T) {
	parsed, err := access.Parse(rules)
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
	if rule, _, err := access.Rules(nil).Decide("a", "GET", "/a//b/../c"); err != nil || rule.Public {
		t.Errorf("without rules: got %v, %v", rule, err)
	}
}

// SECURITY H4: where the two readings of a path end at rules for different groups, neither rule is skipped.
func TestRulesForBothReadings(t *testing.T) {
	for _, tt := range []struct{ rules, path, want string }{
		{`[{"path":"/reports","allow":["All Users"]},{"path":"/Reports","allow":["Administrators"]}]`, "/Reports", "denied"},
		{`[{"path":"/reports","allow":["All Users"]},{"path":"/Reports","allow":["Administrators"]}]`, "/reports", "[All Users]"},
		{`[{"path":"/reports","allow":["Sales","HR"]},{"path":"/Reports","allow":["HR","Bosses"]}]`, "/Reports/1", "[HR]"},
		{`[{"path":"/d/abC","allow":["Sales"]},{"path":"/d/aBc","allow":["HR"]}]`, "/d/aBc", "denied"},
		{`[{"path":"/a/","allow":["Sales"]},{"path":"/a","allow":["HR"]}]`, "/a", "denied"},
		{`[{"path":"/a/","allow":["Sales"]},{"path":"/a","allow":["HR"]}]`, "/a/b", "[Sales]"},
		{`[{"path":"/admin","allow":["HR"]}]`, "/adm%C4%B1n", "[HR]"}, // a dotless i, which Java takes for an i
		{`[{"path":"/x","allow":"signed_in"},{"path":"/X","allow":["HR"]}]`, "/X", "[HR]"},
		{`[{"path":"/x","allow":["HR"]},{"path":"/X","allow":"public"}]`, "/X", "[HR]"},
	} {
		parsed, err := access.Parse(tt.rules)
		if err != nil {
			t.Fatal(err)
		}
		rule, _, err := parsed.Decide("a.example", "GET", tt.path)
		got := fmt.Sprint(rule.Groups)
		if sso.CodeOf(err) == sso.Forbidden {
			got = "denied"
		}
		if got != tt.want {
			t.Errorf("%s with %s: got %s, %v; want %s", tt.path, tt.rules, got, err, tt.want)
		}
		if doubled := len(parsed.Doubled()) > 0; doubled != (len(parsed) > 1) {
			t.Errorf("%s: doubled: got %v", tt.rules, parsed.Doubled())
		}
	}
	if parsed, _ := access.Parse(rules); len(parsed.Doubled()) > 0 {
		t.Errorf("of the usual rules: got doubled %v", parsed.Doubled())
	}
}

// SECURITY H4: a rule that would protect nothing is refused, and the message says which one and why.
func TestRulesRefuse(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`{}`, "write [ and ] around it"},
		{`{"path":"/a","allow":["Sales"]}`, "write [ and ] around it"},
		{`"public"`, "not a JSON list of rules"},
		{`[`, "not a JSON list of rules"},
		{`[{"allow":"public"}] x`, "not a JSON list of rules"},
		{`["/a"]`, "rule 1: not a JSON object"},
		{`[null]`, "rule 1: not a JSON object"},
		{`[{}]`, `"allow" is not there`},
		{`[{"allow":"everyone"}]`, `"allow" is not understood`},
		{`[{"allow":"Sales"}]`, `["Sales"]`},
		{`[{"allow":[]}]`, `"allow" is not understood`},
		{`[{"allow":[""]}]`, `"allow" is not understood`},
		{`[{"allow":["Sales",7]}]`, `"allow" is not understood`},
		{`[{"allow":null}]`, `"allow" is not understood`},
		{`[{"allow":["a,b"]}]`, "no comma"},
		{`[{"allow":"public","pth":"/a"}]`, `"pth" is none of the keys of a rule`},
		{`[{"allow":"public"},{"allow":"public","PATH":"/a"}]`, `rule 2: "PATH" is none of the keys`},
		{`[{"path":"/a","Allow":["Sales"],"allow":"signed_in"}]`, `"Allow" is none of the keys`},
		{`[{"allow":"public","":"/a"}]`, `"" is none of the keys`},
		{`[{"allow":["Sales"],"path":"/a","allow":"signed_in"}]`, `"allow" stands there twice`},
		{`[{"allow":["Sales"],"path":"/a","\u0070ath":"/b"}]`, `"path" stands there twice`},
		{`[{"allow":"public","path":"a"}]`, "does not begin with one slash"},
		{`[{"allow":"public","path":""}]`, `"path" is empty: leave it out`},
		{`[{"allow":"public","path":null}]`, `"path" is no text`},
		{`[{"allow":"public","path":7}]`, `"path" is no text`},
		{`[{"allow":"public","path":"/a/../b"}]`, "read in several ways"},
		{`[{"allow":"public","path":"/a%2f"}]`, "has escapes"},
		{`[{"allow":["Sales"],"path":"/a/*"}]`, "has a *: a path is a prefix and no pattern"},
		{`[{"allow":["Sales"],"path":"/{id}/a"}]`, "has a {: a path is a prefix"},
		{`[{"allow":["Sales"],"path":"/a}"}]`, "prefix"},
		{`[{"allow":["Sales"],"path":"/a[0-9]"}]`, "prefix"},
		{`[{"allow":["Sales"],"path":"/a]"}]`, "prefix"},
		{`[{"allow":["Sales"],"path":"^/a"}]`, "prefix"},
		{`[{"allow":["Sales"],"path":"/a$"}]`, "prefix"},
		{`[{"allow":["Sales"],"path":"/<id>"}]`, "prefix"},
		{`[{"allow":["Sales"],"path":"/(a|b)"}]`, "prefix"},
		{`[{"allow":["Sales"],"path":"/users/:id"}]`, "prefix"},
		{`[{"allow":["Sales"],"path":"/a?b=c"}]`, "query or a fragment"},
		{`[{"allow":["Sales"],"path":"/a#b"}]`, "query or a fragment"},
		{`[{"allow":["Sales"],"methods":["GTE"]}]`, `method "GTE" is not known`},
		{`[{"allow":["Sales"],"methods":["POST, PUT"]}]`, `write each for itself`},
		{`[{"allow":["Sales"],"methods":["*"]}]`, `method "*" is not known`},
		{`[{"allow":["Sales"],"methods":[]}]`, `"methods" is no list`},
		{`[{"allow":["Sales"],"methods":"POST"}]`, `"methods" is no list`},
		{`[{"allow":["Sales"],"methods":[""]}]`, `"methods" is no list`},
		{`[{"allow":["Sales"],"methods":null}]`, `"methods" is no list`},
		{`[{"allow":"public","host":"*.example.com"}]`, "no wildcards"},
		{`[{"allow":"public","host":".example.com"}]`, "no wildcards"},
		{`[{"allow":"public","host":"a:80"}]`, "has a port"},
		{`[{"allow":"public","host":"https://bi.example.com"}]`, "has a scheme"},
		{`[{"allow":"public","host":"bi.example.com/x"}]`, "has a scheme or a path"},
		{`[{"allow":"public","host":"bücher.example"}]`, "xn--"},
		{`[{"allow":"public","host":"bi.example.com.."}]`, "not a plain name"},
		{`[{"allow":"public","host":""}]`, `"host" is empty`},
		{`[{"allow":"public","path":"a"},{"allow":"public"},{"allow":"all"}]`, "; rule 3: "}, // every fault at once
	} {
		rules, err := access.Parse(tt.text)
		if err == nil {
			t.Errorf("%s: got %v, want an error", tt.text, rules)
			continue
		}
		if msg := err.Error(); !strings.Contains(msg, tt.want) || strings.Contains(msg, "Go ") || strings.ContainsAny(msg, "\n") {
			t.Errorf("%s: got %q, want %q in it", tt.text, msg, tt.want)
		}
	}
	for _, text := range []string{"  ", "null", "[]"} {
		if rules, err := access.Parse(text); err != nil || rules != nil {
			t.Errorf("%q: got %v, %v", text, rules, err)
		}
	}
	rules, err := access.Parse(`[{"host":"BI.example.com.","path":"/a b/café/(1)","methods":["get","PROPFIND"],"allow":["Sales"]},{"host":"::1","allow":"signed_in"}]`)
	if err != nil || rules[0].Host != "bi.example.com" || !slices.Equal(rules[0].Methods, []string{"GET", "PROPFIND"}) || rules[1].Host != "::1" {
		t.Errorf("got %v, %v", rules, err)
	}
}

func TestRulesShadowed(t *testing.T) {
	for _, tt := range []struct {
		earlier, later string
		want           bool
	}{
		{`"path":"/a"`, `"path":"/a"`, true},
		{`"path":"/a"`, `"path":"/a/b"`, true},
		{`"path":"/a"`, `"path":"/a/"`, true},
		{`"path":"/a/"`, `"path":"/a"`, false}, // /a itself
		{`"path":"/a"`, `"path":"/ab"`, false},
		{`"path":"/a/b"`, `"path":"/a"`, false},
		{`"path":"/A"`, `"path":"/a"`, false},
		{`"path":"/"`, `"host":"h","path":"/a","methods":["GET"]`, true},
		{`"path":"/"`, `"methods":["GET"]`, true},
		{`"host":"h"`, `"path":"/a"`, false},
		{`"host":"h"`, `"host":"H.","path":"/a"`, true},
		{`"host":"h"`, `"host":"i","path":"/a"`, false},
		{`"methods":["GET"]`, `"path":"/a"`, false},
		{`"methods":["GET"]`, `"path":"/a","methods":["HEAD","get"]`, true},
		{`"methods":["GET"]`, `"path":"/a","methods":["GET","POST"]`, false},
	} {
		rules, err := access.Parse(`[{"path":"/other","allow":"public"},{` + tt.earlier + `,"allow":"signed_in"},{` + tt.later + `,"allow":["Sales"]}]`)
		if err != nil {
			t.Fatal(err)
		}
		by, got := rules.Shadowed()[2]
		if got != tt.want || got && by != 1 {
			t.Errorf("%s, then %s: got %v, by %d, want %v", tt.earlier, tt.later, got, by, tt.want)
		}
	}
}

// What was asked under a rule with methods is told apart: another method could be under another rule.
func TestRulesByMethod(t *testing.T) {
	parsed, err := access.Parse(rules)
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
func FuzzRules(f *testing.F) {
	f.Add(rules, "/public/..%2fadmin")
	f.Add(rules, "/public/%c0%ae%c0%ae/admin")
	f.Add(rules, "/shop/CART./caf%C3%A9")
	f.Fuzz(func(t *testing.T, text, sent string) {
		parsed, err := access.Parse(text)
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
		for i := range parsed.Shadowed() {
			without := slices.Delete(slices.Clone(parsed), i, i+1)
			if other, _, err := without.Decide("a", "GET", sent); err != nil || other.Public != rule.Public || !slices.Equal(other.Groups, rule.Groups) {
				t.Errorf("%q: rule %d is said never to act, and without it %v becomes %v", sent, i+1, rule, other)
			}
		}
	})
}
