package wire

import (
	"context"
	"fmt"
	"slices"

	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// ownPaths warns of ACCESS_RULES about pages that the bridge answers itself in front of UPSTREAM, whatever they say.
func ownPaths(cfg *setting.Config) (warnings []string) {
	if cfg.Upstream == nil {
		return nil
	}
	for i, r := range cfg.AccessRules {
		if server.OwnPath(r.Path) {
			warnings = append(warnings, fmt.Sprintf("ACCESS_RULES: rule %d does not act on UPSTREAM: %s is the bridge's own, and who may see that is not for rules to say", i+1, r.Path))
		}
	}
	return warnings
}

// MissingGroups warns of groups that ACCESS_RULES ask for and that are not in the database, nor will be made for
// JWT_GROUP_MAPPINGS: nobody is in them. An error is of the store.
func MissingGroups(ctx context.Context, cfg *setting.Config, st interface {
	Groups(ctx context.Context) ([]sso.Group, error)
}) (warnings []string, err error) {
	names := cfg.AccessRules.GroupNames()
	if len(names) == 0 {
		return nil, nil
	}
	there, err := st.Groups(ctx)
	if err != nil {
		return nil, err
	}
	mapped := cfg.JWTGroupMappings.Names()
	for _, name := range names {
		if !slices.Contains(mapped, name) && !slices.ContainsFunc(there, func(g sso.Group) bool { return g.Name == name }) {
			warnings = append(warnings, fmt.Sprintf("ACCESS_RULES ask for the group %q, which does not exist: nobody is in it; ssobridge groups create %q makes it", name, name))
		}
	}
	return warnings, nil
}
