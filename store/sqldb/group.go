package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"
)

// A groupWriter writes to SQLite, which has one writer at a time and waits for the disk at each commit. So transactions that
// wait share a commit: each runs in a savepoint of its own, one after the other, and the last of them commits for all. Nobody
// is told anything before that, not even a refusal: it may rest on what another wrote a moment before.
type groupWriter struct {
	line     *line // with one turn
	pool     *sql.DB
	lockWait time.Duration // for how long to wait for another process
	time     time.Duration // for how long a group takes others in
	check    func() error  // before a commit; an error: nothing may be kept
	anew     atomic.Int64

	// What follows belongs to who has the turn.
	conn  *sql.Conn // nil before the first turn
	stmts map[string]*sql.Stmt
	open  *group // has begun and is not committed; nil: none
}

// A group is the transactions of one commit.
type group struct {
	began time.Time
	n     int
	alone bool
	undo  bool          // of one that is alone: nothing is to be kept
	done  chan struct{} // closed after the commit
	err   error         // why nothing was kept
}

// What one commit takes at most. The first of a group waits for the last.
const (
	groupMost = 64
	groupTime = 10 * time.Millisecond
	lockPause = 20 * time.Millisecond // between two looks for another process's lock
	stmtsKept = 256                   // more texts than there are; a bound, should one be put together from what a caller sends
)

func newGroupWriter(pool *sql.DB, lockWait time.Duration) *groupWriter {
	return &groupWriter{line: newLine(1), pool: pool, lockWait: lockWait, time: groupTime, check: func() error { return nil }}
}

func (w *groupWriter) write(ctx context.Context, alone bool, fn func(*Conn) error) error {
	return tries(func(error) bool { return false }, &w.anew, func() error { return w.once(ctx, alone, fn) }) // one writer: there are no races to lose
}

// once runs fn in its turn. One that is alone shares its commit with nobody.
func (w *groupWriter) once(ctx context.Context, alone bool, fn func(*Conn) error) error {
	if err := w.line.take(ctx); err != nil {
		return err
	}
	if alone && w.open != nil {
		w.commit()
	}
	if w.open == nil {
		if err := w.begin(ctx, alone); err != nil {
			w.line.pass()
			return err
		}
	}
	g := w.open
	err := w.join(ctx, g, fn)
	<-g.done
	if g.err != nil {
		return g.err
	}
	return err
}

// begin begins a group. Its context is the one of the first: nobody else is in it yet.
func (w *groupWriter) begin(ctx context.Context, alone bool) error {
	if w.conn == nil {
		conn, err := w.pool.Conn(ctx)
		if err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout = 0"); err != nil { // see lock
			return errors.Join(err, conn.Close())
		}
		w.conn, w.stmts = conn, map[string]*sql.Stmt{}
	}
	if err := w.lock(ctx); err != nil {
		return err
	}
	w.open = &group{began: time.Now(), alone: alone, done: make(chan struct{})}
	return nil
}

// lock waits for the lock that another process has, a backup for one. SQLite would wait, too, whether or not anyone still wants
// the answer.
func (w *groupWriter) lock(ctx context.Context) error {
	ended, pause := time.Now().Add(w.lockWait), time.Millisecond
	for {
		_, err := w.conn.ExecContext(context.Background(), "BEGIN IMMEDIATE") // a deferred one fails when it turns to writing
		if err == nil || !busy(err) || time.Now().After(ended) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
			pause = min(2*pause, lockPause)
		}
	}
}

// join runs fn as one of a group, and then gives the turn on. It does so in a panic, too: that ends fn alone.
func (w *groupWriter) join(ctx context.Context, g *group, fn func(*Conn) error) (err error) {
	kept := false
	defer func() {
		w.endOne(g, kept)
		w.leave(g)
	}()
	g.n++
	c := w.newConn(g)
	if !g.alone {
		if g.err = c.control("SAVEPOINT one"); g.err != nil {
			return g.err
		}
	}
	if err = fn(c); err == nil {
		err = c.failed // as PostgreSQL has it: after a statement that failed nothing is kept
	}
	kept = err == nil
	return err
}

// endOne ends the savepoint of one. One that is alone has none: SQLite keeps a copy of each page that is changed in a savepoint.
func (w *groupWriter) endOne(g *group, kept bool) {
	if g.alone {
		g.undo = !kept
		return
	}
	c := w.newConn(g)
	if g.err == nil && !kept {
		g.err = c.control("ROLLBACK TO one") // fails when SQLite has undone everything by itself, as on a full disk
	}
	if g.err == nil {
		g.err = c.control("RELEASE one")
	}
}

// leave gives the turn to another who can join the group, or else commits.
func (w *groupWriter) leave(g *group) {
	if g.err == nil && !g.alone && g.n < groupMost && time.Since(g.began) < w.time && w.line.handOn() {
		return // w is another's from here on
	}
	w.commit()
	w.line.pass()
}

// commit ends the group, and tells all who are in it.
func (w *groupWriter) commit() {
	g := w.open
	w.open = nil
	if g.err == nil && !g.undo {
		if g.err = w.check(); g.err == nil {
			g.err = w.newConn(g).control("COMMIT")
		}
	}
	if g.err != nil || g.undo {
		w.rollback()
	}
	close(g.done)
}

// rollback undoes what is open, if anything is.
func (w *groupWriter) rollback() {
	_, err := w.conn.ExecContext(context.Background(), "ROLLBACK") // an error says that there is nothing to undo
	if errors.Is(err, sql.ErrConnDone) {
		w.conn = nil // the next begins with a new one
	}
}

// newConn is what one transaction of a group runs its statements on.
func (w *groupWriter) newConn(g *group) *Conn {
	c := &Conn{on: w.conn, inTx: true, shared: !g.alone, fail: func(err error) error { return err }}
	if !g.alone {
		c.prepared = w.prepared
	}
	return c
}

// prepared returns a statement that stays prepared on the one connection.
func (w *groupWriter) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt := w.stmts[query]; stmt != nil {
		return stmt, nil
	}
	if len(w.stmts) >= stmtsKept {
		if err := w.forget(); err != nil {
			return nil, err
		}
	}
	stmt, err := w.conn.PrepareContext(ctx, query)
	if err == nil {
		w.stmts[query] = stmt
	}
	return stmt, err
}

func (w *groupWriter) forget() (err error) {
	for _, stmt := range w.stmts {
		err = errors.Join(err, stmt.Close())
	}
	clear(w.stmts)
	return err
}

// close waits for its turn.
func (w *groupWriter) close() error {
	err := w.line.take(context.Background())
	if w.conn != nil {
		err = errors.Join(err, w.forget(), w.conn.Close())
		w.conn = nil
	}
	err = errors.Join(err, w.pool.Close())
	w.line.pass() // whoever comes from now on finds the pool closed
	return err
}

func (w *groupWriter) queue() *line { return w.line }

func (w *groupWriter) retries() int64 { return w.anew.Load() }
