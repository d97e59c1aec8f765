package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/ssobridge/ssobridge/server/drain"
	"github.com/ssobridge/ssobridge/server/ssobridge"
	"github.com/ssobridge/ssobridge/sso/password/strength"
)

// serve runs until SIGTERM or SIGINT; then it finishes what runs and returns nil. A second signal ends the process at once. SIGHUP
// has it read its settings anew.
func serve(f *flags) runner {
	p := f.p
	return func(ctx context.Context, args []string) error {
		go strength.Prepare() // judging the secrets needs it soon
		ctx, stop := drain.Until(ctx, syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		again := make(chan os.Signal, 1)
		signal.Notify(again, syscall.SIGHUP)
		o, err := f.open(ctx, true)
		if err != nil {
			return err
		}
		defer o.store.Close()

		l, err := listen(ctx, o.cfg.Listen, "--listen")
		if err != nil {
			return err
		}
		defer l.Close()
		if addr, err := netip.ParseAddrPort(l.Addr().String()); err == nil {
			o.cfg = o.cfg.WithListener(addr)
		}
		s, err := ssobridge.Join(ctx, o.cfg, o.store, o.key, p.now, o.log, version())
		if err != nil {
			return joinError(err)
		}
		if err := o.firstStart(ctx, s.Server); err != nil {
			return err
		}
		all, ctx := errgroup.WithContext(ctx)
		watched, served := context.WithCancel(context.WithoutCancel(ctx)) // as long as requests are answered
		defer served()
		if o.cfg.MetricsListen != "" {
			m, err := listen(ctx, o.cfg.MetricsListen, "--metrics-listen")
			if err != nil {
				return err
			}
			defer m.Close()
			all.Go(func() error { return s.ServeMetrics(watched, m) })
		}
		all.Go(func() error { defer served(); return s.Serve(ctx, l) })
		all.Go(func() error { s.Tend(ctx); return nil })
		all.Go(func() error { s.ReloadAt(ctx, again, f.inputs); return nil })
		fmt.Fprintf(p.stdout, "ssobridge listens on http://%s, for browsers at %s\n", l.Addr(), o.cfg.URL(""))
		return all.Wait()
	}
}

func listen(ctx context.Context, address, flag string) (net.Listener, error) {
	l, err := drain.Listen(ctx, address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, withHint("another bridge or app may be running; choose another address with "+flag, fmt.Errorf("%s is taken: %w", address, err))
	}
	return l, withHint("choose another address with "+flag, err)
}
