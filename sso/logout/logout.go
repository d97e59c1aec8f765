// Package logout has the words and the rule of a sign-out that comes from an identity provider: what a sign-in and a notice
// call a session there, and which sign-ins a notice bars. It imports no words of a login, so that package sso can know it.
package logout

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/ssobridge/ssobridge/sso/address"
)

// EventURI is the member of events that makes a token a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4).
const EventURI = "http://schemas.openid.net/event/backchannel-logout"

// A Key is what is kept of a subject or of a session of the identity provider: a digest. It fits a column whatever runes the
// text had, and who reads it learns no session of the provider.
type Key string

// The kinds of keys.
const (
	bySubject     = "sub:"
	byEmail       = "email:"
	bySession     = "sid:"
	bySubjectOnly = "sub without sid:"
)

func key(kind, text string) Key {
	if text == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(kind + text))
	return Key(base64.RawURLEncoding.EncodeToString(sum[:]))
}

// A Session is how the token of a sign-in names the session at the identity provider that it comes from.
type Session struct {
	Subject Key // of its sub; "" when it has none
	ID      Key // of its sid; "" when it has none
}

// SessionOf reads the claims of the token of a sign-in.
func SessionOf(claims map[string]any) Session {
	return Session{Subject: key(bySubject, text(claims["sub"])), ID: key(bySession, text(claims["sid"]))}
}

// text is a claim that names something: a text, or a number, with which some products name their people.
func text(claim any) string {
	switch v := claim.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// A SignIn is what decides whether a sign-in was under way when a notice came.
type SignIn struct {
	Session Session

	// Person is the subject by which the bridge knows the person: an e-mail's key if ByEmail, else a claim.
	Person  string
	ByEmail bool

	// Issued is when the provider signed its token, by its own clock; zero: that is not known.
	Issued time.Time

	// Begun is when the browser was sent to the provider, where the token was signed later than the person was signed in:
	// for a code. Zero: Issued says it all.
	Begun time.Time
}

// MaxMarks is how many [SignIn.Marks] there are at most.
const MaxMarks = 5

// Marks are the keys under which a notice may stand that bars the sign-in.
func (s SignIn) Marks() (all []Key) {
	kinds := []string{bySubject}
	if s.Session.ID == "" { // it may be the session that was ended, or another one
		kinds = append(kinds, bySubjectOnly)
	}
	for _, kind := range kinds {
		if s.Session.Subject != "" {
			all = append(all, key(kind, string(s.Session.Subject)))
		}
		if s.ByEmail {
			all = append(all, key(kind, string(key(byEmail, s.Person))))
		} else if s.Person != "" {
			all = append(all, key(kind, string(key(bySubject, s.Person))))
		}
	}
	if s.Session.ID != "" {
		all = append(all, s.Session.ID)
	}
	return all
}

// A Mark is what is kept of a notice under one key.
type Mark struct {
	Issued   time.Time // by the clock of the provider
	Received time.Time // by that of the bridge
}

// Bars reports whether the sign-in was under way when the notice came. Both times of a comparison are of one clock, so that a
// person who signs in anew after the sign-out is not kept out by clocks that differ.
func (m Mark) Bars(s SignIn) bool {
	return !s.Issued.After(m.Issued) || !s.Begun.IsZero() && !s.Begun.After(m.Received)
}

// A Notice is what a logout token says once it was verified: who was signed out at the provider. Subject, ID or both are set.
type Notice struct {
	Provider    string
	Subject, ID string // sub and sid
	ByEmail     bool   // the provider's people are known by their e-mail, so that sub may be one
	Issued      time.Time
	Received    time.Time
	Until       time.Time // when no sign-in that was under way can come any more
}

// Session is how sessions are kept that the notice is about.
func (n Notice) Session() Session {
	return Session{Subject: key(bySubject, n.Subject), ID: key(bySession, n.ID)}
}

// Marks are the keys under which the notice is kept. A notice about one session bars others of its person only where their
// token does not say which session it is of.
func (n Notice) Marks() (all []Key) {
	kind := bySubject
	if n.ID != "" {
		kind = bySubjectOnly
		all = append(all, key(bySession, n.ID))
	}
	if n.Subject != "" {
		all = append(all, key(kind, string(key(bySubject, n.Subject))))
		if n.ByEmail {
			all = append(all, key(kind, string(key(byEmail, address.Key(n.Subject)))))
		}
	}
	return all
}
