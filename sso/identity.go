package sso

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/sso/claim"
)

// Claims are the payload of a verified token. Numbers are [json.Number].
type Claims map[string]any

// String returns the claim of that name when it is a string.
func (c Claims) String(name string) (string, bool) {
	s, ok := c[name].(string)
	return s, ok
}

// An Identity is what an identity provider said about a person, after the mapping of its claims.
type Identity struct {
	Provider   string // the provider's name
	Subject    Subject
	Email      string            // as it was sent; "" only with [ClaimNames.EmailOptional]
	Username   string            // the principal that is no e-mail; "" with an e-mail
	FirstName  *string           // nil: not sent, keep what is known
	LastName   *string           // nil: not sent
	Attributes map[string]string // the whole set; replaces the synced attributes of the account
	Groups     []string          // nil: not sent, change nothing; empty: in none
	GroupsSent bool

	// GroupsFault says what of a groups claim could not be read: all of it when GroupsSent is false, entries of a list else.
	// "": nothing, or there was no claim.
	GroupsFault string
}

// A Subject identifies a person at one provider for ever. With [SubjectEmail] the e-mail is all there is.
type Subject struct {
	Kind  SubjectKind
	Value string
}

// SubjectKind keeps an e-mail and a claim that happens to look like one apart.
type SubjectKind string

// The kinds of a [Subject].
const (
	SubjectEmail SubjectKind = "email"
	SubjectClaim SubjectKind = "claim"
)

// MaxName is how long a name of a person, a group or an attribute may be, in bytes.
const MaxName = 254

// Limits of what an identity may hold. A token is at most 8 KiB, so these only bind for providers without that bound.
const (
	maxSubject    = 255 // OpenID Connect Core §2
	maxAttributes = 100
	maxAttribute  = 4096
	maxGroups     = 1000
)

// ClaimNames say which claims carry what (the settings JWT_ATTRIBUTE_…). Each is a [claim.Path] as text: the exact name of a
// claim, else names with dots between.
type ClaimNames struct {
	Email, FirstName, LastName, Groups string
	Subject                            string // empty: the e-mail is the subject

	Principal      string // in the place of Email: paths with commas between, of which the first that is there says who it is
	Domain         string // what follows the @ of a principal that has none
	Name           string // the whole name, of those who have neither FirstName nor LastName
	GroupSeparator string // between the names in a groups claim that is one text; empty: it is one name
	GroupPrefix    string // stands before each name of a group, so that two providers' groups are two
	EmailOptional  bool   // with a Subject, the principal need not be an e-mail, nor be there
}

// at returns the claim to which a path leads, or nil.
func (c Claims) at(path string) any {
	p, err := claim.ParsePath(path)
	if err != nil { // no path
		return nil
	}
	value, _ := p.In(c)
	return value
}

// registered claims are about the token, not about the person (RFC 7519 §4.1, OpenID Connect Core §2, RFC 9068; nonce and
// code_challenge are section 5's, the last line is OpenMetadata's and Dex's).
func registered(name string) bool {
	switch name {
	case "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "nonce", "code_challenge",
		"azp", "at_hash", "c_hash", "auth_time", "acr", "amr", "sid", "session_state", "scope", "client_id", "typ", "events", "email_verified",
		"isBot", "tokenType", "federated_claims":
		return true
	}
	return false
}

// Identify maps claims to an Identity. It returns [TokenEmailMissing], [TokenEmailInvalid] or [TokenSubjectMissing].
//
// Attributes are every claim but the registered ones, the mapped ones, null, objects and names that begin with "@";
// numbers and booleans become strings, lists are joined with commas (as Metabase does).
func (n ClaimNames) Identify(provider string, claims Claims) (id Identity, err error) {
	id.Provider = provider
	if id.Email, id.Username, err = n.principal(claims); err != nil {
		return id, err
	}
	id.Subject = Subject{SubjectEmail, address.Key(id.Email)}
	if n.Subject != "" {
		value := claims.at(n.Subject)
		sub, _ := scalar(value)
		raw, isText := value.(string)
		_, isBool := value.(bool)                                                 // such as email_verified: everybody would be one person
		if sub == "" || len(sub) > maxSubject || isBool || isText && sub != raw { // cleaned, two subjects could become one
			return id, fmt.Errorf("claim %q must identify the person: a string of 1 to %d characters, without spaces around it: %w",
				n.Subject, maxSubject, TokenSubjectMissing)
		}
		id.Subject = Subject{SubjectClaim, sub}
	}
	id.FirstName, id.LastName = n.names(claims)
	id.Groups, id.GroupsSent, id.GroupsFault = n.groups(claims)
	id.Attributes = n.attributes(claims)
	return id, nil
}

