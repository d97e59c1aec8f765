package gate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/urltext"
)

// bearers say where API clients put their tokens, and whose tokens these are. They are made once, with the settings, and nil
// where no provider takes tokens.
type bearers struct {
	places []place
}

// place is a header or a parameter. Which providers read it is never empty.
type place struct {
	header, parameter string // one of them
	of                sso.Providers
}

// presented is a token that a request brought.
type presented struct {
	token string
	hash  sso.SessionHash // of the token and its place: what is remembered is found by it
	of    sso.Providers   // whose token it may be
	by    *bearers
	from  func() string // the network of the client; nil: not known
}

// newBearers finds the places. header and parameter are those of providers that name none.
func newBearers(providers sso.Providers, header, parameter string) *bearers {
	b := &bearers{}
	for _, p := range providers.Bearers() {
		b.add(place{header: cmp.Or(p.Header, header)}, p)
		if name := cmp.Or(p.Parameter, parameter); name != "" {
			b.add(place{parameter: name}, p)
		}
	}
	if len(b.places) == 0 {
		return nil
	}
	return b
}

func (b *bearers) add(at place, p *sso.Provider) {
	for i, known := range b.places {
		if known.header == at.header && known.parameter == at.parameter {
			b.places[i].of = append(known.of, p)
			return
		}
	}
	at.of = sso.Providers{p}
	b.places = append(b.places, at)
}

// names are those of the headers, or of the parameters, in which tokens come.
func (b *bearers) names(of func(place) string) (all []string) {
	if b == nil {
		return nil
	}
	for _, at := range b.places {
		if name := of(at); name != "" {
			all = append(all, name)
		}
	}
	return all
}

// tokenOf returns the token that a request presents; nil: none. Two different ones, or one in a header that came twice, are
// an error: no reader in front or behind would take the same (SECURITY B4). Beside a token that some provider takes, others
// are the app's own.
func (b *bearers) tokenOf(r *http.Request) (*presented, error) {
	var all []*presented
	several := false
	for i, at := range b.places {
		values := at.values(r)
		for _, v := range values {
			if token := at.tokenIn(v); token != "" {
				all = append(all, b.present(i, token))
				several = several || len(values) > 1
			}
		}
	}
	switch {
	case len(all) == 0:
		return nil, nil
	case len(all) == 1 && !several:
		return all[0], nil
	}
	found := all[0]
	ours := slices.DeleteFunc(all, func(t *presented) bool { return !t.ours() })
	if len(ours) == 0 {
		return found, nil
	}
	if several || slices.ContainsFunc(ours, func(t *presented) bool { return t.token != ours[0].token }) {
		return nil, fmt.Errorf("there are several tokens in the request, or its header came twice: %w", sso.CredentialsConflict)
	}
	return ours[0], nil
}

func (b *bearers) present(i int, token string) *presented {
	t := &presented{token: token, hash: hashOf(token), of: b.places[i].of, by: b}
	t.hash[0] ^= byte(i)
	return t
}

// hashOf copies the text into room that is used again: a token is long, and comes with each request.
func hashOf(text string) sso.SessionHash {
	room := rooms.Get().(*[]byte)
	defer rooms.Put(room)
	*room = append((*room)[:0], text...)
	return sha256.Sum256(*room)
}

var rooms = sync.Pool{New: func() any { return new([]byte) }}

// ours reports whether some provider takes such tokens here.
func (t *presented) ours() bool {
	of, err := t.of.Presented(t.token)
	return err == nil && (of.OpaqueTokens || strings.Count(t.token, ".") == 2)
}

// values are what came in a place.
func (at place) values(r *http.Request) []string {
	switch {
	case at.header != "":
		return r.Header[at.header]
	case r.URL.RawQuery == "":
		return nil
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil
	}
	return q[at.parameter]
}

// tokenIn is the token in a value: in a header after "Bearer" (RFC 6750 §2.1), or, where the header is no Authorization, alone.
// Other schemes have none for us, and a session is none.
func (at place) tokenIn(value string) string {
	scheme, rest, ok := strings.Cut(value, " ")
	switch {
	case at.header == "":
	case ok && strings.EqualFold(scheme, "Bearer"):
		value = strings.Trim(rest, " ")
	case ok || at.header == "Authorization":
		return ""
	}
	if _, session := sso.HashSessionID(value); session {
		return ""
	}
	return value
}

// takes reports whether some provider takes the token in a value of a header. It is then not for the app (SECURITY H6).
func (b *bearers) takes(value, header string) bool {
	if b == nil {
		return false
	}
	for i, at := range b.places {
		if at.header == header {
			if token := at.tokenIn(value); token != "" && b.present(i, token).ours() {
				return true
			}
		}
	}
	return false
}

