package validation

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// Bounds of the questions of one network: a flood of tokens from there keeps nobody else waiting.
const (
	atOnceOfOne = 8   // of the questions that run
	maxWaiting  = 256 // more of them are refused at once
)

var errManyWait = errors.New("too many questions wait for the validation server")

// turns share the questions that run at once among the networks that ask: each has its turn, however many wait elsewhere, and
// none has all. Make one with [newTurns].
type turns struct {
	mu      sync.Mutex
	free    int
	running map[string]int
	waiting map[string][]chan struct{} // closed when it is their turn; the first came first
	order   []string                   // of the networks that wait; the first is next
}

func newTurns(atOnce int) *turns {
	return &turns{free: atOnce, running: map[string]int{}, waiting: map[string][]chan struct{}{}}
}

// take waits for a turn, to be given back with done. The error says that there is none in time.
func (t *turns) take(ctx context.Context, network string) error {
	t.mu.Lock()
	if len(t.waiting[network]) >= maxWaiting {
		t.mu.Unlock()
		return errManyWait
	}
	turn := make(chan struct{})
	if len(t.waiting[network]) == 0 {
		t.order = append(t.order, network)
	}
	t.waiting[network] = append(t.waiting[network], turn)
	t.next()
	t.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.waiting[network], turn); i >= 0 {
		t.drop(network, i)
	} else { // its turn came at the same moment
		t.giveBack(network)
	}
	return errManyWait
}

// done gives a turn back.
func (t *turns) done(network string) {
	t.mu.Lock()
	t.giveBack(network)
	t.mu.Unlock()
}

func (t *turns) giveBack(network string) {
	if t.running[network]--; t.running[network] == 0 {
		delete(t.running, network)
	}
	t.free++
	t.next()
}

// next gives out what is free, one turn to a network before the next has one.
func (t *turns) next() {
	for t.free > 0 {
		i := slices.IndexFunc(t.order, func(network string) bool { return t.running[network] < atOnceOfOne })
		if i < 0 {
			return
		}
		network := t.order[i]
		close(t.waiting[network][0])
		t.drop(network, 0)
		t.free--
		t.running[network]++
		if j := slices.Index(t.order, network); j >= 0 {
			t.order = append(slices.Delete(t.order, j, j+1), network)
		}
	}
}

// drop takes one of a network's out of those that wait.
func (t *turns) drop(network string, i int) {
	t.waiting[network] = slices.Delete(t.waiting[network], i, i+1)
	if len(t.waiting[network]) == 0 {
		delete(t.waiting, network)
		t.order = slices.DeleteFunc(t.order, func(other string) bool { return other == network })
	}
}
