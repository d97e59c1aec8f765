// Package rolling restarts two replicas behind nginx in turn, again and again, while people sign in and are checked, and counts
// what fails.
package rolling

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssobridge/ssobridge/sso/ssotest/postgres/cluster"
)

// A Bridge is a running one.
type Bridge interface {
	Stop() // SIGTERM; returns when it is gone
	Tail() string
}

// Options are what a run does, and with what.
type Options struct {
	Requests int // at least
	Restarts int // at least
	Dir      string
	Start    func(ctx context.Context, address, database string) (Bridge, error)
	Sign     func(person int64) (token, email string, err error) // a new token of a new person
	Progress func(string)
}

// A Result is what was asked in one way.
type Result struct {
	Kind    string
	Asked   int64
	Failed  int64
	Longest time.Duration
}

// A Run is what was asked and what failed.
type Run struct {
	Results  []Result
	Restarts int
	Database string // the kind
	First    string // what the first request that failed got; "": none did
}

// Missing says what this machine lacks for a run; "" is nothing.
func Missing() string {
	if nginx() == "" {
		return "nginx is not installed"
	}
	return ""
}

// Do starts two replicas and nginx, and restarts the replicas as long as it was asked to.
func Do(ctx context.Context, o Options) (r Run, err error) {
	if lacks := Missing(); lacks != "" {
		return r, errors.New(lacks)
	}
	database, end, err := o.database(&r)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, end()) }()
	var replicas [2]replica
	for i := range replicas {
		if replicas[i].address, err = freeAddress(); err != nil {
			return r, err
		}
		if replicas[i].Bridge, err = o.Start(ctx, replicas[i].address, database); err != nil {
			return r, err
		}
		defer func() { replicas[i].Stop() }()
	}
	site, stop, err := o.front(ctx, replicas[0].address, replicas[1].address)
	if err != nil {
		return r, err
	}
	defer stop()
	v := newVisitors(o, site)
	defer v.client.CloseIdleConnections()
	return r, o.restart(ctx, &r, v, replicas[:], database)
}

type replica struct {
	Bridge
	address string
}

// restart ends the replicas in turn while people come.
func (o Options) restart(ctx context.Context, r *Run, v *visitors, replicas []replica, database string) error {
	var enough atomic.Bool
	people, coming := errgroup.WithContext(ctx)
	for range clients {
		people.Go(func() error { return v.come(coming, enough.Load) })
	}
	var err error
	for ; err == nil && coming.Err() == nil && (r.Restarts < o.Restarts || v.asked() < int64(o.Requests)); r.Restarts++ {
		o.Progress(fmt.Sprintf("%d requests, %d restarts", v.asked(), r.Restarts))
		one := &replicas[r.Restarts%len(replicas)]
		one.Stop()
		var b Bridge
		if b, err = o.Start(ctx, one.address, database); err == nil {
			one.Bridge = b
		}
	}
	enough.Store(true)
	err = errors.Join(err, people.Wait())
	r.Results, r.First = v.results(), v.first()
	return err
}

// database is where both replicas keep everything.
func (o Options) database(r *Run) (url string, end func() error, err error) {
	bin := cluster.Programs()
	if bin == "" {
		r.Database = "SQLite"
		return "sqlite:" + filepath.Join(o.Dir, "rolling.db"), func() error { return nil }, nil
	}
	r.Database = "PostgreSQL"
	pg, err := cluster.Start(bin)
	if err != nil {
		return "", nil, err
	}
	return pg.URL, pg.Remove, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// answers waits until something answers there.
func answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no 200 from %s: %w", url, errors.Join(err, ctx.Err()))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// folder makes one that other users may enter, as nginx's workers do.
func (o Options) folder() (string, error) {
	dir, err := os.MkdirTemp(o.Dir, "nginx")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}
