package admin

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// saved is a SettingStore at version 5. Trying any values leads to next.
type saved struct {
	before, next *setting.Config
	wrong        error
	change       *Change
}

func (s *saved) Current(context.Context) (*setting.Config, int64, error) { return s.before, 5, nil }

func (s *saved) Try(context.Context, map[string]*string) (*setting.Config, error) {
	return s.next, s.wrong
}

func (s *saved) TryProviders(context.Context, map[string]*string) (sso.Providers, error) {
	return nil, s.wrong
}

func (s *saved) KeysIn(k setting.Key) []sso.PublicKey {
	return []sso.PublicKey{{ID: "id of " + k.Data, Fingerprint: k.Data}}
}

func (s *saved) Save(_ context.Context, c Change) (int64, error) {
	if s.wrong != nil {
		return 0, s.wrong
	}
	s.change = &c
	return c.Version + 1, nil
}

// SECURITY G6, G8: settings need a proof as the table says, and what they do to secrets and administrators is confirmed as it
// is where these have a place of their own, for whichever provider.
func TestSettings(t *testing.T) {
	one, two := "one-secret-of-enough-length-0123456789", "two-secret-of-enough-length-0123456789"
	boss := sso.Mappings{"boss": {{ID: sso.Administrators}}}
	config := func(all ...*setting.Provider) *setting.Config { return &setting.Config{Providers: all} }
	jwt := func(m sso.Mappings, secrets ...string) *setting.Provider {
		return &setting.Provider{Name: "jwt", GroupMappings: m, SharedSecrets: secrets}
	}
	dex := func(m sso.Mappings, secrets ...string) *setting.Provider {
		return &setting.Provider{Name: "dex", GroupMappings: m, SharedSecrets: secrets}
	}
	published := func(keys ...string) *setting.Provider {
		p := &setting.Provider{Name: "dex"}
		for _, key := range keys {
			p.Keys = append(p.Keys, setting.Key{Data: key})
		}
		return p
	}
	invalid := Invalid("JWT_PROFILE", "is none")
	for _, tt := range []struct {
		name         string
		edit         SettingsEdit
		before, next *setting.Config
		wrong        error
		err          error // nil: saved
		field        string
		quick        bool // needs no proof
	}{
		{name: "the name of the site", edit: SettingsEdit{Values: map[string]*string{"SITE_NAME": new("x")}, Version: 5}, quick: true},
		{name: "an old version", edit: SettingsEdit{Values: map[string]*string{"JWT_PROFILE": new("strict")}, Version: 4}, err: sso.Conflict},
		{name: "a profile", edit: SettingsEdit{Values: map[string]*string{"JWT_PROFILE": new("strict")}, Version: 5}},
		{name: "a profile with the name", edit: SettingsEdit{Values: map[string]*string{"SITE_NAME": new("x"), "JWT_PROFILE": nil}, Version: 5}},
		{name: "one that the table does not know", edit: SettingsEdit{Values: map[string]*string{"PROVIDER_DEX_KIND": new("jwt")}, Version: 5}},
		{name: "a wrong one", edit: SettingsEdit{Values: map[string]*string{"JWT_PROFILE": new("x")}, Version: 5}, wrong: invalid, err: invalid},
		{name: "administrators", edit: SettingsEdit{Values: map[string]*string{GroupMappings: new("…")}, Version: 5},
			before: config(jwt(nil)), next: config(jwt(boss)), err: ErrNotConfirmed, field: "administrators"},
		{name: "administrators, confirmed", edit: SettingsEdit{Values: map[string]*string{GroupMappings: new("…")}, Version: 5, Administrators: true},
			before: config(jwt(nil)), next: config(jwt(boss))},
		{name: "administrators as before", edit: SettingsEdit{Values: map[string]*string{GroupMappings: new("…")}, Version: 5},
			before: config(jwt(boss)), next: config(jwt(boss))},
		{name: "administrators of another provider", edit: SettingsEdit{Values: map[string]*string{"PROVIDER_DEX_GROUP_MAPPINGS": new("…")}, Version: 5},
			before: config(jwt(boss), dex(nil)), next: config(jwt(boss), dex(boss)), err: ErrNotConfirmed, field: "administrators"},
		{name: "administrators of a new provider", edit: SettingsEdit{Values: map[string]*string{"PROVIDER_DEX_KIND": new("jwt")}, Version: 5},
			before: config(jwt(boss)), next: config(jwt(boss), dex(boss)), err: ErrNotConfirmed, field: "administrators"},
		{name: "a secret in use", edit: SettingsEdit{Values: map[string]*string{"JWT_SHARED_SECRET": new("…")}, Version: 5, SignIns: 2},
			before: config(jwt(nil, one)), next: config(jwt(nil, two)), err: ErrNotConfirmed, field: "sign_ins"},
		{name: "a secret in use, confirmed", edit: SettingsEdit{Values: map[string]*string{"JWT_SHARED_SECRET": new("…")}, Version: 5, SignIns: 3},
			before: config(jwt(nil, one)), next: config(jwt(nil, two))},
		{name: "a secret that stays", edit: SettingsEdit{Values: map[string]*string{"JWT_SHARED_SECRET": new("…")}, Version: 5},
			before: config(jwt(nil, one)), next: config(jwt(nil, two, one))},
		{name: "a provider that goes", edit: SettingsEdit{Values: map[string]*string{"PROVIDER_DEX_KIND": nil}, Version: 5},
			before: config(jwt(nil, two), dex(nil, one)), next: config(jwt(nil, two)), err: ErrNotConfirmed, field: "sign_ins"},
		{name: "a public key in use", edit: SettingsEdit{Values: map[string]*string{"PROVIDER_DEX_KEYS": new("…")}, Version: 5, SignIns: 2},
			before: config(published("a", "b")), next: config(published("b")), err: ErrNotConfirmed, field: "sign_ins"},
		{name: "a public key that stays", edit: SettingsEdit{Values: map[string]*string{"PROVIDER_DEX_KEYS": new("…")}, Version: 5},
			before: config(published("a")), next: config(published("b", "a"))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, proved := range []bool{true, false} {
				st := &saved{before: tt.before, next: tt.next, wrong: tt.wrong}
				if st.before == nil {
					st.before, st.next = config(jwt(nil)), config(jwt(nil))
				}
				by := Actor{Name: "root@example.com", Peer: "::1", Reference: "REF", At: time.Unix(1, 0), Proved: proved}
				version, err := Settings{Store: st, Use: used{sso.SecretID(one): 3, "id of a": 3}}.Edit(t.Context(), by, tt.edit)
				want := tt.err
				if !proved && !tt.quick {
					want = ErrProofNeeded
				}
				if want != nil {
					if !errors.Is(err, want) || st.change != nil {
						t.Errorf("proved %v: got %v and %+v saved, want %v", proved, err, st.change, want)
					}
					if r, ok := errors.AsType[*Refusal](err); tt.field != "" && want == tt.err && (!ok || r.Fields[tt.field] == "") {
						t.Errorf("got %v, want it at the field %q", err, tt.field)
					}
					continue
				}
				if err != nil || version != 6 || st.change == nil || st.change.Actor != by.Name || st.change.Peer != by.Peer || st.change.Reference != by.Reference {
					t.Errorf("proved %v: got %d, %v and %+v saved", proved, version, err, st.change)
				}
			}
		})
	}
}
