// Package mapping is the area of how sign-ins set groups: the editor, its preview, and the way back, for each provider.
package mapping

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// New makes the area.
func New(o area.Options, store admin.MappingStore) area.Area {
	m := mappingArea{o, store, admin.NewPreviews()}
	return area.Area{
		Pages: m.pages(), Operations: m.operations(),
		Notices: map[string]string{
			"mapping-undone": "Taken back: the mapping is as it was before, and so are the groups that were cleared. People who have signed in since get their groups at their next sign-in.",
			"mapping-undone-off": "Taken back: the mapping is off as it was before, and the groups that were cleared are as they were. Sign-ins change nobody's groups now: " +
				"who got a group by the mapping in between stays in it until you take it away.",
		},
	}
}

// mappingArea shows and changes how sign-ins set groups.
type mappingArea struct {
	area.Options
	Store    admin.MappingStore
	previews *admin.Previews
}

// domain is what may be done to the mapping of a provider; "" is the default one.
func (m mappingArea) domain(provider string) admin.Mapping {
	provider = cmp.Or(provider, setting.DefaultProvider)
	return admin.Mapping{Store: m.Store, Provider: provider, Save: m.Settings.Save, Saved: func(ctx context.Context) (admin.GroupMapping, int64, error) {
		s, err := m.saved(ctx, provider)
		return s.mapping, s.version, err
	}}
}

// saved is the mapping of a provider as it is saved at this moment.
type saved struct {
	cfg      *setting.Config
	version  int64
	provider *setting.Provider
	mapping  admin.GroupMapping

	modeFixed, mappingsFixed string // where that is fixed; "": nowhere
}

// saved reads it. It returns [sso.NotFound] when there is no such provider; "" is the default one.
func (m mappingArea) saved(ctx context.Context, provider string) (s saved, err error) {
	if s.cfg, s.version, err = m.Settings.Current(ctx); err != nil {
		return s, err
	}
	if s.provider = s.cfg.Provider(cmp.Or(provider, setting.DefaultProvider)); s.provider == nil {
		return s, fmt.Errorf("there is no provider %q: %w", sso.Truncate(sso.CleanText(provider), 60), sso.NotFound)
	}
	s.mapping = admin.MappingOf(s.cfg, s.provider)
	s.modeFixed, s.mappingsFixed = fixed(s.cfg, s.provider.Setting(admin.GroupSync)), fixed(s.cfg, s.provider.Setting(admin.GroupMappings))
	return s, nil
}

func (m mappingArea) operations() []area.Operation {
	return []area.Operation{
		openapi.Op("GET", "/mapping", "getMapping", "How groups are set at each sign-in", m.get),
		openapi.Op("PUT", "/mapping", "setMapping", "Set how groups are set at each sign-in", m.set),
		openapi.Op("POST", "/mapping/preview", "previewMapping", "What an edit would do, at once and at the next sign-ins; changes nothing", m.preview),
		openapi.Op("POST", "/mapping/undo", "undoMapping", "Take the last edit back, with the groups that it cleared", m.undo),
	}
}

// mappings are [sso.Mappings] as JSON, checked as the setting is.
type mappings map[string][]sso.GroupRef

// UnmarshalJSON reads the form of JWT_GROUP_MAPPINGS.
func (m *mappings) UnmarshalJSON(raw []byte) error {
	parsed, err := sso.ParseMappings(string(raw))
	if err != nil {
		return admin.Invalid("mappings", "%s", err)
	}
	*m = mappings(parsed)
	return nil
}

// ofProvider names the provider whose mapping is meant. It is embedded.
type ofProvider struct {
	Provider string `query:"provider" json:"-" doc:"whose mapping is meant, by its name; jwt when it is left out"`
}

type mappingState struct {
	Provider      string       `json:"provider"`
	Version       int64        `json:"version"`
	Mode          admin.Mode   `json:"mode" enum:"off,automatic,manual" doc:"off: sign-ins change no group; automatic: by equal names; manual: by the mappings"`
	Mappings      mappings     `json:"mappings" doc:"group of the identity provider, and groups of the bridge by id or name; with mode off they are kept and not used"`
	ModeFixed     string       `json:"mode_fixed" doc:"where the mode is fixed; empty: it can be changed here"`
	MappingsFixed string       `json:"mappings_fixed" doc:"where the mappings are fixed; empty: they can be changed here"`
	Seen          []seenGroup  `json:"seen" doc:"groups that recent sign-ins named"`
	Missing       []int64      `json:"missing" doc:"ids in the mappings that no group has"`
	Last          *mappingUndo `json:"last" doc:"the last edit, while it can be taken back; else null"`
}

type seenGroup struct {
	Name     string    `json:"name"`
	LastSeen time.Time `json:"last_seen"`
}

type mappingUndo struct {
	ID     string         `json:"id" doc:"for /mapping/undo"`
	At     time.Time      `json:"at"`
	By     string         `json:"by"`
	People *int           `json:"people" doc:"who would gain or lose a group at their next sign-in by the edit, when it was saved; null: there were too many people to count"`
	Groups []clearedGroup `json:"groups" doc:"groups that the edit cleared"`
}

