package signin

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/advice"
	"github.com/ssobridge/ssobridge/sso/checklist"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

// LivePath is where sign-ins are watched as they arrive.
const LivePath = area.PagesPrefix + "/try/live"

type liveStore interface {
	Events(ctx context.Context, q sso.EventQuery) ([]sso.Event, string, error)
}

// liveArea shows sign-ins as they arrive. It reads them from the audit trail, which all replicas write and read.
type liveArea struct {
	area.Options
	Store   liveStore
	windows *windows
	started time.Time // before that, other settings may have been in force
}

func newLiveArea(o area.Options, st liveStore) liveArea {
	return liveArea{o, st, &windows{}, o.Now()}
}

func (a liveArea) pages() []area.Page {
	return []area.Page{
		area.Get("/try/live", a.page),
		area.Get("/try/live/events", a.events),
	}
}

const (
	// watchFor is how long one window watches.
	watchFor = 30 * time.Minute
	// shownAtOnce is how many sign-ins a window shows.
	shownAtOnce = 20
	// late is how far the clock of another replica may be behind, and how long it may take until an event is written.
	late = 5 * time.Minute
	// settling is how long a sign-in may still be judged by settings that were replaced.
	settling = 5 * time.Second
)

// A watch says what a window shows: the sign-ins with an event after a number.
type watch struct {
	provider string // "": all
	after    int64
	opened   time.Time
}

// watchOf reads the address of a window. ok is false for one that was not opened yet.
func (a liveArea) watchOf(c *area.Call) (w watch, ok bool) {
	w.provider = c.QueryParam("provider")
	opened, err1 := strconv.ParseInt(c.QueryParam("opened"), 10, 64)
	after, err2 := strconv.ParseInt(c.QueryParam("after"), 10, 64)
	w.after, w.opened = after, time.Unix(opened, 0)
	return w, err1 == nil && err2 == nil && !w.opened.After(a.Now().Add(late))
}

func (w watch) query() url.Values {
	q := url.Values{"after": {strconv.FormatInt(w.after, 10)}, "opened": {strconv.FormatInt(w.opened.Unix(), 10)}}
	if w.provider != "" {
		q.Set("provider", w.provider)
	}
	return q
}

func (w watch) over(now time.Time) bool { return now.Sub(w.opened) >= watchFor }

// came are the sign-ins that a window shows, the newest first, and the number of the last event of all. Each kind is asked for by
// itself, so that many good ones hide no refusal.
func (a liveArea) came(ctx context.Context, w watch, limit int) (events []sso.Event, last int64, err error) {
	last = w.after
	for _, kind := range []sso.EventKind{sso.EventSignIn, sso.EventSignInRefused} {
		some, _, err := a.Store.Events(ctx, sso.EventQuery{Page: sso.Page{Limit: limit}, Kinds: []sso.EventKind{kind}, Since: w.opened.Add(-late)})
		if err != nil {
			return nil, last, err
		}
		for _, e := range some {
			last = max(last, e.ID)
			if e.ID > w.after && a.shows(w, e) {
				events = append(events, e)
			}
		}
	}
	slices.SortFunc(events, func(a, b sso.Event) int { return int(b.ID - a.ID) })
	return events, last, nil
}

// shows reports whether an event is of a sign-in with the provider of a window. Of some that were refused it is not known whose they
// are.
func (a liveArea) shows(w watch, e sso.Event) bool {
	switch e.Code {
	case sso.PasswordRefused, sso.PasskeyRefused, sso.Throttled:
		return false
	}
	if e.Provider == "" {
		return e.Code != ""
	}
	return e.Provider == w.provider || w.provider == "" && a.Host.Config().Provider(e.Provider) != nil
}

// page shows what came since the window was opened. Who opens one gets an address of its own, so that it can be loaded again.
func (a liveArea) page(c *area.Call) error {
	cfg, ctx := a.Host.Config(), c.Request().Context()
	w, opened := a.watchOf(c)
	if w.provider != "" && cfg.Provider(w.provider) == nil {
		return sso.NotFound
	}
	if !opened {
		w.opened = a.Now()
		w.after = 0
		var err error
		if _, w.after, err = a.came(ctx, w, sso.MaxLimit); err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, c.Link(LivePath+"?"+w.query().Encode()))
	}
	found, last, err := a.came(ctx, w, sso.MaxLimit)
	if err != nil {
		return err
	}
	p := templates.AdminLive{
		AdminLayout: c.Layout(templates.AdminSectionSignIn), Now: a.Now(), Last: last, Over: w.over(a.Now()), Minutes: int(watchFor.Minutes()),
		URL: c.Link(LivePath + "?" + w.query().Encode()), AnewURL: c.Link(LivePath), EventsURL: c.Link(LivePath + "/events?" + w.query().Encode()),
	}
	if w.provider != "" {
		p.AnewURL += "?" + url.Values{"provider": {w.provider}}.Encode()
		p.Label, p.ProviderURL = area.LabelOf(cfg.Provider(w.provider)), c.Link(area.PagesPrefix+ProviderPath(w.provider))
		if p.Label == "" {
			p.Label = w.provider
		}
	}
	if len(found) > shownAtOnce {
		p.More, found = len(found)-shownAtOnce, found[:shownAtOnce]
	}
	since, err := a.settledSince(ctx)
	if err != nil {
		return err
	}
	for _, e := range found {
		p.Attempts = append(p.Attempts, attemptOf(cfg, e, e.At.After(since)))
	}
	return c.Show(http.StatusOK, p)
}

// settledSince is from when on sign-ins were judged by the settings that are in force.
func (a liveArea) settledSince(ctx context.Context) (time.Time, error) {
	changes, _, err := a.Store.Events(ctx, sso.EventQuery{Page: sso.Page{Limit: 1}, Kinds: []sso.EventKind{sso.EventSetting}})
	if err != nil || len(changes) == 0 || changes[0].At.Add(settling).Before(a.started) {
		return a.started, err
	}
	return changes[0].At.Add(settling), nil
}

// attemptOf is the page's form of a sign-in. It says nothing of the token that the audit trail does not.
func attemptOf(cfg *setting.Config, e sso.Event, current bool) templates.AdminAttempt {
	out := templates.AdminAttempt{
		ID: e.ID, At: e.At, Refused: e.Code != "", Email: e.Email, Claimed: e.Code != "" && e.Proof == "", AccountID: e.AccountID, Provider: e.Provider,
		Peer: e.Peer, KeyID: e.KeyID, Reference: e.Reference, Detail: e.Detail,
	}
	if out.Refused {
		out.Code, out.Why, out.Advice = string(e.Code), e.Code.Label(), advice.For(cfg, sso.UseLogin, e.Code, e.Provider)
	}
	p := cfg.Provider(e.Provider)
	if p == nil {
		return out
	}
	for _, check := range checklist.Of(e, p, current) {
		out.Checks = append(out.Checks, templates.AdminLiveCheck{Words: check.Words, State: string(check.State), Note: check.Note})
	}
	return out
}
