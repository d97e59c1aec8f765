package admin

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/templates"
)

func (a peopleArea) pages() []page {
	return []page{
		{http.MethodGet, "/people", a.peoplePage},
		{http.MethodGet, "/people/new", a.newPersonPage},
		{http.MethodPost, "/people/new", a.newPersonForm},
		{http.MethodGet, "/people/:id", a.personPage},
		{http.MethodPost, "/people/:id/state", a.stateForm},
		{http.MethodPost, "/people/:id/attributes", a.attributeForm},
		{http.MethodPost, "/people/:id/groups", a.personGroupForm},
		{http.MethodPost, "/people/:id/sessions", a.personSessionForm},
	}
}

// readableParts is what of an error an administrator may read: at which field, and what else; and with which status. ok is false
// for an error that is the bridge's own.
func readableParts(err error) (fields map[string]string, rest string, status int, ok bool) {
	err = readable(err)
	fields, ok = fieldsOf(err)
	if !ok {
		return nil, "", 0, false
	}
	if len(fields) == 0 {
		rest = sentence(sso.Reason(err))
	}
	status = http.StatusBadRequest
	switch sso.CodeOf(err) {
	case sso.Conflict:
		status = http.StatusConflict
	case sso.NotFound:
		status = http.StatusNotFound
	case sso.Forbidden:
		status = http.StatusForbidden
	}
	return fields, rest, status, true
}

// again answers a form that did not do what it should: it waits for a proof, or is shown once more with what is wrong at
// which field, and besides. An error of the bridge's own is returned.
func (c *call) again(form url.Values, err error, show func(fields map[string]string, alert string, status int) error) error {
	if sso.CodeOf(err) == sso.ProofNeeded {
		return c.proveFirst(form)
	}
	fields, alert, status, ok := readableParts(err)
	if !ok {
		return err
	}
	return show(fields, alert, status)
}

// pathID is the id in the path of a page.
func (c *call) pathID() (int64, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no id: %w", c.Param("id"), sso.NotFound)
	}
	return id, nil
}

// pager leads on from a part of the list at path, of which after was the beginning. next begins the next part; "" at the
// end.
func pager(path string, filter url.Values, after, next string) templates.AdminPager {
	p := templates.AdminPager{}
	if after != "" {
		p.First = withQuery(path, filter)
	}
	if next != "" {
		filter = maps.Clone(filter)
		filter.Set("after", next)
		p.Next = withQuery(path, filter)
	}
	return p
}

