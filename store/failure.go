package store

import (
	"context"
	"database/sql"
	"slices"
	"time"
)

// failuresKept is longer than any window in which failures are counted.
const failuresKept = 24 * time.Hour

// AddFailure remembers that a password was wrong, under each of the keys (an account, a network). The keys are the
// caller's; the memory is shared by all replicas and kept for a day.
func (s *Store) AddFailure(ctx context.Context, keys []string, at time.Time) error {
	return s.writing(ctx, func(c *conn) error {
		for _, key := range keys {
			if _, err := c.exec(ctx, "INSERT INTO failures (key, at) VALUES ($1, $2)", key, at); err != nil {
				return err
			}
		}
		return nil
	})
}

// CountFailures counts the failures of each key since then (inclusive). A key without any is 0.
func (s *Store) CountFailures(ctx context.Context, keys []string, since time.Time) (map[string]int, error) {
	counts := map[string]int{}
	if len(keys) == 0 {
		return counts, nil
	}
	for _, key := range keys {
		counts[key] = 0
	}
	err := s.reading().each(ctx, func(rows *sql.Rows) error {
		var key string
		var n int
		err := rows.Scan(&key, &n)
		counts[key] = n
		return err
	}, "SELECT key, count(*) FROM failures WHERE at >= $1 AND key IN "+list(len(keys), 1)+" GROUP BY key",
		append([]any{since}, padded(keys)...)...)
	return counts, err
}

// ClearFailures forgets the failures of the keys.
func (s *Store) ClearFailures(ctx context.Context, keys []string) error {
	return s.writing(ctx, func(c *conn) error {
		for _, key := range slices.Sorted(slices.Values(keys)) {
			if _, err := c.exec(ctx, "DELETE FROM failures WHERE key = $1", key); err != nil {
				return err
			}
		}
		return nil
	})
}
