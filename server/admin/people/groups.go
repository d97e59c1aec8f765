package people

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/templates"
)

type groupStore interface {
	admin.GroupStore
	Groups(ctx context.Context) ([]sso.Group, error)
	GroupByName(ctx context.Context, name string) (sso.Group, error)
	GroupSizes(ctx context.Context) (map[int64]int, error)
}

// groupArea shows and changes groups.
type groupArea struct {
	area.Options
	Store Store
}

// domain is what may be done to groups.
func (a groupArea) domain() admin.Groups {
	return admin.NewGroups(a.Store, a.Host.Config())
}

type memberStore interface {
	admin.MemberStore
	Memberships(ctx context.Context, accountID int64) ([]sso.Membership, error)
	MemberSources(ctx context.Context, groupID int64, accountIDs []int64) (map[int64]sso.MembershipSource, error)
}

func (a groupArea) pages() []area.Page {
	return []area.Page{
		area.Get("/groups", a.groupsPage),
		area.Post("/groups", a.newGroupForm),
		area.Post("/groups/restore", a.restoreForm),
		area.Get("/groups/:id", a.groupPage),
		area.Post("/groups/:id/rename", a.renameForm),
		area.Post("/groups/:id/delete", a.deleteForm),
		area.Post("/groups/:id/members", a.memberForm),
	}
}

func (a groupArea) operations() []area.Operation {
	return []area.Operation{
		openapi.Op("GET", "/groups", "listGroups", "Groups by name", a.groups),
		openapi.Op("POST", "/groups", "createGroup", "Make a group", a.createGroup),
		openapi.Op("GET", "/groups/{id}", "getGroup", "One group; its members are /people?group=", a.group),
		openapi.Op("PATCH", "/groups/{id}", "renameGroup", "Give a group another name", a.renameGroup),
		openapi.Op("DELETE", "/groups/{id}", "deleteGroup", "Delete a group and its memberships", a.deleteGroup),
		openapi.Op("GET", "/deleted-groups", "listDeletedGroups", "Groups that can be brought back, for a week", a.deletedGroups),
		openapi.Op("POST", "/deleted-groups/{undo}/restore", "restoreGroup", "Bring a deleted group back, with its id and its members", a.restoreGroup),
	}
}

type groupQuery struct {
	Search  string `query:"search" doc:"what the name contains, without case"`
	Largest bool   `query:"largest" doc:"those with the most people first, instead of by name"`
	area.Part
}

type groupList struct {
	Groups []group `json:"groups"`
	Total  int     `json:"total" doc:"how many groups match"`
	Next   string  `json:"next" doc:"for after; empty at the end"`
}

type group struct {
	ID         int64    `json:"id"`
	Name       string   `json:"name"`
	Members    int      `json:"members"`
	BuiltIn    bool     `json:"built_in" doc:"it can be neither renamed nor deleted"`
	MappedFrom []string `json:"mapped_from" doc:"the groups of the identity provider that lead here"`
}

func (a groupArea) groupRow(g sso.Group, sizes map[int64]int) group {
	from, _ := a.domain().MappedFrom(g)
	return group{g.ID, g.Name, sizes[g.ID], g.ID < sso.FirstGroup, from}
}

// A sized is a group and how many people are in it.
type sized struct {
	sso.Group
	members int
	lower   string // its name in small letters
}

