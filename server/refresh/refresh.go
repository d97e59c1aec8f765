// Package refresh runs the refreshes of sessions (package renewal) beside the requests by which they become due. A provider gets
// few questions at once, and no more sessions wait for theirs than are worth it.
package refresh

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/renewal"
)

const (
	atOnce  = 4    // questions to one provider
	waiting = 2000 // sessions of one provider; more are due again at their next use
)

// Refresher is the [gate.Refresher] of a server. Make it with [New].
type Refresher struct {
	web    *web.Web
	store  renewal.Store
	failed *rate.Limiter // of log lines

	mu      sync.Mutex
	lines   map[string]*line // by provider
	closed  bool
	running sync.WaitGroup
}

// A line is the sessions of one provider that wait, in the order of coming.
type line struct {
	waiting []task
	taken   map[sso.SessionHash]task // that wait or are being refreshed
	running int
}

type task struct {
	session sso.SessionHash
	over    func()
	done    chan struct{}
}

// New makes a refresher.
func New(w *web.Web, store renewal.Store) *Refresher {
	return &Refresher{web: w, store: store, failed: rate.NewLimiter(rate.Every(10*time.Second), 5), lines: map[string]*line{}}
}

// Due implements [gate.Refresher].
func (r *Refresher) Due(s sso.Session) (due, late time.Time) {
	if s.RefreshedAt.IsZero() {
		return due, late
	}
	p := r.web.Site().Bridge.Providers.Named(s.Provider)
	return renewal.Due(p, s), renewal.Late(p, s)
}

// Take implements [gate.Refresher].
func (r *Refresher) Take(provider string, session sso.SessionHash, over func()) (done <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.lines[provider]
	if l == nil {
		l = &line{taken: map[sso.SessionHash]task{}}
		r.lines[provider] = l
	}
	if t, taken := l.taken[session]; taken {
		return t.done
	}
	if r.closed || len(l.waiting) >= waiting {
		return nil
	}
	t := task{session, over, make(chan struct{})}
	l.taken[session] = t
	l.waiting = append(l.waiting, t)
	if l.running < atOnce {
		l.running++
		r.running.Go(func() { r.work(provider, l) })
	}
	return t.done
}

// work refreshes what waits, one after the other, until nothing does.
func (r *Refresher) work(provider string, l *line) {
	for {
		r.mu.Lock()
		if len(l.waiting) == 0 || r.closed {
			l.running--
			r.mu.Unlock()
			return
		}
		t := l.waiting[0]
		l.waiting = l.waiting[1:]
		r.mu.Unlock()
		r.refresh(provider, t.session)
		r.mu.Lock()
		delete(l.taken, t.session)
		r.mu.Unlock()
		t.over()
		close(t.done)
	}
}

func (r *Refresher) refresh(provider string, session sso.SessionHash) {
	bridge := r.web.Site().Bridge
	p := bridge.Providers.Named(provider)
	if p == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), renewal.Lease)
	defer cancel()
	outcome, err := renewal.Run(ctx, bridge, r.store, p, session)
	if outcome == renewal.NotDue {
		return
	}
	r.web.Metrics.RefreshedSession(provider, outcome)
	switch {
	case outcome == renewal.Ended:
		r.web.Log.InfoContext(ctx, "a session was not refreshed and has ended", "provider", provider, "code", sso.CodeOf(err), "reason", sso.Reason(err))
	case err != nil && r.failed.Allow():
		r.web.Log.WarnContext(ctx, "a session was not refreshed; it will be tried again", "provider", provider, "code", sso.CodeOf(err), "reason", sso.Reason(err))
	}
}

// Close lets the refreshes end that have begun, and begins no other.
func (r *Refresher) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.running.Wait()
}
