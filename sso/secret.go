package sso

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// SecretID is the key id of a shared secret, as events, logs and pages name it: a fingerprint, which anyone who has the
// secret can make too (printf %s "$SECRET" | sha256sum, the first eight digits). It tells no more to whoever would guess the
// secret than a token that was signed with it.
func SecretID(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return "secret " + hex.EncodeToString(sum[:4])
}

// A KeyUse is what is known of a key.
type KeyUse struct {
	SignIns  int       // since a time
	LastUsed time.Time // zero: no sign-in by it is in the trail
	MadeAt   time.Time // zero: it is not in the trail
	MadeBy   string
}
