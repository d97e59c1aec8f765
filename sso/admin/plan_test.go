package admin

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// people is a MappingStore of a few people: by e-mail, the groups that the product named and those they are in.
type people struct {
	groups []sso.Group
	sent   []sso.SentGroups
	undos  []sso.Undo
	seen   []sso.SeenGroup
}

func (p people) Groups(context.Context) ([]sso.Group, error) { return p.groups, nil }

func (p people) MemberCounts(_ context.Context, ids []int64) (map[int64]int, error) {
	counts := map[int64]int{}
	for _, s := range p.sent {
		for _, g := range s.Groups {
			if slices.Contains(ids, g) {
				counts[g]++
			}
		}
	}
	return counts, nil
}

func (p people) SomeMembers(_ context.Context, groupIDs []int64, few int) (map[int64][]string, error) {
	some := map[int64][]string{}
	for _, id := range groupIDs {
		for _, s := range p.sent {
			if slices.Contains(s.Groups, id) && len(some[id]) < few {
				some[id] = append(some[id], s.Email)
			}
		}
	}
	return some, nil
}

func (p people) SentGroups(_ context.Context, _ string, each func(sso.SentGroups)) error {
	for _, s := range p.sent {
		each(s)
	}
	return nil
}

func (p people) GroupNamesSeen(context.Context) ([]sso.SeenGroup, error) { return p.seen, nil }

func (p people) Undos(context.Context, sso.UndoKind) ([]sso.Undo, error) { return p.undos, nil }

const (
	sales int64 = 3
	hr    int64 = 4
)

func office() people {
	return people{
		groups: []sso.Group{{ID: 1, Name: sso.AllUsersName}, {ID: 2, Name: sso.AdministratorsName}, {ID: sales, Name: "Sales"}, {ID: hr, Name: "HR"}},
		sent: []sso.SentGroups{
			{AccountID: 1, Email: "ada", Sent: []string{"s"}, Groups: []int64{sales}},     // as it should be
			{AccountID: 2, Email: "bob", Sent: []string{"s"}, Groups: []int64{}},          // gets Sales at the next sign-in
			{AccountID: 3, Email: "cid", Sent: []string{"h"}, Groups: []int64{sales, hr}}, // loses Sales
			{AccountID: 4, Email: "dan", Sent: []string{}, Groups: []int64{}},
		},
	}
}

// Plan is [Previews.Plan] without an end to the wait.
func (m Mapping) Plan(ctx context.Context, edit MappingEdit) (Plan, error) {
	saved, _, err := m.Saved(ctx)
	if err != nil {
		return Plan{}, err
	}
	w, err := m.begin(ctx, saved, edit)
	if err == nil {
		err = w.run(ctx)
	}
	if err != nil {
		return Plan{}, err
	}
	return w.soFar(), nil
}

func manual(m sso.Mappings) GroupMapping {
	return newGroupMapping(&setting.Provider{GroupSync: true, GroupMappings: m})
}

func id(ids ...int64) (refs []sso.GroupRef) {
	for _, g := range ids {
		refs = append(refs, sso.GroupRef{ID: g})
	}
	return refs
}

