package sso

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"time"
)

// A Flow is a login that one browser began. It travels in its state, sealed, so that beginning a login writes nothing;
// that it is used once is recorded with the session it opened.
type Flow struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v,omitempty"` // RFC 7636 §4.1; only with [BindingPKCE]
	Provider string    `json:"p"`
	ReturnTo string    `json:"r"` // as [ReturnRules.Parse] wrote it
	Expires  time.Time `json:"e"`
}

// FlowLifetime is how long a person may take to sign in at the IdP.
const FlowLifetime = 10 * time.Minute

// NewFlow begins a flow. State, nonce and verifier have 256 bits each; the verifier's 43 characters are the least that
// RFC 7636 §4.1 allows.
func NewFlow(provider string, binding Binding, returnTo string, now time.Time) *Flow {
	f := &Flow{State: random(), Nonce: random(), Provider: provider, ReturnTo: returnTo, Expires: now.Add(FlowLifetime)}
	if binding == BindingPKCE {
		f.Verifier = random()
	}
	return f
}

func random() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Challenge is the S256 code challenge of the flow's verifier (RFC 7636 §4.2); "" without a verifier.
func (f *Flow) Challenge() string {
	if f.Verifier == "" {
		return ""
	}
	return S256(f.Verifier)
}

// S256 is BASE64URL-ENCODE(SHA256(ASCII(verifier))), RFC 7636 §4.2.
func S256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Key names a flow in the store without revealing its state.
func (f *Flow) Key() string { return FlowKey(f.State) }

// FlowKey is the [Flow.Key] of the flow with that state.
func FlowKey(state string) string {
	sum := sha256.Sum256([]byte(state))
	return "flow:" + hex.EncodeToString(sum[:])
}

// A Provider is one configured identity provider that speaks the redirect protocol.
type Provider struct {
	Name        string   // in lists and in ?provider=
	URI         *url.URL // where a browser is sent to sign in
	Binding     Binding
	ClientID    string // sent with BindingPKCE
	RedirectURI string // our /auth/sso, as the IdP must call it back
	Verifier    Verifier
	Exchanger   Exchanger // nil: the IdP has no token endpoint

	// Mark names the settings that a login depends on, with the key that verified it, without revealing them. It is kept
	// with the account, and tells later whether these very settings have let somebody in. nil: nothing is kept.
	Mark func(keyID string) string
}

func (p *Provider) mark(keyID string) string {
	if p.Mark == nil {
		return ""
	}
	return p.Mark(keyID)
}

// A Verifier turns a signed token into an Identity and a Proof.
type Verifier interface {
	// Verify makes every check that the token itself must pass, each with x.Check. It sets x.Proof as soon as the signature
	// is verified, x.Claims and x.Identity when they are known, and stops when x.Check says so.
	Verify(ctx context.Context, token string, x *Exam)
}

// An Exchanger takes a code to the IdP's token endpoint.
type Exchanger interface {
	// Exchange returns the token for a code (RFC 6749 §4.1.3 with RFC 7636 §4.5). It returns [CodeExchangeFailed] when the
	// IdP refuses the code or answers nonsense, and [ProviderUnavailable] when it does not answer.
	Exchange(ctx context.Context, code, verifier string) (token string, err error)
}

// LoginURL is where to send a browser to sign in. returnTo, when not empty, becomes one encoded parameter of the
// configured URI; it can add nothing else to it (SECURITY B7). With a flow, its parameters come along (CONTRACT 5) and
// the return path does not: it stays with the flow.
func (p *Provider) LoginURL(returnTo string, flow *Flow) string {
	q := url.Values{}
	switch {
	case flow == nil:
		if returnTo != "" {
			q.Set("return_to", returnTo)
		}
	case p.Binding == BindingPKCE:
		q.Set("response_type", "code")
		q.Set("client_id", p.ClientID)
		q.Set("redirect_uri", p.RedirectURI)
		q.Set("code_challenge", flow.Challenge())
		q.Set("code_challenge_method", "S256")
		fallthrough
	default:
		q.Set("state", flow.State)
		q.Set("nonce", flow.Nonce)
	}
	if len(q) == 0 {
		return p.URI.String()
	}
	// url.Values writes a space as "+"; %20 is read alike by every IdP.
	query := strings.ReplaceAll(q.Encode(), "+", "%20")
	u := *p.URI
	if u.RawQuery != "" {
		query = u.RawQuery + "&" + query
	}
	u.RawQuery = query
	return u.String()
}
