package store_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// What is told of each operation: a transaction once as a whole, with the refusal that it came to, and a query outside one.
func TestObserve(t *testing.T) {
	each(t, func(t *testing.T, s *testDB) {
		type told struct {
			kind string
			err  error
		}
		var mu sync.Mutex
		var all []told
		s.Observe(func(kind string, took time.Duration, err error) {
			mu.Lock()
			defer mu.Unlock()
			if took < 0 {
				t.Errorf("%s took %v", kind, took)
			}
			all = append(all, told{kind, err})
		})
		want := func(what, kind string, code sso.Code) {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			if !slices.ContainsFunc(all, func(o told) bool {
				return o.kind == kind && (code == "" && o.err == nil || code != "" && errors.Is(o.err, code))
			}) {
				t.Errorf("%s: got %v, want a %s with %q", what, all, kind, code)
			}
			all = nil
		}
		if _, err := s.Groups(t.Context()); err != nil {
			t.Fatal(err)
		}
		want("a list of groups", "query", "")
		g, err := s.CreateGroup(t.Context(), "Research", sso.Event{})
		if err != nil {
			t.Fatal(err)
		}
		want("a new group", "transaction", "")
		if _, err := s.CreateGroup(t.Context(), g.Name, sso.Event{}); !errors.Is(err, sso.Conflict) {
			t.Fatalf("the same again: got %v", err)
		}
		want("the same again", "transaction", sso.Conflict)
	})
}
