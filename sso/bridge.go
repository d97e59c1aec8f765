package sso

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// A Bridge runs logins. It is made of one consistent set of settings and never changed; new settings make a new Bridge.
type Bridge struct {
	Provider *Provider // nil: sign-in through an IdP is off
	Return   ReturnRules
	Policy   Policy
	Store    Store
	Settings int64 // version of the saved settings that it was made of; sign-ins by an older one than there is open nothing
	Now      func() time.Time
	Log      *slog.Logger
}

// Store keeps what logins change. Package store has the one implementation, for two databases.
type Store interface {
	// SignIn is one transaction: spend the proof and the flow, find or provision the account, sync attributes and groups,
	// open the session, write the event: all or nothing. Each decision is an x.Check. While x.Explaining, it makes the same
	// decisions and undoes everything.
	//
	// Errors: [TokenReplayed], [FlowMismatch] (spent), those of [Policy.Admit], [*SwitchNeeded], [SettingsChanged], and
	// [StoreUnavailable].
	SignIn(ctx context.Context, x *Exam, in SignIn) (*SignedIn, error)

	// Record adds an event to the audit trail. It returns when the event is safe on disk.
	Record(ctx context.Context, e Event) error
}

// SignIn is what [Store.SignIn] needs to know. Exam has the identity and the proof.
type SignIn struct {
	Policy   Policy
	Settings int64   // [Bridge.Settings]
	Session  Session // AccountID is filled in by the store
	FlowKey  string  // the flow to spend; "" when the login is not bound
	Current  []int64 // the accounts signed in on this browser now; more than one where a second cookie was planted
	Switch   bool    // the person agreed to leave Current
	Event    Event   // the event of a success; the store fills in the account
	Mark     string  // kept with the account; see [Provider.Mark]
}

// SignedIn is what a sign-in led to.
type SignedIn struct {
	Account        Account
	Groups         []Group // sorted by id
	Admission      Admission
	Added, Removed []int64
	Warnings       []string // for an administrator: the last administrator was kept, a mapped group does not exist
}

// SwitchNeeded is returned for an unbound login by which this browser would become another person: someone must agree
// first, since the link may have come from anyone (login CSRF, SECURITY C5). Nothing was spent.
type SwitchNeeded struct {
	From int64 // the account
	To   Identity
}

func (s *SwitchNeeded) Error() string { return "another person is signed in on this browser" }

// A Login is an accepted callback.
type Login struct {
	SessionID string // for the cookie; "" when Resumed
	Session   Session
	SignedIn  *SignedIn // nil when Resumed
	Claims    Claims    // nil when Resumed
	ReturnTo  string    // safe for a Location header
	Resumed   bool      // the same token again from the browser it signed in: nothing was done
}

// Begin starts a login: where to send the browser, and the flow to keep with it (nil when logins are not bound).
// The return path is checked first, so that a link which could not be followed is refused before the person types a
// password.
func (b *Bridge) Begin(cb Callback) (loginURL string, flow *Flow, err error) {
	to := ""
	if cb.ReturnTo != "" {
		if to, err = b.Return.Parse(cb.ReturnTo); err != nil {
			return "", nil, err
		}
	}
	if err := b.Serves(cb.Provider); err != nil {
		return "", nil, err
	}
	if b.Provider.Binding != BindingOff {
		if to == "" {
			to = "/"
		}
		flow = NewFlow(b.Provider.Name, b.Provider.Binding, to, b.Now())
	}
	return b.Provider.LoginURL(to, flow), flow, nil
}

