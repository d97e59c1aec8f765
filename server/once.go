package server

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// A code is taken to its provider once: at a second use the provider takes back what it gave for the first (RFC 6749 §4.1.2). But
// browsers send a callback twice, as when somebody clicks again or loads the page anew while it is on its way.
const (
	redeemFor   = 30 * time.Second // a sign-in with a code goes on for so long when its browser has left: it may come again
	maxRedeemed = 10_000           // sign-ins that are remembered, some hundred bytes each

	// For so long after a session opened, who brings its flow again is given its cookie again: the answer that had it may still be on
	// its way, and without it the browser would begin a second sign-in.
	landsFor = 2 * time.Second
)

// redemptions are the sign-ins with codes that are under way at this replica, and those that were finished. The zero value has none.
type redemptions struct {
	mu           sync.Mutex
	under        map[string]*redemption // by flow; those that opened a session stay for landsFor
	turned       time.Time              // when recent was begun
	recent, past map[string]bool        // flows that have opened a session, until they are over
}

type redemption struct {
	done  chan struct{}
	login *sso.Login
	err   error

	landed time.Time // when the session opened; zero before
}

// once runs the sign-in of a flow, unless it is under way or has just landed: then what comes of that is what came of this one, too. Whoever brings the
// flow is the browser that began it. finished says that it opened a session before, and nothing was done.
func (s *redemptions) once(ctx context.Context, f *sso.Flow, now func() time.Time, run func(context.Context) (*sso.Login, error)) (login *sso.Login, finished bool, err error) {
	key := f.Key()
	s.mu.Lock()
	r, under := s.under[key]
	if late := !under || !r.landed.IsZero() && now().Sub(r.landed) >= landsFor; late && (s.recent[key] || s.past[key]) {
		s.mu.Unlock()
		return nil, true, nil
	}
	if !under {
		r = &redemption{done: make(chan struct{}), err: sso.Internal}
		if s.under == nil {
			s.under = map[string]*redemption{}
		}
		s.under[key] = r
		s.mu.Unlock()
		s.run(context.WithoutCancel(ctx), key, r, now, run)
		return r.login, false, r.err
	}
	s.mu.Unlock()
	select {
	case <-r.done:
		return r.login, false, r.err
	case <-ctx.Done():
		return nil, false, fmt.Errorf("the browser has left: %w: %w", ctx.Err(), sso.ProviderUnavailable)
	}
}

func (s *redemptions) run(ctx context.Context, key string, r *redemption, now func() time.Time, run func(context.Context) (*sso.Login, error)) {
	ctx, cancel := context.WithTimeout(ctx, redeemFor)
	defer cancel()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.err == nil {
			r.landed = now()
			s.remember(key, r.landed)
			time.AfterFunc(landsFor, func() { s.forget(key) })
		} else {
			delete(s.under, key)
		}
		close(r.done)
	}()
	r.login, r.err = run(ctx)
}

func (s *redemptions) forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.under, key)
}

// remember forgets a flow again after one to two of its lifetimes.
func (s *redemptions) remember(key string, now time.Time) {
	if age := now.Sub(s.turned); s.recent == nil || age < 0 || age >= sso.FlowLifetime || len(s.recent) >= maxRedeemed {
		s.past, s.recent, s.turned = s.recent, map[string]bool{}, now
	}
	s.recent[key] = true
}
