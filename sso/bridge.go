package sso

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ssobridge/ssobridge/sso/logout"
)

// A Bridge runs logins. It is made of one consistent set of settings and never changed; new settings make a new Bridge.
type Bridge struct {
	Providers Providers // none: sign-in through an IdP is off
	Return    ReturnRules
	Sessions  SessionPolicy
	Store     Store
	Settings  int64 // version of the saved settings that it was made of; sign-ins by an older one than there is open nothing
	Now       func() time.Time
	Log       *slog.Logger
}

// A Login is an accepted callback.
type Login struct {
	SessionID string // for the cookie; "" when Resumed
	Session   Session
	SignedIn  *SignedIn // nil when Resumed
	Claims    Claims    // nil when Resumed
	Unmapped  []string  // groups of the person that no mapping knows: a few, cleaned and short, for a log
	ReturnTo  string    // safe for a Location header
	Resumed   bool      // the same token again from the browser it signed in: nothing was done
}

// Begin starts a login: where to send the browser, and the flow to keep with it (nil when logins are not bound).
// The return path is checked first, so that a link which could not be followed is refused before the person types a
// password.
func (b *Bridge) Begin(ctx context.Context, cb Callback) (loginURL string, flow *Flow, err error) {
	to := ""
	if cb.ReturnTo != "" {
		if to, err = b.Return.Parse(cb.ReturnTo); err != nil {
			return "", nil, err
		}
	}
	p, err := b.Providers.ToBegin(cb.Provider, cb.Issuer)
	if err != nil {
		return "", nil, err
	}
	if p.Binding != BindingOff {
		flow = NewFlow(p.Name, p.Binding, cmp.Or(to, "/"), b.Now())
		flow.LoginHint, flow.Another = cb.LoginHint, cb.Another
	}
	loginURL, err = p.Beginner.LoginURL(ctx, to, flow)
	return loginURL, flow, err
}

// LoginURL is where to send the browser for a flow of [Bridge.Begin] that got its state only now. Errors: see
// [Providers.ToBegin].
func (b *Bridge) LoginURL(ctx context.Context, flow *Flow) (string, error) {
	p, err := b.Providers.ToBegin(flow.Provider, "")
	if err != nil {
		return "", err
	}
	return p.Beginner.LoginURL(ctx, "", flow)
}

// SignIn runs one login, and leaves one event behind whether it succeeds or not. The error wraps one [Code], or is a
// [*SwitchNeeded] or a [SettingsChanged], after which the login is not over.
func (b *Bridge) SignIn(ctx context.Context, cb Callback) (*Login, error) {
	x := &Exam{Now: b.Now(), Network: cb.Network}
	r := b.run(ctx, cb, x)
	if x.Err == nil {
		return &r.login, nil
	}
	_, ask := errors.AsType[*SwitchNeeded](x.Err)
	if _, anew := errors.AsType[SettingsChanged](x.Err); ask || anew {
		return nil, x.Err
	}
	return r.refuse()
}

// Explain runs the very steps of [Bridge.SignIn] to the end, whatever fails, over a store that undoes what they did. Who is
// signed in on this browser does not matter, and stays so. Of a callback that was pasted it cannot tell which browser will
// bring it; then the check "flow" says what is not judged.
func (b *Bridge) Explain(ctx context.Context, cb Callback) Explanation {
	rehearsal := *b
	rehearsal.Store = undoing{b.Store}
	cb.Current, cb.Besides = nil, nil
	x := &Exam{Now: b.Now(), Explaining: true}
	r := rehearsal.run(ctx, cb, x)
	login := r.login
	if login.SignedIn != nil {
		login.SignedIn.Warnings = append(login.SignedIn.Warnings, r.provider.Policy.misspelt(x.Identity)...)
	}
	provider := ""
	if r.provider != nil {
		provider = r.provider.Name
	}
	return Explanation{Accepted: x.Err == nil, Code: CodeOf(x.Err), Use: UseLogin, Provider: provider, KeyID: x.KeyID,
		Checks: x.Checks, Identity: x.Identity, SignedIn: login.SignedIn}
}

