package oidc

import (
	"context"
	"net/url"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
)

// Redirect is the [sso.Beginner] of the redirect protocol: one configured address, and parameters.
type Redirect struct {
	URI         *url.URL
	ClientID    string // with RedirectURI, sent with a flow that has a verifier
	RedirectURI string // our /auth/sso, as the IdP must call it back
}

// Site implements [sso.Beginner].
func (r Redirect) Site() *url.URL { return r.URI }

// LoginURL implements [sso.Beginner].
func (r Redirect) LoginURL(_ context.Context, returnTo string, flow *sso.Flow) (string, error) {
	q := url.Values{}
	if flow == nil && returnTo != "" {
		q.Set("return_to", returnTo)
	}
	if flow != nil {
		q.Set("state", flow.State)
		q.Set("nonce", flow.Nonce)
	}
	if flow != nil && flow.Verifier != "" {
		q.Set("response_type", "code")
		q.Set("client_id", r.ClientID)
		q.Set("redirect_uri", r.RedirectURI)
		q.Set("code_challenge", flow.Challenge())
		q.Set("code_challenge_method", "S256")
	}
	return withQuery(r.URI, q), nil
}

// withQuery is an address with more parameters.
func withQuery(to *url.URL, q url.Values) string {
	if len(q) == 0 {
		return to.String()
	}
	// url.Values writes a space as "+"; %20 is read alike by every IdP.
	query := strings.ReplaceAll(q.Encode(), "+", "%20")
	u := *to
	if u.RawQuery != "" {
		query = u.RawQuery + "&" + query
	}
	u.RawQuery = query
	return u.String()
}
