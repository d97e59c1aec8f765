package ssobridge

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/bearer"
)

// groupsKept is how long the groups are remembered, if nothing is heard of a change. It is how often the feed of changes is read,
// so that nothing acts later than without this memory.
const groupsKept = 250 * time.Millisecond

// knownGroups remembers which groups there are, for tokens of API clients that need no account: to read them anew for each would
// cost as much as its signature. The zero knownGroups is empty. It is safe for concurrent use.
type knownGroups struct {
	mu     sync.Mutex
	groups []sso.Group
	read   time.Time // when they were asked for; zero: they are not known
	turns  int       // how often they were forgotten
}

// forget has the next who asks read them. What is being read meanwhile is not kept: it could be from before the change.
func (k *knownGroups) forget() {
	k.mu.Lock()
	k.groups, k.read = nil, time.Time{}
	k.turns++
	k.mu.Unlock()
}

// of returns the groups, from memory or from the store.
func (k *knownGroups) of(ctx context.Context, st bearer.Store) ([]sso.Group, error) {
	asked := time.Now() // monotonic: it is about how old our knowledge is, not about dates
	k.mu.Lock()
	groups, turns, known := k.groups, k.turns, !k.read.IsZero() && asked.Sub(k.read) < groupsKept
	k.mu.Unlock()
	if known {
		return slices.Clone(groups), nil
	}
	groups, err := st.Groups(ctx)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	if k.turns == turns {
		k.groups, k.read = slices.Clone(groups), asked
	}
	k.mu.Unlock()
	return groups, nil
}

// with is the store, whose groups are remembered.
func (k *knownGroups) with(st bearer.Store) bearer.Store {
	if k == nil {
		return st
	}
	return &rememberingStore{st, k}
}

type rememberingStore struct {
	bearer.Store
	known *knownGroups
}

// Groups implements [bearer.Store].
func (s *rememberingStore) Groups(ctx context.Context) ([]sso.Group, error) {
	return s.known.of(ctx, s.Store)
}
