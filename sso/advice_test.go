package sso_test

import (
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
)

// Whoever is refused at sign-in is told what to change.
func TestEveryLoginCodeHasAdvice(t *testing.T) {
	seen := map[string]sso.Code{}
	login := true
	for _, c := range sso.Codes() {
		login = login && c != sso.NotSignedIn // the codes of other refusals follow
		advice := c.Advice()
		if login == (advice == "") {
			t.Errorf("%s: got advice %q, want one for each code of a refused login and no other", c, advice)
		}
		if advice == "" {
			continue
		}
		if strings.HasSuffix(advice, ".") || strings.Contains(advice, "\n") {
			t.Errorf("%s: got %q, want one line without a full stop", c, advice)
		}
		if other, twice := seen[advice]; twice {
			t.Errorf("%s: got the advice of %s", c, other)
		}
		seen[advice] = c
	}
}
