package activity

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

func (a activityArea) pages() []area.Page {
	return []area.Page{
		area.Get("/activity", a.activityPage),
		area.Get("/activity.csv", a.activityFile(formatCSV)),
		area.Get("/activity.jsonl", a.activityFile(formatLines)),
	}
}

// typedFilter reads the form of the page: days instead of times, of which the last is included.
func typedFilter(q url.Values) (f admin.ActivityFilter, wrong map[string]string) {
	f = admin.ActivityFilter{
		Person: strings.TrimSpace(q.Get("person")), Kind: q.Get("kind"), Code: q.Get("code"), Actor: strings.TrimSpace(q.Get("actor")), Reference: strings.TrimSpace(q.Get("reference")),
	}
	wrong = map[string]string{}
	typed := func(field string) (day time.Time) {
		if text := strings.TrimSpace(q.Get(field)); text != "" {
			var err error
			if day, err = time.Parse(time.DateOnly, text); err != nil {
				wrong[field] = "write a day as in 2026-01-31"
			}
		}
		return day
	}
	f.Since = typed("from")
	if until := typed("until"); !until.IsZero() {
		f.Until = until.AddDate(0, 0, 1)
	}
	return f, wrong
}

// query writes what was typed as the query of a URL.
func typedQuery(q url.Values) url.Values {
	kept := url.Values{}
	for _, name := range []string{"reference", "person", "actor", "kind", "code", "from", "until"} {
		if value := q.Get(name); value != "" {
			kept.Set(name, value)
		}
	}
	return kept
}

func (a activityArea) activityPage(c *area.Call) error {
	q := c.QueryParams()
	kept := typedQuery(q)
	f, wrong := typedFilter(q)
	p := templates.AdminActivity{
		AdminLayout: c.Layout(templates.AdminSectionActivity), Reference: q.Get("reference"), Person: q.Get("person"), Actor: q.Get("actor"), From: q.Get("from"), Until: q.Get("until"),
		Kinds: kindOptions(f.Kind), Codes: codeOptions(f.Code), CSV: area.WithQuery(c.Link("/admin/activity.csv"), kept), JSONLines: area.WithQuery(c.Link("/admin/activity.jsonl"), kept),
		Filtered: len(kept) > 0, Now: a.Now(), Presets: a.presets(c, kept),
	}
	status := http.StatusOK
	list, err := activityList{}, error(nil)
	if len(wrong) > 0 {
		err = &admin.Refusal{Err: sso.Invalid, Fields: wrong}
	} else {
		list, err = a.activity(c, activityQuery{f.Person, f.Kind, f.Code, f.Actor, f.Reference, f.Since, f.Until, area.Part{After: q.Get("after")}})
	}
	if err != nil {
		fields, rest, refused, ok := area.ReadableParts(err)
		if !ok {
			return err
		}
		status, p.Alert = refused, rest
		p.PersonError, p.FromError, p.UntilError = area.Sentence(fields["person"]), area.Sentence(fields["from"]), area.Sentence(fields["until"])
		if p.Alert == "" && p.PersonError+p.FromError+p.UntilError == "" {
			p.Alert = "There is nothing of this kind to look for."
		}
		return c.Show(status, p)
	}
	p.Events, p.Pager = fold(shownEvents(a.Host.Config(), list.Events)), area.Pager(c.Link("/admin/activity"), kept, q.Get("after"), list.Next)
	if !p.Filtered && q.Get("after") == "" {
		if err := a.charts(c, &p); err != nil {
			return err
		}
	}
	return c.Show(status, p)
}

// presets are the days that are looked at most, with the filter that is there.
func (a activityArea) presets(c *area.Call, kept url.Values) (all []templates.AdminTab) {
	for _, preset := range []struct {
		label string
		days  int // 0: all
	}{{"Today", 1}, {"7 days", 7}, {"30 days", 30}, {"All", 0}} {
		q := maps.Clone(kept)
		q.Del("from")
		q.Del("until")
		if preset.days > 0 {
			q.Set("from", a.Now().UTC().AddDate(0, 0, 1-preset.days).Format(time.DateOnly))
		}
		all = append(all, templates.AdminTab{Label: preset.label, URL: area.WithQuery(c.Link("/admin/activity"), q), Here: maps.EqualFunc(q, kept, slices.Equal)})
	}
	return all
}