func withQuery(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// filter collects the parameters of a list that are not empty, from name and value in turn.
func filter(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

// options marks the value that is chosen.
func options(chosen string, all ...templates.AdminOption) []templates.AdminOption {
	for i := range all {
		all[i].Chosen = all[i].Value == chosen
	}
	return all
}

func (a peopleArea) peoplePage(c *call) error {
	q := peopleQuery{Search: c.QueryParam("search"), After: c.QueryParam("after")}
	state := c.QueryParam("state")
	if active := state == "active"; active || state == "deactivated" {
		q.Active = &active
	}
	list, err := a.people(c, q)
	if err != nil {
		return err
	}
	p := templates.AdminPeople{
		AdminLayout: c.layout(templates.AdminSectionPeople), Search: q.Search, Pager: pager(c.a.path("/admin/people"), filter("search", q.Search, "state", state), q.After, list.Next), Now: a.Now(),
		States: options(state, templates.AdminOption{Label: "all"}, templates.AdminOption{Value: "active", Label: "active"},
			templates.AdminOption{Value: "deactivated", Label: "deactivated"}),
	}
	for _, one := range list.People {
		p.People = append(p.People, personRow(one))
	}
	return c.render(http.StatusOK, p)
}

func personRow(p person) templates.AdminPersonRow {
	row := templates.AdminPersonRow{
		ID: p.ID, Person: p.shown(), Inactive: !p.Active, HasPassword: p.HasPassword, Source: p.Source,
	}
	if p.LastLogin != nil {
		row.LastLogin = *p.LastLogin
	}
	return row
}

func (p person) shown() templates.Person {
	return templates.Person{Name: sso.Account{Email: p.Email, FirstName: p.FirstName, LastName: p.LastName}.CommonName(), Email: p.Email}
}

func (a peopleArea) newPersonPage(c *call) error {
	return a.renderNewPerson(c, http.StatusOK, templates.AdminNewPerson{})
}

func (a peopleArea) renderNewPerson(c *call, status int, p templates.AdminNewPerson) error {
	groups, err := a.Store.Groups(c.Request().Context())
	if err != nil {
		return err
	}
	p.AdminLayout, p.Groups = c.layout(templates.AdminSectionPeople), offers(groups, nil)
	return c.render(status, p)
}

// offers are the names of the groups that somebody can be put into, but for those that the person is in.
func offers(groups []sso.Group, in []membership) []string {
	var names []string
	for _, g := range groups {
		if g.ID != sso.AllUsers && !slices.ContainsFunc(in, func(m membership) bool { return m.ID == g.ID }) {
			names = append(names, g.Name)
		}
	}
	return names
}

func (a peopleArea) newPersonForm(c *call) error {
	form, err := c.form()
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
		return c.done(personPath(made.ID), "person-made")
	}
	return c.again(form, err, func(fields map[string]string, alert string, status int) error {
		return a.renderNewPerson(c, status, templates.AdminNewPerson{
			Email: in.Email, FirstName: in.FirstName, LastName: in.LastName, Group: group, Alert: alert,
			EmailError: sentence(fields["email"]), FirstNameError: sentence(fields["first_name"]), LastNameError: sentence(fields["last_name"]),
			GroupError: sentence(fields["group"] + fields["groups"]),
		})
	})
}

// groupOf finds a group by the name that was typed. The refusal is about the field.
func (a peopleArea) groupOf(c *call, field, name string) (int64, error) {
	g, err := a.Store.GroupByName(c.Request().Context(), strings.TrimSpace(name))
	if errors.Is(err, sso.NotFound) {
		return 0, invalid(field, "there is no group of this name")
	}
	return g.ID, err
}

func personPath(id int64) string { return "/people/" + strconv.FormatInt(id, 10) }

func (a peopleArea) personPage(c *call) error {
	id, err := c.pathID()
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
	return c.render(http.StatusOK, p)
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
func (a peopleArea) personShown(c *call, id int64) (templates.AdminPerson, error) {
	ctx := c.Request().Context()
	d, err := a.person(c, byID{id})
	if err != nil {
		return templates.AdminPerson{}, err
	}
	groups, err := a.Store.Groups(ctx)
	if err != nil {
		return templates.AdminPerson{}, err
	}
	sessions, err := sessionArea(a).sessions(c, sessionQuery{Person: id, Limit: sessionsShown})
	if err != nil {
		return templates.AdminPerson{}, err
	}
	events, err := activityArea(a).activity(c, activityQuery{Person: d.Email, Limit: eventsShown})
	if err != nil {
		return templates.AdminPerson{}, err
	}
	refused, err := activityArea(a).activity(c, activityQuery{Person: d.Email, Kind: string(sso.EventSignInRefused), Limit: refusedShown})
	if err != nil {
		return templates.AdminPerson{}, err
	}
	row := personRow(d.person)
	p := templates.AdminPerson{
		AdminLayout: c.layout(templates.AdminSectionPeople), ID: id, Person: row.Person, Active: d.Active, HasPassword: d.HasPassword,
		Self: id == c.who.Account.ID, Source: d.Source, CreatedAt: d.CreatedAt, LastLogin: row.LastLogin, Now: a.Now(),
		Offers: offers(groups, d.Groups), Synced: a.Host.Config().JWT.GroupSync, SessionsFurther: sessions.Next != "",
		Events: shownEvents(events.Events), Refused: shownEvents(refused.Events),
	}
	if d.IDPGroups != nil {
		p.Sent, p.SentAny = *d.IDPGroups, true
	}
	for _, at := range d.Attributes {
		shown := templates.AdminAttribute{Name: at.Name, Value: at.Value, Own: at.Source == fromAdministrator, Hidden: at.SignIn != nil}
		if at.SignIn != nil {
			shown.Synced = *at.SignIn
		}
		p.Attributes = append(p.Attributes, shown)
	}
	for _, m := range d.Groups {
		p.Groups = append(p.Groups, templates.AdminMembership{ID: m.ID, Name: m.Name, Why: whyMember(m.Source), Since: m.Since, Fixed: m.ID == sso.AllUsers})
	}
	for _, s := range sessions.Sessions {
		p.Sessions = append(p.Sessions, s.shown())
	}
	return p, nil
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
func (a peopleArea) personForm(c *call, do func(id int64, form url.Values) (notice string, err error), fail func(*templates.AdminPerson, url.Values, map[string]string)) error {
	return c.rowForm(func(id int64, form url.Values) (string, string, error) {
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

// rowForm carries out what a form asks for on the page of one thing, whose id is in the path, and goes on to a path with a
// notice. What an administrator may read of a failure is shown on the page again.
func (c *call) rowForm(do func(id int64, form url.Values) (path, notice string, err error),
	show func(id int64, form url.Values, fields map[string]string, alert string) (templates.Page, error)) error {
	id, err := c.pathID()
	if err != nil {
		return err
	}
	form, err := c.form()
	if err != nil {
		return err
	}
	path, notice, err := do(id, form)
	if err == nil {
		return c.done(path, notice)
	}
	return c.again(form, err, func(fields map[string]string, alert string, status int) error {
		page, err := show(id, form, fields, alert)
		if err != nil {
			return err
		}
		return c.render(status, page)
	})
}

func (a peopleArea) stateForm(c *call) error {
	return a.personForm(c, func(id int64, form url.Values) (string, error) {
		active := form.Get("active") == "yes"
		_, err := a.changePerson(c, activeChange{id, active})
		if active {
			return "reactivated", err
		}
		return "deactivated", err
	}, func(*templates.AdminPerson, url.Values, map[string]string) {})
}

func (a peopleArea) attributeForm(c *call) error {
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
		f.NameError = sentence(problem)
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

func (a peopleArea) personGroupForm(c *call) error {
	return a.personForm(c, func(id int64, form url.Values) (string, error) {
		if form.Get("do") == "remove" {
			group, err := strconv.ParseInt(form.Get("group"), 10, 64)
			if err != nil {
				return "", fmt.Errorf("there is no such group: %w", sso.NotFound)
			}
			_, err = a.removeMember(c, member{id, group})
			return "member-removed", err
		}
		group, err := a.groupOf(c, "group", form.Get("group"))
		if err == nil {
			_, err = a.addMember(c, member{id, group})
		}
		return "member-added", err
	}, func(p *templates.AdminPerson, form url.Values, fields map[string]string) {
		p.AddingError = sentence(fields["group"])
		if p.AddingError != "" {
			p.Adding = form.Get("group")
		}
	})
}

func (a peopleArea) personSessionForm(c *call) error {
	return a.personForm(c, func(id int64, form url.Values) (string, error) {
		if form.Get("all") == "yes" {
			_, err := sessionArea(a).endSessions(c, byID{id})
			return "sessions-ended", err
		}
		_, err := sessionArea(a).endSession(c, sessionRef{form.Get("session")})
		return "session-ended", err
	}, func(*templates.AdminPerson, url.Values, map[string]string) {})
}
