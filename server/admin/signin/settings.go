package signin

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

// settingArea shows and changes the settings that have no place of their own.
type settingArea struct {
	area.Options
	Store Store
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
	first := a.signInFirst(c, cfg, t)
	for _, s := range settings {
		if n, name := len(p.Sections), sectionLabel(s); n == 0 || p.Sections[n-1].Name != name {
			p.Sections = append(p.Sections, templates.AdminSettingSection{Name: name})
		}
		section := &p.Sections[len(p.Sections)-1]
		f := t.field(cfg, s)
		if s.Name == passwordLogin && first != nil {
			p.Through = "Sign in through " + inSentence(first) + ", then save"
			section.Hint = "To turn off password sign-in, choose off and press “" + p.Through + "” below: an administrator has to come in that way once, before passwords go. Nothing that you typed is lost."
			if f.Error != "" {
				f.Error = "cannot be turned off yet: no administrator has signed in through " + inSentence(first) + " with these settings"
			}
		}
		section.Settings = append(section.Settings, f)
	}
	return c.Show(t.status, p)
}

const passwordLogin = "ENABLE_PASSWORD_LOGIN"

// ownWayIn is told to an administrator who would turn off the only way in that they are seen to have.
const ownWayIn = "would keep you out: you have signed in with your password, and have no passkey. Add a passkey under Your account, or sign in through the product and turn it off then"

// keepsOneselfOut reports whether a form turns off password sign-in, which others could do without, while the one who sends it has come in by
// password and has no passkey. Whether any administrator can come in then is another rule, which the API has, too (SECURITY G4).
func (a settingArea) keepsOneselfOut(c *area.Call, form url.Values) (bool, error) {
	if !a.Host.Config().EnablePasswordLogin || form.Get(passwordLogin) != "false" || !c.Who.Account.HasPassword || c.Who.Session.Provider != sso.WayPassword {
		return false, nil
	}
	off := "false"
	if _, err := a.Settings.Try(c.Request().Context(), map[string]*string{passwordLogin: &off}); err != nil {
		return false, nil // that rule is told first
	}
	keys, err := a.Store.Passkeys(c.Request().Context(), c.Who.Account.ID)
	return len(keys) == 0, err
}

// inSentence is what pages call a provider in the midst of a sentence; "" for none.
func inSentence(p *setting.Provider) string {
	if p == nil {
		return ""
	}
	if p.Label == "" && p.Name == setting.DefaultProvider {
		return "your product"
	}
	return cmp.Or(p.Label, p.Name)
}

// signInFirst is the provider through which an administrator has to sign in before password sign-in can be turned off; nil when
// that is not what is in the way.
func (a settingArea) signInFirst(c *area.Call, cfg *setting.Config, t attempt) *setting.Provider {
	all := cfg.LoginProviders()
	if t.wrong[passwordLogin] == ownWayIn || len(all) == 0 || !cfg.EnablePasswordLogin || cfg.Source(passwordLogin).Fixed() {
		return nil
	}
	if t.wrong[passwordLogin] == "" {
		off := "false"
		_, err := a.Settings.Try(c.Request().Context(), map[string]*string{passwordLogin: &off})
		if fields, _ := area.FieldsOf(err); fields[passwordLogin] == "" {
			return nil
		}
	}
	return all[0]
}

// signInThrough begins a sign-in through the product that comes back to the form, as it was typed.
func (a settingArea) signInThrough(c *area.Call, form url.Values) error {
	cfg := a.Host.Config()
	all := cfg.LoginProviders()
	if len(all) == 0 {
		return c.Redirect(http.StatusSeeOther, c.Link(area.PagesPrefix+"/sign-in"))
	}
	form.Del("do")
	back := c.Link(area.PagesPrefix + "/sign-in")
	if len(changed(cfg, form, settingsOn(cfg, ""))) > 0 {
		var err error
		if back, err = a.Host.KeepForm(c.Request(), form); err != nil {
			return err
		}
	}
	// A page makes the step: the redirect of a form would be held against the policy of the page with the form.
	return c.Show(http.StatusOK, templates.Continue{Layout: c.Layout("").Layout, URL: c.Link("/auth/sso?" + url.Values{"provider": {all[0].Name}, "return_to": {back}}.Encode())})
}

func (a settingArea) saveSettingsForm(c *area.Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	if form.Get("do") == "through" {
		return a.signInThrough(c, form)
	}
	out, err := a.keepsOneselfOut(c, form)
	if err != nil {
		return err
	}
	if out {
		return a.showSettings(c, attempt{typed: form, wrong: map[string]string{passwordLogin: ownWayIn}, status: http.StatusBadRequest})
	}
	t, done, err := a.saveForm(c, form, settingsOn(a.Host.Config(), ""), "/sign-in")
	if done || err != nil {
		return err
	}
	return a.showSettings(c, t)
}
