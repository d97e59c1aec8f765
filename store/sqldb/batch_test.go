package sqldb_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// What arrives while a transaction runs is written by the next one, whole; each is told how that ended.
func TestBatcher(t *testing.T) {
	var batches [][]int
	began, let := make(chan struct{}, 3), make(chan struct{})
	broken := errors.New("broken")
	b := sqldb.NewBatcher(func(_ context.Context, values []int) error {
		began <- struct{}{}
		<-let
		batches = append(batches, values)
		if slices.Contains(values, 99) {
			return broken
		}
		return nil
	})
	first := make(chan error)
	go func() { first <- b.Add(t.Context(), 1) }()
	<-began
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, value := range []int{2, 99} { // nobody waits for these
		if err := b.Add(gone, value); !errors.Is(err, sqldb.ErrNotKnown) || sso.CodeOf(err) != sso.StoreUnavailable {
			t.Errorf("without waiting: got %v", err)
		}
	}
	close(let)
	if err := <-first; err != nil {
		t.Errorf("the first: got %v", err)
	}
	if err := b.Add(t.Context(), 99); !errors.Is(err, broken) {
		t.Errorf("one that cannot be written: got %v", err)
	}
	b.Stop()
	if len(batches) < 2 || !slices.Equal(batches[0], []int{1}) || !slices.Equal(slices.Concat(batches...), []int{1, 2, 99, 99}) {
		t.Errorf("got batches %v", batches)
	}
	if err := b.Add(t.Context(), 3); sso.CodeOf(err) != sso.StoreUnavailable {
		t.Errorf("when it is stopped: got %v", err)
	}
	b.Stop() // once more does nothing
}

// When as many wait as there is room for, one more is refused at once.
func TestBatcherIsFull(t *testing.T) {
	began, let := make(chan struct{}), make(chan struct{})
	var once sync.Once
	b := sqldb.NewBatcher(func(context.Context, []int) error {
		once.Do(func() { close(began) })
		<-let
		return nil
	})
	first := make(chan error, 1)
	go func() { first <- b.Add(context.Background(), 0) }()
	<-began
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	err, n := sqldb.ErrNotKnown, 0
	for ; errors.Is(err, sqldb.ErrNotKnown); n++ {
		err = b.Add(gone, n)
	}
	if sso.CodeOf(err) != sso.StoreUnavailable || n < 1000 {
		t.Errorf("number %d: got %v", n, err)
	}
	close(let)
	if err := <-first; err != nil {
		t.Error(err)
	}
	b.Stop()
}
