package main

import (
	"context"
	"fmt"
)

// migrate looks at the settings of the database alone: those of sign-in may be changing with the new version.
func migrate(f *flags) runner {
	p := f.p
	return func(ctx context.Context, args []string) error {
		cfg, faults, err := f.resolve()
		if err != nil {
			return err
		}
		if concerns(faults, "DATABASE_URL", "SECRET_KEY") {
			return p.faulty(faults)
		}
		st, _, err := f.openStore(ctx, cfg, isFresh(cfg))
		if err != nil {
			return err
		}
		defer st.Close()
		applied, err := st.Migrate(ctx)
		if err != nil {
			return databaseError(err)
		}
		if _, err := st.MakeWords(ctx); err != nil { // so that everybody can be searched when this is done
			return databaseError(err)
		}
		for _, name := range applied {
			fmt.Fprintln(p.stdout, "applied", name)
		}
		if len(applied) == 0 {
			fmt.Fprintln(p.stdout, "the tables are up to date")
		}
		return nil
	}
}
