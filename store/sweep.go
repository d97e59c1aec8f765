package store

import (
	"context"
	"fmt"
	"time"

	"github.com/ssobridge/ssobridge/store/sqldb"
)

// clocksDiffer is how much longer a spent proof is kept, for a replica whose clock is behind (SECURITY C3).
const clocksDiffer = 5 * time.Minute

// Sweep deletes what is over: sessions past their absolute end, spent proofs that no replica would accept any more,
// handoffs, failures, changes that every cache has seen, names of groups that were not sent for 90 days, what can be
// taken back no more, notices of sign-outs, what was kept of tokens before the last 300 of a provider. It returns how many rows
// it deleted. It also adds up what was counted of groups, and counts the events of days that are over, for [trail.Trail.EventCounts]. Events themselves go with
// [trail.Trail.ForgetEvents]. Call it every few minutes; any number of replicas may sweep at once.
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
		{"logouts", "keep_until", "keep_until", now.Add(-clocksDiffer)},
	} {
		query := fmt.Sprintf("DELETE FROM %s WHERE %s IN (SELECT %s FROM %s WHERE %s <= $1 ORDER BY %s LIMIT %d)",
			t.table, t.key, t.key, t.table, t.column, t.column, sqldb.SweepBatch)
		deleted, err := s.db.DeleteBatches(ctx, query, t.before)
		if n += deleted; err != nil {
			return n, err
		}
	}
	deleted, err := s.sweepTokenLog(ctx)
	if n += deleted; err != nil {
		return n, err
	}
	if err := s.addSizes(ctx); err != nil {
		return n, err
	}
	return n, s.CountDays(ctx, now)
}
