package store

import (
	"context"
	"fmt"
	"time"

	"github.com/ssobridge/ssobridge/store/sqldb"
)

// sweepBatch is how many rows one transaction of a sweep deletes: few enough that a login does not wait for it.
const sweepBatch = 500

// clocksDiffer is how much longer a spent proof is kept, for a replica whose clock is behind (SECURITY C3).
const clocksDiffer = 5 * time.Minute

// Sweep deletes what is over: sessions past their absolute end, spent proofs that no replica would accept any more,
// handoffs, failures, changes that every cache has seen, names of groups that were not sent for 90 days, what can be
// taken back no more. It returns how
// many rows it deleted. It also counts the events of days that are over, for [Store.EventCounts]. Events themselves go with
// [Store.ForgetEvents]. Call it every few minutes; any number of replicas may sweep at once.
func (s *Store) Sweep(ctx context.Context, now time.Time) (n int, err error) {
	for _, t := range []struct {
		table, key, column string
		before             time.Time
	}{
		{"sessions", "hash", "expires_at", now},
		{"proofs", "key", "keep_until", now.Add(-clocksDiffer)},
		{"handoffs", "key", "keep_until", now},
		{"failures", "at", "at", now.Add(-failuresKept)},
		{"changes", "seq", "at", now.Add(-changesKept)},
		{"idp_groups", "last_seen", "last_seen", now.Add(-seenKept)},
		{"undos", "id", "keep_until", now},
	} {
		query := fmt.Sprintf("DELETE FROM %s WHERE %s IN (SELECT %s FROM %s WHERE %s <= $1 ORDER BY %s LIMIT %d)",
			t.table, t.key, t.key, t.table, t.column, t.column, sweepBatch)
		deleted, err := s.deleteBatches(ctx, query, t.before)
		if n += deleted; err != nil {
			return n, err
		}
	}
	return n, s.countEvents(ctx, now)
}

// ForgetEvents deletes the events of the days (in UTC) that were over before a time, and returns how many. Days that
// [Store.Sweep] has not counted yet are kept, so what [Store.EventCounts] says of a whole day never changes. Any number of
// replicas may call it at once.
func (s *Store) ForgetEvents(ctx context.Context, before time.Time) (int, error) {
	var counted int64
	if _, err := s.reading().One(ctx, []any{&counted}, "SELECT value FROM counters WHERE name = 'event_day'"); err != nil {
		return 0, err
	}
	day := min(sqldb.Micros(before)/microsPerDay, counted+1)
	query := fmt.Sprintf("DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < $1 ORDER BY at, id LIMIT %d)", sweepBatch)
	return s.deleteBatches(ctx, query, day*microsPerDay)
}

// deleteBatches runs a query that deletes at most sweepBatch rows until there are fewer, each time in a transaction of its
// own.
func (s *Store) deleteBatches(ctx context.Context, query string, args ...any) (n int, err error) {
	for deleted := int64(sweepBatch); deleted >= sweepBatch; n += int(deleted) {
		if err := s.writing(ctx, func(c *conn) (err error) {
			deleted, err = c.Exec(ctx, query, args...)
			return err
		}); err != nil {
			return n, err
		}
	}
	return n, nil
}
