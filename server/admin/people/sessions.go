package people

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/templates"
)

type sessionStore interface {
	admin.SessionStore
	Sessions(ctx context.Context, q sso.SessionQuery) ([]sso.Session, string, error)
	CountSessions(ctx context.Context, now time.Time) (int64, error)
	CountSessionsLike(ctx context.Context, q sso.SessionQuery) (n int, further bool, err error)
	CountSessionsOf(ctx context.Context, accountIDs []int64) (int64, error)
	AccountsByID(ctx context.Context, ids []int64) (map[int64]sso.Account, error)
}

// sessionArea shows the running sessions, and ends them.
type sessionArea struct {
	area.Options
	Store Store
}

func (a sessionArea) pages() []area.Page {
	return []area.Page{
		area.Get("/sessions", a.sessionsPage),
		area.Post("/sessions", a.sessionsForm),
		area.Post("/sessions/selected", a.selectedForm),
	}
}

func (a sessionArea) operations() []area.Operation {
	return []area.Operation{
		openapi.Op("GET", "/sessions", "listSessions", "Running sessions, newest first", a.sessions),
		openapi.Op("DELETE", "/sessions/{ref}", "endSession", "Sign one session out, at once and on every replica", a.endSession),
		openapi.Op("POST", "/sessions/selected", "endSelected", "Sign several sessions out, at once and on every replica", a.endSelected),
		openapi.Op("DELETE", "/people/{id}/sessions", "endSessions", "Sign a person out everywhere", a.endSessions),
	}
}

type sessionQuery struct {
	Person        int64     `query:"person" doc:"id of an account: only its sessions"`
	Administrator bool      `query:"administrator" doc:"only those of administrators"`
	Provider      string    `query:"provider" doc:"only those that this provider opened; password and passkey are names, too"`
	Local         *bool     `query:"local" doc:"true: only those that a password or a passkey opened; false: only those of providers"`
	UnusedSince   time.Time `query:"unused_since" doc:"only those that were last used before this"`
	Device        string    `query:"device" doc:"a system or a browser, such as Windows or Firefox"`
	area.Part
}

// sessions is the query as stores take it.
func (q sessionQuery) sessions() (sso.SessionQuery, error) {
	marks, ok := templates.DeviceMarks(q.Device)
	if q.Device != "" && !ok {
		return sso.SessionQuery{}, admin.Invalid("device", "is none of %s", strings.Join(templates.Devices(), ", "))
	}
	return sso.SessionQuery{Page: q.Page(), AccountID: q.Person, Administrators: q.Administrator, Provider: q.Provider, Local: q.Local,
		UnusedSince: q.UnusedSince, Agent: marks}, nil
}

type sessionList struct {
	Sessions []session `json:"sessions"`
	Next     string    `json:"next" doc:"for after; empty at the end. A part may have few sessions or none, though there is a next one"`
}

type session struct {
	Ref       string    `json:"ref" doc:"names the session; it is not what a browser signs in with"`
	Person    int64     `json:"person" doc:"id of the account"`
	Email     string    `json:"email"`
	Device    string    `json:"device" doc:"such as Firefox on Linux"`
	Provider  string    `json:"provider" doc:"how it was opened"`
	Peer      string    `json:"peer" doc:"the address it was opened from"`
	CreatedAt time.Time `json:"created_at"`
	LastUsed  time.Time `json:"last_used" doc:"up to a minute behind"`
	ExpiresAt time.Time `json:"expires_at" doc:"its end, if it is used until then"`
	TimedOut  bool      `json:"timed_out" doc:"it is over: it was not used for SESSION_TIMEOUT, or MAX_SESSION_AGE is shorter now"`
	Current   bool      `json:"current" doc:"it is the session of this very request"`
}

// shown is the session on a page of administrators.
func (a sessionArea) shown(s session) templates.Session {
	return templates.Session{
		Ref: s.Ref, Device: s.Device, Peer: s.Peer, Provider: area.ShownProvider(a.Host.Config(), s.Provider), SignedInAt: s.CreatedAt, LastUsed: s.LastUsed, Current: s.Current,
	}
}

func (a sessionArea) sessions(c *area.Call, in sessionQuery) (sessionList, error) {
	ctx := c.Request().Context()
	q, err := in.sessions()
	if err != nil {
		return sessionList{}, err
	}
	found, next, err := a.Store.Sessions(ctx, q)
	if err != nil {
		return sessionList{}, err
	}
	var ids []int64
	for _, s := range found {
		ids = append(ids, s.AccountID)
	}
	accounts, err := a.Store.AccountsByID(ctx, ids)
	if err != nil {
		return sessionList{}, err
	}
	list := sessionList{Sessions: []session{}, Next: next}
	for _, s := range found {
		list.Sessions = append(list.Sessions, a.sessionOf(c, s, accounts[s.AccountID].Email))
	}
	return list, nil
}

