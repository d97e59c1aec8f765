package sso

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/ssobridge/ssobridge/sso/logout"
)

// A Session is one signed-in browser (or API client). Only the hash of its id is kept.
type Session struct {
	Hash      SessionHash
	AccountID int64
	Provider  string // how it was opened: a provider's name, or one of the ways below
	Proof     string // [Proof.Key] of the token, or that of the passkey, that opened it; "" for a password
	Flow      string // [Flow.Key] of the flow that opened it; "" when it was not bound
	CreatedAt time.Time
	ProvedAt  time.Time // when the person last proved who they are; set by the store when the session is opened
	LastUsed  time.Time // written in batches, so up to a minute behind
	ExpiresAt time.Time // absolute end
	Peer      string
	UserAgent string
	AtIDP     logout.Session // what the token that opened it says of the session there

	RefreshedAt  time.Time // when its provider last confirmed it; zero: it is not asked
	RefreshAfter time.Time // it is not asked again before that
	Unconfirmed  time.Time // since when there has been no good answer of its provider; zero: there was one
}

// The ways in without an identity provider, as sessions and events have them in the place of its name.
const (
	WayPassword = "password"
	WayPasskey  = "passkey"
)

// SessionHash is the SHA-256 of a session id. It is all that the database knows of it.
type SessionHash [sha256.Size]byte

// NewSessionID makes a session id: 256 bits from the system's CSPRNG, as 43 base64url characters (SECURITY D2).
func NewSessionID() string {
	var b [32]byte
	rand.Read(b[:]) // never fails since Go 1.24: it crashes the program instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// HashSessionID returns the hash of an id as a client sent it. ok is false for what cannot be an id of ours: another
// length or alphabet, a prefix, a second spelling of the same bits.
func HashSessionID(id string) (hash SessionHash, ok bool) {
	if len(id) != 43 {
		return hash, false
	}
	var text [43]byte // each request comes by here, and a slice made of id would be allocated
	copy(text[:], id)
	var raw [33]byte
	n, err := base64.RawURLEncoding.Strict().Decode(raw[:], text[:])
	if err != nil || n != 32 {
		return hash, false
	}
	return sha256.Sum256(text[:]), true
}

// SessionPolicy is how long sessions live. Both limits are enforced on the server, and hold for the sessions that there are:
// who makes them shorter, because of a device that was lost, means those.
type SessionPolicy struct {
	MaxAge time.Duration // from sign-in, whatever happens (MAX_SESSION_AGE)
	Idle   time.Duration // without use (SESSION_TIMEOUT); 0: no limit
}

// Live reports whether a session is still good at now. lastUsed may be later than s.LastUsed, which is written lazily.
func (p SessionPolicy) Live(s Session, lastUsed, now time.Time) bool {
	if !now.Before(s.ExpiresAt) || now.Sub(s.CreatedAt) >= p.MaxAge {
		return false
	}
	return p.Idle == 0 || now.Sub(lastUsed) < p.Idle
}
