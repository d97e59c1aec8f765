// Package ldap finds people and their groups in a directory: OpenLDAP, Active Directory and their like. [New] makes the
// [groupsource.Source] of the settings LDAP_…. It reads only, and no person's password ever comes here.
//
// What a token says goes into filters escaped, so that a name finds one person or nobody (RFC 4515 §3). Everything that a
// directory can do is bounded: time, bytes, entries, depth. Referrals are not followed.
package ldap

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	ldap "github.com/go-ldap/ldap/v3"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/groupsource"
)

// The ways to follow groups that are in groups.
const (
	NestedNo        = "no"
	NestedRecursive = "recursive" // question by question
	NestedChain     = "chain"     // by Active Directory's own rule
)

// Options are the settings LDAP_….
type Options struct {
	URLs                   []string
	BindDN, BindPassword   string         // none: the directory is asked without a name
	CAs                    *x509.CertPool // nil: those that the system trusts
	StartTLS, Insecure     bool
	UserBase, UserFilter   string
	EnabledFilter          string // what an entry must match whose person may sign in; "": any
	GroupBase, GroupFilter string // no base: that of the people
	GroupName              string // an attribute, or "dn"
	Nested                 string
	Depth                  int           // how many groups may stand above one another with NestedRecursive
	Timeout                time.Duration // for each server
}

// Placeholders of filters.
const (
	user  = "user"
	email = "email"
	dn    = "dn"
)

// Rules of matching of Active Directory: a member of a member is one, and what says that a server knows that.
const (
	inChain         = "1.2.840.113556.1.4.1941"
	activeDirectory = "1.2.840.113556.1.4.800"
)

// A Directory is a [groupsource.Source]. Make one with [New].
type Directory struct {
	o               Options
	people, groups  groupsource.Template
	naming          naming
	enabled, nameOf string
	servers         []*server
	pool            pool
}

// New reads the options. The error begins with the setting that must change, and wraps [sso.Invalid].
func New(o Options) (*Directory, error) {
	d := &Directory{o: o, nameOf: o.GroupName}
	if d.o.GroupBase == "" {
		d.o.GroupBase = o.UserBase
	}
	for _, check := range []func() error{d.addresses, d.bases, d.filters} {
		if err := check(); err != nil {
			return nil, fmt.Errorf("%w: %w", err, sso.Invalid)
		}
	}
	d.pool.slots = make(chan struct{}, maxConnections)
	return d, nil
}

func (d *Directory) addresses() error {
	for _, text := range d.o.URLs {
		s, err := parseServer(text)
		if err != nil {
			return fmt.Errorf("LDAP_URL: %w", err)
		}
		d.servers = append(d.servers, s)
	}
	return nil
}

func (d *Directory) bases() error {
	for _, base := range []struct{ name, text string }{{"LDAP_USER_BASE", d.o.UserBase}, {"LDAP_GROUP_BASE", d.o.GroupBase}} {
		if _, err := ldap.ParseDN(base.text); err != nil || base.text == "" {
			return fmt.Errorf("%s: is no distinguished name such as ou=people,dc=example,dc=com", base.name)
		}
	}
	return nil
}

func (d *Directory) filters() (err error) {
	const userFilter, groupFilter, enabledFilter = "LDAP_USER_FILTER", "LDAP_GROUP_FILTER", "LDAP_ENABLED_FILTER"
	if d.people, err = parseFilter(userFilter, d.o.UserFilter, user, email); err != nil {
		return err
	}
	if !d.people.Has(user) && !d.people.Has(email) {
		return errors.New(userFilter + ": has neither {user} nor {email}: everybody would be the same person")
	}
	d.naming = namingOf(d.o.UserFilter, user, email)
	text := d.o.GroupFilter
	if d.o.Nested == NestedChain && !strings.Contains(text, inChain) {
		if !strings.Contains(text, "={dn}") {
			return errors.New(groupFilter + ": has no ={dn}, which LDAP_NESTED chain needs: write (member={dn})")
		}
		text = strings.ReplaceAll(text, "={dn}", ":"+inChain+":={dn}")
	}
	if d.groups, err = parseFilter(groupFilter, text, dn, user, email); err != nil {
		return err
	}
	if d.o.Nested == NestedRecursive && !d.groups.Has(dn) {
		return errors.New(groupFilter + ": has no {dn}, which LDAP_NESTED recursive needs to look for groups of groups")
	}
	if !d.groups.Has(dn) && !d.groups.Has(user) && !d.groups.Has(email) {
		return errors.New(groupFilter + ": has none of {dn}, {user} and {email}: everybody would be in the same groups")
	}
	if d.enabled = d.o.EnabledFilter; d.enabled != "" {
		_, err = parseFilter(enabledFilter, d.enabled)
	}
	return err
}

