package token

import (
	"slices"
	"testing"
)

// A rehearsal makes each check of a login that looks at claims alone. One that gets another name, or comes anew, must be decided on here.
func TestRehearsedChecks(t *testing.T) {
	others := []string{"nonce", "code_challenge", // of the browser
		"access_token_hash", "subject", "userinfo"} // of what comes beside the token
	var met []string
	for _, list := range [][]step{steps(), validatedSteps(), openIDSteps()} {
		for _, s := range list {
			if s.needs&hasClaims == 0 {
				continue
			}
			if met = append(met, s.name); slices.Contains(rehearsed(), s.name) == slices.Contains(others, s.name) {
				t.Errorf("the check %s is rehearsed and left out, or neither", s.name)
			}
		}
	}
	for _, name := range rehearsed() {
		if !slices.Contains(met, name) {
			t.Errorf("%s is no check", name)
		}
	}
}
