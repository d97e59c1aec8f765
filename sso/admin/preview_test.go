package admin

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ssobridge/ssobridge/sso"
)

// crowd is a store of so many people that each takes a second to look at.
type crowd struct {
	people
	begun, ended *atomic.Int64
	err          error
}

func newCrowd(err error) crowd { return crowd{office(), new(atomic.Int64), new(atomic.Int64), err} }

func (c crowd) SentGroups(ctx context.Context, _ string, each func(sso.SentGroups)) error {
	c.begun.Add(1)
	defer func() { c.ended.Add(1) }()
	for _, s := range c.sent {
		select {
		case <-time.After(time.Second):
			each(s)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return c.err
}

func (c crowd) MemberCounts(ctx context.Context, ids []int64) (map[int64]int, error) {
	if slices.Equal(ids, []int64{sso.AllUsers}) {
		return map[int64]int{sso.AllUsers: 10}, nil
	}
	return c.people.MemberCounts(ctx, ids)
}

func (c crowd) mapping(saved GroupMapping) Mapping {
	m := domain(c.people, saved)
	m.Store = c
	return m
}

var (
	savedOne = manual(sso.Mappings{"s": id(sales), "h": id(hr)})
	editOne  = MappingEdit{GroupMapping: manual(sso.Mappings{"h": id(hr)}), Unmapped: map[string]Fate{"s": FateDelete}}
	editTwo  = MappingEdit{GroupMapping: GroupMapping{Mode: ModeOff, Mappings: savedOne.Mappings}}
)

// What takes longer than an administrator waits goes on, says how far it is, and what happens at once is known from the beginning.
func TestPreviewsGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCrowd(nil), NewPreviews()
		m := c.mapping(savedOne)
		time.Sleep(time.Millisecond) // so that nothing falls together
		p.wait = 2500 * time.Millisecond
		first, err := p.Plan(t.Context(), m, 7, editOne)
		if diff := cmp.Diff(&Progress{Looked: 2, AtMost: 10}, first.Pending); diff != "" || err != nil || first.People != 2 || len(first.Now) != 1 {
			t.Fatalf("got %+v, %v (-want +got):\n%s", first, err, diff)
		}
		got, err := p.Plan(t.Context(), m, 7, editOne)
		if err != nil || got.Pending != nil || c.begun.Load() != 1 {
			t.Fatalf("got %+v, %v after looking %d times, want all from one look", got, err, c.begun.Load())
		}
		want, err := domain(c.people, savedOne).Plan(t.Context(), editOne)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Clearing{})); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if len(p.of) != 0 {
			t.Errorf("%d are kept after they were fetched", len(p.of))
		}
	})
}

// There is one for each administrator, and a few at once for all. It ends when nobody asks, or for something else.
func TestPreviewsEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		then         func(p *Previews, m Mapping)
		begun, ended int64
	}{
		"nobody asks": {func(p *Previews, _ Mapping) { time.Sleep(3 * time.Minute) }, 1, 1},
		"another edit": {func(p *Previews, m Mapping) {
			p.Plan(context.Background(), m, 7, editTwo)
		}, 2, 1},
		"another administrator": {func(p *Previews, m Mapping) {
			p.Plan(context.Background(), m, 8, editOne)
		}, 2, 0},
		"a third has to wait": {func(p *Previews, m Mapping) {
			p.Plan(context.Background(), m, 8, editOne)
			if plan, err := p.Plan(context.Background(), m, 9, editOne); err != nil || plan.Pending == nil || plan.Pending.Looked != 0 {
				panic("the third runs")
			}
		}, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := newCrowd(nil), NewPreviews()
				p.wait = 10 * time.Millisecond
				m := c.mapping(savedOne)
				c.sent = slices.Repeat(c.sent, 100)
				m.Store = c
				if plan, err := p.Plan(t.Context(), m, 7, editOne); err != nil || plan.Pending == nil {
					t.Fatalf("got %+v, %v", plan, err)
				}
				tt.then(p, m)
				synctest.Wait()
				if c.begun.Load() != tt.begun || c.ended.Load() != tt.ended {
					t.Errorf("%d began and %d ended, want %d and %d", c.begun.Load(), c.ended.Load(), tt.begun, tt.ended)
				}
				time.Sleep(3 * time.Minute)
				synctest.Wait()
				if len(p.of) != 0 || c.begun.Load() != c.ended.Load() || len(p.runs) != 0 {
					t.Errorf("in the end %d are kept, %d began and %d ended", len(p.of), c.begun.Load(), c.ended.Load())
				}
			})
		})
	}
}

// An error is told once, and the next one who asks begins anew.
func TestPreviewsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := newCrowd(sso.StoreUnavailable), NewPreviews()
		p.wait = time.Minute
		for i := range 2 {
			if _, err := p.Plan(t.Context(), c.mapping(savedOne), 7, editOne); !errors.Is(err, sso.StoreUnavailable) || c.begun.Load() != int64(i)+1 {
				t.Errorf("got %v after %d", err, c.begun.Load())
			}
		}
	})
}

// Saving does not wait until a million people were looked at: it says that it did not count them.
func TestEditDoesNotWaitForACrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(nil)
		m := c.mapping(savedOne)
		var undo *sso.Undo
		m.Save = func(_ context.Context, c Change) (int64, error) { undo = c.Undo; return c.Version + 1, nil }
		_, version, _ := m.Saved(t.Context())
		edit := editTwo
		edit.Version = version
		began := time.Now()
		plan, _, err := m.Edit(t.Context(), Actor{Name: "root", Proved: true}, edit)
		if err != nil || plan.Pending == nil || undo == nil || undo.People != sso.NotCounted || time.Since(began) > countTime {
			t.Errorf("got %+v and %+v, %v after %v", plan, undo, err, time.Since(began))
		}
	})
}
