package admin

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// SECURITY G6, G8: a public key is added behind the others, an entry goes with all its keys unless people sign in with one of
// them, and nothing is done, nor told, without a proof.
func TestPublicKeys(t *testing.T) {
	ctx, at := t.Context(), time.Unix(1_800_000_000, 0)
	proved := Actor{Name: "root@example.com", At: at, Proved: true}
	key := func(data string) setting.Key { return setting.Key{Data: data} }
	for _, tt := range []struct {
		name string
		by   Actor
		do   func(PublicKeys, Actor) error
		want string // the setting afterwards; "-": unset; "": nothing is saved
		err  error
	}{
		{"added", proved, func(p PublicKeys, by Actor) error { _, err := p.Add(ctx, by, key("c"), 1); return err }, `[{"key":"a"},{"key":"set"},{"key":"c"}]`, nil},
		{"added twice", proved, func(p PublicKeys, by Actor) error { _, err := p.Add(ctx, by, key("b2"), 1); return err }, "", sso.Invalid},
		{"added unproved", Actor{At: at}, func(p PublicKeys, by Actor) error { _, err := p.Add(ctx, by, key("a"), 1); return err }, "", ErrProofNeeded},
		{"removed", proved, func(p PublicKeys, by Actor) error {
			_, err := p.Remove(ctx, by, "a", SecretEdit{Version: 1})
			return err
		}, `[{"key":"set"}]`, nil},
		{"a set in use", proved, func(p PublicKeys, by Actor) error {
			_, err := p.Remove(ctx, by, "b1", SecretEdit{Version: 1, SignIns: 2})
			return err
		}, "", ErrNotConfirmed},
		{"a set, confirmed", proved, func(p PublicKeys, by Actor) error {
			_, err := p.Remove(ctx, by, "b1", SecretEdit{Version: 1, SignIns: 3})
			return err
		}, `[{"key":"a"}]`, nil},
		{"unknown", proved, func(p PublicKeys, by Actor) error {
			_, err := p.Remove(ctx, by, "x", SecretEdit{Version: 1})
			return err
		}, "", sso.NotFound},
		{"unproved", Actor{At: at}, func(p PublicKeys, by Actor) error {
			_, err := p.Remove(ctx, by, "x", SecretEdit{Version: 1})
			return err
		}, "", ErrProofNeeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			p := PublicKeys{
				Store: used{"b2": 3}, Setting: "PROVIDER_ACME_KEYS",
				Saved: func(context.Context) ([]setting.Key, error) { return []setting.Key{key("a"), key("set")}, nil },
				Read: func(k setting.Key) []sso.PublicKey {
					if k.Data == "set" {
						return []sso.PublicKey{{ID: "b1", Fingerprint: "b1"}, {ID: "b2", Fingerprint: "b2"}}
					}
					return []sso.PublicKey{{ID: k.Data, Fingerprint: k.Data}}
				},
				Save: func(_ context.Context, c Change) (int64, error) {
					if got = "-"; c.Values["PROVIDER_ACME_KEYS"] != nil {
						got = *c.Values["PROVIDER_ACME_KEYS"]
					}
					return 2, nil
				},
			}
			if err := tt.do(p, tt.by); !errors.Is(err, tt.err) || got != tt.want {
				t.Errorf("got %v and %q, want %v and %q", err, got, tt.err, tt.want)
			}
		})
	}
}
