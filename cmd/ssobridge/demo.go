package main

import (
	"context"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/demo"
)

func runDemo(ctx context.Context, p *program, _ *command, args []string) error {
	if status := demo.Run(ctx, args, p.stdout, p.stderr); status != 0 {
		return exitStatus(status)
	}
	return nil
}
