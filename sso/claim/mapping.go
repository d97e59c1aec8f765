package claim

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
)

// Limits of what an identity may hold. A token is at most 8 KiB, so these only bind for providers without that bound.
const (
	maxSubject = 255 // OpenID Connect Core §2
	maxGroups  = 1000
	maxShown   = 60 // bytes of a claim in a message
)

// A Mapping says which claims carry what (the settings JWT_ATTRIBUTE_…). Each is a [Path] as text: the exact name of a
// claim, else names with dots between.
type Mapping struct {
	Email, FirstName, LastName, Groups string
	Subject                            string // empty: the e-mail is the subject

	Principal      string // in the place of Email: paths with commas between, of which the first that is there says who it is
	Domain         string // what follows the @ of a principal that has none
	Name           string // the whole name, of those who have neither FirstName nor LastName
	GroupSeparator string // between the names in a groups claim that is one text; empty: it is one name
	GroupPrefix    string // stands before each name of a group, so that two providers' groups are two
	EmailOptional  bool   // with a Subject, the principal need not be an e-mail, nor be there

	parsed *parsed // nil: each use parses anew
}

// parsed is what is made of the texts of a [Mapping] once.
type parsed struct {
	of        Mapping // whose texts these were
	paths     map[string]Path
	principal []Path
	mapped    map[string]bool
}

// Parsed is the same mapping, which does not parse its paths at each use. One that is changed afterwards parses them again.
func (m Mapping) Parsed() Mapping {
	m.parsed = nil
	p := &parsed{of: m, paths: map[string]Path{}, mapped: m.mapped()}
	for _, text := range []string{m.Email, m.FirstName, m.LastName, m.Name, m.Groups, m.Subject} {
		p.paths[text], _ = ParsePath(text) // what is no path leads nowhere
	}
	p.principal, _ = ParsePaths(m.Principal)
	m.parsed = p
	return m
}

// known is what was parsed before; nil: nothing, or of other texts.
func (m Mapping) known() *parsed {
	p := m.parsed
	if m.parsed = nil; p == nil || p.of != m {
		return nil
	}
	return p
}

// at returns the claim to which a path leads, or nil.
func (m Mapping) at(claims sso.Claims, path string) any {
	value, _ := m.path(path).In(claims)
	return value
}

func (m Mapping) path(text string) Path {
	if k := m.known(); k != nil {
		return k.paths[text]
	}
	p, _ := ParsePath(text) // what is no path leads nowhere
	return p
}

// Identify maps claims to an [sso.Identity]. It returns [sso.TokenEmailMissing], [sso.TokenEmailInvalid] or [sso.TokenSubjectMissing].
//
// Attributes are every claim but the registered ones, the mapped ones, null, objects and names that begin with "@";
// numbers and booleans become strings, lists are joined with commas (as Metabase does).
func (m Mapping) Identify(provider string, claims sso.Claims) (id sso.Identity, err error) {
	id.Provider = provider
	if id.Email, id.Username, err = m.principal(claims); err != nil {
		return id, err
	}
	id.Subject = sso.Subject{Kind: sso.SubjectEmail, Value: address.Key(id.Email)}
	if m.Subject != "" {
		value := m.at(claims, m.Subject)
		sub, _ := scalar(value)
		raw, isText := value.(string)
		_, isBool := value.(bool)                                                 // such as email_verified: everybody would be one person
		if sub == "" || len(sub) > maxSubject || isBool || isText && sub != raw { // cleaned, two subjects could become one
			return id, fmt.Errorf("claim %q must identify the person: a string of 1 to %d characters, without spaces around it: %w",
				m.Subject, maxSubject, sso.TokenSubjectMissing)
		}
		id.Subject = sso.Subject{Kind: sso.SubjectClaim, Value: sub}
	}
	id.FirstName, id.LastName = m.names(claims)
	id.Groups, id.GroupsSent, id.GroupsFault = m.groups(claims)
	id.Attributes = m.attributes(claims)
	return id, nil
}

// who returns the claim that says who it is, and its path. A claim of a list that is null or empty says nothing.
func (m Mapping) who(claims sso.Claims) (path string, value any) {
	if m.Principal == "" {
		return m.Email, m.at(claims, m.Email)
	}
	for _, p := range m.principals() {
		if value, _ = p.In(claims); value != nil && value != "" {
			return p.String(), value
		}
	}
	return m.Principal, nil
}

// Lacks is the path of a claim that the mapping reads and that the claims do not have; "" when there is none, or none that would
// change anything. groups says whether the groups count.
func (m Mapping) Lacks(claims sso.Claims, groups bool) string {
	principals := []string{m.Email}
	if m.Principal != "" { // those after the first that says who it is are not read
		principals = principals[:0]
		who, value := m.who(claims)
		for _, p := range m.principals() {
			if value != nil && p.String() == who {
				break
			}
			principals = append(principals, p.String())
		}
	}
	wanted := append(principals, m.Subject, m.FirstName, m.LastName)
	if m.FirstName == "" && m.LastName == "" {
		wanted = append(wanted, m.Name)
	}
	if groups {
		wanted = append(wanted, m.Groups)
	}
	for _, path := range wanted {
		if path == "" {
			continue
		}
		if _, sent := m.path(path).In(claims); !sent {
			return path
		}
	}
	return ""
}

// principals are the paths of Principal.
func (m Mapping) principals() []Path {
	if k := m.known(); k != nil {
		return k.principal
	}
	paths, _ := ParsePaths(m.Principal)
	return paths
}

