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
	"strconv"
	"strings"
	"time"

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
	if !validVerifier(a.Verifier) {
		return sso.Grant{}, fmt.Errorf("the code verifier is not 43 to 128 unreserved characters: %w", sso.CodeExchangeFailed)
	}
	answer, err := e.ask(ctx, "the code", url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {a.Code},
		"redirect_uri":  {e.RedirectURI},
		"client_id":     {e.ClientID},
		"code_verifier": {a.Verifier},
	})
	return e.told(e.redeemed(answer, err))
}

// redeemed is what an answer to a code gives.
func (e *Exchange) redeemed(answer tokenAnswer, err error) (sso.Grant, error) {
	token := cmp.Or(answer.JWT, answer.IDToken, answer.AccessToken)
	switch {
	case err != nil:
		return sso.Grant{}, err
	case e.OpenID && answer.IDToken == "":
		return sso.Grant{}, fmt.Errorf("answered without id_token; is openid among the scopes?: %w", sso.CodeExchangeFailed)
	case e.OpenID:
		return answer.grant()
	case token == "":
		return sso.Grant{}, fmt.Errorf("answered without jwt, id_token or access_token: %w", sso.CodeExchangeFailed)
	}
	return sso.Grant{Token: token}, nil
}

// Refresh implements [sso.Refresher] (RFC 6749 §6). Errors wrap [sso.ProviderRefused] when the provider does not let the person go
// on, [sso.ProviderUnavailable] when it did not answer properly or wants to be left alone for a while, which a method RetryAfter
// of the error says, and [sso.CodeExchangeFailed] for every other answer: that is about the bridge, not about the person.
func (e *Exchange) Refresh(ctx context.Context, refreshToken string) (sso.Grant, error) {
	answer, err := e.ask(ctx, "the refresh token", url.Values{
		"grant_type":    {"refresh_token"},
		"refresh_token": {refreshToken},
		"client_id":     {e.ClientID},
	})
	return e.told(refreshed(answer, err))
}

// refreshed is what an answer to a refresh token gives.
func refreshed(answer tokenAnswer, err error) (sso.Grant, error) {
	if answer.endsSession() && sso.CodeOf(err) == sso.CodeExchangeFailed {
		return sso.Grant{}, fmt.Errorf("%s: %w", sso.Reason(err), sso.ProviderRefused)
	}
	if err == nil && answer.AccessToken == "" && answer.IDToken == "" {
		err = fmt.Errorf("answered without access_token and id_token: %w", sso.CodeExchangeFailed)
	}
	if err != nil {
		return sso.Grant{}, err
	}
	return answer.grant()
}

