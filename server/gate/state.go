package gate

import (
	"time"
)

// A State is what a gate is doing, for metrics.
type State struct {
	Sessions, Tokens, Bytes int           // in memory
	Misses                  int64         // checks that memory did not answer, since the start
	FeedAge                 time.Duration // since the feed of changes was last known to be read to its end
	Running                 int           // requests that would end with their session
	Unwritten               int           // last uses
}

// StateOf returns that of a gate, as it is now. It asks no database.
func StateOf(g *Gate) State {
	p := g.principals
	s := State{Misses: p.misses.Load(), FeedAge: time.Since(p.started) - time.Duration(p.current.Load()), Unwritten: p.uses.Number()}
	p.mu.RLock()
	s.Sessions, s.Tokens, s.Bytes = len(p.sessions.entries), len(p.tokens.entries), p.sessions.size+p.tokens.size
	p.mu.RUnlock()
	p.watched.mu.Lock()
	s.Running = len(p.watched.all)
	p.watched.mu.Unlock()
	return s
}
