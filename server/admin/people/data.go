package people

import (
	"fmt"
	"net/url"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/templates"
)

// What is kept of a person, handed out and deleted.

func (a peopleArea) kept(c *area.Call, in area.ByID) (sso.Kept, error) {
	account, err := a.Store.Account(c.Request().Context(), in.ID)
	if err != nil {
		return sso.Kept{}, err
	}
	return a.Store.KeptOf(c.Request().Context(), account)
}

// exportPerson reads all before it answers: what fails half-way must not look like all.
func (a peopleArea) exportPerson(c *area.Call, in area.ByID) (openapi.File, error) {
	account, err := a.Store.Account(c.Request().Context(), in.ID)
	if err != nil {
		return openapi.File{}, err
	}
	data, err := admin.DataOf(c.Request().Context(), a.Store, account)
	return openapi.File{Kind: "application/json", Name: fmt.Sprintf("person-%d.json", in.ID), Write: data.Write}, err
}

type purgedPerson struct {
	ID    int64  `path:"id"`
	Email string `query:"email" doc:"of the account, as you know it; refused when it is another"`
}

type purgeDone struct {
	Events int64 `json:"events" doc:"that were about the person, and name nobody any more"`
}

func (a peopleArea) purgePerson(c *area.Call, in purgedPerson) (purgeDone, error) {
	events, err := admin.People{Store: a.Store}.PurgeKnown(c.Request().Context(), c.Actor(), in.ID, in.Email)
	return purgeDone{events}, err
}

func (a peopleArea) exportPage(c *area.Call) error {
	id, err := c.PathID()
	if err != nil {
		return err
	}
	file, err := a.exportPerson(c, area.ByID{ID: id})
	if err != nil {
		return err
	}
	return file.Answer(c)
}

func (a peopleArea) purgeForm(c *area.Call) error {
	return c.RowForm(func(id int64, form url.Values) (string, string, error) {
		in := purgedPerson{ID: id}
		if form.Get("sure") == "yes" {
			in.Email = form.Get("email")
		}
		_, err := a.purgePerson(c, in)
		return "/people", "purged", err
	}, func(id int64, _ url.Values, fields map[string]string, alert string) (templates.Page, error) {
		p, err := a.personShown(c, id)
		if p.Alert, p.Purging = alert, true; fields["email"] != "" {
			p.PurgeError = "Confirm that this is meant."
		}
		return p, err
	})
}
