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
	return e, p != nil || own || !mayBeLogin(b, of, x.Checks)
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
	first, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(first)
	var header struct {
		Type string `json:"typ"`
	}
	return err == nil && json.Unmarshal(raw, &header) == nil && strings.TrimPrefix(strings.ToLower(header.Type), "application/") == "at+jwt"
}