func (a sessionArea) sessionOf(c *area.Call, s sso.Session, email string) session {
	row := templates.NewSession(s, c.Who.Session.Hash)
	return session{
		Ref: row.Ref, Person: s.AccountID, Email: email, Device: row.Device, Provider: s.Provider, Peer: s.Peer,
		CreatedAt: s.CreatedAt.UTC(), LastUsed: s.LastUsed.UTC(), ExpiresAt: s.ExpiresAt.UTC(),
		TimedOut: !a.Host.Bridge().Sessions.Live(s, s.LastUsed, a.Now()), Current: row.Current,
	}
}

type sessionRef struct {
	Ref string `path:"ref"`
}

func (a sessionArea) endSession(c *area.Call, in sessionRef) (openapi.Nothing, error) {
	hash, ok := templates.ParseSessionRef(in.Ref)
	if !ok {
		return openapi.Nothing{}, admin.ErrSessionOver
	}
	return openapi.Nothing{}, admin.Sessions{Store: a.Store}.End(c.Request().Context(), c.Actor(), hash)
}

type endedSessions struct {
	Ended int `json:"ended" doc:"how many sessions there were"`
}

func (a sessionArea) endSessions(c *area.Call, in area.ByID) (endedSessions, error) {
	n, err := admin.Sessions{Store: a.Store}.EndAll(c.Request().Context(), c.Actor(), in.ID)
	return endedSessions{n}, err
}

type selectedSessions struct {
	Sessions []string `json:"sessions" doc:"the ref of each, 500 at most"`
}

func (a sessionArea) endSelected(c *area.Call, in selectedSessions) (endedSessions, error) {
	n, err := admin.Sessions{Store: a.Store}.EndSeveral(c.Request().Context(), c.Actor(), hashesOf(in.Sessions))
	return endedSessions{n}, err
}

