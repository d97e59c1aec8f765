package sqldb

import (
	"context"
	"time"
)

// SweepBatch is how many rows one statement of [DB.DeleteBatches] should delete: few enough that it takes no longer than a sign-in.
const SweepBatch = 20

const (
	// sweepHold is for how long one step of [DB.DeleteBatches] takes the writer: it begins no statement after that. A sign-in that
	// comes meanwhile waits for the rest, and for the commit.
	sweepHold = 5 * time.Millisecond
	// sweepPause is for how long it leaves the writer to others between two steps, in times of how long the last one took; sweepYield,
	// while somebody waits. A million rows are gone in minutes, and sign-ins go on among them as if nothing happened.
	sweepPause = 4
	sweepYield = 12
)

// DeleteBatches runs a query that deletes at most [SweepBatch] rows until there are fewer, in many short transactions, and returns
// how many rows are gone. Between two of them it leaves the writer to others.
func (db *DB) DeleteBatches(ctx context.Context, query string, args ...any) (n int, err error) {
	for more := true; more; {
		var step sweepStep
		if step, err = db.deleteStep(ctx, query, args); err != nil {
			return n, err
		}
		n += step.deleted
		if more = step.more; more {
			err = db.yield(ctx, step.took)
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// A sweepStep is one of those transactions.
type sweepStep struct {
	deleted int
	more    bool          // there may be more to delete
	took    time.Duration // for how long it had the writer
}

func (db *DB) deleteStep(ctx context.Context, query string, args []any) (step sweepStep, err error) {
	var began time.Time
	err = db.WriteLong(ctx, func(c *Conn) error {
		began, step = time.Now(), sweepStep{more: true}
		for step.more && time.Since(began) < sweepHold {
			n, err := c.Exec(ctx, query, args...)
			if err != nil {
				return err
			}
			step.deleted, step.more = step.deleted+int(n), n >= SweepBatch
		}
		return nil
	})
	step.took = min(time.Since(began), time.Second)
	return step, err
}

// yield leaves the writer to others after a step that took so long, and for longer while somebody waits.
func (db *DB) yield(ctx context.Context, took time.Duration) error {
	for pauses := range sweepYield / sweepPause {
		if pauses > 0 && db.Waiting() == 0 {
			return nil
		}
		select {
		case <-time.After(sweepPause * took):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
