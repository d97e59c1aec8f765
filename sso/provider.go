package sso

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

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
