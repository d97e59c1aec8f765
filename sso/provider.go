package sso

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso/strictjson"
)

// A Provider is one configured identity provider. Each way in is one of its parts, and a part that is nil is off. Kinds of
// providers differ in their parts alone.
type Provider struct {
	Name    string // in sessions, events and lists, and in ?provider=
	Label   string // for people; "" where the name will do
	Issuer  string // the iss of its tokens; "": no token says that it is of this provider
	Binding Binding
	Policy  Policy

	Settings string // how the names of its settings begin, such as "JWT_"; for messages

	Beginner Beginner // sends a browser away to sign in; nil: none begins here
	Redeemer Redeemer // takes the code of a callback; nil: the token is in the request
	OwnPage  bool     // its callbacks come to a page of its own (RFC 9700 §4.4.2.2), and nowhere else
	Login    Verifier // judges the token of a login; nil: none is accepted

	Refresher    Refresher     // asks again about the sessions that it opened; nil: they last
	RefreshEvery time.Duration // how often it is asked about each
	RefreshGrace time.Duration // how long a session goes on without an answer

	Logout  Verifier // judges logout tokens; nil: none are accepted
	ByEmail bool     // its people are known by their e-mail, so that the sub of a logout token may be one

	Bearer            Bearer // judges the tokens of API clients; nil: none are accepted
	Header, Parameter string // where clients put them, if not where sessions of API clients are; Header in canonical form
	OpaqueTokens      bool   // a token need not be a JWT: a server of the provider says what it is
	Issues            bool   // the bridge itself gave out the tokens that Bearer judges

	// Groups finds the groups of its people; nil: they are those of the token. OnGroupFailure says what a failure of it means.
	Groups         GroupFinder
	OnGroupFailure FailureRule

	// KeySources says what is known of its public keys, by the place from which they come. nil: there are none.
	KeySources func() []KeySource

	// Discovery says what is known of the document in which the provider describes itself. nil: there is none.
	Discovery func() Discovery

	// Digest is one of the settings that a login depends on, with the key that verified it, and does not reveal them. It is
	// kept with the account, and tells later whether these very settings have let somebody in. nil: nothing is kept.
	Digest func(keyID string) string
}

// DigestOf is that of a login whose key had this id.
func (p *Provider) DigestOf(keyID string) string {
	if p.Digest == nil {
		return ""
	}
	return p.Digest(keyID)
}

// keeps is what is kept of what a provider gave. Only an OpenID provider can do something with it later.
func (p *Provider) keeps(g Grant) Granted {
	if !p.OwnPage {
		return Granted{}
	}
	if p.Refresher == nil {
		g.RefreshToken = ""
	}
	return Granted{Issuer: p.Issuer, IDToken: g.Token, RefreshToken: g.RefreshToken}
}

// A Beginner knows where a browser is sent to sign in.
type Beginner interface {
	// LoginURL is the address for one login. returnTo, when not empty, becomes one encoded parameter (SECURITY B7). With a
	// flow, its parameters come along (CONTRACT 5) and the return path does not: it stays with the flow. The error is
	// [ProviderUnavailable]: where to send the browser is what the provider itself says.
	LoginURL(ctx context.Context, returnTo string, flow *Flow) (string, error)

	// Site is the address without the parameters of a login.
	Site() *url.URL
}

// A Redeemer takes a code to the IdP's token endpoint.
type Redeemer interface {
	// Redeem returns the token for a code (RFC 6749 §4.1.3 with RFC 7636 §4.5). It returns [CodeExchangeFailed] when the
	// IdP refuses the code or answers nonsense, [ProviderUnavailable] when it does not answer, and [FlowMismatch] when the
	// code is that of another IdP.
	Redeem(ctx context.Context, a Answer) (Grant, error)
}

// A Refresher takes a refresh token to the IdP's token endpoint (RFC 6749 §6).
type Refresher interface {
	// Refresh returns what the IdP gives for it; Token is "" where it gives no ID token. It returns [ProviderRefused] when the
	// IdP does not let the person go on; every other error says nothing about the person.
	Refresh(ctx context.Context, refreshToken string) (Grant, error)
}

// An Answer is what a callback brought for the token endpoint.
type Answer struct {
	Code     string
	Verifier string // RFC 7636 §4.1
	Issuer   string // iss of RFC 9207; "": it had none
}

// A Grant is what the token endpoint gave.
type Grant struct {
	Token       string // that of the login
	AccessToken string // for the userinfo endpoint; "" where it is not asked for

	RefreshToken string // "": none was given
}

// Granted is what is kept of a [Grant] with the session that it opened, sealed.
type Granted struct {
	Issuer  string `json:"iss"` // who gave it, and who alone may see it again
	IDToken string `json:"id_token"`

	// For refreshes: the refresh token, and what the first ID token said. "" where sessions are not refreshed.
	RefreshToken string `json:"refresh_token,omitempty"`
	Subject      string `json:"sub,omitempty"`
	Nonce        string `json:"nonce,omitempty"`
}

// A Verifier turns a signed token into an Identity and a Proof.
type Verifier interface {
	// Verify makes every check that the token itself must pass, each with x.Check. It sets x.Proof as soon as the signature
	// is verified, x.Claims and x.Identity when they are known, and stops when x.Check says so.
	Verify(ctx context.Context, token string, x *Exam)
}

// Providers are those in force. The first is where a sign-in begins that names none.
type Providers []*Provider

