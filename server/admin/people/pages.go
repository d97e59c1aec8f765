package people

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/server/admin/activity"
	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/templates"
)

func (a peopleArea) pages() []area.Page {
	return []area.Page{
		area.Get("/why", a.whyPage),
		area.Get("/people", a.peoplePage),
		area.Post("/people/selected", a.severalForm),
		area.Get("/people/new", a.newPersonPage),
		area.Post("/people/new", a.newPersonForm),
		area.Get("/people/:id", a.personPage),
		area.Get("/people/:id/data", a.exportPage),
		area.Post("/people/:id/purge", a.purgeForm),
		area.Post("/people/:id/state", a.stateForm),
		area.Post("/people/:id/attributes", a.attributeForm),
		area.Post("/people/:id/groups", a.personGroupForm),
		area.Post("/people/:id/sessions", a.personSessionForm),
	}
}

func (a peopleArea) newPersonPage(c *area.Call) error {
	return a.renderNewPerson(c, http.StatusOK, templates.AdminNewPerson{})
}

func (a peopleArea) renderNewPerson(c *area.Call, status int, p templates.AdminNewPerson) error {
	groups, err := a.Store.Groups(c.Request().Context())
	if err != nil {
		return err
	}
	p.AdminLayout, p.Groups = c.Layout(templates.AdminSectionPeople), offers(groups, nil)
	return c.Show(status, p)
}

// groupsShown is how many groups a page names. There may be ten thousand.
const groupsShown = 50

// offers are the names of groups that somebody can be put into, but for those that the person is in: the first ones, for the
// others are found by typing.
func offers(groups []sso.Group, in []membership) []string {
	var names []string
	for _, g := range groups {
		if len(names) < groupsShown && g.ID != sso.AllUsers && !slices.ContainsFunc(in, func(m membership) bool { return m.ID == g.ID }) {
			names = append(names, g.Name)
		}
	}
	return names
}

func (a peopleArea) newPersonForm(c *area.Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	in := newPerson{Email: strings.TrimSpace(form.Get("email")), FirstName: form.Get("first_name"), LastName: form.Get("last_name")}
	group := strings.TrimSpace(form.Get("group"))
	if group != "" {
		var id int64
		if id, err = a.groupOf(c, "group", group); err == nil {
			in.Groups = []int64{id}
		}
	}
	var made person
	if err == nil {
		made, err = a.createPerson(c, in)
	}
	if err == nil {
		return c.Done(personPath(made.ID), "person-made")
	}
	return c.Again(form, err, func(fields map[string]string, alert string, status int) error {
		return a.renderNewPerson(c, status, templates.AdminNewPerson{
			Email: in.Email, FirstName: in.FirstName, LastName: in.LastName, Group: group, Alert: alert,
			EmailError: area.Sentence(fields["email"]), FirstNameError: area.Sentence(fields["first_name"]), LastNameError: area.Sentence(fields["last_name"]),
			GroupError: area.Sentence(fields["group"] + fields["groups"]),
		})
	})
}

// groupOf finds a group by the name that was typed. The refusal is about the field.
func (a peopleArea) groupOf(c *area.Call, field, name string) (int64, error) {
	g, err := a.Store.GroupByName(c.Request().Context(), strings.TrimSpace(name))
	if errors.Is(err, sso.NotFound) {
		return 0, admin.Invalid(field, "there is no group of this name")
	}
	return g.ID, err
}

// mappingOf is the page of the mapping by which a person's sign-ins set groups.
func mappingOf(provider string) string {
	if provider == "" {
		return area.PagesPrefix + "/mapping"
	}
	return area.PagesPrefix + "/mapping?provider=" + url.QueryEscape(provider)
}

func personPath(id int64) string { return "/people/" + strconv.FormatInt(id, 10) }

func (a peopleArea) personPage(c *area.Call) error {
	id, err := c.PathID()
	if err != nil {
		return err
	}
	p, err := a.personShown(c, id)
	if err != nil {
		return err
	}
	if name := c.QueryParam("attribute"); name != "" {
		p.Attribute.Name = name
		a.fillAttribute(&p)
	}
	return c.Show(http.StatusOK, p)
}

