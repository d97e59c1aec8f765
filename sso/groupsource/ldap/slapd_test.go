package ldap

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/groupsource"
	"github.com/ssobridge/ssobridge/sso/ssotest/slapd"
)

func options(d *slapd.Directory, change ...func(*Options)) Options {
	o := Options{
		URLs: []string{d.URL}, BindDN: slapd.Reader, BindPassword: slapd.Password, UserBase: slapd.People, UserFilter: "(uid={user})",
		GroupBase: slapd.Groups, GroupFilter: "(member={dn})", GroupName: "cn", Nested: NestedNo, Depth: 10, Timeout: 5 * time.Second,
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

// ask is what a directory of these options says of a person: the groups, "unknown", or the error.
func ask(t *testing.T, o Options, p groupsource.Person) string {
	t.Helper()
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return said(d.GroupsOf(t.Context(), p))
}

func said(names []string, known bool, err error) string {
	switch {
	case err != nil:
		return "error: " + err.Error()
	case !known:
		return "unknown"
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func named(user string) groupsource.Person { return groupsource.Person{User: user} }

func TestSlapd(t *testing.T) {
	d := slapd.Start(t)
	recursive := func(o *Options) { o.Nested = NestedRecursive }
	samAccount := func(o *Options) { o.UserFilter = "(&(objectClass=inetOrgPerson)(sAMAccountName={user}))" }
	enabled := func(o *Options) { o.EnabledFilter = "(!(userAccountControl:1.2.840.113556.1.4.803:=2))" }
	pem, err := os.ReadFile(d.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	known := x509.NewCertPool()
	known.AppendCertsFromPEM(pem)
	authorities := func(o *Options) { o.CAs = known }
	at := func(urls ...string) func(*Options) { return func(o *Options) { o.URLs = urls } }
	startTLS := func(o *Options) { o.StartTLS = true }
	local := "localhost:" + slapd.Port(d.URL)
	for _, tt := range []struct {
		name   string
		person groupsource.Person
		change []func(*Options)
		want   string // at the beginning
	}{
		{"direct", named("ada"), nil, "research"},
		{"nested, with a loop", named("ada"), []func(*Options){recursive}, "loop research science staff"},
		{"one step up", named("ada"), []func(*Options){recursive, func(o *Options) { o.Depth = 1 }}, "research science"},
		{"in any case", named("ADA"), []func(*Options){samAccount}, "research"},
		{"by e-mail", groupsource.Person{Email: "ada@example.org"}, []func(*Options){func(o *Options) { o.UserFilter = "(mail={email})" }}, "research"},
		{"by the name of the entry", named("ada"), []func(*Options){func(o *Options) { o.GroupName = "dn" }}, "cn=research," + slapd.Groups},
		{"nobody", named("eve"), nil, "unknown"},
		{"switched on", named("ada"), []func(*Options){enabled}, "research"},
		{"switched off", named("bob"), []func(*Options){enabled}, "error: the person is switched off in the directory"},
		{"switched off, and nobody asks", named("bob"), nil, "admins"},
		{"Active Directory's rule", named("ada"), []func(*Options){func(o *Options) { o.Nested = NestedChain }}, "error: LDAP_NESTED is chain, and this server is no Active Directory: set it to recursive"},
		{"wrong password", named("ada"), []func(*Options){func(o *Options) { o.BindPassword = "x" }}, "error: the directory does not accept LDAP_BIND_DN with LDAP_BIND_PASSWORD"},
		{"no name", named("ada"), []func(*Options){func(o *Options) { o.BindDN = "" }}, "error: looking for the person: there is no " + slapd.People},
		{"no such base", named("ada"), []func(*Options){func(o *Options) { o.UserBase = "ou=x,dc=example,dc=org" }}, "error: looking for the person: there is no ou=x"},
		{"over TLS", named("ada"), []func(*Options){at(d.TLS), authorities}, "research"},
		{"unknown authority", named("ada"), []func(*Options){at(d.TLS)}, "error: " + d.TLS + ": TLS: tls: failed to verify certificate: x509: certificate signed by unknown authority"},
		{"StartTLS", named("ada"), []func(*Options){startTLS, authorities}, "research"},
		{"StartTLS, by name", named("ada"), []func(*Options){at("ldap://" + local), startTLS, authorities}, "research"},
		{"StartTLS, unknown authority", named("ada"), []func(*Options){startTLS}, "error: " + d.URL + ": StartTLS: "},
		{"the second server", named("ada"), []func(*Options){at("ldap://127.0.0.1:1", d.URL)}, "research"},
		{"no server", named("ada"), []func(*Options){at("ldap://127.0.0.1:1", "ldap://127.0.0.1:2")}, "error: ldap://127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused; ldap://127.0.0.1:2: "},
	} {
		if got := ask(t, options(d, tt.change...), tt.person); !strings.HasPrefix(got, tt.want) || tt.want == "" {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// SECURITY E13: whatever a name is made of, it finds the person of exactly that name, or nobody.
func TestNames(t *testing.T) {
	d := slapd.Start(t)
	odd := []string{"*", "ada)(uid=*", "a\x00da", `\2a`, `a*`, `(ada`, `,+"\<>;=#`, "ü ß", "ada)(|(uid=*", "{dn}", "*)(objectClass=*"}
	all, err := New(options(d, func(o *Options) { o.UserFilter = "(|(uid={user})(sAMAccountName={user}))" }))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(odd, "", " ", strings.Repeat("(", 10_000)) {
		if got := said(all.GroupsOf(t.Context(), named(name))); got != "unknown" {
			t.Errorf("%q before there is such a person: got %s, want unknown", name, got)
		}
	}
	for i, name := range odd {
		if strings.ContainsRune(name, 0) { // no name of slapd's
			continue
		}
		cn := fmt.Sprintf(`Odd%d , + " \ < > ; = # %s`, i, name)
		entry := "cn=" + goldap.EscapeDN(cn) + "," + slapd.People
		d.AddPerson(t, entry, cn, "uid", name)
		d.AddGroup(t, fmt.Sprintf("of %d", i), entry)
		if got, want := said(all.GroupsOf(t.Context(), named(name))), fmt.Sprintf("of %d", i); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
	// A name of another spelling is nobody's, though the directory takes it for this one.
	d.AddPerson(t, "cn=A B,"+slapd.People, "A B", "uid", "a b")
	d.AddGroup(t, "of a b", "cn=A B,"+slapd.People)
	for name, want := range map[string]string{
		"ada": "research", "ADA": "research", "a b": "of a b", "A B": "of a b",
		"\uff41da": "unknown", "\u24d0da": "unknown", "a  b": "unknown", "a\u00a0b": "unknown", "a\u3000b": "unknown",
	} {
		if got := said(all.GroupsOf(t.Context(), named(name))); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
	d.AddPerson(t, "cn=Ada Two,"+slapd.People, "Ada Two", "uid", "ada")
	if got := said(all.GroupsOf(t.Context(), named("ada"))); !strings.HasPrefix(got, "error: more than one person fits LDAP_USER_FILTER") {
		t.Errorf("two entries: got %s", got)
	}
	d.AddPerson(t, "cn=Ada Three,"+slapd.People, "Ada Three", "uid", "ada")
	if got := said(all.GroupsOf(t.Context(), named("ada"))); !strings.HasPrefix(got, "error: more than one person fits LDAP_USER_FILTER") {
		t.Errorf("three entries: got %s", got)
	}
}

// SECURITY E12: too many groups are a failure, and never some of them.
func TestManyGroups(t *testing.T) {
	d := slapd.Start(t)
	for i := range 501 { // one more than the server gives
		d.AddGroup(t, fmt.Sprintf("many %d", i), "uid=bob,"+slapd.People)
	}
	if got := ask(t, options(d), named("bob")); !strings.HasPrefix(got, "error: more than 1000 groups") {
		t.Errorf("502 groups of a server that gives 500: got %.100s", got)
	}
	if got := ask(t, options(d, func(o *Options) { o.Nested = NestedRecursive }), named("ada")); got != "loop research science staff" {
		t.Errorf("somebody else: got %.100s", got)
	}
}

// A connection is kept for the next question, also after one that was refused, and its end is no error.
func TestReuse(t *testing.T) {
	d := slapd.Start(t)
	directory, err := New(options(d))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got := said(directory.GroupsOf(t.Context(), named("ada"))); got != "research" {
			t.Fatal(got)
		}
	}
	if n := len(directory.pool.idle); n != 1 {
		t.Errorf("%d connections are kept, want 1", n)
	}
	directory.pool.idle[0].kill()
	if got := said(directory.GroupsOf(t.Context(), named("ada"))); got != "research" {
		t.Errorf("after the connection has died: got %s", got)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("gone"))
	if got := said(directory.GroupsOf(ctx, named("ada"))); !strings.HasPrefix(got, "error: ") || !strings.Contains(got, "gone") {
		t.Errorf("who asks has gone: got %s", got)
	}
	if _, _, err := directory.GroupsOf(t.Context(), named("ada")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestNewFaults(t *testing.T) {
	sound := Options{URLs: []string{"ldaps://dc1.example.com"}, UserBase: "dc=example,dc=com", UserFilter: "(uid={user})", GroupFilter: "(member={dn})",
		GroupName: "cn", Nested: NestedNo, Timeout: time.Second}
	for _, tt := range []struct {
		change func(*Options)
		want   string
	}{
		{func(*Options) {}, ""},
		{func(o *Options) { o.UserFilter = "(&(objectCategory=person)(sAMAccountName={user}))" }, ""},
		{func(o *Options) { o.Nested = NestedChain }, ""},
		{func(o *Options) { o.EnabledFilter = "(!(userAccountControl:1.2.840.113556.1.4.803:=2))" }, ""},
		{func(o *Options) { o.UserFilter = "(uid={usr})" }, "LDAP_USER_FILTER: has the placeholder {usr}, which is unknown here: {user}, {email} can be used"},
		{func(o *Options) { o.UserFilter = "(member={dn})" }, "LDAP_USER_FILTER: has the placeholder {dn}"},
		{func(o *Options) { o.UserFilter = "(uid=*)" }, "LDAP_USER_FILTER: has neither {user} nor {email}"},
		{func(o *Options) { o.UserFilter = "uid={user}" }, "LDAP_USER_FILTER: is no filter"},
		{func(o *Options) { o.UserFilter = "(uid={user}" }, "LDAP_USER_FILTER: is no filter"},
		{func(o *Options) { o.UserFilter = "({user}=ada)" }, "LDAP_USER_FILTER: has a placeholder that is no value"},
		{func(o *Options) { o.UserFilter = "(&(uid={email})(a{user}=ada))" }, "LDAP_USER_FILTER: has a placeholder that is no value"},
		{func(o *Options) { o.UserFilter = "(uid={user)" }, "LDAP_USER_FILTER: has a brace"},
		{func(o *Options) { o.GroupFilter = "(cn=x)" }, "LDAP_GROUP_FILTER: has none of"},
		{func(o *Options) { o.GroupFilter, o.Nested = "(memberUid={user})", NestedRecursive }, "LDAP_GROUP_FILTER: has no {dn}"},
		{func(o *Options) { o.GroupFilter, o.Nested = "(memberUid={user})", NestedChain }, "LDAP_GROUP_FILTER: has no ={dn}"},
		{func(o *Options) { o.EnabledFilter = "(uid={user})" }, "LDAP_ENABLED_FILTER: has the placeholder"},
		{func(o *Options) { o.EnabledFilter = "on" }, "LDAP_ENABLED_FILTER: is no filter"},
		{func(o *Options) { o.UserBase = "" }, "LDAP_USER_BASE: "},
		{func(o *Options) { o.GroupBase = "example.com" }, "LDAP_GROUP_BASE: "},
		{func(o *Options) { o.URLs = []string{"https://dc1.example.com"} }, "LDAP_URL: begins with none"},
		{func(o *Options) { o.URLs = []string{"ldaps://ann:hunter2@dc1"} }, "LDAP_URL: has a name or a password"},
		{func(o *Options) { o.URLs = []string{"ldaps://dc1/dc=example"} }, "LDAP_URL: has more than a host"},
		{func(o *Options) { o.URLs = []string{"ldaps://"} }, "LDAP_URL: names no host"},
		{func(o *Options) { o.URLs = []string{"ldapi://x"} }, "LDAP_URL: names no socket"},
	} {
		o := sound
		tt.change(&o)
		_, err := New(o)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" || err != nil && (!errors.Is(err, sso.Invalid) || strings.Contains(got, "hunter2")) {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
