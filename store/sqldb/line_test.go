package sqldb_test

import (
	"context"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// What a newcomer is told to expect is what those before had to wait, and grows with the line; of a line that stands still it
// is how long the first has stood there.
func TestExpectedWait(t *testing.T) {
	now := time.Unix(0, 0)
	l := sqldb.NewLine(1, func() time.Time { return now })
	if wait := l.Expected(); wait != 0 {
		t.Errorf("nobody waits: got %v", wait)
	}
	if err := l.Take(t.Context()); err != nil {
		t.Fatal(err)
	}
	come := func() {
		before := l.Length()
		go l.Take(context.Background()) //nolint:errcheck // its context does not end
		for l.Length() == before {
			time.Sleep(time.Microsecond)
		}
	}
	come()
	now = now.Add(3 * time.Second)
	if wait := l.Expected(); wait != 3*time.Second {
		t.Errorf("the first has waited for 3 s: got %v", wait)
	}
	for range 199 {
		come()
	}
	for range 2000 { // each turn takes 10 ms
		now = now.Add(10 * time.Millisecond)
		l.Pass()
		come()
	}
	if wait := l.Expected(); wait < 1800*time.Millisecond || wait > 2200*time.Millisecond {
		t.Errorf("behind 200 of 10 ms each: got %v, want about 2 s", wait)
	}
	for range 180 {
		now = now.Add(10 * time.Millisecond)
		l.Pass()
	}
	if wait := l.Expected(); wait < 1800*time.Millisecond {
		t.Errorf("the first of 20 has waited for 1.8 s: got %v", wait)
	}
	for range 20 {
		now = now.Add(time.Millisecond)
		l.Pass()
	}
	if n, wait := l.Length(), l.Expected(); n != 0 || wait != 0 {
		t.Errorf("nobody waits any more: got %d, %v", n, wait)
	}
}

// Who has no turn in their time leaves the line, and is told to come back. Who waits without an end is served.
func TestWithin(t *testing.T) {
	l := sqldb.NewLine(1, time.Now)
	if err := l.Take(t.Context()); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- l.Take(context.Background()) }()
	for l.Length() == 0 {
		time.Sleep(time.Microsecond)
	}
	began := time.Now()
	err := l.Take(sqldb.Within(t.Context(), 20*time.Millisecond))
	if sso.CodeOf(err) != sso.Busy || time.Since(began) < 20*time.Millisecond {
		t.Errorf("got %v after %v, want busy after 20 ms", err, time.Since(began))
	}
	if n := l.Length(); n != 1 {
		t.Errorf("%d are in the line, want 1", n)
	}
	l.Pass()
	if err := <-served; err != nil {
		t.Error(err)
	}
	l.Pass()
	if err := l.Take(sqldb.Within(t.Context(), time.Nanosecond)); err != nil {
		t.Errorf("nobody has the turn: %v", err)
	}
}

// One slow turn says little about the next ones.
func TestExpectedWaitAfterOneSlowTurn(t *testing.T) {
	now := time.Unix(0, 0)
	l := sqldb.NewLine(1, func() time.Time { return now })
	if err := l.Take(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, took := range []time.Duration{3 * time.Second, 0} {
		for range 20 {
			before := l.Length()
			go l.Take(context.Background()) //nolint:errcheck // its context does not end
			for l.Length() == before {
				time.Sleep(time.Microsecond)
			}
		}
		now = now.Add(took)
		if took == 0 {
			break
		}
		for range 20 {
			l.Pass()
		}
	}
	if wait := l.Expected(); wait > 5*time.Second {
		t.Errorf("twenty wait after a turn of 3 s: got %v", wait)
	}
}
