package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/advice"
	"github.com/ssobridge/ssobridge/sso/explain"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

type tryStore interface {
	KeepHandoff(ctx context.Context, key string, data []byte, until time.Time) error
	TakeHandoff(ctx context.Context, key string) ([]byte, error)
}

// TrialPath is where a form begins a trial: a sign-in that goes to the identity provider and comes back to a report. The
// server that mounts the pages answers it, since it has to know the callback again; see [KeepReport].
const TrialPath = area.PagesPrefix + "/try/begin"

// tryArea explains sign-ins.
type tryArea struct {
	area.Options
	Store tryStore
}

func (a tryArea) pages() []area.Page {
	return []area.Page{
		area.Get("/try", a.tryPage),
		area.Post("/try", a.tryForm),
		area.Get("/try/report", a.reportPage),
	}
}

func (a tryArea) operations() []area.Operation {
	return []area.Operation{
		openapi.Op("POST", "/explain", "explainToken", "What a sign-in with a token would meet; changes nothing", a.explain),
	}
}

type tokenToExplain struct {
	Token string `json:"token" doc:"a token, or the whole URL that the identity provider sent the browser to"`
}

// An Explanation is what a sign-in would meet, as JSON. It never contains the token.
type Explanation struct {
	Accepted  bool              `json:"accepted"`
	Use       string            `json:"use" doc:"what the token is for: a sign-in, requests of an API client or a service account, or to end sessions" enum:"login,bearer,service,logout,"`
	Provider  string            `json:"provider" doc:"whose token it is"`
	Key       string            `json:"key" doc:"which key verified the signature; empty: none did"`
	Until     *time.Time        `json:"until" doc:"when the token of an API client ends; null: not known, or never"`
	Endless   bool              `json:"endless" doc:"the token of an API client has no end"`
	Caller    string            `json:"caller" doc:"of API clients: the name under which the app knows who sent the token"`
	Code      string            `json:"code" doc:"of the first check that failed; empty when accepted"`
	Advice    string            `json:"advice" doc:"what to change"`
	Checks    []sso.Check       `json:"checks"`
	Email     string            `json:"email"`
	Name      string            `json:"name"`
	Sent      []string          `json:"groups_sent" doc:"the groups that the token names"`
	SentAny   bool              `json:"groups_claim" doc:"the token has a claim with groups"`
	SentFault string            `json:"groups_fault" doc:"what of that claim cannot be read"`
	Attribute map[string]string `json:"attributes"`
	Groups    []string          `json:"groups" doc:"the groups afterwards"`
	Account   string            `json:"account" doc:"what becomes of the account" enum:"known,new,reactivated,none,"`
	Warnings  []string          `json:"warnings"`
}

func explanation(cfg *setting.Config, e sso.Explanation) Explanation {
	out := Explanation{
		Accepted: e.Accepted, Code: string(e.Code), Advice: advice.For(cfg, e.Use, e.Code, e.Provider), Checks: append([]sso.Check{}, e.Checks...),
		Use: string(e.Use), Provider: e.Provider, Key: e.KeyID, Endless: e.Endless(),
		Email: e.Identity.Email, Sent: append([]string{}, e.Identity.Groups...), SentAny: e.Identity.GroupsSent,
		SentFault: e.Identity.GroupsFault,
		Attribute: e.Identity.Attributes, Groups: []string{}, Warnings: []string{},
	}
	if !e.Until.IsZero() && !out.Endless {
		at := e.Until.UTC()
		out.Until = &at
	}
	if e.Caller != nil {
		out.Caller = e.Caller.Name()
	}
	for _, part := range []*string{e.Identity.FirstName, e.Identity.LastName} {
		if part != nil {
			out.Name = strings.TrimSpace(out.Name + " " + *part)
		}
	}
	if in := e.SignedIn; in != nil {
		out.Account = map[sso.Admitted]string{sso.AdmittedKnown: "known", sso.AdmittedNew: "new", sso.AdmittedReactivated: "reactivated"}[in.Admitted]
		if e.Caller != nil && e.Caller.Account.ID == 0 {
			out.Account = "none"
		}
		for _, g := range in.Groups {
			out.Groups = append(out.Groups, g.Name)
		}
		out.Warnings = append(out.Warnings, in.Warnings...)
	}
	return out
}

