// Package keyset is the keys that verify signed tokens, and those that the bridge signs with.
//
// Keys that are configured come from [NewSecrets], [ParseKey] with [NewKeys], and [NewFiles]; those that an identity provider
// publishes from [NewRemote]. [Union] joins them, and [StatusOf] says how they are. A [SigningKey] signs.
//
// A key has exactly one algorithm, and is never tried with another.
package keyset

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/ssobridge/ssobridge/sso"
)

// A Set is the keys that an issuer may sign with.
type Set interface {
	// Keys returns the keys that may have signed a token whose header names kid ("" when it names none), the likeliest
	// first. The caller tries only those whose algorithm is the token's. It returns [sso.KeyUnknown] when no key can have
	// that kid, and [sso.ProviderUnavailable] when that cannot be found out now. With the latter there may be keys too: one
	// of them may verify the token, and if none does, the error is the answer.
	Keys(ctx context.Context, kid string) ([]Key, error)
}

// A Key verifies signatures, of one algorithm only (RFC 8725 §3.1). The zero Key verifies nothing. The package makes
// keys: [NewSecrets], [ParseKey], [ParseKeys].
type Key struct {
	ID string // how logs name it: a kid, or [sso.SecretID]

	kid      string
	alg      string // RFC 7518 §3.1
	assigned bool   // alg is our default for that kind of key; the JWK had none
	material any    // hidden, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	notAfter time.Time
	origin   string // where it is from
	used     *usage // nil: nobody asks
}

// hidden is a secret inside a function: no verb of package fmt prints it, however deep in a struct the key lies.
type hidden func() []byte

func hide(secret []byte) hidden { return func() []byte { return secret } }

// Algorithm returns the one algorithm of the key, such as "HS256".
func (k Key) Algorithm() string { return k.alg }

// KeyID returns the key's kid: a token that names another one is not held against this key. "": any token is.
func (k Key) KeyID() string { return k.kid }

// NotAfter returns until when the key verifies tokens; zero: for ever.
func (k Key) NotAfter() time.Time { return k.notAfter }

