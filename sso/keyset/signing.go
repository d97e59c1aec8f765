package keyset

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/ssobridge/ssobridge/sso"
)

// A SigningKey signs what the bridge itself says: assertions to the app behind it, and tokens of service accounts. Others
// verify it with the public part from [PublicJWKS]. Make one with [NewSigningKey], [GenerateSigningKey], [ParseSigningKey]
// or [ParsePrivateKey].
type SigningKey struct {
	public Key
	key    crypto.Signer
}

// NewSigningKey generates a key for ES256.
func NewSigningKey() (*SigningKey, error) { return GenerateSigningKey("ES256") }

// SigningAlgorithms are those of the keys that [GenerateSigningKey] makes.
func SigningAlgorithms() []string { return []string{"RS256", "RS512", "ES256", "EdDSA"} }

// GenerateSigningKey generates a key of one of the [SigningAlgorithms].
func GenerateSigningKey(alg string) (*SigningKey, error) {
	var key crypto.Signer
	var err error
	switch alg = canonicalAlg(alg); {
	case !slices.Contains(SigningAlgorithms(), alg):
		return nil, fmt.Errorf("no key is made for alg %s: take one of %s", sso.Quote(alg), strings.Join(SigningAlgorithms(), ", "))
	case alg == "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case alg == "EdDSA":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		return nil, fmt.Errorf("generate a signing key: %w", err)
	}
	return newSigningKey(key, alg, "")
}

// ParseSigningKey reads what [SigningKey.PKCS8] wrote of a key of ES256 or EdDSA. It refuses keys of another kind or curve.
func ParseSigningKey(der []byte) (*SigningKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("parse a signing key: %w", err)
	}
	switch key := parsed.(type) {
	case ed25519.PrivateKey:
		return newSigningKey(key, "EdDSA", "")
	case *ecdsa.PrivateKey:
		if key.Curve == elliptic.P256() {
			return newSigningKey(key, "ES256", "")
		}
	}
	return nil, errors.New("parse a signing key: it is neither an EC key on P-256 nor an Ed25519 key")
}

// newSigningKey makes a key of its parts; without a kid it is the thumbprint, RFC 7638 §3 with SHA-256.
func newSigningKey(key crypto.Signer, alg, kid string) (*SigningKey, error) {
	public := key.Public()
	if err := checkMaterial(public); err != nil {
		return nil, err
	}
	able := algorithms(public)
	alg = cmp.Or(alg, able[0])
	if !slices.Contains(able, alg) {
		return nil, fmt.Errorf("it cannot be used with alg %s: take %s", alg, strings.Join(able, ", "))
	}
	k := Key{alg: alg, material: public}
	k.kid = cmp.Or(kid, k.Fingerprint())
	k.ID = k.kid
	return &SigningKey{public: k, key: key}, nil
}

// With is the same key, which signs with another algorithm that such a key can have.
func (k *SigningKey) With(alg string) (*SigningKey, error) {
	return newSigningKey(k.key, alg, k.public.kid)
}

// ID is the key's kid.
func (k *SigningKey) ID() string { return k.public.kid }

// Public is the part that verifies.
func (k *SigningKey) Public() Key { return k.public }

// String is the key's kid. Neither it nor GoString shows the key.
func (k *SigningKey) String() string { return "signing key " + k.ID() }

// GoString is [SigningKey.String].
func (k *SigningKey) GoString() string { return k.String() }

// PKCS8 returns the private key as DER, unencrypted: seal it before it is kept.
func (k *SigningKey) PKCS8() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.key)
	if err != nil {
		return nil, fmt.Errorf("write a signing key: %w", err)
	}
	return der, nil
}

// Sign makes a token of these claims, which must be an object in JSON. typ tells what it is for (RFC 8725 §3.11), so that no token of the bridge passes
// for another, nor for a login token, whose typ is JWT; "" and "JWT" are errors.
func (k *SigningKey) Sign(claims any, typ string) (string, error) {
	if typ == "" || strings.EqualFold(typ, "JWT") {
		return "", fmt.Errorf("sign: typ %q would make it a login token", typ)
	}
	header, err := json.Marshal(header{k.public.alg, k.public.kid, typ})
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	encode := base64.RawURLEncoding.AppendEncode
	text := encode(append(encode(nil, header), '.'), payload)
	signature, err := method(k.public.alg).Sign(string(text), k.key)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return string(encode(append(text, '.'), signature)), nil
}

// header is that of a token (RFC 7515 §4).
type header struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
	Type      string `json:"typ"`
}

// SPKI returns the key as DER (RFC 5280 §4.1), as ParseKey reads it. A shared secret has no such form.
func (k Key) SPKI() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(k.material)
	if err != nil {
		return nil, fmt.Errorf("write a public key: %w", err)
	}
	return der, nil
}

// PublicJWKS returns the JWK Set of public keys (RFC 7517 §5), for /.well-known/jwks.json. No keys make an empty set.
func PublicJWKS(keys ...Key) ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		if err := checkMaterial(k.material); err != nil { // go-jose would write a secret as it is
			return nil, fmt.Errorf("write a JWK Set: %w", err)
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.material, KeyID: k.kid, Algorithm: k.alg, Use: "sig"})
	}
	data, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("write a JWK Set: %w", err)
	}
	return data, nil
}