// What an edit does at once, what it changes at the next sign-ins, and what they do anyway are told apart. Each person's end
// is the one that the rules of a sign-in give.
func TestPlan(t *testing.T) {
	saved := manual(sso.Mappings{"s": id(sales), "h": id(hr)})
	for _, tt := range []struct {
		name string
		edit MappingEdit
		want Plan
	}{
		{"nothing", MappingEdit{GroupMapping: saved}, Plan{
			Due: Forecast{2, []GroupForecast{{"Sales", 1, 1, 0, 0}}, []PersonForecast{{AccountID: 2, Email: "bob", Gain: []string{"Sales"}}, {AccountID: 3, Email: "cid", Lose: []string{"Sales"}}}},
		}},
		{"off", MappingEdit{GroupMapping: GroupMapping{Mode: ModeOff, Mappings: saved.Mappings}}, Plan{
			Next: Forecast{2, []GroupForecast{{"Sales", 0, 0, 1, 1}}, []PersonForecast{{AccountID: 2, Email: "bob", Miss: []string{"Sales"}}, {AccountID: 3, Email: "cid", Keep: []string{"Sales"}}}},
		}},
		{"a row is gone, its members stay", MappingEdit{GroupMapping: manual(sso.Mappings{"h": id(hr)})}, Plan{
			Kept: []Clearing{{Group: sso.Group{ID: sales, Name: "Sales"}, Members: 2, Some: []string{"ada", "cid"}}},
			Next: Forecast{2, []GroupForecast{{"Sales", 0, 0, 1, 1}}, []PersonForecast{{AccountID: 2, Email: "bob", Miss: []string{"Sales"}}, {AccountID: 3, Email: "cid", Keep: []string{"Sales"}}}},
		}},
		{"a row is gone, its group is deleted", MappingEdit{GroupMapping: manual(sso.Mappings{"h": id(hr)}), Unmapped: map[string]Fate{"s": FateDelete}}, Plan{
			Now:  []Clearing{{Group: sso.Group{ID: sales, Name: "Sales"}, Delete: true, Members: 2, Some: []string{"ada", "cid"}}},
			Next: Forecast{},
		}},
		{"deleting wins over emptying", MappingEdit{GroupMapping: GroupMapping{Mode: ModeOff}, Unmapped: map[string]Fate{"s": FateRemove, "h": FateDelete, "x": FateDelete}}, Plan{
			Now: []Clearing{{Group: sso.Group{ID: sales, Name: "Sales"}, Members: 2, Some: []string{"ada", "cid"}}, {Group: sso.Group{ID: hr, Name: "HR"}, Delete: true, Members: 1, Some: []string{"cid"}}},
		}},
		{"a new row", MappingEdit{GroupMapping: manual(sso.Mappings{"s": append(id(sales), sso.GroupRef{Name: "New"}), "h": id(hr)})}, Plan{
			Creates: []string{"New"},
			Next:    Forecast{2, []GroupForecast{{"New", 2, 0, 0, 0}}, []PersonForecast{{AccountID: 1, Email: "ada", Gain: []string{"New"}}, {AccountID: 2, Email: "bob", Gain: []string{"New"}}}},
			Due:     Forecast{2, []GroupForecast{{"Sales", 1, 1, 0, 0}}, []PersonForecast{{AccountID: 2, Email: "bob", Gain: []string{"Sales"}}, {AccountID: 3, Email: "cid", Lose: []string{"Sales"}}}},
		}},
		{"another group leads there", MappingEdit{GroupMapping: manual(sso.Mappings{"h": id(hr, sales)}), Unmapped: map[string]Fate{"s": FateDelete}}, Plan{
			Next: Forecast{3, []GroupForecast{{"Sales", 0, 1, 1, 1}}, []PersonForecast{
				{AccountID: 1, Email: "ada", Lose: []string{"Sales"}}, {AccountID: 2, Email: "bob", Miss: []string{"Sales"}}, {AccountID: 3, Email: "cid", Keep: []string{"Sales"}}}},
		}},
		{"administrators", MappingEdit{GroupMapping: manual(sso.Mappings{"s": id(sales, 2), "h": id(hr)})}, Plan{
			NewAdministrators: []string{"s"},
			Next:              Forecast{2, []GroupForecast{{sso.AdministratorsName, 2, 0, 0, 0}}, []PersonForecast{{AccountID: 1, Email: "ada", Gain: []string{sso.AdministratorsName}}, {AccountID: 2, Email: "bob", Gain: []string{sso.AdministratorsName}}}},
			Due:               Forecast{2, []GroupForecast{{"Sales", 1, 1, 0, 0}}, []PersonForecast{{AccountID: 2, Email: "bob", Gain: []string{"Sales"}}, {AccountID: 3, Email: "cid", Lose: []string{"Sales"}}}},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.People = 4
			got, err := domain(office(), saved).Plan(t.Context(), tt.edit)
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(Clearing{})); diff != "" || err != nil {
				t.Errorf("(-want +got):\n%s%v", diff, err)
			}
		})
	}
}

