package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"
)

// A writer runs transactions, first come, first served.
type writer interface {
	// write runs fn in one transaction, and anew when it loses a race. alone: it may take long.
	write(ctx context.Context, alone bool, fn func(*Conn) error) error
	queue() *line
	retries() int64 // transactions that were run anew
	close() error
}

// A poolWriter writes to PostgreSQL, on several connections at once.
type poolWriter struct {
	line  *line // with a turn for each connection of the pool
	pool  *sql.DB
	again func(error) bool
	anew  atomic.Int64
}

func newPoolWriter(pool *sql.DB, conns int, again func(error) bool) *poolWriter {
	return &poolWriter{line: newLine(conns), pool: pool, again: again}
}

func (w *poolWriter) write(ctx context.Context, _ bool, fn func(*Conn) error) error {
	if err := w.line.take(ctx); err != nil {
		return err
	}
	defer w.line.pass()
	return tries(w.again, &w.anew, func() error { return w.once(ctx, fn) })
}

func (w *poolWriter) retries() int64 { return w.anew.Load() }

func (w *poolWriter) once(ctx context.Context, fn func(*Conn) error) (err error) {
	conn, err := w.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	c := &Conn{on: conn, inTx: true, pipe: &pipeline{conn: conn}, fail: func(err error) error { return err }}
	kept := false
	defer func() {
		if !kept { // in a panic, too
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTime)
			defer cancel()
			c.pipe.rollback(ctx)
		}
	}()
	if err = fn(c); err == nil {
		err = c.failed
	}
	if err == nil {
		err = c.pipe.commit(ctx)
	}
	kept = err == nil
	return err
}

// rollbackTime is how long a connection may take to undo a transaction before it is thrown away.
const rollbackTime = time.Second

func (w *poolWriter) queue() *line { return w.line }

func (w *poolWriter) close() error { return w.pool.Close() }

// maxTries bounds how often a transaction that loses races is run.
const maxTries = 6

// tries runs a transaction anew while it loses races, and counts that.
func tries(again func(error) bool, anew *atomic.Int64, once func() error) error {
	for try := 1; ; try++ {
		err := once()
		if errors.Is(err, ErrUndo) {
			return nil
		}
		if err == nil || try == maxTries || !errors.Is(err, ErrLost) && !again(err) {
			return err
		}
		anew.Add(1)
	}
}
