package sqldb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// A Batcher writes all values that wait in one transaction, so that many that arrive at once cost few commits. Make one with
// [NewBatcher], and [Batcher.Stop] it.
type Batcher[T any] struct {
	queue  chan *waiting[T] // pointers: there is room for many, and hardly ever more than one
	write  func(context.Context, []T) error
	mu     sync.RWMutex // held for reading while a value is put into the queue
	closed bool
	done   chan struct{}
}

type waiting[T any] struct {
	value  T
	answer chan error // has room for the answer: who asked may have left
}

const (
	batchQueue   = 1024
	batchMost    = 256
	batchTimeout = 5 * time.Second
)

// NewBatcher starts a goroutine that hands values to write, which writes them in one transaction.
func NewBatcher[T any](write func(context.Context, []T) error) *Batcher[T] {
	b := &Batcher[T]{queue: make(chan *waiting[T], batchQueue), write: write, done: make(chan struct{})}
	go b.run()
	return b
}

// ErrNotKnown is what [Batcher.Add] wraps when nobody waited for the answer: the value may still be written.
var ErrNotKnown = errors.New("not known to be written")

// Add returns when the value is written. It returns [sso.StoreUnavailable] at once when too many wait, and with
// [ErrNotKnown] when ctx ends first.
func (b *Batcher[T]) Add(ctx context.Context, value T) error {
	w := &waiting[T]{value, make(chan error, 1)}
	if !b.enqueue(w) {
		return fmt.Errorf("too many wait to be written: %w", sso.StoreUnavailable)
	}
	select {
	case err := <-w.answer:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w: %w", ErrNotKnown, ctx.Err(), sso.StoreUnavailable)
	}
}

func (b *Batcher[T]) enqueue(w *waiting[T]) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return false
	}
	select {
	case b.queue <- w:
		return true
	default:
		return false
	}
}

func (b *Batcher[T]) run() {
	defer close(b.done)
	for first := range b.queue {
		batch := []*waiting[T]{first}
		for len(batch) < batchMost && len(b.queue) > 0 { // the only reader: what is there stays there
			batch = append(batch, <-b.queue)
		}
		b.writeAll(batch)
	}
}

func (b *Batcher[T]) writeAll(batch []*waiting[T]) {
	ctx, cancel := context.WithTimeout(context.Background(), batchTimeout)
	defer cancel()
	values := make([]T, len(batch))
	for i, w := range batch {
		values[i] = w.value
	}
	err := b.write(ctx, values)
	for _, w := range batch {
		w.answer <- err
	}
}

// Stop waits until what is in the queue is written. Nothing is taken from then on.
func (b *Batcher[T]) Stop() {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.queue)
	}
	b.mu.Unlock()
	<-b.done
}
