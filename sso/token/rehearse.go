package token

import (
	"context"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/claim"
)

// Rehearse holds claims to the rules of the verifier, as at that time: what a past login would meet. It makes the checks that
// need neither the token nor its browser, and returns the errors of [Verifier.Verify].
func (v *Verifier) Rehearse(ctx context.Context, claims sso.Claims, now time.Time) error {
	if err := v.configured(); err != nil {
		return err
	}
	x := &sso.Exam{Now: now, Claims: claims}
	e := v.exam(ctx, "", now)
	e.claims, e.have = claims, hasClaims
	for _, s := range v.steps() {
		if slices.Contains(rehearsed(), s.name) && !x.Check(s.name, func(x *sso.Exam) error { return s.check(e, x) }) {
			return x.Err
		}
	}
	return nil
}

// Reads returns the claims that must have a value, and the paths of those that say who it is.
func (v *Verifier) Reads() ([]claim.Requirement, []claim.Path) { return v.Require, v.Names.Paths() }

// rehearsed are the checks that look at claims alone.
func rehearsed() []string {
	return []string{"expiry", "not_before", "issued_at", "lifetime", "issuer", "audience", "authorized_party", "authentication_time", "require", "token_id",
		"email_verified", "identity"}
}
