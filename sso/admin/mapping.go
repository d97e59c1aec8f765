package admin

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// A Mode says how sign-ins set groups.
type Mode string

// The modes.
const (
	ModeOff       Mode = "off"       // they do not
	ModeAutomatic Mode = "automatic" // by equal names
	ModeManual    Mode = "manual"    // by the mappings
)

// A GroupMapping is a mode with its mappings. With mode off they are kept and not used.
type GroupMapping struct {
	Mode     Mode
	Mappings sso.Mappings
	Others   []sso.Mappings // of other providers, as they are saved: a group to which one of them leads is not left without any
}

// MappingOf is the mapping that settings hold.
func MappingOf(cfg *setting.Config) GroupMapping {
	g := newGroupMapping(cfg.JWT.GroupSync, cfg.JWT.GroupMappings)
	for _, p := range cfg.Providers {
		if p != cfg.JWT {
			g.Others = append(g.Others, p.GroupMappings)
		}
	}
	return g
}

// newGroupMapping is what the settings JWT_GROUP_SYNC and JWT_GROUP_MAPPINGS mean together.
func newGroupMapping(sync bool, m sso.Mappings) GroupMapping {
	switch {
	case !sync:
		return GroupMapping{Mode: ModeOff, Mappings: m}
	case len(m) == 0:
		return GroupMapping{Mode: ModeAutomatic, Mappings: m}
	}
	return GroupMapping{Mode: ModeManual, Mappings: m}
}

// sync is how a sign-in judges groups by it.
func (g GroupMapping) sync() sso.GroupSync {
	return sso.GroupSync{SyncGroups: g.Mode != ModeOff, Mappings: g.Mappings}
}

// check refuses a mode that the mappings contradict.
func (g GroupMapping) check() error {
	switch {
	case g.Mode != ModeOff && g.Mode != ModeAutomatic && g.Mode != ModeManual:
		return Invalid("mode", "is none of off, automatic, manual")
	case g.Mode == ModeAutomatic && len(g.Mappings) > 0:
		return Invalid("mode", "automatic matches groups by their names, and needs the list of mappings to be empty")
	case g.Mode == ModeManual && len(g.Mappings) == 0:
		return Invalid("mode", "manual needs a mapping; without any, groups would be matched by their names")
	}
	return nil
}

// The settings that hold a mapping.
const (
	GroupSync     = "JWT_GROUP_SYNC"
	GroupMappings = "JWT_GROUP_MAPPINGS"
)

// changes are the settings that g has otherwise than before.
func (g GroupMapping) changes(before GroupMapping) (map[string]*string, error) {
	values := map[string]*string{}
	if (g.Mode == ModeOff) != (before.Mode == ModeOff) {
		values[GroupSync] = new(strconv.FormatBool(g.Mode != ModeOff))
	}
	if !maps.EqualFunc(g.Mappings, before.Mappings, slices.Equal) {
		text, err := json.Marshal(g.Mappings)
		if err != nil {
			return nil, err
		}
		values[GroupMappings] = new(string(text))
	}
	return values, nil
}

// A Fate is what becomes of the members of groups to which no mapping leads any more.
type Fate string

// The fates. The zero Fate is FateKeep.
const (
	FateKeep   Fate = "keep"   // they stay
	FateRemove Fate = "remove" // they leave at once
	FateDelete Fate = "delete" // they leave at once, and the group is deleted
)

// A MappingEdit is what an administrator wants of the mapping.
type MappingEdit struct {
	GroupMapping
	Version int64 // of the saved settings that the administrator looked at
	// Unmapped says, for a group of the identity provider that is mapped no more, what becomes of the groups that only it led
	// to.
	Unmapped map[string]Fate
	// Administrators confirms that whoever is in the groups which newly lead to Administrators shall administer the bridge.
	Administrators bool
	// Confirmed are the losses at once that the administrator has been told of.
	Confirmed Losses
}

// Losses are what an edit takes away the moment it is saved.
type Losses struct {
	Members int `json:"members" doc:"memberships that end at once"`
	Groups  int `json:"groups" doc:"groups that are deleted"`
}

// Any reports whether there are any.
func (l Losses) Any() bool { return l != Losses{} }

