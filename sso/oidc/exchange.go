// Package oidc talks to an identity provider's endpoints. [Client] is the bridge as client of an OpenID provider, which
// [Discovery] gets to know. [Exchange] takes the code that a browser brought back to the token endpoint (RFC 6749 §4.1.3 with
// RFC 7636 §4.5), so that no token is ever in a URL.
package oidc

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/outbound"
)

// maxAnswer bounds a token endpoint's answer (SECURITY A14), in bytes.
const maxAnswer = 64 << 10

// Exchange redeems codes at one token endpoint. What proves us is the code verifier, and the secret if there is one. The
// zero Exchange redeems nothing.
type Exchange struct {
	TokenURI    *url.URL
	ClientID    string
	RedirectURI string
	Client      *http.Client // required; see [outbound.Client]

	OpenID       bool   // nothing but an id_token signs in
	ClientSecret string // "": a public client
	Post         bool   // the secret is sent in the form, not as Basic
}

// Redeem implements [sso.Redeemer]: it returns the token for a code. Errors wrap [sso.CodeExchangeFailed] when the provider refused the code or
// answered something else than a token, and [sso.ProviderUnavailable] when it did not answer properly: no connection, a
// time-out (5 s), or a status of 500 and above.
func (e *Exchange) Redeem(ctx context.Context, a sso.Answer) (sso.Grant, error) {
	if e.TokenURI == nil || e.Client == nil {
		return sso.Grant{}, fmt.Errorf("no token endpoint is configured: %w", sso.CodeExchangeFailed)
	}
	if !validVerifier(a.Verifier) {
		return sso.Grant{}, fmt.Errorf("the code verifier is not 43 to 128 unreserved characters: %w", sso.CodeExchangeFailed)
	}
	ctx, cancel := context.WithTimeout(ctx, outbound.Timeout)
	defer cancel()

	form := url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {a.Code},
		"redirect_uri":  {e.RedirectURI},
		"client_id":     {e.ClientID},
		"code_verifier": {a.Verifier},
	}
	if e.ClientSecret != "" && e.Post {
		form.Set("client_secret", e.ClientSecret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.TokenURI.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return sso.Grant{}, fmt.Errorf("token endpoint: %w: %w", err, sso.CodeExchangeFailed)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if e.ClientSecret != "" && !e.Post { // RFC 6749 §2.3.1: both in the form of a form
		req.SetBasicAuth(url.QueryEscape(e.ClientID), url.QueryEscape(e.ClientSecret))
	}

	resp, err := e.Client.Do(req)
	if err != nil {
		return sso.Grant{}, fmt.Errorf("token endpoint %s: %w: %w", e.TokenURI.Redacted(), outbound.WithoutURL(err), sso.ProviderUnavailable)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return sso.Grant{}, fmt.Errorf("token endpoint %s: reading the answer: %w: %w", e.TokenURI.Redacted(), err, sso.ProviderUnavailable)
	}
	grant, err := e.readAnswer(resp, body)
	if err != nil {
		return sso.Grant{}, fmt.Errorf("token endpoint %s: %w", e.TokenURI.Redacted(), err)
	}
	return grant, nil
}

// readAnswer reads an RFC 6749 §5.1 or §5.2 answer. What it quotes is the provider's error, never a token.
func (e *Exchange) readAnswer(resp *http.Response, body []byte) (sso.Grant, error) {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode >= 500:
		return sso.Grant{}, fmt.Errorf("answered %d: %w", resp.StatusCode, sso.ProviderUnavailable)
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		advice := "set TOKEN_URI to the address itself"
		if e.OpenID {
			advice = "its discovery document must name the address itself"
		}
		return sso.Grant{}, fmt.Errorf("answered with a redirect (%d), which is not followed: %s: %w", resp.StatusCode, advice, sso.CodeExchangeFailed)
	case len(body) > maxAnswer:
		return sso.Grant{}, fmt.Errorf("answered more than %d bytes: %w", maxAnswer, sso.CodeExchangeFailed)
	case kind != "application/json":
		return sso.Grant{}, fmt.Errorf("answered %d with %q; JSON is needed: %w", resp.StatusCode, sso.Truncate(sso.CleanText(kind), 60), sso.CodeExchangeFailed)
	}
	var answer struct {
		JWT         string `json:"jwt"`
		IDToken     string `json:"id_token"`
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return sso.Grant{}, fmt.Errorf("answered %d with JSON that is not an object of strings: %w", resp.StatusCode, sso.CodeExchangeFailed)
	}
	if resp.StatusCode != http.StatusOK {
		return sso.Grant{}, fmt.Errorf("refused the code with status %d, error %q, %q: %w", resp.StatusCode,
			sso.Truncate(sso.CleanText(answer.Error), 60), sso.Truncate(sso.CleanText(answer.Description), 200), sso.CodeExchangeFailed)
	}
	if e.OpenID {
		switch {
		case answer.IDToken == "":
			return sso.Grant{}, fmt.Errorf("answered without id_token; is openid among the scopes?: %w", sso.CodeExchangeFailed)
		case answer.TokenType != "" && !strings.EqualFold(answer.TokenType, "Bearer"): // RFC 6749 §7.1
			return sso.Grant{}, fmt.Errorf("answered with the token_type %q; only Bearer is understood: %w", sso.Shorten(answer.TokenType, 60), sso.CodeExchangeFailed)
		}
		return sso.Grant{Token: answer.IDToken, AccessToken: answer.AccessToken}, nil
	}
	if token := cmp.Or(answer.JWT, answer.IDToken, answer.AccessToken); token != "" {
		return sso.Grant{Token: token}, nil
	}
	return sso.Grant{}, fmt.Errorf("answered without jwt, id_token or access_token: %w", sso.CodeExchangeFailed)
}

// validVerifier is RFC 7636 §4.1: 43*128unreserved.
func validVerifier(v string) bool {
	if len(v) < 43 || len(v) > 128 {
		return false
	}
	for i := range len(v) {
		c := v[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0) {
			return false
		}
	}
	return true
}
