// Package activity is the area of the audit trail: as a list, as a file, and as sign-ins and refusals of each day.
package activity

import (
	"time"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/advice"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// New makes the area.
func New(o area.Options, store admin.ActivityStore) area.Area {
	a := activityArea{o, store}
	return area.Area{Pages: a.pages(), Operations: a.operations()}
}

// activityArea shows the audit trail.
type activityArea struct {
	area.Options
	Store admin.ActivityStore
}

// domain is what may be asked.
func (a activityArea) domain() admin.Activity { return admin.Activity{Store: a.Store} }

func (a activityArea) operations() []area.Operation {
	return []area.Operation{
		openapi.Op("GET", "/activity", "listActivity", "The audit trail, newest first", a.activity),
		openapi.Op("GET", "/activity/days", "countActivity", "Sign-ins and refusals of each day", a.days),
		openapi.Op("GET", "/activity/export", "exportActivity", "The audit trail as a file, newest first", a.export),
	}
}

type activityQuery struct {
	Person    string    `query:"person" doc:"e-mail, or id of an account"`
	Kind      string    `query:"kind" doc:"what happened, such as sign_in_refused"`
	Code      string    `query:"code" doc:"why something was refused, such as token_expired"`
	Actor     string    `query:"actor" doc:"who did it: an administrator's e-mail, or cli for the shell"`
	Reference string    `query:"reference" doc:"what a person saw on the page that refused"`
	Since     time.Time `query:"since" doc:"inclusive"`
	Until     time.Time `query:"until" doc:"exclusive"`
	area.Part
}

func (q activityQuery) filter() admin.ActivityFilter {
	return admin.ActivityFilter{Person: q.Person, Kind: q.Kind, Code: q.Code, Actor: q.Actor, Reference: q.Reference, Since: q.Since, Until: q.Until}
}

type activityList struct {
	Events []event `json:"events"`
	Next   string  `json:"next" doc:"for after; empty at the end"`
}

type event struct {
	ID        int64     `json:"id"`
	At        time.Time `json:"at"`
	Kind      string    `json:"kind"`
	What      string    `json:"what" doc:"the kind in words"`
	Code      string    `json:"code" doc:"why it was refused; empty when it was not"`
	Why       string    `json:"why" doc:"the code in words"`
	Detail    string    `json:"detail" doc:"the reason, and what changed"`
	Advice    string    `json:"advice" doc:"what to do about a refusal"`
	Reference string    `json:"reference" doc:"what the person saw; it stands in the log, too"`
	Person    int64     `json:"person" doc:"id of the account; 0: none"`
	Email     string    `json:"email" doc:"of the person"`
	Actor     string    `json:"actor" doc:"who did it, when not the person"`
	Provider  string    `json:"provider"`
	Peer      string    `json:"peer" doc:"network address"`
	KeyID     string    `json:"key_id"`
}

func eventOf(cfg *setting.Config, e sso.Event) event {
	out := event{
		ID: e.ID, At: e.At.UTC(), Kind: string(e.Kind), What: admin.EventWords(e.Kind), Code: string(e.Code), Detail: e.Detail,
		Reference: e.Reference, Person: e.AccountID, Email: e.Email, Actor: e.Actor, Provider: e.Provider, Peer: e.Peer, KeyID: e.KeyID,
	}
	if e.Code != "" {
		out.Why, out.Advice = e.Code.Label(), advice.For(cfg, sso.UseLogin, e.Code, e.Provider)
	}
	return out
}

func (a activityArea) activity(c *area.Call, in activityQuery) (activityList, error) {
	found, next, err := a.domain().Events(c.Request().Context(), in.filter(), in.Page())
	list := activityList{Events: []event{}, Next: next}
	for _, e := range found {
		list.Events = append(list.Events, eventOf(a.Host.Config(), e))
	}
	return list, err
}

type daysQuery struct {
	Days int `query:"days" doc:"how many, up to today (UTC): 1 to 366; 30 when it is left out"`
}

type dayList struct {
	Days []dayCount `json:"days" doc:"oldest first; days on which nothing happened, too"`
}

type dayCount struct {
	Day      string `json:"day" doc:"UTC, as in 2026-01-31"`
	SignIns  int    `json:"sign_ins"`
	Refusals int    `json:"refusals"`
}

func (a activityArea) days(c *area.Call, in daysQuery) (dayList, error) {
	days, err := a.domain().Days(c.Request().Context(), a.Now(), in.Days)
	list := dayList{Days: []dayCount{}}
	for _, d := range days {
		list.Days = append(list.Days, dayCount{d.Day.Format(time.DateOnly), d.SignIns, d.Refusals})
	}
	return list, err
}
