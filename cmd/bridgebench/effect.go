package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// maxEffect is how long a change on one replica may take until the other one acts on it.
const maxEffect = 500.0 // ms

// benchEffect signs people out on one replica, and measures how long the other lets them pass.
func benchEffect(ctx context.Context, o options) (table, []target, error) {
	fail := func(err error) (table, []target, error) { return table{}, nil, err }
	database := o.database
	if database == "" {
		database = "sqlite:" + filepath.Join(o.dir, "effect.db")
	}
	one, _, err := startBridgeIn(ctx, o.program, o.dir, database)
	if err != nil {
		return fail(err)
	}
	defer one.stop()
	other, _, err := startBridgeIn(ctx, o.program, o.dir, database)
	if err != nil {
		return fail(err)
	}
	defer other.stop()
	o.progress(fmt.Sprintf("signing in %d people", o.changes))
	cookies, err := one.signIn(ctx, o.conns, o.changes)
	if err != nil {
		return fail(err)
	}
	o.progress("signing them out on one replica, and asking the other")
	times := make([]time.Duration, len(cookies))
	var next atomic.Int64
	err = together(4, func() (err error) {
		for i := next.Add(1) - 1; int(i) < len(cookies) && err == nil; i = next.Add(1) - 1 {
			times[i], err = effect(ctx, one, other, cookies[i])
		}
		return err
	})
	if err != nil {
		return fail(err)
	}
	slices.Sort(times)
	t := table{Name: "from a sign-out on one replica to the refusal of the other"}
	t.Grid = &grid{Columns: []string{"changes", "p50 ms", "p99 ms", "max ms"}}
	t.Grid.Lines = []gridLine{{"sign-out", []float64{float64(len(times)), ms(percentile(times, 50)), ms(percentile(times, 99)), ms(percentile(times, 100))}}}
	return t, []target{atMost("change to effect, p99", ms(percentile(times, 99)), maxEffect, " ms")}, nil
}

// effect is how long after a sign-out was sent to one replica the other refuses the session, which it remembers until then.
func effect(ctx context.Context, one, other *bridge, cookie string) (time.Duration, error) {
	ask := get(other.addr, "/auth/verify", "Cookie: "+cookie)
	conn, in, err := dial(ctx, other.addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if a, err := exchange(conn, in, ask); err != nil || a.status/100 != 2 {
		return 0, errors.Join(err, fmt.Errorf("a session is refused before the sign-out: status %d", a.status))
	}
	began := time.Now()
	if a, err := once(ctx, one.addr, signOut(one.addr, cookie)); err != nil || a.status >= 400 {
		return 0, errors.Join(err, fmt.Errorf("the sign-out: status %d", a.status))
	}
	for time.Since(began) < answerWithin {
		if a, err := exchange(conn, in, ask); err != nil || a.status == 401 {
			return time.Since(began), err
		}
		time.Sleep(2 * time.Millisecond)
	}
	return 0, fmt.Errorf("the other replica lets a session pass %v after its end", answerWithin)
}

func signOut(addr, cookie string) []byte {
	return fmt.Appendf(nil, "POST /auth/sso/logout HTTP/1.1\r\nHost: %s\r\nOrigin: http://%s\r\nSec-Fetch-Site: same-origin\r\nCookie: %s\r\nContent-Length: 0\r\n\r\n", addr, addr, cookie)
}

// together runs do so many times at once, and returns what went wrong first.
func together(n int, do func() error) error {
	var running errgroup.Group
	for range n {
		running.Go(do)
	}
	return running.Wait()
}