// A group to which another provider's mapping leads is neither emptied nor deleted, and says so where it is asked about.
//
// SECURITY G8
func TestOtherProvidersKeepTheirGroups(t *testing.T) {
	cfg := &setting.Config{JWT: &setting.Provider{Name: "jwt", GroupSync: true, GroupMappings: sso.Mappings{"s": id(sales), "h": id(hr)}}}
	cfg.Providers = []*setting.Provider{cfg.JWT, {Name: "dex", GroupMappings: sso.Mappings{"verkauf": {{Name: "Sales"}}}}}
	saved := MappingOf(cfg, cfg.JWT)
	plan, err := domain(office(), saved).Plan(t.Context(), MappingEdit{
		GroupMapping: GroupMapping{Mode: ModeOff}, Unmapped: map[string]Fate{"s": FateDelete, "h": FateDelete},
	})
	if err != nil || len(plan.Now) != 1 || plan.Now[0].ID != hr || len(plan.Kept) != 0 {
		t.Errorf("got %+v and %+v, %v, want HR deleted alone", plan.Now, plan.Kept, err)
	}
	targets := Targets(saved, office().groups)
	if !targets["s"][0].Shared || targets["h"][0].Shared {
		t.Errorf("got targets %+v, want Sales shared", targets)
	}
	g := NewGroups(nil, cfg)
	if from, byName := g.MappedFrom(sso.Group{ID: sales, Name: "Sales"}); !slices.Equal(from, []string{"s", "verkauf"}) || !slices.Equal(byName, []string{"verkauf"}) {
		t.Errorf("got Sales mapped from %q, by name from %q", from, byName)
	}
	if g.Kept(sso.Group{ID: sales, Name: "Sales"}) == "" || g.Kept(sso.Group{ID: hr, Name: "HR"}) != "" {
		t.Error("got another group kept than the one that is made again")
	}
}

// A provider that matches groups by their names leads to those that it has named lately, while it is on. Whose mapping it is says
// whose names are saved, and whose edits are taken back.
//
// SECURITY G8
func TestMappingOfAnotherProvider(t *testing.T) {
	jwt := &setting.Provider{Name: "jwt", Enabled: true, GroupSync: true}
	dex := &setting.Provider{Name: "dex-two", Enabled: true, GroupSync: true, GroupMappings: sso.Mappings{"s": id(sales), "h": id(hr)}}
	cfg := &setting.Config{JWT: jwt, Providers: []*setting.Provider{jwt, dex}}
	p := office()
	p.seen = []sso.SeenGroup{{Provider: "jwt", Name: "Sales"}, {Provider: "dex-two", Name: "HR"}}
	edit := MappingEdit{GroupMapping: manual(sso.Mappings{"x": id(hr)}), Version: 3, Unmapped: map[string]Fate{"s": FateDelete, "h": FateDelete}}
	s := &saver{provider: dex.Name, saved: MappingOf(cfg, dex), version: 3}
	m := s.mapping(p)
	plan, _, err := m.Edit(t.Context(), root, edit)
	if err != nil || len(plan.Now) != 0 || len(plan.Kept) != 0 {
		t.Errorf("got %+v cleared, %v, want Sales, which people of the other provider get by its name, left alone", plan.Now, err)
	}
	if len(s.changes) != 1 || s.changes[0].Values["PROVIDER_DEX_TWO_GROUP_MAPPINGS"] == nil || s.changes[0].Undo.Kind != "mapping dex-two" {
		t.Errorf("got %+v saved", s.changes)
	}
	jwt.Enabled = false
	s.saved = MappingOf(cfg, dex)
	if plan, err := m.Plan(t.Context(), edit); err != nil || len(plan.Now) != 1 || plan.Now[0].ID != sales || !plan.Now[0].Delete {
		t.Errorf("while the other is off: got %+v cleared, %v, want Sales deleted", plan.Now, err)
	}
}