// A run is one callback on its way through the steps.
type run struct {
	*Bridge
	ctx context.Context
	cb  Callback
	x   *Exam

	have     stage
	granted  Granted
	provider *Provider
	flow     error  // what is wrong with the login that this browser began; it is told once the token was judged
	token    string // from the request, or for a code
	login    Login
}

// stage is a set of what is there so far.
type stage uint8

const (
	hasProvider stage = 1 << iota
	hasCode
	hasToken
	hasIdentity
	isDone
)

// step is one part of a login. It is left out where a failure before it kept back what it needs.
type step struct {
	check string // its name in an explanation; "": it makes checks of its own, or none
	needs stage
	do    func(*run) error
}

// steps returns a login in its order. A failure ends it; an explanation goes on to the end.
func steps() []step {
	return []step{
		{"return_to", 0, (*run).parseReturn},       // where it leads afterwards
		{"provider", 0, (*run).findProvider},       // who answers, and with what
		{"", hasProvider, (*run).resumeFlow},       // a page that was loaded again: done
		{"", hasProvider, (*run).holdFlow},         // the login that this browser began
		{"code", hasCode, (*run).redeem},           // a code becomes a token
		{"", hasToken, (*run).verify},              // a token becomes an identity and a proof, or was this session's: done
		{"flow", hasProvider, (*run).judgeBinding}, // whether it is this browser's login that ends here
		{"", hasIdentity, (*run).findGroups},       // the groups that the token does not say
		{"admission", hasIdentity, (*run).admit},   // whether the provider may sign this person in at all
		{"", hasIdentity, (*run).keep},             // the one transaction: proof, account, groups, session, event
	}
}

// run is the whole story of a login. What came of it is in x.Err and in the login.
func (b *Bridge) run(ctx context.Context, cb Callback, x *Exam) *run {
	r := &run{Bridge: b, ctx: ctx, cb: cb, x: x}
	for _, s := range steps() {
		if r.have&s.needs != s.needs {
			continue
		}
		if s.check != "" {
			x.Check(s.check, func(*Exam) error { return s.do(r) })
		} else if err := s.do(r); err != nil && x.Err == nil {
			x.Err = err
		}
		if r.have&isDone != 0 || !x.GoesOn() {
			break
		}
	}
	if r.have&isDone == 0 && x.Err == nil {
		x.Err = fmt.Errorf("nothing failed, and nobody was signed in: %w", Internal)
	}
	return r
}

func (r *run) parseReturn() (err error) {
	r.login.ReturnTo, err = r.Return.Parse(r.cb.ReturnTo)
	if p, _ := r.Providers.Of(r.cb); p != nil && p.Binding != BindingOff {
		r.x.Note("not read: the login ends at the page with which it began")
	} else {
		r.x.Note("goes to %s afterwards", r.login.ReturnTo)
	}
	return err
}

func (r *run) findProvider() error {
	p, err := r.Providers.Of(r.cb)
	if p == nil {
		return err
	}
	r.provider, r.token, r.have = p, r.cb.Token, r.have|hasProvider
	if r.token != "" && p.Login != nil {
		r.have |= hasToken
	}
	if err != nil {
		return err
	}
	if err := r.checkAnswer(); err != nil {
		return err
	}
	r.x.Note("%s", r.provider.Name)
	return nil
}

