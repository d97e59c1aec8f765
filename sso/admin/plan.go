package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ssobridge/ssobridge/sso"
)

// A Plan is what an edit of the mapping would do: at once, at the next sign-ins because of the edit, and at the next
// sign-ins anyway.
type Plan struct {
	Creates           []string   // groups that saving makes
	NewAdministrators []string   // groups of the identity provider whose members would become administrators
	Now               []Clearing // groups whose members leave at once
	Kept              []Clearing // groups to which no mapping leads any more, and whose members stay
	People            int        // active people of whose groups the identity provider has told; of others nothing is known
	Next              Forecast   // what the edit changes, compared with what the next sign-ins do anyway
	Due               Forecast   // what the next sign-ins do with the edit and without
	Pending           *Progress  // not nil: People, Next and Due are of those who were looked at so far
}

// Progress is how far a plan is.
type Progress struct {
	Looked int // people
	AtMost int // as many people there are
}

// A Clearing is a group whose members leave at once.
type Clearing struct {
	sso.Group
	Delete  bool
	Members int
	Some    []string // e-mails of a few of them
	why     string   // which mapping is gone
}

// A Forecast is who would gain and lose what at the next sign-in.
type Forecast struct {
	People int // how many
	Groups []GroupForecast
	Some   []PersonForecast // the first of them
}

// A GroupForecast counts the people of one group.
type GroupForecast struct {
	Name string
	Gain int
	Lose int
	Keep int // who stay in it, and would lose it otherwise
	Miss int // who stay out of it, and would get it otherwise
}

// A PersonForecast is what one person would gain and lose: names of groups.
type PersonForecast struct {
	AccountID              int64
	Email                  string
	Gain, Lose, Keep, Miss []string
}

// How many people are named.
const (
	forecastPeople = 100
	clearingPeople = 10
	clearingGroups = 100 // of which people are named
)

// begin says what an edit would do at once.
func (m Mapping) begin(ctx context.Context, saved GroupMapping, edit MappingEdit) (*planning, error) {
	edit.Clients = saved.Clients
	if err := edit.check(); err != nil {
		return nil, err
	}
	for key, fate := range edit.Unmapped {
		if fate != FateKeep && fate != FateRemove && fate != FateDelete && fate != "" {
			return nil, Invalid("unmapped", "%q: %q is none of keep, remove, delete", key, fate)
		}
	}
	groups, err := m.Store.Groups(ctx)
	if err != nil {
		return nil, err
	}
	if saved.Others, err = m.Others(ctx, saved); err != nil {
		return nil, err
	}
	p := Plan{NewAdministrators: NewAdministrators(saved.Mappings, edit.Mappings)}
	ids := index(groups)
	p.Now, p.Kept = clearings(ids, saved, edit, groups)
	for _, all := range [][]Clearing{p.Now, p.Kept} {
		if err := m.count(ctx, all); err != nil {
			return nil, err
		}
	}
	for _, name := range edit.Mappings.Names() {
		if _, there := ids[sso.GroupRef{Name: name}]; !there {
			p.Creates = append(p.Creates, name)
		}
	}
	return &planning{m: m, f: newForecaster(saved, edit.GroupMapping, groups, p), p: p}, nil
}

// Others are the mappings of other providers. Of one that matches groups by their names, they are the names that it has sent lately.
func (m Mapping) Others(ctx context.Context, saved GroupMapping) ([]sso.Mappings, error) {
	if len(saved.Automatic) == 0 {
		return saved.Others, nil
	}
	seen, err := m.Store.GroupNamesSeen(ctx)
	byName := sso.Mappings{}
	for _, g := range seen {
		if slices.Contains(saved.Automatic, g.Provider) {
			byName[g.Name] = []sso.GroupRef{{Name: g.Name}}
		}
	}
	return append(slices.Clip(saved.Others), byName), err
}

// clearings are the groups to which mappings led that are gone and no other leads, sorted by id: those that the edit clears,
// and those whose members stay. Built-in groups are left alone. Where two mappings are gone, deletion wins over emptying.
func clearings(ids refs, before GroupMapping, edit MappingEdit, groups []sso.Group) (now, kept []Clearing) {
	still := ids.targets(append([]sso.Mappings{edit.Mappings}, before.Others...)...)
	fates := map[int64]Clearing{}
	for _, key := range slices.Sorted(maps.Keys(edit.Unmapped)) {
		fate := edit.Unmapped[key]
		if _, mapped := edit.Mappings[key]; mapped || fate != FateDelete && fate != FateRemove {
			continue
		}
		for id := range ids.targets(sso.Mappings{key: before.Mappings[key]}) {
			if !fates[id].Delete {
				fates[id] = Clearing{Delete: fate == FateDelete, why: fmt.Sprintf("the mapping of %q was removed", key)}
			}
		}
	}
	led := ids.targets(before.Mappings)
	for _, g := range groups {
		if g.ID < sso.FirstGroup || still[g.ID] || !led[g.ID] {
			continue
		}
		c, cleared := fates[g.ID]
		c.Group = g
		if cleared {
			now = append(now, c)
		} else {
			kept = append(kept, c)
		}
	}
	return now, kept
}

