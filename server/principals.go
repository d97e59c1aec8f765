package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// sessionStore keeps sessions. Errors wrap [sso.NotSignedIn] or [sso.StoreUnavailable].
type sessionStore interface {
	// Principal returns whoever a session belongs to; [sso.NotSignedIn] for an unknown session or a deactivated account.
	// It does not judge the session's age.
	Principal(ctx context.Context, hash sso.SessionHash) (*sso.Principal, error)
	// Changes returns what changed after since, in order, and the newest number there is.
	Changes(ctx context.Context, since int64) ([]sso.Change, int64, error)
	TouchSessions(ctx context.Context, used map[sso.SessionHash]time.Time) error
	OpenSession(ctx context.Context, s sso.Session, e sso.Event) error
	EndSession(ctx context.Context, hash sso.SessionHash, e sso.Event) (bool, error)
	EndSessions(ctx context.Context, accountID int64, e sso.Event) (int, error)
	Sessions(ctx context.Context, q sso.SessionQuery) ([]sso.Session, string, error)
}

// How true the cache is. A sign-out anywhere acts here within pollEvery of its commit; an entry is used only while the
// feed was read to its end within maxStale, else the database is asked each time. So the second that CONTRACT 8 promises
// holds even when the database stalls (SECURITY D4, L4).
const (
	pollEvery = 250 * time.Millisecond
	maxStale  = 900 * time.Millisecond
	// touchEvery is how often last use is written back, for all sessions at once.
	touchEvery = 15 * time.Second
	// maxCached bounds the memory: about 2 KiB an entry.
	maxCached = 20_000
)

// principals answers who a session is, from memory where that is as good as the database.
type principals struct {
	store  sessionStore
	now    func() time.Time
	log    *slog.Logger
	policy atomic.Pointer[sso.SessionPolicy]
	// reload is called when settings may have changed, and again until it succeeds; nil: nothing is called.
	reload    func(context.Context) error
	reloadDue atomic.Bool

	mu      sync.RWMutex
	young   map[sso.SessionHash]*entry // the cache has two generations: when the young one is full it becomes the old one
	old     map[sso.SessionHash]*entry
	touched map[sso.SessionHash]*entry // used since the last write; outlives the entry in the cache
	applied int64                      // changes up to this one are taken into account
	current atomic.Int64               // monotonic nanoseconds at which the feed was last known to be read to its end
	started time.Time

	watched watchList // what runs behind the reverse proxy
}

// entry is one session in memory. Only used changes.
type entry struct {
	principal *sso.Principal
	answer    *answer      // the forward-auth answer, made once
	used      atomic.Int64 // unix microseconds of the last use
	listed    atomic.Bool  // in touched
}

func newPrincipals(store sessionStore, now func() time.Time, log *slog.Logger) *principals {
	p := &principals{store: store, now: now, log: log, started: time.Now()}
	p.current.Store(-int64(time.Hour))
	p.young, p.old, p.touched = map[sso.SessionHash]*entry{}, map[sso.SessionHash]*entry{}, map[sso.SessionHash]*entry{}
	return p
}

// find returns the entry of a session that is good now, and notes its use. Errors wrap [sso.NotSignedIn] or
// [sso.StoreUnavailable].
func (p *principals) find(ctx context.Context, hash sso.SessionHash) (*entry, error) {
	now := p.now()
	e, err := p.look(ctx, hash, now)
	if err == nil {
		p.use(hash, e, now)
	}
	return e, err
}

// look is find without a use.
func (p *principals) look(ctx context.Context, hash sso.SessionHash, now time.Time) (*entry, error) {
	p.mu.RLock()
	e := p.young[hash]
	if e == nil {
		e = p.old[hash]
	}
	applied := p.applied
	p.mu.RUnlock()

	if e == nil || !p.fresh() || !p.alive(e, now, 0) {
		var err error
		if e, err = p.load(ctx, hash, applied); err != nil {
			return nil, err
		}
		// Another replica may have seen a use that it has not written yet: allow for its next write.
		if !p.alive(e, now, touchEvery) {
			p.forget(hash)
			return nil, fmt.Errorf("the session is over: %w", sso.NotSignedIn)
		}
	}
	return e, nil
}

func (p *principals) alive(e *entry, now time.Time, grace time.Duration) bool {
	return p.policy.Load().Live(e.principal.Session, time.UnixMicro(e.used.Load()).Add(grace), now)
}

// fresh uses the monotonic clock, not p.now: it is about how old our knowledge is, not about dates.
func (p *principals) fresh() bool {
	return int64(time.Since(p.started))-p.current.Load() < int64(maxStale)
}