// tokenState is what an entry of a token has besides.
type tokenState struct {
	by         *bearers // those with which it was judged: others judge anew
	bearer     sso.Bearer
	generation uint64 // of bearer, before it judged
	user       [1]string
	subject    string // of the assertion
	maker      int64  // the account whose changes concern it, besides its own; 0: none
}

// subject is the sub of an assertion: the account's number, which has no colon in it, or what the provider calls its person.
func (e *entry) subject() string {
	if e.token != nil && e.token.subject != "" {
		return e.token.subject
	}
	return fmt.Sprint(e.account)
}

func newTokenEntry(t *presented, of *sso.Provider, generation uint64, p *sso.Principal) *entry {
	e := &entry{hash: t.hash, account: p.Account.ID, ends: p.Until.UnixMicro()}
	e.answer.fill(p)
	e.token = &tokenState{by: t.by, bearer: of.Bearer, generation: generation, user: [1]string{headerValue(p.Name())}, maker: p.Maker}
	if p.Account.ID == 0 {
		e.token.subject = of.Name + ":" + cmp.Or(p.Subject, p.Name())
	}
	return e
}

// holds reports whether what was found out about the token is still so.
func (e *entry) holds(t *presented, now time.Time) bool {
	return e.token.by == t.by && now.UnixMicro() < e.ends && e.token.bearer.Generation() == e.token.generation
}

// tokenAskFor bounds how long it takes to judge a token: the keys, the provider's own word, the database.
const tokenAskFor = 3 * askFor

// findToken returns the entry of a token that is good now, and whether it was remembered. Errors are those of [sso.Bearer].
func (p *principals) findToken(ctx context.Context, t *presented) (e *entry, remembered bool, err error) {
	now := p.now()
	p.mu.RLock()
	e = p.tokens.get(t.hash)
	p.mu.RUnlock()
	if e != nil && p.fresh() && e.holds(t, now) {
		return e, true, nil
	}
	e, err = p.load(ctx, &p.tokens, t.hash, tokenAskFor, func(ctx context.Context) (*entry, error) {
		e, _, err := p.judgeToken(ctx, t)
		return e, err
	})
	if err == nil && !e.holds(t, now) { // it waited for somebody who had other settings
		e, _, err = p.judgeToken(ctx, t)
	}
	return e, false, err
}

// judgeToken asks the provider whose token it is.
func (p *principals) judgeToken(ctx context.Context, t *presented) (*entry, *sso.Principal, error) {
	of, err := t.of.Presented(t.token)
	if err != nil {
		return nil, nil, &tokenError{err: err}
	}
	generation := of.Bearer.Generation()
	x := &sso.Exam{Now: p.now()}
	if t.from != nil {
		x.Network = t.from()
	}
	found := of.Bearer.Authenticate(ctx, t.token, x)
	switch {
	case x.Err != nil:
		return nil, nil, &tokenError{of.Name, x.KeyID, x.Err}
	case found == nil || found.How == sso.BySession || !x.Now.Before(found.Until):
		return nil, nil, &tokenError{of.Name, x.KeyID, fmt.Errorf("nothing failed, and nobody was found: %w", sso.Internal)}
	}
	return newTokenEntry(t, of, generation, found), found, nil
}

// A tokenError is why a token let nobody in.
type tokenError struct {
	provider, key string
	err           error
}

func (e *tokenError) Error() string { return e.err.Error() }
func (e *tokenError) Unwrap() error { return e.err }

// OfToken says that it was an API client's token, see [web.TokenError].
func (e *tokenError) OfToken() {}

// actsForNone reports whether an error says that a request acts for no one, rather than that this cannot be told.
func actsForNone(err error) bool {
	if sso.CodeOf(err) == sso.NotSignedIn {
		return true
	}
	status := sso.CodeOf(err).Status()
	return web.IsTokenError(err) && (status == http.StatusUnauthorized || status == http.StatusForbidden)
}

// checkToken returns the entry of a request that presents a token, or err instead of one. What else it presents must be a
// session of the same account: of two callers none is the request's.
func (g *Gate) checkToken(r *http.Request, t *presented, err error, session sso.SessionHash, hasSession bool) (*entry, error) {
	s := g.settings.Load()
	besides := hasSession || s.namesSession(r)
	if err == nil && besides && !g.principals.knowsToken(t) && !t.ours() { // it is the app's
		if !hasSession {
			return nil, sso.NotSignedIn
		}
		return g.principals.find(r.Context(), session)
	}
	var e *entry
	remembered := false
	if err == nil {
		t.from = func() string { return web.Network(s.Peer(r)) }
		e, remembered, err = g.principals.findToken(r.Context(), t)
	} else {
		err = &tokenError{err: err}
	}
	if err == nil && besides {
		e, err = g.sameCaller(r, e, session, hasSession)
	}
	g.web.Metrics.TokenChecked(tokenOutcome(remembered, err))
	if err != nil {
		g.logToken(r, s, err)
	}
	return e, err
}