// who returns the claim that says who it is, and its path. A claim of a list that is null or empty says nothing.
func (n ClaimNames) who(claims Claims) (path string, value any) {
	if n.Principal == "" {
		return n.Email, claims.at(n.Email)
	}
	paths, _ := claim.ParsePaths(n.Principal)
	for _, p := range paths {
		if value, _ = p.In(claims); value != nil && value != "" {
			return p.String(), value
		}
	}
	return n.Principal, nil
}

// Claimed is whom claims name, proven or not; "" when they name nobody.
func (n ClaimNames) Claimed(claims Claims) string {
	_, value := n.who(claims)
	text, _ := value.(string)
	return text
}

// principal returns the e-mail, or with EmailOptional what stands in its place.
func (n ClaimNames) principal(claims Claims) (email, username string, err error) {
	optional := n.EmailOptional && n.Subject != ""
	path, value := n.who(claims)
	switch v := value.(type) {
	case nil:
		if optional {
			return "", "", nil
		}
		return "", "", fmt.Errorf("the token has no claim %q: %w", path, TokenEmailMissing)
	case bool:
		return "", "", fmt.Errorf("claim %q is %v: %w", path, v, TokenEmailMissing)
	case string:
		if email = v; n.Domain != "" && v != "" && !strings.Contains(v, "@") {
			email = v + "@" + n.Domain
		}
		err := address.Check(email)
		if err != nil && optional && !strings.Contains(v, "@") && v != "" && v == Truncate(CleanText(v), MaxName) {
			return "", v, nil
		}
		if err != nil {
			return "", "", fmt.Errorf("claim %q: %w: %w", path, err, TokenEmailInvalid)
		}
		return email, "", nil
	}
	return "", "", fmt.Errorf("claim %q is not a string: %w", path, TokenEmailInvalid)
}

// names returns the first and the last name. A whole name is kept as the first, as nobody can tell where it parts.
func (n ClaimNames) names(claims Claims) (first, last *string) {
	first, last = name(claims.at(n.FirstName)), name(claims.at(n.LastName))
	if whole := name(claims.at(n.Name)); whole != nil && first == nil && last == nil {
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
	s = Truncate(CleanText(s), MaxName)
	return &s
}

// groups reads the groups claim. Absent and null: not sent. What is neither a text nor a list with texts is not sent
// either, so that it changes nothing (SECURITY E6), and is a fault.
func (n ClaimNames) groups(claims Claims) (names []string, sent bool, fault string) {
	value := claims.at(n.Groups)
	if value == nil {
		return nil, false, ""
	}
	names, others, ok := claim.Names(value, n.GroupSeparator)
	if !ok {
		return nil, false, fmt.Sprintf("the claim %q is no list of names: %s", n.Groups, claimText(value))
	}
	if more := len(names) - maxGroups; more > 0 {
		names, others = names[:maxGroups], others+more
	}
	if others > 0 {
		fault = fmt.Sprintf("of the list in the claim %q, %d of %d entries are no names or too many: %s", n.Groups, others, others+len(names), claimText(value))
	}
	for i := range names {
		names[i] = n.GroupPrefix + names[i]
	}
	return names, len(names) > 0 || others == 0, fault
}

// claimText shows a claim in a message, short and on one line.
func claimText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("a %T", value)
	}
	return Shorten(string(text), maxQuoted)
}

// mapped are the claims at the top that the mapping reads.
func (n ClaimNames) mapped() map[string]bool {
	paths, _ := claim.ParsePaths(n.Principal)
	for _, text := range []string{n.Email, n.FirstName, n.LastName, n.Name, n.Groups, n.Subject} {
		p, _ := claim.ParsePath(text)
		paths = append(paths, p)
	}
	mapped := map[string]bool{}
	for _, p := range paths {
		mapped[p.Name()] = true
	}
	return mapped
}

func (n ClaimNames) attributes(claims Claims) map[string]string {
	mapped := n.mapped()
	names := make([]string, 0, len(claims))
	for name := range claims {
		if !registered(name) && !mapped[name] && !strings.HasPrefix(name, "@") && name != "" {
			names = append(names, name)
		}
	}
	sort.Strings(names) // which ones fit must not depend on a map's order
	set := map[string]string{}
	for _, name := range names {
		value, ok := attribute(claims[name])
		if !ok || len(value) > maxAttribute || name != CleanText(name) || len(set) == maxAttributes {
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
	text, ok := claim.Text(value)
	return CleanText(text), ok
}

// CleanText makes text fit to be kept and shown on one line: valid UTF-8; control characters (NUL, line ends) become
// spaces; characters that turn the direction of what follows are removed; spaces around it go.
func CleanText(s string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
			return ' '
		case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	return strings.TrimSpace(clean)
}

// Shorten makes of a text that came from outside one line of at most n bytes, and shows where it was cut.
func Shorten(s string, n int) string {
	if s = CleanText(s); len(s) > n {
		return Truncate(s, n) + "…"
	}
	return s
}

// Truncate cuts s to at most n bytes, never inside a character.
func Truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
