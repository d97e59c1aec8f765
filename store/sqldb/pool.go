package sqldb

import (
	"context"
	"database/sql"
	"errors"
)

// A writer runs transactions, first come, first served.
type writer interface {
	// write runs fn in one transaction, and anew when it loses a race. alone: it may take long.
	write(ctx context.Context, alone bool, fn func(*Conn) error) error
	queue() *line
	close() error
}

// A poolWriter writes to PostgreSQL, on several connections at once.
type poolWriter struct {
	line  *line // with a turn for each connection of the pool
	pool  *sql.DB
	again func(error) bool
}

func newPoolWriter(pool *sql.DB, conns int, again func(error) bool) *poolWriter {
	return &poolWriter{line: newLine(conns), pool: pool, again: again}
}

func (w *poolWriter) write(ctx context.Context, _ bool, fn func(*Conn) error) error {
	if err := w.line.take(ctx); err != nil {
		return err
	}
	defer w.line.pass()
	return tries(w.again, func() error { return w.once(ctx, fn) })
}

func (w *poolWriter) once(ctx context.Context, fn func(*Conn) error) error {
	// Locks are taken by UPDATE, and what is read after one must be as it is then.
	tx, err := w.pool.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing left to undo
	if err := fn(&Conn{on: tx, inTx: true, fail: func(err error) error { return err }}); err != nil {
		return err
	}
	return tx.Commit()
}

func (w *poolWriter) queue() *line { return w.line }

func (w *poolWriter) close() error { return w.pool.Close() }

// maxTries bounds how often a transaction that loses races is run.
const maxTries = 6

// tries runs a transaction anew while it loses races.
func tries(again func(error) bool, once func() error) error {
	for try := 1; ; try++ {
		err := once()
		if errors.Is(err, ErrUndo) {
			return nil
		}
		if err == nil || try == maxTries || !errors.Is(err, ErrLost) && !again(err) {
			return err
		}
	}
}
