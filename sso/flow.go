package sso

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"time"
)

// A Flow is a login that one browser began. It travels in its state, sealed, so that beginning a login writes nothing;
// that it is used once is recorded with the session it opened.
type Flow struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v,omitempty"` // RFC 7636 §4.1; only with [BindingPKCE]
	Provider string    `json:"p"`
	ReturnTo string    `json:"r"` // as [ReturnRules.Parse] wrote it
	Expires  time.Time `json:"e"`

	// Only while the login begins:
	LoginHint string `json:"-"` // whom the IdP should offer to sign in
	Another   bool   `json:"-"` // the IdP should ask who signs in, though it knows somebody
}

// FlowLifetime is how long a person may take to sign in at the IdP.
const FlowLifetime = 10 * time.Minute

// NewFlow begins a flow. State, nonce and verifier have 256 bits each; the verifier's 43 characters are the least that
// RFC 7636 §4.1 allows.
func NewFlow(provider string, binding Binding, returnTo string, now time.Time) *Flow {
	f := &Flow{State: random(), Nonce: random(), Provider: provider, ReturnTo: returnTo, Expires: now.Add(FlowLifetime)}
	if binding == BindingPKCE {
		f.Verifier = random()
	}
	return f
}

func random() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Challenge is the S256 code challenge of the flow's verifier (RFC 7636 §4.2); "" without a verifier.
func (f *Flow) Challenge() string {
	if f.Verifier == "" {
		return ""
	}
	return S256(f.Verifier)
}

// S256 is BASE64URL-ENCODE(SHA256(ASCII(verifier))), RFC 7636 §4.2.
func S256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Key names a flow in the store without revealing its state.
func (f *Flow) Key() string { return FlowKey(f.State) }

// FlowKey is the [Flow.Key] of the flow with that state.
func FlowKey(state string) string {
	sum := sha256.Sum256([]byte(state))
	return "flow:" + hex.EncodeToString(sum[:])
}
