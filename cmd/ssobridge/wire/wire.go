// Package wire makes the bridge that a set of settings describes. The commands, the demo and the admin pages all get
// theirs here, so that what one of them explains is what the others do.
package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/token"
)

// ProviderName is how the one provider of the settings JWT_… is called in sessions, events and lists.
const ProviderName = "jwt"

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
		Return: sso.ReturnRules{Site: cfg.SiteURL, Allowed: cfg.AllowedOrigins},
		Policy: policy(cfg),
		Store:  st,
		Now:    now,
		Log:    log,
	}
	if b.Provider, warnings, err = provider(cfg); err != nil {
		return nil, nil, err
	}
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

func policy(cfg *setting.Config) sso.Policy {
	return sso.Policy{
		SiteName:             cfg.SiteName,
		SingleUse:            cfg.JWTProfile != sso.Metabase,
		Provision:            cfg.JWTUserProvisioningEnabled,
		Reactivate:           cfg.JWTProfile == sso.Metabase,
		LinkPasswordAccounts: cfg.LinkPasswordAccounts,
		SyncGroups:           cfg.JWTGroupSync,
		Mappings:             cfg.JWTGroupMappings,
		Sessions:             sso.SessionPolicy{MaxAge: cfg.MaxSessionAge, Idle: cfg.SessionTimeout},
	}
}

// provider is nil when sign-in through an identity provider is off.
func provider(cfg *setting.Config) (*sso.Provider, []string, error) {
	if !cfg.JWTEnabled {
		return nil, nil, nil
	}
	if cfg.JWTTokenURI != nil {
		return nil, nil, errors.New("JWT_TOKEN_URI is set, but this version takes no codes: unset it; the identity provider " +
			"returns the token with the claim code_challenge instead")
	}
	keys, warnings, err := token.NewSecrets(cfg.JWTSharedSecrets, cfg.JWTProfile)
	if err != nil {
		return nil, nil, fmt.Errorf("JWT_SHARED_SECRET: %w", err)
	}
	for i := range warnings {
		warnings[i] = "JWT_SHARED_SECRET: " + warnings[i]
	}
	return &sso.Provider{
		Name:        ProviderName,
		URI:         cfg.JWTIdentityProviderURI,
		Binding:     cfg.JWTBinding,
		ClientID:    cfg.JWTClientID,
		RedirectURI: string(cfg.SiteURL) + "/auth/sso",
		Verifier: &token.Verifier{
			Provider:    ProviderName,
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
