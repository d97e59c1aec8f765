// Command bridgebench measures ssobridge beside things that do less.
//
//	go run ./cmd/bridgebench [login|oidc|verify|bearer|start|admin|faults|effect|soak|sizes|rolling|storm|all] [flags]
//
// It builds ssobridge, starts it with databases in a temporary folder, and loads it over loopback with a lean client of
// its own that costs less than the servers do. Everything that is compared takes turns within one run, round by round,
// so read the ratios: they hold from one machine to the next, which requests per second do not. Figures are medians over
// the rounds, ratios are medians of each round's ratio.
//
//   - login: whole sign-ins (GET /auth/sso with a fresh token, 302 and a cookie) of new and of returning people, beside
//     bare transactions that write the same rows in SQLite with the same durability, one to a commit, and many to a
//     commit: the most that sign-ins can come to. With --database both are in PostgreSQL.
//   - oidc: whole sign-ins with OpenID Connect, beside those with a token of the product that are bound to their browsers, too, and signed alike.
//   - verify: /auth/verify with one session and with many, beside a bare net/http and a bare echo handler that answer
//     with the very same header, and beside the peers that --peer names.
//   - bearer: /auth/verify with tokens of API clients: that are remembered, beside sessions; that come for the first time,
//     beside golang-jwt in a bare echo handler; and that are not good.
//   - start: from the start of the process to its first answer on an empty database, and the memory of an idle bridge.
//   - admin: each page of the administrator's place on a large database, with one client that waits for each answer. It is
//     no part of all, since it fills that database first.
//   - faults: sign-ins while the bridge is killed, and while what it stands on is broken: PostgreSQL, the network to it, the file of
//     SQLite, the disk.
//   - effect: two replicas on one database: from a sign-out on one to the refusal of the other.
//   - soak: a mixed load for minutes, and what the bridge holds on to.
//   - sizes: sign-ins on a large database beside those on an empty one, pages that show many groups, and a sweep of expired sessions.
//   - rolling: two replicas behind nginx that are restarted in turn, while people sign in and are checked.
//   - storm: many who sign in at once, and what those notice who have a session.
//
// Faults, effect, soak, sizes, rolling and storm are no parts of all, since they take long.
//
// "CPU µs each" is the server process's own user and system time divided by its requests. Noise disturbs it least, and
// it is what a proxy that asks on every request has to pay. The load takes its share of the same machine, so p50 and p99
// tell how long 32 clients wait who never pause, not how long one does.
//
// The exit status is 0 when everything was measured, whether or not the targets were met (see the last table, or "met"
// in --json), 1 when something could not be measured, and 2 for wrong usage. It runs on Linux, whose /proc it reads.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are what a run is asked to do.
type options struct {
	parts    []string
	rounds   int
	turn     time.Duration
	conns    int
	sessions int
	starts   int
	kills    int // for faults
	others   int // faults of each other kind
	changes  int // for effect
	soak     time.Duration
	requests int // for rolling
	storm    int // people who sign in at once
	expired  int // sessions for sizes
	peers    []peer
	crowd    population
	signing  string // ASSERTION for verify and bearer
	database string // for login, admin and effect; "" is a new SQLite file
	json     bool
	program  string // the ssobridge to measure
	dir      string // for databases and logs
	progress func(string)
}

// A bench is one part of the benchmark.
type bench func(context.Context, options) (table, []target, error)

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if child, err := runChild(ctx, args, stdin, stdout); child {
		return exit(err, stderr)
	}
	o, err := parse(args, stderr)
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintf(stderr, "%v\n", err)
		}
		return 2
	}
	r, err := o.run(ctx)
	if err == nil && o.json {
		err = r.json(stdout)
	} else if err == nil {
		err = r.print(stdout)
	}
	return exit(err, stderr)
}

func exit(err error, stderr io.Writer) int {
	if err != nil {
		fmt.Fprintf(stderr, "%v\n", err)
		return 1
	}
	return 0
}

// runChild is what bridgebench does when it has started itself.
func runChild(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) (child bool, err error) {
	switch {
	case len(args) == 2 && args[0] == "child-nethttp":
		return true, serveBare("nethttp", args[1])
	case len(args) == 2 && args[0] == "child-echo":
		return true, serveBare("echo", args[1])
	case len(args) == 2 && args[0] == "child-jwt":
		return true, serveBare("jwt", args[1])
	case len(args) == 3 && args[0] == "child-transactions":
		return true, serveTransactions(ctx, args[1], args[2], stdin, stdout)
	}
	return false, nil
}

