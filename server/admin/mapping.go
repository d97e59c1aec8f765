package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
)

type mappingStore interface {
	Groups(ctx context.Context) ([]sso.Group, error)
	GroupNamesSeen(ctx context.Context) ([]sso.SeenGroup, error)
	SentGroups(ctx context.Context, each func(sso.SentGroups)) error
	EmptyGroup(ctx context.Context, id int64, e sso.Event) (int, error)
	DeleteGroup(ctx context.Context, id int64, e sso.Event) error
}

func (a *Admin) mappingOperations() []operation {
	return []operation{
		op("GET", "/mapping", "getMapping", "How groups are set at each sign-in", a.mapping),
		op("PUT", "/mapping", "setMapping", "Set how groups are set at each sign-in", a.setMapping),
		op("POST", "/mapping/preview", "previewMapping", "Who would gain and lose which group; changes nothing", a.previewMapping),
	}
}

// The modes of the group mapping.
const (
	modeOff       = "off"
	modeAutomatic = "automatic"
	modeManual    = "manual"
)

func mode(cfg *setting.Config) string {
	switch {
	case !cfg.JWTGroupSync:
		return modeOff
	case len(cfg.JWTGroupMappings) == 0:
		return modeAutomatic
	}
	return modeManual
}

// mappings are [sso.Mappings] as JSON, checked as the setting is.
type mappings map[string][]sso.GroupRef

// UnmarshalJSON reads the form of JWT_GROUP_MAPPINGS.
func (m *mappings) UnmarshalJSON(raw []byte) error {
	parsed, err := sso.ParseMappings(string(raw))
	if err != nil {
		return invalid("mappings", "%s", err)
	}
	*m = mappings(parsed)
	return nil
}

type mappingState struct {
	Version       int64       `json:"version"`
	Mode          string      `json:"mode" enum:"off,automatic,manual" doc:"off: sign-ins change no group; automatic: by equal names; manual: by the mappings"`
	Mappings      mappings    `json:"mappings" doc:"group of the identity provider, and groups of the bridge by id or name"`
	ModeFixed     string      `json:"mode_fixed" doc:"where the mode is fixed; empty: it can be changed here"`
	MappingsFixed string      `json:"mappings_fixed" doc:"where the mappings are fixed; empty: they can be changed here"`
	Seen          []seenGroup `json:"seen" doc:"groups that recent sign-ins named"`
	Missing       []int64     `json:"missing" doc:"ids in the mappings that no group has"`
}

type seenGroup struct {
	Name     string    `json:"name"`
	LastSeen time.Time `json:"last_seen"`
}

func (a *Admin) mapping(c *call, _ nothing) (mappingState, error) {
	ctx := c.Request().Context()
	cfg, version, err := a.Settings.Current(ctx)
	if err != nil {
		return mappingState{}, err
	}
	s := mappingState{
		Version: version, Mode: mode(cfg), Mappings: mappings(cfg.JWTGroupMappings), ModeFixed: fixed(cfg, groupSync),
		MappingsFixed: fixed(cfg, groupMappings), Seen: []seenGroup{}, Missing: []int64{},
	}
	if s.Mappings == nil {
		s.Mappings = mappings{}
	}
	groups, err := a.Store.Groups(ctx)
	if err != nil {
		return mappingState{}, err
	}
	s.Missing = append(s.Missing, missing(cfg.JWTGroupMappings, groups)...)
	seen, err := a.Store.GroupNamesSeen(ctx)
	for _, g := range seen {
		s.Seen = append(s.Seen, seenGroup{g.Name, g.LastSeen.UTC()})
	}
	return s, err
}

// fixed is where a setting is fixed, "" for nowhere.
func fixed(cfg *setting.Config, name string) string {
	if source := cfg.Source(name); source.Fixed() {
		return source.String()
	}
	return ""
}

// missing are the ids that mappings name and no group has, sorted.
func missing(m sso.Mappings, groups []sso.Group) []int64 {
	var all []int64
	for _, refs := range m {
		for _, ref := range refs {
			if ref.Name == "" && !slices.ContainsFunc(groups, func(g sso.Group) bool { return g.ID == ref.ID }) && !slices.Contains(all, ref.ID) {
				all = append(all, ref.ID)
			}
		}
	}
	slices.Sort(all)
	return all
}

// What becomes of the members of groups to which no mapping leads any more.
const (
	membersKeep   = "keep"
	membersRemove = "remove"
	groupDelete   = "delete"
)

type mappingChange struct {
	Version        int64             `json:"version"`
	Mode           string            `json:"mode" enum:"off,automatic,manual"`
	Mappings       mappings          `json:"mappings,omitempty" doc:"all of them; left out, they stay as they are"`
	Unmapped       map[string]string `json:"unmapped,omitempty" doc:"for a group of the identity provider that is mapped no more: what becomes of the groups that only it led to: keep their members, remove them, or delete the groups"`
	Administrators bool              `json:"administrators,omitempty" doc:"yes, whoever is in these groups at the identity provider shall administer the bridge; needed when a mapping to Administrators is new"`
}

