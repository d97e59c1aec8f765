package groupsource

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// maxRemembered bounds how many answers are kept, at most about 250 bytes for each group.
const maxRemembered = 10_000

// Remember makes a [Source] that asks another one once for all who want to know the same at a time, waits no longer than
// timeout, and remembers answers for a while. A failure is nothing to remember. keep 0: nothing is.
func Remember(s Source, timeout, keep time.Duration, now func() time.Time) Source {
	return &memory{source: s, timeout: timeout, keep: keep, now: now, answers: map[Person]answer{}, asking: map[Person]*question{}}
}

// memory is keyed by [Person], a struct: two people whose names and addresses are one text when they stand one behind the other
// are two (CVE-2026-71326).
type memory struct {
	source        Source
	timeout, keep time.Duration
	now           func() time.Time

	mu      sync.Mutex
	answers map[Person]answer
	asking  map[Person]*question
}

type answer struct {
	names []string
	known bool
	until time.Time
}

// A question is under way until done is closed; then the rest is there.
type question struct {
	done chan struct{}
	answer
	err error
}

// GroupsOf implements [Source].
func (m *memory) GroupsOf(ctx context.Context, p Person) ([]string, bool, error) {
	a, err := m.answerOf(ctx, p)
	return a.names, a.known, err
}

// answerOf is [memory.GroupsOf] with the time until which the answer is remembered.
func (m *memory) answerOf(ctx context.Context, p Person) (answer, error) {
	m.mu.Lock()
	if a, ok := m.answers[p]; ok && m.now().Before(a.until) {
		m.mu.Unlock()
		return a, nil
	}
	q := m.asking[p]
	if q == nil {
		q = &question{done: make(chan struct{})}
		m.asking[p] = q
		go m.ask(context.WithoutCancel(ctx), p, q) // who asked first may go away, the others still wait
	}
	m.mu.Unlock()
	select {
	case <-q.done:
		return q.answer, q.err
	case <-ctx.Done():
		return answer{}, context.Cause(ctx)
	}
}

func (m *memory) ask(ctx context.Context, p Person, q *question) {
	ctx, cancel := context.WithTimeoutCause(ctx, m.timeout, fmt.Errorf("no answer within %v", m.timeout))
	defer cancel()
	defer close(q.done)
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.asking, p)
		if q.until = m.now().Add(m.keep); q.err == nil && m.keep > 0 {
			m.put(p, q.answer)
		}
	}()
	defer func() {
		if v := recover(); v != nil { // of a library that read what nobody expected
			q.err = fmt.Errorf("the answer could not be read: %v", v)
		}
	}()
	q.names, q.known, q.err = m.source.GroupsOf(ctx, p)
}

// put keeps an answer. Where there are too many, those that are over go, else any.
func (m *memory) put(p Person, a answer) {
	now := m.now()
	if len(m.answers) >= maxRemembered {
		for old, is := range m.answers {
			if !now.Before(is.until) {
				delete(m.answers, old)
			}
		}
	}
	for old := range m.answers {
		if len(m.answers) < maxRemembered {
			break
		}
		delete(m.answers, old)
	}
	m.answers[p] = a
}