// Named returns the provider of that name, or nil.
func (ps Providers) Named(name string) *Provider {
	for _, p := range ps {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Sole returns the provider with which people sign in if there is one only, else nil.
func (ps Providers) Sole() *Provider {
	if ps = ps.logins(); len(ps) != 1 {
		return nil
	}
	return ps[0]
}

// Beginners are those with which a sign-in can begin.
func (ps Providers) Beginners() (all Providers) {
	for _, p := range ps {
		if p.Beginner != nil {
			all = append(all, p)
		}
	}
	return all
}

// A KeySource is a place from which public keys come: a file, an address, or the settings.
type KeySource struct {
	Origin      string
	LastSuccess time.Time // when it was last read; zero: never, or it is read once
	Due         time.Time // when it is read anew if a token comes; zero: when it changes, or never
	Fault       string    // why the last reading failed, while the keys of before are in force; "": it did not
	FaultSince  time.Time
	LeftOut     []string // what of the last reading could not be used
	Keys        []PublicKey
}

// A Discovery is what is known of the document in which a provider describes itself.
type Discovery struct {
	Address     string
	LastSuccess time.Time // when it was last read; zero: never
	Fault       string    // why the last reading failed; "": it did not
	FaultSince  time.Time
	Endpoints   []Endpoint
}

// An Endpoint is an address in that document.
type Endpoint struct{ Name, URL string }

// A PublicKey is what is known of a key that verifies tokens. Nothing in it is secret.
type PublicKey struct {
	ID          string // as events name it
	Algorithm   string
	Fingerprint string    // RFC 7638; of a secret what [SecretID] makes of it
	NotAfter    time.Time // zero: for ever
	LastUsed    time.Time // by this process; zero: not yet
}

// PublicKeys is what is known of the provider's public keys; of a provider that is off, which is nil, nothing.
func (p *Provider) PublicKeys() []KeySource {
	if p == nil || p.KeySources == nil {
		return nil
	}
	return p.KeySources()
}

// Described is what is known of the document in which the provider describes itself; of a provider that is off, which is nil,
// nothing.
func (p *Provider) Described() Discovery {
	if p == nil || p.Discovery == nil {
		return Discovery{}
	}
	return p.Discovery()
}

// KeyFaults says which keys of which provider could not be read lately.
func (ps Providers) KeyFaults() (faults []string) {
	for _, p := range ps {
		for _, s := range p.PublicKeys() {
			if s.Fault != "" {
				faults = append(faults, fmt.Sprintf("provider %s: %s, since %s", p.Name, strings.TrimSuffix(s.Fault, "."), s.FaultSince.UTC().Format(time.RFC3339)))
			}
		}
	}
	return faults
}

// issued returns the only provider with that issuer, or nil.
func (ps Providers) issued(issuer string) (found *Provider) {
	for _, p := range ps {
		if issuer == "" || p.Issuer != issuer {
			continue
		}
		if found != nil {
			return nil
		}
		found = p
	}
	return found
}

// ToBegin returns the provider with which a sign-in begins: the named one, that of the named issuer (OpenID Connect Core §4),
// or the first. Errors: [Disabled], [RequestMalformed].
func (ps Providers) ToBegin(name, issuer string) (*Provider, error) {
	if ps = ps.logins(); len(ps) == 0 {
		return nil, noProvider()
	}
	p := ps[0]
	switch {
	case name != "":
		if p = ps.Named(name); p == nil {
			return nil, noSuchProvider(name)
		}
	case issuer != "":
		if p = ps.issued(issuer); p == nil {
			return nil, fmt.Errorf("no provider with the issuer %q: %w", Truncate(CleanText(issuer), 100), RequestMalformed)
		}
	}
	if p.Beginner == nil {
		return nil, fmt.Errorf("no sign-in begins with the provider %q: %w", p.Name, RequestMalformed)
	}
	return p, nil
}

// Of returns the provider that a callback is from: the one that it names, the one with which this browser began the login,
// the only one there is, or the one whose issuer the token claims. It decides no more than whose keys and rules the
// callback is held against. Errors: [Disabled], [RequestMalformed]; with one of them the provider is the only one, or nil.
func (ps Providers) Of(cb Callback) (*Provider, error) {
	if ps = ps.logins(); len(ps) == 0 {
		return nil, noProvider()
	}
	if cb.Provider != "" {
		if p := ps.Named(cb.Provider); p != nil {
			return p, nil
		}
		return ps.Sole(), noSuchProvider(cb.Provider)
	}
	if cb.Flow != nil {
		if p := ps.Named(cb.Flow.Provider); p != nil {
			return p, nil
		}
	}
	if p := ps.Sole(); p != nil {
		return p, nil
	}
	if p := ps.issued(claimedIssuer(cb.Token)); p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("there are several providers, and neither the request, nor a login that this browser began, nor the "+
		"token's iss says which one it is: add the parameter provider: %w", RequestMalformed)
}

func noProvider() error {
	return fmt.Errorf("no provider is on: JWT_IDENTITY_PROVIDER_URI or JWT_SHARED_SECRET is not set, or JWT_ENABLED is off: %w", Disabled)
}

func noSuchProvider(name string) error {
	return fmt.Errorf("no provider %q: %w", Truncate(CleanText(name), 50), RequestMalformed)
}

// claimedIssuer reads the iss of a token that nobody has verified; "" when it has none.
func claimedIssuer(token string) string {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return ""
	}
	return strictjson.Member(raw, "iss")
}
