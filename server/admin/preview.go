package admin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
)

type mappingDraft struct {
	Mode     string   `json:"mode" enum:"off,automatic,manual"`
	Mappings mappings `json:"mappings"`
}

type preview struct {
	People  int            `json:"people" doc:"active people of whose groups the identity provider has told; nothing is known about others"`
	Changed int            `json:"changed" doc:"those of them who would gain or lose a group at their next sign-in"`
	Creates []string       `json:"creates" doc:"groups that would be made"`
	Groups  []groupPreview `json:"groups" doc:"what changes, by group"`
	Some    []personChange `json:"some" doc:"the first of the people who would gain or lose a group, at most 100"`
}

type groupPreview struct {
	Name string `json:"name"`
	Gain int    `json:"gain"`
	Lose int    `json:"lose"`
}

type personChange struct {
	AccountID int64    `json:"account_id"`
	Email     string   `json:"email"`
	Gain      []string `json:"gain"`
	Lose      []string `json:"lose"`
}

const previewPeople = 100

func (a *Admin) previewMapping(c *call, in mappingDraft) (preview, error) {
	return a.preview(c.Request().Context(), in)
}

// preview asks the rules of a sign-in what they would do, for everyone of whom the groups of the last login are known.
func (a *Admin) preview(ctx context.Context, in mappingDraft) (preview, error) {
	groups, err := a.Store.Groups(ctx)
	if err != nil {
		return preview{}, err
	}
	p := newPreviewer(in, groups)
	if err := a.Store.SentGroups(ctx, p.person); err != nil {
		return preview{}, err
	}
	return p.result(), nil
}

// A previewer adds up what a policy would change.
type previewer struct {
	policy sso.Policy
	named  map[string]int64
	names  map[int64]string
	order  []int64
	known  map[string]sso.GroupPlan // many people have the same groups, there and here
	out    preview
	gain   map[int64]int
	lose   map[int64]int
}

func newPreviewer(in mappingDraft, groups []sso.Group) *previewer {
	p := &previewer{
		policy: sso.Policy{SyncGroups: in.Mode != modeOff, Mappings: sso.Mappings(in.Mappings)},
		named:  map[string]int64{}, names: map[int64]string{}, known: map[string]sso.GroupPlan{}, gain: map[int64]int{}, lose: map[int64]int{},
		out: preview{Creates: []string{}, Groups: []groupPreview{}, Some: []personChange{}},
	}
	if in.Mode == modeAutomatic {
		p.policy.Mappings = nil
	}
	for _, g := range groups {
		p.named[g.Name], p.names[g.ID] = g.ID, g.Name
		p.order = append(p.order, g.ID)
	}
	for _, name := range p.policy.Mappings.Names() {
		if _, there := p.named[name]; !there { // saving makes it
			id := -int64(len(p.order)) - 1
			p.named[name], p.names[id] = id, name
			p.order = append(p.order, id)
			p.out.Creates = append(p.out.Creates, name)
		}
	}
	return p
}

func (p *previewer) person(s sso.SentGroups) {
	p.out.People++
	key := strings.Join(s.Sent, "\x00") + "\x01" + fmt.Sprint(s.Groups)
	plan, ok := p.known[key]
	if !ok {
		plan = p.policy.PlanGroups(sso.Identity{Groups: s.Sent, GroupsSent: true}, p.named, s.Groups)
		plan.Add = slices.DeleteFunc(plan.Add, func(id int64) bool { return p.names[id] == "" }) // a group that is gone
		p.known[key] = plan
	}
	if len(plan.Add)+len(plan.Remove) == 0 {
		return
	}
	p.out.Changed++
	for _, id := range plan.Add {
		p.gain[id]++
	}
	for _, id := range plan.Remove {
		p.lose[id]++
	}
	if len(p.out.Some) < previewPeople {
		p.out.Some = append(p.out.Some, personChange{s.AccountID, s.Email, p.list(plan.Add), p.list(plan.Remove)})
	}
}

func (p *previewer) list(ids []int64) []string {
	all := []string{}
	for _, id := range ids {
		all = append(all, p.names[id])
	}
	return all
}

func (p *previewer) result() preview {
	for _, id := range p.order {
		if p.gain[id]+p.lose[id] > 0 {
			p.out.Groups = append(p.out.Groups, groupPreview{p.names[id], p.gain[id], p.lose[id]})
		}
	}
	return p.out
}
