package gate

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// A Refresher asks providers again about the sessions that they opened.
type Refresher interface {
	// Due is when it is to be told of a use of a session, and from when on the session is good for nothing until its provider has
	// confirmed it; zero: never.
	Due(s sso.Session) (due, late time.Time)

	// Take has a session of a provider refreshed soon, and calls over when that is done; then done is closed. nil: too many wait.
	Take(provider string, session sso.SessionHash, over func()) (done <-chan struct{})
}

// A confirmation says how it stands with the confirmations of a session by its provider.
type confirmation struct {
	due    atomic.Int64 // unix microseconds when that is asked again; 0: never
	late   atomic.Int64 // unix microseconds from when on the session is good for nothing without another one; 0: never
	failed atomic.Bool  // the last question had no good answer
}

func (c *confirmation) copy(from *confirmation) {
	c.due.Store(from.due.Load())
	c.late.Store(from.late.Load())
	c.failed.Store(from.failed.Load())
}

func (c *confirmation) isLate(now time.Time) bool {
	late := c.late.Load()
	return late != 0 && now.UnixMicro() >= late
}

// A late session waits for the answer of its provider. Where another replica asks, it looks now and then what came of that.
const (
	confirmWithin = 5 * time.Second
	confirmLook   = 100 * time.Millisecond
)

// noteDue notes when the session of an entry is to be refreshed.
func (p *principals) noteDue(e *entry, s sso.Session) {
	if p.refresher == nil {
		return
	}
	due, late := p.refresher.Due(s)
	if due.IsZero() {
		return
	}
	e.confirmed.due.Store(due.UnixMicro())
	e.confirmed.late.Store(late.UnixMicro())
	e.confirmed.failed.Store(!s.Unconfirmed.IsZero())
}

// refreshIfDue hands a session over that is used and due. The request does not wait for that, unless the session is late. What is not
// taken is due again at its next use; what is done is read anew, with the time at which it is due next.
func (p *principals) refreshIfDue(ctx context.Context, e *entry, now time.Time) (*entry, error) {
	due := e.confirmed.due.Load()
	if e.confirmed.isLate(now) {
		return p.confirm(ctx, e, now)
	}
	if due == 0 || now.UnixMicro() < due || !e.confirmed.due.CompareAndSwap(due, 0) {
		return e, nil
	}
	if p.take(e) == nil {
		e.confirmed.due.Store(due)
	}
	return e, nil
}

func (p *principals) take(e *entry) (done <-chan struct{}) {
	hash := e.hash
	return p.refresher.Take(e.provider, hash, func() { p.forget(hash) })
}

// confirm waits until the provider has confirmed a late session. Without its word, the session is none: the person may have been
// switched off there long ago. It does not end: the provider may be away for a moment (SECURITY D10).
func (p *principals) confirm(ctx context.Context, e *entry, now time.Time) (*entry, error) {
	hash := e.hash
	ctx, cancel := context.WithTimeout(ctx, confirmWithin)
	defer cancel()
	select {
	case <-p.take(e): // never, when too many wait
	case <-ctx.Done():
		return nil, errUnconfirmed(ctx)
	}
	for {
		e, err := p.look(ctx, hash, now)
		if err != nil || !e.confirmed.isLate(now) {
			return e, err
		}
		if e.confirmed.failed.Load() { // it was asked a moment ago, and will be again
			return nil, errUnconfirmed(ctx)
		}
		select { // another replica is asking
		case <-time.After(confirmLook):
			p.forget(hash)
		case <-ctx.Done():
			return nil, errUnconfirmed(ctx)
		}
	}
}

func errUnconfirmed(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("the provider of the session was to confirm it, and has not within %v: %w", confirmWithin, sso.NotSignedIn)
	}
	return fmt.Errorf("the provider of the session was to confirm it, and has given no good answer: %w", sso.NotSignedIn)
}
