// Package ssobridge makes the bridge that a set of settings describes: [Open] for a Go program that has the bridge inside. The
// commands, the demo and the admin pages get theirs here, too, so that what one of them explains is what the others do.
//
// It is the one package that joins the technologies: the store, the tokens and the server do not know one another.
package ssobridge

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/bearer"
	"github.com/ssobridge/ssobridge/sso/keyset"
	"github.com/ssobridge/ssobridge/sso/oidc"
	"github.com/ssobridge/ssobridge/sso/outbound"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/token"
)

// Store is what a bridge keeps things in; package store has it.
type Store interface {
	sso.Store
	bearer.Store
	// EnsureGroups creates those of the named groups that do not exist, each with an event made from e, and returns them.
	EnsureGroups(ctx context.Context, names []string, e sso.Event) ([]sso.Group, error)
}

// Bridge makes the bridge. Bridge groups that the mappings name are created if they do not exist. The warnings are for
// whoever operates the bridge; they name no secret. The error says which setting to change.
func Bridge(ctx context.Context, cfg *setting.Config, st Store, now func() time.Time, log *slog.Logger) (
	b *sso.Bridge, warnings []string, err error) {
	return (&maker{keyring: &keyring{}, sources: &sourcebook{}, now: now, log: log}).bridge(ctx, cfg, st)
}

func (m *maker) bridge(ctx context.Context, cfg *setting.Config, st Store) (b *sso.Bridge, warnings []string, err error) {
	b = &sso.Bridge{
		Return:   sso.ReturnRules{Site: cfg.SiteURL, Allowed: cfg.AllowedOrigins},
		Sessions: sso.SessionPolicy{MaxAge: cfg.MaxSessionAge, Idle: cfg.SessionTimeout},
		Store:    st,
		Now:      m.now,
		Log:      m.log,
	}
	for _, p := range cfg.EnabledProviders() {
		made, of, err := m.provider(cfg, p, st)
		if err == nil {
			err = m.completed(made, cfg, p, st)
		}
		if err != nil {
			return nil, nil, err
		}
		b.Providers, warnings = append(b.Providers, made), append(warnings, of...)
	}
	if err := keysApart(cfg, b.Providers); err != nil {
		return nil, nil, err
	}
	if err := m.unused(cfg); err != nil {
		return nil, nil, err
	}
	warnings = append(warnings, ownPaths(cfg)...)
	for _, p := range cfg.Providers {
		if err := ensureGroups(ctx, p, st, m.now, m.log); err != nil {
			return nil, nil, err
		}
	}
	return b, warnings, nil
}

// ensureGroups makes the groups that the mappings of a provider name.
func ensureGroups(ctx context.Context, p *setting.Provider, st Store, now func() time.Time, log *slog.Logger) error {
	names, mappings := p.GroupMappings.Names(), p.Setting("GROUP_MAPPINGS")
	if len(names) == 0 {
		return nil
	}
	made, err := st.EnsureGroups(ctx, names, sso.Event{At: now(), Kind: sso.EventGroup, Actor: mappings})
	if err != nil {
		return fmt.Errorf("groups of %s: %w", mappings, err)
	}
	for _, g := range made {
		log.InfoContext(ctx, "group created, since "+mappings+" names it", "group", g.Name, "id", g.ID)
	}
	return nil
}

// FaultOf is an error of [Bridge] as the fault of the setting that it names; ok is false when it names none.
func FaultOf(cfg *setting.Config, err error) (f setting.Fault, ok bool) {
	name, problem, ok := strings.Cut(err.Error(), ": ")
	if !ok || sso.CodeOf(err) != sso.Invalid || cfg.Find(name) == nil {
		return setting.Fault{}, false
	}
	return setting.Fault{Name: name, Source: cfg.Source(name).String(), Problem: strings.TrimSuffix(problem, ": "+string(sso.Invalid))}, true
}

func policy(cfg *setting.Config, p *setting.Provider) sso.Policy {
	return sso.Policy{
		SingleUse: p.Profile != sso.Metabase,
		Admission: sso.Admission{
			SiteName:             cfg.SiteName,
			Settings:             p.Settings(),
			Provision:            p.UserProvisioningEnabled,
			Reactivate:           p.Profile == sso.Metabase,
			LinkPasswordAccounts: cfg.LinkPasswordAccounts,
			LinkAccounts:         p.LinkAccounts,
			AllowedDomains:       p.AllowedDomains,
			AllowedGroups:        asSent(p),
		},
		GroupSync: sso.GroupSync{SyncGroups: p.GroupSync, Mappings: p.GroupMappings},
	}
}

