package sqldb

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// A circuit keeps callers from a database that does not answer, or is no longer there. Closed, it lets all pass. It opens when
// the database gives no answer to its probe, and then whoever comes is told at once. There is one probe at a time: it begins
// when somebody waits for long or loses a connection, and ends when the database has answered. While the circuit is open a
// patient one goes beside it: one that is quick sees at once that a database is back, but would never see a slow one.
type circuit struct {
	probe  func(ctx context.Context, limit time.Duration) error // without a first byte in the limit there is no answer
	opened func()                                               // what is done to connections when the circuit opens; nil: nothing
	log    *slog.Logger

	mu      sync.Mutex
	down    error // why the circuit is open; nil: it is closed
	since   time.Time
	probing bool
	again   bool            // somebody else suspected the database while the probe ran
	epoch   context.Context // ends when the circuit opens
	end     context.CancelFunc

	life context.Context // ends with the database
	stop context.CancelFunc
	runs sync.WaitGroup
}

const (
	circuitPatience = 750 * time.Millisecond // an operation that takes longer has the database asked
	circuitRest     = 100 * time.Millisecond // between two probes
	circuitCalm     = 500 * time.Millisecond // after an answer, so that a storm does not have the database asked without end
	circuitProbes   = 2                      // so many without an answer, one after the other, open the circuit

	closedLimit  = 1500 * time.Millisecond // of the probes that may open it: with circuitPatience less than five seconds
	quickLimit   = 700 * time.Millisecond  // of the probes while it is open
	patientLimit = 5 * time.Second
)

func newCircuit(log *slog.Logger) *circuit {
	c := &circuit{log: log}
	c.epoch, c.end = context.WithCancel(context.Background())
	c.life, c.stop = context.WithCancel(context.Background())
	return c
}

// enter returns why the database cannot be asked; if it can, leave must be called when it has been.
func (c *circuit) enter() (leave func(), err error) {
	if err := c.err(); err != nil {
		return nil, err
	}
	if c.probe == nil {
		return func() {}, nil
	}
	slow := time.AfterFunc(circuitPatience, c.suspect)
	return func() { slow.Stop() }, nil
}

// err is nil while the circuit is closed.
func (c *circuit) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", c.down, sso.StoreUnavailable)
}

// suspect has the probe ask the database, if it does not do so yet.
func (c *circuit) suspect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.probe == nil || c.life.Err() != nil {
		return
	}
	if c.probing {
		c.again = true
		return
	}
	c.probing = true
	c.runs.Go(c.ask)
}

// ask runs probes until one is answered, and nobody has suspected the database since.
func (c *circuit) ask() {
	for again := true; again; {
		c.mu.Lock()
		c.again = false
		c.mu.Unlock()
		c.askUntilAnswered()
		c.rest(circuitCalm)
		c.mu.Lock()
		again = c.again && c.life.Err() == nil
		c.probing = again
		c.mu.Unlock()
	}
}

func (c *circuit) askUntilAnswered() {
	for failed, limit := 1, closedLimit; ; failed++ {
		err := c.probe(c.life, limit)
		switch {
		case c.life.Err() != nil || failed > circuitProbes && c.err() == nil: // the patient one was quicker
			return
		case err == nil:
			c.close()
			return
		case failed == circuitProbes:
			limit = quickLimit
			c.open(err)
			c.runs.Go(c.askPatiently)
		case failed > circuitProbes:
			c.open(err) // for another reason, perhaps
		}
		c.rest(circuitRest)
	}
}

// askPatiently runs patient probes while the circuit is open.
func (c *circuit) askPatiently() {
	for c.err() != nil && c.life.Err() == nil {
		if c.probe(c.life, patientLimit) == nil {
			c.close()
		}
		c.rest(circuitRest)
	}
}

func (c *circuit) rest(d time.Duration) {
	select {
	case <-time.After(d):
	case <-c.life.Done():
	}
}

// open has all who come told why, until it is closed.
func (c *circuit) open(why error) {
	c.mu.Lock()
	was := c.down
	c.down = why
	if was == nil {
		c.since = time.Now()
		c.end()
	}
	c.mu.Unlock()
	if was != nil {
		return
	}
	c.log.Error("the database cannot be used; sign-ins get 503 until it can", "cause", sso.CauseOf(why), "error", why)
	if c.opened != nil {
		c.opened()
	}
}

// close lets all pass again.
func (c *circuit) close() {
	c.mu.Lock()
	was, since := c.down, c.since
	if c.down = nil; was != nil {
		c.epoch, c.end = context.WithCancel(context.Background())
	}
	c.mu.Unlock()
	if was != nil {
		c.log.Info("the database can be used again", "after", time.Since(since).Round(time.Millisecond).String()) // a number of nanoseconds otherwise
	}
}

// untilOpen returns a context that ends with ctx, and when the circuit opens.
func (c *circuit) untilOpen(ctx context.Context) (context.Context, context.CancelFunc) {
	c.mu.Lock()
	epoch := c.epoch
	c.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(epoch, cancel)
	return ctx, func() { stop(); cancel() }
}

// every runs f, now and then every so often, until the database is closed.
func (c *circuit) every(d time.Duration, f func()) {
	c.runs.Go(func() {
		tick := time.NewTicker(d)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				f()
			case <-c.life.Done():
				return
			}
		}
	})
}

// retire ends the probe.
func (c *circuit) retire() {
	c.mu.Lock()
	c.stop()
	c.mu.Unlock()
	c.runs.Wait()
}