// parse reads the command line: a part, then flags.
func parse(args []string, stderr io.Writer) (options, error) {
	o := options{parts: []string{"login", "oidc", "verify", "bearer", "start"}}
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		if args[0] != "all" {
			o.parts = args[:1]
		}
		args = args[1:]
	}
	if _, ok := benches()[o.parts[0]]; !ok {
		return o, fmt.Errorf("unknown part %q: want login, oidc, verify, bearer, start, admin, faults, effect, soak, sizes, rolling, storm or all", o.parts[0])
	}
	quiet := false
	f := flag.NewFlagSet("bridgebench [login|oidc|verify|bearer|start|admin|faults|effect|soak|sizes|rolling|storm|all]", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&o.rounds, "rounds", 5, "`rounds` in which everyone has a turn")
	seconds := f.Float64("seconds", 3, "`seconds` of one turn")
	f.IntVar(&o.conns, "connections", 32, "keep-alive `connections` of the load")
	f.IntVar(&o.sessions, "sessions", 10_000, "`sessions` for verify and bearer, and tokens for bearer")
	f.StringVar(&o.signing, "assertion", "ES256", "how Remote-Assertion is `signed` in verify and bearer, as ASSERTION says it: ES256, EdDSA or off")
	f.IntVar(&o.starts, "starts", 10, "how `often` to start")
	f.IntVar(&o.kills, "kills", 20, "how often faults `kills` the bridge, half of that on each database")
	f.IntVar(&o.others, "others", 3, "how `often` each other fault happens in faults")
	f.IntVar(&o.changes, "changes", 1000, "how many sign-outs effect measures")
	f.DurationVar(&o.soak, "soak", 15*time.Minute, "how long soak takes")
	f.IntVar(&o.requests, "requests", 20_000, "how many `requests` rolling sends at least")
	f.IntVar(&o.storm, "storm", 300, "how many `people` sign in at once in storm")
	f.IntVar(&o.expired, "expired", 1_000_000, "expired `sessions` that sizes has swept")
	f.IntVar(&o.crowd.people, "people", 100_000, "`people` for admin and sizes")
	f.IntVar(&o.crowd.groups, "groups", 1_000, "`groups` for admin and sizes")
	f.IntVar(&o.crowd.events, "events", 1_000_000, "`events` for admin and sizes")
	f.StringVar(&o.database, "database", "", "an empty `database` for login, admin and effect, such as postgres://… (default: a new SQLite file)")
	f.StringVar(&o.program, "ssobridge", "", "the `program` to measure (default: built from this module)")
	f.BoolVar(&o.json, "json", false, "print JSON")
	f.BoolVar(&quiet, "quiet", false, "do not say on stderr what is being done")
	f.Func("peer", "a `NAME=URL[;Header: value]…` to measure beside /auth/verify; may be given several times", func(text string) error {
		p, err := parsePeer(text)
		o.peers = append(o.peers, p)
		return err
	})
	if err := f.Parse(args); err != nil {
		return o, flag.ErrHelp // the flag package has told the user
	}
	o.crowd.sessions = o.sessions
	o.turn = time.Duration(*seconds * float64(time.Second))
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case min(o.rounds, o.conns, o.sessions, o.starts, o.crowd.people) < 1 || o.turn < 10*time.Millisecond:
		return o, errors.New("rounds, seconds, connections, sessions, starts and people must be positive")
	case min(o.kills, o.others) < 0 || min(o.changes, o.expired, o.requests, o.storm) < 1 || o.soak < time.Second:
		return o, errors.New("kills and others must not be negative, changes, expired, requests, storm and soak must be positive")
	case o.crowd.groups < 100 || o.crowd.events < 1000:
		return o, errors.New("admin and sizes need 100 groups and 1000 events at least")
	}
	o.progress = func(string) {}
	if !quiet {
		o.progress = func(text string) { fmt.Fprintf(stderr, "bridgebench: %s\n", text) }
	}
	return o, nil
}

func benches() map[string]bench {
	return map[string]bench{"login": benchLogin, "oidc": benchOpenID, "verify": benchVerify, "bearer": benchBearer, "start": benchStart, "admin": benchAdmin, "faults": benchFaults,
		"effect": benchEffect, "soak": benchSoak, "sizes": benchSizes, "rolling": benchRolling, "storm": benchStorm}
}

// run does the parts in a temporary folder.
func (o options) run(ctx context.Context) (r report, err error) {
	if o.dir, err = os.MkdirTemp("", "bridgebench"); err != nil {
		return r, err
	}
	defer os.RemoveAll(o.dir)
	if o.program == "" {
		if o.program, err = build(ctx, o.dir, o.progress); err != nil {
			return r, err
		}
	}
	if o.program, err = filepath.Abs(o.program); err != nil {
		return r, err
	}
	for _, part := range o.parts {
		t, targets, err := benches()[part](ctx, o)
		if err != nil {
			return r, fmt.Errorf("%s: %w", part, err)
		}
		r.Tables = append(r.Tables, t)
		r.Targets = append(r.Targets, targets...)
	}
	return r, nil
}

// build makes the program as releases are made.
func build(ctx context.Context, dir string, progress func(string)) (string, error) {
	progress("building ssobridge")
	program := filepath.Join(dir, "ssobridge")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", program,
		"github.com/ssobridge/ssobridge/cmd/ssobridge")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building ssobridge (run bridgebench inside the module, or name a program with --ssobridge): %w\n%s", err, out)
	}
	return program, nil
}
