package ssobridge

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/nearest"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// ownPaths warns of ACCESS_RULES about pages that the bridge answers itself in front of UPSTREAM, whatever they say.
func ownPaths(cfg *setting.Config) (warnings []string) {
	if cfg.Upstream == nil {
		return nil
	}
	for i, r := range cfg.AccessRules {
		if web.OwnPath(cfg, r.Path) {
			warnings = append(warnings, fmt.Sprintf("ACCESS_RULES: rule %d does not act on UPSTREAM: %s is the bridge's own, and who may see that is not for rules to say", i+1, r.Path))
		}
	}
	return warnings
}

// MissingGroups warns of groups that settings speak of and that are not among those of the database, nor will be made for
// the mappings: names that ACCESS_RULES ask for, and ids that mappings lead to. Nobody is in them.
func MissingGroups(cfg *setting.Config, there []sso.Group) (warnings []string) {
	var mapped []string
	for _, p := range cfg.Providers {
		mapped = append(mapped, p.GroupMappings.Names()...)
	}
	for _, name := range cfg.AccessRules.GroupNames() {
		if !slices.Contains(mapped, name) && !slices.ContainsFunc(there, func(g sso.Group) bool { return g.Name == name }) {
			warnings = append(warnings, fmt.Sprintf("ACCESS_RULES ask for the group %q, which does not exist: nobody is in it; ssobridge groups create %q makes it", name, name))
		}
	}
	for _, p := range cfg.Providers {
		leading := map[int64][]string{}
		for _, key := range slices.Sorted(maps.Keys(p.GroupMappings)) {
			for _, ref := range p.GroupMappings[key] {
				if ref.Name == "" && !slices.ContainsFunc(there, func(g sso.Group) bool { return g.ID == ref.ID }) {
					leading[ref.ID] = append(leading[ref.ID], fmt.Sprintf("%q", key))
				}
			}
		}
		for _, id := range slices.Sorted(maps.Keys(leading)) {
			warnings = append(warnings, fmt.Sprintf("%s lead from %s to the group %d, which does not exist: nobody gets into it; "+
				"ssobridge groups list shows the ids", p.Setting("GROUP_MAPPINGS"), sso.Truncate(strings.Join(leading[id], ", "), 200), id))
		}
	}
	return warnings
}

// GroupsToMake warns of groups that the next start will make for JWT_GROUP_MAPPINGS, since none of that name is there: a
// misspelt name makes a new group. near are the warnings of those whose name is nearly that of another group; other, when
// not "", is one about the rest.
func GroupsToMake(cfg *setting.Config, there []sso.Group) (near []string, other string) {
	var names []string
	for _, g := range there {
		names = append(names, g.Name)
	}
	var others []string
	for _, p := range cfg.Providers {
		var fresh []string
		for _, name := range p.GroupMappings.Names() {
			if slices.Contains(names, name) {
				continue
			}
			if meant := nearest.Of(name, names); meant != "" {
				near = append(near, fmt.Sprintf("%s will make the group %q, which does not exist; did you mean %q?", p.Setting("GROUP_MAPPINGS"), name, meant))
			} else {
				fresh = append(fresh, fmt.Sprintf("%q", name))
			}
		}
		if len(fresh) > 0 {
			others = append(others, p.Setting("GROUP_MAPPINGS")+" will make these groups, which do not exist: "+sso.Shorten(strings.Join(fresh, ", "), 200))
		}
	}
	return near, strings.Join(others, "; ")
}

// manyDoubtful is how many accounts the warnings name.
const manyDoubtful = 5

// DoubtfulEmails warns of accounts that no sign-in finds by its e-mail.
func DoubtfulEmails(doubtful []sso.DoubtfulEmail) (warnings []string) {
	for _, d := range doubtful[:min(len(doubtful), manyDoubtful)] {
		why := fmt.Sprintf("%q is %v", d.Account.Email, d.Err)
		if d.Err == nil {
			why = fmt.Sprintf("%q is the mailbox of account %d, which sign-ins find", d.Account.Email, d.FoundInstead)
		}
		warnings = append(warnings, fmt.Sprintf("no sign-in finds account %d by its e-mail: %s; once its person has what it had, ssobridge users deactivate %d ends this warning",
			d.Account.ID, why, d.Account.ID))
	}
	if more := len(doubtful) - manyDoubtful; more > 0 {
		warnings = append(warnings, fmt.Sprintf("no sign-in finds %d more accounts by their e-mail", more))
	}
	return warnings
}
