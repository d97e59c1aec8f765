package admin

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// InUse is how far back a sign-in says that a key is in use.
const InUse = 24 * time.Hour

// A SecretStore is what the keys of providers need of package store.
type SecretStore interface {
	// KeyUses is what the trail knows of each key; the counts are of sign-ins since then.
	KeyUses(ctx context.Context, ids []string, since time.Time) (map[string]sso.KeyUse, error)
}

// Secrets are the shared secrets that tokens of one provider may be signed with, the current one first. All fields are
// required.
type Secrets struct {
	Store   SecretStore
	Setting string // that holds them, such as JWT_SHARED_SECRET
	// Saved returns the secrets in force.
	Saved func(ctx context.Context) ([]string, error)
	// Save checks, saves, leaves an event for each setting, and puts the result in force before it returns.
	Save func(ctx context.Context, c Change) (version int64, err error)
}

// A SecretEdit says what an edit of the secrets was made of, and what of it is confirmed.
type SecretEdit struct {
	Version int64 // of the saved settings that the administrator looked at
	SignIns int   // how many sign-ins within [InUse] may have used what is dropped
}

// Add puts a secret in front. The ones before stay, so that no login fails while the identity provider changes to the new
// one (SECURITY F4); with replace they go. It returns how many there are then, and the version.
func (s Secrets) Add(ctx context.Context, by Actor, secret string, replace bool, edit SecretEdit) (n int, version int64, err error) {
	saved, err := s.Saved(ctx)
	if err != nil {
		return 0, 0, err
	}
	next := []string{secret}
	if !replace {
		next = append(next, slices.DeleteFunc(slices.Clone(saved), func(old string) bool { return old == secret })...)
	}
	version, err = s.save(ctx, by, saved, next, edit)
	return len(next), version, err
}

// Retire keeps the current secret only.
func (s Secrets) Retire(ctx context.Context, by Actor, edit SecretEdit) (version int64, err error) {
	saved, err := s.Saved(ctx)
	if err != nil {
		return 0, err
	}
	if len(saved) < 2 {
		return 0, &Refusal{Err: fmt.Errorf("there is no older secret to remove: %w", sso.Invalid)}
	}
	return s.save(ctx, by, saved, saved[:1], edit)
}

// Remove takes one secret out by its name, such as one that was made and lost. The last one stays: without it nobody could
// sign in. It returns how many there are then, and the version.
func (s Secrets) Remove(ctx context.Context, by Actor, name string, edit SecretEdit) (n int, version int64, err error) {
	if err := by.may(changeSecrets); err != nil { // before it tells which there are
		return 0, 0, err
	}
	saved, err := s.Saved(ctx)
	if err != nil {
		return 0, 0, err
	}
	left := slices.DeleteFunc(slices.Clone(saved), func(secret string) bool { return SecretName(secret) == name })
	switch {
	case len(left) == len(saved):
		return 0, 0, &Refusal{Err: fmt.Errorf("there is no shared secret %q: %w", name, sso.NotFound)}
	case len(left) == 0:
		return 0, 0, &Refusal{Err: fmt.Errorf("this is the only shared secret: make another first: %w", sso.Invalid)}
	}
	version, err = s.save(ctx, by, saved, left, edit)
	return len(left), version, err
}

func (s Secrets) save(ctx context.Context, by Actor, before, next []string, edit SecretEdit) (int64, error) {
	if err := by.may(changeSecrets); err != nil {
		return 0, err
	}
	var dropped []string
	for _, secret := range before {
		if !slices.Contains(next, secret) {
			dropped = append(dropped, sso.SecretID(secret))
		}
	}
	if err := mayDrop(ctx, s.Store, by, dropped, edit.SignIns); err != nil {
		return 0, err
	}
	raw, err := json.Marshal(next)
	if err != nil {
		return 0, err
	}
	text := string(raw)
	return s.Save(ctx, by.change(map[string]*string{s.Setting: &text}, edit.Version))
}

// mayDrop refuses to drop keys by which more people signed in within [InUse] than was confirmed: they would fail from now on
// (SECURITY G8). Keys are named as events name them. The error is a [*Refusal] that wraps [ErrNotConfirmed].
func mayDrop(ctx context.Context, st SecretStore, by Actor, keys []string, confirmed int) error {
	uses, err := st.KeyUses(ctx, keys, by.At.Add(-InUse))
	if err != nil {
		return err
	}
	n := 0
	for _, use := range uses {
		n += use.SignIns
	}
	if n <= confirmed {
		return nil
	}
	problem := fmt.Sprintf("%d sign-ins of the last 24 hours used what would be refused from now on; if your product has changed its key since, confirm sign_ins %d", n, n)
	return notConfirmed(map[string]string{"sign_ins": problem})
}

// SecretName is the fingerprint of a secret alone, by which people name it.
func SecretName(secret string) string { return strings.TrimPrefix(sso.SecretID(secret), "secret ") }

// GenerateSecret makes a secret of 256 bits, which survives being copied by hand (SECURITY F1).
func GenerateSecret() string {
	var b [32]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
