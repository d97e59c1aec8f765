package gate

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/server/lastuse"
	"github.com/ssobridge/ssobridge/sso"
)

// Store keeps sessions. Errors wrap [sso.NotSignedIn] or [sso.StoreUnavailable].
type Store interface {
	// Principal returns whoever a session belongs to; [sso.NotSignedIn] for an unknown session or a deactivated account.
	// It does not judge the session's age.
	Principal(ctx context.Context, hash sso.SessionHash) (*sso.Principal, error)
	// Changes returns what changed after since, in order, and the number of the last. Fewer than feedBatch are all there are;
	// since -1 begins, with none.
	Changes(ctx context.Context, since int64) ([]sso.Change, int64, error)
	// TouchSessions writes when sessions were last used.
	TouchSessions(ctx context.Context, used map[sso.SessionHash]time.Time) error
	// EndSession reports whether there was such a session.
	EndSession(ctx context.Context, hash sso.SessionHash, e sso.Event) (bool, error)
}

// How true the cache is. A sign-out anywhere acts here within pollEvery of its commit; an entry is used only while the
// feed was read to its end within maxStale, else the database is asked each time. So the second that CONTRACT 8 promises
// holds even when the database stalls (SECURITY D4, L4).
const (
	pollEvery = 250 * time.Millisecond
	maxStale  = 900 * time.Millisecond
	feedBatch = 1000
	// askFor bounds one question to the database: without an answer no one is let in.
	askFor = 5 * time.Second
	// agesEvery is how often those are looked for that ended by their age, among what runs behind the reverse proxy.
	agesEvery = 15 * time.Second
	// perSession is how many bytes there are for each of the sessions in memory. Most take half of that; those whose principal was
	// asked for whole, or with very many groups, take more, and then there are fewer.
	perSession = 2 << 10
	// maxTokens bounds, in bytes, what tokens take besides: about 10,000. Only those that are good are remembered, so that others
	// push nothing out.
	maxTokens = 16 << 20
)

// principals answers who a session is, from memory where that is as good as the database.
type principals struct {
	store  Store
	now    func() time.Time
	log    *slog.Logger
	policy atomic.Pointer[sso.SessionPolicy]
	// reload is called when settings may have changed, and again until it succeeds; nil: nothing is called.
	reload    func(context.Context) error
	reloadDue bool          // held by reading
	reading   chan struct{} // held while the feed is read

	mu       sync.RWMutex
	sessions cache
	tokens   cache
	loading  map[sso.SessionHash]*loading // what is being read
	uses     *lastuse.Writer[sso.SessionHash]
	seen     moment
	current  atomic.Int64 // monotonic nanoseconds at which the feed was last known to be read to its end
	started  time.Time
	misses   atomic.Int64 // checks that asked the database, or whoever judges tokens

	watched watchList // what runs behind the reverse proxy

	refresher Refresher // nil: no provider is asked again
}

// A moment is how far changes are taken into account. What was asked for in one is not kept in another.
type moment struct {
	applied   int64 // the last change that is; -1: not even begun
	forgotten int   // how often all was forgotten, such as after new settings came into force
}

// entry is one session in memory, with what each request asks of it and no more: there are many. Only the last use and
// the assertion change.
type entry struct {
	hash    sso.SessionHash
	account int64
	begun   int64                         // unix microseconds
	ends    int64                         // unix microseconds
	answer  answer                        // the forward-auth answer, made once
	whole   atomic.Pointer[sso.Principal] // nil until something asks for more than this
	used    atomic.Int64                  // unix microseconds of the last use
	asked   atomic.Bool                   // since the cache last thought of letting it go
	place   int                           // in the cache, with its lock
	held    int                           // bytes that the cache counts for it, with its lock
	token   *tokenState                   // nil: it is a session

	provider  string // that opened the session; it never changes
	confirmed confirmation
}

func newEntry(p *sso.Principal) *entry {
	e := &entry{hash: p.Session.Hash, account: p.Account.ID, begun: p.Session.CreatedAt.UnixMicro(), ends: p.Ends().UnixMicro(),
		provider: p.Session.Provider}
	e.answer.fill(p)
	e.used.Store(p.Session.LastUsed.UnixMicro())
	return e
}

// inAny reports whether the session is in one of the groups of these names, compared exactly. In none: false.
func (e *entry) inAny(names []string) bool {
	return slices.ContainsFunc(names, e.answer.in)
}

// size is about how many bytes an entry takes, the assertion that it may get included.
func (e *entry) size() int {
	const fixed = 800      // the struct, its place in a map, and the parts of an assertion that are always there
	const principal = 1600 // besides its texts, which are about those of the answer
	text := len(e.answer.attributes)
	for _, v := range e.answer.values {
		text += len(v)
	}
	size := fixed + 3*text
	if e.token != nil {
		const state = 160
		own := len(e.token.user[0]) + len(e.token.subject)
		text += own
		size += state + 3*own
	}
	if e.whole.Load() != nil {
		size += principal + text
	}
	return size
}

