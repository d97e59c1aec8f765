package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// What a large database may cost.
const (
	minLargeToEmpty = 0.9   // sign-ins a second, to those on an empty database
	maxPage         = 100.0 // ms, and kB
	maxSweep        = 2.0   // p99 of a sign-in while a million expired rows are swept, to that without
)

// benchSizes compares sign-ins on a large database with those on an empty one, looks at the pages that show many groups, and has
// expired sessions swept while people sign in.
func benchSizes(ctx context.Context, o options) (table, []target, error) {
	fail := func(err error) (table, []target, error) { return table{}, nil, err }
	dir, err := os.MkdirTemp(o.dir, "sizes")
	if err != nil {
		return fail(err)
	}
	database := "sqlite:" + filepath.Join(dir, "large.db")
	o.progress(fmt.Sprintf("filling the database with %d people, %d groups and %d events", o.crowd.people, o.crowd.groups, o.crowd.events))
	cookie, err := fillCrowd(ctx, database, o.crowd, time.Now())
	if err != nil {
		return fail(fmt.Errorf("filling the database: %w", err))
	}
	t := table{Name: fmt.Sprintf("%d people, %d groups, %d events on SQLite", o.crowd.people, o.crowd.groups, o.crowd.events), Ratio: "÷ empty"}
	large, targets, err := o.compareSizes(ctx, database, cookie, &t)
	if err != nil {
		return fail(err)
	}
	swept, err := o.sweeping(ctx, database)
	if err != nil {
		return fail(err)
	}
	of := ratio(swept, large, func(r round) float64 { return ms(r.p99) })
	t.Rows = append(t.Rows, rowOf(swept, ratio(swept, large, perSecond)))
	t.Notes = append(t.Notes, fmt.Sprintf("while %d expired sessions are swept the p99 of a sign-in is %.2f times that without", o.expired, of))
	return t, append(targets, atMost("p99 of a sign-in during a sweep ÷ without", of, maxSweep, "")), nil
}

// compareSizes has sign-ins on both databases take turns, and asks for the pages.
func (o options) compareSizes(ctx context.Context, database, cookie string, t *table) (large *contender, targets []target, err error) {
	small, _, err := startBridge(ctx, o.program, o.dir)
	if err != nil {
		return nil, nil, err
	}
	defer small.stop()
	big, _, err := startBridgeIn(ctx, o.program, o.dir, database)
	if err != nil {
		return nil, nil, err
	}
	defer big.stop()
	empty := o.signingIn("sign-in, empty database", small)
	large = o.signingIn("sign-in, large database", big)
	if err := measure(ctx, []*contender{empty, large}, o.rounds, o.turn, o.progress); err != nil {
		return nil, nil, err
	}
	of := ratio(large, empty, perSecond)
	t.Rows = append(t.Rows, rowOf(empty, 0), rowOf(large, of))
	targets = append(targets, atLeast("sign-ins on a large database ÷ on an empty one", of, minLargeToEmpty))
	for _, path := range []string{"/admin", "/admin/groups", "/admin/groups/3", "/admin/groups/77", "/admin/people", "/admin/people/77", "/admin/mapping"} {
		request := get(big.addr, path, "Accept: text/html", "Cookie: "+sessionCookie+"="+cookie)
		size := 0
		page := load{addr: big.addr, conns: 1, want: 200, next: func(n int64, buf []byte) []byte {
			if n == 5 {
				return nil
			}
			return append(buf, request...)
		}, answer: func(_ int64, a answer) error { size = a.body; return nil }}
		s, err := page.run(ctx, 0)
		if err != nil {
			return nil, nil, fmt.Errorf("%w\n%s", err, big.tail())
		}
		took := ms(percentile(s.times, 50))
		t.Notes = append(t.Notes, fmt.Sprintf("%s: %.1f ms, %.1f kB", path, took, float64(size)/1000))
		targets = append(targets, atMost(path, took, maxPage, " ms"), atMost(path, float64(size)/1000, maxPage, " kB"))
	}
	return large, targets, nil
}

func (o options) signingIn(name string, b *bridge) *contender {
	return &contender{name: name, proc: b.process, run: (&crowd{bridge: b, conns: o.conns}).turn(false)}
}

// sweeping starts a bridge on a database with expired sessions, which it sweeps at once, and has people sign in meanwhile.
func (o options) sweeping(ctx context.Context, database string) (*contender, error) {
	o.progress(fmt.Sprintf("adding %d expired sessions", o.expired))
	if err := insertExpired(ctx, database, o.expired); err != nil {
		return nil, err
	}
	b, _, err := startBridgeIn(ctx, o.program, o.dir, database)
	if err != nil {
		return nil, err
	}
	defer b.stop()
	c := o.signingIn("sign-in, during a sweep", b)
	c.run = (&crowd{bridge: b, conns: o.conns, next: 10_000_000, tokens: 10_000_000}).turn(false)
	return c, measure(ctx, []*contender{c}, o.rounds, o.turn, o.progress)
}

func insertExpired(ctx context.Context, database string, n int) error {
	db, err := openSQL(database)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
		INSERT INTO sessions (hash, account_id, provider, proof, flow, created_at, last_used, expires_at, peer, user_agent, proved_at)
		SELECT randomblob(32), i % 1000 + 1, 'jwt', '', '', i, i, i, '192.0.2.1', 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0', i FROM n`, n)
	return err
}