// checkAnswer holds what came against what this provider sends.
func (r *run) checkAnswer() error {
	switch cb, redeems := r.cb, r.provider.Redeemer != nil; {
	case cb.Pasted == PastedAddress && (cb.Elsewhere != "" || !cb.Answers()):
		return cb.NoAnswer()
	case r.provider.Login == nil:
		return fmt.Errorf("the provider %q signs nobody in: %w", r.provider.Name, Disabled)
	case r.provider.OwnPage && cb.Issuer != "" && cb.Issuer != r.provider.Issuer: // RFC 9207 §2.4, of errors, too
		return fmt.Errorf("the callback's iss is %q; %sISSUER is %q: %w", Truncate(CleanText(cb.Issuer), 100), r.provider.Settings, r.provider.Issuer, FlowMismatch)
	case cb.Pasted != PastedToken && r.provider.OwnPage != (cb.Page == r.provider.Name): // RFC 9700 §4.4: mix-up
		return fmt.Errorf("the callback came to an address that is not the one of the provider %q: %w", r.provider.Name, FlowMismatch)
	case cb.IDPError != "" && cb.Code != "":
		return fmt.Errorf("both an error and a code came: %w", RequestMalformed)
	case cb.IDPError != "":
		return fmt.Errorf("the identity provider answered error=%q, %q: %w", Truncate(CleanText(cb.IDPError), 100), Shorten(cb.IDPText, 300), ProviderRefused)
	case cb.Token == "" && cb.Code == "" && cb.Empty:
		return fmt.Errorf("neither a token nor a code came, only a parameter without a value: %w", TokenMalformed)
	case cb.Token == "" && cb.Code == "":
		return fmt.Errorf("neither a token nor a code came: %w", TokenMalformed)
	case cb.Token != "" && cb.Code != "":
		return fmt.Errorf("both a token and a code came: %w", RequestMalformed)
	case cb.Code != "" && !redeems:
		return fmt.Errorf("a code came, but %[1]sBINDING is not pkce or %[1]sTOKEN_URI is not set: %[2]w", r.provider.Settings, CodeExchangeFailed)
	case cb.Token != "" && r.provider.OwnPage && cb.Pasted != PastedToken:
		return fmt.Errorf("a token came in the request; a sign-in with this provider ends with a code: %w", FlowMismatch)
	case cb.Token != "" && redeems && cb.Pasted != PastedToken:
		// SECURITY C6: a flow begun with a challenge never completes without the verifier.
		return fmt.Errorf("a token came in the request, but %sTOKEN_URI is set: send a code instead: %w", r.provider.Settings, FlowMismatch)
	}
	return nil
}

// resumeFlow ends a login at once whose flow opened the session that this browser has: the page was loaded again, for the
// variant where the token is not in the request.
func (r *run) resumeFlow() error {
	cur := r.cb.Current
	if cur == nil || r.cb.State == "" || cur.Session.Flow != FlowKey(r.cb.State) {
		return nil
	}
	if f := r.cb.Flow; f != nil && f.Key() == cur.Session.Flow {
		r.login.ReturnTo = f.ReturnTo
	}
	r.resume()
	return nil
}

func (r *run) resume() {
	r.x.Err = nil
	r.have |= isDone
	r.login.Resumed, r.login.Session = true, r.cb.Current.Session
}

// holdFlow holds the callback against the flow that this browser began, and asks the token for what belongs to it. What is
// wrong is told later: a page that is loaded again has no flow any more, and its token says that it needs none.
func (r *run) holdFlow() error {
	p, f := r.provider, r.cb.Flow
	if r.flow = r.checkFlow(); r.flow != nil || f == nil || p.Binding == BindingOff {
		return nil
	}
	r.login.ReturnTo = f.ReturnTo // the IdP cannot change it
	r.x.Nonce = f.Nonce
	switch {
	case p.Redeemer == nil:
		r.x.Challenge = f.Challenge()
	case r.token == "": // the token endpoint checks the verifier against the challenge
		r.have |= hasCode
	}
	return nil
}

func (r *run) redeem() error {
	grant, err := r.provider.Redeemer.Redeem(r.ctx, Answer{Code: r.cb.Code, Verifier: r.cb.Flow.Verifier, Issuer: r.cb.Issuer})
	if err == nil {
		r.token, r.x.AccessToken = grant.Token, grant.AccessToken
		r.granted = r.provider.keeps(grant)
		r.x.Note("the token endpoint gave a token for it")
		r.have |= hasToken
	}
	return err
}

