package sso

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/sso/address"
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
	Email      string            // as it was sent
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

// ClaimNames say which claims carry what (the settings JWT_ATTRIBUTE_…).
type ClaimNames struct {
	Email, FirstName, LastName, Groups string
	Subject                            string // empty: the e-mail is the subject
}

// registered claims are about the token, not about the person (RFC 7519 §4.1; nonce and code_challenge are section 5's).
var registered = map[string]bool{
	"iss": true, "sub": true, "aud": true, "exp": true, "nbf": true, "iat": true, "jti": true,
	"nonce": true, "code_challenge": true,
}

// Identify maps claims to an Identity. It returns [TokenEmailMissing], [TokenEmailInvalid] or [TokenSubjectMissing].
//
// Attributes are every claim but the registered ones, the mapped ones, null, objects and names that begin with "@";
// numbers and booleans become strings, lists are joined with commas (as Metabase does).
func (n ClaimNames) Identify(provider string, claims Claims) (Identity, error) {
	id := Identity{Provider: provider}
	switch email := claims[n.Email].(type) {
	case nil:
		return id, fmt.Errorf("the token has no claim %q: %w", n.Email, TokenEmailMissing)
	case bool:
		return id, fmt.Errorf("claim %q is %v: %w", n.Email, email, TokenEmailMissing)
	case string:
		if err := address.Check(email); err != nil {
			return id, fmt.Errorf("claim %q: %w: %w", n.Email, err, TokenEmailInvalid)
		}
		id.Email = email
	default:
		return id, fmt.Errorf("claim %q is not a string: %w", n.Email, TokenEmailInvalid)
	}
	id.Subject = Subject{SubjectEmail, address.Key(id.Email)}
	if n.Subject != "" {
		sub, _ := scalar(claims[n.Subject])
		raw, isText := claims[n.Subject].(string)
		_, isBool := claims[n.Subject].(bool)                                     // such as email_verified: everybody would be one person
		if sub == "" || len(sub) > maxSubject || isBool || isText && sub != raw { // cleaned, two subjects could become one
			return id, fmt.Errorf("claim %q must identify the person: a string of 1 to %d characters: %w",
				n.Subject, maxSubject, TokenSubjectMissing)
		}
		id.Subject = Subject{SubjectClaim, sub}
	}
	id.FirstName = name(claims[n.FirstName])
	id.LastName = name(claims[n.LastName])
	id.Groups, id.GroupsSent, id.GroupsFault = groupNames(n.Groups, claims[n.Groups])
	id.Attributes = n.attributes(claims)
	return id, nil
}

// name is nil for what is absent, null, or no text: then the known name stays.
func name(claim any) *string {
	s, ok := claim.(string)
	if !ok {
		return nil
	}
	s = Truncate(CleanText(s), MaxName)
	return &s
}

// groupNames reads a groups claim. Absent and null: not sent. What is neither a text nor a list with texts is not sent
// either, so that it changes nothing (SECURITY E6), and is a fault.
func groupNames(name string, claim any) (names []string, sent bool, fault string) {
	switch v := claim.(type) {
	case nil:
		return nil, false, ""
	case string:
		return []string{v}, true, ""
	case []any:
		names = []string{}
		for _, e := range v {
			if s, ok := e.(string); ok && len(names) < maxGroups {
				names = append(names, s)
			}
		}
		if others := len(v) - len(names); others > 0 {
			fault = fmt.Sprintf("of the list in the claim %q, %d of %d entries are no names or too many: %s", name, others, len(v), claimText(claim))
		}
		return names, len(names) > 0 || len(v) == 0, fault
	}
	return nil, false, fmt.Sprintf("the claim %q is no list of names: %s", name, claimText(claim))
}

// claimText shows a claim in a message, short and on one line.
func claimText(claim any) string {
	text, err := json.Marshal(claim)
	if err != nil {
		return fmt.Sprintf("a %T", claim)
	}
	return Shorten(string(text), maxQuoted)
}

func (n ClaimNames) attributes(claims Claims) map[string]string {
	mapped := map[string]bool{n.Email: true, n.FirstName: true, n.LastName: true, n.Groups: true, n.Subject: true}
	names := make([]string, 0, len(claims))
	for name := range claims {
		if !registered[name] && !mapped[name] && !strings.HasPrefix(name, "@") && name != "" {
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

func attribute(claim any) (string, bool) {
	list, ok := claim.([]any)
	if !ok {
		return scalar(claim)
	}
	parts := make([]string, 0, len(list))
	for _, e := range list {
		if s, ok := scalar(e); ok {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ","), true
}

func scalar(claim any) (string, bool) {
	switch v := claim.(type) {
	case string:
		return CleanText(v), true
	case bool:
		return strconv.FormatBool(v), true
	case json.Number:
		return v.String(), true
	}
	return "", false
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
