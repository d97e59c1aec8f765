package signin

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

// An attempt is a form of settings that was sent and not saved. The zero attempt is one that nobody has sent.
type attempt struct {
	typed  url.Values        // nil: nothing was
	wrong  map[string]string // by the name of the setting
	notes  map[string]string // what somebody else saved meanwhile
	alerts []string          // what is about no field of the page
	status int

	card    string                  // on which card it was
	outcome *templates.AdminOutcome // what its rules would have done; nil: it is not told
	info    string                  // what is told when nothing is wrong
}

// field is one setting as a field: what was typed over what is in force.
func (t attempt) field(cfg *setting.Config, s *setting.Setting) templates.AdminSetting {
	f := Field(s, cfg)
	if !s.Secret && t.typed.Has(s.Name) && f.Source == "" {
		f.Value = t.typed.Get(s.Name)
	}
	f.Choose()
	f.Error, f.Note = t.wrong[s.Name], t.notes[s.Name]
	return f
}

// elsewhere adds an alert for each fault of a setting that has no field among these.
func (t *attempt) elsewhere(cfg *setting.Config, shown []*setting.Setting) {
	for _, name := range slices.Sorted(maps.Keys(t.wrong)) {
		if slices.ContainsFunc(shown, func(s *setting.Setting) bool { return s.Name == name }) {
			continue
		}
		label := name
		if s := cfg.Find(name); s != nil && s.Label != "" {
			label = s.Label
		}
		t.alerts = append(t.alerts, fmt.Sprintf("%s %s (%s)", label, t.wrong[name], name))
	}
	if len(t.wrong) > 0 && len(t.alerts) == 0 {
		t.alerts = []string{"Nothing was saved. Look at the fields that are marked below."}
	}
}

// Field is a setting as a field, with what is in force.
func Field(s *setting.Setting, cfg *setting.Config) templates.AdminSetting {
	f := templates.AdminSetting{
		Name: s.Name, Label: s.Label, Help: helpOf(cfg, s), Default: inWords(s, cfg.Usual(s)), Long: strings.Contains(s.Type, "JSON"),
		Secret: s.Secret, Set: s.Secret && cfg.Text(s.Name) != "",
	}
	if !s.Secret {
		f.Value, f.Was = cfg.Text(s.Name), cfg.Text(s.Name)
	}
	if source := cfg.Source(s.Name); source.Fixed() {
		f.Source = source.String()
	}
	if s.Choices != nil && s.Default == "" {
		f.Options = append(f.Options, templates.AdminOption{Label: "automatic"})
	}
	for _, choice := range s.Choices {
		f.Options = append(f.Options, templates.AdminOption{Value: choice, Label: inWords(s, choice)})
	}
	return f
}

