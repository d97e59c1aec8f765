package sqldb_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/store/sqldb"
)

// A step of a sweep begins no statement after its 5 ms. Whoever waits meanwhile has a turn before the next step, and everything goes,
// but nothing else.
func TestSweepGivesWay(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		db := open(t, url, sqldb.Options{})
		run(t, db, "CREATE TABLE numbers (id INTEGER PRIMARY KEY, n BIGINT NOT NULL)")
		const rows = 5 * sqldb.SweepBatch
		run(t, db, "INSERT INTO numbers (id, n) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT i, 0 FROM n", rows+7)
		var steps atomic.Int64
		db.Observe(func(kind string, took time.Duration, err error) {
			if kind == "transaction" && err == nil {
				steps.Add(1)
			}
		})
		// Each statement takes far longer than a step may.
		slow := fmt.Sprintf(`DELETE FROM numbers WHERE id IN (SELECT id FROM numbers WHERE id <= $1 ORDER BY id LIMIT %d)
			AND (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) SELECT count(*) FROM n) > 0`, sqldb.SweepBatch)
		n, err := db.DeleteBatches(t.Context(), slow, rows)
		if err != nil || n != rows {
			t.Errorf("got %d, %v; want %d", n, err, rows)
		}
		if got := steps.Load(); got != rows/sqldb.SweepBatch+1 {
			t.Errorf("%d transactions, want one for each statement", got)
		}
		left := 0
		if _, err := db.Read().One(t.Context(), []any{&left}, "SELECT count(*) FROM numbers"); err != nil || left != 7 {
			t.Errorf("%d rows are left (%v), want 7", left, err)
		}
	})
}

// A sweep that is stopped between two steps says what is gone.
func TestSweepIsStopped(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		db := open(t, url, sqldb.Options{})
		run(t, db, "CREATE TABLE numbers (id INTEGER PRIMARY KEY, n BIGINT NOT NULL)")
		run(t, db, "INSERT INTO numbers (id, n) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i, 0 FROM n")
		ctx, stop := context.WithCancel(t.Context())
		db.Observe(func(string, time.Duration, error) { stop() })
		n, err := db.DeleteBatches(ctx, fmt.Sprintf("DELETE FROM numbers WHERE id IN (SELECT id FROM numbers ORDER BY id LIMIT %d)", sqldb.SweepBatch))
		left := 0
		if _, err := db.Read().One(t.Context(), []any{&left}, "SELECT count(*) FROM numbers"); err != nil {
			t.Fatal(err)
		}
		if err == nil || n+left != 20000 || left == 0 {
			t.Errorf("got %d and %v with %d left", n, err, left)
		}
	})
}
