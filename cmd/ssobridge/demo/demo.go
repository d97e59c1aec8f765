// Package demo is a complete sign-in on one machine: the bridge, a small identity provider, and an app behind the bridge
// that shows who is signed in. Nothing has to be set up, everything listens on loopback only, and nothing is left behind.
//
// idp.go is also the shortest answer to "what must my product do?", and code.go what it does besides when a code takes the
// token's place (--binding pkce); walk.go does one sign-in by itself and says what happens at each hop.
package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssobridge/ssobridge/server/drain"
	"github.com/ssobridge/ssobridge/server/ssobridge"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/password"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/store"
)

// Run is the command "ssobridge demo". It returns the exit status: 0 when the demo was ended by a signal or the walk
// succeeded, 1 when something failed, 2 when args are wrong.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "%v\nhint: ssobridge demo --help shows the flags\n", err)
		return 2
	}
	ctx, stop := drain.Until(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, err)
		if h, ok := errors.AsType[*hinted](err); ok {
			fmt.Fprintln(stderr, "hint:", h.hint)
		}
		return 1
	}
	return 0
}

// options are the command line.
type options struct {
	bridge, idp, app string // listen addresses
	binding          sso.Binding
	walk             bool
}

// parse reads the command line; for --help it writes to stdout and returns [flag.ErrHelp].
func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("ssobridge demo", flag.ContinueOnError)
	f.SetOutput(io.Discard) // errors are returned and printed once
	f.Usage = func() {}
	f.StringVar(&o.bridge, "listen", "127.0.0.1:3000", "where the bridge listens; port 0 takes a free one")
	f.StringVar(&o.idp, "idp-listen", "127.0.0.1:3535", "where the demo identity provider listens")
	f.StringVar(&o.app, "app-listen", "127.0.0.1:0", "where the demo app listens, behind the bridge")
	binding := f.String("binding", string(sso.BindingOff), "JWT_BINDING: off, state or pkce")
	f.BoolVar(&o.walk, "walk", false, "do one sign-in, print each hop, and exit 0 or 1; on free ports unless others are given")
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, "usage: ssobridge demo [flags]\n\na complete sign-in on this machine, with nothing to set up\n\nflags:\n")
		f.VisitAll(func(f *flag.Flag) {
			_, usage := flag.UnquoteUsage(f)
			if f.DefValue != "false" {
				usage += " (" + f.DefValue + ")"
			}
			fmt.Fprintf(stdout, "  --%-10s  %s\n", f.Name, usage)
		})
		return o, err
	} else if err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("ssobridge demo takes no arguments, only flags: %q", f.Arg(0))
	}
	var err error
	if o.binding, err = sso.ParseBinding(*binding); err != nil {
		return o, fmt.Errorf("--binding %w", err)
	}
	given := map[string]bool{}
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if o.walk && !given["listen"] {
		o.bridge = "127.0.0.1:0" // no one has to type these
	}
	if o.walk && !given["idp-listen"] {
		o.idp = "127.0.0.1:0"
	}
	return o, nil
}

// A hinted error says what to do next.
type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

func run(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	ends, err := listen(o)
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	if o.walk {
		level = slog.LevelError // the walk says what happens
	}
	w, err := build(ctx, ends, o.binding, slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level})))
	if err != nil {
		ends.close()
		return err
	}
	defer func() { err = errors.Join(err, w.remove()) }()

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return w.bridge.Serve(ctx, ends.bridge) })
	all.Go(func() error { w.bridge.Tend(ctx); return nil })
	all.Go(func() error { return serve(ctx, ends.idp, w.idp.handler()) })
	all.Go(func() error { return serve(ctx, ends.app, w.app.handler()) })
	if o.walk {
		all.Go(func() error {
			defer stop()
			return newWalk(w, stdout).run(ctx)
		})
	} else {
		w.welcome(stdout)
	}
	return all.Wait()
}

// listeners are the three ends of the demo.
type listeners struct {
	bridge, idp, app net.Listener
}

func (l *listeners) close() {
	for _, c := range []net.Listener{l.bridge, l.idp, l.app} {
		if c != nil {
			c.Close()
		}
	}
}

