package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func write(_ context.Context, file string) error { return os.WriteFile(file, []byte("x"), 0o600) }

// A backup is made when it is due, the newest stay, and nothing else in the folder is touched.
func TestSeries(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "backups")
	s := Series{Dir: dir, Every: time.Hour, Keep: 2}
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {time.Minute, false}, {58 * time.Minute, false}, {time.Minute, true}, {time.Hour, true}, {3 * time.Hour, true}} {
		now = now.Add(step.after)
		file, err := s.Tend(t.Context(), now, write)
		if err != nil || (file != "") != step.want {
			t.Errorf("%v: got %q, %v; want one %v", now, file, err, step.want)
		}
	}
	if got, want := files(t, dir), []string{"ssobridge-20261127T140000Z.db", "ssobridge-20261127T170000Z.db"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	others := []string{"ssobridge-20201127T140000Z.db.key", "ssobridge-2020.db", "my-ssobridge-20201127T140000Z.db", "ssobridge-20201399T990000Z.db", "notes", "ssobridge.db"}
	for _, name := range others {
		if err := write(t.Context(), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "ssobridge-20201127T140000Z.db"), 0o700); err != nil {
		t.Fatal(err)
	}
	old, young := filepath.Join(dir, "ssobridge-20201127T140000Z.db.ABC234.partial"), filepath.Join(dir, "ssobridge-20261127T175959Z.db.DEF567.partial")
	oldJournal := old + "-journal"
	for _, name := range []string{old, oldJournal, young} {
		if err := write(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{old, oldJournal} {
		if err := os.Chtimes(name, now.Add(-25*time.Hour), now.Add(-25*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(young, now, now); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Tend(t.Context(), now.Add(time.Hour), write); err != nil {
		t.Fatal(err)
	}
	want := append(others, "ssobridge-20201127T140000Z.db", "ssobridge-20261127T170000Z.db", "ssobridge-20261127T180000Z.db", filepath.Base(young))
	slices.Sort(want)
	if got := files(t, dir); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A backup that fails, such as on a disk that is full, deletes none of those before, and is tried again.
func TestSeriesOnAFullDisk(t *testing.T) {
	s := Series{Dir: t.TempDir(), Every: time.Hour, Keep: 1}
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for i := range 3 { // of a time at which more were kept
		if err := write(t.Context(), s.path(now.Add(time.Duration(i-9)*time.Hour))); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := s.Tend(t.Context(), now, func(context.Context, string) error { return syscall.ENOSPC }); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("got %v", err)
		}
		if got := files(t, s.Dir); len(got) != 3 {
			t.Errorf("got %q, want all three", got)
		}
	}
	if _, err := s.Tend(t.Context(), now, write); err != nil {
		t.Error(err)
	}
	if got := files(t, s.Dir); !slices.Equal(got, []string{"ssobridge-20261127T120000Z.db"}) {
		t.Errorf("got %q, want the new one", got)
	}
}

// A clock that was ahead once does not stop backups, and does not cost the newest one.
func TestSeriesAfterAClockThatWasAhead(t *testing.T) {
	for _, keep := range []int{1, 2, 5} {
		seriesAfterAClockThatWasAhead(t, keep)
	}
}

func seriesAfterAClockThatWasAhead(t *testing.T, keep int) {
	t.Helper()
	s := Series{Dir: t.TempDir(), Every: time.Hour, Keep: keep}
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	if err := write(t.Context(), s.path(now.Add(1000*time.Hour))); err != nil {
		t.Fatal(err)
	}
	if file, err := s.Tend(t.Context(), now, write); file == "" || err != nil {
		t.Errorf("got %q, %v; want a backup", file, err)
	}
	if last, err := s.Last(now); !last.Equal(now) || err != nil {
		t.Errorf("of %d, the last one: got %v, %v", keep, last, err)
	}
}
