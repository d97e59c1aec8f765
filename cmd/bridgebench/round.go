package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ssobridge/ssobridge/cmd/bridgebench/proc"
)

// A contender is one thing that is measured beside others.
type contender struct {
	name   string
	proc   *process                    // nil: its times cannot be read
	ready  func(d time.Duration) error // makes what run sends, outside of its times; nil: it needs nothing
	run    func(ctx context.Context, d time.Duration) (sample, error)
	rounds []round
	memory proc.Memory // the most that was seen after a round; 0: unknown
}

// A round is what one turn of a contender gave.
type round struct {
	perSecond float64
	p50, p99  time.Duration
	cpu       float64 // µs of the server's processor time per request; 0: unknown
}

// perSecond and cpu are what rounds are compared by.
func perSecond(r round) float64 { return r.perSecond }
func cpu(r round) float64       { return r.cpu }

// measure gives each contender a turn of d in each round, so that what disturbs the machine disturbs all alike. Who
// begins changes from round to round. A shorter turn for everyone comes first and does not count.
func measure(ctx context.Context, contenders []*contender, rounds int, d time.Duration, progress func(string)) error {
	for _, c := range contenders {
		progress("warming up: " + c.name)
		short := min(d, 500*time.Millisecond)
		if err := c.prepare(short); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if _, err := c.run(ctx, short); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for r := range rounds {
		progress(fmt.Sprintf("round %d of %d", r+1, rounds))
		for i := range contenders {
			c := contenders[(i+r)%len(contenders)]
			if err := c.turn(ctx, d); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	return nil
}

func (c *contender) prepare(d time.Duration) error {
	if c.ready == nil {
		return nil
	}
	return c.ready(d)
}

func (c *contender) turn(ctx context.Context, d time.Duration) error {
	if err := c.prepare(d); err != nil {
		return err
	}
	before, err := c.cpu()
	if err != nil {
		return err
	}
	s, err := c.run(ctx, d)
	if err != nil {
		return err
	}
	after, err := c.cpu()
	if err != nil {
		return err
	}
	if s.requests == 0 {
		return fmt.Errorf("nothing was answered in %v", d)
	}
	c.rounds = append(c.rounds, round{
		perSecond: float64(s.requests) / s.elapsed.Seconds(),
		p50:       percentile(s.times, 50),
		p99:       percentile(s.times, 99),
		cpu:       float64((after - before).Microseconds()) / float64(s.requests),
	})
	if c.proc != nil {
		m, err := c.proc.memory()
		if err != nil {
			return err
		}
		if m.Resident > c.memory.Resident {
			c.memory = m
		}
	}
	return nil
}

func (c *contender) cpu() (time.Duration, error) {
	if c.proc == nil {
		return 0, nil
	}
	return c.proc.cpu()
}

// figure is the median of one figure over the rounds.
func (c *contender) figure(of func(round) float64) float64 {
	values := make([]float64, 0, len(c.rounds))
	for _, r := range c.rounds {
		values = append(values, of(r))
	}
	return median(values)
}

// ratio is the median over the rounds of a's figure to b's of the same round; 0 when it is unknown.
func ratio(a, b *contender, of func(round) float64) float64 {
	var values []float64
	for i := range min(len(a.rounds), len(b.rounds)) {
		if under := of(b.rounds[i]); under > 0 {
			values = append(values, of(a.rounds[i])/under)
		}
	}
	return median(values)
}
