package ssobridge

import (
	"slices"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/bearer"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/token"
	"github.com/ssobridge/ssobridge/sso/validation"
)

// bearerProvider makes the parts of a provider with which nobody signs in.
func (m *maker) bearerProvider(cfg *setting.Config, p *setting.Provider, keys keyset.Set, groups sso.GroupFinder, st bearer.Store) (*sso.Provider, error) {
	if !p.HasKeys() {
		keys = nil
	}
	made := &sso.Provider{
		Name:       p.Name,
		Label:      p.Label,
		Settings:   p.Settings(),
		Issuer:     p.Issuer,
		Binding:    sso.BindingOff,
		Policy:     policy(cfg, p),
		KeySources: keySources(keys),
		Groups:     groups,
	}
	return made, m.takeBearer(made, cfg, p, keys, st)
}

// completed adds to a provider with which people sign in what it has in common with those of API clients.
func (m *maker) completed(made *sso.Provider, cfg *setting.Config, p *setting.Provider, st bearer.Store) (err error) {
	login, ok := made.Login.(*token.Verifier)
	if !ok {
		return nil
	}
	if p.Kind == setting.KindJWT {
		if !p.HasKeys() {
			login.Keys = nil
		}
		login.ValidateAll = p.Bearer.ValidateAll
		if login.Validator, err = m.validator(p); err != nil {
			return err
		}
	}
	if !p.Bearer.On {
		return nil
	}
	return m.takeBearer(made, cfg, p, login.Keys, st)
}

// takeBearer lets a provider take tokens of API clients.
func (m *maker) takeBearer(made *sso.Provider, cfg *setting.Config, p *setting.Provider, keys keyset.Set, st bearer.Store) error {
	v := bearerVerifier(p, keys)
	var err error
	if v.Validator, err = m.validator(p); err != nil {
		return err
	}
	made.Header, made.Parameter = p.Bearer.Header, p.Bearer.Parameter
	made.OpaqueTokens = v.Validator != nil && !v.ValidateAll
	made.Bearer = &bearer.Judge{
		Provider: p.Name,
		Policy:   bearerPolicy(cfg, p),
		Accounts: bearer.Accounts(p.Bearer.Accounts),
		Store:    m.known.with(st),
		Groups:   made.Groups,
		Changes:  func() uint64 { return keyset.Generation(keys) },
		Verifier: v,
	}
	return nil
}

// bearerPolicy is that of sign-ins, but that a token of an API client makes nobody an administrator who signs in, and takes nothing
// from those who are (SECURITY J5).
func bearerPolicy(cfg *setting.Config, p *setting.Provider) sso.Policy {
	policy := policy(cfg, p)
	mappings := sso.Mappings{}
	for key, refs := range policy.Mappings {
		mappings[key] = slices.DeleteFunc(slices.Clone(refs), func(r sso.GroupRef) bool { return r.ID == sso.Administrators })
	}
	policy.Mappings = mappings
	return policy
}

// validator asks the server of VALIDATION_URL; nil: there is none.
func (m *maker) validator(p *setting.Provider) (token.Validator, error) {
	address := p.Bearer.ValidationURL
	if address == "" {
		return nil, nil
	}
	_, authorities, err := authoritiesOf(p)
	if err != nil {
		return nil, err
	}
	return validation.New(p.Setting("VALIDATION_URL"), address, authorities, m.now)
}

func bearerVerifier(p *setting.Provider, keys keyset.Set) *token.Verifier {
	return &token.Verifier{
		Use:         token.ForBearer,
		Provider:    p.Name,
		Scope:       scope(p),
		Settings:    p.Settings(),
		Profile:     sso.Standard,
		Keys:        keys,
		Names:       p.BearerClaims().Parsed(),
		Require:     p.Require,
		Issuer:      p.Issuer,
		Audiences:   p.Bearer.Audiences,
		AnyAudience: p.Bearer.AnyAudience,
		Leeway:      p.Leeway,
		AccessToken: p.AccessTokensOnly(),
		MaxLifetime: p.BearerLifetime(),
		ValidateAll: p.Bearer.ValidateAll,

		UnverifiedEmail: !p.OpenID.VerifiedEmail && p.Name != setting.DefaultProvider, // which has no such setting
	}
}
