// Package storm has many people sign in at once, again and again, and looks at what those notice who have a session.
package storm

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssobridge/ssobridge/sso/ssotest/postgres/cluster"
	"github.com/ssobridge/ssobridge/sso/ssotest/wire"
)

// A Bridge is a running one.
type Bridge interface {
	Addr() string // host:port
	Stop()
	Tail() string
}

// Options are what a run does, and with what.
type Options struct {
	People   int           // who sign in at once
	Checkers int           // connections that ask /auth/verify without a pause
	Rounds   int           // of calm and storm in turn
	Turn     time.Duration // how long each lasts
	Dir      string
	Start    func(ctx context.Context, database string) (Bridge, error)
	Sign     func() (token string, err error) // a new token of a new person
	Progress func(string)
}

// A Result is what happened on one database.
type Result struct {
	Database string
	Alone    time.Duration   // a sign-in when nobody else comes, the median
	Calm     []time.Duration // of checks without a storm, sorted
	Storm    []time.Duration // and in it
	SignIns  []time.Duration // of those that were answered, sorted
	Shed     int             // sign-ins that got 503 with Retry-After
	Slowest  time.Duration   // of all answers to sign-ins
	Wrong    int             // sign-ins that got anything else
	Refused  int             // checks of somebody with a session that got anything but yes
	First    string          // the first that was wrong or refused
}

// delay is what a slow network adds to each piece: a sign-in takes so long then that not all can be served in time.
const delay = 100 * time.Millisecond

// Do has storms on each database that this machine has the means for; notes say what it lacks.
func Do(ctx context.Context, o Options) (results []Result, notes []string, err error) {
	r, err := o.on(ctx, "SQLite", "sqlite:"+filepath.Join(o.Dir, "storm.db"))
	if err != nil {
		return nil, nil, err
	}
	results = append(results, r)
	bin := cluster.Programs()
	if bin == "" {
		return results, []string{"PostgreSQL is not installed: only SQLite was tried"}, nil
	}
	pg, err := cluster.Start(bin)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, pg.Remove()) }()
	if r, err = o.on(ctx, "PostgreSQL", pg.URL); err != nil {
		return nil, nil, err
	}
	results = append(results, r)
	w, err := wire.New(pg.Address())
	if err != nil {
		return nil, nil, err
	}
	defer w.Close()
	w.Set(wire.State{Delay: delay})
	r, err = o.on(ctx, fmt.Sprintf("PostgreSQL, %v away", delay), pg.At(w.Addr()))
	return append(results, r), nil, err
}

// sessions are how many people have one.
const sessions = 8

func (o Options) on(ctx context.Context, name, database string) (r Result, err error) {
	r.Database = name
	b, err := o.Start(ctx, database)
	if err != nil {
		return r, err
	}
	defer b.Stop()
	s := &site{o: o, addr: b.Addr()}
	if err := s.begin(ctx); err != nil {
		return r, fmt.Errorf("%s: %w\n%s", name, err, b.Tail())
	}
	for n := range o.Rounds {
		o.Progress(fmt.Sprintf("%s, round %d of %d", name, n+1, o.Rounds))
		calm, err := s.round(ctx, 0)
		if err != nil {
			return r, err
		}
		r.Calm = append(r.Calm, calm...)
		storm, err := s.round(ctx, o.People)
		if err != nil {
			return r, err
		}
		r.Storm = append(r.Storm, storm...)
	}
	slices.Sort(r.Calm)
	slices.Sort(r.Storm)
	slices.Sort(s.signIns)
	r.Alone = s.alone
	r.SignIns, r.Shed, r.Slowest, r.Wrong, r.Refused, r.First = s.signIns, s.shed, s.slowest, s.wrong, s.refused, s.first
	return r, nil
}

// round has the checkers ask for a while, and people sign in meanwhile, and returns how long the checks took.
func (s *site) round(ctx context.Context, people int) (checks []time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Turn)
	defer cancel()
	var coming errgroup.Group
	each := make([][]time.Duration, s.o.Checkers)
	for i := range each {
		coming.Go(func() (err error) {
			each[i], err = s.check(ctx, i)
			return err
		})
	}
	for range people {
		coming.Go(func() error { return s.signIn(ctx) })
	}
	err = coming.Wait()
	return slices.Concat(each...), err
}