// refs are the ids of groups by how a mapping may name them.
type refs map[sso.GroupRef]int64

func index(groups []sso.Group) refs {
	ids := refs{}
	for _, g := range groups {
		ids[sso.GroupRef{ID: g.ID}], ids[sso.GroupRef{Name: g.Name}] = g.ID, g.ID
	}
	return ids
}

// targets are the ids of the groups that mappings lead to.
func (r refs) targets(all ...sso.Mappings) map[int64]bool {
	set := map[int64]bool{}
	for _, m := range all {
		for _, list := range m {
			for _, ref := range list {
				if id, there := r[ref]; there {
					set[id] = true
				}
			}
		}
	}
	return set
}

// count says how many people are in groups, and names some.
func (m Mapping) count(ctx context.Context, all []Clearing) error {
	var ids []int64
	for _, c := range all {
		ids = append(ids, c.ID)
	}
	counts, err := m.Store.MemberCounts(ctx, ids)
	if err != nil {
		return err
	}
	some, err := m.Store.SomeMembers(ctx, ids[:min(len(ids), clearingGroups)], clearingPeople)
	for i := range all {
		all[i].Members, all[i].Some = counts[all[i].ID], some[all[i].ID]
	}
	return err
}

// Losses are what must be confirmed.
func (p Plan) Losses() Losses {
	var l Losses
	for _, c := range p.Now {
		l.Members += c.Members
		if c.Delete {
			l.Groups++
		}
	}
	return l
}