// helpOf is the help of a setting for people who know no names of settings.
func helpOf(cfg *setting.Config, s *setting.Setting) string {
	words := strings.Fields(strings.ReplaceAll(s.Help, "`", ""))
	for i, word := range words {
		name := strings.Trim(word, ".,:;()")
		if other := cfg.Find(name); other != nil && other.Label != "" {
			words[i] = strings.Replace(word, name, "“"+other.Label+"”", 1)
		}
	}
	text := strings.Join(words, " ")
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// inWords is a choice as pages call it.
func inWords(s *setting.Setting, choice string) string {
	if s.Boolean() {
		return map[string]string{"true": "on", "false": "off"}[choice]
	}
	return choice
}

// changed reads what of a form differs from what the form was made of. Fields that this administrator did not touch are not
// saved, so that two who work at once do not undo each other's work. What was typed of a secret is taken out of the form, so
// that it waits nowhere, and is not sent back.
func changed(cfg *setting.Config, form url.Values, settings []*setting.Setting) map[string]*string {
	values := map[string]*string{}
	for _, s := range settings {
		if s.Secret {
			changedSecret(form, s, values)
			continue
		}
		if !form.Has(s.Name) || !form.Has("was."+s.Name) {
			continue
		}
		text := typedText(form.Get(s.Name))
		form.Set(s.Name, text)
		switch {
		case text == form.Get("was."+s.Name):
		case text == cfg.Usual(s):
			values[s.Name] = nil
		default:
			values[s.Name] = &text
		}
	}
	return values
}

func changedSecret(form url.Values, s *setting.Setting, values map[string]*string) {
	typed := form.Get(s.Name)
	if typed != "" {
		values[s.Name] = &typed
		form.Del(s.Name)
		form.Set("again."+s.Name, "yes")
	} else if form.Get("clear."+s.Name) == "yes" {
		values[s.Name] = nil
	}
}

// forgotten are the secrets that were typed before the administrator proved who they are, and so are not there any more.
func forgotten(form url.Values, values map[string]*string, settings []*setting.Setting) error {
	wrong := map[string]string{}
	for _, s := range settings {
		if form.Has("again."+s.Name) && values[s.Name] == nil {
			wrong[s.Name] = "type it once more: it was not kept while you proved who you are"
		}
		form.Del("again." + s.Name)
	}
	if len(wrong) == 0 {
		return nil
	}
	return &admin.Refusal{Err: fmt.Errorf("a secret has to be typed once more: %w", sso.Invalid), Fields: wrong}
}

// saveForm saves what was changed of these settings. done is true when the answer was given: it was saved and the browser goes
// to a path with a notice, or waits for a proof. Else the attempt is to be shown.
func (a settingArea) saveForm(c *area.Call, form url.Values, settings []*setting.Setting, path string) (t attempt, done bool, err error) {
	version, err := area.VersionOf(form)
	if err != nil {
		return t, false, err
	}
	again := url.Values{}
	for name := range form {
		if strings.HasPrefix(name, "again.") {
			again.Set(name, "yes")
		}
	}
	cfg, _, err := a.Settings.Current(c.Request().Context())
	if err != nil {
		return t, false, err
	}
	values := changed(cfg, form, settings)
	if err = forgotten(again, values, settings); err == nil {
		_, err = a.changeSettings(c, settingChanges{Version: version, Values: values})
	}
	switch {
	case err == nil:
		return t, true, c.Done(path, area.Saved)
	case sso.CodeOf(err) == sso.ProofNeeded:
		return t, true, c.ProveFirst(form)
	}
	t, err = a.again(c, form, values, err)
	return t, false, err
}

// typedText is a field without what a browser or a hand adds.
func typedText(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
}

// again says why a form was not saved. An error of the bridge's own is returned.
func (a settingArea) again(c *area.Call, form url.Values, values map[string]*string, cause error) (attempt, error) {
	wrong, readable := area.FieldsOf(cause)
	conflict := errors.Is(cause, sso.Conflict)
	if !conflict && !readable {
		return attempt{}, cause
	}
	cfg, _, err := a.Settings.Current(c.Request().Context())
	if err != nil {
		return attempt{}, err
	}
	t := attempt{typed: form, wrong: maps.Clone(wrong), notes: map[string]string{}, status: http.StatusBadRequest}
	for _, s := range cfg.Table() {
		value, touched := values[s.Name]
		switch {
		case !touched:
			form.Del(s.Name) // what is saved now
		case s.Secret && value != nil && t.wrong[s.Name] == "":
			t.notes[s.Name] = "Type it once more: what is secret is not sent back."
		case !s.Secret && conflict && cfg.Text(s.Name) != form.Get("was."+s.Name):
			t.notes[s.Name] = "Saved meanwhile by somebody else: " + orNothing(cfg.Text(s.Name))
		}
	}
	if conflict {
		t.status = http.StatusConflict
		t.alerts = []string{"Somebody else has saved settings meanwhile. What you typed is still here: look at it again, then save."}
	} else if len(wrong) == 0 {
		t.alerts = []string{area.Sentence(sso.Reason(cause))}
	}
	return t, nil
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}
