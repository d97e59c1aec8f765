package admin

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
)

// WriteGroups writes groups as the form takes them: names separated by commas, which no name contains, and #7 for an id
// that no group has. A name that would be read as such an id gets one more #: ##7.
func WriteGroups(list []sso.GroupRef, groups []sso.Group) string {
	var all []string
	for _, ref := range list {
		name := ref.Name
		for _, g := range groups {
			if ref.Name == "" && g.ID == ref.ID {
				name = g.Name
			}
		}
		if name == "" {
			name = "#" + strconv.FormatInt(ref.ID, 10)
		} else if _, ok := groupID(name); ok || strings.HasPrefix(name, "##") {
			name = "#" + name
		}
		all = append(all, name)
	}
	return strings.Join(all, ", ")
}

// groupID reads #7. All Users, which nobody maps, has no such form.
func groupID(text string) (int64, bool) {
	digits, ok := strings.CutPrefix(text, "#")
	if !ok {
		return 0, false
	}
	id, err := strconv.ParseInt(digits, 10, 64)
	return id, err == nil && id > sso.AllUsers
}

// ReadGroups reads what [WriteGroups] writes. A group that exists is meant by its id, so that it may be renamed, unless the
// mapping before named it by name; what does not exist is meant by name, and made.
func ReadGroups(text string, groups []sso.Group, before []sso.GroupRef) ([]sso.GroupRef, error) {
	all := []sso.GroupRef{}
	for _, name := range strings.Split(text, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		ref, err := readGroup(name, groups, before)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(all, ref) {
			all = append(all, ref)
		}
	}
	return all, nil
}

func readGroup(name string, groups []sso.Group, before []sso.GroupRef) (sso.GroupRef, error) {
	if id, ok := groupID(name); ok {
		return sso.GroupRef{ID: id}, nil
	}
	if strings.HasPrefix(name, "##") {
		name = name[1:]
	}
	if name == sso.AllUsersName {
		return sso.GroupRef{}, fmt.Errorf("everyone is in %s; it cannot be mapped", name)
	}
	if byName := (sso.GroupRef{Name: name}); slices.Contains(before, byName) {
		return byName, nil
	}
	for _, g := range groups {
		if g.Name == name {
			return sso.GroupRef{ID: g.ID}, nil
		}
	}
	if err := sso.CheckGroupName(name); err != nil {
		return sso.GroupRef{}, fmt.Errorf("%q: %w", name, err)
	}
	return sso.GroupRef{Name: name}, nil
}

// MissingGroups are the groups that mappings name by an id which no group has, sorted.
func MissingGroups(m sso.Mappings, groups []sso.Group) []sso.GroupRef {
	ids, gone := index(groups), map[int64]bool{}
	for _, list := range m {
		for _, ref := range list {
			if _, there := ids[ref]; ref.Name == "" && !there {
				gone[ref.ID] = true
			}
		}
	}
	var all []sso.GroupRef
	for _, id := range slices.Sorted(maps.Keys(gone)) {
		all = append(all, sso.GroupRef{ID: id})
	}
	return all
}
