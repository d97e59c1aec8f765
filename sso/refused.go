package sso

import (
	"cmp"
	"context"
	"strings"

	"github.com/ssobridge/ssobridge/sso/address"
)

// refuse ends a login that failed: with its event, and with the page for a browser that needs no login any more.
func (r *run) refuse() (*Login, error) {
	goesOn := r.goesOn()
	switch {
	case goesOn != nil:
		r.refused("this browser is signed in already, and goes on to its page")
		return goesOn, nil
	case r.cb.Navigation && CodeOf(r.x.Err) == TokenReplayed:
		r.refused("nothing was opened, and the sign-in begins once more")
	default:
		r.refused("")
	}
	return nil, r.x.Err
}

// goesOn is what a browser gets instead of a refusal which says no more than that its sign-in was finished in another tab,
// or took too long meanwhile: it is signed in, as the person that the token names if there is one, and stays so. Nothing
// is opened. nil: it is refused.
func (r *run) goesOn() *Login {
	cb, x := r.cb, r.x
	switch CodeOf(x.Err) {
	case TokenReplayed, FlowMissing, FlowMismatch:
	default:
		return nil
	}
	if cur := cb.Current; !cb.Navigation || cur == nil || x.Identity.Email != "" && address.Key(x.Identity.Email) != address.Key(cur.Account.Email) {
		return nil
	}
	login := &Login{Resumed: true, Session: cb.Current.Session}
	if cb.Flow != nil && r.provider != nil && r.provider.Binding != BindingOff {
		login.ReturnTo = cb.Flow.ReturnTo
		return login
	}
	var err error
	if login.ReturnTo, err = r.Return.Parse(cb.ReturnTo); err != nil {
		return nil
	}
	return login
}

func (r *run) event(kind EventKind) Event {
	cb, x := r.cb, r.x
	e := Event{
		At: x.Now, Kind: kind, Reference: cb.Reference, Peer: cb.Peer, Email: cmp.Or(x.Identity.Email, x.Claimed),
		KeyID: Truncate(CleanText(x.KeyID), 100), Proof: x.Proof.Key,
	}
	if r.provider != nil {
		e.Provider = r.provider.Name
	}
	return e
}

// refused leaves the event of a refusal. The answer does not depend on it: when the store is down, the log has it.
func (r *run) refused(then string) {
	if CodeOf(r.x.Err) == Busy {
		return // an event would wait as long as the sign-in
	}
	e := r.event(EventSignInRefused)
	e.Code, e.Detail = CodeOf(r.x.Err), Reason(r.x.Err)
	if e.Email != "" && e.Proof == "" {
		e.Detail = strings.TrimPrefix(e.Detail+"; "+Unproven, "; ")
	}
	if then != "" {
		e.Detail += "; " + then
	}
	err := r.Store.Record(context.WithoutCancel(r.ctx), e)
	if err != nil && !sameCause(err, r.x.Err) { // the line of the refusal says why there is no event
		r.Log.ErrorContext(r.ctx, "event not recorded", "reference", e.Reference, "reason", Reason(err))
	}
}

// sameCause reports whether the store is unavailable twice for one cause, such as a full disk.
func sameCause(err, other error) bool {
	return CodeOf(err) == StoreUnavailable && CodeOf(other) == StoreUnavailable && CauseOf(err) == CauseOf(other)
}
