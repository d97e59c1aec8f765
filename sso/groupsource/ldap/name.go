package ldap

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode"

	ldap "github.com/go-ldap/ldap/v3"
	"golang.org/x/text/unicode/norm"

	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/sso/groupsource"
)

// A naming is what a filter says of the name of an entry. Directories compare more generously than we may: OpenLDAP takes "ａda"
// for "ada" and two spaces for one (RFC 4518 §2), Active Directory takes "josé" for "jose". Whoever can choose a name at
// the identity provider would get the groups of somebody else.
type naming struct {
	attributes []string
	values     []groupsource.Template // of which the entry must have one; none: nothing can be compared
}

// leaf is a comparison in a filter: in a value, parentheses are escaped (RFC 4515 §3).
var leaf = regexp.MustCompile(`\(([^()=]*)=([^()]*)\)`)

// plainAttribute is a name, without the options and rules that may follow it.
var plainAttribute = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)

// namingOf reads the comparisons of a filter that have placeholders. If one of them is no comparison with a whole value, such as
// (cn=*{user}*), then none of them counts: whoever wrote it wants what it finds.
func namingOf(filter string, known ...string) (n naming) {
	for _, part := range leaf.FindAllStringSubmatch(filter, -1) {
		attribute, value := part[1], part[2]
		if !strings.Contains(value, "{") {
			continue
		}
		t, err := groupsource.ParseTemplate(value, known...)
		if err != nil || !plainAttribute.MatchString(attribute) || strings.ContainsAny(value, `*\`) {
			return naming{}
		}
		n.attributes, n.values = append(n.attributes, attribute), append(n.values, t)
	}
	return n
}

// asked are the attributes that a search for a person must bring.
func (n naming) asked() []string {
	if len(n.attributes) == 0 {
		return []string{noAttributes}
	}
	return n.attributes
}

// fits reports whether the entry has the name that was looked for, in whatever case. It does not look at the names of the
// attributes: a server may answer with another one of the same attribute, such as uid for userid.
func (n naming) fits(e *ldap.Entry, values map[string]string) (bool, error) {
	if len(n.values) == 0 {
		return true, nil
	}
	var names []string
	for _, a := range e.Attributes {
		for _, value := range a.Values {
			names = append(names, nameKey(value))
		}
	}
	if len(names) == 0 {
		return false, errors.New("LDAP_BIND_DN may look for the person, and may not read " + strings.Join(n.attributes, " or ") + " of what it finds: let it")
	}
	return slices.ContainsFunc(n.values, func(t groupsource.Template) bool {
		name, ok := t.Fill(values, nameKey)
		return ok && slices.Contains(names, nameKey(name))
	}), nil
}

// nameKey is what two names have in common that are one: composed letters (Unicode NFC), and the key of e-mail addresses. In it
// no letter becomes one of ASCII (SECURITY E10), as NFC would make of the Kelvin sign.
func nameKey(name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII && norm.NFC.String(string(r))[0] <= unicode.MaxASCII }) {
		name = norm.NFC.String(name)
	}
	return address.Key(name)
}
