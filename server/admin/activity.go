package admin

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
)

type activityStore interface {
	Events(ctx context.Context, q sso.EventQuery) ([]sso.Event, string, error)
	EventCounts(ctx context.Context, since, until time.Time) ([]sso.DayCount, error)
}

// activityArea shows the audit trail.
type activityArea struct {
	Options
}

func (a activityArea) operations() []openapi.Operation[*call] {
	return []openapi.Operation[*call]{
		openapi.Op("GET", "/activity", "listActivity", "The audit trail, newest first", a.activity),
		openapi.Op("GET", "/activity/days", "countActivity", "Sign-ins and refusals of each day", a.days),
		openapi.Op("GET", "/activity/export", "exportActivity", "The audit trail as a file, newest first", a.export),
	}
}

// An activityFilter selects events. What is left out does not count.
type activityFilter struct {
	Person    string
	Kind      string
	Code      string
	Reference string
	Since     time.Time
	Until     time.Time
}

type activityQuery struct {
	Person    string    `query:"person" doc:"e-mail, or id of an account"`
	Kind      string    `query:"kind" doc:"what happened, such as sign_in_refused"`
	Code      string    `query:"code" doc:"why something was refused, such as token_expired"`
	Reference string    `query:"reference" doc:"what a person saw on the page that refused"`
	Since     time.Time `query:"since" doc:"inclusive"`
	Until     time.Time `query:"until" doc:"exclusive"`
	After     string    `query:"after" doc:"next of the page before"`
	Limit     int       `query:"limit" doc:"1 to 500; 50 when it is left out"`
}

func (q activityQuery) filter() activityFilter {
	return activityFilter{q.Person, q.Kind, q.Code, q.Reference, q.Since, q.Until}
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

func eventOf(e sso.Event) event {
	out := event{
		ID: e.ID, At: e.At.UTC(), Kind: string(e.Kind), What: e.Kind.Words(), Code: string(e.Code), Detail: e.Detail,
		Reference: e.Reference, Person: e.AccountID, Email: e.Email, Actor: e.Actor, Provider: e.Provider, Peer: e.Peer, KeyID: e.KeyID,
	}
	if e.Code != "" {
		out.Why, out.Advice = e.Code.Label(), e.Code.Advice()
	}
	return out
}

func (a activityArea) activity(c *call, in activityQuery) (activityList, error) {
	ctx := c.Request().Context()
	q, err := a.eventQuery(ctx, in.filter())
	if err != nil {
		return activityList{}, err
	}
	q.Page = sso.Page{After: in.After, Limit: in.Limit}
	found, next, err := a.Store.Events(ctx, q)
	list := activityList{Events: []event{}, Next: next}
	for _, e := range found {
		list.Events = append(list.Events, eventOf(e))
	}
	return list, err
}

// eventQuery is what a filter means. What it names and cannot be is a refusal of the field: an empty list would look like
// an answer.
func (a activityArea) eventQuery(ctx context.Context, f activityFilter) (sso.EventQuery, error) {
	q := sso.EventQuery{Code: sso.Code(f.Code), Reference: tidyReference(f.Reference), Since: f.Since, Until: f.Until}
	if f.Kind != "" {
		q.Kinds = []sso.EventKind{sso.EventKind(f.Kind)}
		if !slices.Contains(sso.EventKinds(), q.Kinds[0]) {
			return q, invalid("kind", "is none of the kinds of events")
		}
	}
	if q.Code != "" && !slices.Contains(sso.Codes(), q.Code) {
		return q, invalid("code", "is none of the codes")
	}
	return q, a.aboutPerson(ctx, strings.TrimSpace(f.Person), &q)
}

// aboutPerson selects the events of a person: those of the account, and those that only name the e-mail, such as refusals
// from before there was an account.
func (a activityArea) aboutPerson(ctx context.Context, who string, q *sso.EventQuery) error {
	if who == "" {
		return nil
	}
	if id, err := strconv.ParseInt(who, 10, 64); err == nil {
		account, err := a.Store.Account(ctx, id)
		if errors.Is(err, sso.NotFound) {
			return invalid("person", "there is no account with this id")
		}
		q.AccountID, q.Email = account.ID, account.Email
		return err
	}
	if !strings.Contains(who, "@") {
		return invalid("person", "is neither an e-mail address nor the id of an account")
	}
	account, err := a.Store.AccountByEmail(ctx, who)
	q.AccountID, q.Email = account.ID, who
	if errors.Is(err, sso.NotFound) {
		return nil
	}
	return err
}

// tidyReference reads a reference as people pass it on: in small letters, with spaces or dashes.
func tidyReference(text string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(text))
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

const (
	daysShown = 30
	daysMost  = 366
)

func (a activityArea) days(c *call, in daysQuery) (dayList, error) {
	n := in.Days
	if n == 0 {
		n = daysShown
	}
	if n < 1 || n > daysMost {
		return dayList{}, invalid("days", "is not from 1 to %d", daysMost)
	}
	today := a.Now().UTC().Truncate(24 * time.Hour) // the zero time is a midnight, and days are of 24 hours in UTC
	first, end := today.AddDate(0, 0, 1-n), today.AddDate(0, 0, 1)
	counts, err := a.Store.EventCounts(c.Request().Context(), first, end)
	if err != nil {
		return dayList{}, err
	}
	list := dayList{Days: make([]dayCount, n)}
	for i := range list.Days {
		list.Days[i].Day = first.AddDate(0, 0, i).Format(time.DateOnly)
	}
	for _, count := range counts {
		i := int(count.Day.Sub(first) / (24 * time.Hour))
		switch {
		case i < 0 || i >= n:
		case count.Kind == sso.EventSignIn:
			list.Days[i].SignIns += count.Count
		case count.Kind == sso.EventSignInRefused:
			list.Days[i].Refusals += count.Count
		}
	}
	return list, nil
}
