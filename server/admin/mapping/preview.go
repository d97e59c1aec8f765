package mapping

import (
	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
)

type mappingDraft struct {
	ofProvider
	Mode     admin.Mode            `json:"mode" enum:"off,automatic,manual"`
	Mappings mappings              `json:"mappings"`
	Unmapped map[string]admin.Fate `json:"unmapped,omitempty" doc:"as in setMapping"`
}

type preview struct {
	Confirm admin.Losses   `json:"confirm" doc:"what would be lost at once: setMapping asks for these numbers"`
	Now     []groupLoss    `json:"now" doc:"groups whose members would leave at once"`
	Kept    []groupLoss    `json:"kept" doc:"groups to which no mapping would lead any more, and whose members stay"`
	Creates []string       `json:"creates" doc:"groups that would be made"`
	People  int            `json:"people" doc:"active people of whose groups the identity provider has told; nothing is known about others"`
	Changed int            `json:"changed" doc:"those of them whose groups would be others after their next sign-in than without this edit"`
	Groups  []groupPreview `json:"groups" doc:"what this edit changes at the next sign-ins, by group"`
	Some    []personChange `json:"some" doc:"the first of the people whom it changes, at most 100"`
	Due     duePreview     `json:"due" doc:"what the next sign-ins change anyway, with this edit and without"`
	Pending *progress      `json:"pending" doc:"not null: people, changed, groups, some and due are of those who were looked at so far; ask again with the same body. It ends when nobody has asked for two minutes, or the same administrator asks for another preview"`
}

type progress struct {
	Looked int `json:"looked" doc:"people who were looked at"`
	AtMost int `json:"at_most" doc:"how many that will be at most"`
}

type groupLoss struct {
	ID      int64    `json:"id"`
	Name    string   `json:"name"`
	Members int      `json:"members"`
	Delete  bool     `json:"delete" doc:"the group itself would go"`
	Some    []string `json:"some" doc:"the first of the members, at most 10"`
}

type duePreview struct {
	Changed int            `json:"changed"`
	Groups  []groupPreview `json:"groups"`
	Some    []personChange `json:"some"`
}

type groupPreview struct {
	Name string `json:"name"`
	Gain int    `json:"gain"`
	Lose int    `json:"lose"`
	Keep int    `json:"keep" doc:"who stay in it, and would lose it without this edit"`
	Miss int    `json:"miss" doc:"who stay out of it, and would get it without this edit"`
}

type personChange struct {
	AccountID int64    `json:"account_id"`
	Email     string   `json:"email"`
	Gain      []string `json:"gain"`
	Lose      []string `json:"lose"`
	Keep      []string `json:"keep"`
	Miss      []string `json:"miss"`
}

func (m mappingArea) preview(c *area.Call, in mappingDraft) (preview, error) {
	plan, err := m.plan(c, in)
	if err != nil {
		return preview{}, err
	}
	next, due := forecast(plan.Next), forecast(plan.Due)
	out := preview{
		Confirm: plan.Losses(), Now: losses(plan.Now), Kept: losses(plan.Kept), Creates: list(plan.Creates), People: plan.People,
		Changed: next.Changed, Groups: next.Groups, Some: next.Some, Due: due,
	}
	if plan.Pending != nil {
		out.Pending = new(progress(*plan.Pending))
	}
	return out, nil
}

// plan says what an edit would do, or as much of it as was found so far.
func (m mappingArea) plan(c *area.Call, in mappingDraft) (admin.Plan, error) {
	return m.previews.Plan(c.Request().Context(), m.domain(in.Provider), c.Who.Account.ID, admin.MappingEdit{
		GroupMapping: admin.GroupMapping{Mode: in.Mode, Mappings: sso.Mappings(in.Mappings)}, Unmapped: in.Unmapped,
	})
}

// list is a list that is no null in JSON.
func list[T any](all []T) []T { return append([]T{}, all...) }

func losses(clearings []admin.Clearing) []groupLoss {
	all := []groupLoss{}
	for _, c := range clearings {
		all = append(all, groupLoss{c.ID, c.Name, c.Members, c.Delete, list(c.Some)})
	}
	return all
}

func forecast(f admin.Forecast) duePreview {
	out := duePreview{Changed: f.People, Groups: []groupPreview{}, Some: []personChange{}}
	for _, g := range f.Groups {
		out.Groups = append(out.Groups, groupPreview(g))
	}
	for _, p := range f.Some {
		out.Some = append(out.Some, personChange{p.AccountID, p.Email, list(p.Gain), list(p.Lose), list(p.Keep), list(p.Miss)})
	}
	return out
}