// groups are few enough (thousands) to be sorted here, without case, which the databases do differently.
func (a groupArea) groups(c *area.Call, in groupQuery) (groupList, error) {
	ctx := c.Request().Context()
	all, err := a.Store.Groups(ctx)
	if err != nil {
		return groupList{}, err
	}
	var sizes map[int64]int // of those that are shown; for an order by size, of all
	if in.Largest {
		if sizes, err = a.Store.GroupSizes(ctx); err != nil {
			return groupList{}, err
		}
	}
	search := strings.ToLower(sso.CleanText(in.Search))
	var sorted []sized
	for _, g := range all {
		if lower := strings.ToLower(g.Name); strings.Contains(lower, search) {
			sorted = append(sorted, sized{g, sizes[g.ID], lower})
		}
	}
	list := groupList{Groups: []group{}, Total: len(sorted)}
	slices.SortFunc(sorted, compareSized)
	if sorted, err = afterGroup(sorted, in); err != nil {
		return groupList{}, err
	}
	if size := in.Page().Size(); len(sorted) > size {
		sorted = sorted[:size]
		list.Next = sorted[size-1].cursor(in.Largest)
	}
	var ids []int64
	for _, g := range sorted {
		ids = append(ids, g.ID)
	}
	if !in.Largest {
		sizes, err = a.Store.MemberCounts(ctx, ids)
	}
	for _, g := range sorted {
		list.Groups = append(list.Groups, a.groupRow(g.Group, sizes))
	}
	return list, err
}

func compareSized(a, b sized) int {
	if a.members != b.members {
		return b.members - a.members
	}
	if a.lower != b.lower {
		return strings.Compare(a.lower, b.lower)
	}
	return strings.Compare(a.Name, b.Name)
}

// cursor is where the part after a group begins: its name, or "members.name". People may come and go between two parts; none
// of the other groups is lost.
func (g sized) cursor(largest bool) string {
	if largest {
		return strconv.Itoa(g.members) + "." + g.Name
	}
	return g.Name
}

// afterGroup leaves those of sorted groups that come after the beginning that is asked for.
func afterGroup(sorted []sized, in groupQuery) ([]sized, error) {
	if in.After == "" {
		return sorted, nil
	}
	last := sized{Group: sso.Group{Name: in.After}, lower: strings.ToLower(in.After)}
	if in.Largest {
		number, name, _ := strings.Cut(in.After, ".")
		n, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("%q is not the beginning of a page: %w", sso.Truncate(sso.CleanText(in.After), 50), sso.Invalid)
		}
		last = sized{sso.Group{Name: name}, n, strings.ToLower(name)}
	}
	return slices.DeleteFunc(sorted, func(g sized) bool { return compareSized(g, last) <= 0 }), nil
}

func (a groupArea) group(c *area.Call, in area.ByID) (group, error) {
	ctx := c.Request().Context()
	g, err := a.Store.Group(ctx, in.ID)
	if err != nil {
		return group{}, err
	}
	sizes, err := a.Store.MemberCounts(ctx, []int64{in.ID})
	return a.groupRow(g, sizes), err
}

type newGroup struct {
	Name string `json:"name"`
}

func (a groupArea) createGroup(c *area.Call, in newGroup) (group, error) {
	made, err := a.domain().Create(c.Request().Context(), c.Actor(), in.Name)
	return a.groupRow(made, nil), err
}

type renamedGroup struct {
	ID   int64  `path:"id" json:"-"`
	Name string `json:"name"`
}

func (a groupArea) renameGroup(c *area.Call, in renamedGroup) (openapi.Nothing, error) {
	return openapi.Nothing{}, a.domain().Rename(c.Request().Context(), c.Actor(), in.ID, in.Name)
}

type deletedGroup struct {
	ID      int64 `path:"id"`
	Members *int  `query:"members" doc:"how many people are in the group, as you know; needed when anybody is, and refused when it is not so"`
}

func (a groupArea) deleteGroup(c *area.Call, in deletedGroup) (openapi.Nothing, error) {
	_, err := a.domain().Delete(c.Request().Context(), c.Actor(), in.ID, in.Members)
	return openapi.Nothing{}, err
}

type deletedGroupList struct {
	Groups []goneGroup `json:"groups" doc:"the last one first"`
}

