package sqldb

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// A line is where writers wait: who came first is served first. (The pools of database/sql pick one at random, so that with
// 300 waiting the unluckiest waited ten times as long as here.)
type line struct {
	now     func() time.Time
	mu      sync.Mutex
	turns   int        // that nobody has; while there is one, nobody waits
	waiting *list.List // of *place
	pace    pace
}

// A place in the line.
type place struct {
	turn   chan struct{} // closed when it is theirs
	since  time.Time
	before int // how many there were before them, with the one whose turn it was
}

func newLine(turns int) *line {
	return &line{now: time.Now, turns: turns, waiting: list.New()}
}

// patience is how long somebody waits in the line, as a context has it.
type patience struct{}

// Within returns a context with which a transaction that had not its turn after d ends with [sso.Busy], and has done nothing.
func Within(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, patience{}, d)
}

// tooLate is sent to when somebody has waited for as long as their context says: never, if it says nothing.
func tooLate(ctx context.Context) (late <-chan time.Time, stop func()) {
	d, ok := ctx.Value(patience{}).(time.Duration)
	if !ok {
		return nil, func() {}
	}
	timer := time.NewTimer(d)
	return timer.C, func() { timer.Stop() }
}

// take waits for a turn, or until ctx ends, or for as long as [Within] says. Who has it must give it on, by pass or handOn.
func (l *line) take(ctx context.Context) error {
	l.mu.Lock()
	if l.turns > 0 {
		l.turns--
		l.mu.Unlock()
		return nil
	}
	p := &place{turn: make(chan struct{}), since: l.now(), before: l.waiting.Len() + 1}
	e := l.waiting.PushBack(p)
	l.mu.Unlock()
	late, stop := tooLate(ctx)
	defer stop()
	var err error
	select {
	case <-p.turn:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-late:
		err = fmt.Errorf("no turn to write within %v: %w", ctx.Value(patience{}), sso.Busy)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-p.turn: // it came at the same moment: the caller finds out that its time is over
		return nil
	default:
		l.waiting.Remove(e)
		return err
	}
}

// handOn gives the turn to who waits longest, and reports whether there was anyone; if not, the caller keeps it.
func (l *line) handOn() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.handOnLocked()
}

func (l *line) handOnLocked() bool {
	first := l.waiting.Front()
	if first == nil {
		return false
	}
	p := l.waiting.Remove(first).(*place)
	l.pace.note(l.now().Sub(p.since), p.before)
	close(p.turn)
	return true
}

// pass gives the turn on, or leaves it for the next who comes.
func (l *line) pass() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.handOnLocked() {
		l.turns++
	}
}

// length is how many wait.
func (l *line) length() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting.Len()
}

// expected is how long somebody who came now would wait: what the pace of late says, and at least as long as the first in
// the line has waited by now, since a database that stands still has no pace.
func (l *line) expected() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.waiting.Front()
	if first == nil {
		return 0
	}
	return max(l.pace.of(l.waiting.Len()+1), l.now().Sub(first.Value.(*place).since))
}

// A pace is how fast a line moves: how long those who were served of late had waited, by how many there were before them.
type pace struct {
	waited time.Duration
	before float64
}

const (
	paceKept   = 0.98 // of what was known, at each turn: the last fifty or so count
	paceSteady = 50   // places that took no time, so that one slow turn in a short line says little
)

func (p *pace) note(waited time.Duration, before int) {
	p.waited = time.Duration(paceKept*float64(p.waited)) + waited
	p.before = paceKept*p.before + float64(before)
}

func (p *pace) of(places int) time.Duration {
	return time.Duration(float64(p.waited) / (p.before + paceSteady) * float64(places))
}
