package signin

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/sso/claim"
	"github.com/ssobridge/ssobridge/sso/rehearsal"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/tokenlog"
	"github.com/ssobridge/ssobridge/templates"
)

type rehearsedRules struct {
	Name   string             `path:"name"`
	Values map[string]*string `json:"values" doc:"settings by name, as in changeSettings; nothing is saved"`
}

type rehearsalReport struct {
	SignIns  int               `json:"sign_ins" doc:"whose tokens could be held to the rules: at most the last 300"`
	Refused  int               `json:"refused" doc:"of them: those that the rules in force let in, and the new ones would not"`
	Reasons  []rehearsalReason `json:"reasons" doc:"the most frequent first"`
	Unjudged []string          `json:"unjudged" doc:"claims that are required to have a value: values are not kept, so that it only counts whether the token had the claim"`
	People   int               `json:"people" doc:"active people of the provider; 0 when the rules about people stay as they are"`
	Shut     int               `json:"shut_out" doc:"of them: those who may come in now, and could not any more"`
	Some     []rehearsalPerson `json:"some" doc:"ten of those at most"`
}

type rehearsalReason struct {
	Code   string `json:"code"`
	Count  int    `json:"count"`
	Detail string `json:"detail" doc:"of the most frequent of them"`
}

type rehearsalPerson struct {
	ID     int64  `json:"id"`
	Email  string `json:"email"`
	Detail string `json:"detail"`
}

// rehearse says what rules would have done to the last sign-ins of a provider. It saves nothing.
func (a providerArea) rehearse(c *area.Call, in rehearsedRules) (rehearsalReport, error) {
	out := rehearsalReport{Reasons: []rehearsalReason{}, Unjudged: []string{}, Some: []rehearsalPerson{}}
	p, _, _, err := a.provider(c.Request().Context(), in.Name)
	if err != nil {
		return out, err
	}
	r, err := a.reportOf(c, p.Name, in.Values)
	if err != nil {
		return out, err
	}
	out.SignIns, out.Refused, out.People, out.Shut = r.SignIns, r.Refused, r.People, r.Shut
	out.Unjudged = append(out.Unjudged, r.Unknown...)
	for _, reason := range r.Reasons {
		out.Reasons = append(out.Reasons, rehearsalReason{string(reason.Code), reason.Count, reason.Text})
	}
	for _, one := range r.Some {
		out.Some = append(out.Some, rehearsalPerson{one.AccountID, one.Email, one.Text})
	}
	return out, nil
}

func (a providerArea) reportOf(c *area.Call, provider string, values map[string]*string) (rehearsal.Report, error) {
	next, err := a.Settings.TryProviders(c.Request().Context(), values)
	if err != nil {
		return rehearsal.Report{}, err
	}
	return rehearsal.Of(c.Request().Context(), a.keys.log, a.Host.Bridge().Providers.Named(provider), next.Named(provider))
}

// rehearseForm shows what the rules of a form would have done, when that is asked for, or when they would refuse more than is
// confirmed. show is false when there is nothing to say, and the form is to be saved.
func (a providerArea) rehearseForm(c *area.Call, sent url.Values, settings []*setting.Setting, provider string) (t attempt, show bool, err error) {
	asked := sent.Get("preview") != ""
	cfg, version, err := a.Settings.Current(c.Request().Context())
	if err != nil {
		return t, false, err
	}
	if from, err := area.VersionOf(sent); err != nil || from != version {
		return t, false, nil //nolint:nilerr // saving says it
	}
	form := maps.Clone(sent)
	values := changed(cfg, form, settings)
	r, err := a.reportOf(c, provider, values)
	if err != nil {
		if !asked {
			return t, false, nil //nolint:nilerr // saving says it
		}
		t, err = a.again(c, form, values, err)
		return t, true, err
	}
	confirmed, _ := strconv.Atoi(sent.Get("refused")) // none is 0
	if !asked && r.Losses() <= confirmed {
		return t, false, nil
	}
	t = attempt{typed: form, notes: map[string]string{}, status: http.StatusOK, card: sent.Get("card"), outcome: outcomeOf(r)}
	for _, s := range settings {
		if value, touched := values[s.Name]; s.Secret && touched && value != nil {
			t.notes[s.Name] = "Type it once more: what is secret is not sent back."
		}
	}
	switch {
	case r.Losses() > 0:
		t.status = http.StatusConflict
		t.alerts = []string{"Nothing is saved yet. " + t.outcome.Sentence() + " If that is meant, save once more."}
	default:
		t.info = "Nothing is saved yet. " + t.outcome.Sentence()
	}
	return t, true, nil
}

func outcomeOf(r rehearsal.Report) *templates.AdminOutcome {
	o := &templates.AdminOutcome{SignIns: r.SignIns, Refused: r.Refused, Unknown: r.Unknown, People: r.People, Shut: r.Shut, Losses: r.Losses()}
	for _, reason := range r.Reasons {
		o.Reasons = append(o.Reasons, templates.AdminOutcomeReason{Why: reason.Code.Label(), Count: reason.Count, Text: reason.Text, Each: reason.Each})
	}
	for _, one := range r.Some {
		o.Some = append(o.Some, templates.AdminPersonLink{ID: one.AccountID, Email: one.Email})
	}
	return o
}

// seenIn says in how many of the last tokens the claim was that a setting names.
func seenIn(s *setting.Setting, value string, entries []tokenlog.Entry) string {
	if value == "" || len(entries) == 0 || s.Type != "claim" {
		return ""
	}
	path, err := claim.ParsePath(value)
	if err != nil {
		return ""
	}
	seen := 0
	for _, e := range entries {
		if slices.Contains(e.Claims, path.Name()) || slices.Contains(e.Claims, path[0]) {
			seen++
		}
	}
	return strconv.Itoa(seen*100/len(entries)) + " % of the last " + strconv.Itoa(len(entries)) + " tokens had this claim."
}
