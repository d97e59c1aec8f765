package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ssobridge/ssobridge/store"
)

// migrate looks at the settings of the database alone: those of sign-in may be changing with the new version.
func migrate(f *flags) runner {
	p := f.p
	status := f.Bool("status", false, "say which tables there are and which programs can run with them, and change nothing")
	return func(ctx context.Context, args []string) error {
		cfg, faults, err := f.resolve()
		if err != nil {
			return err
		}
		if concerns(faults, "DATABASE_URL", "SECRET_KEY") {
			return p.faulty(faults)
		}
		if *status && isFresh(cfg) {
			return errors.New("there is no database yet")
		}
		st, _, err := f.openStore(ctx, cfg, isFresh(cfg))
		if err != nil {
			return err
		}
		defer st.Close()
		if *status {
			return schemaStatus(ctx, p.stdout, st)
		}
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

func schemaStatus(ctx context.Context, out io.Writer, st *store.Store) error {
	s, err := st.Schema(ctx)
	if err != nil {
		return databaseError(err)
	}
	fmt.Fprint(out, s)
	if !s.CanRun() {
		return exitStatus(1)
	}
	return nil
}