// explain runs the very steps of a sign-in, and undoes them.
func (a tryArea) explain(c *area.Call, in tokenToExplain) (Explanation, error) {
	switch text := strings.TrimSpace(in.Token); {
	case text == "":
		return Explanation{}, admin.Invalid("token", "is empty")
	case sso.IsReference(text):
		return Explanation{}, admin.Invalid("token", "is the reference of a refusal, and no token: search for it under Activity")
	}
	e, err := explain.Pasted(c.Request().Context(), a.Host.Bridge(), in.Token, a.Host.Peer(c.Request()))
	switch {
	case err != nil:
		return Explanation{}, admin.Invalid("token", "%s: use the test sign-in instead", sso.Reason(err))
	case e.Code == sso.StoreUnavailable || e.Code == sso.Internal:
		return Explanation{}, fmt.Errorf("explain: %w", e.Code)
	}
	return explanation(a.Host.Config(), e), nil
}

func (a tryArea) tryTemplate(c *area.Call) templates.AdminTry {
	beginners := a.Host.Bridge().Providers.Beginners()
	p := templates.AdminTry{AdminLayout: c.Layout(templates.AdminSectionSignIn), Testable: len(beginners) > 0, BeginURL: c.Link(TrialPath)}
	if len(beginners) > 1 {
		for _, of := range beginners {
			p.Providers = append(p.Providers, templates.Provider{Name: of.Name, Label: inSentence(a.Host.Config().Provider(of.Name))})
		}
	}
	return p
}

func (a tryArea) tryPage(c *area.Call) error { return c.Show(http.StatusOK, a.tryTemplate(c)) }

func (a tryArea) tryForm(c *area.Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	p := a.tryTemplate(c)
	p.Token = strings.TrimSpace(form.Get("token"))
	e, err := a.explain(c, tokenToExplain{p.Token})
	if fields, ok := area.FieldsOf(err); ok {
		p.TokenError = "This " + fields["token"] + "."
		return c.Show(http.StatusBadRequest, p)
	}
	if err != nil {
		return err
	}
	p.Report = report(e)
	return c.Show(http.StatusOK, p)
}

// report is the page's form of an explanation.
func report(e Explanation) *templates.AdminReport {
	r := &templates.AdminReport{
		Accepted: e.Accepted, Code: e.Code, Advice: e.Advice, Email: e.Email, Name: e.Name, Sent: e.Sent, SentAny: e.SentAny,
		SentFault: e.SentFault, Use: e.Use, Provider: e.Provider, Key: e.Key, Caller: e.Caller, Endless: e.Endless,
		Groups: e.Groups, Account: e.Account, Warnings: e.Warnings,
	}
	if e.Until != nil {
		r.Until = *e.Until
	}
	for _, check := range e.Checks {
		r.Checks = append(r.Checks, templates.AdminCheck{Name: check.Name, OK: check.OK, Detail: check.Detail})
	}
	for _, name := range slices.Sorted(maps.Keys(e.Attribute)) {
		r.Attributes = append(r.Attributes, templates.AdminFact{Name: name, Value: e.Attribute[name]})
	}
	return r
}

// reportLifetime is how long the report of a trial waits to be read.
const reportLifetime = 5 * time.Minute

// reportPage shows the report of a trial.
func (a tryArea) reportPage(c *area.Call) error {
	p := a.tryTemplate(c)
	ctx, key := c.Request().Context(), reportKey(c.Who, c.QueryParam("id"))
	data, err := a.Store.TakeHandoff(ctx, key)
	if err == nil && c.Request().Method == http.MethodHead { // which shows nothing
		err = a.Store.KeepHandoff(ctx, key, data, a.Now().Add(reportLifetime))
	}
	switch {
	case errors.Is(err, sso.NotFound):
		p.Alert = "This report was shown already, or is too old. Run the test sign-in again."
		return c.Show(http.StatusNotFound, p)
	case err != nil:
		return err
	}
	var e Explanation
	if err := json.Unmarshal(data, &e); err != nil {
		return err
	}
	p.Report = report(e)
	return c.Show(http.StatusOK, p)
}

// reportKey ties a report to the administrator who made the trial.
func reportKey(who *sso.Principal, id string) string {
	return fmt.Sprintf("trial %d %s", who.Account.ID, id)
}

// A ReportStore keeps reports for a moment.
type ReportStore interface {
	KeepHandoff(ctx context.Context, key string, data []byte, until time.Time) error
}

// KeepReport keeps the report of a trial for the administrator who began it, and returns where it is shown.
func KeepReport(ctx context.Context, cfg *setting.Config, st ReportStore, who *sso.Principal, id string, e sso.Explanation, now time.Time) (location string, err error) {
	data, err := json.Marshal(explanation(cfg, e))
	if err != nil {
		return "", err
	}
	if err := st.KeepHandoff(ctx, reportKey(who, id), data, now.Add(reportLifetime)); err != nil {
		return "", err
	}
	return area.PagesPrefix + "/try/report?id=" + url.QueryEscape(id), nil
}
