package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/ssobridge/ssobridge/server/lastuse"
	"github.com/ssobridge/ssobridge/sso"
)

// fakeSessions is a store whose failures and delays a test decides.
type fakeSessions struct {
	Store // what is not needed panics

	mu        sync.Mutex
	people    map[sso.SessionHash]*sso.Principal
	changes   []sso.Change
	feedDown  error
	down      error
	slow      chan struct{} // Principal reads, and answers when this is closed; nil: at once
	questions atomic.Int64
	written   map[sso.SessionHash]time.Time
	batches   []int
}

func newFakeSessions(n int) (*fakeSessions, []sso.SessionHash) {
	f := &fakeSessions{people: map[sso.SessionHash]*sso.Principal{}, written: map[sso.SessionHash]time.Time{}}
	hashes := make([]sso.SessionHash, n)
	for i := range hashes {
		hashes[i], _ = sso.HashSessionID(sso.NewSessionID())
		f.people[hashes[i]] = &sso.Principal{
			Account: sso.Account{ID: int64(i + 1), Email: fmt.Sprintf("p%d@example.com", i), Active: true},
			Groups:  []sso.Group{{ID: 1, Name: "All Users"}},
			Session: sso.Session{Hash: hashes[i], AccountID: int64(i + 1), CreatedAt: time.Now(), LastUsed: time.Now(), ExpiresAt: time.Now().Add(time.Hour)},
		}
	}
	return f, hashes
}

func (f *fakeSessions) Principal(_ context.Context, hash sso.SessionHash) (*sso.Principal, error) {
	f.questions.Add(1)
	f.mu.Lock()
	p, down, slow := f.people[hash], f.down, f.slow
	f.mu.Unlock()
	if slow != nil {
		<-slow
	}
	switch {
	case down != nil:
		return nil, down
	case p == nil:
		return nil, sso.NotSignedIn
	}
	return p, nil
}

func (f *fakeSessions) Changes(_ context.Context, since int64) ([]sso.Change, int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := int64(len(f.changes))
	if f.feedDown != nil || since < 0 {
		return nil, last, f.feedDown
	}
	changes := f.changes[since:]
	if len(changes) > feedBatch {
		changes, last = changes[:feedBatch], since+feedBatch
	}
	return changes, last, nil
}

func (f *fakeSessions) TouchSessions(_ context.Context, used map[sso.SessionHash]time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return f.down
	}
	f.batches = append(f.batches, len(used))
	for hash, at := range used {
		f.written[hash] = at
	}
	return nil
}

func (f *fakeSessions) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// end ends a session, as another replica does.
func (f *fakeSessions) end(hash sso.SessionHash) {
	f.set(func() {
		f.changes = append(f.changes, sso.Change{Seq: int64(len(f.changes) + 1), AccountID: f.people[hash].Account.ID})
		delete(f.people, hash)
	})
}

func newTestPrincipals(f *fakeSessions, idle time.Duration) *principals {
	p := newPrincipals(f, time.Now, slog.New(slog.DiscardHandler))
	p.policy.Store(&sso.SessionPolicy{MaxAge: time.Hour, Idle: idle})
	p.hold(50_000)
	return p
}

func wantFind(t *testing.T, p *principals, hash sso.SessionHash, want sso.Code) {
	t.Helper()
	if _, err := p.find(t.Context(), hash); sso.CodeOf(err) != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

// Whatever fails, a session that ended elsewhere is refused within a second, and no one is let in on old knowledge
// (SECURITY D4, L4).
func TestPrincipalsWhenTheStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, hashes := newFakeSessions(3)
		p := newTestPrincipals(f, 0)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go p.follow(ctx)
		synctest.Wait()

		wantFind(t, p, hashes[0], "")
		wantFind(t, p, hashes[0], "")
		if n := f.questions.Load(); n != 1 {
			t.Errorf("the same session twice: got %d questions to the database, want 1", n)
		}
		f.end(hashes[0])
		time.Sleep(time.Second)
		wantFind(t, p, hashes[0], sso.NotSignedIn)

		// The feed is down: the database is asked each time.
		wantFind(t, p, hashes[1], "")
		f.set(func() { f.feedDown = errors.New("no feed") })
		f.end(hashes[1])
		time.Sleep(time.Second)
		wantFind(t, p, hashes[1], sso.NotSignedIn)
		before := f.questions.Load()
		wantFind(t, p, hashes[2], "")
		wantFind(t, p, hashes[2], "")
		if n := f.questions.Load() - before; n != 2 {
			t.Errorf("without the feed: got %d questions for two requests, want 2", n)
		}

		// So is the database.
		f.set(func() { f.down = sso.StoreUnavailable })
		wantFind(t, p, hashes[2], sso.StoreUnavailable)

		// Both are back, without a restart.
		f.set(func() { f.feedDown, f.down = nil, nil })
		time.Sleep(time.Second)
		wantFind(t, p, hashes[2], "")
		wantFind(t, p, hashes[1], sso.NotSignedIn)
	})
}

