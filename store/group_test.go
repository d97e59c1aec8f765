package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
)

// SECURITY C1: of sign-ins that share a commit and bring the same token one opens a session, and the others are refused; new
// people beside them are signed in.
func TestSameTokenInOneCommit(t *testing.T) {
	db := open(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"))
	const same, others = 6, 3
	errs := make([]error, same+others)
	first, in := conformance.Arrival(start, person("ada@example.com"), standard)
	end := db.Hold(t.Context(), len(errs))
	ssotest.AtOnce(len(errs), func(i int) {
		x, attempt := conformance.Arrival(start, person(fmt.Sprintf("p%d@example.com", i)), standard)
		if i < same {
			x.Identity, x.Proof = first.Identity, first.Proof
			attempt.FlowKey = in.FlowKey
		}
		_, errs[i] = db.SignIn(context.Background(), x, attempt)
	})
	if err := end(); err != nil {
		t.Error(err)
	}
	opened := 0
	for i, err := range errs {
		switch {
		case err == nil && i < same:
			opened++
		case i < same:
			wantCode(t, "the same token", err, sso.TokenReplayed)
		case err != nil:
			t.Errorf("another person: %v", err)
		}
	}
	if n := db.count(t, "sessions"); opened != 1 || n != 1+others {
		t.Errorf("the token opened %d sessions, and there are %d; want 1 and %d", opened, n, 1+others)
	}
}
