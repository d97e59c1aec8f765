// Package renewal asks OpenID providers whether the sessions that they opened are still good (OpenID Connect Core §12): with the
// refresh token of the sign-in, and with the rules of a sign-in for the new ID token. A person who was switched off at the
// provider loses the session, and groups follow.
package renewal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// Lease is how long a claimed session belongs to whoever claimed it. It is much longer than a refresh takes.
const Lease = time.Minute

// A Store keeps what refreshes change. Each method but the first acts only while the session is there and the claim is not over;
// else it changes nothing and returns [sso.NotSignedIn].
type Store interface {
	// ClaimRefresh claims a session until a moment, if it was last refreshed at due or before, and if it may be refreshed at now.
	// Of several that ask at once, one gets it.
	ClaimRefresh(ctx context.Context, session sso.SessionHash, due, now, until time.Time) (c Claim, claimed bool, err error)

	// KeepGranted keeps what the provider gave, in the place of what it gave before.
	KeepGranted(ctx context.Context, c Claim, g sso.Granted) error

	// Renew is [sso.Store.SignIn] for the account of the session: no proof is spent, no account is made and no session is
	// opened. It keeps in.Granted, and ends the claim. There is an event if memberships changed. Errors: besides those of
	// SignIn, [sso.TokenSubjectMismatch] when the identity leads to another account.
	Renew(ctx context.Context, x *sso.Exam, in sso.Attempt, c Claim) (*sso.SignedIn, error)

	// SettleRefresh ends the claim, and changes nothing else.
	SettleRefresh(ctx context.Context, c Claim, to State) error

	// EndRefused ends the session, with an event that gets the person.
	EndRefused(ctx context.Context, c Claim, e sso.Event) error
}

// A State says how it stands with the refreshes of a session.
type State struct {
	Refreshed time.Time // when the provider last confirmed it
	After     time.Time // it is not asked again before that
	Failing   time.Time // since when there has been no good answer; zero: there was one
}

// A Claim is a session that is being refreshed.
type Claim struct {
	Session   sso.SessionHash
	Key       string // names what the provider gave, also when the session gets another id
	Until     time.Time
	AccountID int64
	State     State
	Granted   sso.Granted // zero when nothing is kept that can be opened
}

// An Outcome is what came of a refresh.
type Outcome string

// The outcomes. What was not due has none.
const (
	NotDue    Outcome = ""
	Refreshed Outcome = "refreshed"
	Ended     Outcome = "ended"  // the session, since the provider said so or said nothing for too long
	Failed    Outcome = "failed" // it will be tried again
	Gone      Outcome = "gone"   // the session ended meanwhile
	NotKept   Outcome = "unkept" // the database could not keep it; it will be tried again
)

// Outcomes are all of which there is something to tell.
func Outcomes() []Outcome { return []Outcome{Refreshed, Ended, Failed, Gone, NotKept} }

// Due is when a session is to be refreshed; zero: never. Sessions of one moment are spread over the last tenth of the time, so
// that they do not all come at once.
func Due(p *sso.Provider, s sso.Session) time.Time {
	if p == nil || p.Refresher == nil || s.RefreshedAt.IsZero() {
		return time.Time{}
	}
	due := s.RefreshedAt.Add(every(p, s.Hash))
	if due.Before(s.RefreshAfter) {
		return s.RefreshAfter
	}
	return due
}

// Late is from when on a session is good for nothing until its provider has confirmed it: whoever was switched off there long ago,
// while the session was not used, sees nothing more. zero: never.
func Late(p *sso.Provider, s sso.Session) time.Time {
	if Due(p, s).IsZero() {
		return time.Time{}
	}
	return s.RefreshedAt.Add(p.RefreshEvery + p.RefreshGrace)
}

func every(p *sso.Provider, session sso.SessionHash) time.Duration {
	return p.RefreshEvery - spread(session, p.RefreshEvery/10)
}

// spread is a part of a time that depends on the session alone.
func spread(session sso.SessionHash, of time.Duration) time.Duration {
	return time.Duration(float64(of) * float64(binary.BigEndian.Uint32(session[:4])) / (1 << 32))
}

// Run refreshes a session of a provider, if that is due. The error says why a session was ended, or not refreshed. A refresh that
// has begun goes on to its end, whatever becomes of ctx: the provider may have given a new refresh token in the place of the old.
func Run(ctx context.Context, b *sso.Bridge, store Store, p *sso.Provider, session sso.SessionHash) (Outcome, error) {
	ctx = context.WithoutCancel(ctx)
	if p.Refresher == nil {
		return NotDue, nil
	}
	now := b.Now()
	c, claimed, err := store.ClaimRefresh(ctx, session, now.Add(-every(p, session)), now, now.Add(Lease))
	if err != nil {
		return NotKept, err
	}
	if !claimed {
		return NotDue, nil
	}
	r := &refresh{Bridge: b, store: store, provider: p, claim: c, now: now}
	return r.conclude(ctx, r.ask(ctx))
}

// A refresh is one on its way.
type refresh struct {
	*sso.Bridge
	store    Store
	provider *sso.Provider
	claim    Claim
	now      time.Time
}