// same reports whether two entries of a session say the same.
func (e *entry) same(o *entry) bool {
	return e.account == o.account && e.ends == o.ends && e.answer.same(&o.answer)
}

func newPrincipals(store Store, now func() time.Time, log *slog.Logger) *principals {
	p := &principals{store: store, now: now, log: log, started: time.Now(), seen: moment{applied: -1},
		sessions: newCache(0, 0), tokens: newCache(maxTokens, maxTokens)}
	p.reading = make(chan struct{}, 1)
	p.current.Store(-int64(time.Hour))
	p.uses = lastuse.New("sessions", log, store.TouchSessions)
	p.loading = map[sso.SessionHash]*loading{}
	return p
}

// hold says how many sessions are kept in memory.
func (p *principals) hold(sessions int) {
	p.mu.Lock()
	p.sessions.bound(sessions, sessions*perSession)
	p.mu.Unlock()
}

// find returns the entry of a session that is good now, and notes its use. Errors wrap [sso.NotSignedIn] or
// [sso.StoreUnavailable].
func (p *principals) find(ctx context.Context, hash sso.SessionHash) (*entry, error) {
	now := p.now()
	e, err := p.look(ctx, hash, now)
	if err == nil {
		e, err = p.refreshIfDue(ctx, e, now)
	}
	if err == nil {
		p.use(hash, e, now)
	}
	return e, err
}

// look is find without a use.
func (p *principals) look(ctx context.Context, hash sso.SessionHash, now time.Time) (*entry, error) {
	p.mu.RLock()
	e := p.sessions.get(hash)
	p.mu.RUnlock()

	if e == nil || !p.fresh() || !p.alive(e, now, 0) {
		var err error
		if e, err = p.load(ctx, &p.sessions, hash, askFor, p.readSession(hash)); err != nil {
			return nil, err
		}
		// Another replica may have seen a use that it has not written yet: allow for its next write.
		if !p.alive(e, now, lastuse.Every) {
			p.forget(hash)
			return nil, fmt.Errorf("the session is over: %w", sso.NotSignedIn)
		}
	}
	return e, nil
}

func (p *principals) readSession(hash sso.SessionHash) func(context.Context) (*entry, error) {
	return func(ctx context.Context) (*entry, error) {
		principal, err := p.store.Principal(ctx, hash)
		if err != nil {
			return nil, err
		}
		e := newEntry(principal)
		p.noteDue(e, principal.Session)
		return e, nil
	}
}

func (p *principals) alive(e *entry, now time.Time, grace time.Duration) bool {
	s := sso.Session{CreatedAt: time.UnixMicro(e.begun), ExpiresAt: time.UnixMicro(e.ends)}
	return p.policy.Load().Live(s, time.UnixMicro(e.used.Load()).Add(grace), now)
}

// fresh uses the monotonic clock, not p.now: it is about how old our knowledge is, not about dates.
func (p *principals) fresh() bool {
	return int64(time.Since(p.started))-p.current.Load() < int64(maxStale)
}

// loading is one question to the database, whose answer all get that ask for the same session meanwhile.
type loading struct {
	began time.Time
	seen  moment // when it was asked
	done  chan struct{}
	entry *entry
	err   error
}

// load asks the database, or whoever judges tokens, for longest. Who comes while the same is being asked waits for that answer, but not where it could be from
// before a change that was seen since, nor for one that was asked longer ago than the feed is read.
func (p *principals) load(ctx context.Context, into *cache, hash sso.SessionHash, longest time.Duration,
	read func(context.Context) (*entry, error)) (*entry, error) {
	p.misses.Add(1)
	p.mu.Lock()
	l := p.loading[hash]
	if l != nil && l.seen == p.seen && time.Since(l.began) < pollEvery {
		p.mu.Unlock()
		select {
		case <-l.done:
			return l.entry, l.err
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ctx.Err(), sso.StoreUnavailable)
		}
	}
	l = &loading{began: time.Now(), seen: p.seen, done: make(chan struct{}), err: sso.StoreUnavailable}
	p.loading[hash] = l
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		if p.loading[hash] == l {
			delete(p.loading, hash)
		}
		p.mu.Unlock()
		close(l.done)
	}()

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longest) // others wait for it, too
	defer cancel()
	e, err := read(ctx)
	if err != nil {
		p.forget(hash)
		l.err = err
		return nil, err
	}
	l.entry, l.err = p.keep(into, e, l.seen), nil
	return l.entry, nil
}

