package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// A SettingStore has the saved settings and what follows from them; ssobridge.Runtime is it.
type SettingStore interface {
	// Current returns the settings as they are saved at this moment, which may be newer than those in force, and the version
	// to save with.
	Current(ctx context.Context) (*setting.Config, int64, error)
	// Try resolves the settings with changes (nil deletes a saved one) and saves nothing. It makes the same checks as Save;
	// what is wrong comes back as a [*Refusal] with a text for each setting that must change.
	Try(ctx context.Context, changes map[string]*string) (*setting.Config, error)
	// TryProviders is Try, and returns the providers that the settings would make.
	TryProviders(ctx context.Context, changes map[string]*string) (sso.Providers, error)
	// KeysIn returns what is in an entry of the setting KEYS: a key, or those of a set. Of what is no key, or is in a file, it
	// returns nothing.
	KeysIn(setting.Key) []sso.PublicKey
	// Save checks, saves, leaves an event for each change, and puts the result in force here before it returns. Errors: a
	// [*Refusal] that wraps [sso.Invalid], or [sso.Conflict] when someone has saved since c.Version.
	Save(ctx context.Context, c Change) (version int64, err error)
}

// Settings are the settings by their names, those of [Mapping] and [Secrets] included.
type Settings struct {
	Store SettingStore
	Use   SecretStore
}

// A SettingsEdit is what an administrator wants of the settings.
type SettingsEdit struct {
	Values  map[string]*string // by name; nil: forget the saved value
	Version int64              // of the saved settings that the administrator looked at
	SignIns int                // as in [SecretEdit], when shared secrets are dropped
	// Administrators confirms, as in [MappingEdit], that whoever is in the groups which newly lead to Administrators shall
	// administer the bridge.
	Administrators bool
}

// Edit saves settings and returns the new version. It asks for a proof as each setting of the table says (SECURITY G6), and
// by whatever way a mapping or a secret is changed, for the same confirmation (SECURITY G8).
func (s Settings) Edit(ctx context.Context, by Actor, edit SettingsEdit) (version int64, err error) {
	if needsProof(edit.Values) && !by.Proved {
		return 0, ErrProofNeeded
	}
	if err := s.confirmed(ctx, by, edit); err != nil {
		return 0, err
	}
	return s.Store.Save(ctx, by.change(edit.Values, edit.Version))
}

// change is what this actor saves.
func (by Actor) change(values map[string]*string, version int64) Change {
	return Change{Values: values, Version: version, Actor: by.Name, Peer: by.Peer, Reference: by.Reference}
}

// needsProof reports whether these settings include one that must not be changed, nor unset, without a recent proof. What the
// table does not know belongs to a provider of its own, or is no setting and is refused later, with words.
func needsProof(values map[string]*string) bool {
	for name := range values {
		if s := setting.Find(name); s == nil || !s.WithoutProof {
			return true
		}
	}
	return false
}

// confirmed refuses an edit whose consequences the administrator has not confirmed. What is wrong with the values is said by
// whoever saves.
func (s Settings) confirmed(ctx context.Context, by Actor, edit SettingsEdit) error {
	if !needsProof(edit.Values) {
		return nil
	}
	before, version, err := s.Store.Current(ctx)
	switch {
	case err != nil:
		return err
	case version != edit.Version: // what would be compared is not what the administrator looked at
		return conflict("someone has saved settings meanwhile")
	}
	next, err := s.Store.Try(ctx, edit.Values)
	if err != nil {
		return nil //nolint:nilerr // saving says it
	}
	var groups []string
	for _, p := range next.Providers {
		old := &setting.Provider{}
		if was := before.Provider(p.Name); was != nil {
			old = was
		}
		groups = append(groups, NewAdministrators(old.GroupMappings, p.GroupMappings)...)
	}
	if problem := mayAdminister(groups); problem != "" && !edit.Administrators {
		return notConfirmed(map[string]string{"administrators": problem})
	}
	dropped := s.keys(before)
	for fingerprint := range s.keys(next) {
		delete(dropped, fingerprint)
	}
	return mayDrop(ctx, s.Use, by, slices.Sorted(maps.Values(dropped)), edit.SignIns)
}

// keys are those that stand in settings, each by its fingerprint, and named as events name it.
func (s Settings) keys(cfg *setting.Config) map[string]string {
	all := map[string]string{}
	for _, p := range cfg.Providers {
		for _, secret := range p.SharedSecrets {
			all[sso.SecretID(secret)] = sso.SecretID(secret)
		}
		for _, entry := range p.Keys {
			for _, k := range s.Store.KeysIn(entry) {
				all[k.Fingerprint] = k.ID
			}
		}
	}
	return all
}

// mayAdminister says what it means that groups of the identity provider newly lead to Administrators; "" when there are none.
func mayAdminister(groups []string) string {
	if len(groups) == 0 {
		return ""
	}
	return fmt.Sprintf("everyone whom the identity provider puts into %q would administer this bridge, "+
		"with every right that you have; say that this is meant", groups)
}
