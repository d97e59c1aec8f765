// Package explain says what would become of a token that somebody pasted: whose it is, what it is for, and each check that it
// meets, made by the very code of a sign-in or of a request.
package explain

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/logout"
)

// Pasted explains what somebody pasted, see [sso.ParsePasted]. What cannot be explained is [sso.Invalid]; the text around
// that begins with a verb.
func Pasted(ctx context.Context, b *sso.Bridge, text, peer string) (sso.Explanation, error) {
	cb, err := sso.ParsePasted(text)
	switch {
	case err != nil:
		return sso.Explanation{Code: sso.CodeOf(err), Checks: []sso.Check{{Name: "request", Detail: sso.Reason(err)}}}, nil
	case cb.Handoff != "":
		return sso.Explanation{}, fmt.Errorf("has a step of the bridge's own, which has no token any more: %w", sso.Invalid)
	case cb.Token == "" && cb.Code != "" && redeems(b, cb):
		return sso.Explanation{}, fmt.Errorf("has a code, which only the bridge can exchange for a token, and once: %w", sso.Invalid)
	}
	cb.Peer = peer
	if cb.Pasted == sso.PastedToken {
		if e, ok := logoutToken(ctx, b, cb); ok {
			return e, nil
		}
		if e, ok := bearer(ctx, b, cb.Token); ok {
			return e, nil
		}
	}
	return b.Explain(ctx, cb), nil
}

func redeems(b *sso.Bridge, cb sso.Callback) bool {
	p, _ := b.Providers.Of(cb)
	return p != nil && p.Redeemer != nil
}

// bearer explains the token of an API client. ok is false for one that is no API client's, or may as well be a login's that is
// not good.
func bearer(ctx context.Context, b *sso.Bridge, token string) (e sso.Explanation, ok bool) {
	own := isAccessToken(token)
	of, err := b.Providers.Presented(token)
	if err != nil && !own {
		return e, false
	}
	x := &sso.Exam{Now: b.Now(), Explaining: true}
	x.Check("provider", func(x *sso.Exam) error {
		if err == nil {
			x.Note("%s: %s", of.Name, presents(of))
		}
		return err
	})
	if err != nil {
		return sso.Explanation{Code: sso.CodeOf(x.Err), Use: sso.UseBearer, Checks: x.Checks}, true
	}
	p := of.Bearer.Authenticate(ctx, token, x)
	e = sso.Explanation{Accepted: p != nil, Code: sso.CodeOf(x.Err), Use: use(of), Provider: of.Name, KeyID: x.KeyID, Until: x.Until,
		Checks: x.Checks, Identity: x.Identity, Caller: p}
	if p != nil {
		e.SignedIn = &sso.SignedIn{Account: p.Account, Groups: p.Groups}
	}
	return e, p != nil || own || opaque(of, token) || !mayBeLogin(b, of, x.Checks)
}

// logoutToken explains a token that ends sessions. ok is false for one that does not say to be one.
func logoutToken(ctx context.Context, b *sso.Bridge, cb sso.Callback) (e sso.Explanation, ok bool) {
	if !isLogoutToken(cb.Token) {
		return e, false
	}
	x := &sso.Exam{Now: b.Now(), Explaining: true}
	e.Use = sso.UseLogout
	x.Check("provider", func(x *sso.Exam) error {
		p, err := b.Providers.Of(cb)
		switch {
		case err != nil:
			return err
		case p.Logout == nil:
			return fmt.Errorf("no logout token of the provider %q is accepted: %w", p.Name, sso.Disabled)
		}
		e.Provider = p.Name
		x.Note("%s: the token ends sessions, and opens none", p.Name)
		return nil
	})
	if x.Err == nil {
		b.Providers.Named(e.Provider).Logout.Verify(ctx, cb.Token, x)
	}
	e.Accepted, e.Code, e.KeyID, e.Checks = x.Err == nil, sso.CodeOf(x.Err), x.KeyID, x.Checks
	return e, true
}

// opaque reports whether a token is what only a server of its provider can read. That of a login is signed.
func opaque(of *sso.Provider, token string) bool {
	return of.OpaqueTokens && strings.Count(token, ".") != 2
}

// mayBeLogin reports whether a token that the provider of did not take from an API client may be that of a login: its issuer is
// one with which people sign in, and it is not for the audience of API clients.
func mayBeLogin(b *sso.Bridge, of *sso.Provider, checks []sso.Check) bool {
	if !slices.ContainsFunc(b.Providers, func(p *sso.Provider) bool { return p.Login != nil && (of.Issuer == "" || p.Issuer == of.Issuer) }) {
		return false
	}
	return !passed(checks, "audience") || !passed(checks, "signature") && of.Issuer == ""
}

func passed(checks []sso.Check, name string) bool {
	return slices.ContainsFunc(checks, func(c sso.Check) bool { return c.Name == name && c.OK })
}

func use(of *sso.Provider) sso.TokenUse {
	if of.Issues {
		return sso.UseService
	}
	return sso.UseBearer
}

func presents(of *sso.Provider) string {
	if of.Issues {
		return "the bridge itself gave the token to a service account"
	}
	return "an API client presents the token with each request"
}

// isAccessToken reports whether the header of a token that nobody has verified says that it is one for an API (RFC 9068 §2.1).
func isAccessToken(token string) bool {
	return typeOf(token) == "at+jwt"
}

// isLogoutToken reports the same of one that ends sessions. It is its type that says so, or its event where that was left out.
func isLogoutToken(token string) bool {
	_, rest, _ := strings.Cut(token, ".")
	var claims struct {
		Events map[string]any `json:"events"`
	}
	read(rest, &claims)
	_, event := claims.Events[logout.EventURI]
	return typeOf(token) == "logout+jwt" || event
}

// typeOf is the typ of the header, in small letters and without application/ (RFC 7515 §4.1.9).
func typeOf(token string) string {
	var header struct {
		Type string `json:"typ"`
	}
	read(token, &header)
	return strings.TrimPrefix(strings.ToLower(header.Type), "application/")
}

// read reads the first part of what is left of a token. What cannot be read is left as it is.
func read(token string, into any) {
	part, _, _ := strings.Cut(token, ".")
	if raw, err := base64.RawURLEncoding.DecodeString(part); err == nil {
		_ = json.Unmarshal(raw, into) // nobody has verified it: what it says decides no more than how it is judged
	}
}