// asSent are the ALLOWED_GROUPS, which are named as the provider sends them, with the prefix that its groups get here.
func asSent(p *setting.Provider) []string {
	groups := slices.Clone(p.AllowedGroups)
	for i := range groups {
		groups[i] = p.Claims.GroupPrefix + groups[i]
	}
	return groups
}

// provider makes the parts of a provider that is on.
func (m *maker) provider(cfg *setting.Config, p *setting.Provider, st Store) (*sso.Provider, []string, error) {
	groups, err := m.groups(cfg, p)
	if err != nil {
		return nil, nil, err
	}
	if p.Kind == setting.KindOIDC {
		made, warnings, err := m.openIDProvider(cfg, p)
		if err == nil {
			made.Groups, made.OnGroupFailure = groups, p.Groups.OnFailure
		}
		return made, warnings, err
	}
	keys, warnings, err := m.keysOf(p)
	if err != nil {
		return nil, nil, err
	}
	if p.Kind == setting.KindBearer {
		made, err := m.bearerProvider(cfg, p, keys, groups, st)
		return made, warnings, err
	}
	redeemer, err := redeemer(cfg, p)
	if err != nil {
		return nil, nil, err
	}
	return &sso.Provider{
		Name:       p.Name,
		Label:      p.Label,
		Settings:   p.Settings(),
		Issuer:     p.Issuer,
		Binding:    p.Binding,
		Policy:     policy(cfg, p),
		Beginner:   oidc.Redirect{URI: p.IdentityProviderURI, ClientID: p.ClientID, RedirectURI: callback(cfg)},
		Redeemer:   redeemer,
		KeySources: keySources(keys),
		Login:      verifier(p, keys),
		Logout:     logoutVerifier(p, keys),
		ByEmail:    p.Claims.Subject == "",

		Groups:         groups,
		OnGroupFailure: p.Groups.OnFailure,
	}, warnings, nil
}

// verifier judges the tokens of logins.
func verifier(p *setting.Provider, keys keyset.Set) *token.Verifier {
	audience := ""
	if p.Kind == setting.KindOIDC {
		audience = p.Setting("CLIENT_ID")
	}
	return &token.Verifier{
		AudienceName: audience,
		Provider:     p.Name,
		Scope:        scope(p),
		Settings:     p.Settings(),
		Profile:      p.Profile,
		Keys:         keys,
		Names:        p.Claims.Parsed(),
		Require:      p.Require,
		Issuer:       p.Issuer,
		Audience:     p.Audience,
		MaxAge:       p.MaxAge,
		Leeway:       p.Leeway,
		MaxLifetime:  p.MaxLifetime,
	}
}

// logoutVerifier judges the tokens that end sessions. Metabase knows none, so that there is nothing to be lenient about.
func logoutVerifier(p *setting.Provider, keys keyset.Set) *token.Verifier {
	v := verifier(p, keys)
	v.Use, v.Scope, v.Require = token.ForLogout, p.Name+" logout", nil
	if v.Profile == sso.Metabase {
		v.Profile = sso.Standard
	}
	return v
}

// scope keeps the spent tokens of providers apart. What the default provider spent before there were others stays spent.
func scope(p *setting.Provider) string {
	if p.Name == setting.DefaultProvider {
		return ""
	}
	return p.Name
}

func callback(cfg *setting.Config) string { return cfg.URL("/auth/sso") }

// redeemer is nil when tokens come in the request: without the binding pkce, and for an identity provider that has no token
// endpoint and returns the code_challenge as a claim.
func redeemer(cfg *setting.Config, p *setting.Provider) (sso.Redeemer, error) {
	if p.Binding != sso.BindingPKCE || p.TokenURI == nil {
		return nil, nil
	}
	_, trusted, err := authorities(p.Setting("CA_FILE"), p.CAFile)
	if err != nil {
		return nil, err
	}
	return &oidc.Exchange{TokenURI: p.TokenURI, ClientID: p.ClientID, RedirectURI: callback(cfg), Client: outbound.Client(p.TokenURI, trusted)}, nil
}
