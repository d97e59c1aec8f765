package main

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/cmd/bridgebench/storm"
)

const (
	maxStormCheck = 5.0    // times the p99 of a check without a storm
	maxStormWait  = 5000.0 // ms in the queue
)

// benchStorm has many people sign in at once, and prints what those notice who have a session.
func benchStorm(ctx context.Context, o options) (table, []target, error) {
	var number atomic.Int64
	results, notes, err := storm.Do(ctx, storm.Options{
		People: o.storm, Checkers: o.conns, Rounds: o.rounds, Turn: o.turn, Dir: o.dir, Progress: o.progress,
		Sign: func() (string, error) {
			n := number.Add(1)
			return token(n, n, time.Now(), "")
		},
		Start: func(ctx context.Context, database string) (storm.Bridge, error) { return startBroken(ctx, o, database) },
	})
	if err != nil {
		return table{}, nil, err
	}
	t := table{Name: fmt.Sprintf("%d people sign in at once, %d connections ask /auth/verify, %d rounds of %v calm and storm", o.storm, o.conns, o.rounds, o.turn), Notes: notes}
	t.Grid = &grid{Columns: []string{"check p99 ms", "in the storm", "times", "sign-in alone", "sign-ins", "p50 ms", "p99 ms", "shed", "slowest ms"}}
	var targets []target
	for _, r := range results {
		calm, busy := ms(percentile(r.Calm, 99)), ms(percentile(r.Storm, 99))
		t.Grid.Lines = append(t.Grid.Lines, gridLine{r.Database, []float64{
			calm, busy, busy / calm, ms(r.Alone), float64(len(r.SignIns)), ms(percentile(r.SignIns, 50)), ms(percentile(r.SignIns, 99)), float64(r.Shed), ms(r.Slowest),
		}})
		if r.First != "" {
			t.Notes = append(t.Notes, r.Database+": "+r.First)
		}
		targets = append(targets, atMost(r.Database+": p99 of a check in the storm ÷ without it", busy/calm, maxStormCheck, ""),
			none(r.Database+": checks of people with a session that failed", r.Refused),
			none(r.Database+": sign-ins neither answered nor shed with Retry-After", r.Wrong),
			// What is served after the wait is a sign-in among many.
			atMost(r.Database+": the slowest answer to a sign-in", ms(r.Slowest), math.Round(maxStormWait+3*ms(r.Alone)), " ms"))
	}
	return t, targets, nil
}