// fold puts what happened again and again, one right after the other, into one event: the newest. Refusals are the same when their
// reason is; their details often say how late it was.
func fold(events []templates.AdminEvent) (folded []templates.AdminEvent) {
	for _, e := range events {
		if n := len(folded) - 1; n >= 0 && repeats(folded[n], e) {
			folded[n].Repeats = append(folded[n].Repeats, templates.AdminRepeat{At: e.At, Detail: e.Detail, Reference: e.Reference, Peer: e.Peer})
			continue
		}
		folded = append(folded, e)
	}
	return folded
}

func repeats(a, b templates.AdminEvent) bool {
	return a.What == b.What && a.Code == b.Code && a.AccountID == b.AccountID && a.Email == b.Email && a.Actor == b.Actor && a.Provider == b.Provider &&
		a.KeyID == b.KeyID && (a.Refused || a.Detail == b.Detail)
}

func (a activityArea) charts(c *area.Call, p *templates.AdminActivity) error {
	days, err := a.domain().Days(c.Request().Context(), a.Now(), 0)
	p.SignIns = templates.Chart{ID: "sign-ins", Label: "Sign-ins"}
	p.Refusals = templates.Chart{ID: "refusals", Label: "Refusals"}
	for _, d := range days {
		p.SignIns.Days = append(p.SignIns.Days, templates.ChartDay{Day: d.Day, Count: d.SignIns})
		p.Refusals.Days = append(p.Refusals.Days, templates.ChartDay{Day: d.Day, Count: d.Refusals})
	}
	return err
}

func kindOptions(chosen string) []templates.AdminOption {
	all := []templates.AdminOption{{Label: "everything"}}
	for _, k := range admin.EventKinds() {
		all = append(all, templates.AdminOption{Value: string(k), Label: admin.EventWords(k)})
	}
	return area.Choose(chosen, all...)
}

// codeOptions are the codes that stand in the audit trail.
func codeOptions(chosen string) []templates.AdminOption {
	all := []templates.AdminOption{{Label: "for any reason, or not at all"}}
	for _, c := range sso.Codes() {
		if label := c.Label(); label != string(c) {
			all = append(all, templates.AdminOption{Value: string(c), Label: label})
		}
	}
	return area.Choose(chosen, all...)
}

// OfPerson are the newest events about a person, at most limit; of one kind, or "" for all.
func OfPerson(ctx context.Context, cfg *setting.Config, store admin.ActivityStore, email string, kind sso.EventKind, limit int) ([]templates.AdminEvent, error) {
	found, _, err := admin.Activity{Store: store}.Events(ctx, admin.ActivityFilter{Person: email, Kind: string(kind)}, sso.Page{Limit: limit})
	return fold(Shown(cfg, found)), err
}

// Shown are events as pages show them.
func Shown(cfg *setting.Config, found []sso.Event) []templates.AdminEvent {
	var events []event
	for _, e := range found {
		events = append(events, eventOf(cfg, e))
	}
	return shownEvents(cfg, events)
}

func shownEvents(cfg *setting.Config, events []event) []templates.AdminEvent {
	var all []templates.AdminEvent
	for _, e := range events {
		all = append(all, templates.AdminEvent{
			At: e.At, What: e.What, Refused: e.Code != "", Why: e.Why, Code: e.Code, Detail: e.Detail, Advice: e.Advice, Reference: e.Reference,
			AccountID: e.Person, Email: e.Email, Actor: e.Actor, Provider: area.ShownProvider(cfg, e.Provider), Peer: e.Peer, KeyID: e.KeyID,
		})
	}
	return all
}

// activityFile is what the page shows, as a file.
func (a activityArea) activityFile(format string) func(*area.Call) error {
	return func(c *area.Call) error {
		f, wrong := typedFilter(c.QueryParams())
		if len(wrong) > 0 {
			return &admin.Refusal{Err: sso.Invalid, Fields: wrong}
		}
		d, err := a.exportAs(c, format, f)
		if err != nil {
			return err
		}
		return d.Answer(c)
	}
}
