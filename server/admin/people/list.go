package people

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

// A peopleFilter is what is typed above the list of people.
type peopleFilter struct {
	search, state, group, provider, seen, sort string
}

func typedFilter(q url.Values) peopleFilter {
	return peopleFilter{
		search: sso.CleanText(q.Get("search")), state: q.Get("state"), group: strings.TrimSpace(sso.CleanText(q.Get("group"))),
		provider: q.Get("provider"), seen: q.Get("seen"), sort: q.Get("sort"),
	}
}

// query writes the filter as the query of a URL.
func (f peopleFilter) query() url.Values {
	return area.Filter("search", f.search, "state", f.state, "group", f.group, "provider", f.provider, "seen", f.seen, "sort", f.sort)
}

// away are the choices of how long ago somebody signed in last, in days.
func away() map[string]int { return map[string]int{"30": 30, "90": 90, "365": 365} }

// asks is the query of the list.
func (f peopleFilter) asks(group int64, now time.Time) peopleQuery {
	q := peopleQuery{Search: f.search, Group: group, Provider: f.provider, Never: f.seen == "never", Newest: f.sort == "newest"}
	if active := f.state == "active"; active || f.state == "deactivated" {
		q.Active = &active
	}
	if days, ok := away()[f.seen]; ok {
		q.Before = now.AddDate(0, 0, -days)
	}
	return q
}

func (a peopleArea) peoplePage(c *area.Call) error {
	f := typedFilter(c.QueryParams())
	p := templates.AdminPeople{AdminLayout: c.Layout(templates.AdminSectionPeople), Search: f.search, Group: f.group, Now: a.Now(), Filtered: len(f.query()) > 0, Back: f.query().Encode()}
	a.fillFilter(c, &p, f)
	var group int64
	if f.group != "" {
		var err error
		group, err = a.groupOf(c, "group", f.group)
		if fields, rest, status, ok := area.ReadableParts(err); err != nil {
			if !ok {
				return err
			}
			p.GroupError = area.Sentence(fields["group"]) + rest
			return c.Show(status, p)
		}
	}
	q := f.asks(group, a.Now())
	q.After = c.QueryParam("after")
	list, err := a.people(c, q)
	if err != nil {
		return err
	}
	if p.Count, err = a.counted(c, q, list); err != nil {
		return err
	}
	p.Pager = area.Pager(c.Link("/admin/people"), f.query(), q.After, list.Next)
	for _, one := range list.People {
		p.People = append(p.People, personRow(a.Host.Config(), one))
	}
	return c.Show(http.StatusOK, p)
}

// countMost is where counting stops: what is more takes too long to count for a page, and nobody goes through it.
const countMost = 10_000

// counted says how many people there are of whom a page shows some.
func (a peopleArea) counted(c *area.Call, q peopleQuery, list peopleList) (string, error) {
	n := len(list.People)
	switch {
	case q.After == "" && list.Next == "":
		return them(n), nil
	case strings.TrimSpace(q.Search) != "", !q.Before.IsZero() && (q.Group != 0 || q.Provider != "" || q.Active != nil): // each would have to be looked at
		return "", nil
	case q == (peopleQuery{Part: q.Part, Newest: q.Newest}): // everybody
		sizes, err := a.Store.MemberCounts(c.Request().Context(), []int64{sso.AllUsers})
		return them(sizes[sso.AllUsers]), err
	}
	n, err := a.Store.CountAccounts(c.Request().Context(), q.accounts(), countMost+1)
	if n > countMost {
		return "more than " + them(countMost), err
	}
	return them(n), err
}

// fillFilter fills what is chosen from.
func (a peopleArea) fillFilter(c *area.Call, p *templates.AdminPeople, f peopleFilter) {
	p.States = area.Choose(f.state, templates.AdminOption{Label: "all"}, templates.AdminOption{Value: "active", Label: "active"}, templates.AdminOption{Value: "deactivated", Label: "deactivated"})
	p.Seen = area.Choose(f.seen, templates.AdminOption{Label: "at any time"}, templates.AdminOption{Value: "never", Label: "never"}, templates.AdminOption{Value: "30", Label: "more than 30 days ago"},
		templates.AdminOption{Value: "90", Label: "more than 90 days ago"}, templates.AdminOption{Value: "365", Label: "more than a year ago"})
	p.Sorts = area.Choose(f.sort, templates.AdminOption{Label: "e-mail"}, templates.AdminOption{Value: "newest", Label: "newest account first"})
	if away()[f.seen] > 0 && f.search == "" {
		p.Sorts = area.Choose("", templates.AdminOption{Label: "away longest first"})
	}
	providers := []templates.AdminOption{{Label: "any"}}
	for _, one := range a.Host.Config().Providers {
		label := area.LabelOf(one)
		if label == "" {
			label = one.Name
		}
		providers = append(providers, templates.AdminOption{Value: one.Name, Label: label})
	}
	p.Providers = area.Choose(f.provider, providers...)
	for _, preset := range []struct {
		label string
		f     peopleFilter
	}{
		{"Everybody", peopleFilter{}}, {"Administrators", peopleFilter{group: "Administrators"}}, {"Deactivated", peopleFilter{state: "deactivated"}},
		{"Never signed in", peopleFilter{seen: "never"}}, {"Not for 90 days", peopleFilter{seen: "90"}},
	} {
		p.Presets = append(p.Presets, templates.AdminTab{Label: preset.label, URL: area.WithQuery(c.Link("/admin/people"), preset.f.query()), Here: preset.f == f})
	}
}

func personRow(cfg *setting.Config, p person) templates.AdminPersonRow {
	row := templates.AdminPersonRow{
		ID: p.ID, Person: p.shown(), Inactive: !p.Active, HasPassword: p.HasPassword, Source: area.ShownProvider(cfg, p.Source),
	}
	if p.LastLogin != nil {
		row.LastLogin = *p.LastLogin
	}
	return row
}

func (p person) shown() templates.Person {
	return templates.Person{Name: sso.Account{Email: p.Email, FirstName: p.FirstName, LastName: p.LastName}.CommonName(), Email: p.Email}
}
