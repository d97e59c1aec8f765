package signin

import (
	"context"
	"net/http"
	"strings"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/templates"
)

// sourceArea asks the sources of groups about one name.
type sourceArea struct {
	area.Options
}

func (a sourceArea) pages() []area.Page {
	return []area.Page{area.Get("/group-sources", a.page), area.Post("/group-sources", a.form)}
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

func (a sourceArea) template(c *area.Call) templates.AdminGroupSources {
	p := templates.AdminGroupSources{AdminLayout: c.Layout(templates.AdminSectionSignIn)}
	for _, of := range a.Host.Bridge().Providers.WithGroupSources() {
		p.Providers = append(p.Providers, templates.Provider{Name: of.Name, Label: of.Label})
	}
	return p
}

func (a sourceArea) page(c *area.Call) error { return c.Show(http.StatusOK, a.template(c)) }

func (a sourceArea) form(c *area.Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	p := a.template(c)
	p.Name = strings.TrimSpace(form.Get("name"))
	out, err := a.lookUp(c, nameToLookUp{p.Name, form.Get("provider")})
	if fields, ok := area.FieldsOf(err); ok {
		for _, problem := range fields {
			p.NameError = "This " + problem + "."
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