// parseFilter reads a filter with placeholders, each of which stands where a value does.
func parseFilter(name, text string, known ...string) (groupsource.Template, error) {
	t, err := groupsource.ParseTemplate(text, known...)
	if err != nil {
		return t, fmt.Errorf("%s: %w", name, err)
	}
	values := map[string]string{}
	for _, k := range known {
		values[k] = `*()\` // escaped, they are a value, and nothing else
	}
	filled, _ := t.Fill(values, ldap.EscapeFilter)
	if _, err := ldap.CompileFilter(filled); err != nil {
		return t, fmt.Errorf("%s: is no filter such as (&(objectClass=person)(uid={user})): %s", name, sso.Shorten(reason(err), 200))
	}
	for before := text; ; { // what is escaped as a value is none in the place of an attribute
		open := strings.LastIndexByte(before, '{')
		if open < 0 {
			return t, nil
		}
		before = before[:open]
		if !strings.Contains(before[strings.LastIndexByte(before, '(')+1:], "=") {
			return t, fmt.Errorf("%s: has a placeholder that is no value: write it behind a =, as in (uid={user})", name)
		}
	}
}

// reason is what go-ldap says without the words that it puts before everything.
func reason(err error) string {
	var le *ldap.Error
	if errors.As(err, &le) && le.Err != nil {
		return le.Err.Error()
	}
	return err.Error()
}

// Timeout is how long a question may take when every server lets it wait.
func (d *Directory) Timeout() time.Duration {
	return d.o.Timeout * time.Duration(max(len(d.servers), 1))
}

// GroupsOf implements [groupsource.Source].
func (d *Directory) GroupsOf(ctx context.Context, p groupsource.Person) (names []string, known bool, err error) {
	values := map[string]string{user: p.User, email: p.Email}
	filter, ok := d.people.Fill(values, ldap.EscapeFilter)
	if !ok { // such as an e-mail of another domain, whose person has no name here
		return nil, false, nil
	}
	err = d.with(ctx, func(c *connection) error {
		values[dn], known, err = d.find(c, filter, values)
		if err != nil || !known {
			return err
		}
		names, err = d.groupsOf(c, values)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return names, known, nil
}

// find returns the name of the one entry that a filter finds, if that has the name that the filter is about. SECURITY E13: of
// two, neither is believed.
func (d *Directory) find(c *connection, filter string, values map[string]string) (name string, known bool, err error) {
	entries, err := c.search(d.o.UserBase, ldap.ScopeWholeSubtree, filter, 1, d.naming.asked()...)
	switch {
	case errors.Is(err, errTooMany) || len(entries) > 1:
		return "", false, errors.New("more than one person fits LDAP_USER_FILTER: narrow it, or LDAP_USER_BASE")
	case err != nil:
		return "", false, fmt.Errorf("looking for the person: %w", err)
	case len(entries) == 0:
		return "", false, nil
	}
	if fits, err := d.naming.fits(entries[0], values); !fits {
		return "", false, err
	}
	name = entries[0].DN
	if d.enabled == "" {
		return name, true, nil
	}
	return d.switchedOn(c, name)
}

// switchedOn is the answer of find where LDAP_ENABLED_FILTER is set.
func (d *Directory) switchedOn(c *connection, name string) (string, bool, error) {
	on, err := c.search(name, ldap.ScopeBaseObject, d.enabled, 1, noAttributes)
	switch {
	case err != nil:
		return "", false, fmt.Errorf("looking whether the person is switched on: %w", err)
	case len(on) == 0:
		return "", false, fmt.Errorf("the person is switched off in the directory (LDAP_ENABLED_FILTER): %w", sso.PersonNotAllowed)
	}
	return name, true, nil
}

// together is how many groups are asked about at once: a filter of as many parts is no trouble to any server.
const together = 40

// groupsOf returns the groups of the person whose values these are, and with NestedRecursive the groups that those are in.
// A group that was seen is not asked about again, so that a loop ends.
func (d *Directory) groupsOf(c *connection, values map[string]string) (names []string, err error) {
	seen := map[string]bool{strings.ToLower(values[dn]): true}
	level := []string{values[dn]}
	for depth := 0; len(level) > 0; depth++ {
		var above []string
		for len(level) > 0 {
			n := min(len(level), together)
			entries, err := c.search(d.o.GroupBase, ldap.ScopeWholeSubtree, d.anyOf(values, level[:n]), groupsource.MaxGroups, d.attributes())
			if errors.Is(err, errTooMany) || len(seen)+len(entries) > groupsource.MaxGroups*2 {
				return nil, fmt.Errorf("more than %d groups of one person: narrow LDAP_GROUP_FILTER or LDAP_GROUP_BASE", groupsource.MaxGroups)
			}
			if err != nil {
				return nil, fmt.Errorf("looking for groups: %w", err)
			}
			level = level[n:]
			for _, e := range entries {
				if key := strings.ToLower(e.DN); !seen[key] {
					seen[key] = true
					names, above = append(names, d.name(e)), append(above, e.DN)
				}
			}
		}
		if level = above; d.o.Nested != NestedRecursive || depth == d.o.Depth {
			break
		}
	}
	slices.Sort(names)
	return names, nil
}

// anyOf is the filter of the groups of which one of these is a member.
func (d *Directory) anyOf(values map[string]string, members []string) string {
	var b strings.Builder
	for _, member := range members {
		values[dn] = member
		filter, _ := d.groups.Fill(values, ldap.EscapeFilter)
		b.WriteString(filter)
	}
	if len(members) == 1 {
		return b.String()
	}
	return "(|" + b.String() + ")"
}

// noAttributes asks for the name of an entry alone (RFC 4511 §4.5.1.8).
const noAttributes = "1.1"

func (d *Directory) attributes() string {
	if d.nameOf == dn {
		return noAttributes
	}
	return d.nameOf
}

// name is what a group is called; "" where it has no name, which the order leaves out.
func (d *Directory) name(e *ldap.Entry) string {
	if d.nameOf == dn {
		return e.DN
	}
	return e.GetEqualFoldAttributeValue(d.nameOf)
}
