package admin

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
)

// Of a thousand mappings only those are looked at that matter to a person, and the person ends where the rules of a sign-in say
// that looks at all.
func TestForecastIsWhatASignInDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	some := func(n, of int) (all []int) {
		for range random.IntN(n + 1) {
			all = append(all, random.IntN(of))
		}
		return all
	}
	for range 20_000 {
		named := map[string]int64{"G0": 3, "G1": 4, "G2": 5}
		g := GroupMapping{Mode: []Mode{ModeOff, ModeAutomatic, ModeManual}[random.IntN(3)]}
		if g.Mode != ModeAutomatic {
			g.Mappings = sso.Mappings{}
			for _, key := range some(5, 6) {
				refs := []sso.GroupRef{}
				for _, id := range some(3, 5) {
					refs = append(refs, sso.GroupRef{ID: int64(id + 2)})
				}
				for _, name := range some(2, 5) { // some of which are no group
					refs = append(refs, sso.GroupRef{Name: fmt.Sprint("G", name)})
				}
				g.Mappings[[]string{"a", "b", "c", "a,b", "G1", "e"}[key]] = refs
			}
		}
		if g.Mode == ModeManual && len(g.Mappings) == 0 {
			continue
		}
		var sent []string
		for _, i := range some(3, 7) {
			sent = append(sent, []string{"a", "b", "c", "a,b", "G1", "G2", "x"}[i])
		}
		listed := random.IntN(2) == 0
		var now []int64
		for _, id := range some(4, 6) {
			now = append(now, int64(id+2))
		}
		slices.Sort(now)
		now = slices.Compact(now)
		r := newRules(g, named)
		plan := sso.GroupSync{SyncGroups: g.Mode != ModeOff, Mappings: g.Mappings}.PlanGroups(sso.Identity{Groups: sent, GroupsSent: true, GroupsListed: listed}, named, now)
		want := slices.DeleteFunc(slices.Concat(now, plan.Add), func(id int64) bool { return slices.Contains(plan.Remove, id) })
		if got := r.ends(sso.SentGroups{Sent: sent, Listed: listed}, now); !slices.Equal(got, want) {
			t.Fatalf("%+v, %q sent, now in %v: got %v, want %v", g, sent, now, got, want)
		}
	}
}

// company is a store of so many people, of whom no two have the same groups, and a mapping of so many rows. It makes each person
// when asked, and counts what is asked.
type company struct {
	people
	size, rows int
	asked      *int
}

func (c company) SentGroups(_ context.Context, _ string, each func(sso.SentGroups)) error {
	*c.asked++
	for i := range c.size {
		g := int64(i%c.rows) + sso.FirstGroup
		each(sso.SentGroups{AccountID: int64(i), Email: "p", Sent: []string{fmt.Sprint("ext ", i%c.rows), fmt.Sprint("other ", i)}, Groups: []int64{g}})
	}
	return nil
}

func (c company) Groups(ctx context.Context) ([]sso.Group, error) {
	*c.asked++
	return c.people.Groups(ctx)
}

// The preview asks the store the same number of questions whatever the size. Its work for twice the people is twice as much, and
// for each of them the same with twice the mappings.
func TestPreviewGrowsWithThePeople(t *testing.T) {
	work := func(size, rows int) float64 {
		c, saved := company{size: size, rows: rows, asked: new(int)}, sso.Mappings{}
		for i := range rows {
			c.groups = append(c.groups, sso.Group{ID: int64(i) + sso.FirstGroup, Name: fmt.Sprint("Group ", i)})
			saved[fmt.Sprint("ext ", i)] = id(int64(i) + sso.FirstGroup)
		}
		edit := MappingEdit{GroupMapping: manual(sso.Mappings{"ext 0": id(sso.FirstGroup + 1)})}
		m := domain(c.people, manual(saved))
		m.Store = c
		allocs := testing.AllocsPerRun(1, func() {
			*c.asked = 0
			if plan, err := m.Plan(t.Context(), edit); err != nil || plan.People != size || len(plan.Next.Some) > forecastPeople {
				t.Fatalf("%d people of %d, %v", plan.People, size, err)
			}
		})
		if *c.asked != 2 {
			t.Errorf("%d people and %d mappings: the store was asked %d times, want 2", size, rows, *c.asked)
		}
		return allocs
	}
	once, twice, wide := work(4000, 50), work(8000, 50), work(4000, 100)
	if twice > 2.2*once || wide > 1.3*once {
		t.Errorf("got %.0f allocations, %.0f for twice the people and %.0f for twice the mappings", once, twice, wide)
	}
}
