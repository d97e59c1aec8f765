package ssobridge

import (
	"cmp"

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
	v := bearerVerifier(p, keys)
	if address := p.Bearer.ValidationURL; address != "" {
		_, authorities, err := authoritiesOf(p)
		if err != nil {
			return nil, err
		}
		if v.Validator, err = validation.New(p.Setting("VALIDATION_URL"), address, authorities, m.now); err != nil {
			return nil, err
		}
	}
	return &sso.Provider{
		Name:       p.Name,
		Label:      cmp.Or(p.Label, p.Name),
		Settings:   p.Settings(),
		Issuer:     p.Issuer,
		Binding:    sso.BindingOff,
		Policy:     policy(cfg, p),
		KeySources: keySources(keys),
		Groups:     groups,
		Header:     p.Bearer.Header,
		Parameter:  p.Bearer.Parameter,

		OpaqueTokens: v.Validator != nil && !v.ValidateAll,

		Bearer: &bearer.Judge{
			Provider: p.Name,
			Policy:   policy(cfg, p),
			Accounts: bearer.Accounts(p.Bearer.Accounts),
			Store:    st,
			Groups:   groups,
			Changes:  func() uint64 { return keyset.Generation(keys) },
			Verifier: v,
		},
	}, nil
}

func bearerVerifier(p *setting.Provider, keys keyset.Set) *token.Verifier {
	return &token.Verifier{
		Use:         token.ForBearer,
		Provider:    p.Name,
		Scope:       scope(p),
		Settings:    p.Settings(),
		Profile:     sso.Standard,
		Keys:        keys,
		Names:       p.Claims,
		Require:     p.Require,
		Issuer:      p.Issuer,
		Audiences:   p.Bearer.Audiences,
		AnyAudience: p.Bearer.AnyAudience,
		Leeway:      p.Leeway,
		MaxLifetime: p.MaxLifetime,
		ValidateAll: p.Bearer.ValidateAll,

		UnverifiedEmail: !p.OpenID.VerifiedEmail && p.Name != setting.DefaultProvider, // which has no such setting
	}
}
