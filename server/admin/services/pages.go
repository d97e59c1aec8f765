package services

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/service"
	"github.com/ssobridge/ssobridge/templates"
)

const here = "/service-accounts"

func notices() map[string]string {
	return map[string]string{
		"service-made":        "The service account is made. Make it a token.",
		"service-label":       "The service account has its new label.",
		"service-stopped":     "The service account is deactivated. None of its tokens works any more.",
		"service-reactivated": "The service account is active again, and so are its tokens.",
		"service-deleted":     "The service account is deleted, with its tokens.",
		"token-revoked":       "The token is revoked. It works nowhere any more.",
	}
}

func (a serviceArea) pages() []area.Page {
	return []area.Page{
		area.Get(here, a.listPage),
		area.Post(here, a.createForm),
		area.Get(here+"/:id", a.accountPage),
		area.Post(here+"/:id", a.accountForm),
		area.Post(here+"/:id/tokens", a.tokenForm),
	}
}

func (a serviceArea) listPage(c *area.Call) error {
	return a.showList(c, http.StatusOK, templates.AdminServices{}, c.QueryParam("after"))
}

func (a serviceArea) showList(c *area.Call, status int, p templates.AdminServices, after string) error {
	found, next, err := a.lists.List(c.Request().Context(), sso.Page{After: after})
	if err != nil {
		return err
	}
	p.AdminLayout, p.Now = c.Layout(templates.AdminSectionServices), a.Now()
	for _, one := range found {
		p.Accounts = append(p.Accounts, templates.AdminServiceRow{ID: one.ID, Name: one.Name, Label: one.Label, Inactive: !one.Active,
			Tokens: one.Tokens, LastUsed: one.LastUsed})
	}
	p.Pager = area.Pager(c.Link(area.PagesPrefix+here), url.Values{}, after, next)
	return c.Show(status, p)
}

func (a serviceArea) createForm(c *area.Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	made, err := a.Create(c.Request().Context(), c.Actor(), form.Get("name"), form.Get("label"))
	if err == nil {
		return c.Done(here+"/"+strconv.FormatInt(made.ID, 10), "service-made")
	}
	return c.Again(form, err, func(fields map[string]string, alert string, status int) error {
		return a.showList(c, status, templates.AdminServices{NewName: form.Get("name"), NameError: area.Sentence(fields["name"]),
			NewLabel: form.Get("label"), LabelError: area.Sentence(fields["label"]), Alert: alert}, "")
	})
}

// page is one service account as the page shows it.
func (a serviceArea) page(c *area.Call, id int64) (templates.AdminService, error) {
	ctx := c.Request().Context()
	account, err := a.Store.Account(ctx, id)
	if err != nil {
		return templates.AdminService{}, err
	}
	after := c.QueryParam("after")
	tokens, next, err := a.lists.Tokens(ctx, id, sso.Page{After: after})
	if err != nil {
		return templates.AdminService{}, err
	}
	p := templates.AdminService{AdminLayout: c.Layout(templates.AdminSectionServices), ID: id, Name: account.Name, Label: account.Label,
		Inactive: !account.Active, MadeBy: madeBy(account.MakerID, account.Maker), CreatedAt: account.CreatedAt, Working: account.Tokens,
		NewLabel: account.Label, TTL: "30", Now: a.Now(), Pager: area.Pager(c.Link(area.PagesPrefix+here+"/"+strconv.FormatInt(id, 10)), url.Values{}, after, next)}
	for _, t := range tokens {
		p.Tokens = append(p.Tokens, a.row(t))
	}
	for _, g := range c.Who.Groups {
		if g.ID >= sso.FirstGroup {
			p.Groups = append(p.Groups, templates.AdminOption{Value: strconv.FormatInt(g.ID, 10), Label: g.Name})
		}
	}
	return p, nil
}

