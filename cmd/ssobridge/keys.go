package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ssobridge/ssobridge/server/ssobridge"
)

func keyCommands() []*command {
	return []*command{
		{"keys list", "", "lists the keys that sign Remote-Assertion", keysList},
		{"keys rotate", "", "makes the next key, which signs in an hour; the bridge does so itself every 90 days", keysRotate},
	}
}

type keyJSON struct {
	ID     string    `json:"kid"`
	State  string    `json:"state"`
	MadeAt time.Time `json:"made_at"`
	Until  time.Time `json:"until"`
}

// withSigner runs a command with the keys of the database that there is.
func (f *flags) withSigner(run func(context.Context, *ssobridge.Signer) error) runner {
	return func(ctx context.Context, _ []string) error {
		o, err := f.openExisting(ctx)
		if err != nil {
			return err
		}
		defer o.store.Close()
		signer, err := ssobridge.NewSigner(ctx, o.store, o.cfg.Assertion, f.p.now, o.log)
		if err != nil {
			return err
		}
		return run(ctx, signer)
	}
}

func keysList(f *flags) runner {
	p := f.p
	asJSON := f.Bool("json", false, "print JSON, one key a line")
	return f.withSigner(func(ctx context.Context, signer *ssobridge.Signer) error {
		t := p.table(*asJSON, "KEY", "STATE", "MADE", "UNTIL")
		defer t.Flush()
		for _, k := range signer.Keys() {
			t.row(keyJSON{k.ID, k.State, k.Made.UTC(), k.Changes.UTC()}, k.ID, k.State, when(k.Made), when(k.Changes))
		}
		return nil
	})
}

func keysRotate(f *flags) runner {
	p := f.p
	compromised := f.Bool("compromised", false, "a key may have leaked: the new one signs at once, and all others are deleted. "+
		"Apps may refuse assertions until they have read the key set again")
	return f.withSigner(func(ctx context.Context, signer *ssobridge.Signer) error {
		if err := signer.Rotate(ctx, *compromised, "cli"); err != nil {
			return err
		}
		keys := signer.Keys()
		if len(keys) == 0 {
			fmt.Fprintln(p.stdout, "deleted all keys; none is made, since ASSERTION is off")
			return nil
		}
		k := keys[len(keys)-1]
		if k.State == "next" {
			fmt.Fprintf(p.stdout, "made key %s; it signs from %s\n", k.ID, when(k.Changes))
		} else {
			fmt.Fprintf(p.stdout, "made key %s; it signs from now, and all others are deleted\n", k.ID)
		}
		return nil
	})
}
