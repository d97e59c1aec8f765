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
	Caller   *Principal // of the token of an API client: whom a request with it acts for
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
	if e, ok := b.explainBearer(ctx, cb); ok {
		return e, nil
	}
	return b.Explain(ctx, cb), nil
}

// explainBearer explains the token of an API client. ok is false for one that is no API client's, or may as well be a login's
// that is not good.
func (b *Bridge) explainBearer(ctx context.Context, cb Callback) (e Explanation, ok bool) {
	of, err := b.Providers.Presented(cb.Token)
	if cb.Pasted != PastedToken || err != nil {
		return e, false
	}
	x := &Exam{Now: b.Now(), Explaining: true}
	x.Check("provider", func(x *Exam) error {
		x.Note("%s, whose tokens API clients present with each request; nobody signs in with them", of.Name)
		return nil
	})
	p := of.Bearer.Authenticate(ctx, cb.Token, x)
	logins := b.Providers.logins()
	if p == nil && len(logins) > 0 && (of.Issuer == "" || logins.issued(of.Issuer) != nil) {
		return e, false
	}
	e = Explanation{Accepted: p != nil, Code: CodeOf(x.Err), Provider: of.Name, Checks: x.Checks, Identity: x.Identity, Caller: p}
	if p != nil {
		e.SignedIn = &SignedIn{Account: p.Account, Groups: p.Groups}
	}
	return e, true
}

func (b *Bridge) redeems(cb Callback) bool {
	p, _ := b.Providers.Of(cb)
	return p != nil && p.Redeemer != nil
}