func (a serviceArea) row(t service.Token) templates.AdminServiceToken {
	row := templates.AdminServiceToken{ID: t.ID, Name: t.Name, State: string(t.State(a.Now())), MadeBy: madeBy(t.MakerID, t.Maker),
		CreatedAt: t.CreatedAt, LastUsed: t.LastUsed, Endless: t.Endless(), ExpiresAt: t.ExpiresAt}
	for _, g := range t.Groups {
		row.Groups = append(row.Groups, g.Name)
	}
	for _, g := range t.Lost {
		row.Lost = append(row.Lost, g.Name)
	}
	return row
}

func (a serviceArea) accountPage(c *area.Call) error {
	id, err := c.PathID()
	if err != nil {
		return err
	}
	p, err := a.page(c, id)
	if err != nil {
		return err
	}
	return c.Show(http.StatusOK, p)
}

// again shows the page of an account once more, with what was typed and what is wrong.
func (a serviceArea) again(c *area.Call, id int64, form url.Values, fields map[string]string, alert string) (templates.Page, error) {
	p, err := a.page(c, id)
	if err != nil {
		return nil, err
	}
	p.Alert = alert
	if form.Get("do") == "rename" {
		p.NewLabel, p.LabelError = form.Get("label"), area.Sentence(fields["label"])
		return p, nil
	}
	p.TokenName, p.TTL = form.Get("name"), form.Get("ttl")
	p.TokenNameError, p.TTLError, p.GroupsError = area.Sentence(fields["name"]), area.Sentence(fields["ttl"]), area.Sentence(fields["groups"])
	for i := range p.Groups {
		for _, chosen := range form["groups"] {
			p.Groups[i].Chosen = p.Groups[i].Chosen || p.Groups[i].Value == chosen
		}
	}
	return p, nil
}

func (a serviceArea) accountForm(c *area.Call) error {
	return c.RowForm(func(id int64, form url.Values) (path, notice string, err error) {
		ctx, own := c.Request().Context(), here+"/"+strconv.FormatInt(id, 10)
		switch form.Get("do") {
		case "rename":
			return own, "service-label", a.Relabel(ctx, c.Actor(), id, form.Get("label"))
		case "deactivate":
			return own, "service-stopped", a.setActive(c, id, false)
		case "reactivate":
			return own, "service-reactivated", a.setActive(c, id, true)
		case "delete":
			return here, "service-deleted", a.Delete(ctx, c.Actor(), id)
		case "revoke":
			return own, "token-revoked", a.Revoke(ctx, c.Actor(), id, form.Get("token"))
		}
		return "", "", sso.RequestMalformed
	}, func(id int64, form url.Values, fields map[string]string, alert string) (templates.Page, error) {
		return a.again(c, id, form, fields, alert)
	})
}

// tokenForm makes a token and shows it: it is kept nowhere, and so this one answer is no redirect.
func (a serviceArea) tokenForm(c *area.Call) error {
	id, err := c.PathID()
	if err != nil {
		return err
	}
	form, err := c.Form()
	if err != nil {
		return err
	}
	text, err := a.tokenAsked(c, id, form)
	if err == nil {
		c.Applied()
		p, err := a.page(c, id)
		if err != nil {
			return err
		}
		p.Token = text
		return c.Show(http.StatusOK, p)
	}
	return c.Again(form, err, func(fields map[string]string, alert string, status int) error {
		p, err := a.again(c, id, form, fields, alert)
		if err != nil {
			return err
		}
		return c.Show(status, p)
	})
}

func (a serviceArea) tokenAsked(c *area.Call, id int64, form url.Values) (text string, err error) {
	if old := form.Get("token"); old != "" {
		_, text, err = a.Regenerate(c.Request().Context(), c.Actor(), id, old, "")
		return text, err
	}
	n := admin.NewToken{Name: form.Get("name"), TTL: form.Get("ttl")}
	for _, g := range form["groups"] {
		group, err := strconv.ParseInt(g, 10, 64)
		if err != nil {
			return "", admin.Invalid("groups", "%q is no group", sso.Truncate(sso.CleanText(g), 50))
		}
		n.Groups = append(n.Groups, group)
	}
	_, text, err = a.Token(c.Request().Context(), c.Actor(), id, n)
	return text, err
}
