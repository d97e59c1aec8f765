package gate

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"

	"github.com/ssobridge/ssobridge/sso"
)

// errSessionOver ends a request whose session ended while it ran.
var errSessionOver = errors.New("the session ended while the request ran")

// watched is a request that may outlive what it was let in for: a WebSocket, a stream, a long upload.
type watched struct {
	account int64
	groups  []string // the session must stay in one of these; none: any will do
	token   bool     // a token, no session
	again   func(context.Context) (*entry, error)
	end     context.CancelCauseFunc
}

// watchList are the requests that run now. The zero value is an empty list.
type watchList struct {
	mu  sync.Mutex
	all map[*watched]struct{}
}

// watch returns a context that ends within a second of the session's end, or of its loss of the groups, on whichever
// replica that happens (SECURITY D4, E5), and within agesEvery when it ends by its age; its cause is then
// [errSessionOver]. Call done when the request is over.
//
// While the database cannot be asked, what runs goes on.
func (g *Gate) watch(r *http.Request, e *entry, groups []string) (watching context.Context, done func()) {
	p, ctx := g.principals, r.Context()
	watching, end := context.WithCancelCause(ctx)
	w := &watched{account: e.account, groups: groups, token: e.token != nil, again: g.again(r, e), end: end}
	l := &p.watched
	l.mu.Lock()
	if l.all == nil {
		l.all = map[*watched]struct{}{}
	}
	l.all[w] = struct{}{}
	l.mu.Unlock()
	p.judge(ctx, w) // the session may have ended between the check and now, when no one watched
	return watching, func() {
		l.mu.Lock()
		delete(l.all, w)
		l.mu.Unlock()
		end(nil)
	}
}

// again asks once more for whoever was let in with a request. It looks and does not find: that a connection stands open is no
// use of the session.
func (g *Gate) again(r *http.Request, e *entry) func(context.Context) (*entry, error) {
	if before := g.letInBefore(r); before != nil {
		return before.again
	}
	if hash := e.hash; e.token == nil {
		return func(ctx context.Context) (*entry, error) { return g.principals.look(ctx, hash, g.principals.now()) }
	}
	return func(ctx context.Context) (*entry, error) {
		s := g.settings.Load()
		if s.bearers == nil {
			return nil, sso.NotSignedIn
		}
		t, err := s.bearers.tokenOf(r)
		if err != nil || t == nil {
			return nil, sso.NotSignedIn
		}
		e, _, err := g.principals.findToken(ctx, t)
		return e, err
	}
}

// recheckTokens looks at the requests of tokens again.
func (p *principals) recheckTokens(ctx context.Context) {
	p.recheckIf(ctx, func(w *watched) bool { return w.token })
}

// recheck looks at the requests of these accounts again; 0 stands for all.
func (p *principals) recheck(ctx context.Context, accounts ...int64) {
	p.recheckIf(ctx, func(w *watched) bool { return slices.Contains(accounts, w.account) || slices.Contains(accounts, 0) })
}

func (p *principals) recheckIf(ctx context.Context, wanted func(*watched) bool) {
	var due []*watched
	p.watched.mu.Lock()
	for w := range p.watched.all {
		if wanted(w) {
			due = append(due, w)
		}
	}
	p.watched.mu.Unlock()
	for _, w := range due {
		p.judge(ctx, w)
	}
}

// judge ends a request that would not be let in any more.
func (p *principals) judge(ctx context.Context, w *watched) {
	e, err := w.again(ctx)
	switch {
	case err == nil && (len(w.groups) == 0 || e.inAny(w.groups)):
	case err != nil && !actsForNone(err): // not known; the next change or tick asks again
	default:
		w.end(errSessionOver)
	}
}
