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

// ProofByID is the proof of a token that names itself. RFC 7519 §4.1.7: jti is unique within its issuer. Tokens of different
// scopes never have the same proof: two providers may both have no issuer, and count from 1.
func ProofByID(scope, issuer, jti string) string {
	return proofKey("jti", scope, issuer+"\x00"+jti) // neither may contain NUL: see CleanText
}

// ProofByContent is the proof of a token without a jti. signingInput is "header.payload" as it was signed.
func ProofByContent(scope, signingInput string) string {
	return proofKey("sha256", scope, signingInput)
}

// proofKey puts the scope in front. Without one keys are as they were before there were scopes, so that what was spent then
// stays so.
func proofKey(kind, scope, text string) string {
	sum := sha256.Sum256([]byte(text))
	key := kind + ":" + hex.EncodeToString(sum[:])
	if scope != "" {
		key = scope + " " + key
	}
	return key
}