// load asks the database. What was read is kept only if no change arrived meanwhile: it could be from before it.
func (p *principals) load(ctx context.Context, hash sso.SessionHash, applied int64) (*entry, error) {
	principal, err := p.store.Principal(ctx, hash)
	if err != nil {
		p.forget(hash)
		return nil, err
	}
	e := &entry{principal: principal, answer: newAnswer(principal)}
	e.used.Store(principal.Session.LastUsed.UnixMicro())

	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.touched[hash]; known != nil { // a use that is not written yet
		e.used.Store(max(e.used.Load(), known.used.Load()))
	}
	if p.applied == applied {
		if len(p.young) >= maxCached/2 {
			p.old, p.young = p.young, map[sso.SessionHash]*entry{}
		}
		p.young[hash] = e
		delete(p.old, hash)
	}
	return e, nil
}

// use notes that a session was used, to the second.
func (p *principals) use(hash sso.SessionHash, e *entry, now time.Time) {
	const grain = int64(time.Second / time.Microsecond)
	if at := now.UnixMicro(); at-e.used.Load() >= grain {
		e.used.Store(at)
		if !e.listed.Swap(true) {
			p.mu.Lock()
			p.touched[hash] = e
			p.mu.Unlock()
		}
	}
}

func (p *principals) forget(hash sso.SessionHash) {
	p.mu.Lock()
	delete(p.young, hash)
	delete(p.old, hash)
	p.mu.Unlock()
}

func (p *principals) forgetAll() {
	p.mu.Lock()
	clear(p.young)
	clear(p.old)
	p.mu.Unlock()
}

// catchUp reads the feed of changes to its end and forgets what is out of date. Call it after a change made here, so that
// this replica acts on it before the answer goes out.
func (p *principals) catchUp(ctx context.Context) error {
	at := int64(time.Since(p.started)) // before reading: what is committed later may be missed
	p.mu.RLock()
	since := p.applied
	p.mu.RUnlock()
	changes, last, err := p.store.Changes(ctx, since)
	if err != nil {
		return err
	}
	if len(changes) > 0 || last != since {
		p.apply(changes, last)
		accounts := make([]int64, len(changes))
		for i, c := range changes {
			accounts[i] = c.AccountID
		}
		p.recheck(ctx, accounts...)
		for _, c := range changes {
			if c.AccountID == 0 {
				p.reloadDue.Store(true)
			}
		}
	}
	if p.reload != nil && p.reloadDue.Swap(false) {
		if err := p.reload(ctx); err != nil {
			p.reloadDue.Store(true)
			return err
		}
	}
	p.current.Store(max(at, p.current.Load()))
	return nil
}

func (p *principals) apply(changes []sso.Change, last int64) {
	gone := map[int64]bool{}
	for _, c := range changes {
		gone[c.AccountID] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.applied = max(p.applied, last)
	for _, generation := range []map[sso.SessionHash]*entry{p.young, p.old} {
		for hash, e := range generation {
			if gone[0] || gone[e.principal.Account.ID] {
				delete(generation, hash)
			}
		}
	}
}

// follow reads the feed and writes last use back until ctx ends, and once more then.
func (p *principals) follow(ctx context.Context) {
	poll, touch := time.NewTicker(pollEvery), time.NewTicker(touchEvery)
	defer poll.Stop()
	defer touch.Stop()
	down := false
	for {
		err := p.catchUp(ctx)
		if failed := err != nil && ctx.Err() == nil; failed != down {
			down = failed
			if down {
				p.log.Error("cannot follow changes; asking the database at each request", "error", err)
			} else {
				p.log.Info("following changes again")
			}
		}
		select {
		case <-poll.C:
		case <-touch.C:
			p.writeUses(ctx)
			p.recheck(ctx, 0) // for those that ended by their age
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			p.writeUses(last)
			cancel()
			return
		}
	}
}

func (p *principals) writeUses(ctx context.Context) {
	p.mu.Lock()
	touched := p.touched
	p.touched = map[sso.SessionHash]*entry{}
	p.mu.Unlock()
	uses := make(map[sso.SessionHash]time.Time, len(touched))
	for hash, e := range touched {
		e.listed.Store(false)
		uses[hash] = time.UnixMicro(e.used.Load())
	}
	if len(uses) == 0 {
		return
	}
	if err := p.store.TouchSessions(ctx, uses); err != nil {
		p.log.Warn("last use of sessions not written; it will be tried again", "sessions", len(uses), "error", err)
		p.mu.Lock()
		for hash, e := range touched {
			if !e.listed.Swap(true) {
				p.touched[hash] = e
			}
		}
		p.mu.Unlock()
	}
}

// principal returns who a request acts for; nil, nil when no one.
func (s *Server) principal(r *http.Request, l *live) (*sso.Principal, error) {
	hash, ok := l.sessionOf(r)
	if !ok {
		return nil, nil
	}
	e, err := s.principals.find(r.Context(), hash)
	switch {
	case err == nil:
		return e.principal, nil
	case sso.CodeOf(err) == sso.NotSignedIn:
		return nil, nil
	}
	return nil, err
}
