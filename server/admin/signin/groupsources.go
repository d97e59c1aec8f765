package signin

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

// sourceArea shows where groups come from besides the token, asks about one name, and has the settings of the directory.
type sourceArea struct{ settingArea }

func (a sourceArea) pages() []area.Page {
	return []area.Page{area.Get("/group-sources", a.page), area.Post("/group-sources", a.form), area.Post("/group-sources/directory", a.saveDirectory)}
}

func (a sourceArea) operations() []area.Operation {
	return []area.Operation{
		openapi.Op("POST", "/group-sources/lookup", "lookUpGroups", "What the sources of groups say of a name; changes nothing", a.lookUp),
	}
}

type nameToLookUp struct {
	Name     string `json:"name" doc:"the name of a user, or an e-mail"`
	Provider string `json:"provider,omitempty" doc:"whose sources are asked; needed when several providers have some"`
}

type lookedUp struct {
	Provider string        `json:"provider"`
	Source   string        `json:"source" doc:"the one that knows the person; empty when none does"`
	Groups   []string      `json:"groups" doc:"as the source names them, with the prefix of the provider"`
	Asked    []askedSource `json:"asked"`
	Code     string        `json:"code" doc:"why a sign-in would be refused; empty: it would not"`
}

type askedSource struct {
	Source       string `json:"source"`
	Said         string `json:"said"`
	Milliseconds int64  `json:"milliseconds"`
}

func (a sourceArea) lookUp(c *area.Call, in nameToLookUp) (lookedUp, error) {
	name, all := strings.TrimSpace(in.Name), a.Host.Bridge().Providers.WithGroupSources()
	p := all.Sole()
	if in.Provider != "" {
		p = all.Named(in.Provider)
	}
	switch {
	case name == "" || len(name) > sso.MaxName || name != sso.CleanText(name):
		return lookedUp{}, admin.Invalid("name", "is empty, too long, or has control characters")
	case len(all) == 0:
		return lookedUp{}, admin.Invalid("provider", "is not needed: all groups come from the token, as JWT_GROUPS_ORDER says")
	case p == nil:
		return lookedUp{}, admin.Invalid("provider", "is none of those that have sources of groups")
	}
	return look(c.Request().Context(), p, name), nil
}

func look(ctx context.Context, p *sso.Provider, name string) lookedUp {
	answer, err := p.LookUpGroups(ctx, name)
	out := lookedUp{Provider: p.Name, Source: answer.Source, Groups: append([]string{}, answer.Groups...), Asked: []askedSource{}}
	if err != nil {
		if out.Code = string(sso.GroupsUnavailable); sso.CodeOf(err) == sso.PersonNotAllowed {
			out.Code = string(sso.PersonNotAllowed)
		}
	}
	for _, asked := range answer.Asked {
		out.Asked = append(out.Asked, askedSource{asked.Source, asked.Said, asked.Milliseconds})
	}
	return out
}

// template is the page; of the directory, what was typed and why it was not saved.
func (a sourceArea) template(c *area.Call, t attempt) (templates.AdminGroupSources, error) {
	cfg, version, err := a.Settings.Current(c.Request().Context())
	if err != nil {
		return templates.AdminGroupSources{}, err
	}
	settings := settingsOn(cfg, setting.PageSources)
	t.elsewhere(cfg, settings)
	p := templates.AdminGroupSources{AdminLayout: c.Layout(templates.AdminSectionSignIn), Version: strconv.FormatInt(version, 10), Alerts: t.alerts,
		Directory: cardOf(cfg, settings, "", "How the directory is asked", directoryHelp(cfg), t)}
	p.Directory.URL, p.Directory.Version = c.Link(area.PagesPrefix+"/group-sources/directory"), p.Version
	for _, of := range a.Host.Bridge().Providers.WithGroupSources() {
		p.Providers = append(p.Providers, templates.Provider{Name: of.Name, Label: inSentence(a.Host.Config().Provider(of.Name))})
	}
	for _, of := range cfg.Providers {
		order := templates.AdminSourceOrder{Name: of.Name, Label: area.LabelOf(of), Asks: of.Groups.Asks(), Keeps: of.Groups.OnFailure == sso.KeepOnFailure, Endpoint: of.Groups.EndpointURL}
		for _, source := range of.Groups.Order {
			order.Sources = append(order.Sources, map[string]string{sso.TokenSource: "the token", setting.GroupsFromLDAP: "the directory", setting.GroupsFromEndpoint: "the endpoint"}[source])
		}
		p.Orders = append(p.Orders, order)
	}
	return p, nil
}

// directoryHelp says what the directory is for, and whether anybody asks it.
func directoryHelp(cfg *setting.Config) string {
	const what = "A directory such as Active Directory knows who is in which group."
	asked := slices.ContainsFunc(cfg.Providers, func(p *setting.Provider) bool { return slices.Contains(p.Groups.Order, setting.GroupsFromLDAP) })
	switch {
	case len(cfg.LDAP.URLs) == 0:
		return what + " None is set up. It needs a server, and the place where people are."
	case !asked:
		return what + " One is set up, but no provider asks it: its order of sources does not name ldap."
	}
	return what + " One is set up, and asked."
}

func (a sourceArea) page(c *area.Call) error {
	p, err := a.template(c, attempt{})
	if err != nil {
		return err
	}
	return c.Show(http.StatusOK, p)
}

// saveDirectory saves the settings of the directory.
func (a sourceArea) saveDirectory(c *area.Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	t, done, err := a.saveForm(c, form, settingsOn(a.Host.Config(), setting.PageSources), "/group-sources")
	if done || err != nil {
		return err
	}
	p, err := a.template(c, t)
	if err != nil {
		return err
	}
	return c.Show(t.status, p)
}

func (a sourceArea) form(c *area.Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	p, err := a.template(c, attempt{})
	if err != nil {
		return err
	}
	p.Name = strings.TrimSpace(form.Get("name"))
	out, err := a.lookUp(c, nameToLookUp{p.Name, form.Get("provider")})
	if fields, ok := area.FieldsOf(err); ok {
		for _, problem := range fields {
			p.NameError = "This " + problem + "."
		}
		if len(p.Providers) == 0 { // there is no such field
			p.Alerts, p.NameError = []string{p.NameError}, ""
		}
		return c.Show(http.StatusBadRequest, p)
	}
	if err != nil {
		return err
	}
	p.Found = &templates.AdminFoundGroups{Provider: out.Provider, Source: out.Source, Groups: out.Groups, Code: out.Code}
	for _, asked := range out.Asked {
		p.Found.Asked = append(p.Found.Asked, templates.AdminAskedSource(asked))
	}
	return c.Show(http.StatusOK, p)
}