// hashesOf leaves out what names no session: it is over.
func hashesOf(refs []string) (ids []sso.SessionHash) {
	for _, ref := range refs {
		if id, ok := templates.ParseSessionRef(ref); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// A sessionFilter is what is chosen above the list of sessions.
type sessionFilter struct {
	person, way, role, unused, device string
}

func typedSessionFilter(q url.Values) sessionFilter {
	return sessionFilter{strings.TrimSpace(q.Get("person")), q.Get("way"), q.Get("role"), q.Get("unused"), q.Get("device")}
}

// query writes the filter as the query of a URL.
func (f sessionFilter) query() url.Values {
	return area.Filter("person", f.person, "way", f.way, "role", f.role, "unused", f.unused, "device", f.device)
}

// anyProvider is the choice of all providers; no provider can have this name.
const anyProvider = "*"

// unused are the choices of how long ago a session was last used.
func unused() map[string]time.Duration {
	return map[string]time.Duration{"hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour, "month": 30 * 24 * time.Hour}
}

// asks is the query of the list. What is no choice asks for nothing.
func (f sessionFilter) asks(person int64, now time.Time) sessionQuery {
	q := sessionQuery{Person: person, Administrator: f.role == "administrator"}
	if f.way == anyProvider {
		q.Local = new(bool)
	} else {
		q.Provider = f.way
	}
	if d, ok := unused()[f.unused]; ok {
		q.UnusedSince = now.Add(-d)
	}
	if _, ok := templates.DeviceMarks(f.device); ok {
		q.Device = f.device
	}
	return q
}

func (a sessionArea) sessionsPage(c *area.Call) error {
	return a.renderSessions(c, http.StatusOK, templates.AdminSessions{}, typedSessionFilter(c.QueryParams()), c.QueryParam("after"))
}

func (a sessionArea) renderSessions(c *area.Call, status int, p templates.AdminSessions, f sessionFilter, after string) error {
	var person int64
	p.Person = f.person
	if f.person != "" {
		account, err := accountOf(c.Request().Context(), a.Store, "person", f.person)
		fields, rest, _, ok := area.ReadableParts(err)
		switch {
		case err == nil:
			person = account.ID
		case ok:
			p.PersonError = area.Sentence(fields["person"]) + rest
		default:
			return err
		}
	}
	p.AdminLayout, p.Now = c.Layout(templates.AdminSectionSessions), a.Now()
	p.Filtered, p.Back = len(f.query()) > 0, f.query().Encode()
	a.fillFilter(&p, f)
	if p.PersonError != "" {
		return c.Show(max(status, http.StatusBadRequest), p)
	}
	q := f.asks(person, a.Now())
	q.After = after
	list, err := a.sessions(c, q)
	if err != nil {
		return err
	}
	if p.Count, err = a.counted(c, q, list); err != nil {
		return err
	}
	p.Pager = area.Pager(c.Link("/admin/sessions"), f.query(), after, list.Next)
	for _, s := range list.Sessions {
		p.Sessions = append(p.Sessions, a.row(s))
	}
	return c.Show(status, p)
}

func (a sessionArea) row(s session) templates.AdminSessionRow {
	return templates.AdminSessionRow{Session: a.shown(s), AccountID: s.Person, Email: s.Email, ExpiresAt: s.ExpiresAt, Idle: s.TimedOut}
}

// counted says how many sessions there are of which a page shows some.
func (a sessionArea) counted(c *area.Call, in sessionQuery, list sessionList) (string, error) {
	ctx := c.Request().Context()
	them := func(n int) string { return admin.Count(n, "session", "sessions") }
	if in.After == "" && list.Next == "" {
		return them(len(list.Sessions)), nil
	}
	if in == (sessionQuery{Part: in.Part}) { // all of them
		n, err := a.Store.CountSessions(ctx, a.Now())
		return them(int(n)), err
	}
	q, err := in.sessions()
	if err != nil {
		return "", err
	}
	n, further, err := a.Store.CountSessionsLike(ctx, q)
	if further {
		return "at least " + them(n), err
	}
	return them(n), err
}

// fillFilter fills what is chosen from.
func (a sessionArea) fillFilter(p *templates.AdminSessions, f sessionFilter) {
	option := func(value, label string) templates.AdminOption {
		return templates.AdminOption{Value: value, Label: label}
	}
	ways := []templates.AdminOption{option("", "anything"), option(anyProvider, "any provider")}
	for _, one := range a.Host.Config().Providers {
		ways = append(ways, option(one.Name, area.ShownProvider(a.Host.Config(), one.Name)))
	}
	ways = append(ways, option(sso.WayPassword, "a password"), option(sso.WayPasskey, "a passkey"))
	p.Ways = area.Choose(f.way, ways...)
	p.Roles = area.Choose(f.role, option("", "everybody"), option("administrator", "administrators"))
	p.Unused = area.Choose(f.unused, option("", "at any time"), option("hour", "more than an hour ago"), option("day", "more than a day ago"),
		option("week", "more than a week ago"), option("month", "more than 30 days ago"))
	devices := []templates.AdminOption{option("", "any")}
	for _, name := range templates.Devices() {
		devices = append(devices, option(name, name))
	}
	p.Devices = area.Choose(f.device, devices...)
}

// sessionsForm ends the session of whose row the button was pressed.
func (a sessionArea) sessionsForm(c *area.Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	f := backTo(form)
	_, err = a.endSession(c, sessionRef{form.Get("session")})
	if err == nil {
		return c.Done(area.WithQuery("/sessions", f.query()), "session-ended")
	}
	return c.Again(form, err, func(_ map[string]string, alert string, status int) error {
		return a.renderSessions(c, status, templates.AdminSessions{Alert: alert}, f, "")
	})
}

// backTo is the filter of the list from which a form was sent.
func backTo(form url.Values) sessionFilter {
	q, err := url.ParseQuery(form.Get("back"))
	if err != nil {
		return sessionFilter{}
	}
	return typedSessionFilter(q)
}

// selectedForm shows which sessions are ticked, and ends them when that is confirmed.
func (a sessionArea) selectedForm(c *area.Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	f, refs := backTo(form), form["ticked"]
	if len(refs) > admin.MaxSeveral {
		refs = refs[:admin.MaxSeveral]
	}
	p := templates.AdminEndSessions{Back: area.WithQuery(c.Link("/admin/sessions"), f.query()), BackQuery: f.query().Encode()}
	if form.Get("confirmed") == "yes" {
		out, err := a.endSelected(c, selectedSessions{refs})
		if err == nil {
			c.Applied()
			p.Ended = &out.Ended
			return a.showSelected(c, http.StatusOK, p, nil)
		}
		return c.Again(form, err, func(fields map[string]string, alert string, status int) error {
			p.Alert = alert + area.Sentence(fields["sessions"])
			return a.showSelected(c, status, p, refs)
		})
	}
	return a.showSelected(c, http.StatusOK, p, refs)
}

// showSelected answers with the sessions that are ticked, but for those that are over.
func (a sessionArea) showSelected(c *area.Call, status int, p templates.AdminEndSessions, refs []string) error {
	layout := c.Layout(templates.AdminSectionSessions)
	if p.Ended != nil {
		layout.Notice = admin.Count(*p.Ended, "session is", "sessions are") + " over."
	}
	p.AdminLayout, p.Now = layout, a.Now()
	people := map[int64]bool{}
	for _, id := range hashesOf(refs) {
		who, err := a.Store.Principal(c.Request().Context(), id)
		if errors.Is(err, sso.NotSignedIn) {
			continue
		}
		if err != nil {
			return err
		}
		people[who.Account.ID] = true
		p.Sessions = append(p.Sessions, a.row(a.sessionOf(c, who.Session, who.Account.Email)))
	}
	p.People = admin.Count(len(people), "person", "people")
	if len(p.Sessions) == 0 && p.Ended == nil && p.Alert == "" {
		p.Alert, status = "No session is ticked, or those that were are over. Go back to the list, and tick which are meant.", http.StatusBadRequest
	}
	return c.Show(status, p)
}
