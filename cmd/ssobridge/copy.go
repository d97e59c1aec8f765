package main

import (
	"context"
	"errors"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/dbcopy"
	"github.com/ssobridge/ssobridge/cmd/ssobridge/hint"
	"github.com/ssobridge/ssobridge/cmd/ssobridge/prompt"
)

func copyDatabase(f *flags) runner {
	p := f.p
	return func(ctx context.Context, args []string) error {
		cfg, faults, err := f.resolve()
		if err != nil {
			return err
		}
		if concerns(faults, "SECRET_KEY") {
			return p.faulty(faults)
		}
		err = dbcopy.Copy{
			From: args[0], To: args[1], Secret: cfg.SecretKey, Now: p.now, Stdout: p.stdout, Stderr: p.stderr, Terminal: prompt.IsTerminal(p.stderr),
		}.Run(ctx)
		if _, told := errors.AsType[*hint.Error](err); told {
			return err
		}
		return databaseError(err)
	}
}
