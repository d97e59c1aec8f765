package admin

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// A GroupStore is what groups need of package store.
type GroupStore interface {
	Group(ctx context.Context, id int64) (sso.Group, error)
	MemberCounts(ctx context.Context, ids []int64) (map[int64]int, error)
	CreateGroup(ctx context.Context, name string, e sso.Event) (sso.Group, error)
	RenameGroup(ctx context.Context, id int64, name string, e sso.Event) error
	DeleteGroup(ctx context.Context, g sso.GroupClearing, undo string) error
	RestoreGroup(ctx context.Context, undo string, e sso.Event) error
	Undos(ctx context.Context, kind sso.UndoKind) ([]sso.Undo, error)
}

// Groups are the groups of the bridge. All fields are required.
type Groups struct {
	Store    GroupStore
	Mappings []sso.Mappings // in force, of each provider
}

// NewGroups are the groups of a bridge with these settings.
func NewGroups(store GroupStore, cfg *setting.Config) Groups {
	g := Groups{Store: store}
	for _, p := range cfg.Providers {
		g.Mappings = append(g.Mappings, p.GroupMappings)
	}
	return g
}

// Create makes a group. What is wrong with the name is a [*Refusal] of the field "name".
func (g Groups) Create(ctx context.Context, by Actor, name string) (sso.Group, error) {
	e, err := by.event(makeGroup, "group %q made", name)
	if err != nil {
		return sso.Group{}, err
	}
	made, err := g.Store.CreateGroup(ctx, name, e)
	return made, aboutName(err)
}

// Rename gives a group another name.
func (g Groups) Rename(ctx context.Context, by Actor, id int64, name string) error {
	if err := by.may(renameGroup); err != nil {
		return err
	}
	group, err := g.changeable(ctx, id)
	if err != nil {
		return err
	}
	e, err := by.event(renameGroup, "group %d renamed: %q → %q", group.ID, group.Name, name)
	if err != nil {
		return err
	}
	return aboutName(g.Store.RenameGroup(ctx, id, name, e))
}

// aboutName makes what is wrong with a name a refusal of the field.
func aboutName(err error) error {
	if code := sso.CodeOf(err); code == sso.Invalid || code == sso.Conflict {
		return AtField("name", err)
	}
	return err
}

// Delete deletes a group with everybody's membership; for [sso.UndoLifetime] it can be brought back. members is how many
// people are in it, as whoever asks knows; nil: they do not know. It returns [sso.Conflict] when that is not so, and a
// [*Refusal] that wraps [ErrNotConfirmed] when it is not known and anybody is in the group (SECURITY G8).
func (g Groups) Delete(ctx context.Context, by Actor, id int64, members *int) (sso.Group, error) {
	if err := by.may(deleteGroup); err != nil {
		return sso.Group{}, err
	}
	group, err := g.changeable(ctx, id)
	if err != nil {
		return group, err
	}
	if group.ID < sso.FirstGroup {
		return group, fmt.Errorf("%q is built in: %w", group.Name, sso.Forbidden)
	}
	counts, err := g.Store.MemberCounts(ctx, []int64{id})
	if err != nil {
		return group, err
	}
	n := counts[id]
	switch {
	case members == nil && n > 0:
		problem := fmt.Sprintf("%s; to end them all, confirm members %d", Count(n, "person is in this group", "people are in this group"), n)
		return group, notConfirmed(map[string]string{"members": problem})
	case members != nil && *members != n:
		return group, conflict("%s now, not %d as you were told", Count(n, "person is in this group", "people are in this group"), *members)
	}
	e, err := by.event(deleteGroup, "group %d, %q, deleted with %s", group.ID, group.Name, Count(n, "member", "members"))
	if err != nil {
		return group, err
	}
	return group, g.Store.DeleteGroup(ctx, sso.GroupClearing{Group: group, Members: n, Event: e}, rand.Text())
}

// Deleted are the groups that can be brought back, the last one first.
func (g Groups) Deleted(ctx context.Context) ([]sso.Undo, error) {
	return g.Store.Undos(ctx, sso.UndoGroup)
}

// Restore brings a deleted group back, with its id and everybody who was in it. undo is the id of one of [Groups.Deleted].
func (g Groups) Restore(ctx context.Context, by Actor, undo string) (sso.Group, error) {
	if err := by.may(restoreGroup); err != nil {
		return sso.Group{}, err
	}
	deleted, err := g.Deleted(ctx)
	if err != nil {
		return sso.Group{}, err
	}
	i := slices.IndexFunc(deleted, func(u sso.Undo) bool { return u.ID == undo && len(u.Groups) == 1 })
	if i < 0 {
		return sso.Group{}, conflict("this group was brought back already, or was deleted too long ago")
	}
	group := deleted[i].Groups[0]
	e, err := by.event(restoreGroup, "group %d, %q, brought back with %s", group.ID, group.Name, Count(group.Members, "member", "members"))
	if err != nil {
		return group.Group, err
	}
	return group.Group, g.Store.RestoreGroup(ctx, undo, e)
}

// changeable returns a group that may be renamed and deleted.
func (g Groups) changeable(ctx context.Context, id int64) (sso.Group, error) {
	group, err := g.Store.Group(ctx, id)
	if err != nil {
		return group, err
	}
	if why := g.Kept(group); why != "" {
		return group, conflict("%s", why)
	}
	return group, nil
}

// Kept says why a group has to stay as it is, "" when it has not. A mapping that names a group by its name makes it again.
func (g Groups) Kept(group sso.Group) string {
	if _, byName := g.MappedFrom(group); len(byName) > 0 {
		return fmt.Sprintf("the mapping of %s names this group by its name, so that a group of this name would be made again: change the mapping first",
			strings.Join(byName, ", "))
	}
	return ""
}

// MappedFrom are the groups of the identity provider that are mapped to a group, sorted, and those of them whose mapping
// names it by its name.
func (g Groups) MappedFrom(group sso.Group) (all, byName []string) {
	all = []string{}
	for _, m := range g.Mappings {
		for key, list := range m {
			for _, ref := range list {
				switch {
				case ref.Name != "" && ref.Name == group.Name:
					all, byName = append(all, key), append(byName, key)
				case ref.Name == "" && ref.ID == group.ID:
					all = append(all, key)
				}
			}
		}
	}
	slices.Sort(all)
	slices.Sort(byName)
	return slices.Compact(all), slices.Compact(byName)
}
