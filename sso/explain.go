package sso

import (
	"context"
	"fmt"
)

// An Explanation says what a login with a token would meet.
type Explanation struct {
	Accepted bool
	Code     Code   // of the first failure; "" when accepted
	Provider string // the name of the provider that was asked; "" where none was found
	Checks   []Check
	Identity Identity // zero when it could not be established
	SignedIn *SignedIn
}

// ExplainPasted explains what somebody pasted, see [ParsePasted]. What cannot be explained is [Invalid]; the text around
// that begins with a verb.
func (b *Bridge) ExplainPasted(ctx context.Context, text, peer string) (Explanation, error) {
	cb, err := ParsePasted(text)
	switch {
	case err != nil:
		return Explanation{Code: CodeOf(err), Checks: []Check{{Name: "request", Detail: Reason(err)}}}, nil
	case cb.Handoff != "":
		return Explanation{}, fmt.Errorf("has a step of the bridge's own, which has no token any more: %w", Invalid)
	case cb.Token == "" && cb.Code != "" && b.redeems(cb):
		return Explanation{}, fmt.Errorf("has a code, which only the bridge can exchange for a token, and once: %w", Invalid)
	}
	cb.Peer = peer
	return b.Explain(ctx, cb), nil
}

func (b *Bridge) redeems(cb Callback) bool {
	p, _ := b.Providers.Of(cb)
	return p != nil && p.Redeemer != nil
}
