// Package lastuse keeps when something was last used, and writes it back now and then: a request does not wait for that.
package lastuse

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// Every is how often uses are written. After a crash, those of this time are lost.
const Every = 15 * time.Second

const (
	// batch is how many are written in one transaction: few enough that a login does not wait for it.
	batch = 500
	// parting is how long the last write may take.
	parting = 2 * time.Second
)

// A Writer writes the last uses of things of one kind. It is safe for concurrent use.
type Writer[K comparable] struct {
	what  string
	log   *slog.Logger
	write func(context.Context, map[K]time.Time) error

	mu      sync.Mutex
	pending map[K]time.Time // not written yet
}

// New makes a Writer. what names the things in the log, such as "sessions".
func New[K comparable](what string, log *slog.Logger, write func(context.Context, map[K]time.Time) error) *Writer[K] {
	return &Writer[K]{what: what, log: log, write: write, pending: map[K]time.Time{}}
}

// Note keeps a use. An earlier one than what is known changes nothing.
func (w *Writer[K]) Note(key K, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if known, ok := w.pending[key]; !ok || at.After(known) {
		w.pending[key] = at
	}
}

// Pending returns the last use that is not written yet; the zero time if there is none.
func (w *Writer[K]) Pending(key K) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pending[key]
}

// Number returns how many uses are not written yet.
func (w *Writer[K]) Number() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.pending)
}

// Follow writes until ctx ends, and once more then.
func (w *Writer[K]) Follow(ctx context.Context) {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.Flush(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), parting)
			w.Flush(last)
			cancel()
			return
		}
	}
}

// Flush writes what is pending. What cannot be written stays.
func (w *Writer[K]) Flush(ctx context.Context) {
	w.mu.Lock()
	all := maps.Clone(w.pending)
	w.mu.Unlock()
	for keys := range slices.Chunk(slices.Collect(maps.Keys(all)), batch) {
		uses := make(map[K]time.Time, len(keys))
		for _, key := range keys {
			uses[key] = all[key]
		}
		if err := w.write(ctx, uses); err != nil {
			w.log.WarnContext(ctx, "last use not written; it will be tried again", "of", w.what, "number", len(all), "error", err)
			return
		}
		w.written(uses)
	}
}

func (w *Writer[K]) written(uses map[K]time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, at := range uses {
		if w.pending[key].Equal(at) { // else it was used again meanwhile
			delete(w.pending, key)
		}
	}
}
