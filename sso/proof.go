package sso

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// A Proof is the evidence that one token was verified. Spending it is what makes a token single-use.
type Proof struct {
	// Key names the token whatever way it was written: (issuer, jti), else the SHA-256 of "header.payload". It is never
	// made from the whole token, of which one signature has several spellings (SECURITY 0.2).
	Key string
	// Until is when no replica would accept the token any more, leeway included; the spent proof is kept that long.
	Until time.Time
}

// ProofByID is the proof of a token that names itself. RFC 7519 §4.1.7: jti is unique within its issuer.
func ProofByID(issuer, jti string) string {
	sum := sha256.Sum256([]byte(issuer + "\x00" + jti)) // neither may contain NUL: see CleanText
	return "jti:" + hex.EncodeToString(sum[:])
}

// ProofByContent is the proof of a token without a jti. signingInput is "header.payload" as it was signed.
func ProofByContent(signingInput string) string {
	sum := sha256.Sum256([]byte(signingInput))
	return "sha256:" + hex.EncodeToString(sum[:])
}
