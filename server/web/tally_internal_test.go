package web

import (
	"fmt"
	"testing"
	"time"
)

// SECURITY L2: with more keys than are told apart, who has a token that somebody signed still gets in, and networks share
// one count.
func TestTallyIsFull(t *testing.T) {
	const tokenForms, networkForms = 20, 600
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tokens, networks := Tally{Open: true}, Tally{}
	for i := range maxTallied {
		key := fmt.Sprint("k", i)
		if !tokens.Add(key, tokenForms, now) || !networks.Add(key, networkForms, now) {
			t.Fatalf("key %d: refused", i)
		}
	}
	passed := 0
	for i := range 2 * networkForms {
		key := fmt.Sprint("late", i)
		if !tokens.Add(key, tokenForms, now) {
			t.Fatalf("token %d after the first %d: refused", i, maxTallied)
		}
		if networks.Add(key, networkForms, now) {
			passed++
		}
	}
	if passed != networkForms {
		t.Errorf("networks after the first %d: got %d let pass, want %d", maxTallied, passed, networkForms)
	}
	for i := range tokenForms { // the first ones are still counted
		if got, want := tokens.Add("k0", tokenForms, now), i < tokenForms-1; got != want {
			t.Errorf("use %d of a counted token: got %t, want %t", i+2, got, want)
		}
	}
	now = now.Add(3 * tallyTurn)
	if !networks.Add("late0", networkForms, now) || !tokens.Add("k0", tokenForms, now) || len(tokens.recent)+len(tokens.past) != 1 {
		t.Errorf("later: got %d keys and %d, want all forgotten", len(tokens.recent), len(tokens.past))
	}
}
