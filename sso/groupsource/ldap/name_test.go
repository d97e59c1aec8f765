package ldap

import (
	"fmt"
	"testing"
	"unicode"

	goldap "github.com/go-ldap/ldap/v3"
)

// SECURITY E13: what a filter says of the name that an entry must have.
func TestNaming(t *testing.T) {
	person := map[string]string{user: "josé", email: "josé@example.org"}
	for _, tt := range []struct {
		filter, has string
		want        string
	}{
		{"(uid={user})", "josé", "true"},
		{"(uid={user})", "JOSÉ", "true"},
		{"(uid={user})", "jose\u0301", "true"},
		{"(uid={user})", "jose", "false"},
		{"(uid={user})", "", "error"},
		{"(&(objectClass=person)(sAMAccountName={user}))", "jose", "false"},
		{"(|(uid={user})(mail={email}))", "josé@EXAMPLE.org", "true"},
		{"(|(uid={user})(mail={email}))", "jose@example.org", "false"},
		{"(userPrincipalName={user}@corp.example)", "josé@corp.example", "true"},
		{"(userPrincipalName={user}@corp.example)", "jose@corp.example", "false"},
		{"(proxyAddresses=smtp:{email})", "SMTP:josé@example.org", "true"},
		{"(&(uid={user})(!(cn=*{user}*)))", "jose", "true"}, // not to be compared
		{"(cn={user}*)", "jose", "true"},
		{`(cn={user}\2a)`, "jose", "true"},
		{"(cn:caseExactMatch:={user})", "jose", "true"},
	} {
		if _, err := parseFilter("F", tt.filter, user, email); err != nil {
			t.Fatal(err)
		}
		e := goldap.NewEntry("cn=x", nil)
		if tt.has != "" {
			e.Attributes = []*goldap.EntryAttribute{goldap.NewEntryAttribute("any", []string{"another", tt.has})}
		}
		fits, err := namingOf(tt.filter, user, email).fits(e, person)
		got := fmt.Sprint(fits)
		if err != nil {
			got = "error"
		}
		if got != tt.want {
			t.Errorf("%s of %q: got %s %v, want %s", tt.filter, tt.has, got, err, tt.want)
		}
	}
}

// Whatever a name is: no letter outside ASCII makes it one of another name (SECURITY E10, E13).
func FuzzNaming(f *testing.F) {
	f.Add("ada", "\uff41da")
	for r := rune(128); r <= unicode.MaxRune; r++ {
		if key := nameKey(string(r)); ascii(key) {
			f.Errorf("%U has the key %q", r, key)
		}
	}
	f.Add("k", "\u212a")
	n := namingOf("(uid={user})", user)
	if len(n.attributes) != 1 || n.attributes[0] != "uid" {
		f.Fatalf("%+v", n)
	}
	f.Fuzz(func(t *testing.T, name, other string) {
		if name == "" || !ascii(name) || ascii(other) {
			return
		}
		e := goldap.NewEntry("cn=x", map[string][]string{"uid": {other}})
		if fits, _ := n.fits(e, map[string]string{user: name}); fits {
			t.Errorf("%q is taken for %q", other, name)
		}
	})
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] > 127 {
			return false
		}
	}
	return true
}
