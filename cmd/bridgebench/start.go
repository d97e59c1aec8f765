package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/cmd/bridgebench/proc"
)

// What a start may take, and what a bridge that does nothing may hold.
const (
	maxStart    = 100.0 // ms
	maxResident = 45.0  // MB
)

// settle is how long a new bridge is left alone before its memory is read.
const settle = 2 * time.Second

// benchStart measures the time from the start of the process to its first answer, each time on a new, empty database.
func benchStart(ctx context.Context, o options) (table, []target, error) {
	var (
		starts []float64 // ms
		idle   proc.Memory
	)
	for i := range o.starts {
		o.progress(fmt.Sprintf("start %d of %d", i+1, o.starts))
		b, took, err := startBridge(ctx, o.program, o.dir)
		if err != nil {
			return table{}, nil, err
		}
		starts = append(starts, took.Seconds()*1000)
		if i == 0 {
			idle, err = b.atRest()
		}
		b.stop()
		if err != nil {
			return table{}, nil, err
		}
	}
	t := table{
		Name: fmt.Sprintf("start on an empty database, %d times", o.starts),
		Notes: []string{
			fmt.Sprintf("first answer after %.1f ms (median; %.1f to %.1f)", median(starts), slices.Min(starts), slices.Max(starts)),
			fmt.Sprintf("resident after %v at rest: %.1f MB, %.1f MB of it its own, the rest pages of the program file", settle, megabytes(idle.Resident), megabytes(idle.Own)),
		},
	}
	return t, []target{
		atMost("start to the first answer", median(starts), maxStart, " ms"),
		atMost("resident when idle", megabytes(idle.Resident), maxResident, " MB"),
	}, nil
}

// atRest is the memory of a bridge that has been left alone for a while.
func (b *bridge) atRest() (proc.Memory, error) {
	time.Sleep(settle)
	return b.memory()
}