func listen(o options) (*listeners, error) {
	l := &listeners{}
	for _, end := range []struct {
		flag, address string
		to            *net.Listener
	}{{"listen", o.bridge, &l.bridge}, {"idp-listen", o.idp, &l.idp}, {"app-listen", o.app, &l.app}} {
		var err error
		if *end.to, err = loopback(end.flag, end.address); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

// loopback listens on this machine only: the demo lets anyone be anyone, and its app believes every header.
func loopback(flag, address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &hinted{fmt.Errorf("--%s %q is not an address with a port", flag, address), "write it as 127.0.0.1:3000"}
	}
	if host == "" || host == "localhost" {
		host = "127.0.0.1"
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		return nil, &hinted{fmt.Errorf("--%s %q is not on loopback, and the demo signs in whoever asks", flag, address),
			"for other machines run ssobridge serve"}
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &hinted{fmt.Errorf("port %s is taken: %w", port, err),
			"another demo or app may be running; choose another address with --" + flag + ", port 0 takes a free one"}
	}
	if err != nil {
		return nil, &hinted{err, "choose another address with --" + flag}
	}
	return l, nil
}

// A world is all that a demo consists of.
type world struct {
	site, idpURL string // as people open them
	cfg          *setting.Config
	bridge       *ssobridge.Service
	store        *store.Store
	idp          *idp
	app          *app
	dir          string // everything that is kept, until the end
	password     string // of the administrator
}

// adminEmail is the account that does not come from the demo IdP.
const adminEmail = "admin@example.com"

func build(ctx context.Context, l *listeners, binding sso.Binding, log *slog.Logger) (_ *world, err error) {
	// The bridge and the IdP have different host names on purpose: to a browser they are two sites, as in life.
	w := &world{site: "http://" + net.JoinHostPort("localhost", port(l.bridge)), idpURL: "http://" + l.idp.Addr().String() + "/login"}
	if !l.bridge.Addr().(*net.TCPAddr).IP.Equal(net.IPv4(127, 0, 0, 1)) {
		w.site = "http://" + l.bridge.Addr().String() // localhost need not be this address
	}
	secret, now := rand.Text()+rand.Text(), time.Now
	w.idp = &idp{callback: w.site + "/auth/sso", secret: secret, now: now, log: log}
	w.app = &app{site: w.site, log: log}
	if w.dir, err = os.MkdirTemp("", "ssobridge-demo-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.remove())
		}
	}()
	if w.cfg, err = settings(w, l, secret, binding); err != nil {
		return nil, err
	}
	if w.store, err = store.Open(ctx, w.cfg.DatabaseURL, store.Options{Now: now, Secret: w.cfg.SecretKey, Log: log}); err != nil {
		return nil, err
	}
	if _, err = w.store.Migrate(ctx); err != nil {
		return nil, err
	}
	if err = w.makeAdmin(ctx, now()); err != nil {
		return nil, err
	}
	w.bridge, err = ssobridge.Join(ctx, w.cfg, w.store, w.cfg.SecretKey, now, log, "demo")
	return w, err
}

// settings are those that someone would write for a product like the demo's; the environment has no say.
func settings(w *world, l *listeners, secret string, binding sso.Binding) (*setting.Config, error) {
	flags := map[string]string{
		"listen":                    l.bridge.Addr().String(),
		"site-url":                  w.site,
		"drain-time":                "0",
		"site-name":                 "ssobridge demo",
		"database-url":              "sqlite:" + filepath.Join(w.dir, "demo.db"),
		"secret-key":                rand.Text() + rand.Text(),
		"upstream":                  "http://" + l.app.Addr().String(),
		"jwt-identity-provider-uri": w.idpURL,
		"jwt-shared-secret":         secret,
		"jwt-group-sync":            "true",
		"jwt-group-mappings":        `{"research":["Research"],"staff":["Staff"],"it-admins":["Administrators"]}`,
		"jwt-binding":               string(binding),
	}
	if binding == sso.BindingPKCE {
		flags["jwt-client-id"] = clientID
		flags["jwt-token-uri"] = "http://" + l.idp.Addr().String() + "/token"
	}
	cfg, faults := setting.Resolve(setting.Inputs{Flags: flags})
	if len(faults) > 0 {
		return nil, fmt.Errorf("settings of the demo: %s", faults[0])
	}
	return cfg, nil
}

// makeAdmin makes the account that gets in when the IdP does not work.
func (w *world) makeAdmin(ctx context.Context, now time.Time) error {
	w.password = rand.Text()
	hash, err := (&password.Hasher{}).Hash(ctx, w.password)
	if err != nil {
		return err
	}
	_, err = w.store.CreateAccount(ctx, sso.Account{Email: adminEmail, FirstName: "Demo", LastName: "Administrator", Active: true, CreatedAt: now},
		hash, []int64{sso.Administrators}, sso.Event{At: now, Kind: sso.EventAccount, Email: adminEmail, Actor: "demo", Detail: "created"})
	return err
}

// remove leaves nothing behind.
func (w *world) remove() error {
	var err error
	if w.store != nil {
		err = w.store.Close()
	}
	return errors.Join(err, os.RemoveAll(w.dir))
}

func (w *world) welcome(out io.Writer) {
	fmt.Fprintf(out, `ssobridge demo: a complete sign-in on this machine

  open      %s%s
            the demo app, behind the bridge; it has no login of its own
  sign in   as Ada, Grace or Alan, who are in different groups, at the demo
            identity provider: %s
  binding   %s
  admin     %s/login
            e-mail %s, password %s

Stop with Ctrl-C; nothing is kept.

`, w.site, deepLink, w.idpURL, bindingInWords(w.cfg.JWT.Binding), w.site, adminEmail, w.password)
}

func port(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// serve answers on l until ctx ends.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// bindingInWords says what ties a login to the browser that began it.
func bindingInWords(b sso.Binding) string {
	switch b {
	case sso.BindingState:
		return "state: a login ends in the browser that began it; the token is in the URL once"
	case sso.BindingPKCE:
		return "pkce: as state, and a code takes the token's place: no token is in a URL"
	}
	return "off, as Metabase does it; try --binding state and --binding pkce"
}