// Of API clients without an account the mode is never off, and none of them administers. With accounts it is as for people.
func TestMappingOfAPIClients(t *testing.T) {
	clients := &setting.Provider{Name: "api", Kind: setting.KindBearer, Bearer: setting.Bearer{Accounts: "none"}}
	cfg := &setting.Config{JWT: &setting.Provider{Name: "jwt"}, Providers: []*setting.Provider{clients}}
	saved := MappingOf(cfg, clients)
	if saved.Mode != ModeAutomatic {
		t.Errorf("got mode %s, want them matched by name", saved.Mode)
	}
	for field, edit := range map[string]GroupMapping{"mode": {Mode: ModeOff}, "mappings": manual(sso.Mappings{"x": id(2)})} {
		_, err := domain(office(), saved).Plan(t.Context(), MappingEdit{GroupMapping: edit})
		if r, ok := errors.AsType[*Refusal](err); !ok || r.Fields[field] == "" {
			t.Errorf("got %v, want it refused at %s", err, field)
		}
	}
	clients.Bearer.Accounts = "provision"
	if got := MappingOf(cfg, clients); got.Mode != ModeOff || got.Clients {
		t.Errorf("with accounts: got %+v, want it off", got)
	}
}

// A saver is the settings: it says what was saved.
type saver struct {
	provider string
	saved    GroupMapping
	version  int64
	changes  []Change
}

func (s *saver) mapping(p people) Mapping {
	if s.provider == "" {
		s.provider = setting.DefaultProvider
	}
	return Mapping{
		Store: p, Provider: s.provider,
		Saved: func(context.Context) (GroupMapping, int64, error) { return s.saved, s.version, nil },
		Save: func(_ context.Context, c Change) (int64, error) {
			s.changes = append(s.changes, c)
			return s.version + 1, nil
		},
	}
}

func domain(p people, saved GroupMapping) Mapping { return (&saver{saved: saved}).mapping(p) }

var root = Actor{Name: "root@example.com", Proved: true}

// SECURITY G6, G8
func TestEdit(t *testing.T) {
	saved := manual(sso.Mappings{"s": id(sales), "h": id(hr)})
	deletes := MappingEdit{GroupMapping: manual(sso.Mappings{"h": id(hr)}), Version: 7, Unmapped: map[string]Fate{"s": FateDelete}, Confirmed: Losses{2, 1}}
	with := func(change func(*MappingEdit)) MappingEdit {
		e := deletes
		change(&e)
		return e
	}
	for _, tt := range []struct {
		name string
		by   Actor
		edit MappingEdit
		want error // nil: saved
	}{
		{"confirmed", root, deletes, nil},
		{"not confirmed", root, with(func(e *MappingEdit) { e.Confirmed = Losses{} }), ErrNotConfirmed},
		{"another number", root, with(func(e *MappingEdit) { e.Confirmed.Members = 1 }), ErrNotConfirmed},
		{"confirmed what is not lost", root, with(func(e *MappingEdit) { e.Unmapped = nil }), ErrNotConfirmed},
		{"without a proof", Actor{Name: "root@example.com"}, deletes, sso.ProofNeeded},
		{"administrators not confirmed", root, with(func(e *MappingEdit) { e.Mappings = sso.Mappings{"h": id(hr, 2)} }), ErrNotConfirmed},
		{"of an older version", root, with(func(e *MappingEdit) { e.Version = 6 }), sso.Conflict},
		{"no such mode", root, with(func(e *MappingEdit) { e.Mode = "x" }), sso.Invalid},
		{"manual without rows", root, with(func(e *MappingEdit) { e.Mappings = nil }), sso.Invalid},
		{"automatic with rows", root, with(func(e *MappingEdit) { e.Mode = ModeAutomatic }), sso.Invalid},
		{"no such fate", root, with(func(e *MappingEdit) { e.Unmapped = map[string]Fate{"s": "x"} }), sso.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &saver{saved: saved, version: 7}
			_, version, err := s.mapping(office()).Edit(t.Context(), tt.by, tt.edit)
			switch {
			case !errors.Is(err, tt.want):
				t.Errorf("got %v, want %v", err, tt.want)
			case tt.want != nil && len(s.changes) != 0:
				t.Errorf("got %+v saved, want nothing", s.changes)
			case tt.want == nil && (version != 8 || len(s.changes) != 1 || len(s.changes[0].Clear) != 1 || s.changes[0].Undo == nil || s.changes[0].Clear[0].Event.Actor != root.Name):
				t.Errorf("got version %d, %+v, want it saved with the clearing, its event, and a way back", version, s.changes)
			}
		})
	}
	s := &saver{saved: deletes.GroupMapping, version: 8}
	if _, version, err := s.mapping(office()).Edit(t.Context(), root, deletes); version != 8 || err != nil || len(s.changes) != 0 {
		t.Errorf("the same once more: got version %d, %v, %d saved, want nothing more done", version, err, len(s.changes))
	}
}

