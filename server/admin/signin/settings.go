// Package signin is the area of how people sign in: the settings, the shared secrets, the identity providers, and trying a
// sign-in.
package signin

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
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

// Store is what the area needs of the store.
type Store interface {
	admin.SecretStore
	tryStore
}

// New makes the area.
func New(o area.Options, store Store) area.Area {
	settings, key, providers, try := settingArea{o, store}, keyArea{o, store}, providerArea{o}, tryArea{o, store}
	sources := sourceArea{o}
	return area.Area{
		Pages:      slices.Concat(settings.pages(), key.pages(), providers.pages(), sources.pages(), try.pages()),
		Operations: slices.Concat(settings.operations(), key.operations(), providers.operations(), sources.operations(), try.operations()),
		Notices: map[string]string{
			"key-added":   "The new shared secret is in force. The one before still works until you remove it.",
			"key-first":   "The shared secret is in force. Your product must sign with the same one. To see whether it does, try it.",
			"key-removed": "That shared secret is accepted no more.",
			"key-gone":    "Only the current shared secret works now.",
		},
	}
}

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
			Name: s.Name, Section: s.Section, Type: s.Type, Help: s.Help, Default: s.Default, Value: e.Value, Source: e.Source.String(),
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

// onPage reports whether a setting stands on the page of settings.
func onPage(s *setting.Setting) bool { return s.Changeable && s.Page == "" && !s.Secret }

func (a settingArea) settingsPage(c *area.Call) error {
	cfg, version, err := a.Settings.Current(c.Request().Context())
	if err != nil {
		return err
	}
	return c.Show(http.StatusOK, a.settingsForm(c, cfg, version, nil, nil, nil))
}

// settingsForm is the page: what was typed (nil: nothing was) over what is in force, errors beside the fields, and notes
// about what somebody else saved meanwhile.
func (a settingArea) settingsForm(c *area.Call, cfg *setting.Config, version int64, typed url.Values, wrong, notes map[string]string) templates.AdminSettings {
	p := templates.AdminSettings{AdminLayout: c.Layout(templates.AdminSectionSignIn), Version: strconv.FormatInt(version, 10)}
	for _, s := range cfg.Table() {
		if !onPage(s) {
			continue
		}
		if n, name := len(p.Sections), sectionLabel(s); n == 0 || p.Sections[n-1].Name != name {
			p.Sections = append(p.Sections, templates.AdminSettingSection{Name: name})
		}
		f := settingField(s, cfg)
		if typed.Has(s.Name) && f.Source == "" {
			f.Value = typed.Get(s.Name)
		}
		f.Choose()
		f.Error, f.Note = wrong[s.Name], notes[s.Name]
		section := &p.Sections[len(p.Sections)-1]
		section.Settings = append(section.Settings, f)
	}
	for _, name := range slices.Sorted(maps.Keys(wrong)) {
		if s := cfg.Find(name); s == nil || !onPage(s) {
			p.Alerts = append(p.Alerts, name+" "+wrong[name])
		}
	}
	if len(wrong) > 0 && len(p.Alerts) == 0 {
		p.Alerts = []string{"Nothing was saved. Look at the fields that are marked below."}
	}
	return p
}

func settingField(s *setting.Setting, cfg *setting.Config) templates.AdminSetting {
	f := templates.AdminSetting{
		Name: s.Name, Label: s.Label, Help: strings.ReplaceAll(s.Help, "`", ""), Value: cfg.Text(s.Name), Was: cfg.Text(s.Name),
		Default: s.Default, Long: strings.Contains(s.Type, "JSON"),
	}
	if source := cfg.Source(s.Name); source.Fixed() {
		f.Source = source.String()
	}
	if s.Choices != nil && s.Default == "" {
		f.Options = append(f.Options, templates.AdminOption{Label: "automatic"})
	}
	for _, choice := range s.Choices {
		text := choice
		if s.Boolean() {
			text = map[string]string{"true": "on", "false": "off"}[choice]
		}
		f.Options = append(f.Options, templates.AdminOption{Value: choice, Label: text})
	}
	return f
}

// saveSettingsForm saves what differs from what the form was made of. Fields that this administrator did not touch are
// not saved, so that two who work at once do not undo each other's work.
func (a settingArea) saveSettingsForm(c *area.Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	version, err := strconv.ParseInt(form.Get("version"), 10, 64)
	if err != nil {
		return fmt.Errorf("the form has no version: %w", sso.RequestMalformed)
	}
	values := map[string]*string{}
	for _, s := range a.Host.Config().Table() {
		if !onPage(s) || !form.Has(s.Name) || !form.Has("was."+s.Name) {
			continue
		}
		text := typedText(form.Get(s.Name))
		form.Set(s.Name, text)
		switch {
		case text == form.Get("was."+s.Name):
		case text == s.Default:
			values[s.Name] = nil
		default:
			values[s.Name] = &text
		}
	}
	_, err = a.changeSettings(c, settingChanges{Version: version, Values: values})
	if err == nil {
		return c.Done("/sign-in", area.Saved)
	}
	if sso.CodeOf(err) == sso.ProofNeeded {
		return c.ProveFirst(form)
	}
	return a.settingsAgain(c, form, values, err)
}

// typedText is a field without what a browser or a hand adds.
func typedText(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
}

// settingsAgain shows the form once more, with what was typed.
func (a settingArea) settingsAgain(c *area.Call, form url.Values, values map[string]*string, cause error) error {
	wrong, readable := area.FieldsOf(cause)
	conflict := errors.Is(cause, sso.Conflict)
	if !conflict && !readable {
		return cause
	}
	cfg, version, err := a.Settings.Current(c.Request().Context())
	if err != nil {
		return err
	}
	notes := map[string]string{}
	for _, s := range cfg.Table() {
		now := cfg.Text(s.Name)
		_, touched := values[s.Name]
		switch {
		case !touched:
			form.Del(s.Name) // what is saved now
		case conflict && now != form.Get("was."+s.Name):
			notes[s.Name] = "Saved meanwhile by somebody else: " + orNothing(now)
		}
	}
	p := a.settingsForm(c, cfg, version, form, wrong, notes)
	status := http.StatusBadRequest
	if conflict {
		status = http.StatusConflict
		p.Alerts = []string{"Somebody else has saved settings meanwhile. What you typed is still here: look at it again, then save."}
	}
	return c.Show(status, p)
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}
