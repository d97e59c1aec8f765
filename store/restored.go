package store

import (
	"context"
	"database/sql"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// ErrForeign is what [Store.Known] wraps when the tables are of another program.
var ErrForeign = sqldb.ErrForeign

// Known reports whether the tables are those of this program, or of one before it. It changes nothing.
func (s *Store) Known(ctx context.Context) error {
	steps, err := migrations()
	if err != nil {
		return err
	}
	return s.db.Known(ctx, steps)
}

// Since is what a database that takes the place of another must know of that one: what happened after the backup, and must not
// happen twice.
type Since struct {
	spent   []spentProof
	numbers map[string]int64 // the last number of each table
	groups  int64            // the last number of a group
}

type spentProof struct {
	key              string
	keepUntil, spent int64
	session          []byte
}

// ReadSince reads it from a SQLite database of this program or one before it.
func ReadSince(ctx context.Context, db *sql.DB) (n Since, err error) {
	rows, err := db.QueryContext(ctx, "SELECT key, keep_until, spent_at, session FROM proofs")
	if err != nil {
		return n, err
	}
	defer rows.Close()
	for rows.Next() {
		var p spentProof
		if err := rows.Scan(&p.key, &p.keepUntil, &p.spent, &p.session); err != nil {
			return n, err
		}
		n.spent = append(n.spent, p)
	}
	if err := rows.Err(); err != nil {
		return n, err
	}
	n.numbers = map[string]int64{}
	numbers, err := db.QueryContext(ctx, "SELECT name, seq FROM sqlite_sequence")
	if err != nil {
		return n, err
	}
	defer numbers.Close()
	for numbers.Next() {
		var table string
		var last int64
		if err := numbers.Scan(&table, &last); err != nil {
			return n, err
		}
		n.numbers[table] = last
	}
	if err := numbers.Err(); err != nil {
		return n, err
	}
	return n, db.QueryRowContext(ctx, "SELECT value FROM counters WHERE name = 'group'").Scan(&n.groups)
}

// Restored makes a database ready that was restored from a backup, in one transaction. All sessions end unless keepSessions says
// otherwise: one that was ended after the backup would live again (SECURITY D4). Tokens that were used after it stay used
// (SECURITY C1, C3), and no number of an account or a group is given to another one, since apps know people by it. The link that
// makes the first administrator is a new one: that of the time of the backup may stand in a log (SECURITY F7).
func (s *Store) Restored(ctx context.Context, since Since, keepSessions bool, e sso.Event) (ended int64, err error) {
	err = s.writing(ctx, func(c *conn) error {
		for _, p := range since.spent {
			if _, err := c.Exec(ctx, "INSERT INTO proofs (key, keep_until, spent_at, session) VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO NOTHING",
				p.key, p.keepUntil, p.spent, p.session); err != nil {
				return err
			}
		}
		if err := s.goOnAfter(ctx, c, since); err != nil {
			return err
		}
		if _, err := c.Exec(ctx, "DELETE FROM setup"); err != nil {
			return err
		}
		if !keepSessions {
			if ended, err = c.Exec(ctx, "DELETE FROM sessions"); err != nil {
				return err
			}
		}
		if err := s.event(ctx, c, e); err != nil {
			return err
		}
		return announce(ctx, c, 0, s.now())
	})
	return ended, err
}

// goOnAfter has numbers go on after those of the other database.
func (s *Store) goOnAfter(ctx context.Context, c *conn, since Since) error {
	if _, err := c.Exec(ctx, "UPDATE counters SET value = $1 WHERE name = 'group' AND value < $1", since.groups); err != nil {
		return err
	}
	tables, err := s.db.Numbered(ctx, c)
	if err != nil {
		return err
	}
	for _, table := range tables {
		last, err := s.db.LastNumber(ctx, c, table)
		if err != nil {
			return err
		}
		if err := s.db.SetLastNumber(ctx, c, table, max(last, since.numbers[table])); err != nil {
			return err
		}
	}
	return nil
}
