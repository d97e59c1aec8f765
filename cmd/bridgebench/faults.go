package main

import (
	"context"
	"os"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/cmd/bridgebench/faults"
)

// maxRecovery is how long after the end of a fault the next sign-in may be answered.
const maxRecovery = 1000.0 // ms

// benchFaults breaks what the bridge stands on, and prints what was lost.
func benchFaults(ctx context.Context, o options) (table, []target, error) {
	var number atomic.Int64
	results, notes, err := faults.Run(ctx, faults.Options{
		Kills: o.kills, Others: o.others, Dir: o.dir, Progress: o.progress,
		Sign: func(person int64) (signed, address string, err error) {
			signed, err = token(person, number.Add(1), time.Now(), "")
			return signed, email(person), err
		},
		Start: func(ctx context.Context, database string) (faults.Bridge, error) {
			return startBroken(ctx, o, database)
		},
	})
	if err != nil {
		return table{}, nil, err
	}
	t := table{Name: "faults, while people sign in", Notes: notes}
	t.Grid = &grid{Columns: []string{"times", "answered", "lost", "twice", "halves", "recovery p50 ms", "p99 ms", "max ms"}}
	var lost, twice, halves int
	var slowest time.Duration
	for _, r := range results {
		lost, twice, halves = lost+r.Lost, twice+r.Twice, halves+r.Halves
		longest := percentile(r.Recovery, 100)
		slowest = max(slowest, longest)
		t.Grid.Lines = append(t.Grid.Lines, gridLine{r.Fault, []float64{
			float64(r.Times), float64(r.Answered), float64(r.Lost), float64(r.Twice), float64(r.Halves),
			ms(percentile(r.Recovery, 50)), ms(percentile(r.Recovery, 99)), ms(longest),
		}})
	}
	return t, []target{
		none("answered sign-ins that are lost", lost), none("tokens that were accepted twice", twice), none("sign-ins that are half-written", halves),
		atMost("the slowest recovery", ms(slowest), maxRecovery, " ms"),
	}, nil
}

// startBroken starts a bridge in a folder of its own.
func startBroken(ctx context.Context, o options, database string) (broken, error) {
	dir, err := os.MkdirTemp(o.dir, "bridge")
	if err != nil {
		return broken{}, err
	}
	b, _, err := startBridgeIn(ctx, o.program, dir, database)
	return broken{b}, err
}

// broken is a bridge as the faults and the storm see it.
type broken struct{ b *bridge }

func (b broken) Addr() string { return b.b.addr }
func (b broken) Kill()        { b.b.kill() }
func (b broken) Stop()        { b.b.stop() }
func (b broken) Tail() string { return b.b.tail() }
