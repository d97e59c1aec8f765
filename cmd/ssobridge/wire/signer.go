package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/token"
	"github.com/ssobridge/ssobridge/store"
)

// AssertionType is the typ of the bridge's assertions (RFC 8725 §3.11): no one can take one for a login token.
const AssertionType = "assertion+jwt"

// Signer signs what the bridge asserts to the app behind it, with a key that is kept sealed in the store. It is a
// server.Signer.
type Signer struct {
	key  *token.SigningKey
	jwks []byte
}

// NewSigner reads the bridge's signing keys, and makes the first one. Of several the oldest in use signs, so that all
// replicas use the same one, also when two made the first at once; all are published.
func NewSigner(ctx context.Context, st *store.Store, now func() time.Time) (*Signer, error) {
	stored, err := st.SigningKeys(ctx)
	if err == nil && !slices.ContainsFunc(stored, inUse) {
		if err = addKey(ctx, st, now()); err == nil {
			stored, err = st.SigningKeys(ctx)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	slices.SortFunc(stored, func(a, b sso.StoredKey) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	s := &Signer{}
	var all []*token.SigningKey
	for _, k := range stored {
		key, err := token.ParseSigningKey(k.Private)
		if err != nil {
			return nil, fmt.Errorf("signing key %s: %w", k.ID, err)
		}
		all = append(all, key)
		if s.key == nil && inUse(k) {
			s.key = key
		}
	}
	if s.key == nil {
		return nil, errors.New("signing keys: none is in use")
	}
	s.jwks, err = token.PublicJWKS(all...)
	return s, err
}

func inUse(k sso.StoredKey) bool { return k.RetiredAt.IsZero() }

func addKey(ctx context.Context, st *store.Store, at time.Time) error {
	key, err := token.NewSigningKey()
	if err != nil {
		return err
	}
	der, err := key.PKCS8()
	if err != nil {
		return err
	}
	return st.AddSigningKey(ctx, key.ID(), der, at)
}

// SignAssertion signs claims as they are.
func (s *Signer) SignAssertion(claims map[string]any) (string, error) {
	return s.key.Sign(claims, AssertionType)
}

// JWKS is the public key set, RFC 7517.
func (s *Signer) JWKS() []byte { return s.jwks }
