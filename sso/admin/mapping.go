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

// A GroupMapping is a mode with its mappings, of one provider. With mode off they are kept and not used.
type GroupMapping struct {
	Mode     Mode
	Mappings sso.Mappings
	Clients  bool // the groups of API clients, which have no account: each token has those that the mode says, and it is not off

	// A group to which another provider leads is not left without any.
	Others    []sso.Mappings // of other providers, as they are saved
	Automatic []string       // other providers whose sign-ins match groups by their names
}

// MappingOf is the mapping that settings hold for a provider.
func MappingOf(cfg *setting.Config, p *setting.Provider) GroupMapping {
	g := newGroupMapping(p)
	for _, other := range cfg.Providers {
		switch {
		case other == p:
		case other.Enabled && newGroupMapping(other).Mode == ModeAutomatic:
			g.Automatic = append(g.Automatic, other.Name)
		default:
			g.Others = append(g.Others, other.GroupMappings)
		}
	}
	return g
}

// newGroupMapping is what the settings GROUP_SYNC and GROUP_MAPPINGS of a provider mean together.
func newGroupMapping(p *setting.Provider) GroupMapping {
	g := GroupMapping{Mode: ModeManual, Mappings: p.GroupMappings, Clients: !p.SignsIn() && p.Bearer.Accounts == "none"}
	switch {
	case !p.GroupSync && !g.Clients:
		g.Mode = ModeOff
	case len(p.GroupMappings) == 0:
		g.Mode = ModeAutomatic
	}
	return g
}

// SyncedBy is the setting because of which the next sign-in with a provider may change somebody's groups; "" for none. For whoever has
// not signed in with any provider yet it may be that of each.
func SyncedBy(cfg *setting.Config, provider string) string {
	for _, p := range cfg.Providers {
		if p.GroupSync && (p.Name == provider || provider == "") {
			return p.Setting(GroupSync)
		}
	}
	return ""
}

// check refuses a mode that the mappings contradict.
func (g GroupMapping) check() error {
	switch {
	case g.Mode != ModeOff && g.Mode != ModeAutomatic && g.Mode != ModeManual:
		return Invalid("mode", "is none of off, automatic, manual")
	case g.Clients && g.Mode == ModeOff:
		return Invalid("mode", "cannot be off here: API clients that have no account have the groups that their tokens say")
	case g.Clients && len(NewAdministrators(nil, g.Mappings)) > 0:
		return Invalid("mappings", "lead to %s, and no API client is ever an administrator: leave it out", sso.AdministratorsName)
	case g.Mode == ModeAutomatic && len(g.Mappings) > 0:
		return Invalid("mode", "automatic matches groups by their names, and needs the list of mappings to be empty")
	case g.Mode == ModeManual && len(g.Mappings) == 0:
		return Invalid("mode", "manual needs a mapping; without any, groups would be matched by their names")
	}
	return nil
}

// The fields of a provider that hold its mapping; see [setting.Provider.Setting].
const (
	GroupSync     = "GROUP_SYNC"
	GroupMappings = "GROUP_MAPPINGS"
)

// changes are the settings of the provider that g has otherwise than before.
func (m Mapping) changes(g, before GroupMapping) (map[string]*string, error) {
	of := setting.Provider{Name: m.Provider}
	values := map[string]*string{}
	if (g.Mode == ModeOff) != (before.Mode == ModeOff) {
		values[of.Setting(GroupSync)] = new(strconv.FormatBool(g.Mode != ModeOff))
	}
	if !maps.EqualFunc(g.Mappings, before.Mappings, slices.Equal) {
		text, err := json.Marshal(g.Mappings)
		if err != nil {
			return nil, err
		}
		values[of.Setting(GroupMappings)] = new(string(text))
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
		parts = append(parts, Count(l.Members, "membership ends", "memberships end")+" at once")
	}
	if l.Groups > 0 {
		parts = append(parts, Count(l.Groups, "group is deleted", "groups are deleted"))
	}
	return strings.Join(parts, " and ")
}

// Count says how many there are in words, such as "1 member" or "2 members".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// A MappingStore is what the mapping needs of package store.
type MappingStore interface {
	Groups(ctx context.Context) ([]sso.Group, error)
	MemberCounts(ctx context.Context, ids []int64) (map[int64]int, error)
	SomeMembers(ctx context.Context, groupIDs []int64, few int) (map[int64][]string, error)
	SentGroups(ctx context.Context, provider string, each func(sso.SentGroups)) error
	GroupNamesSeen(ctx context.Context) ([]sso.SeenGroup, error)
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
	Restore   *sso.Undo // what this change takes back, with its ID and Kind; nil: nothing
}

// Mapping is how the sign-ins of one provider set groups. All fields are required.
type Mapping struct {
	Store    MappingStore
	Provider string // by its name
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
	values, err := m.changes(edit.GroupMapping, saved)
	switch {
	case err != nil:
		return Plan{}, 0, err
	case version != edit.Version && len(values) == 0: // the same edit once more
		return Plan{}, version, nil
	case version != edit.Version:
		return Plan{}, 0, conflict("someone has saved settings meanwhile")
	}
	var plan Plan
	w, err := m.begin(ctx, saved, edit)
	if err == nil {
		plan = w.soFar()
		err = plan.confirmed(edit)
	}
	if err == nil {
		plan, err = w.counted(ctx, countTime)
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
	c.Undo = &sso.Undo{ID: rand.Text(), Kind: m.undos(), People: plan.changed()}
	if err := by.may(saveMapping); err != nil {
		return plan, 0, err
	}
	if c.Clear, err = plan.clearings(by); err != nil {
		return plan, 0, err
	}
	version, err = m.Save(ctx, c)
	return plan, version, err
}

// undos are the edits of this mapping that can be taken back.
func (m Mapping) undos() sso.UndoKind {
	return sso.UndoMapping + " " + sso.UndoKind(m.Provider)
}

// Last returns the last edit, if it can be taken back; else nil.
func (m Mapping) Last(ctx context.Context) (*sso.Undo, error) {
	undos, err := m.Store.Undos(ctx, m.undos())
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
	undos, err := m.Store.Undos(ctx, m.undos())
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
	c.Restore = &undos[i]
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
