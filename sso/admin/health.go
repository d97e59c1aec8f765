package admin

import (
	"context"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// What [Activity.Health] looks at.
const (
	healthDays   = 14
	healthRecent = time.Hour      // the time that says whether sign-ins work now
	healthSince  = 24 * time.Hour // of refusals that are listed
	healthEvents = 200            // at most, of refusals and of changes
	healthShown  = 5              // of each list
	// troubled is from how many refusals in the last hour on they mean something, if they are more than the sign-ins.
	troubled = 5
)

// A Health is how sign-ins are doing.
type Health struct {
	Days    []Day       // the last 14, oldest first; the last one is today (UTC)
	Recent  Day         // the last hour
	Refused []Refused   // reasons of the last day, the most frequent first
	More    bool        // there were more refusals in the last day than were counted
	Changed []sso.Event // what administrators changed last, newest first
	Trouble *Refused    // why most sign-ins of the last hour were refused; nil: they were not
}

// A Refused is one reason for which sign-ins were refused.
type Refused struct {
	Code  sso.Code
	Count int
	First time.Time
	Last  sso.Event
}

// Today counts today (UTC).
func (h Health) Today() Day { return h.Days[len(h.Days)-1] }

// Health tells how sign-ins are doing now.
func (a Activity) Health(ctx context.Context, now time.Time) (h Health, err error) {
	if h.Days, err = a.Days(ctx, now, healthDays); err != nil {
		return h, err
	}
	counts, err := a.Store.EventCounts(ctx, now.Add(-healthRecent), now.Add(time.Second))
	if err != nil {
		return h, err
	}
	for _, c := range counts {
		switch c.Kind {
		case sso.EventSignIn:
			h.Recent.SignIns += c.Count
		case sso.EventSignInRefused:
			h.Recent.Refusals += c.Count
		}
	}
	refused, next, err := a.Store.Events(ctx, sso.EventQuery{
		Page: sso.Page{Limit: healthEvents}, Kinds: []sso.EventKind{sso.EventSignInRefused}, Since: now.Add(-healthSince),
	})
	if err != nil {
		return h, err
	}
	h.More = next != ""
	h.Refused = byReason(refused)
	if h.Recent.Refusals >= troubled && h.Recent.Refusals > h.Recent.SignIns {
		recent := byReason(slices.DeleteFunc(slices.Clone(refused), func(e sso.Event) bool { return e.At.Before(now.Add(-healthRecent)) }))
		if len(recent) > 0 {
			h.Trouble = &recent[0]
		}
	}
	h.Refused = h.Refused[:min(len(h.Refused), healthShown)]
	h.Changed, err = a.changed(ctx)
	return h, err
}

// byReason counts refusals by their code, the most frequent first. They come newest first.
func byReason(events []sso.Event) (all []Refused) {
	for _, e := range events {
		i := slices.IndexFunc(all, func(r Refused) bool { return r.Code == e.Code })
		if i < 0 {
			i, all = len(all), append(all, Refused{Code: e.Code, Last: e})
		}
		all[i].Count++
		all[i].First = e.At
	}
	slices.SortStableFunc(all, func(a, b Refused) int { return b.Count - a.Count })
	return all
}

// changed are the last changes that somebody made: what a sign-in changes by itself names no actor.
func (a Activity) changed(ctx context.Context) ([]sso.Event, error) {
	events, _, err := a.Store.Events(ctx, sso.EventQuery{
		Page: sso.Page{Limit: healthEvents}, Kinds: []sso.EventKind{sso.EventSetting, sso.EventGroup, sso.EventAccount, sso.EventService, sso.EventSession},
	})
	events = slices.DeleteFunc(events, func(e sso.Event) bool { return e.Actor == "" })
	return events[:min(len(events), healthShown)], err
}
