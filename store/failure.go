package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/store/sqldb"
)

// failuresKept is longer than any window in which failures are counted.
const failuresKept = 24 * time.Hour

// AddFailureWithin remembers a failure under each key (an account, a network: they are the caller's) unless one has reached
// its limit since then (inclusive); over is that key, or "". However many ask at once, no more than the limit get "": a
// guess is counted before it is looked at. The memory is shared by all replicas and kept for a day. It returns [sso.Busy] while
// sign-ins have to wait too long.
func (s *Store) AddFailureWithin(ctx context.Context, limits map[string]int, since, at time.Time) (over string, err error) {
	ctx, err = s.admitted(ctx)
	if err != nil {
		return "", err
	}
	keys := slices.Sorted(maps.Keys(limits))
	err = s.writing(ctx, func(c *conn) error {
		over = ""
		if _, err := c.Exec(ctx, "UPDATE counters SET value = value WHERE name = 'failures'"); err != nil {
			return err
		}
		for _, key := range keys {
			var n int
			if _, err := c.One(ctx, []any{&n}, "SELECT count(*) FROM failures WHERE key = $1 AND at >= $2", key, since); err != nil {
				return err
			}
			if n >= limits[key] {
				over = key
				return sqldb.ErrUndo
			}
		}
		for _, key := range keys {
			if _, err := c.Exec(ctx, "INSERT INTO failures (key, at) VALUES ($1, $2)", key, at); err != nil {
				return err
			}
		}
		return nil
	})
	return over, err
}

// ForgiveFailures forgets the failures of the keys in all, and of those in others only the ones of that moment: a password
// that was right after all.
func (s *Store) ForgiveFailures(ctx context.Context, all, others []string, at time.Time) error {
	return s.writing(ctx, func(c *conn) error {
		for _, key := range slices.Sorted(slices.Values(all)) {
			if _, err := c.Exec(ctx, "DELETE FROM failures WHERE key = $1", key); err != nil {
				return err
			}
		}
		for _, key := range slices.Sorted(slices.Values(others)) {
			if _, err := c.Exec(ctx, "DELETE FROM failures WHERE key = $1 AND at = $2", key, at); err != nil {
				return err
			}
		}
		return nil
	})
}
