package admin

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// An ActivityStore is what the audit trail needs of package store.
type ActivityStore interface {
	Account(ctx context.Context, id int64) (sso.Account, error)
	AccountByEmail(ctx context.Context, email string) (sso.Account, error)
	Events(ctx context.Context, q sso.EventQuery) ([]sso.Event, string, error)
	EventCounts(ctx context.Context, since, until time.Time) ([]sso.DayCount, error)
}

// Activity is the audit trail.
type Activity struct {
	Store ActivityStore
}

// An ActivityFilter selects events. What is left out does not count.
type ActivityFilter struct {
	Person    string // e-mail, or id of an account
	Kind      string
	Code      string
	Actor     string    // who did it: an administrator's e-mail, or [Shell]
	Reference string    // as people pass it on: in small letters, with spaces or dashes
	Since     time.Time // inclusive
	Until     time.Time // exclusive
}

// Events returns one page of the events, newest first, and where the next begins. What the filter names and cannot be is a
// [*Refusal] of the field: an empty list would look like an answer.
func (a Activity) Events(ctx context.Context, f ActivityFilter, page sso.Page) (events []sso.Event, next string, err error) {
	q, err := a.query(ctx, f)
	if err != nil {
		return nil, "", err
	}
	q.Page = page
	return a.Store.Events(ctx, q)
}

// exportPageTime bounds the query for one part of an export. The request's own limit is for pages, and a long export takes
// longer; it ends when the client goes, because then writing fails.
const exportPageTime = 10 * time.Second

// Export returns what writes all events, newest first and page by page, so that a million of them need no memory. What can be
// refused is refused before anything is written.
func (a Activity) Export(ctx context.Context, f ActivityFilter) (each func(write func([]sso.Event) error) error, err error) {
	q, err := a.query(ctx, f)
	if err != nil {
		return nil, err
	}
	q.Limit = sso.MaxLimit
	events, next, err := a.Store.Events(ctx, q)
	if err != nil {
		return nil, err
	}
	return func(write func([]sso.Event) error) error {
		for {
			if err := write(events); err != nil || next == "" {
				return err
			}
			q.After = next
			page, cancel := context.WithTimeout(context.WithoutCancel(ctx), exportPageTime)
			events, next, err = a.Store.Events(page, q)
			cancel()
			if err != nil {
				return err
			}
		}
	}, nil
}

func (a Activity) query(ctx context.Context, f ActivityFilter) (sso.EventQuery, error) {
	q := sso.EventQuery{Code: sso.Code(f.Code), Reference: tidyReference(f.Reference), Since: f.Since, Until: f.Until}
	if f.Kind != "" {
		q.Kinds = []sso.EventKind{sso.EventKind(f.Kind)}
		if !slices.Contains(EventKinds(), q.Kinds[0]) {
			return q, Invalid("kind", "is none of the kinds of events")
		}
	}
	if q.Code != "" && !slices.Contains(sso.Codes(), q.Code) {
		return q, Invalid("code", "is none of the codes")
	}
	if err := a.byActor(ctx, strings.TrimSpace(f.Actor), &q); err != nil {
		return q, err
	}
	return q, a.aboutPerson(ctx, strings.TrimSpace(f.Person), &q)
}

// byActor selects what somebody did. Events have an actor as the account is written, whatever somebody types.
func (a Activity) byActor(ctx context.Context, who string, q *sso.EventQuery) error {
	q.Actor = who
	if !strings.Contains(who, "@") {
		return nil
	}
	account, err := a.Store.AccountByEmail(ctx, who)
	switch {
	case errors.Is(err, sso.NotFound):
		return nil
	case err == nil:
		q.Actor = account.Email
	}
	return err
}

// aboutPerson selects the events of a person: those of the account, and those that only name the e-mail, such as refusals
// from before there was an account.
func (a Activity) aboutPerson(ctx context.Context, who string, q *sso.EventQuery) error {
	if who == "" {
		return nil
	}
	if id, err := strconv.ParseInt(who, 10, 64); err == nil {
		account, err := a.Store.Account(ctx, id)
		if errors.Is(err, sso.NotFound) {
			return Invalid("person", "there is no account with this id")
		}
		q.AccountID, q.Email = account.ID, account.Email
		return err
	}
	if !strings.Contains(who, "@") {
		return Invalid("person", "is neither an e-mail address nor the id of an account")
	}
	account, err := a.Store.AccountByEmail(ctx, who)
	q.AccountID, q.Email = account.ID, who
	if errors.Is(err, sso.NotFound) {
		return nil
	}
	return err
}

func tidyReference(text string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(text))
}

// A Day counts the sign-ins and refusals of one day in UTC.
type Day struct {
	Day               time.Time // its beginning
	SignIns, Refusals int
}

// How many days are counted, unless that is said, and at most.
const (
	daysUsual = 30
	daysMost  = 366
)

// Days counts each of the last n days, oldest first, up to today; days on which nothing happened, too. 0 is 30 days; n is
// refused when it is not from 1 to 366.
func (a Activity) Days(ctx context.Context, now time.Time, n int) ([]Day, error) {
	if n == 0 {
		n = daysUsual
	}
	if n < 1 || n > daysMost {
		return nil, Invalid("days", "is not from 1 to %d", daysMost)
	}
	today := now.UTC().Truncate(24 * time.Hour) // the zero time is a midnight, and days are of 24 hours in UTC
	first, end := today.AddDate(0, 0, 1-n), today.AddDate(0, 0, 1)
	counts, err := a.Store.EventCounts(ctx, first, end)
	if err != nil {
		return nil, err
	}
	days := make([]Day, n)
	for i := range days {
		days[i].Day = first.AddDate(0, 0, i)
	}
	for _, count := range counts {
		i := int(count.Day.Sub(first) / (24 * time.Hour))
		switch {
		case i < 0 || i >= n:
		case count.Kind == sso.EventSignIn:
			days[i].SignIns += count.Count
		case count.Kind == sso.EventSignInRefused:
			days[i].Refusals += count.Count
		}
	}
	return days, nil
}