// ask sends a form to the token endpoint. what is what it redeems, for messages.
func (e *Exchange) ask(ctx context.Context, what string, form url.Values) (answer tokenAnswer, err error) {
	if e.TokenURI == nil || e.Client == nil {
		return answer, fmt.Errorf("no token endpoint is configured: %w", sso.CodeExchangeFailed)
	}
	ctx, cancel := context.WithTimeout(ctx, outbound.Timeout)
	defer cancel()
	if e.ClientSecret != "" && e.Post {
		form.Set("client_secret", e.ClientSecret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.TokenURI.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return answer, fmt.Errorf("%w: %w", err, sso.CodeExchangeFailed)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if e.ClientSecret != "" && !e.Post { // RFC 6749 §2.3.1: both in the form of a form
		req.SetBasicAuth(url.QueryEscape(e.ClientID), url.QueryEscape(e.ClientSecret))
	}

	resp, err := e.Client.Do(req)
	if err != nil {
		return answer, fmt.Errorf("%w: %w", outbound.WithoutURL(err), sso.ProviderUnavailable)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return answer, fmt.Errorf("reading the answer: %w: %w", err, sso.ProviderUnavailable)
	}
	return e.readAnswer(resp, body, what, form)
}

// told says whose answer an error is about.
func (e *Exchange) told(g sso.Grant, err error) (sso.Grant, error) {
	if err != nil && e.TokenURI != nil {
		err = fmt.Errorf("token endpoint %s: %w", e.TokenURI.Redacted(), err)
	}
	return g, err
}

// A tokenAnswer is what a token endpoint says (RFC 6749 §5.1 and §5.2).
type tokenAnswer struct {
	JWT          string `json:"jwt"`
	IDToken      string `json:"id_token"`
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	RefreshToken string `json:"refresh_token"`
	Error        string `json:"error"`
	Description  string `json:"error_description"`
}

// endsSession reports whether an answer to a refresh token says that the person has to sign in anew, or may not.
func (a tokenAnswer) endsSession() bool {
	switch a.Error {
	// RFC 6749 §5.2; OpenID Connect Core §3.1.2.6: the provider has to see the person. Some answer access_denied for who is switched off.
	case "invalid_grant", "access_denied", "login_required", "interaction_required", "consent_required", "account_selection_required":
		return true
	case "invalid_request": // Dex, where RFC 6749 has invalid_grant: "Refresh token is invalid or has already been claimed by another client."
		return strings.Contains(strings.ToLower(a.Description), "refresh token")
	}
	return false
}

// grant is what an OpenID provider gives.
func (a tokenAnswer) grant() (sso.Grant, error) {
	if a.TokenType != "" && !strings.EqualFold(a.TokenType, "Bearer") { // RFC 6749 §7.1
		return sso.Grant{}, fmt.Errorf("answered with the token_type %q; only Bearer is understood: %w", sso.Shorten(a.TokenType, 60), sso.CodeExchangeFailed)
	}
	return sso.Grant{Token: a.IDToken, AccessToken: a.AccessToken, RefreshToken: a.RefreshToken}, nil
}

// readAnswer reads an answer to a form. What an error quotes is the provider's error, never a token.
func (e *Exchange) readAnswer(resp *http.Response, body []byte, what string, form url.Values) (answer tokenAnswer, err error) {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		return answer, &later{fmt.Errorf("answered %d: %w", resp.StatusCode, sso.ProviderUnavailable), retryAfter(resp.Header)}
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		advice := "set TOKEN_URI to the address itself"
		if e.OpenID {
			advice = "its discovery document must name the address itself"
		}
		return answer, fmt.Errorf("answered with a redirect (%d), which is not followed: %s: %w", resp.StatusCode, advice, sso.CodeExchangeFailed)
	case len(body) > maxAnswer:
		return answer, fmt.Errorf("answered more than %d bytes: %w", maxAnswer, sso.CodeExchangeFailed)
	case kind != "application/json":
		return answer, fmt.Errorf("answered %d with %q; JSON is needed: %w", resp.StatusCode, sso.Truncate(sso.CleanText(kind), 60), sso.CodeExchangeFailed)
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return tokenAnswer{}, fmt.Errorf("answered %d with JSON that is not an object of strings: %w", resp.StatusCode, sso.CodeExchangeFailed)
	}
	if resp.StatusCode != http.StatusOK {
		return answer, fmt.Errorf("refused %s with status %d, error %q, %q: %w", what, resp.StatusCode,
			quoted(answer.Error, 60, form), quoted(answer.Description, 200, form), sso.CodeExchangeFailed)
	}
	answer.Error = ""
	return answer, nil
}

// quoted is text of an answer for a log, without what was sent: a provider may repeat a token in its description.
func quoted(text string, most int, sent url.Values) string {
	for _, name := range []string{"code", "refresh_token", "code_verifier", "client_secret"} {
		if secret := sent.Get(name); secret != "" {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	return sso.Truncate(sso.CleanText(text), most)
}

// later is an error of a server that says when to come again.
type later struct {
	error
	after time.Duration
}

func (l *later) Unwrap() error { return l.error }

// RetryAfter is how long the server wants to be left alone; 0 when it does not say.
func (l *later) RetryAfter() time.Duration { return l.after }

// retryAfter reads Retry-After (RFC 9110 §10.2.3) where it is a number of seconds.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 16)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
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