// ask asks the provider and does what it says.
func (r *refresh) ask(ctx context.Context) error {
	g := &r.claim.Granted
	switch {
	case g.RefreshToken == "":
		return fmt.Errorf("the refresh token of the session cannot be opened: SECRET_KEY is another one: %w", sso.ProviderUnavailable)
	case g.Issuer != r.provider.Issuer:
		return fmt.Errorf("the session is of the issuer %q; %sISSUER is %q: %w", g.Issuer, r.provider.Settings, r.provider.Issuer, sso.ProviderUnavailable)
	}
	answer, err := r.provider.Refresher.Refresh(ctx, g.RefreshToken)
	if err != nil {
		return err
	}
	// RFC 6749 §6: a new refresh token takes the place of the old one, which may be worth nothing by now. It is kept before
	// anything else can fail.
	if answer.RefreshToken != "" && answer.RefreshToken != g.RefreshToken {
		g.RefreshToken = answer.RefreshToken
		if err := r.keep(ctx); err != nil {
			return err
		}
	}
	if answer.Token == "" { // §12.2: there need not be an ID token. The provider has confirmed the session, and has said no more
		return r.store.SettleRefresh(ctx, r.claim, State{Refreshed: r.now})
	}
	return r.judge(ctx, answer)
}

// keep keeps a new refresh token. A database that is away for a moment does not cost the session.
func (r *refresh) keep(ctx context.Context) (err error) {
	for try := range 5 {
		time.Sleep(time.Duration(try) * 200 * time.Millisecond)
		if err = r.store.KeepGranted(ctx, r.claim, r.claim.Granted); sso.CodeOf(err) != sso.StoreUnavailable {
			break
		}
	}
	return err
}

// judge takes the steps of a sign-in with the new ID token, from the token on.
func (r *refresh) judge(ctx context.Context, answer sso.Grant) error {
	p, g := r.provider, r.claim.Granted
	x := &sso.Exam{Now: r.now, Refreshes: g.Subject, Nonce: g.Nonce, AccessToken: answer.AccessToken}
	if p.Login.Verify(ctx, answer.Token, x); x.Err != nil {
		return x.Err
	}
	if p.CompleteGroups(ctx, x); x.Err != nil {
		return x.Err
	}
	if err := p.Policy.Admission.Allows(x.Identity); err != nil {
		return err
	}
	g.IDToken = answer.Token
	out, err := r.store.Renew(ctx, x, sso.Attempt{
		Policy: p.Policy, Settings: r.Settings, Digest: p.DigestOf(x.KeyID), Granted: g,
		Session: sso.Session{Hash: r.claim.Session, AccountID: r.claim.AccountID, Provider: p.Name},
		Event:   r.event(sso.EventAccount, "refresh by the identity provider"),
	}, r.claim)
	if err != nil {
		return err
	}
	for _, w := range out.Warnings {
		r.Log.WarnContext(ctx, w, "account", out.Account.ID)
	}
	return nil
}

func (r *refresh) event(kind sso.EventKind, detail string) sso.Event {
	return sso.Event{At: r.now, Kind: kind, Provider: r.provider.Name, AccountID: r.claim.AccountID, Actor: "identity provider", Detail: detail}
}

// conclude says what a refresh leads to.
func (r *refresh) conclude(ctx context.Context, err error) (Outcome, error) {
	switch code := sso.CodeOf(err); {
	case err == nil:
		return Refreshed, nil
	case code == sso.NotSignedIn:
		return Gone, nil
	case code == sso.StoreUnavailable || code == sso.Busy: // the claim ends by itself
		return NotKept, err
	case IsFinal(code):
		return r.end(ctx, err, "not refreshed: "+sso.Reason(err))
	}
	state := r.claim.State
	if state.Failing.IsZero() {
		state.Failing = r.now
	}
	last := state.Failing.Add(r.provider.RefreshGrace)
	if !r.now.Before(last) {
		return r.end(ctx, err, fmt.Sprintf("not refreshed since %s: %s", state.Failing.UTC().Format(time.RFC3339), sso.Reason(err)))
	}
	state.After = r.now.Add(wait(r.now.Sub(state.Failing), retryAfter(err), last.Sub(r.now)) + spread(r.claim.Session, 10*time.Second))
	if settled := r.store.SettleRefresh(ctx, r.claim, state); settled != nil {
		return r.conclude(ctx, unkept(settled))
	}
	return Failed, err
}

// unkept is an error of the store as one that is not asked about again.
func unkept(err error) error {
	if sso.CodeOf(err) == sso.NotSignedIn {
		return err
	}
	return fmt.Errorf("%w: %w", sso.StoreUnavailable, err)
}

// end ends the session.
func (r *refresh) end(ctx context.Context, why error, detail string) (Outcome, error) {
	e := r.event(sso.EventNotRefreshed, detail)
	e.Code = sso.CodeOf(why)
	switch err := r.store.EndRefused(ctx, r.claim, e); {
	case sso.CodeOf(err) == sso.NotSignedIn:
		return Gone, nil
	case err != nil:
		return NotKept, err
	}
	return Ended, why
}

// IsFinal reports whether a code means that the provider, or a rule of the bridge, does not let the person go on. Everything else
// is an answer that could not be had, or was not good: as if there were none.
func IsFinal(code sso.Code) bool {
	switch code {
	case sso.ProviderRefused, sso.PersonNotAllowed, sso.AccountDisabled, sso.LinkRefused, sso.ProvisioningOff, sso.EmailUnverified,
		sso.TokenSubjectMismatch, sso.TokenSubjectMissing, sso.TokenIssuer, sso.TokenAudience, sso.TokenClaim, sso.FlowMismatch:
		return true
	}
	return false
}

// The least and the most time between two tries.
const (
	leastWait = 30 * time.Second
	mostWait  = 5 * time.Minute
)

// wait is how long to wait for the next try: half as long as it has failed, as long as the provider wants at least, but no longer
// than until the last try.
func wait(failing, wanted, left time.Duration) time.Duration {
	return max(min(max(min(max(failing/2, leastWait), mostWait), wanted), left), time.Second)
}

// retryAfter is how long a server wants to be left alone; 0 when it does not say.
func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[interface {
		error
		RetryAfter() time.Duration
	}](err); ok {
		return e.RetryAfter()
	}
	return 0
}
