package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// count returns the next number of a counter. Until the transaction ends nobody else gets one.
func count(ctx context.Context, c *conn, name string) (n int64, err error) {
	found, err := c.One(ctx, []any{&n}, "UPDATE counters SET value = value + 1 WHERE name = $1 RETURNING value", name)
	if err == nil && !found {
		err = fmt.Errorf("counter %s is missing", name)
	}
	return n, err
}

// announce says that what is known about an account is out of date; account 0 is everyone. It is the last thing that a
// transaction does: the counter is locked from here to the commit, so that changes are committed in the order of their
// numbers, and a reader who has seen number n has seen all before it.
func announce(ctx context.Context, c *conn, accountID int64, now time.Time) error {
	seq, err := count(ctx, c, "change")
	if err != nil {
		return err
	}
	return c.Later(ctx, "INSERT INTO changes (seq, account_id, at) VALUES ($1, $2, $3)", seq, accountID, now)
}

const (
	changesKept  = time.Hour // caches that are further behind begin anew
	changesAtOne = 1000

	lastChange = "SELECT value FROM counters WHERE name = 'change'"
)

// Changes returns the changes after number since, oldest first, at most 1,000, and the number of the last: ask with that
// the next time. since -1 begins: it returns no changes and the number to go on with; what is read from the store after
// that is newer. When some changes after since are no longer kept, or since is from another database, the answer is one
// change that concerns everyone (account 0).
//
// While nothing happens a call is one row read by its key; once a second, or more often, is no burden.
func (s *Store) Changes(ctx context.Context, since int64) (changes []sso.Change, last int64, err error) {
	c, err := s.db.ReadHot(ctx)
	if err != nil {
		return nil, since, err
	}
	if _, err := c.One(ctx, []any{&last}, lastChange); err != nil {
		return nil, since, err
	}
	if since < 0 || since == last {
		return nil, last, nil
	}
	everyone := []sso.Change{{Seq: last}}
	if since > last {
		return everyone, last, nil
	}
	err = c.Each(ctx, func(rows *sql.Rows) error {
		var n sso.Change
		err := rows.Scan(&n.Seq, &n.AccountID)
		changes = append(changes, n)
		return err
	}, fmt.Sprintf("SELECT seq, account_id FROM changes WHERE seq > $1 ORDER BY seq LIMIT %d", changesAtOne), since)
	if err != nil {
		return nil, since, err
	}
	if len(changes) == 0 || changes[0].Seq != since+1 { // numbers have no gaps: a transaction that fails gives its own back
		return everyone, last, nil
	}
	return changes, changes[len(changes)-1].Seq, nil
}
