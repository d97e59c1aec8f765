package people

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/templates"
)

type severalChange struct {
	People []int64 `json:"people" doc:"ids of accounts, 500 at most"`
	Action string  `json:"action" enum:"deactivate,reactivate,sign_out,add" doc:"add: put them into a group"`
	Group  int64   `json:"group,omitempty" doc:"id of the group"`
}

type severalOutcome struct {
	Done     []int64      `json:"done" doc:"accounts that were changed, or were so already"`
	Sessions int          `json:"sessions" doc:"how many were ended by signing out"`
	Kept     []keptPerson `json:"kept" doc:"accounts that stay as they were"`
}

type keptPerson struct {
	ID  int64  `json:"id"`
	Why string `json:"why"`
}

func (a peopleArea) changeSeveral(c *area.Call, in severalChange) (severalOutcome, error) {
	several := admin.Several{People: admin.People{Store: a.Store}, Members: admin.Members{Store: a.Store}, Sessions: admin.Sessions{Store: a.Store}}
	did, err := several.Do(c.Request().Context(), c.Actor(), admin.Deed(in.Action), in.People, in.Group)
	out := severalOutcome{Done: append([]int64{}, did.Done...), Sessions: did.Sessions, Kept: []keptPerson{}}
	for _, k := range did.Kept {
		out.Kept = append(out.Kept, keptPerson{k.ID, sso.Reason(k.Why)})
	}
	return out, err
}

// A selection is what a form says of the people that are ticked.
type selection struct {
	do     admin.Deed
	ids    []int64
	group  string     // its name
	filter url.Values // of the list that they were ticked in
}

func typedSelection(form url.Values) selection {
	s := selection{do: admin.Deed(form.Get("do")), group: form.Get("group")}
	for _, text := range form["person"] {
		if id, err := strconv.ParseInt(text, 10, 64); err == nil && len(s.ids) < admin.MaxSeveral {
			s.ids = append(s.ids, id)
		}
	}
	if q, err := url.ParseQuery(form.Get("back")); err == nil {
		s.filter = typedFilter(q).query()
	}
	return s
}

// severalForm shows what will happen to the people who are ticked, and does it when that is confirmed.
func (a peopleArea) severalForm(c *area.Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	s := typedSelection(form)
	if form.Get("confirmed") != "yes" || len(s.ids) == 0 {
		return a.showSelection(c, http.StatusOK, s, templates.AdminSelected{}, nil)
	}
	in := severalChange{People: s.ids, Action: string(s.do)}
	var out severalOutcome
	if s.do == admin.DeedAdd {
		in.Group, err = a.groupOf(c, "group", s.group)
	}
	if err == nil {
		out, err = a.changeSeveral(c, in)
	}
	if err == nil {
		c.Applied()
		p := templates.AdminSelected{Done: true, Undo: undoing(s.do, out)}
		p.Notice = doneInWords(s, out)
		return a.showSelection(c, http.StatusOK, s, p, out.Kept)
	}
	return c.Again(form, err, func(fields map[string]string, alert string, status int) error {
		return a.showSelection(c, status, s, templates.AdminSelected{Alert: alert + area.Sentence(fields["action"]+fields["people"]), GroupError: area.Sentence(fields["group"])}, nil)
	})
}

// undoing is what takes a deed back, for those to whom it was done.
func undoing(do admin.Deed, out severalOutcome) (undo *templates.AdminUndoing) {
	if len(out.Done) == 0 {
		return nil
	}
	switch do {
	case admin.DeedDeactivate:
		return &templates.AdminUndoing{Do: string(admin.DeedReactivate), Label: "Undo: reactivate " + them(len(out.Done)), People: out.Done}
	case admin.DeedReactivate:
		return &templates.AdminUndoing{Do: string(admin.DeedDeactivate), Label: "Undo: deactivate " + them(len(out.Done)), People: out.Done}
	}
	return nil
}

func them(n int) string { return admin.Count(n, "person", "people") }

func isOrAre(n int) string {
	if n == 1 {
		return them(n) + " is"
	}
	return them(n) + " are"
}

func doneInWords(s selection, out severalOutcome) string {
	n := len(out.Done)
	switch s.do {
	case admin.DeedDeactivate:
		return isOrAre(n) + " deactivated and signed out."
	case admin.DeedReactivate:
		return isOrAre(n) + " active and can sign in again."
	case admin.DeedSignOut:
		return fmt.Sprintf("%s signed out everywhere: %s over.", isOrAre(n), admin.Count(out.Sessions, "session is", "sessions are"))
	}
	return fmt.Sprintf("%s in %s. It is in force now.", isOrAre(n), s.group)
}

// showSelection answers with the people who are ticked, and with what will happen to them or has happened.
func (a peopleArea) showSelection(c *area.Call, status int, s selection, p templates.AdminSelected, kept []keptPerson) error {
	ctx := c.Request().Context()
	notice := p.Notice
	p.AdminLayout, p.Now, p.Do, p.Group = c.Layout(templates.AdminSectionPeople), a.Now(), string(s.do), s.group
	p.Notice = notice
	why := map[int64]string{}
	for _, k := range kept {
		why[k.ID] = "Not changed. " + area.Sentence(k.Why)
	}
	p.Back, p.BackQuery = area.WithQuery(c.Link("/admin/people"), s.filter), s.filter.Encode()
	accounts, err := a.Store.AccountsByID(ctx, s.ids)
	if err != nil {
		return err
	}
	var sessions int64
	if !p.Done && s.do != admin.DeedReactivate && s.do != admin.DeedAdd {
		if sessions, err = a.Store.CountSessionsOf(ctx, s.ids); err != nil {
			return err
		}
	}
	for _, id := range s.ids {
		account, ok := accounts[id]
		if !ok {
			continue
		}
		delete(accounts, id) // ticked once
		row := personRow(a.Host.Config(), personOf(account))
		row.Why, p.Self = why[id], p.Self || id == c.Who.Account.ID
		p.People = append(p.People, row)
	}
	if len(p.People) == 0 {
		p.Alert, status = "Nobody is ticked. Go back to the list, and tick who is meant.", http.StatusBadRequest
		return c.Show(status, p)
	}
	if p.Title, p.Consequence, p.Button = inWords(s.do, len(p.People), int(sessions)); p.Title == "" {
		return admin.Invalid("do", "is nothing that can be done")
	}
	if s.do == admin.DeedAdd {
		groups, err := a.Store.Groups(ctx)
		if err != nil {
			return err
		}
		p.Offers = offers(groups, nil)
	}
	return c.Show(status, p)
}

// inWords says what a deed will do to so many people.
func inWords(do admin.Deed, people, sessions int) (title, consequence, button string) {
	who, over := them(people), admin.Count(sessions, "session ends", "sessions end")
	switch do {
	case admin.DeedDeactivate:
		return "Deactivate " + who, over + " at once. Nobody of them can sign in until an administrator reactivates the account. Nothing is deleted.", "Deactivate " + who
	case admin.DeedReactivate:
		return "Reactivate " + who, "They can sign in again. Their groups and attributes are as they were.", "Reactivate " + who
	case admin.DeedSignOut:
		return "Sign " + who + " out everywhere", over + " at once, on every device. They can sign in again.", "Sign " + who + " out"
	case admin.DeedAdd:
		return "Add " + who + " to a group", "It is in force at once. If the groups of their provider are synced, their next sign-in may change it again.", "Add " + who
	}
	return "", "", ""
}