// verify judges the token. The same token again from the browser whose session it opened (a reload, the back button) is no
// attack, however old it has become meanwhile. x.Proof is set only once the signature was verified.
func (r *run) verify() error {
	r.provider.Login.Verify(r.ctx, r.token, r.x)
	if cur := r.cb.Current; cur != nil && r.x.Proof.Key != "" && cur.Session.Proof == r.x.Proof.Key {
		r.resume()
	}
	if r.x.Identity.Email != "" {
		r.have |= hasIdentity
	}
	return nil
}

func (r *run) admit() error {
	rules := r.provider.Policy.Admission
	if len(rules.AllowedDomains)+len(rules.AllowedGroups) == 0 {
		r.x.Note("anyone whom the provider signs in")
	}
	return rules.Allows(r.x.Identity)
}

// keep signs the person in.
func (r *run) keep() error {
	id := NewSessionID()
	session := r.newSession(id)
	if r.granted.RefreshToken != "" {
		r.granted.Subject, _ = r.x.Claims.String("sub")
		r.granted.Nonce = r.x.Nonce
	}
	signedIn, err := r.Store.SignIn(r.ctx, r.x, Attempt{
		Policy:   r.provider.Policy,
		Settings: r.Settings,
		Session:  session,
		FlowKey:  session.Flow,
		Current:  r.currentAccounts(),
		Switch:   r.cb.Switch,
		UnderWay: r.underWay(),
		Event:    r.event(EventSignIn),
		Digest:   r.provider.DigestOf(r.x.KeyID),
		Granted:  r.granted,
	})
	if err != nil {
		return err
	}
	session.AccountID = signedIn.Account.ID
	r.login.SessionID, r.login.Session, r.login.SignedIn, r.login.Claims = id, session, signedIn, r.x.Claims
	r.login.Unmapped = shownGroups(r.provider.Policy.unmapped(r.x.Identity))
	for _, w := range signedIn.Warnings {
		r.Log.WarnContext(r.ctx, w, "reference", r.cb.Reference, "account", signedIn.Account.ID)
	}
	r.have |= isDone
	return nil
}

// underWay is what a sign-out at the provider bars the login by. A token for a code is signed when that is redeemed, which may
// be long after the person was signed in: then the login is as old as its flow.
func (r *run) underWay() logout.SignIn {
	subject := r.x.Identity.Subject
	in := logout.SignIn{Session: logout.SessionOf(r.x.Claims), Person: subject.Value, ByEmail: subject.Kind == SubjectEmail, Issued: r.x.Issued}
	if r.cb.Flow != nil && r.provider.Redeemer != nil {
		in.Begun = r.cb.Flow.Expires.Add(-FlowLifetime)
	}
	return in
}

func (r *run) newSession(id string) Session {
	hash, _ := HashSessionID(id)
	s := Session{
		Hash: hash, Provider: r.provider.Name, Proof: r.x.Proof.Key, CreatedAt: r.x.Now, LastUsed: r.x.Now,
		ExpiresAt: r.x.Now.Add(r.Sessions.MaxAge), Peer: r.cb.Peer, UserAgent: Truncate(CleanText(r.cb.UserAgent), 300),
		AtIDP: logout.SessionOf(r.x.Claims),
	}
	if r.cb.Flow != nil && r.provider.Binding != BindingOff {
		s.Flow = r.cb.Flow.Key()
	}
	return s
}

// currentAccounts are those that a login must not silently replace. A bound login was begun in this very browser: no question.
func (r *run) currentAccounts() (all []int64) {
	if r.provider.Binding != BindingOff {
		return nil
	}
	if r.cb.Current != nil {
		all = append(all, r.cb.Current.Account.ID)
	}
	for _, p := range r.cb.Besides {
		all = append(all, p.Account.ID)
	}
	return all
}
