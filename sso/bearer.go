package sso

import (
	"context"
	"fmt"
)

// A Bearer judges the tokens that API clients of a provider present with each request, in the place of a session (RFC 6750). It
// is safe for concurrent use.
type Bearer interface {
	// Authenticate makes every check that a token must pass, each with x.Check, and stops when x.Check says so. It returns whom
	// the request acts for; nil unless all checks passed. Nothing is spent: a token comes again and again.
	//
	// The answer may be remembered until its Until, but no longer than Generation stays what it was before the call, and not
	// beyond a change of its account or of the groups.
	//
	// Whoever cannot be judged now is [ProviderUnavailable], [GroupsUnavailable] or [StoreUnavailable]; every other error means no.
	Authenticate(ctx context.Context, token string, x *Exam) *Principal

	// Generation changes when what was found out before is to be found out anew, such as when a key is removed. It is called
	// with each request and costs next to nothing.
	Generation() uint64
}

// Bearers are those that judge tokens of API clients.
func (ps Providers) Bearers() (all Providers) {
	for _, p := range ps {
		if p.Bearer != nil {
			all = append(all, p)
		}
	}
	return all
}

// Presented returns the one of these providers whose token an API client presents: that with the issuer which the token
// claims, else the only one that looks at no issuer. It decides no more than whose keys and rules the token is held against
// (SECURITY A10). The error wraps [TokenIssuer].
func (ps Providers) Presented(token string) (*Provider, error) {
	issuer := claimedIssuer(token)
	var open *Provider
	several := false
	for _, p := range ps {
		switch {
		case p.Bearer == nil:
		case p.Issuer == "" && open == nil:
			open = p
		case p.Issuer == "":
			several = true
		case p.Issuer == issuer:
			return p, nil
		}
	}
	if open == nil || several {
		return nil, fmt.Errorf("the token's iss is %s, which is that of no provider whose tokens are taken here: %w", quoteName(issuer), TokenIssuer)
	}
	return open, nil
}

// logins are those with which people sign in.
func (ps Providers) logins() (all Providers) {
	for _, p := range ps {
		if p.Login != nil || p.Beginner != nil || p.Bearer == nil {
			all = append(all, p)
		}
	}
	return all
}
