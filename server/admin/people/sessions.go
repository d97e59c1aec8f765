package people

import (
	"context"
	"net/http"
	"net/url"
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
	}
}

func (a sessionArea) operations() []area.Operation {
	return []area.Operation{
		openapi.Op("GET", "/sessions", "listSessions", "Running sessions, newest first", a.sessions),
		openapi.Op("DELETE", "/sessions/{ref}", "endSession", "Sign one session out, at once and on every replica", a.endSession),
		openapi.Op("DELETE", "/people/{id}/sessions", "endSessions", "Sign a person out everywhere", a.endSessions),
	}
}

type sessionQuery struct {
	Person int64 `query:"person" doc:"id of an account: only its sessions"`
	area.Part
}

type sessionList struct {
	Sessions []session `json:"sessions"`
	Next     string    `json:"next" doc:"for after; empty at the end"`
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

func (s session) shown() templates.Session {
	return templates.Session{
		Ref: s.Ref, Device: s.Device, Peer: s.Peer, Provider: s.Provider, SignedInAt: s.CreatedAt, LastUsed: s.LastUsed, Current: s.Current,
	}
}

func (a sessionArea) sessions(c *area.Call, in sessionQuery) (sessionList, error) {
	ctx := c.Request().Context()
	found, next, err := a.Store.Sessions(ctx, sso.SessionQuery{Page: in.Page(), AccountID: in.Person})
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
	limits := a.Host.Bridge().Sessions
	for _, s := range found {
		row := templates.NewSession(s, c.Who.Session.Hash)
		list.Sessions = append(list.Sessions, session{
			Ref: row.Ref, Person: s.AccountID, Email: accounts[s.AccountID].Email, Device: row.Device, Provider: s.Provider, Peer: s.Peer,
			CreatedAt: s.CreatedAt.UTC(), LastUsed: s.LastUsed.UTC(), ExpiresAt: s.ExpiresAt.UTC(),
			TimedOut: !limits.Live(s, s.LastUsed, a.Now()), Current: row.Current,
		})
	}
	return list, nil
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

func (a sessionArea) sessionsPage(c *area.Call) error {
	return a.renderSessions(c, http.StatusOK, templates.AdminSessions{Person: c.QueryParam("person")}, c.QueryParam("after"))
}

func (a sessionArea) renderSessions(c *area.Call, status int, p templates.AdminSessions, after string) error {
	q := sessionQuery{Part: area.Part{After: after}}
	if p.Person != "" {
		account, err := accountOf(c.Request().Context(), a.Store, "person", p.Person)
		fields, rest, _, ok := area.ReadableParts(err)
		switch {
		case err == nil:
			q.Person = account.ID
		case ok:
			p.PersonError = area.Sentence(fields["person"]) + rest
		default:
			return err
		}
	}
	p.AdminLayout, p.Now = c.Layout(templates.AdminSectionSessions), a.Now()
	if p.PersonError != "" {
		return c.Show(max(status, http.StatusBadRequest), p)
	}
	list, err := a.sessions(c, q)
	if err != nil {
		return err
	}
	if after == "" && list.Next == "" {
		p.Count = admin.Count(len(list.Sessions), "session", "sessions")
	} else if q.Person == 0 {
		n, err := a.Store.CountSessions(c.Request().Context(), a.Now())
		if err != nil {
			return err
		}
		p.Count = admin.Count(int(n), "session", "sessions")
	}
	p.Pager = area.Pager(c.Link("/admin/sessions"), area.Filter("person", p.Person), after, list.Next)
	for _, s := range list.Sessions {
		p.Sessions = append(p.Sessions, templates.AdminSessionRow{
			Session: s.shown(), AccountID: s.Person, Email: s.Email, ExpiresAt: s.ExpiresAt, Idle: s.TimedOut,
		})
	}
	return c.Show(status, p)
}

func (a sessionArea) sessionsForm(c *area.Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	person := form.Get("person")
	_, err = a.endSession(c, sessionRef{form.Get("session")})
	if err == nil {
		path := "/sessions"
		if person != "" {
			path += "?" + url.Values{"person": {person}}.Encode()
		}
		return c.Done(path, "session-ended")
	}
	return c.Again(form, err, func(_ map[string]string, alert string, status int) error {
		return a.renderSessions(c, status, templates.AdminSessions{Person: person, Alert: alert}, "")
	})
}
