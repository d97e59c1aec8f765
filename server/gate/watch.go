package gate

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/ssobridge/ssobridge/sso"
)

// errSessionOver ends a request whose session ended while it ran.
var errSessionOver = errors.New("the session ended while the request ran")

// watched is a request that may outlive what it was let in for: a WebSocket, a stream, a long upload.
type watched struct {
	hash    sso.SessionHash
	account int64
	groups  []string // the session must stay in one of these; none: any will do
	end     context.CancelCauseFunc
}

// watchList are the requests that run now. The zero value is an empty list.
type watchList struct {
	mu  sync.Mutex
	all map[*watched]struct{}
}

// watch returns a context that ends within a second of the session's end, or of its loss of the groups, on whichever
// replica that happens (SECURITY D4, E5), and within touchEvery when it ends by its age; its cause is then
// [errSessionOver]. Call done when the request is over.
//
// While the database cannot be asked, what runs goes on.
func (p *principals) watch(ctx context.Context, e *entry, groups []string) (watching context.Context, done func()) {
	watching, end := context.WithCancelCause(ctx)
	w := &watched{hash: e.hash, account: e.account, groups: groups, end: end}
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

// recheck looks at the requests of these accounts again; 0 stands for all.
func (p *principals) recheck(ctx context.Context, accounts ...int64) {
	var due []*watched
	p.watched.mu.Lock()
	for w := range p.watched.all {
		if slices.Contains(accounts, w.account) || slices.Contains(accounts, 0) {
			due = append(due, w)
		}
	}
	p.watched.mu.Unlock()
	for _, w := range due {
		p.judge(ctx, w)
	}
}

// judge ends a request that would not be let in any more. It looks and does not find: that a connection stands open is no
// use of the session.
func (p *principals) judge(ctx context.Context, w *watched) {
	e, err := p.look(ctx, w.hash, p.now())
	switch {
	case err == nil && (len(w.groups) == 0 || e.inAny(w.groups)):
	case err != nil && sso.CodeOf(err) != sso.NotSignedIn: // not known; the next change or tick asks again
	default:
		w.end(errSessionOver)
	}
}