// As many sessions as the setting says are asked for in turn, with names and groups of usual length, and the database is asked for
// each of them once. [TestCacheHasNoCliff] is about more than that.
func TestSessionsInMemory(t *testing.T) {
	const most = 50_000
	f, hashes := newFakeSessions(most)
	var groups []sso.Group
	for g := range 8 {
		groups = append(groups, sso.Group{ID: int64(g + 10), Name: fmt.Sprintf("A group of the company %d", g)})
	}
	for i, hash := range hashes {
		p := f.people[hash]
		p.Account.Email, p.Groups = fmt.Sprintf("somebody.with.a.long.name.%d@department.example.com", i), groups
	}
	p := newTestPrincipals(f, 0)
	if err := p.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.current.Store(1 << 62) // however long it takes
	for range 2 {
		for _, hash := range hashes {
			if _, err := p.find(t.Context(), hash); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := f.questions.Load(); n != most {
		t.Errorf("%d sessions twice in turn: asked %d times, want once for each", most, n)
	}
}

// Many requests of one session ask the database once; but an answer from before a sign-out is not for who comes after it.
func TestPrincipalsAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, hashes := newFakeSessions(2)
		p := newTestPrincipals(f, 0)
		if err := p.catchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		slow := make(chan struct{})
		f.set(func() { f.slow = slow })
		codes := make(chan sso.Code, 101)
		ask := func() {
			_, err := p.find(t.Context(), hashes[0])
			codes <- sso.CodeOf(err)
		}
		for range 100 {
			go ask()
		}
		synctest.Wait()
		if n := f.questions.Load(); n != 1 {
			t.Errorf("100 requests at once: got %d questions, want 1", n)
		}
		// One that gives up does not wait, and takes nobody with it.
		gone, give := context.WithCancel(t.Context())
		give()
		if _, err := p.find(gone, hashes[0]); sso.CodeOf(err) != sso.StoreUnavailable {
			t.Errorf("a client that went away: got %v", err)
		}

		f.end(hashes[0])
		if err := p.catchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		go ask()
		synctest.Wait()
		if n := f.questions.Load(); n != 2 {
			t.Errorf("after a sign-out: got %d questions, want another one", n)
		}
		close(slow)
		count := map[sso.Code]int{}
		for range 101 {
			count[<-codes]++
		}
		if count[""] != 100 || count[sso.NotSignedIn] != 1 {
			t.Errorf("got %v, want 100 from before the sign-out and 1 refused", count)
		}
		// What was read before it is not in the cache either.
		f.set(func() { f.slow = nil })
		wantFind(t, p, hashes[0], sso.NotSignedIn)
	})
}