// fillAttribute puts what is in force into the form that sets an attribute.
func (a peopleArea) fillAttribute(p *templates.AdminPerson) {
	for _, at := range p.Attributes {
		if at.Name == p.Attribute.Name {
			p.Attribute.Value = at.Value
			if at.Own {
				p.Attribute.Was, p.Attribute.Known = at.Value, true
			}
		}
	}
}

const (
	sessionsShown = 10
	eventsShown   = 8
	refusedShown  = 4
)

// personShown is the page of a person as things are.
func (a peopleArea) personShown(c *area.Call, id int64) (templates.AdminPerson, error) {
	ctx := c.Request().Context()
	d, err := a.person(c, area.ByID{ID: id})
	if err != nil {
		return templates.AdminPerson{}, err
	}
	groups, err := a.Store.Groups(ctx)
	if err != nil {
		return templates.AdminPerson{}, err
	}
	sessions, err := sessionArea(a).sessions(c, sessionQuery{Person: id, Part: area.Part{Limit: sessionsShown}})
	if err != nil {
		return templates.AdminPerson{}, err
	}
	events, err := activity.OfPerson(ctx, a.Host.Config(), a.Store, d.Email, "", eventsShown)
	if err != nil {
		return templates.AdminPerson{}, err
	}
	refused, err := activity.OfPerson(ctx, a.Host.Config(), a.Store, d.Email, sso.EventSignInRefused, refusedShown)
	if err != nil {
		return templates.AdminPerson{}, err
	}
	row := personRow(a.Host.Config(), d.person)
	p := templates.AdminPerson{
		AdminLayout: c.Layout(templates.AdminSectionPeople), ID: id, Person: row.Person, Active: d.Active, HasPassword: d.HasPassword,
		Mapping: c.Link(mappingOf(d.Source)), Self: id == c.Who.Account.ID, Source: row.Source, CreatedAt: d.CreatedAt, LastLogin: row.LastLogin, Now: a.Now(),
		Administrator: slices.ContainsFunc(d.Groups, func(m membership) bool { return m.ID == sso.Administrators }), Offers: offers(groups, d.Groups), Synced: admin.SyncedBy(a.Host.Config(), d.Source) != "", SessionsFurther: sessions.Next != "",
		Events: events, Refused: refused,
	}
	if p.Kept, err = a.kept(c, area.ByID{ID: id}); err != nil {
		return templates.AdminPerson{}, err
	}
	if d.IDPGroups != nil {
		p.Sent, p.SentAny = few(*d.IDPGroups), true
	}
	for _, at := range d.Attributes {
		shown := templates.AdminAttribute{Name: at.Name, Value: at.Value, Own: at.Source == fromAdministrator, Hidden: at.SignIn != nil}
		if at.SignIn != nil {
			shown.Synced = *at.SignIn
		}
		p.Attributes = append(p.Attributes, shown)
	}
	shown, next := someOf(d.Groups, c.QueryParam("after"))
	p.Pager = area.Pager(c.Link(area.PagesPrefix+personPath(id)), area.Filter(), c.QueryParam("after"), next)
	for _, m := range shown {
		p.Groups = append(p.Groups, templates.AdminMembership{ID: m.ID, Name: m.Name, Why: whyMember(m.Source), Since: m.Since, Fixed: m.ID == sso.AllUsers})
	}
	for _, s := range sessions.Sessions {
		p.Sessions = append(p.Sessions, sessionArea(a).shown(s))
	}
	return p, nil
}

// few are the first names, and how many more there are.
func few(names []string) []string {
	if len(names) <= groupsShown {
		return names
	}
	return append(slices.Clone(names[:groupsShown]), fmt.Sprintf("and %d more", len(names)-groupsShown))
}

// someOf are the groups of a person after one whose id is given, and the id after which the next ones come.
func someOf(groups []membership, after string) (some []membership, next string) {
	from, _ := strconv.ParseInt(after, 10, 64)
	i, _ := slices.BinarySearchFunc(groups, from+1, func(m membership, id int64) int { return cmp.Compare(m.ID, id) })
	some = groups[i:min(i+groupsShown, len(groups))]
	if i+len(some) < len(groups) {
		next = strconv.FormatInt(some[len(some)-1].ID, 10)
	}
	return some, next
}

