package signin

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

// settingArea shows and changes the settings that have no place of their own.
type settingArea struct {
	area.Options
	Store admin.SecretStore
}

// domain is what may be done.
func (a settingArea) domain() admin.Settings { return admin.Settings{Store: a.Settings, Use: a.Store} }

func (a settingArea) pages() []area.Page {
	return []area.Page{
		area.Get("/sign-in", a.settingsPage),
		area.Post("/sign-in", a.saveSettingsForm),
	}
}

func (a settingArea) operations() []area.Operation {
	return []area.Operation{
		openapi.Op("GET", "/settings", "getSettings", "Every setting, with its source; secrets are masked", a.settings),
		openapi.Op("PATCH", "/settings", "changeSettings", "Save settings; they are in force when the answer comes", a.changeSettings),
	}
}

// settings of the API.
type settingsList struct {
	Version  int64          `json:"version" doc:"to save with: when someone else has saved since, saving is refused with 409"`
	Settings []settingEntry `json:"settings"`
}

type settingEntry struct {
	Name       string `json:"name"`
	Section    string `json:"section"`
	Type       string `json:"type"`
	Help       string `json:"help"`
	Default    string `json:"default"`
	Value      string `json:"value" doc:"the value in force; of a secret only that there is one"`
	Source     string `json:"source" doc:"where the value comes from"`
	Fixed      bool   `json:"fixed" doc:"given outside the database, so that it cannot be changed here"`
	Changeable bool   `json:"changeable" doc:"an administrator may save it"`
	Secret     bool   `json:"secret"`
}

func (a settingArea) settings(c *area.Call, _ openapi.Nothing) (settingsList, error) {
	cfg, version, err := a.Settings.Current(c.Request().Context())
	if err != nil {
		return settingsList{}, err
	}
	list := settingsList{Version: version}
	for _, e := range cfg.Effective() {
		s := e.Setting
		list.Settings = append(list.Settings, settingEntry{
			Name: s.Name, Section: s.Section, Type: s.Type, Help: s.Help, Default: cfg.Usual(s), Value: e.Value, Source: e.Source.String(),
			Fixed: e.Source.Fixed(), Changeable: s.Changeable && !e.Source.Fixed(), Secret: s.Secret,
		})
	}
	return list, nil
}

type settingChanges struct {
	Version        int64              `json:"version" doc:"of the settings that were looked at"`
	Values         map[string]*string `json:"values" doc:"by name; null goes back to the default"`
	SignIns        int                `json:"sign_ins,omitempty" doc:"when shared secrets are dropped: how many sign-ins of the last 24 hours may have used them; more are refused"`
	Administrators bool               `json:"administrators,omitempty" doc:"as in setMapping: needed when a mapping to Administrators is new"`
}

type savedVersion struct {
	Version int64 `json:"version"`
}

func (a settingArea) changeSettings(c *area.Call, in settingChanges) (savedVersion, error) {
	version, err := a.domain().Edit(c.Request().Context(), c.Actor(), admin.SettingsEdit{
		Values: in.Values, Version: in.Version, SignIns: in.SignIns, Administrators: in.Administrators,
	})
	return savedVersion{version}, err
}

// sectionLabel is the heading over a setting. Of the process itself, only what people see of it can change while it runs.
func sectionLabel(s *setting.Setting) string {
	if s.Section == setting.SectionProcess {
		return "This site"
	}
	return s.Section
}

func (a settingArea) settingsPage(c *area.Call) error {
	return a.showSettings(c, attempt{status: http.StatusOK})
}

// showSettings answers with the page of the settings that have no other.
func (a settingArea) showSettings(c *area.Call, t attempt) error {
	cfg, version, err := a.Settings.Current(c.Request().Context())
	if err != nil {
		return err
	}
	settings := settingsOn(cfg, "")
	t.elsewhere(cfg, settings)
	p := templates.AdminSettings{AdminLayout: c.Layout(templates.AdminSectionSignIn), Version: strconv.FormatInt(version, 10), Alerts: t.alerts}
	for _, s := range settings {
		if n, name := len(p.Sections), sectionLabel(s); n == 0 || p.Sections[n-1].Name != name {
			p.Sections = append(p.Sections, templates.AdminSettingSection{Name: name})
		}
		section := &p.Sections[len(p.Sections)-1]
		f := t.field(cfg, s)
		if s.Name == passwordLogin && f.Error != "" {
			section.RemedyURL, section.RemedyLabel = signInThrough(c, cfg)
		}
		section.Settings = append(section.Settings, f)
	}
	return c.Show(t.status, p)
}

const passwordLogin = "ENABLE_PASSWORD_LOGIN"

// signInThrough is what has to be done before password sign-in can be turned off: an administrator signs in through the product, and
// comes back to this page.
func signInThrough(c *area.Call, cfg *setting.Config) (href, label string) {
	all := cfg.LoginProviders()
	if len(all) == 0 {
		return "", ""
	}
	query := url.Values{"provider": {all[0].Name}, "return_to": {c.Link(area.PagesPrefix + "/sign-in")}}
	return c.Link("/auth/sso?" + query.Encode()), "Sign in through " + cmp.Or(all[0].Label, "your product") + " now"
}

func (a settingArea) saveSettingsForm(c *area.Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	t, done, err := a.saveForm(c, form, settingsOn(a.Host.Config(), ""), "/sign-in")
	if done || err != nil {
		return err
	}
	return a.showSettings(c, t)
}
