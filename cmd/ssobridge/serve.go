package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/wire"
	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/sso/password"
)

// sweepEvery is how often what is over (sessions, spent proofs, failures) is removed from the database. All of it has
// stopped counting by its own date before.
const sweepEvery = 10 * time.Minute

// serve runs until SIGTERM or SIGINT; then it finishes what runs and returns nil.
func serve(ctx context.Context, p *program, c *command, args []string) error {
	f := p.newSettingFlags(c)
	if _, err := f.parse(args, 0, 0); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	o, err := f.open(ctx, true)
	if err != nil {
		return err
	}
	defer o.store.Close()

	l, err := listen(o.cfg.Listen, "--listen")
	if err != nil {
		return err
	}
	defer l.Close()
	if addr, err := netip.ParseAddrPort(l.Addr().String()); err == nil {
		o.cfg = o.cfg.WithListener(addr)
	}
	s, signer, err := o.server(ctx, p)
	if err != nil {
		return err
	}
	if err := o.firstStart(ctx, s); err != nil {
		return err
	}
	all, ctx := errgroup.WithContext(ctx)
	if o.cfg.MetricsListen != "" {
		m, err := listen(o.cfg.MetricsListen, "--metrics-listen")
		if err != nil {
			return err
		}
		defer m.Close()
		all.Go(func() error { return s.ServeMetrics(ctx, m) })
	}
	all.Go(func() error { return s.Serve(ctx, l) })
	all.Go(func() error { o.sweep(ctx, p.now); return nil })
	all.Go(func() error { signer.Follow(ctx); return nil })
	fmt.Fprintf(p.stdout, "ssobridge listens on http://%s, for browsers at %s\n", l.Addr(), o.cfg.SiteURL)
	return all.Wait()
}

// server joins the parts (DESIGN 1).
func (o *opened) server(ctx context.Context, p *program) (*server.Server, *wire.Signer, error) {
	runtime, err := wire.NewRuntime(ctx, o.cfg, o.store, o.key, p.now, o.log)
	if err != nil {
		return nil, nil, withHint("ssobridge check shows all settings and where they come from", plain(err))
	}
	for _, w := range runtime.Live().Config.Warnings {
		o.log.Warn(w)
	}
	signer, err := wire.NewSigner(ctx, o.store, p.now, o.log)
	if err != nil {
		return nil, nil, err
	}
	s, err := server.New(server.Options{
		Store:          o.store,
		Passwords:      &password.Hasher{},
		Signer:         signer,
		SecretKey:      o.key,
		Now:            p.now,
		Log:            o.log,
		Version:        version(),
		Administration: &server.Administration{Store: o.store, Settings: runtime},
		SettingsChanged: func(ctx context.Context) error {
			return errors.Join(runtime.Reload(ctx), signer.Reload(ctx))
		},
	}, runtime.Live())
	if err == nil {
		runtime.Follow(s.Apply)
	}
	return s, signer, err
}

func listen(address, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, withHint("another bridge or app may be running; choose another address with "+flag, fmt.Errorf("%s is taken: %w", address, err))
	}
	return l, withHint("choose another address with "+flag, err)
}

// sweep removes what is over, until ctx ends. A failure is logged and tried again: nothing depends on it.
func (o *opened) sweep(ctx context.Context, now func() time.Time) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if n, err := o.store.Sweep(ctx, now()); err != nil && ctx.Err() == nil {
			o.log.WarnContext(ctx, "sweep failed", "error", err)
		} else if n > 0 {
			o.log.LogAttrs(ctx, slog.LevelDebug, "swept", slog.Int("rows", n))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