func whyMember(source string) string {
	switch sso.MembershipSource(source) {
	case sso.MemberBySync:
		return "Through the groups of the identity provider"
	case sso.MemberByAdmin:
		return "Added by an administrator"
	case fromEveryone:
		return "Everyone is in it"
	}
	return ""
}

// personForm carries out what a form of a person's page asks for. fail puts what was typed, and what is wrong with it,
// into the page.
func (a peopleArea) personForm(c *area.Call, do func(id int64, form url.Values) (notice string, err error), fail func(*templates.AdminPerson, url.Values, map[string]string)) error {
	return c.RowForm(func(id int64, form url.Values) (string, string, error) {
		notice, err := do(id, form)
		return personPath(id), notice, err
	}, func(id int64, form url.Values, fields map[string]string, alert string) (templates.Page, error) {
		p, err := a.personShown(c, id)
		if err != nil {
			return nil, err
		}
		p.Alert = alert
		fail(&p, form, fields)
		return p, nil
	})
}

func (a peopleArea) stateForm(c *area.Call) error {
	return a.personForm(c, func(id int64, form url.Values) (string, error) {
		active := form.Get("active") == "yes"
		_, err := a.changePerson(c, activeChange{id, active})
		if active {
			return "reactivated", err
		}
		return "deactivated", err
	}, func(*templates.AdminPerson, url.Values, map[string]string) {})
}

func (a peopleArea) attributeForm(c *area.Call) error {
	return a.personForm(c, func(id int64, form url.Values) (string, error) {
		name, value := strings.TrimSpace(form.Get("name")), strings.TrimSpace(form.Get("value"))
		in := attributeChanges{ID: id, Set: map[string]*string{name: &value}, Was: map[string]string{}}
		if form.Get("known") == "yes" {
			in.Was[name] = form.Get("was")
		}
		notice := "attribute-saved"
		if form.Get("do") == "remove" {
			in.Set[name], notice = nil, "attribute-removed"
		}
		_, err := a.changeAttributes(c, in)
		return notice, err
	}, failedAttribute)
}

// failedAttribute shows the form again as it was typed. What somebody else has set meanwhile is named, so that sending the
// form once more is a decision.
func failedAttribute(p *templates.AdminPerson, form url.Values, fields map[string]string) {
	f := &p.Attribute
	f.Name, f.Value = strings.TrimSpace(form.Get("name")), form.Get("value")
	if problem := fields["set"]; problem != "" {
		f.NameError = area.Sentence(problem)
		return
	}
	p.Alert = fmt.Sprintf("Nothing was saved: %q is not set any more. Save again if you want it as you typed it.", f.Name)
	for _, at := range p.Attributes {
		if at.Own && at.Name == f.Name {
			f.Was, f.Known = at.Value, true
			p.Alert = fmt.Sprintf("Nothing was saved: an administrator has set %q to %q already. Save again if you want it as you typed it.", f.Name, at.Value)
		}
	}
}

func (a peopleArea) personGroupForm(c *area.Call) error {
	return a.personForm(c, func(id int64, form url.Values) (string, error) {
		if form.Get("do") == "remove" {
			group, err := strconv.ParseInt(form.Get("group"), 10, 64)
			if err != nil {
				return "", fmt.Errorf("there is no such group: %w", sso.NotFound)
			}
			_, err = a.removeMember(c, member{id, group})
			if group == sso.Administrators {
				return "admin-taken", err
			}
			return "member-removed", err
		}
		group, err := a.groupOf(c, "group", form.Get("group"))
		if err == nil {
			_, err = a.addMember(c, member{id, group})
		}
		if group == sso.Administrators {
			return "admin-made", err
		}
		return "member-added", err
	}, func(p *templates.AdminPerson, form url.Values, fields map[string]string) {
		p.AddingError = area.Sentence(fields["group"])
		if p.AddingError != "" {
			p.Adding = form.Get("group")
		}
	})
}

func (a peopleArea) personSessionForm(c *area.Call) error {
	return a.personForm(c, func(id int64, form url.Values) (string, error) {
		if form.Get("all") == "yes" {
			_, err := sessionArea(a).endSessions(c, area.ByID{ID: id})
			return "sessions-ended", err
		}
		_, err := sessionArea(a).endSession(c, sessionRef{form.Get("session")})
		return "session-ended", err
	}, func(*templates.AdminPerson, url.Values, map[string]string) {})
}