// String says what is lost.
func (l Losses) String() string {
	var parts []string
	if l.Members > 0 {
		parts = append(parts, count(l.Members, "membership ends", "memberships end")+" at once")
	}
	if l.Groups > 0 {
		parts = append(parts, count(l.Groups, "group is deleted", "groups are deleted"))
	}
	return strings.Join(parts, " and ")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// A MappingStore is what the mapping needs of package store.
type MappingStore interface {
	Groups(ctx context.Context) ([]sso.Group, error)
	MemberCounts(ctx context.Context, ids []int64) (map[int64]int, error)
	Accounts(ctx context.Context, q sso.AccountQuery) ([]sso.Account, string, error)
	SentGroups(ctx context.Context, provider string, each func(sso.SentGroups)) error
	Undos(ctx context.Context, kind sso.UndoKind) ([]sso.Undo, error)
}

// A Change is what one administrator saves at once.
type Change struct {
	Values    map[string]*string // settings by name; nil: forget the saved value
	Version   int64              // of the saved settings that the administrator looked at
	Actor     string             // the administrator's e-mail
	Peer      string
	Reference string
	Clear     []sso.GroupClearing
	Undo      *sso.Undo // kept, so that the change can be taken back; nil: it cannot
	Restore   string    // the id of the undo that this change takes back
}

// Mapping is how sign-ins set groups. All fields are required.
type Mapping struct {
	Store    MappingStore
	Provider string // whose groups are mapped
	// Saved returns the mapping as it is saved at this moment, and the version to save with.
	Saved func(ctx context.Context) (GroupMapping, int64, error)
	// Save checks, saves, leaves an event for each setting, and puts the result in force before it returns.
	Save func(ctx context.Context, c Change) (version int64, err error)
}

// Edit saves an edit. Nothing is done unless all of it is: settings, groups that are made, emptied and deleted. It returns
// [sso.Conflict] when somebody has saved settings since the edit was made or a group is not as the plan says, and a
// [*Refusal] that wraps [ErrNotConfirmed] for what the administrator has not confirmed. An edit that is sent twice is saved
// once.
func (m Mapping) Edit(ctx context.Context, by Actor, edit MappingEdit) (Plan, int64, error) {
	saved, version, err := m.Saved(ctx)
	if err != nil {
		return Plan{}, 0, err
	}
	values, err := edit.changes(saved)
	switch {
	case err != nil:
		return Plan{}, 0, err
	case version != edit.Version && len(values) == 0: // the same edit once more
		return Plan{}, version, nil
	case version != edit.Version:
		return Plan{}, 0, conflict("someone has saved settings meanwhile")
	}
	plan, err := m.plan(ctx, saved, edit)
	if err == nil {
		err = plan.confirmed(edit)
	}
	if err != nil {
		// The mapping was read before people and groups were. If somebody has saved in between, the plan is of two moments, and
		// that is the reason to give.
		if _, now, again := m.Saved(ctx); again == nil && now != version {
			return m.Edit(ctx, by, edit)
		}
		return plan, 0, err
	}
	if len(values) == 0 {
		return plan, version, nil
	}
	c := by.change(values, version)
	c.Undo = &sso.Undo{ID: rand.Text(), Kind: sso.UndoMapping, People: plan.Next.People}
	if err := by.may(saveMapping); err != nil {
		return plan, 0, err
	}
	if c.Clear, err = plan.clearings(by); err != nil {
		return plan, 0, err
	}
	version, err = m.Save(ctx, c)
	return plan, version, err
}

// Last returns the last edit, if it can be taken back; else nil.
func (m Mapping) Last(ctx context.Context) (*sso.Undo, error) {
	undos, err := m.Store.Undos(ctx, sso.UndoMapping)
	if err != nil || len(undos) == 0 || undos[0].Stale {
		return nil, err
	}
	return &undos[0], nil
}

// TakeBack takes the last edit back: the mapping is as it was before, and so are the groups that the edit cleared. It returns
// [sso.Conflict] when that edit was taken back already, is not the last one, or the mapping or the groups have changed since.
func (m Mapping) TakeBack(ctx context.Context, by Actor, id string) error {
	if err := by.may(saveMapping); err != nil {
		return err
	}
	_, version, err := m.Saved(ctx)
	if err != nil {
		return err
	}
	undos, err := m.Store.Undos(ctx, sso.UndoMapping)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(undos, func(u sso.Undo) bool { return u.ID == id })
	switch {
	case i < 0:
		return conflict("this change was taken back already, or is too long ago")
	case i > 0 || undos[i].Stale:
		return conflict("the mapping was changed again since, so this change cannot be taken back")
	}
	c := by.change(undos[i].Values, version)
	c.Restore = id
	_, err = m.Save(ctx, c)
	return err
}

// NewAdministrators are the groups of the identity provider that next makes administrators and before did not, sorted.
func NewAdministrators(before, next sso.Mappings) []string {
	var all []string
	is := func(m sso.Mappings, key string) bool {
		return slices.Contains(m[key], sso.GroupRef{ID: sso.Administrators})
	}
	for key := range next {
		if is(next, key) && !is(before, key) {
			all = append(all, key)
		}
	}
	slices.Sort(all)
	return all
}
