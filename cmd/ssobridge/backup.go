package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/keyfile"
)

func backup(f *flags) runner {
	p := f.p
	return func(ctx context.Context, args []string) error {
		o, err := f.openExisting(ctx)
		if err != nil {
			return err
		}
		defer o.store.Close()
		if _, sqlite := o.cfg.SQLitePath(); !sqlite {
			return withHint("pg_dump writes one", fmt.Errorf("a PostgreSQL database has a backup of its own"))
		}
		if err := o.store.Backup(ctx, args[0]); errors.Is(err, fs.ErrExist) {
			return withHint("choose another name: a backup is never written over", err)
		} else if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "wrote %s\n", args[0])
		if o.cfg.SecretKey == nil {
			path, _ := o.cfg.SQLitePath()
			fmt.Fprintf(p.stderr, "hint: keep %s%s too, in another place: without it the secrets in the copy cannot be read, and with it they can\n", path, keyfile.Suffix)
		}
		return nil
	}
}
