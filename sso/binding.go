package sso

import (
	"crypto/subtle"
	"fmt"
	"time"
)

// checkFlow holds the callback against the flow that this browser began (CONTRACT 5).
func (r *run) checkFlow() error {
	p, cb := r.provider, r.cb
	if p.Binding == BindingOff {
		return nil
	}
	switch f := cb.Flow; {
	case f == nil && cb.Pasted == PastedToken && cb.State == "":
		return nil // a token alone cannot tell what comes beside it
	case cb.State == "":
		return fmt.Errorf("the callback has no state: the identity provider must send back the state it was given; "+
			"a sign-in that begins at the identity provider has none: %w", FlowMissing)
	case f == nil && cb.Pasted != NotPasted:
		return nil // only the browser's cookie knows
	case f == nil && cb.NoFlow != nil:
		return cb.NoFlow
	case f == nil:
		return fmt.Errorf("this browser has begun no login with that state: %w", FlowMissing)
	case subtle.ConstantTimeCompare([]byte(f.State), []byte(cb.State)) != 1:
		return fmt.Errorf("the state is not the one this browser was given: %w", FlowMismatch)
	case f.Provider != p.Name:
		return fmt.Errorf("the login began with the provider %q and ended with %q: %w", f.Provider, p.Name, FlowMismatch)
	case !r.x.Now.Before(f.Expires):
		return fmt.Errorf("the login took longer than %v; it began at %s: %w", FlowLifetime,
			f.Expires.Add(-FlowLifetime).UTC().Format(time.RFC3339), FlowMissing)
	case p.Binding == BindingPKCE && f.Verifier == "": // SECURITY C6
		return fmt.Errorf("the login began before %sBINDING was pkce: %w", p.Settings, FlowMismatch)
	}
	return nil
}

// judgeBinding says whether the login that this browser began is the one that ends here.
func (r *run) judgeBinding() error {
	r.noteBinding()
	if r.flow != nil {
		return r.flow
	}
	return r.checkChallenge()
}

// checkChallenge finds, without a flow, the token that no flow could make right. With one, the verifier has compared the
// claim.
func (r *run) checkChallenge() error {
	p := r.provider
	if r.cb.Flow != nil || p.Binding != BindingPKCE || p.Redeemer != nil || r.x.Claims == nil {
		return nil
	}
	if sent, _ := r.x.Claims.String("code_challenge"); sent == "" {
		return fmt.Errorf("the token has no code_challenge, and %sTOKEN_URI is not set: the identity provider must put "+
			"the code_challenge that it was sent into the token: %w", p.Settings, FlowMismatch)
	}
	return nil
}

// noteBinding says in an explanation what was judged of the binding, and what only the browser's own cookie could tell.
func (r *run) noteBinding() {
	switch p := r.provider; {
	case p.Binding == BindingOff:
		r.x.Note("%sBINDING is off: the token is accepted from any browser", p.Settings)
	case r.cb.Flow != nil:
		r.x.Note("the login began in this browser")
	case p.Redeemer != nil:
		r.x.Note("not judged here: the browser must bring a code and the state it was given, and the token comes from the token endpoint")
	case p.Binding == BindingPKCE:
		r.x.Note("not judged here: only the browser that began the login knows its state, and the code_challenge that the token must have")
	default:
		r.x.Note("not judged here: only the browser that began the login knows its state")
	}
}