// confirmed refuses an edit whose consequences the administrator has not confirmed (SECURITY G8).
func (p Plan) confirmed(edit MappingEdit) error {
	fields := map[string]string{}
	if problem := mayAdminister(p.NewAdministrators); problem != "" && !edit.Administrators {
		fields["administrators"] = problem
	}
	if l := p.Losses(); l != edit.Confirmed {
		fields["confirm"] = fmt.Sprintf("%s; to do so, confirm members %d and groups %d", l, l.Members, l.Groups)
		if !l.Any() {
			fields["confirm"] = "nothing is lost at once any more; look at it again"
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return notConfirmed(fields)
}

// clearings are the clearings of a plan for the store, each with its event.
func (p Plan) clearings(by Actor) ([]sso.GroupClearing, error) {
	var all []sso.GroupClearing
	for _, c := range p.Now {
		what, done := emptyGroup, "emptied"
		if c.Delete {
			what, done = deleteGroup, "deleted"
		}
		e, err := by.event(what, "group %d, %q, %s with %s: %s", c.ID, c.Name, done, Count(c.Members, "member", "members"), c.why)
		if err != nil {
			return nil, err
		}
		all = append(all, sso.GroupClearing{Group: c.Group, Members: c.Members, Delete: c.Delete, Event: e})
	}
	return all, nil
}

// A forecaster asks the rules of a sign-in what they would do, for everyone of whom the groups of the last login are known. It looks
// at one person after the other and keeps none, so that it needs no more memory for many.
type forecaster struct {
	before, after rules
	names         map[int64]string
	order         map[int64]int // where a group stands in the result
	cleared       map[int64]bool
	people        int
	next, due     tally
}

// An outlook is what becomes of one person: ids of groups.
type outlook struct {
	gain, lose, keep, miss []int64 // by the edit
	dueGain, dueLose       []int64
}

func newForecaster(before, after GroupMapping, groups []sso.Group, p Plan) *forecaster {
	f := &forecaster{names: map[int64]string{}, order: map[int64]int{}, cleared: map[int64]bool{}}
	namedBefore, namedAfter, deleted := map[string]int64{}, map[string]int64{}, map[int64]bool{}
	for _, c := range p.Now {
		f.cleared[c.ID], deleted[c.ID] = true, c.Delete
	}
	for i, g := range groups {
		namedBefore[g.Name], f.names[g.ID], f.order[g.ID] = g.ID, g.Name, i
		if !deleted[g.ID] {
			namedAfter[g.Name] = g.ID
		}
	}
	for i, name := range p.Creates {
		id := -int64(i) - 1
		namedAfter[name], f.names[id], f.order[id] = id, name, len(groups)+i
	}
	f.before, f.after = newRules(before, namedBefore), newRules(after, namedAfter)
	return f
}

func (f *forecaster) person(s sso.SentGroups) {
	f.people++
	o := f.outlook(s)
	f.next.add(s, f.names, o.gain, o.lose, o.keep, o.miss)
	f.due.add(s, f.names, o.dueGain, o.dueLose, nil, nil)
}

// outlook compares where the person ends without the edit and with it. In a group that is cleared at once nobody is left to
// begin with.
func (f *forecaster) outlook(s sso.SentGroups) (o outlook) {
	left := slices.DeleteFunc(slices.Clone(s.Groups), func(g int64) bool { return f.cleared[g] })
	without, with := f.before.ends(s, s.Groups), f.after.ends(s, left)
	all := slices.Concat(left, without, with)
	slices.SortFunc(all, func(g, h int64) int { return f.order[g] - f.order[h] })
	for _, g := range slices.Compact(all) {
		in, a, b := slices.Contains(left, g), slices.Contains(without, g) && !f.cleared[g], slices.Contains(with, g)
		switch {
		case in && a && !b:
			o.lose = append(o.lose, g)
		case !in && !a && b:
			o.gain = append(o.gain, g)
		case in && !a && b:
			o.keep = append(o.keep, g)
		case !in && a && !b:
			o.miss = append(o.miss, g)
		case in && !a && !b:
			o.dueLose = append(o.dueLose, g)
		case !in && a && b:
			o.dueGain = append(o.dueGain, g)
		}
	}
	return o
}

// rules are those of a sign-in, with the ids of the groups by name.
type rules struct {
	sso.GroupSync
	named map[string]int64
	leads map[int64]string // one of the mappings that lead to a group
}

func newRules(g GroupMapping, named map[string]int64) rules {
	r := rules{sso.GroupSync{SyncGroups: g.Mode != ModeOff, Mappings: g.Mappings}, named, map[int64]string{}}
	for key, refs := range g.Mappings {
		for _, ref := range refs {
			id, there := ref.ID, true
			if ref.Name != "" {
				id, there = named[ref.Name]
			}
			if there {
				r.leads[id] = key
			}
		}
	}
	return r
}

// about are the rules with the mappings that matter to one person: those of the groups that were sent, and one for each group
// that the person is in, which says that it can be taken. The others change nothing, and a company has a thousand.
func (r rules) about(sent []string, now []int64) sso.GroupSync {
	few := sso.Mappings{}
	for _, name := range sent {
		if refs, mapped := r.Mappings[name]; mapped {
			few[name] = refs
		}
	}
	for _, g := range now {
		if key, led := r.leads[g]; led {
			few[key] = r.Mappings[key]
		}
	}
	// Without any mapping, names would be compared.
	return sso.GroupSync{SyncGroups: r.SyncGroups && (len(few) > 0 || len(r.Mappings) == 0), Mappings: few}
}

// ends are the groups that a person is in after the next sign-in.
func (r rules) ends(s sso.SentGroups, now []int64) []int64 {
	plan := r.about(s.Sent, now).PlanGroups(sso.Identity{Groups: s.Sent, GroupsSent: true, GroupsListed: s.Listed}, r.named, now)
	return slices.DeleteFunc(slices.Concat(now, plan.Add), func(g int64) bool { return slices.Contains(plan.Remove, g) })
}

// A tally adds up outlooks.
type tally struct {
	out    Forecast
	counts map[int64]*GroupForecast
}

func (t *tally) add(s sso.SentGroups, names map[int64]string, gain, lose, keep, miss []int64) {
	if len(gain)+len(lose)+len(keep)+len(miss) == 0 {
		return
	}
	t.out.People++
	if t.counts == nil {
		t.counts = map[int64]*GroupForecast{}
	}
	some := len(t.out.Some) < forecastPeople
	each := func(ids []int64, count func(*GroupForecast)) (all []string) {
		for _, id := range ids {
			if t.counts[id] == nil {
				t.counts[id] = &GroupForecast{Name: names[id]}
			}
			count(t.counts[id])
			if some {
				all = append(all, names[id])
			}
		}
		return all
	}
	one := PersonForecast{
		AccountID: s.AccountID, Email: s.Email,
		Gain: each(gain, func(g *GroupForecast) { g.Gain++ }), Lose: each(lose, func(g *GroupForecast) { g.Lose++ }),
		Keep: each(keep, func(g *GroupForecast) { g.Keep++ }), Miss: each(miss, func(g *GroupForecast) { g.Miss++ }),
	}
	if some {
		t.out.Some = append(t.out.Some, one)
	}
}

// result is what was added up so far.
func (t *tally) result(order map[int64]int) Forecast {
	out := t.out
	out.Some = slices.Clone(t.out.Some)
	for _, id := range slices.SortedFunc(maps.Keys(t.counts), func(g, h int64) int { return order[g] - order[h] }) {
		out.Groups = append(out.Groups, *t.counts[id])
	}
	return out
}

// A Target is a group to which a mapping leads.
type Target struct {
	sso.Group
	Shared bool // another mapping leads there too
}

// Targets are the groups to which each mapping leads, by the mapping's group of the identity provider: those of which an
// edit that removes it can ask what becomes. Built-in groups are not among them.
func Targets(saved GroupMapping, groups []sso.Group) map[string][]Target {
	ids, leads, byID := index(groups), map[int64]int{}, map[int64]sso.Group{}
	for id := range ids.targets(saved.Others...) {
		leads[id]++
	}
	for _, g := range groups {
		byID[g.ID] = g
	}
	all := map[string][]Target{}
	for key, list := range saved.Mappings {
		for _, id := range slices.Sorted(maps.Keys(ids.targets(sso.Mappings{key: list}))) {
			if id >= sso.FirstGroup {
				leads[id]++
				all[key] = append(all[key], Target{Group: byID[id]})
			}
		}
	}
	for _, list := range all {
		for i := range list {
			list[i].Shared = leads[list[i].ID] > 1
		}
	}
	return all
}
