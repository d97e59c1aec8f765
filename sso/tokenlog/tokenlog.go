// Package tokenlog is what is kept of the tokens of past sign-ins: which claims they had, and the values of those few that are
// about the token itself. No value is kept that is about the person, and neither is the token.
package tokenlog

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/ssobridge/ssobridge/sso"
)

// Kept is how many sign-ins of a provider are remembered: the last ones.
const Kept = 300

// Bounds of what is kept of one token. The names come from outside.
const (
	maxClaims = 60
	maxName   = 100 // bytes
	maxAbout  = 1000
)

// An Entry is what is kept of the token of one sign-in, with what userinfo added to it.
type Entry struct {
	At       time.Time
	Claims   []string      // names, sorted and short, of printable characters alone
	More     int           // how many claims there were besides
	Lifetime time.Duration // from iat to exp; 0: the token does not say both
	About    sso.Claims    // what the token says of itself; nil: it was not kept
}

// about are the claims that say nothing of the person: who made the token, for whom and when.
func about() []string {
	return []string{"iss", "aud", "azp", "iat", "nbf", "exp", "auth_time", "email_verified"}
}

// Of describes the token of a sign-in.
func Of(claims sso.Claims, at time.Time) Entry {
	e := Entry{At: at}
	for name := range claims {
		e.Claims = append(e.Claims, shown(name))
	}
	slices.Sort(e.Claims)
	e.Claims = slices.Compact(e.Claims)
	if len(e.Claims) > maxClaims {
		e.Claims, e.More = e.Claims[:maxClaims], len(e.Claims)-maxClaims
	}
	issued, ends := seconds(claims["iat"]), seconds(claims["exp"])
	if issued > 0 && ends > issued && ends-issued <= maxLifetime {
		e.Lifetime = time.Duration(ends-issued) * time.Second
	}
	e.About = aboutItself(claims)
	return e
}

// aboutItself are the claims of [about], nil when they are longer than is kept.
func aboutItself(claims sso.Claims) sso.Claims {
	kept := sso.Claims{}
	for _, name := range about() {
		if value, sent := claims[name]; sent {
			kept[name] = value
		}
	}
	if surelyShort(kept) {
		return kept
	}
	if text, err := json.Marshal(kept); err != nil || len(text) > maxAbout {
		return nil
	}
	return kept
}

// surelyShort reports whether claims are at most [maxAbout] bytes of JSON, however many each of their bytes becomes: then nobody has to
// write them to see that.
func surelyShort(claims sso.Claims) bool {
	const escaped, around = 6, len(`"":"",`) // \u0000; � for a byte that is no UTF-8 is as long
	size := len("{}")
	for name, value := range claims {
		size += around + escaped*len(name)
		switch value := value.(type) {
		case string:
			size += escaped * len(value)
		case json.Number:
			if value == "" || value[0] == '0' || strings.Trim(string(value), "0123456789") != "" { // else it is a whole number, which can be written
				return false
			}
			size += len(value)
		case bool:
			size += len("false")
		default:
			return false
		}
	}
	return size <= maxAbout
}

const maxLifetime = 100 * 365 * 24 * 60 * 60 // seconds: more is no statement, and would overflow

// shown is a name as it may stand on a page and in a terminal: a letter that cannot be seen, or that turns a line round, is �.
func shown(name string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\ufffd'
	}, strings.ToValidUTF8(name, "\ufffd"))
	if len(clean) > maxName {
		clean = sso.Truncate(clean, maxName) + "…"
	}
	return clean
}

// seconds reads a NumericDate (RFC 7519 §2); 0 for what is none.
func seconds(claim any) int64 {
	n, _ := claim.(json.Number)
	if whole, err := n.Int64(); err == nil {
		return whole
	}
	if part, err := n.Float64(); err == nil && part > 0 && part < 1<<53 {
		return int64(part)
	}
	return 0
}

// A Claim is a name, and how many of the tokens had it.
type Claim struct {
	Name string
	Seen int
}

// Claims are the names that tokens had, the most frequent first.
func Claims(entries []Entry) (all []Claim) {
	seen := map[string]int{}
	for _, e := range entries {
		for _, name := range e.Claims {
			seen[name]++
		}
	}
	for name, n := range seen {
		all = append(all, Claim{name, n})
	}
	slices.SortFunc(all, func(a, b Claim) int {
		if a.Seen != b.Seen {
			return b.Seen - a.Seen
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all
}
