package sso

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
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
	Email      string            // as it was sent; "" only where the provider's people need none
	Username   string            // the principal that is no e-mail; "" with an e-mail
	FirstName  *string           // nil: not sent, keep what is known
	LastName   *string           // nil: not sent
	Attributes map[string]string // the whole set; replaces the synced attributes of the account
	Groups     []string          // nil: not sent, change nothing; empty: in none
	GroupsSent bool

	// GroupsListed says that the groups come from a source that lists them one by one: none of them is a list in one text.
	GroupsListed bool

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

// Limits of the attributes of a person: how many, and how many bytes each may have.
const (
	MaxAttributes = 100
	MaxAttribute  = 4096
)

// Registered reports whether a claim is about the token, not about the person, and so no attribute: those are about the token, not about the person (RFC 7519 §4.1, OpenID Connect Core §2, RFC 9068; nonce and
// code_challenge are section 5's, the last line is OpenMetadata's and Dex's).
func Registered(name string) bool {
	switch name {
	case "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "nonce", "code_challenge",
		"azp", "at_hash", "c_hash", "auth_time", "acr", "amr", "sid", "session_state", "scope", "client_id", "typ", "events", "email_verified",
		"isBot", "tokenType", "federated_claims":
		return true
	}
	return false
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

// Quote makes text from outside fit for a message: short, on one line, ASCII.
func Quote(s string) string { return strconv.QuoteToASCII(Truncate(s, 60)) }
