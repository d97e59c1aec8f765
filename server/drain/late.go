package drain

import (
	"sync"
	"time"
)

// silence is how long a connection may be open without a request before nobody waits for one: browsers open some in advance.
const silence = 3 * time.Second

// lateConns are the connections that were accepted while the server was about to end, and had no request yet. [http.Server] answers
// none that it reads after Shutdown was called. The zero value has none.
type lateConns struct {
	mu  sync.Mutex
	all map[any]struct{}
}

// connKey is the key of a request's connection in its context.
type connKey struct{}

func (l *lateConns) add(conn any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[any]struct{}{}
	}
	l.all[conn] = struct{}{}
}

func (l *lateConns) remove(conn any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, conn)
}

func (l *lateConns) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

// wait waits until each has sent a request, for at most that long.
func (l *lateConns) wait(most time.Duration) {
	for end := time.Now().Add(most); l.len() > 0 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
}
