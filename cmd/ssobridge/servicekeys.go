package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ssobridge/ssobridge/server/ssobridge"
)

// withServiceKeys runs a command with the service keys of the database that there is.
func (f *flags) withServiceKeys(run func(context.Context, *ssobridge.ServiceKeys) error) runner {
	return func(ctx context.Context, _ []string) error {
		o, err := f.openExisting(ctx)
		if err != nil {
			return err
		}
		defer o.store.Close()
		keys, err := ssobridge.NewServiceKeys(ssobridge.KeyFileOf(o.cfg), o.store.Services(), f.p.now, o.log)
		if err == nil {
			err = keys.Reload(ctx)
		}
		if err == nil {
			err = run(ctx, keys)
		}
		return plain(err)
	}
}

type serviceKeyJSON struct {
	ID        string     `json:"kid"`
	Algorithm string     `json:"alg"`
	Signs     bool       `json:"signs"`
	Origin    string     `json:"origin"`
	Made      *time.Time `json:"made_at"`
}

func servicesKeys(f *flags) runner {
	p := f.p
	asJSON := f.Bool("json", false, "print JSON, one key a line")
	return f.withServiceKeys(func(_ context.Context, keys *ssobridge.ServiceKeys) error {
		t := p.table(*asJSON, "KEY", "ALG", "STATE", "ORIGIN", "MADE")
		defer t.Flush()
		for _, k := range keys.List() {
			state, origin := "verifies", "a file"
			if k.Signs {
				state = "signs"
			}
			if k.OfBridge {
				origin = "the bridge"
			}
			t.row(serviceKeyJSON{k.ID, k.Algorithm, k.Signs, origin, orNull(k.Made)}, k.ID, k.Algorithm, state, origin, when(k.Made))
		}
		return nil
	})
}

func servicesRotateKey(f *flags) runner {
	p := f.p
	compromised := f.Bool("compromised", false, "a key may have leaked: all tokens of service accounts are revoked, and all other keys are deleted")
	yes := f.Bool("yes", false, "do what --compromised would do")
	return f.withServiceKeys(func(ctx context.Context, keys *ssobridge.ServiceKeys) error {
		if !*compromised {
			key, err := keys.Rotate(ctx, "cli")
			if err == nil {
				fmt.Fprintf(p.stdout, "made key %s; it signs from now on\n", key.ID())
			}
			return err
		}
		if !*yes {
			return withHint("ssobridge services rotate-key --compromised --yes does so",
				errors.New("nothing was done yet. It would revoke all tokens of service accounts, and delete all keys that signed them"))
		}
		key, revoked, err := keys.Compromised(ctx, "cli")
		switch {
		case err != nil:
			return err
		case key != nil:
			fmt.Fprintf(p.stdout, "made key %s; it signs from now on; all others are deleted, and %s revoked\n", key.ID(), plural(revoked, "token"))
		default:
			fmt.Fprintf(p.stdout, "the key of SERVICE_KEY_FILE signs from now on; all others are deleted, and %s revoked\n", plural(revoked, "token"))
		}
		return nil
	})
}
