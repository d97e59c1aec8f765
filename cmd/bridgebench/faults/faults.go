// Package faults breaks what a bridge stands on while people sign in, again and again, and holds what the bridge has answered
// against what is left.
//
// The clients keep a journal: each token that they brought, and the session that they got for it, if any. After each fault every
// session of the journal must still be good, and no token may open a second one.
package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/sso/ssotest/postgres/cluster"
	"github.com/ssobridge/ssobridge/sso/ssotest/tmpfs"
	"github.com/ssobridge/ssobridge/sso/ssotest/wire"
)

// A Bridge is a running one.
type Bridge interface {
	Addr() string // host:port
	Kill()        // at once (SIGKILL); returns when it is gone
	Stop()        // in order
	Tail() string // the end of its log
}

// Options are what a run does, and with what.
type Options struct {
	Kills    int // kills of the bridge, half of them on each database
	Others   int // how often each other fault happens
	Dir      string
	Start    func(ctx context.Context, database string) (Bridge, error)
	Sign     func(person int64) (token, email string, err error) // a new token of a new person
	Progress func(string)
}

// A Result is what one kind of fault has done.
type Result struct {
	Fault    string          `json:"fault"`
	Times    int             `json:"times"`
	Answered int             `json:"answered"` // sign-ins
	Lost     int             `json:"lost"`     // of those, whose session is not good any more
	Twice    int             `json:"twice"`    // tokens that opened two sessions
	Halves   int             `json:"halves"`   // rows of a sign-in without the others
	Recovery []time.Duration `json:"-"`        // from the end of the fault to the first answered sign-in, sorted
}

// Run does all faults that this machine has the means for; notes say what it lacks.
func Run(ctx context.Context, o Options) (results []Result, notes []string, err error) {
	bin := cluster.Programs()
	kills := []int{o.Kills, 0}
	if bin == "" {
		notes = append(notes, "PostgreSQL is not installed: only SQLite was tried")
	} else {
		kills = []int{o.Kills - o.Kills/2, o.Kills / 2}
	}
	results, skipped, err := onSQLite(ctx, o, kills[0])
	notes = append(notes, skipped...)
	if err != nil || bin == "" {
		return results, notes, err
	}
	more, err := onPostgres(ctx, o, bin, kills[1])
	return append(results, more...), notes, err
}

func onSQLite(ctx context.Context, o Options, kills int) (results []Result, notes []string, err error) {
	err = o.series(ctx, &results, "sqlite:", func(s *site, dir string) []fault {
		file := dir + "/ssobridge.db"
		s.database = "sqlite:" + file
		return []fault{s.kill(kills), moved(file, o.Others), replaced(file, o.Others)}
	})
	if err != nil {
		return results, nil, err
	}
	dir, err := os.MkdirTemp(o.Dir, "full")
	if err != nil {
		return results, nil, err
	}
	unmount, err := tmpfs.Mount(dir, small)
	if err != nil {
		return results, []string{fmt.Sprintf("a full disk was not tried: mounting a small file system: %v", err)}, nil
	}
	defer func() { err = errors.Join(err, unmount()) }()
	err = o.series(ctx, &results, "sqlite:", func(s *site, _ string) []fault {
		s.database = "sqlite:" + dir + "/ssobridge.db"
		return []fault{full(dir, o.Others)}
	})
	return results, nil, err
}

func onPostgres(ctx context.Context, o Options, bin string, kills int) (results []Result, err error) {
	pg, err := cluster.Start(bin, "max_connections=60")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pg.Remove()) }()
	w, err := wire.New(pg.Address())
	if err != nil {
		return nil, err
	}
	defer w.Close()
	err = o.series(ctx, &results, "postgres:", func(s *site, _ string) []fault {
		s.database, s.behind = pg.At(w.Addr()), pg.URL
		return []fault{s.kill(kills), restarted(pg, o.Others), readOnly(pg, o.Others), silent(w, o.Others), slow(w, o.Others), cut(w, o.Others)}
	})
	return results, err
}

// series starts a bridge and runs faults on it, one kind after the other.
func (o Options) series(ctx context.Context, results *[]Result, engine string, prepare func(s *site, dir string) []fault) (err error) {
	dir, err := os.MkdirTemp(o.Dir, "faults")
	if err != nil {
		return err
	}
	s := newSite(o)
	defer s.client.CloseIdleConnections()
	faults := prepare(s, dir)
	if s.bridge, err = o.Start(ctx, s.database); err != nil {
		return err
	}
	defer func() { s.bridge.Stop() }()
	for _, f := range faults {
		f.name = engine + " " + f.name
		r, err := s.try(ctx, f)
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", f.name, err, s.bridge.Tail())
		}
		if r.Times > 0 {
			*results = append(*results, r)
		}
	}
	return nil
}

// A fault begins, stays for a while, and ends.
type fault struct {
	name  string
	times int
	stays time.Duration
	begin func(context.Context) error
	// end returns when the fault was over.
	end func(context.Context) (time.Time, error)
}

// try has one kind of fault happen, again and again.
func (s *site) try(ctx context.Context, f fault) (Result, error) {
	r := Result{Fault: f.name}
	s.journal.reset()
	for n := range f.times {
		s.o.Progress(fmt.Sprintf("%s, %d of %d", f.name, n+1, f.times))
		took, err := s.once(ctx, f, 5+n%16)
		if err != nil {
			return r, err
		}
		r.Times++
		r.Recovery = append(r.Recovery, took)
		last := n == f.times-1
		if err := s.verify(ctx, &r, last); err != nil {
			return r, err
		}
		if last || n%100 == 99 {
			halves, err := s.halves(ctx)
			if err != nil {
				return r, err
			}
			r.Halves += halves
		}
	}
	slices.Sort(r.Recovery)
	return r, nil
}

// once has a fault happen when so many sign-ins were answered and others are on their way, and returns how long after its end the
// next one was answered.
func (s *site) once(ctx context.Context, f fault, answered int) (took time.Duration, err error) {
	stop := s.signInAll(ctx)
	defer stop()
	if err := s.journal.wait(ctx, answered); err != nil {
		return 0, err
	}
	if err := f.begin(ctx); err != nil {
		return 0, err
	}
	select {
	case <-time.After(f.stays):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	over, err := f.end(ctx)
	if err != nil {
		return 0, err
	}
	return s.recovered(ctx, over)
}
