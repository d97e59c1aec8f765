package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// Mint signs a login token with a shared secret (HS256), as an identity provider does. It adds nothing to the claims; see
// that exp and iat are among them. It fails for an empty secret and for claims that JSON cannot say.
func Mint(secret string, claims map[string]any) (string, error) {
	if secret == "" {
		return "", errors.New("cannot sign with an empty secret")
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims(claims)).SignedString([]byte(secret))
	if err != nil {
		return "", fmt.Errorf("sign a login token: %w", err)
	}
	return signed, nil
}

// A SigningKey signs what the bridge itself asserts, such as Remote-Assertion, with ES256. Apps verify it with the public
// part from [PublicJWKS]. Make one with [NewSigningKey] or [ParseSigningKey].
type SigningKey struct {
	id  string
	key *ecdsa.PrivateKey
}

// NewSigningKey generates a key.
func NewSigningKey() (*SigningKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate a signing key: %w", err)
	}
	return newSigningKey(key)
}

// ParseSigningKey reads what [SigningKey.PKCS8] wrote. It refuses keys of another kind or curve.
func ParseSigningKey(der []byte) (*SigningKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("parse a signing key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("parse a signing key: it is not an EC key on P-256")
	}
	return newSigningKey(key)
}

func newSigningKey(key *ecdsa.PrivateKey) (*SigningKey, error) {
	public := jose.JSONWebKey{Key: &key.PublicKey}
	sum, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("thumbprint of a signing key: %w", err)
	}
	return &SigningKey{id: base64.RawURLEncoding.EncodeToString(sum), key: key}, nil
}

// ID is the key's kid: its thumbprint, RFC 7638 §3, with SHA-256.
func (k *SigningKey) ID() string { return k.id }

// String is the key's kid. Neither it nor GoString shows the key.
func (k *SigningKey) String() string { return "signing key " + k.id }

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

// Sign makes a token of these claims. typ tells what it is for (RFC 8725 §3.11), so that no token of the bridge passes
// for another, nor for a login token, whose typ is JWT; "" and "JWT" are errors.
func (k *SigningKey) Sign(claims map[string]any, typ string) (string, error) {
	if checkType(typ) == nil {
		return "", fmt.Errorf("sign: typ %q would make it a login token", typ)
	}
	t := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims(maps.Clone(claims)))
	t.Header["typ"], t.Header["kid"] = typ, k.id
	signed, err := t.SignedString(k.key)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return signed, nil
}

// PublicJWKS returns the JWK Set of the keys' public parts (RFC 7517 §5), for /.well-known/jwks.json. No keys make an
// empty set.
func PublicJWKS(keys ...*SigningKey) ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		// Only the public key is handed over: go-jose would write the private one as it is.
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: &k.key.PublicKey, KeyID: k.id, Algorithm: "ES256", Use: "sig"})
	}
	data, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("write a JWK Set: %w", err)
	}
	return data, nil
}