type mappingSaved struct {
	Version int64    `json:"version"`
	Removed int      `json:"removed" doc:"memberships that were ended"`
	Deleted []string `json:"deleted" doc:"groups that were deleted"`
}

// plan is what a mappingChange asks of the settings; it says what is wrong before anything is saved.
func (a *Admin) plan(cfg *setting.Config, in mappingChange) (map[string]*string, error) {
	values := map[string]*string{}
	put := func(name, text string) {
		if cfg.Text(name) != text {
			values[name] = &text
		}
	}
	switch in.Mode {
	case modeOff, modeAutomatic, modeManual:
	default:
		return nil, invalid("mode", "is none of off, automatic, manual")
	}
	if in.Mode == modeAutomatic && len(in.Mappings) > 0 {
		return nil, invalid("mode", "automatic matches groups by their names, and needs the list of mappings to be empty")
	}
	if in.Mode == modeManual && len(in.Mappings) == 0 {
		return nil, invalid("mode", "manual needs a mapping; without any, groups would be matched by their names")
	}
	if (in.Mode == modeOff) == cfg.JWTGroupSync {
		put(groupSync, map[bool]string{true: "false", false: "true"}[in.Mode == modeOff])
	}
	text, err := json.Marshal(in.Mappings)
	if err != nil {
		return nil, err
	}
	if !maps.EqualFunc(in.Mappings, mappings(cfg.JWTGroupMappings), slices.Equal) {
		put(groupMappings, string(text))
	}
	for key, what := range in.Unmapped {
		if what != membersKeep && what != membersRemove && what != groupDelete {
			return nil, invalid("unmapped", "%q: %q is none of keep, remove, delete", key, what)
		}
	}
	if added := newAdministrators(cfg.JWTGroupMappings, sso.Mappings(in.Mappings)); len(added) > 0 && !in.Administrators {
		return nil, &Refusal{Err: fmt.Errorf("%w: %w", errNewAdministrators, sso.Invalid), Fields: map[string]string{"administrators": fmt.Sprintf(
			"everyone whom the identity provider puts into %q would administer this bridge, with every right that you have; say that this is meant", added)}}
	}
	return values, nil
}

var errNewAdministrators = errors.New("a mapping to Administrators is new and was not confirmed")

func (a *Admin) setMapping(c *call, in mappingChange) (mappingSaved, error) {
	ctx := c.Request().Context()
	out := mappingSaved{Version: in.Version, Deleted: []string{}}
	cfg, version, err := a.Settings.Current(ctx)
	switch {
	case err != nil:
		return out, err
	case version != in.Version:
		return out, fmt.Errorf("someone has saved settings meanwhile: %w", sso.Conflict)
	}
	if in.Mappings == nil {
		in.Mappings = mappings(cfg.JWTGroupMappings)
	}
	values, err := a.plan(cfg, in)
	if err != nil {
		return out, err
	}
	groups, err := a.Store.Groups(ctx)
	if err != nil {
		return out, err
	}
	if out.Version, err = a.save(c, values, in.Version); err != nil {
		return out, err
	}
	return out, a.clearUnmapped(c, cfg.JWTGroupMappings, in, groups, &out)
}

// clearUnmapped empties or deletes the groups to which a mapping led that is gone, where no other mapping leads to them
// and the administrator asked for it. Built-in groups are left alone.
func (a *Admin) clearUnmapped(c *call, before sso.Mappings, in mappingChange, groups []sso.Group, out *mappingSaved) error {
	still := targets(sso.Mappings(in.Mappings), groups)
	for _, key := range sortedKeys(in.Unmapped) {
		what := in.Unmapped[key]
		if _, mapped := in.Mappings[key]; mapped || what == membersKeep {
			continue
		}
		for _, g := range groups {
			one := sso.Mappings{key: before[key]}
			if g.ID < sso.FirstGroup || still[g.ID] || !targets(one, groups)[g.ID] {
				continue
			}
			why := fmt.Sprintf("the mapping of %q was removed", key)
			if what == groupDelete {
				e, err := c.event(deleteGroup, "group %q deleted: %s", g.Name, why)
				if err != nil {
					return err
				}
				if err := a.Store.DeleteGroup(c.Request().Context(), g.ID, e); err != nil {
					return err
				}
				out.Deleted = append(out.Deleted, g.Name)
				still[g.ID] = true
				continue
			}
			e, err := c.event(emptyGroup, "group %q emptied: %s", g.Name, why)
			if err != nil {
				return err
			}
			n, err := a.Store.EmptyGroup(c.Request().Context(), g.ID, e)
			if err != nil {
				return err
			}
			out.Removed += n
		}
	}
	return nil
}

// targets are the ids of the groups that mappings lead to.
func targets(m sso.Mappings, groups []sso.Group) map[int64]bool {
	set := map[int64]bool{}
	for _, refs := range m {
		for _, ref := range refs {
			for _, g := range groups {
				if ref.ID == g.ID || ref.Name != "" && ref.Name == g.Name {
					set[g.ID] = true
				}
			}
		}
	}
	return set
}