// sameCaller returns the entry of the session beside a token, if both are of one account.
func (g *Gate) sameCaller(r *http.Request, token *entry, hash sso.SessionHash, hasSession bool) (*entry, error) {
	var e *entry
	err := error(sso.NotSignedIn)
	if hasSession {
		e, err = g.principals.find(r.Context(), hash)
	}
	switch {
	case err == nil && e.account == token.account:
		return e, nil
	case err == nil || sso.CodeOf(err) == sso.NotSignedIn:
		return nil, &tokenError{err: fmt.Errorf("there are a token and a session in the request, and they are not of one account: %w", sso.CredentialsConflict)}
	}
	return nil, err
}

// namesSession reports whether a request has something in the place of a session that is before all others.
func (s *settings) namesSession(r *http.Request) bool {
	_, n := web.SoleCookie(r.Header["Cookie"], s.Cookie.Name)
	return n > 0 || len(r.Header["X-Metabase-Session"]) > 0
}

// tokenOutcome is what came of a token, for metrics.
func tokenOutcome(remembered bool, err error) string {
	switch {
	case err == nil && remembered:
		return "remembered"
	case err == nil:
		return "accepted"
	case sso.CodeOf(err) == sso.CredentialsConflict:
		return "conflict"
	case actsForNone(err):
		return "refused"
	}
	return "unavailable"
}

// logToken says why a token let nobody in. Anyone can send tokens by the thousand, so not each time.
func (g *Gate) logToken(r *http.Request, s *settings, err error) {
	if !g.tokenLog.AllowN(g.web.Now(), 1) {
		return
	}
	level := g.web.Log.InfoContext
	if !actsForNone(err) {
		level = g.web.Log.ErrorContext
	}
	fields := []any{"code", sso.CodeOf(err), "reason", sso.Reason(err), "path", urltext.ShownPath(r.URL.Path), "peer", s.Peer(r)}
	if of, ok := errors.AsType[*tokenError](err); ok && of.provider != "" {
		fields = append(fields, "provider", of.provider, "key", of.key)
	}
	level(r.Context(), "token of an API client refused; of many such refusals the log has a few", fields...)
}

// Caller returns who a request acts for, be it by a session or by a token; nil, nil when no one. Administrators' routes ask
// [Gate.Principal], to which no token is anything.
func (g *Gate) Caller(r *http.Request) (*sso.Principal, error) {
	s := g.settings.Load()
	if s.bearers == nil {
		return g.Principal(r)
	}
	t, err := s.bearers.tokenOf(r)
	if t == nil && err == nil {
		return g.Principal(r)
	}
	hash, ok := s.sessionOf(r)
	e, err := g.checkToken(r, t, err, hash, ok)
	if sso.CodeOf(err) == sso.NotSignedIn {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return g.wholeOf(r, e)
}

// Sole is [Gate.Principal] for routes on which a token is nobody, but a second caller is one too many: what else a request presents
// must be of the same account, as everywhere (SECURITY J5).
func Sole(g *Gate, r *http.Request) (*sso.Principal, error) {
	s := g.settings.Load()
	hash, ok := s.sessionOf(r)
	if ok && s.bearers != nil {
		if t, err := s.bearers.tokenOf(r); t != nil || err != nil {
			if _, err = g.checkToken(r, t, err, hash, ok); err != nil && sso.CodeOf(err) != sso.NotSignedIn {
				return nil, err
			}
		}
	}
	return g.Principal(r)
}

// wholeOf returns all that is known of who is behind an entry of r.
func (g *Gate) wholeOf(r *http.Request, e *entry) (*sso.Principal, error) {
	if e.token == nil {
		return g.principals.whole(r.Context(), e)
	}
	if known := e.whole.Load(); known != nil { // it is of the same moment as the entry
		return known, nil
	}
	t, err := g.settings.Load().bearers.tokenOf(r)
	if err != nil || t == nil {
		return nil, fmt.Errorf("the token is not in the request any more: %w", sso.NotSignedIn)
	}
	_, found, err := g.principals.judgeToken(r.Context(), t)
	if err == nil {
		g.principals.keepWhole(&g.principals.tokens, e, found)
	}
	return found, err
}

func (p *principals) knowsToken(t *presented) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.tokens.get(t.hash) != nil
}

// headersOf and parametersOf are all in which credentials come, beside Authorization and the cookie.
func (s *settings) headersOf() []string {
	all := append([]string{s.Config.BearerHeader}, s.bearers.names(func(at place) string { return at.header })...)
	all = slices.DeleteFunc(all, func(name string) bool { return name == "" || name == "Authorization" })
	slices.Sort(all)
	return slices.Compact(all)
}

// readsParameter reports whether credentials come in the parameter of this name.
func (s *settings) readsParameter(name string) bool {
	return name != "" && (name == s.Config.BearerParameter || s.bearers != nil && slices.Contains(s.bearers.names(func(at place) string { return at.parameter }), name))
}