type clearedGroup struct {
	ID      int64  `json:"id"`
	Name    string `json:"name"`
	Members int    `json:"members"`
	Deleted bool   `json:"deleted"`
}

func (m mappingArea) get(c *area.Call, in ofProvider) (mappingState, error) {
	ctx := c.Request().Context()
	is, err := m.saved(ctx, in.Provider)
	if err != nil {
		return mappingState{}, err
	}
	s := mappingState{
		Provider: is.provider.Name, Version: is.version, Mode: is.mapping.Mode, Mappings: mappings(is.mapping.Mappings),
		ModeFixed: is.modeFixed, MappingsFixed: is.mappingsFixed, Seen: []seenGroup{}, Missing: []int64{},
	}
	if s.Mappings == nil {
		s.Mappings = mappings{}
	}
	groups, err := m.Store.Groups(ctx)
	if err != nil {
		return mappingState{}, err
	}
	for _, ref := range admin.MissingGroups(is.mapping.Mappings, groups) {
		s.Missing = append(s.Missing, ref.ID)
	}
	if s.Last, err = m.last(ctx, is.provider.Name); err != nil {
		return mappingState{}, err
	}
	seen, err := m.Store.GroupNamesSeen(ctx)
	for _, g := range seen {
		if g.Provider == is.provider.Name {
			s.Seen = append(s.Seen, seenGroup{g.Name, g.LastSeen.UTC()})
		}
	}
	return s, err
}

func (m mappingArea) last(ctx context.Context, provider string) (*mappingUndo, error) {
	u, err := m.domain(provider).Last(ctx)
	if err != nil || u == nil {
		return nil, err
	}
	out := &mappingUndo{ID: u.ID, At: u.At.UTC(), By: u.Actor, Groups: []clearedGroup{}}
	if u.People != sso.NotCounted {
		out.People = &u.People
	}
	for _, g := range u.Groups {
		out.Groups = append(out.Groups, clearedGroup{g.ID, g.Name, g.Members, g.Deleted})
	}
	return out, nil
}

// fixed is where a setting is fixed, "" for nowhere.
func fixed(cfg *setting.Config, name string) string {
	if source := cfg.Source(name); source.Fixed() {
		return source.String()
	}
	return ""
}

type mappingChange struct {
	ofProvider
	Version        int64                 `json:"version"`
	Mode           admin.Mode            `json:"mode" enum:"off,automatic,manual"`
	Mappings       mappings              `json:"mappings,omitempty" doc:"all of them; left out, they stay as they are"`
	Unmapped       map[string]admin.Fate `json:"unmapped,omitempty" doc:"for a group of the identity provider that is mapped no more: what becomes of the groups that only it led to: keep their members, remove them, or delete the groups"`
	Administrators bool                  `json:"administrators,omitempty" doc:"yes, whoever is in these groups at the identity provider shall administer the bridge; needed when a mapping to Administrators is new"`
	Confirm        admin.Losses          `json:"confirm,omitzero" doc:"yes, so much is lost at once, as the preview says; needed when anything is, and refused when it is not so much"`
}

type mappingSaved struct {
	Version int64    `json:"version"`
	Removed int      `json:"removed" doc:"memberships that were ended"`
	Deleted []string `json:"deleted" doc:"groups that were deleted"`
	Changed *int     `json:"changed" doc:"people who gain or lose a group at their next sign-in by this edit; null: there are too many people to count"`
}

func (m mappingArea) set(c *area.Call, in mappingChange) (mappingSaved, error) {
	out := mappingSaved{Deleted: []string{}}
	edit := admin.MappingEdit{
		GroupMapping: admin.GroupMapping{Mode: in.Mode, Mappings: sso.Mappings(in.Mappings)}, Version: in.Version,
		Unmapped: in.Unmapped, Administrators: in.Administrators, Confirmed: in.Confirm,
	}
	if in.Mappings == nil {
		saved, _, err := m.domain(in.Provider).Saved(c.Request().Context())
		if err != nil {
			return out, err
		}
		edit.Mappings = saved.Mappings
	}
	plan, version, err := m.domain(in.Provider).Edit(c.Request().Context(), c.Actor(), edit)
	if err != nil {
		return out, err
	}
	out.Version, out.Removed = version, plan.Losses().Members
	if plan.Pending == nil {
		out.Changed = &plan.Next.People
	}
	for _, g := range plan.Now {
		if g.Delete {
			out.Deleted = append(out.Deleted, g.Name)
		}
	}
	return out, nil
}

type undoneEdit struct {
	ofProvider
	ID string `json:"id" doc:"of the edit that GET /mapping names as the last"`
}

func (m mappingArea) undo(c *area.Call, in undoneEdit) (openapi.Nothing, error) {
	return openapi.Nothing{}, m.domain(in.Provider).TakeBack(c.Request().Context(), c.Actor(), in.ID)
}
