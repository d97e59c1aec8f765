package main

import (
	"context"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/demo"
)

func runDemo(f *flags) runner {
	f.bare, f.raw = true, true
	return func(ctx context.Context, args []string) error {
		if status := demo.Run(ctx, args, f.p.stdout, f.p.stderr); status != 0 {
			return exitStatus(status)
		}
		return nil
	}
}
