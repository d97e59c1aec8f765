package sso

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/ssobridge/ssobridge/sso/nearest"
)

// maxCompared bounds the work of looking for the mapping that was meant.
const maxCompared = 50

// unmapped returns the names that the identity provider sent and that no mapping knows; nil where mappings decide nothing.
func (p GroupSync) unmapped(id Identity) []string {
	if !p.syncs(id) || len(p.Mappings) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(id.Groups), func(name string) bool {
		_, known := p.Mappings[name]
		return known
	})
}

// shownGroups returns a few of the names, cleaned and short, for a log.
func shownGroups(names []string) (shown []string) {
	for _, name := range names[:min(len(names), maxNamesQuoted)] {
		shown = append(shown, Shorten(name, maxQuoted))
	}
	if more := len(names) - maxNamesQuoted; more > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", more))
	}
	return shown
}

// misspelt warns of names that no mapping knows, and that are nearly one that a mapping knows. A mapping whose own name was
// sent as well is spelt right. A name that is like no other is no warning: identity providers send many.
func (p GroupSync) misspelt(id Identity) (warnings []string) {
	unmapped := p.unmapped(id)
	if len(unmapped) == 0 {
		return nil
	}
	known := slices.DeleteFunc(slices.Sorted(maps.Keys(p.Mappings)), func(key string) bool { return slices.Contains(id.Groups, key) })
	alike := map[string]string{}
	for _, key := range known {
		alike[loose(key)] = key
	}
	for _, name := range unmapped[:min(len(unmapped), maxCompared)] {
		meant := cmp.Or(alike[loose(name)], nearest.Of(name, known))
		if meant != "" && len(warnings) < maxNamesQuoted {
			warnings = append(warnings, fmt.Sprintf("no mapping knows the group %s; did you mean %s? (names are compared letter by letter)",
				quoteName(name), quoteName(meant)))
		}
	}
	return warnings
}