// keep puts what was read into the cache, unless a change arrived meanwhile: then it could be from before it.
func (p *principals) keep(into *cache, e *entry, seen moment) *entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	hash := e.hash
	if at := p.uses.Pending(hash); !at.IsZero() { // of a session
		e.used.Store(max(e.used.Load(), at.UnixMicro()))
	}
	if p.seen != seen {
		return e
	}
	switch known := into.entries[hash]; {
	case known == nil || !known.same(e):
	case e.token != nil: // of a token more was compared than what requests are answered with
		e.answer.assertion.Store(known.answer.assertion.Load())
	default: // with its assertion
		known.used.Store(max(e.used.Load(), known.used.Load()))
		known.whole.Store(nil) // not all of it was compared
		known.confirmed.copy(&e.confirmed)
		e = known
	}
	into.insert(e)
	return e
}

// use notes that a session was used, to the second.
func (p *principals) use(hash sso.SessionHash, e *entry, now time.Time) {
	const grain = int64(time.Second / time.Microsecond)
	if at := now.UnixMicro(); at-e.used.Load() >= grain {
		e.used.Store(at)
		p.uses.Note(hash, now)
	}
}

func (p *principals) forget(hash sso.SessionHash) {
	p.mu.Lock()
	p.sessions.remove(hash)
	p.tokens.remove(hash)
	delete(p.loading, hash)
	p.mu.Unlock()
}

func (p *principals) forgetAll() {
	p.mu.Lock()
	p.seen.forgotten++
	p.sessions.clear()
	p.tokens.clear()
	p.mu.Unlock()
}

// catchUp reads the feed of changes to its end and forgets what is out of date. Call it after a change made here, so that
// this replica acts on it before the answer goes out.
func (p *principals) catchUp(ctx context.Context) error {
	select {
	case p.reading <- struct{}{}:
		defer func() { <-p.reading }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for end := false; !end; {
		at := int64(time.Since(p.started)) // before reading: what is committed later may be missed
		p.mu.RLock()
		since := p.seen.applied
		p.mu.RUnlock()
		changes, last, err := p.store.Changes(ctx, since)
		if err != nil {
			return err
		}
		end = len(changes) < feedBatch
		if since < 0 { // what was read before this is from before the feed that is followed
			changes = []sso.Change{{Seq: last}}
		}
		if last != since {
			p.follows(ctx, changes, last)
		}
		if err := p.reloadIfDue(ctx); err != nil {
			return err
		}
		if end {
			p.current.Store(at)
		}
	}
	return nil
}

// follows takes changes into account.
func (p *principals) follows(ctx context.Context, changes []sso.Change, last int64) {
	accounts := make([]int64, len(changes))
	for i, c := range changes {
		accounts[i] = c.AccountID
		p.reloadDue = p.reloadDue || c.AccountID == 0
	}
	p.apply(accounts, last)
	p.recheck(ctx, accounts...)
}

func (p *principals) reloadIfDue(ctx context.Context) error {
	if !p.reloadDue || p.reload == nil {
		return nil
	}
	if err := p.reload(ctx); err != nil {
		return err
	}
	p.reloadDue = false
	p.forgetAll() // assertions that were signed meanwhile with what was in force before
	return nil
}

// apply forgets what is known of these accounts; 0 stands for all.
func (p *principals) apply(accounts []int64, last int64) {
	gone := map[int64]bool{}
	for _, id := range accounts {
		gone[id] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen.applied = last
	for _, cache := range []*cache{&p.sessions, &p.tokens} {
		cache.removeIf(func(e *entry) bool { return gone[0] || gone[e.account] || e.token != nil && gone[e.token.maker] })
	}
}

// follow reads the feed and writes last use back until ctx ends, and once more then.
func (p *principals) follow(ctx context.Context) {
	var writing sync.WaitGroup
	writing.Go(func() { p.uses.Follow(ctx) })
	defer writing.Wait()
	poll, ages, tokens := time.NewTicker(pollEvery), time.NewTicker(agesEvery), time.NewTicker(time.Second)
	defer poll.Stop()
	defer ages.Stop()
	defer tokens.Stop()
	down := false
	for {
		reading, cancel := context.WithTimeout(ctx, askFor)
		err := p.catchUp(reading)
		cancel()
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
		case <-ages.C:
			p.recheck(ctx, 0) // for those that ended by their age
		case <-tokens.C:
			p.recheckTokens(ctx) // no feed tells of their keys
		case <-ctx.Done():
			return
		}
	}
}

// whole returns all that is known of the person behind an entry. Most requests need no more than the entry, so it is read
// when it is first asked for; it is as old as the entry, or younger.
func (p *principals) whole(ctx context.Context, e *entry) (*sso.Principal, error) {
	if known := e.whole.Load(); known != nil && p.fresh() {
		return known, nil
	}
	read, err := p.store.Principal(ctx, e.hash)
	if err == nil {
		p.keepWhole(&p.sessions, e, read)
	}
	return read, err
}

// keepWhole keeps what was asked for, within the bound of the memory.
func (p *principals) keepWhole(in *cache, e *entry, found *sso.Principal) {
	p.mu.Lock()
	e.whole.Store(found)
	in.resize(e)
	p.mu.Unlock()
}
