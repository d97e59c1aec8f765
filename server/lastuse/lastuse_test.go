package lastuse_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/server/lastuse"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// A write that fails loses nothing, and the latest use is what is written in the end.
func TestUsesOutliveAFailedWrite(t *testing.T) {
	got, down := map[string]time.Time{}, true
	var w *lastuse.Writer[string]
	w = lastuse.New("things", slog.New(slog.DiscardHandler), func(_ context.Context, uses map[string]time.Time) error {
		w.Note("ada", noon.Add(2*time.Minute)) // it is used while it is written
		if down {
			return errors.New("no database")
		}
		for key, at := range uses {
			got[key] = at
		}
		return nil
	})
	w.Note("ada", noon.Add(time.Minute))
	w.Note("ada", noon)
	w.Note("grace", noon)
	w.Flush(t.Context())
	if len(got) != 0 || !w.Pending("grace").Equal(noon) {
		t.Errorf("after a failed write: got %v written, %v pending of grace", got, w.Pending("grace"))
	}
	down = false
	w.Note("hedy", noon)
	w.Flush(t.Context())
	want := map[string]time.Time{"ada": noon.Add(2 * time.Minute), "grace": noon, "hedy": noon}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	if !w.Pending("grace").IsZero() {
		t.Error("what was written is still pending")
	}
	delete(got, "grace")
	w.Flush(t.Context())
	if !got["grace"].IsZero() {
		t.Errorf("written twice: %v", got)
	}
}

// A use that comes while the one before is being written is written next.
func TestUseDuringAWrite(t *testing.T) {
	var got []time.Time
	var w *lastuse.Writer[int]
	w = lastuse.New("things", slog.New(slog.DiscardHandler), func(_ context.Context, uses map[int]time.Time) error {
		got = append(got, uses[1])
		w.Note(1, noon.Add(time.Hour))
		return nil
	})
	w.Note(1, noon)
	w.Flush(t.Context())
	w.Flush(t.Context())
	w.Flush(t.Context())
	if diff := cmp.Diff([]time.Time{noon, noon.Add(time.Hour)}, got); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
}

// Many are written in parts, and what is noted before the end is written at the end.
func TestFollowWritesAtTheEnd(t *testing.T) {
	got, parts := 0, 0
	w := lastuse.New("things", slog.New(slog.DiscardHandler), func(ctx context.Context, uses map[int]time.Time) error {
		got, parts = got+len(uses), parts+1
		return ctx.Err()
	})
	for i := range 1200 {
		w.Note(i, noon)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.Follow(ctx)
	if got != 1200 || parts != 3 {
		t.Errorf("got %d uses in %d parts, want 1200 in 3", got, parts)
	}
}
