package sqldb

import "testing"

// A part of a migration runs on the engine that it is for.
func TestTextFor(t *testing.T) {
	const text = "a;\n-- only: sqlite\nb;\n-- only: postgres\nc;\n-- only: both\nd;\n-- only: postgres\ne;\n"
	for engine, want := range map[string]string{"sqlite": "a;\nb;\nd;\n", "postgres": "a;\nc;\nd;\ne;\n"} {
		if got := textFor(engine, text); got != want {
			t.Errorf("%s: got %q, want %q", engine, got, want)
		}
	}
	if got := textFor("sqlite", "a; -- only: postgres\n"); got != "a; -- only: postgres\n" {
		t.Errorf("got %q: what does not begin a line is a comment", got)
	}
}