// Fingerprint tells keys apart on pages: the thumbprint of a public key (RFC 7638 §3, with SHA-256), of a secret
// [sso.SecretID], which is as much as anyone may see.
func (k Key) Fingerprint() string {
	if h, ok := k.material.(hidden); ok {
		return sso.SecretID(string(h()))
	}
	sum, err := (&jose.JSONWebKey{Key: k.material}).Thumbprint(crypto.SHA256)
	if err != nil { // only for the zero Key
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// String names the key. It never shows what is secret, not even with %#v in a log.
func (k Key) String() string { return k.ID + " (" + k.alg + ")" }

// GoString is [Key.String], so that %#v cannot print a secret.
func (k Key) GoString() string { return k.String() }

// Verify reports whether the key made this signature of what was signed.
func (k Key) Verify(signed string, signature []byte) bool {
	m, material := method(k.alg), k.material
	if h, ok := material.(hidden); ok {
		material = h()
	}
	return m != nil && m.Verify(signed, signature, material) == nil
}

// method returns the signature method of an algorithm; nil for every other text, "none" among them. Names are compared
// exactly (RFC 7515 §4.1.1). golang-jwt's own registry is not used: it holds "none", and programs may add to it.
func method(alg string) jwt.SigningMethod {
	switch alg {
	case "HS256":
		return jwt.SigningMethodHS256
	case "HS384":
		return jwt.SigningMethodHS384
	case "HS512":
		return jwt.SigningMethodHS512
	case "RS256":
		return jwt.SigningMethodRS256
	case "RS384":
		return jwt.SigningMethodRS384
	case "RS512":
		return jwt.SigningMethodRS512
	case "PS256":
		return strictPSS(jwt.SigningMethodPS256)
	case "PS384":
		return strictPSS(jwt.SigningMethodPS384)
	case "PS512":
		return strictPSS(jwt.SigningMethodPS512)
	case "ES256":
		return jwt.SigningMethodES256
	case "ES384":
		return jwt.SigningMethodES384
	case "ES512":
		return jwt.SigningMethodES512
	case "EdDSA":
		return jwt.SigningMethodEdDSA
	}
	return nil
}

// strictPSS verifies only salts as long as the hash (RFC 7518 §3.5); golang-jwt's own methods accept any length.
func strictPSS(m *jwt.SigningMethodRSAPSS) jwt.SigningMethod {
	return &jwt.SigningMethodRSAPSS{
		SigningMethodRSA: m.SigningMethodRSA,
		Options:          &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash},
	}
}

// algorithms lists what a key of that material may be used with; the first is the default for a JWK without alg.
func algorithms(material any) []string {
	switch m := material.(type) {
	case hidden:
		return hmacs(len(m()))
	case *rsa.PublicKey:
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	case *ecdsa.PublicKey: // RFC 7518 §3.4: one curve, one algorithm
		switch m.Curve.Params().BitSize {
		case 256:
			return []string{"ES256"}
		case 384:
			return []string{"ES384"}
		case 521:
			return []string{"ES512"}
		}
	case ed25519.PublicKey: // RFC 8037 §3.1
		return []string{"EdDSA"}
	}
	return nil
}

// hmacs are those whose hash is not longer than the secret (RFC 7518 §3.2).
func hmacs(bytes int) []string {
	all := []string{"HS256", "HS384", "HS512"}
	return all[:min(len(all), max(0, bytes/16-1))]
}

// Candidates returns the keys to try on a token: those of its kid whose one algorithm is the token's (SECURITY A2), and
// which are still valid. With keys, the error is the one to return if none of them verifies the token.
func Candidates(ctx context.Context, keys Set, kid, alg string, now time.Time) ([]Key, error) {
	all, pending := keys.Keys(ctx, kid)
	if len(all) == 0 && pending != nil {
		return nil, pending
	}
	valid := all
	if expired := func(k Key) bool { return k.expired(now) }; slices.ContainsFunc(all, expired) {
		valid = slices.DeleteFunc(slices.Clone(all), expired)
	}
	fit, err := WithAlgorithm(valid, alg)
	switch {
	case err != nil && pending != nil:
		return nil, pending
	case len(valid) == 0 && len(all) > 0:
		return nil, fmt.Errorf("the key %s was valid until %s: %w", all[0].ID, all[0].notAfter.UTC().Format(time.RFC3339), sso.KeyUnknown)
	case err != nil:
		return nil, err
	}
	return fit, pending
}

func (k Key) expired(now time.Time) bool { return !k.notAfter.IsZero() && now.After(k.notAfter) }

// WithAlgorithm returns the keys that are for an algorithm.
func WithAlgorithm(keys []Key, alg string) ([]Key, error) {
	if len(keys) > 0 && !slices.ContainsFunc(keys, func(k Key) bool { return k.alg != alg }) {
		return keys, nil
	}
	var fit []Key
	var others []string
	for _, k := range keys {
		if k.alg == alg {
			fit = append(fit, k)
		} else if !slices.Contains(others, k.alg) {
			others = append(others, k.alg)
		}
	}
	if len(fit) > 0 {
		return fit, nil
	}
	if len(others) == 0 {
		return nil, fmt.Errorf("there is no key: %w", sso.KeyUnknown)
	}
	return nil, fmt.Errorf("the token's alg is %s, but the key is for %s: sign with %s: %w",
		sso.Quote(alg), strings.Join(others, ", "), others[0], sso.KeyUnknown)
}

// Demand keeps the keys whose algorithm is alg, or may become it because their JWK named none.
func Demand(keys []Key, alg string) []Key {
	var fit []Key
	for _, k := range keys {
		if k.assigned && slices.Contains(algorithms(k.material), alg) {
			k.alg = alg
		}
		if k.alg == alg {
			fit = append(fit, k)
		}
	}
	return fit
}
