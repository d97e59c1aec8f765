package sso

import (
	"cmp"
	"context"
	"strings"
)

// refuse ends a login that failed: with its event, and with the page for a browser that needs no login any more.
func (b *Bridge) refuse(ctx context.Context, cb Callback, x *Exam) (*Login, error) {
	goesOn := b.goesOn(cb, x)
	switch {
	case goesOn != nil:
		b.refused(ctx, cb, x, "this browser is signed in already, and goes on to its page")
		return goesOn, nil
	case cb.Navigation && CodeOf(x.Err) == TokenReplayed:
		b.refused(ctx, cb, x, "nothing was opened, and the sign-in begins once more")
	default:
		b.refused(ctx, cb, x, "")
	}
	return nil, x.Err
}

// goesOn is what a browser gets instead of a refusal which says no more than that its sign-in was finished in another tab,
// or took too long meanwhile: it is signed in, as the person that the token names if there is one, and stays so. Nothing
// is opened. nil: it is refused.
func (b *Bridge) goesOn(cb Callback, x *Exam) *Login {
	switch CodeOf(x.Err) {
	case TokenReplayed, FlowMissing, FlowMismatch:
	default:
		return nil
	}
	if cur := cb.Current; !cb.Navigation || cur == nil || x.Identity.Email != "" && EmailKey(x.Identity.Email) != EmailKey(cur.Account.Email) {
		return nil
	}
	login := &Login{Resumed: true, Session: cb.Current.Session}
	if cb.Flow != nil && b.Provider.Binding != BindingOff {
		login.ReturnTo = cb.Flow.ReturnTo
		return login
	}
	var err error
	if login.ReturnTo, err = b.Return.Parse(cb.ReturnTo); err != nil {
		return nil
	}
	return login
}

func (b *Bridge) event(kind EventKind, cb Callback, x *Exam) Event {
	e := Event{
		At: x.Now, Kind: kind, Reference: cb.Reference, Peer: cb.Peer, Email: cmp.Or(x.Identity.Email, x.Claimed),
		KeyID: Truncate(CleanText(x.KeyID), 100), Proof: x.Proof.Key,
	}
	if b.Provider != nil {
		e.Provider = b.Provider.Name
	}
	return e
}

// refused leaves the event of a refusal. The answer does not depend on it: when the store is down, the log has it.
func (b *Bridge) refused(ctx context.Context, cb Callback, x *Exam, then string) {
	e := b.event(EventSignInRefused, cb, x)
	e.Code, e.Detail = CodeOf(x.Err), Reason(x.Err)
	if e.Email != "" && e.Proof == "" {
		e.Detail = strings.TrimPrefix(e.Detail+"; "+Unproven, "; ")
	}
	if then != "" {
		e.Detail += "; " + then
	}
	if err := b.Store.Record(context.WithoutCancel(ctx), e); err != nil {
		b.Log.ErrorContext(ctx, "event not recorded", "reference", e.Reference, "error", err)
	}
}
