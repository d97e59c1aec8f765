package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// A pipeline sends several statements of a transaction to PostgreSQL at once: it is the way there and back that takes the time.
// What nobody waits for is kept until something is sent for which somebody does.
type pipeline struct {
	conn  *sql.Conn
	begun bool
	kept  []statement
}

type statement struct {
	query   string
	args    []any
	answer  *Answer // nil: nobody asks for what it says
	refused error   // see [Conn.LaterOr]
}

// Locks are taken by UPDATE, and what is read after one must be as it is then.
const beginTransaction = "BEGIN ISOLATION LEVEL READ COMMITTED"

func (p *pipeline) add(query string, args []any) {
	p.kept = append(p.kept, statement{query: query, args: args})
}

// begin begins the transaction, if it has not begun: a query is sent by itself.
func (p *pipeline) begin(ctx context.Context) error {
	if p.begun {
		return nil
	}
	p.begun = true
	_, err := p.conn.ExecContext(ctx, beginTransaction)
	return err
}

// exec sends a statement behind what was kept, and returns how many rows it changed. With nothing to be sent before it, or with
// several statements in one text, it sends what was kept and leaves the statement to the caller.
func (p *pipeline) exec(ctx context.Context, query string, args []any) (changed int64, sent bool, err error) {
	if len(args) == 0 { // it may be several
		if err := p.begin(ctx); err != nil || len(p.kept) == 0 {
			return 0, false, err
		}
		_, err := p.flush(ctx)
		return 0, false, err
	}
	if p.begun && len(p.kept) == 0 {
		return 0, false, nil
	}
	p.add(query, args)
	tag, err := p.flush(ctx)
	return tag.RowsAffected(), true, err
}

// commit sends what was kept, and commits.
func (p *pipeline) commit(ctx context.Context) error {
	if !p.begun && len(p.kept) == 0 {
		return nil
	}
	p.add("COMMIT", nil)
	tag, err := p.flush(ctx)
	if err == nil && tag.String() != "COMMIT" { // PostgreSQL answers ROLLBACK, and no error, after a statement that failed
		err = fmt.Errorf("the commit was answered with %s: %w", tag, ErrLost)
	}
	return err
}

// flush sends what was kept, and returns what came of the last statement.
func (p *pipeline) flush(ctx context.Context) (last pgconn.CommandTag, err error) {
	sent, batch := p.kept, &pgx.Batch{}
	p.kept = nil
	if !p.begun {
		p.begun = true
		sent = slices.Insert(sent, 0, statement{query: beginTransaction})
	}
	for _, s := range sent {
		batch.Queue(s.query, s.args...)
	}
	err = p.conn.Raw(func(driverConn any) (err error) {
		conn := driverConn.(*stdlib.Conn).Conn()
		results := conn.SendBatch(ctx, batch)
		for _, s := range sent {
			if s.answer == nil {
				last, err = results.Exec()
			} else {
				s.answer.came, err = receive(results, conn.TypeMap())
			}
			if err != nil {
				err = orRefused(err, s.refused)
				break
			}
		}
		if closed := results.Close(); err == nil {
			err = closed
		}
		return err
	})
	return last, err
}

// rollback undoes what was done. When it cannot, the pool throws the connection away, since a transaction is open on it.
func (p *pipeline) rollback(ctx context.Context) {
	if p.begun {
		p.conn.ExecContext(ctx, "ROLLBACK") //nolint:errcheck // see above
	}
}