// An edit that is sent twice meets its own first half: the mapping is read, then the first one is saved, then people and groups
// are read, which are as the first one left them. The second is the same edit once more, or a conflict, and never unconfirmed.
func TestEditMeetsAnother(t *testing.T) {
	saved := manual(sso.Mappings{"s": id(sales), "h": id(hr)})
	edit := MappingEdit{GroupMapping: manual(sso.Mappings{"h": id(hr)}), Version: 7, Unmapped: map[string]Fate{"s": FateDelete}, Confirmed: Losses{2, 1}}
	after := office()
	after.groups = slices.DeleteFunc(after.groups, func(g sso.Group) bool { return g.ID == sales })
	for i := range after.sent {
		after.sent[i].Groups = slices.DeleteFunc(after.sent[i].Groups, func(g int64) bool { return g == sales })
	}
	for _, tt := range []struct {
		name  string
		first GroupMapping // what the other edit made of the mapping
		want  error
	}{
		{"its own first half", edit.GroupMapping, nil},
		{"the edit of somebody else", manual(sso.Mappings{"x": id(hr)}), sso.Conflict},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &saver{saved: saved, version: 7}
			m := s.mapping(after)
			before := m.Saved
			m.Saved = func(ctx context.Context) (GroupMapping, int64, error) {
				defer func() { s.saved, s.version = tt.first, 8 }()
				return before(ctx)
			}
			if _, _, err := m.Edit(t.Context(), root, edit); !errors.Is(err, tt.want) || len(s.changes) != 0 {
				t.Errorf("got %v and %d saved, want %v and nothing", err, len(s.changes), tt.want)
			}
		})
	}
}

// The last edit can be taken back, once, and no other; that needs a proof.
//
// SECURITY G6
func TestTakeBack(t *testing.T) {
	values := map[string]*string{"JWT_GROUP_SYNC": new("true")}
	last, before := sso.Undo{ID: "last", Values: values}, sso.Undo{ID: "before", Values: values}
	stale := last
	stale.Stale = true
	for _, tt := range []struct {
		name  string
		undos []sso.Undo
		id    string
		by    Actor
		last  string // what can be taken back
		err   error
	}{
		{"the last one", []sso.Undo{last, before}, "last", root, "last", nil},
		{"the one before", []sso.Undo{last, before}, "before", root, "last", sso.Conflict},
		{"once more", []sso.Undo{}, "last", root, "", sso.Conflict},
		{"one after which somebody saved", []sso.Undo{stale}, "last", root, "", sso.Conflict},
		{"without a proof", []sso.Undo{last}, "last", Actor{Name: "root@example.com"}, "last", ErrProofNeeded},
		{"without a proof, and not there", []sso.Undo{last}, "x", Actor{Name: "root@example.com"}, "last", ErrProofNeeded},
	} {
		p := office()
		p.undos = tt.undos
		s := &saver{version: 5}
		m := s.mapping(p)
		undo, err := m.Last(t.Context())
		if err != nil || (undo == nil) != (tt.last == "") || undo != nil && undo.ID != tt.last {
			t.Errorf("%s: got %+v, %v as the last", tt.name, undo, err)
		}
		if err := m.TakeBack(t.Context(), tt.by, tt.id); !errors.Is(err, tt.err) || tt.err == nil && err != nil {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.err)
		}
		if tt.err != nil {
			if len(s.changes) != 0 {
				t.Errorf("%s: saved %+v", tt.name, s.changes)
			}
		} else if len(s.changes) != 1 || s.changes[0].Restore.ID != tt.id || s.changes[0].Version != 5 || s.changes[0].Actor != root.Name || *s.changes[0].Values["JWT_GROUP_SYNC"] != "true" {
			t.Errorf("%s: got %+v saved", tt.name, s.changes)
		}
	}
}
