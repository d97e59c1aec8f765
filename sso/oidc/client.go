package oidc

import (
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/outbound"
	"github.com/ssobridge/ssobridge/sso/strictjson"
)

// How the client secret is sent.
const (
	AuthAuto  = "auto" // as the discovery document says
	AuthBasic = "basic"
	AuthPost  = "post"
)

// A Client is the bridge at one OpenID provider, with the code flow and PKCE. It is the [sso.Beginner] and the [sso.Redeemer]
// of the provider.
type Client struct {
	Discovery    *Discovery
	Issuer       string
	ClientID     string
	ClientSecret string // "": a public client
	Auth         string // AuthAuto, AuthBasic or AuthPost
	RedirectURI  string
	Scopes       []string          // with openid
	Params       map[string]string // more parameters of the authorization request
	Prompt       string            // "": not sent
	MaxAuthAge   time.Duration     // 0: not sent
	CAs          *x509.CertPool    // nil: those of the system

	tokens, people caller // of the token endpoint and of userinfo
}

// A caller keeps the connections to one address, as a handshake costs more than all else that a sign-in needs. The zero caller
// has none.
type caller struct {
	mu     sync.Mutex
	target string
	client *http.Client
}

// to returns the client for an address. Only that of the last one is kept: a document may name another one.
func (k *caller) to(u *url.URL, cas *x509.CertPool) *http.Client {
	k.mu.Lock()
	defer k.mu.Unlock()
	if target := u.String(); k.client == nil || k.target != target {
		if k.client != nil {
			k.client.CloseIdleConnections()
		}
		k.target, k.client = target, outbound.Client(u, cas)
	}
	return k.client
}

// Site implements [sso.Beginner].
func (c *Client) Site() *url.URL {
	u, err := url.Parse(c.Issuer)
	if err != nil {
		return &url.URL{}
	}
	return u
}

// LoginURL implements [sso.Beginner]: the authentication request (OpenID Connect Core §3.1.2.1).
func (c *Client) LoginURL(ctx context.Context, _ string, flow *sso.Flow) (string, error) {
	if flow == nil || flow.Verifier == "" {
		return "", fmt.Errorf("a sign-in with OpenID Connect is always bound to its browser: %w", sso.Internal)
	}
	m, err := c.Discovery.Metadata(ctx)
	if err != nil {
		return "", err
	}
	q := url.Values{
		"response_type": {"code"}, "client_id": {c.ClientID}, "redirect_uri": {c.RedirectURI}, "scope": {strings.Join(c.Scopes, " ")},
		"state": {flow.State}, "nonce": {flow.Nonce}, "code_challenge": {flow.Challenge()}, "code_challenge_method": {"S256"},
	}
	if prompt := c.promptOf(m, flow); prompt != "" {
		q.Set("prompt", prompt)
	}
	if c.MaxAuthAge > 0 {
		q.Set("max_age", strconv.Itoa(int(c.MaxAuthAge/time.Second)))
	}
	if flow.LoginHint != "" {
		q.Set("login_hint", sso.Shorten(flow.LoginHint, maxHint))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Params)) {
		q.Set(name, c.Params[name])
	}
	return withQuery(m.AuthorizationEndpoint, q), nil
}

// promptOf is what the provider should ask the person (OpenID Connect Core §3.1.2.1). Who wants to be somebody else is asked for
// an account, or, where the provider says that it cannot do that, to sign in anew.
func (c *Client) promptOf(m *Metadata, flow *sso.Flow) string {
	switch {
	case !flow.Another || strings.Contains(c.Prompt, "login") || strings.Contains(c.Prompt, "select_account"):
		return c.Prompt
	case m.NoSelectAccount:
		return strings.TrimSpace("login " + c.Prompt)
	}
	return strings.TrimSpace("select_account " + c.Prompt)
}

const maxHint = 254 // bytes of an address

// Redeem implements [sso.Redeemer].
func (c *Client) Redeem(ctx context.Context, a sso.Answer) (sso.Grant, error) {
	m, err := c.Discovery.Metadata(ctx)
	if err != nil {
		return sso.Grant{}, err
	}
	if m.NamesIssuer && a.Issuer == "" || a.Issuer != "" && a.Issuer != c.Issuer { // RFC 9207 §2.4
		return sso.Grant{}, fmt.Errorf("the callback's iss is %q, and the provider says that it is always %q: %w", sso.Shorten(a.Issuer, 100), c.Issuer, sso.FlowMismatch)
	}
	return c.exchange(m).Redeem(ctx, a)
}

// Refresh implements [sso.Refresher].
func (c *Client) Refresh(ctx context.Context, refreshToken string) (sso.Grant, error) {
	m, err := c.Discovery.Metadata(ctx)
	if err != nil {
		return sso.Grant{}, err
	}
	return c.exchange(m).Refresh(ctx, refreshToken)
}

func (c *Client) exchange(m *Metadata) *Exchange {
	return &Exchange{
		TokenURI: m.TokenEndpoint, ClientID: c.ClientID, RedirectURI: c.RedirectURI, Client: c.tokens.to(m.TokenEndpoint, c.CAs),
		OpenID: true, ClientSecret: c.ClientSecret, Post: c.Auth == AuthPost || c.Auth != AuthBasic && m.Post,
	}
}

// Userinfo returns the claims of the userinfo endpoint (OpenID Connect Core §5.3); none where there is no such endpoint.
// The error wraps [sso.ProviderUnavailable].
func (c *Client) Userinfo(ctx context.Context, accessToken string) (sso.Claims, error) {
	m, err := c.Discovery.Metadata(ctx)
	if err != nil || m.UserinfoEndpoint == nil {
		return nil, err
	}
	body, err := get(ctx, c.people.to(m.UserinfoEndpoint, c.CAs), m.UserinfoEndpoint, accessToken, maxAnswer)
	if err == nil {
		var claims sso.Claims
		if claims, err = strictjson.Object(body, maxDepth); err == nil {
			return claims, nil
		}
	}
	return nil, fmt.Errorf("userinfo endpoint %s: %w: %w", m.UserinfoEndpoint.Redacted(), err, sso.ProviderUnavailable)
}
