package signin

import (
	"net/http"
	"strings"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

type newProvider struct {
	Version int64  `json:"version"`
	Name    string `json:"name" doc:"small letters, digits and single hyphens"`
	Kind    string `json:"kind" enum:"jwt,oidc,bearer"`
}

// add makes a provider that lives in the database alone. It is off until it is set up.
func (a providerArea) add(c *area.Call, in newProvider) (savedVersion, error) {
	if err := setting.CheckProviderName(in.Name); err != nil {
		return savedVersion{}, admin.Invalid("name", "%s", err)
	}
	cfg, _, err := a.Settings.Current(c.Request().Context())
	if err != nil {
		return savedVersion{}, err
	}
	if cfg.Provider(in.Name) != nil {
		return savedVersion{}, admin.Invalid("name", "there is a provider %s already", in.Name)
	}
	of, off := setting.Provider{Name: in.Name}, "false"
	return a.changeSettings(c, settingChanges{Version: in.Version, Values: map[string]*string{of.Setting("KIND"): &in.Kind, of.Setting("ENABLED"): &off}})
}

type removedProvider struct {
	Name    string `path:"name"`
	Version int64  `query:"version"`
	SignIns int    `query:"sign_ins" doc:"how many sign-ins of the last 24 hours may have used its keys; more are refused"`
}

// remove forgets all that is saved of a provider.
func (a providerArea) remove(c *area.Call, in removedProvider) (savedVersion, error) {
	p, cfg, _, err := a.provider(c.Request().Context(), in.Name)
	if err != nil {
		return savedVersion{}, err
	}
	if !removable(cfg, p) {
		return savedVersion{}, admin.Invalid("name", "the provider %s is not named here, so it cannot be removed here: turn it off", p.Name)
	}
	values := map[string]*string{}
	for _, s := range cfg.Table() {
		if s.Provider == p.Name && cfg.Source(s.Name).Kind == setting.FromSaved {
			values[s.Name] = nil
		}
	}
	return a.changeSettings(c, settingChanges{Version: in.Version, Values: values, SignIns: in.SignIns})
}

// removable reports whether a provider lives in the database alone.
func removable(cfg *setting.Config, p *setting.Provider) bool {
	return p.Name != setting.DefaultProvider && !cfg.Declared(p.Name)
}

func (a providerArea) addForm(c *area.Call) error {
	form, version, err := c.VersionedForm()
	if err != nil {
		return err
	}
	name := strings.TrimSpace(form.Get("name"))
	_, err = a.add(c, newProvider{version, name, form.Get("kind")})
	if err == nil {
		return c.Done(ProviderPath(name), "provider-made")
	}
	return c.Again(form, err, func(fields map[string]string, alert string, status int) error {
		return a.showList(c, status, templates.AdminProviders{NewName: name, NewKind: form.Get("kind"), NameError: area.Sentence(fields["name"]), Alerts: alerts(fields, alert)})
	})
}

// alerts are what was wrong with a form besides its name.
func alerts(fields map[string]string, alert string) (all []string) {
	for field, problem := range fields {
		if field != "name" {
			all = append(all, field+" "+problem)
		}
	}
	if alert != "" {
		all = append(all, alert)
	}
	return all
}

func (a providerArea) removeForm(c *area.Call) error {
	form, version, err := c.VersionedForm()
	if err != nil {
		return err
	}
	name := c.Param("name")
	_, err = a.remove(c, removedProvider{name, version, confirmedSignIns(form)})
	if err == nil {
		return c.Done("/providers", "provider-removed")
	}
	return c.Again(form, err, func(fields map[string]string, alert string, status int) error {
		t := attempt{status: status, alerts: alerts(fields, alert)}
		if problem := fields["name"]; problem != "" {
			t.alerts = append(t.alerts, area.Sentence(problem))
		}
		if fields["sign_ins"] != "" {
			t.alerts = []string{"Nothing was changed: people sign in with this provider. Tick the box if it shall go all the same."}
		}
		return a.show(c, name, t, templates.AdminKeys{})
	})
}

func (a providerArea) listPage(c *area.Call) error {
	return a.showList(c, http.StatusOK, templates.AdminProviders{})
}

// kindOptions are the kinds to choose from.
func kindOptions(chosen string) []templates.AdminOption {
	var all []templates.AdminOption
	for _, kind := range []setting.Kind{setting.KindOIDC, setting.KindJWT, setting.KindBearer} {
		o := templates.AdminOption{Value: string(kind), Label: kindInWords(kind)}
		if kind == setting.KindOIDC { // who has one of these need not know what it speaks
			o.Label += ": Keycloak, Entra, Okta, Google, Dex and others"
		}
		all = append(all, o)
	}
	return area.Choose(chosen, all...)
}