// Describe says who an identity is, and from which claims each part of it came. It is for people who configure the mapping.
func (m Mapping) Describe(id sso.Identity, claims sso.Claims) string {
	var said []string
	from := func(what, path string) {
		if m.at(claims, path) != nil {
			said = append(said, what+" from the claim "+strconv.Quote(path))
		}
	}
	who, _ := m.who(claims)
	switch {
	case id.Email != "":
		from(fmt.Sprintf("e-mail %q", id.Email), who)
	case id.Username != "":
		from(fmt.Sprintf("name %q", id.Username), who)
	}
	if m.Subject != "" {
		from(fmt.Sprintf("subject %q", id.Subject.Value), m.Subject)
	}
	from("first name", m.FirstName)
	from("last name", m.LastName)
	from("whole name", m.Name)
	from("groups", m.Groups)
	return strings.Join(said, ", ")
}

// Claimed is whom claims name, proven or not; "" when they name nobody.
func (m Mapping) Claimed(claims sso.Claims) string {
	_, value := m.who(claims)
	text, _ := value.(string)
	return text
}

// Address is the e-mail that [Mapping.Identify] finds, with its errors.
func (m Mapping) Address(claims sso.Claims) (email string, err error) {
	email, _, err = m.principal(claims)
	return email, err
}

// principal returns the e-mail, or with EmailOptional what stands in its place.
func (m Mapping) principal(claims sso.Claims) (email, username string, err error) {
	optional := m.EmailOptional && m.Subject != ""
	path, value := m.who(claims)
	switch v := value.(type) {
	case nil:
		if optional {
			return "", "", nil
		}
		return "", "", fmt.Errorf("the token has no claim %q: %w", path, sso.TokenEmailMissing)
	case bool:
		return "", "", fmt.Errorf("claim %q is %v: %w", path, v, sso.TokenEmailMissing)
	case string:
		if email = v; m.Domain != "" && v != "" && !strings.Contains(v, "@") {
			email = v + "@" + m.Domain
		}
		err := address.Check(email)
		if err != nil && optional && !strings.Contains(v, "@") && v != "" && v == sso.Truncate(sso.CleanText(v), sso.MaxName) {
			return "", v, nil
		}
		if err != nil {
			return "", "", fmt.Errorf("claim %q: %w: %w", path, err, sso.TokenEmailInvalid)
		}
		return email, "", nil
	}
	return "", "", fmt.Errorf("claim %q is not a string: %w", path, sso.TokenEmailInvalid)
}

// names returns the first and the last name. A whole name is kept as the first, as nobody can tell where it parts.
func (m Mapping) names(claims sso.Claims) (first, last *string) {
	first, last = name(m.at(claims, m.FirstName)), name(m.at(claims, m.LastName))
	if whole := name(m.at(claims, m.Name)); whole != nil && first == nil && last == nil {
		return whole, new("")
	}
	return first, last
}

// name is nil for what is absent, null, or no text: then the known name stays.
func name(value any) *string {
	s, ok := value.(string)
	if !ok {
		return nil
	}
	s = sso.Truncate(sso.CleanText(s), sso.MaxName)
	return &s
}

// groups reads the groups claim. Absent and null: not sent. What is neither a text nor a list with texts is not sent
// either, so that it changes nothing (SECURITY E6), and is a fault.
func (m Mapping) groups(claims sso.Claims) (names []string, sent bool, fault string) {
	value := m.at(claims, m.Groups)
	if value == nil {
		return nil, false, ""
	}
	names, others, ok := Names(value, m.GroupSeparator)
	if !ok {
		return nil, false, fmt.Sprintf("the claim %q is no list of names: %s", m.Groups, claimText(value))
	}
	if more := len(names) - maxGroups; more > 0 {
		names, others = names[:maxGroups], others+more
	}
	if others > 0 {
		fault = fmt.Sprintf("of the list in the claim %q, %d of %d entries are no names or too many: %s", m.Groups, others, others+len(names), claimText(value))
	}
	for i := range names {
		names[i] = m.GroupPrefix + names[i]
	}
	return names, len(names) > 0 || others == 0, fault
}

// claimText shows a claim in a message, short and on one line.
func claimText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("a %T", value)
	}
	return sso.Shorten(string(text), maxShown)
}

// Paths are those that the mapping reads.
func (m Mapping) Paths() []Path {
	paths, _ := ParsePaths(m.Principal)
	for _, text := range []string{m.Email, m.FirstName, m.LastName, m.Name, m.Groups, m.Subject} {
		if text != "" {
			p, _ := ParsePath(text)
			paths = append(paths, p)
		}
	}
	return paths
}

// mapped are the claims at the top that the mapping reads.
func (m Mapping) mapped() map[string]bool {
	if k := m.known(); k != nil {
		return k.mapped
	}
	mapped := map[string]bool{}
	for _, p := range m.Paths() {
		mapped[p.Name()] = true
	}
	return mapped
}

func (m Mapping) attributes(claims sso.Claims) map[string]string {
	mapped := m.mapped()
	names := make([]string, 0, len(claims))
	for name := range claims {
		if !sso.Registered(name) && !mapped[name] && !strings.HasPrefix(name, "@") && name != "" {
			names = append(names, name)
		}
	}
	sort.Strings(names) // which ones fit must not depend on a map's order
	set := map[string]string{}
	for _, name := range names {
		value, ok := attribute(claims[name])
		if !ok || len(value) > sso.MaxAttribute || name != sso.CleanText(name) || len(set) == sso.MaxAttributes {
			continue
		}
		set[name] = value
	}
	return set
}

func attribute(value any) (string, bool) {
	list, ok := value.([]any)
	if !ok {
		return scalar(value)
	}
	parts := make([]string, 0, len(list))
	for _, e := range list {
		if s, ok := scalar(e); ok {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ","), true
}

func scalar(value any) (string, bool) {
	text, ok := Text(value)
	return sso.CleanText(text), ok
}
