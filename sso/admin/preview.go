package admin

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

const (
	previewWait = 3 * time.Second // for a plan that is soon made
	previewKept = 2 * time.Minute // after somebody has asked last
	previewsRun = 2               // at once, whoever asked for them
	countTime   = 2 * time.Second // for counting whom an edit changes, when it is saved
)

// Previews are plans that are made in the background, since a million people take longer than a request may. There is one for each
// administrator; it ends when nobody has asked for it for a while, or something else is asked for. Nothing is kept in the database.
type Previews struct {
	mu   sync.Mutex
	of   map[int64]*preview // by the id of the account
	runs chan struct{}
	wait time.Duration // [previewWait]
	kept time.Duration // [previewKept]
}

// NewPreviews makes them.
func NewPreviews() *Previews {
	return &Previews{of: map[int64]*preview{}, runs: make(chan struct{}, previewsRun), wait: previewWait, kept: previewKept}
}

// A preview is a plan that is being made, or was made and not fetched yet.
type preview struct {
	key      [sha256.Size]byte
	planning *planning
	stop     context.CancelFunc
	forget   *time.Timer
	done     chan struct{}
	err      error // once it is done
}

// Plan says to an administrator what an edit would do; it changes nothing. When not all people were looked at in time, it says so in [Plan.Pending], and what was
// found of those who were; asked again for the same edit, it goes on.
func (p *Previews) Plan(ctx context.Context, m Mapping, accountID int64, edit MappingEdit) (Plan, error) {
	saved, version, err := m.Saved(ctx)
	if err != nil {
		return Plan{}, err
	}
	key, err := previewKey(m.Provider, version, edit)
	if err != nil {
		return Plan{}, err
	}
	one := p.join(accountID, key)
	if one == nil {
		planning, err := m.begin(ctx, saved, edit)
		if err != nil {
			return Plan{}, err
		}
		one = p.start(context.WithoutCancel(ctx), accountID, key, planning)
	}
	select {
	case <-one.done:
		p.end(accountID, one)
		return one.planning.soFar(), one.err
	case <-ctx.Done():
		return Plan{}, ctx.Err()
	case <-time.After(p.wait):
	}
	plan := one.planning.soFar()
	sizes, err := m.Store.MemberCounts(ctx, []int64{sso.AllUsers})
	plan.Pending = &Progress{Looked: plan.People, AtMost: max(sizes[sso.AllUsers], plan.People)}
	return plan, err
}

// previewKey is the same for the same question.
func previewKey(provider string, version int64, edit MappingEdit) (key [sha256.Size]byte, err error) {
	text, err := json.Marshal([]any{provider, version, edit.Mode, edit.Mappings, edit.Unmapped})
	return sha256.Sum256(text), err
}

// join finds what is being made for the same question.
func (p *Previews) join(accountID int64, key [sha256.Size]byte) *preview {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.of[accountID]
	if one == nil || one.key != key {
		return nil
	}
	one.forget.Reset(p.kept)
	return one
}

// start begins one, and ends what the administrator had asked for before.
func (p *Previews) start(ctx context.Context, accountID int64, key [sha256.Size]byte, planning *planning) *preview {
	ctx, stop := context.WithCancel(ctx)
	one := &preview{key: key, planning: planning, stop: stop, done: make(chan struct{})}
	p.mu.Lock()
	before := p.of[accountID]
	p.of[accountID] = one
	one.forget = time.AfterFunc(p.kept, func() { p.end(accountID, one) })
	p.mu.Unlock()
	if before != nil {
		before.end()
	}
	go func() {
		defer close(one.done)
		select {
		case p.runs <- struct{}{}:
			defer func() { <-p.runs }()
			one.err = planning.run(ctx)
		case <-ctx.Done():
			one.err = ctx.Err()
		}
	}()
	return one
}

// end ends and forgets one.
func (p *Previews) end(accountID int64, one *preview) {
	p.mu.Lock()
	if p.of[accountID] == one {
		delete(p.of, accountID)
	}
	p.mu.Unlock()
	one.end()
}

func (p *preview) end() {
	p.forget.Stop()
	p.stop()
}

// A planning is a [Plan] that is being made.
type planning struct {
	m  Mapping
	mu sync.Mutex // protects what follows
	f  *forecaster
	p  Plan
}

// run looks at all people.
func (w *planning) run(ctx context.Context) error {
	return w.m.Store.SentGroups(ctx, w.m.Provider, func(s sso.SentGroups) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.f.person(s)
	})
}

// soFar is the plan as far as it was made.
func (w *planning) soFar() Plan {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.p
	p.People, p.Next, p.Due = w.f.people, w.f.next.result(w.f.order), w.f.due.result(w.f.order)
	return p
}

// counted is the plan with whom it changes, or with [Plan.Pending] when that takes too long.
func (w *planning) counted(ctx context.Context, limit time.Duration) (Plan, error) {
	soon, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := w.run(soon)
	p := w.soFar()
	if err != nil && soon.Err() != nil && ctx.Err() == nil {
		p.Pending, err = &Progress{Looked: p.People}, nil
	}
	return p, err
}

// changed is how many people an edit changes, or [sso.NotCounted].
func (p Plan) changed() int {
	if p.Pending != nil {
		return sso.NotCounted
	}
	return p.Next.People
}