// SignIn runs one login, and leaves one event behind whether it succeeds or not. The error wraps one [Code], or is a
// [*SwitchNeeded] or a [SettingsChanged], after which the login is not over.
func (b *Bridge) SignIn(ctx context.Context, cb Callback) (*Login, error) {
	x := &Exam{Now: b.Now()}
	login := b.run(ctx, cb, x)
	if x.Err == nil {
		return login, nil
	}
	_, ask := errors.AsType[*SwitchNeeded](x.Err)
	if _, anew := errors.AsType[SettingsChanged](x.Err); ask || anew {
		return nil, x.Err
	}
	b.findMistake(ctx, cb, x)
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

// findMistake has the log and the event of a signature that does not fit say what an explanation finds: that the secret was
// decoded first, or has quotation marks or white space around it. A login that is accepted pays nothing for it.
func (b *Bridge) findMistake(ctx context.Context, cb Callback, x *Exam) {
	if CodeOf(x.Err) != TokenSignature || cb.Token == "" {
		return
	}
	again := &Exam{Now: x.Now, Explaining: true}
	b.Provider.Verifier.Verify(ctx, cb.Token, again)
	if CodeOf(again.Err) == TokenSignature {
		x.Err = again.Err
	}
}

// run is the whole story of a login. While x.Explaining it goes on after a failure, and changes nothing.
func (b *Bridge) run(ctx context.Context, cb Callback, x *Exam) *Login {
	login := &Login{}

	if !x.Check("return_to", func(x *Exam) (err error) {
		login.ReturnTo, err = b.Return.Parse(cb.ReturnTo)
		if p := b.Provider; p != nil && p.Binding != BindingOff {
			x.Note("not read: the login ends at the page with which it began")
		} else {
			x.Note("goes to %s afterwards", login.ReturnTo)
		}
		return err
	}) {
		return nil
	}

	if !x.Check("provider", func(x *Exam) error { return b.checkProvider(cb, x) }) || b.Provider == nil {
		return nil
	}

	// A reload of the page that signed this browser in, for the variant where the token is not in the request.
	if cur := cb.Current; cur != nil && cb.State != "" && cur.Session.Flow == FlowKey(cb.State) && !x.Explaining {
		if f := cb.Flow; f != nil && f.Key() == cur.Session.Flow {
			login.ReturnTo = f.ReturnTo
		}
		login.Resumed, login.Session = true, cur.Session
		return login
	}

	flowErr := b.checkFlow(cb, x)
	if flowErr == nil && cb.Flow != nil && b.Provider.Binding != BindingOff {
		login.ReturnTo = cb.Flow.ReturnTo // the IdP cannot change it
		x.Nonce = cb.Flow.Nonce
		if b.Provider.Exchanger == nil { // else the token endpoint checks the verifier against it
			x.Challenge = cb.Flow.Challenge()
		}
	}
	token := cb.Token
	// An explanation exchanges nothing: it would use the code up.
	if token == "" && flowErr == nil && b.Provider.Exchanger != nil && !x.Explaining {
		if !x.Check("code", func(x *Exam) (err error) {
			token, err = b.Provider.Exchanger.Exchange(ctx, cb.Code, cb.Flow.Verifier)
			return err
		}) {
			return nil
		}
	}
	if token != "" {
		b.Provider.Verifier.Verify(ctx, token, x)
	}

	// The same token again from the browser whose session it opened (a reload, the back button) is no attack, however old
	// it has become meanwhile. x.Proof is set only once the signature was verified.
	if cur := cb.Current; cur != nil && x.Proof.Key != "" && cur.Session.Proof == x.Proof.Key && !x.Explaining {
		x.Err = nil
		login.Resumed, login.Session = true, cur.Session
		return login
	}
	if x.Err != nil && !x.Explaining {
		return nil
	}
	if !x.Check("flow", func(x *Exam) error {
		b.noteFlow(cb, x)
		if flowErr == nil {
			return b.checkChallenge(cb, x)
		}
		return flowErr
	}) {
		return nil
	}
	if x.Identity.Email == "" {
		return nil // only an explanation comes here: no one to sign in
	}

	login.SessionID = NewSessionID()
	login.Session = b.newSession(cb, x, login.SessionID)
	signedIn, err := b.Store.SignIn(ctx, x, SignIn{
		Policy:   b.Policy,
		Settings: b.Settings,
		Session:  login.Session,
		FlowKey:  login.Session.Flow,
		Current:  currentAccounts(cb, b.Provider.Binding),
		Switch:   cb.Switch,
		Event:    b.event(EventSignIn, cb, x),
		Mark:     b.Provider.mark(x.KeyID),
	})
	if err != nil {
		if x.Err == nil {
			x.Err = err
		}
		return nil
	}
	login.SignedIn, login.Claims = signedIn, x.Claims
	login.Session.AccountID = signedIn.Account.ID
	for _, w := range signedIn.Warnings {
		b.Log.WarnContext(ctx, w, "reference", cb.Reference, "account", signedIn.Account.ID)
	}
	return login
}

// Serves holds the name of a provider against those that there are; "" leaves the choice to the bridge. Errors: [Disabled],
// [RequestMalformed].
func (b *Bridge) Serves(provider string) error {
	switch {
	case b.Provider == nil:
		return fmt.Errorf("JWT_IDENTITY_PROVIDER_URI or JWT_SHARED_SECRET is not set, or JWT_ENABLED is off: %w", Disabled)
	case provider != "" && provider != b.Provider.Name:
		return fmt.Errorf("no provider %q: %w", Truncate(CleanText(provider), 50), RequestMalformed)
	}
	return nil
}

func (b *Bridge) checkProvider(cb Callback, x *Exam) error {
	if err := b.Serves(cb.Provider); err != nil {
		return err
	}
	switch {
	case cb.Whole && (cb.Elsewhere != "" || !cb.Answers()):
		return cb.NoAnswer()
	case cb.IDPError != "":
		return fmt.Errorf("the identity provider answered error=%q: %w", Truncate(CleanText(cb.IDPError), 100), ProviderRefused)
	case cb.Token == "" && cb.Code == "" && cb.Empty:
		return fmt.Errorf("neither a token nor a code came, only a parameter without a value: %w", TokenMalformed)
	case cb.Token == "" && cb.Code == "":
		return fmt.Errorf("neither a token nor a code came: %w", TokenMalformed)
	case cb.Token != "" && cb.Code != "":
		return fmt.Errorf("both a token and a code came: %w", RequestMalformed)
	case cb.Code != "" && b.Provider.Exchanger == nil:
		return fmt.Errorf("a code came, but JWT_BINDING is not pkce or JWT_TOKEN_URI is not set: %w", CodeExchangeFailed)
	case cb.Token != "" && b.Provider.Exchanger != nil && (cb.Whole || !x.Explaining):
		// SECURITY C6: a flow begun with a challenge never completes without the verifier.
		return fmt.Errorf("a token came in the request, but JWT_TOKEN_URI is set: send a code instead: %w", FlowMismatch)
	}
	x.Note("%s", b.Provider.Name)
	return nil
}

// checkFlow holds the callback against the flow that this browser began (CONTRACT 5).
func (b *Bridge) checkFlow(cb Callback, x *Exam) error {
	if b.Provider.Binding == BindingOff {
		return nil
	}
	switch f := cb.Flow; {
	case x.Explaining && !cb.Whole && f == nil && cb.State == "":
		return nil // a token alone cannot tell what comes beside it
	case cb.State == "":
		return fmt.Errorf("the callback has no state: the identity provider must send back the state it was given; "+
			"a sign-in that begins at the identity provider has none: %w", FlowMissing)
	case x.Explaining && f == nil:
		return nil // only the browser's cookie knows
	case f == nil && cb.NoFlow != nil:
		return cb.NoFlow
	case f == nil:
		return fmt.Errorf("this browser has begun no login with that state: %w", FlowMissing)
	case subtle.ConstantTimeCompare([]byte(f.State), []byte(cb.State)) != 1:
		return fmt.Errorf("the state is not the one this browser was given: %w", FlowMismatch)
	case f.Provider != b.Provider.Name:
		return fmt.Errorf("the login began with the provider %q and ended with %q: %w", f.Provider, b.Provider.Name, FlowMismatch)
	case !x.Now.Before(f.Expires):
		return fmt.Errorf("the login took longer than %v; it began at %s: %w", FlowLifetime,
			f.Expires.Add(-FlowLifetime).UTC().Format(time.RFC3339), FlowMissing)
	case b.Provider.Binding == BindingPKCE && f.Verifier == "": // SECURITY C6
		return fmt.Errorf("the login began before JWT_BINDING was pkce: %w", FlowMismatch)
	}
	return nil
}

// checkChallenge finds, in an explanation without a flow, the token that no flow could make right. With a flow, the
// verifier has compared the claim.
func (b *Bridge) checkChallenge(cb Callback, x *Exam) error {
	p := b.Provider
	if cb.Flow != nil || p.Binding != BindingPKCE || p.Exchanger != nil || x.Claims == nil {
		return nil
	}
	if sent, _ := x.Claims.String("code_challenge"); sent == "" {
		return fmt.Errorf("the token has no code_challenge, and JWT_TOKEN_URI is not set: the identity provider must put "+
			"the code_challenge that it was sent into the token: %w", FlowMismatch)
	}
	return nil
}

// noteFlow says in an explanation what was judged of the binding, and what only the browser's own cookie could tell.
func (b *Bridge) noteFlow(cb Callback, x *Exam) {
	switch p := b.Provider; {
	case p.Binding == BindingOff:
		x.Note("JWT_BINDING is off: the token is accepted from any browser")
	case cb.Flow != nil:
		x.Note("the login began in this browser")
	case p.Exchanger != nil:
		x.Note("not judged here: the browser must bring a code and the state it was given, and the token comes from JWT_TOKEN_URI")
	case p.Binding == BindingPKCE:
		x.Note("not judged here: only the browser that began the login knows its state, and the code_challenge that the token must have")
	default:
		x.Note("not judged here: only the browser that began the login knows its state")
	}
}

// currentAccounts are those that a login must not silently replace. A bound login was begun in this very browser: no question.
func currentAccounts(cb Callback, binding Binding) (all []int64) {
	if binding != BindingOff {
		return nil
	}
	if cb.Current != nil {
		all = append(all, cb.Current.Account.ID)
	}
	for _, p := range cb.Besides {
		all = append(all, p.Account.ID)
	}
	return all
}

func (b *Bridge) newSession(cb Callback, x *Exam, id string) Session {
	hash, _ := HashSessionID(id)
	s := Session{
		Hash: hash, Provider: b.Provider.Name, Proof: x.Proof.Key, CreatedAt: x.Now, LastUsed: x.Now,
		ExpiresAt: x.Now.Add(b.Policy.Sessions.MaxAge), Peer: cb.Peer, UserAgent: Truncate(CleanText(cb.UserAgent), 300),
	}
	if cb.Flow != nil && b.Provider.Binding != BindingOff {
		s.Flow = cb.Flow.Key()
	}
	return s
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

// An Explanation says what a login with a token would meet.
type Explanation struct {
	Accepted bool
	Code     Code // of the first failure; "" when accepted
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
	case cb.Token == "" && cb.Code != "" && b.Provider != nil && b.Provider.Exchanger != nil:
		return Explanation{}, fmt.Errorf("has a code, which only the bridge can exchange for a token, and once: %w", Invalid)
	}
	cb.Peer = peer
	return b.Explain(ctx, cb), nil
}

// Explain runs the very steps of [Bridge.SignIn] to the end, whatever fails, and undoes what they did. It exchanges no
// code. Without a flow it cannot tell which browser will bring the callback; then the check "flow" says what is not judged.
func (b *Bridge) Explain(ctx context.Context, cb Callback) Explanation {
	x := &Exam{Now: b.Now(), Explaining: true}
	login := b.run(ctx, cb, x)
	e := Explanation{Accepted: x.Err == nil, Code: CodeOf(x.Err), Checks: x.Checks, Identity: x.Identity}
	if login != nil {
		e.SignedIn = login.SignedIn
	}
	return e
}
