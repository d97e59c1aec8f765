package credential

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// A Passkey is a WebAuthn credential of an account. What it signs with never leaves the person's device; this is the
// public part.
type Passkey struct {
	ID         string // the credential's id, base64url
	AccountID  int64
	Handle     []byte // the account's user handle: random, the same for all of its passkeys (WebAuthn §5.4.3)
	Name       string // for people, such as "Laptop"
	Credential string // JSON; only package server reads it
	SignCount  int64  // of the last use (WebAuthn §6.1.1); 0: the device does not count
	CreatedAt  time.Time
	LastUsed   time.Time // zero: never
}

// PasskeyProof is the [sso.Session.Proof] of a session that the passkey of this id opened.
func PasskeyProof(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "passkey:" + hex.EncodeToString(sum[:])
}

// Ways are the ways in that are on.
type Ways struct{ Providers, Passwords bool }
