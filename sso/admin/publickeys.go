package admin

import (
	"context"
	"fmt"
	"slices"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// PublicKeys are the public keys of one provider that stand in its settings themselves, not in files or at an address. All
// fields are required.
type PublicKeys struct {
	Store   SecretStore
	Setting string // that holds them, such as PROVIDER_ACME_KEYS
	// Saved returns the keys in force.
	Saved func(ctx context.Context) ([]setting.Key, error)
	// Read returns what is in an entry: a key, or those of a set.
	Read func(setting.Key) []sso.PublicKey
	// Save is as in [Secrets].
	Save func(ctx context.Context, c Change) (version int64, err error)
}

// Add accepts one key more.
func (p PublicKeys) Add(ctx context.Context, by Actor, key setting.Key, version int64) (int64, error) {
	if err := by.may(changeSecrets); err != nil {
		return 0, err
	}
	saved, err := p.Saved(ctx)
	if err != nil {
		return 0, err
	}
	for _, k := range p.Read(key) {
		if i := entryWith(saved, p.Read, k.Fingerprint); i >= 0 {
			return 0, Invalid(p.Setting, "this key is among them already")
		}
	}
	return p.save(ctx, by, append(slices.Clone(saved), key), version)
}

// Remove accepts no more what is in the entry with the key of that fingerprint: the key, or the set that it came with. With
// keys that people sign in with, it asks as for a shared secret (SECURITY G8).
func (p PublicKeys) Remove(ctx context.Context, by Actor, fingerprint string, edit SecretEdit) (int64, error) {
	if err := by.may(changeSecrets); err != nil { // before it tells which there are
		return 0, err
	}
	saved, err := p.Saved(ctx)
	if err != nil {
		return 0, err
	}
	i := entryWith(saved, p.Read, fingerprint)
	if i < 0 {
		return 0, &Refusal{Err: fmt.Errorf("there is no public key %q in the settings: %w", fingerprint, sso.NotFound)}
	}
	var ids []string
	for _, k := range p.Read(saved[i]) {
		ids = append(ids, k.ID)
	}
	if err := mayDrop(ctx, p.Store, by, ids, edit.SignIns); err != nil {
		return 0, err
	}
	return p.save(ctx, by, slices.Delete(slices.Clone(saved), i, i+1), edit.Version)
}

func entryWith(entries []setting.Key, read func(setting.Key) []sso.PublicKey, fingerprint string) int {
	return slices.IndexFunc(entries, func(entry setting.Key) bool {
		return slices.ContainsFunc(read(entry), func(k sso.PublicKey) bool { return k.Fingerprint == fingerprint })
	})
}

// save keeps the keys; none is as if there had never been one.
func (p PublicKeys) save(ctx context.Context, by Actor, keys []setting.Key, version int64) (int64, error) {
	change := map[string]*string{p.Setting: nil}
	if len(keys) > 0 {
		text, err := setting.KeysText(keys)
		if err != nil {
			return 0, err
		}
		change[p.Setting] = &text
	}
	return p.Save(ctx, by.change(change, version))
}
