package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/keyfile"
	"github.com/ssobridge/ssobridge/cmd/ssobridge/restore"
)

func runRestore(f *flags) runner {
	p := f.p
	keep := f.Bool("keep-sessions", false, "those who were signed in at the time of the backup stay so, even if their sessions were ended since")
	return func(ctx context.Context, args []string) error {
		cfg, faults, err := f.resolve()
		if err != nil {
			return err
		}
		if concerns(faults, "DATABASE_URL", "SECRET_KEY") {
			return p.faulty(faults)
		}
		path, sqlite := cfg.SQLitePath()
		if !sqlite {
			return restore.Postgres(args[0])
		}
		key := cfg.SecretKey
		if key == nil {
			if key, err = keyfile.Read(path + keyfile.Suffix); errors.Is(err, fs.ErrNotExist) {
				return withHint("put the key that belongs to the backup there, readable by its owner alone, or set SECRET_KEY",
					fmt.Errorf("the backup cannot be checked without its secret key: there is no %s%s", path, keyfile.Suffix))
			} else if err != nil {
				return err
			}
		}
		done, err := restore.Restore{From: args[0], Database: path, Secret: key, KeepSessions: *keep, Now: p.now}.Run(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "restored %s from %s\n", path, args[0])
		if len(done.Applied) > 0 {
			fmt.Fprintln(p.stdout, "applied", strings.Join(done.Applied, ", "))
		}
		if done.Ended > 0 {
			fmt.Fprintf(p.stdout, "ended %s of the time of the backup: people sign in again\n", plural(int(done.Ended), "session"))
		}
		if done.Kept != "" {
			fmt.Fprintf(p.stdout, "the old database is kept as %s\n", done.Kept)
		}
		if done.Unknown != nil {
			fmt.Fprintln(p.stderr, "hint: the old database cannot be read, so a token that was used in its last minutes can be used once more; wait ten minutes before you start the bridge")
		}
		fmt.Fprintln(p.stderr, "hint: what was changed after the backup is gone: deactivate or purge again who was since, remove lost passkeys and change leaked passwords again, and revoke service tokens again")
		return nil
	}
}
