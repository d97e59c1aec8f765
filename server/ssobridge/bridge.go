// Package ssobridge makes the bridge that a set of settings describes: [Open] for a Go program that has the bridge inside. The
// commands, the demo and the admin pages get theirs here, too, so that what one of them explains is what the others do.
//
// It is the one package that joins the technologies: the store, the tokens and the server do not know one another.
package ssobridge

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/oidc"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/token"
)

// Store is what a bridge keeps things in; package store has it.
type Store interface {
	sso.Store
	// EnsureGroups creates those of the named groups that do not exist, each with an event made from e, and returns them.
	EnsureGroups(ctx context.Context, names []string, e sso.Event) ([]sso.Group, error)
}

// Bridge makes the bridge. Bridge groups that the mappings name are created if they do not exist. The warnings are for
// whoever operates the bridge; they name no secret. The error says which setting to change.
func Bridge(ctx context.Context, cfg *setting.Config, st Store, now func() time.Time, log *slog.Logger) (
	b *sso.Bridge, warnings []string, err error) {
	b = &sso.Bridge{
		Return:   sso.ReturnRules{Site: cfg.SiteURL, Allowed: cfg.AllowedOrigins},
		Sessions: sso.SessionPolicy{MaxAge: cfg.MaxSessionAge, Idle: cfg.SessionTimeout},
		Store:    st,
		Now:      now,
		Log:      log,
	}
	p, warnings, err := provider(cfg)
	if err != nil {
		return nil, nil, err
	}
	if p != nil {
		b.Providers = sso.Providers{p}
	}
	warnings = append(warnings, ownPaths(cfg)...)
	if names := cfg.JWTGroupMappings.Names(); len(names) > 0 {
		made, err := st.EnsureGroups(ctx, names, sso.Event{At: now(), Kind: sso.EventGroup, Actor: "JWT_GROUP_MAPPINGS"})
		if err != nil {
			return nil, nil, fmt.Errorf("groups of JWT_GROUP_MAPPINGS: %w", err)
		}
		for _, g := range made {
			log.InfoContext(ctx, "group created, since JWT_GROUP_MAPPINGS names it", "group", g.Name, "id", g.ID)
		}
	}
	return b, warnings, nil
}

// FaultOf is an error of [Bridge] as the fault of the setting that it names; ok is false when it names none.
func FaultOf(cfg *setting.Config, err error) (f setting.Fault, ok bool) {
	name, problem, ok := strings.Cut(err.Error(), ": ")
	if !ok || sso.CodeOf(err) != sso.Invalid || setting.Find(name) == nil {
		return setting.Fault{}, false
	}
	return setting.Fault{Name: name, Source: cfg.Source(name).String(), Problem: strings.TrimSuffix(problem, ": "+string(sso.Invalid))}, true
}

func policy(cfg *setting.Config) sso.Policy {
	return sso.Policy{
		SingleUse: cfg.JWTProfile != sso.Metabase,
		Admission: sso.Admission{
			SiteName:             cfg.SiteName,
			Settings:             "JWT_",
			Provision:            cfg.JWTUserProvisioningEnabled,
			Reactivate:           cfg.JWTProfile == sso.Metabase,
			LinkPasswordAccounts: cfg.LinkPasswordAccounts,
		},
		GroupSync: sso.GroupSync{SyncGroups: cfg.JWTGroupSync, Mappings: cfg.JWTGroupMappings},
	}
}

// provider is nil when sign-in through an identity provider is off.
func provider(cfg *setting.Config) (*sso.Provider, []string, error) {
	if !cfg.JWTEnabled {
		return nil, nil, nil
	}
	keys, warnings, err := token.NewSecrets(cfg.JWTSharedSecrets, cfg.JWTProfile)
	if err != nil {
		return nil, nil, fmt.Errorf("JWT_SHARED_SECRET: %w", err)
	}
	for i := range warnings {
		warnings[i] = "JWT_SHARED_SECRET: " + warnings[i]
	}
	return &sso.Provider{
		Name:     setting.DefaultProvider,
		Issuer:   cfg.JWTIssuer,
		Binding:  cfg.JWTBinding,
		Policy:   policy(cfg),
		Beginner: sso.Redirect{URI: cfg.JWTIdentityProviderURI, ClientID: cfg.JWTClientID, RedirectURI: callback(cfg)},
		Redeemer: redeemer(cfg),
		Login: &token.Verifier{
			Provider:    setting.DefaultProvider,
			Profile:     cfg.JWTProfile,
			Keys:        keys,
			Names:       cfg.JWTClaims,
			Issuer:      cfg.JWTIssuer,
			Audience:    cfg.JWTAudience,
			MaxAge:      cfg.JWTMaxAge,
			Leeway:      cfg.JWTLeeway,
			MaxLifetime: cfg.JWTMaxLifetime,
		},
	}, warnings, nil
}

func callback(cfg *setting.Config) string { return cfg.URL("/auth/sso") }

// redeemer is nil when tokens come in the request: without JWT_BINDING pkce, and for an identity provider that has no
// token endpoint and returns the code_challenge as a claim.
func redeemer(cfg *setting.Config) sso.Redeemer {
	if cfg.JWTBinding != sso.BindingPKCE || cfg.JWTTokenURI == nil {
		return nil
	}
	return &oidc.Exchange{TokenURI: cfg.JWTTokenURI, ClientID: cfg.JWTClientID, RedirectURI: callback(cfg), Client: oidc.DefaultClient()}
}