type goneGroup struct {
	Undo    string    `json:"undo" doc:"for restoreGroup"`
	ID      int64     `json:"id"`
	Name    string    `json:"name"`
	Members int       `json:"members"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
}

func (a groupArea) deletedGroups(c *area.Call, _ openapi.Nothing) (deletedGroupList, error) {
	undos, err := a.domain().Deleted(c.Request().Context())
	list := deletedGroupList{Groups: []goneGroup{}}
	for _, u := range undos {
		for _, g := range u.Groups {
			list.Groups = append(list.Groups, goneGroup{u.ID, g.ID, g.Name, g.Members, u.At.UTC(), u.Actor})
		}
	}
	return list, err
}

type restoredGroup struct {
	Undo string `path:"undo"`
}

func (a groupArea) restoreGroup(c *area.Call, in restoredGroup) (group, error) {
	ctx := c.Request().Context()
	back, err := a.domain().Restore(ctx, c.Actor(), in.Undo)
	if err != nil {
		return group{}, err
	}
	return a.group(c, area.ByID{ID: back.ID})
}

func (a groupArea) groupsPage(c *area.Call) error {
	return a.renderGroups(c, http.StatusOK, templates.AdminGroups{})
}

func (a groupArea) renderGroups(c *area.Call, status int, p templates.AdminGroups) error {
	p.Search = c.QueryParam("search")
	q := groupQuery{Search: p.Search, Largest: c.QueryParam("sort") == "members", Part: area.Part{After: c.QueryParam("after")}}
	list, err := a.groups(c, q)
	if err != nil {
		return err
	}
	p.AdminLayout, p.Total, p.Largest = c.Layout(templates.AdminSectionGroups), list.Total, q.Largest
	p.Sorts = area.Choose(c.QueryParam("sort"), templates.AdminOption{Label: "name"}, templates.AdminOption{Value: "members", Label: "number of people"})
	p.Pager = area.Pager(c.Link("/admin/groups"), area.Filter("search", p.Search, "sort", p.Sort().Chosen()), q.After, list.Next)
	deleted, err := a.deletedGroups(c, openapi.Nothing{})
	if err != nil {
		return err
	}
	p.Now, p.Synced = a.Now(), admin.SyncedBy(a.Host.Config(), "") != ""
	for _, g := range deleted.Groups {
		p.Deleted = append(p.Deleted, templates.AdminGoneGroup{Undo: g.Undo, Name: g.Name, Members: g.Members, At: g.At, By: g.By})
	}
	for _, g := range list.Groups {
		p.Groups = append(p.Groups, templates.AdminGroupRow{ID: g.ID, Name: g.Name, Members: g.Members, BuiltIn: g.BuiltIn, From: few(g.MappedFrom)})
	}
	return c.Show(status, p)
}

func (a groupArea) newGroupForm(c *area.Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	made, err := a.createGroup(c, newGroup{strings.TrimSpace(form.Get("name"))})
	if err == nil {
		return c.Done(groupPath(made.ID), "group-made")
	}
	return c.Again(form, err, func(fields map[string]string, alert string, status int) error {
		return a.renderGroups(c, status, templates.AdminGroups{NewName: form.Get("name"), NameError: area.Sentence(fields["name"]), Alert: alert})
	})
}

// restoreForm brings a deleted group back.
func (a groupArea) restoreForm(c *area.Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	back, err := a.restoreGroup(c, restoredGroup{form.Get("undo")})
	if err == nil {
		return c.Done(groupPath(back.ID), "group-restored")
	}
	return c.Again(form, err, func(_ map[string]string, alert string, status int) error {
		return a.renderGroups(c, status, templates.AdminGroups{Alert: alert})
	})
}

func groupPath(id int64) string { return "/groups/" + strconv.FormatInt(id, 10) }

func (a groupArea) groupPage(c *area.Call) error {
	id, err := c.PathID()
	if err != nil {
		return err
	}
	p, err := a.groupShown(c, id)
	if err != nil {
		return err
	}
	return c.Show(http.StatusOK, p)
}

// groupShown is the page of a group as things are.
func (a groupArea) groupShown(c *area.Call, id int64) (templates.AdminGroup, error) {
	g, err := a.group(c, area.ByID{ID: id})
	if err != nil {
		return templates.AdminGroup{}, err
	}
	members, err := peopleArea(a).people(c, peopleQuery{Group: id, Part: area.Part{After: c.QueryParam("after")}})
	if err != nil {
		return templates.AdminGroup{}, err
	}
	var ids []int64
	for _, m := range members.People {
		ids = append(ids, m.ID)
	}
	why, err := a.Store.MemberSources(c.Request().Context(), id, ids)
	if err != nil {
		return templates.AdminGroup{}, err
	}
	p := templates.AdminGroup{
		AdminLayout: c.Layout(templates.AdminSectionGroups), ID: id, Name: g.Name, NewName: g.Name, Members: g.Members, BuiltIn: g.BuiltIn,
		Everyone: id == sso.AllUsers, From: few(g.MappedFrom), Synced: admin.SyncedBy(a.Host.Config(), "") != "", Now: a.Now(),
		Pager: area.Pager(c.Link(area.PagesPrefix+groupPath(id)), area.Filter(), c.QueryParam("after"), members.Next),
		Kept:  area.Sentence(a.domain().Kept(sso.Group{ID: g.ID, Name: g.Name})),
	}
	for _, m := range members.People {
		row := personRow(a.Host.Config(), m)
		row.Why = whyMember(string(why[m.ID]))
		p.People = append(p.People, row)
	}
	return p, nil
}

// groupForm carries out what a form of a group's page asks for, as personForm does for a person.
func (a groupArea) groupForm(c *area.Call, do func(id int64, form url.Values) (path, notice string, err error), fail func(*templates.AdminGroup, url.Values, map[string]string)) error {
	return c.RowForm(do, func(id int64, form url.Values, fields map[string]string, alert string) (templates.Page, error) {
		p, err := a.groupShown(c, id)
		if err != nil {
			return nil, err
		}
		p.Alert = alert
		fail(&p, form, fields)
		return p, nil
	})
}

func (a groupArea) renameForm(c *area.Call) error {
	return a.groupForm(c, func(id int64, form url.Values) (string, string, error) {
		_, err := a.renameGroup(c, renamedGroup{id, strings.TrimSpace(form.Get("name"))})
		return groupPath(id), "group-renamed", err
	}, func(p *templates.AdminGroup, form url.Values, fields map[string]string) {
		p.NewName, p.NameError = form.Get("name"), area.Sentence(fields["name"])
	})
}

func (a groupArea) deleteForm(c *area.Call) error {
	return a.groupForm(c, func(id int64, form url.Values) (string, string, error) {
		in := deletedGroup{ID: id}
		if n, err := strconv.Atoi(form.Get("members")); err == nil {
			in.Members = &n
		}
		_, err := a.deleteGroup(c, in)
		return "/groups", "group-deleted", err
	}, func(p *templates.AdminGroup, _ url.Values, fields map[string]string) {
		p.Deleting = true
		if problem := fields["members"]; problem != "" {
			p.Alert = area.Sentence(problem)
		}
	})
}

func (a groupArea) memberForm(c *area.Call) error {
	return a.groupForm(c, func(id int64, form url.Values) (string, string, error) {
		account, err := accountOf(c.Request().Context(), a.Store, "person", form.Get("person"))
		if err != nil {
			return "", "", err
		}
		if form.Get("do") == "remove" {
			_, err = peopleArea(a).removeMember(c, member{account.ID, id})
			return groupPath(id), "member-removed", err
		}
		_, err = peopleArea(a).addMember(c, member{account.ID, id})
		return groupPath(id), "member-added", err
	}, func(p *templates.AdminGroup, form url.Values, fields map[string]string) {
		p.AddingError = area.Sentence(fields["person"])
		if p.AddingError != "" {
			p.Adding = form.Get("person")
		}
	})
}
