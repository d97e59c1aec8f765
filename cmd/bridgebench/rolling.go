package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/cmd/bridgebench/rolling"
)

// benchRolling restarts two replicas behind nginx in turn while people come, and prints what failed.
func benchRolling(ctx context.Context, o options) (table, []target, error) {
	var number atomic.Int64
	run, err := rolling.Do(ctx, rolling.Options{
		Requests: o.requests, Restarts: 2, Dir: o.dir, Progress: o.progress,
		Sign: func(person int64) (signed, address string, err error) {
			signed, err = token(person, number.Add(1), time.Now(), "")
			return signed, email(person), err
		},
		Start: func(ctx context.Context, address, database string) (rolling.Bridge, error) {
			dir, err := os.MkdirTemp(o.dir, "bridge")
			if err != nil {
				return nil, err
			}
			b, _, err := startBridgeAt(ctx, o.program, dir, address, database, "SSOBRIDGE_DRAIN_TIME=1s")
			return broken{b}, err
		},
	})
	if err != nil {
		return table{}, nil, err
	}
	t := table{Name: fmt.Sprintf("two replicas on %s behind nginx, restarted in turn: %d restarts", run.Database, run.Restarts)}
	t.Grid = &grid{Columns: []string{"requests", "failed", "slowest ms"}}
	failed := 0
	for _, r := range run.Results {
		failed += int(r.Failed)
		t.Grid.Lines = append(t.Grid.Lines, gridLine{r.Kind, []float64{float64(r.Asked), float64(r.Failed), ms(r.Longest)}})
	}
	if run.First != "" {
		t.Notes = append(t.Notes, "the first that failed: "+run.First)
	}
	return t, []target{none("requests that failed during restarts", failed)}, nil
}
