package main

import (
	"context"
	"database/sql"
	"errors"
)

// Bare transactions that share a commit, each in a savepoint of its own: the most that sign-ins on SQLite can come to.

// A sharer is a transaction that waits for its turn, and then for the commit.
type sharer struct {
	order order
	done  chan error
}

// sharedMost is how many share one commit at most.
const sharedMost = 64

func (l *ledger) loginShared(o order) error {
	s := sharer{o, make(chan error, 1)}
	l.shared <- s
	return <-s.done
}

// share serves those who wait until there are no more to come.
func (l *ledger) share(ctx context.Context) {
	for first := range l.shared {
		all := []sharer{first}
		err := l.together(ctx, func(tx *sql.Tx) error {
			for i := 0; i < len(all); i++ {
				if err := l.inSavepoint(ctx, tx, all[i].order); err != nil {
					return err
				}
				if len(all) == sharedMost {
					continue
				}
				select {
				case next, ok := <-l.shared:
					if ok {
						all = append(all, next)
					}
				default:
				}
			}
			return nil
		})
		for _, s := range all {
			s.done <- err
		}
	}
}

func (l *ledger) together(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func (l *ledger) inSavepoint(ctx context.Context, tx *sql.Tx, o order) error {
	if _, err := tx.StmtContext(ctx, l.stmts[savepoint]).ExecContext(ctx); err != nil {
		return err
	}
	if err := l.write(ctx, tx, o); err != nil {
		return err
	}
	_, err := tx.StmtContext(ctx, l.stmts[release]).ExecContext(ctx)
	return err
}

const (
	savepoint = "SAVEPOINT one"
	release   = "RELEASE one"
)