// An idle time-out is kept, and last use is written in batches, without a write per request (SECURITY D5).
func TestPrincipalsIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1200
		f, hashes := newFakeSessions(n)
		p := newTestPrincipals(f, 2*time.Minute)
		ctx, stop := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() { defer close(stopped); p.follow(ctx) }()
		synctest.Wait()
		for range 30 {
			time.Sleep(10 * time.Second) // five minutes, never two without use
			for _, hash := range hashes {
				wantFind(t, p, hash, "")
			}
		}
		time.Sleep(lastuse.Every)
		f.set(func() {
			if total := len(f.batches); total > 21*3 {
				t.Errorf("got %d writes in %v for %d requests, want one for each %d sessions in %v", total, 5*time.Minute, 30*n, 500, lastuse.Every)
			}
			for _, size := range f.batches {
				if size > 500 {
					t.Errorf("got a transaction of %d sessions, want at most %d", size, 500)
				}
			}
			if len(f.written) != n || time.Since(f.written[hashes[0]]) > 2*lastuse.Every {
				t.Errorf("got %d sessions written, the first as used %v ago", len(f.written), time.Since(f.written[hashes[0]]))
			}
			// The database knows no better than this replica.
			for hash, at := range f.written {
				known := *f.people[hash]
				known.Session.LastUsed = at
				f.people[hash] = &known
			}
		})
		time.Sleep(2 * time.Minute)
		wantFind(t, p, hashes[0], sso.NotSignedIn)

		// A use is not lost when the write fails, nor when the bridge ends.
		f.set(func() {
			known := *f.people[hashes[1]]
			known.Session.LastUsed = time.Now()
			f.people[hashes[1]] = &known
			f.down = sso.StoreUnavailable
		})
		p.forgetAll()
		f.set(func() { f.down = nil })
		time.Sleep(5 * time.Second)
		wantFind(t, p, hashes[1], "")
		used := time.Now()
		time.Sleep(2 * time.Second)
		wantFind(t, p, hashes[1], "")
		f.set(func() { f.down = sso.StoreUnavailable })
		p.uses.Flush(t.Context())
		f.set(func() { f.down = nil })
		stop()
		<-stopped
		if at := f.written[hashes[1]]; at.Before(used) {
			t.Errorf("got %v as the last use, want %v or later", at, used)
		}
	})
}

// The cache holds its bound in bytes, however long the names, and still knows who was here last.
func TestPrincipalsAreBounded(t *testing.T) {
	f, hashes := newFakeSessions(300)
	for _, person := range f.people {
		person.Account.Synced = map[string]string{"note": strings.Repeat("n", 10_000)}
	}
	p := newTestPrincipals(f, 0)
	p.sessions.limit = 1 << 20
	if err := p.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, hash := range hashes {
		wantFind(t, p, hash, "")
		wantFind(t, p, hashes[0], "") // always in use, so it stays
	}
	bytes := 0
	for _, e := range p.sessions.entries {
		bytes += e.size()
	}
	if limit, n := p.sessions.limit, len(p.sessions.entries); bytes > limit || bytes < limit*9/10 || n < 30 {
		t.Errorf("got %d bytes in %d entries, want at most %d bytes, and well used", bytes, n, limit)
	}
	if n := f.questions.Load(); n != int64(len(hashes)) {
		t.Errorf("got %d questions for %d sessions, want one each", n, len(hashes))
	}
	for _, hash := range hashes {
		p.forget(hash)
	}
	if p.sessions.size != 0 || len(p.sessions.entries) != 0 {
		t.Errorf("all forgotten: got %d bytes and %d entries, want none", p.sessions.size, len(p.sessions.entries))
	}
}

// More changes at once than one reading returns are all acted on in one go.
func TestPrincipalsReadTheFeedToItsEnd(t *testing.T) {
	f, hashes := newFakeSessions(2*feedBatch + 1)
	p := newTestPrincipals(f, 0)
	if err := p.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, hash := range hashes {
		wantFind(t, p, hash, "")
	}
	for _, hash := range hashes {
		f.end(hash)
	}
	if err := p.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(p.sessions.entries); n != 0 {
		t.Errorf("after all sessions ended: got %d in the cache, want none", n)
	}
}

// Settings that could not be read leave the cache unused until they are.
func TestPrincipalsReload(t *testing.T) {
	f, hashes := newFakeSessions(1)
	p := newTestPrincipals(f, 0)
	fails := true
	p.reload = func(context.Context) error {
		if fails {
			return errors.New("cannot read settings")
		}
		return nil
	}
	for range 2 {
		if err := p.catchUp(t.Context()); err == nil || p.fresh() {
			t.Errorf("got %v, fresh %v; want an error and nothing fresh", err, p.fresh())
		}
	}
	wantFind(t, p, hashes[0], "")
	fails = false
	if err := p.catchUp(t.Context()); err != nil || !p.fresh() {
		t.Errorf("got %v, fresh %v; want it to work again", err, p.fresh())
	}
}

// Nothing goes on once a server has ended.
func TestPrincipalsEnd(t *testing.T) {
	before := goleak.IgnoreCurrent()
	f, hashes := newFakeSessions(1)
	p := newTestPrincipals(f, 0)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); p.follow(ctx) }()
	wantFind(t, p, hashes[0], "")
	stop()
	<-done
	goleak.VerifyNone(t, before)
}
