package server

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/admin"
	"github.com/ssobridge/ssobridge/sso"
)

// A trial is a sign-in that an administrator makes to see what it would lead to. It goes to the identity provider like any
// other; a sealed cookie tells its callback from a real one, so that it leads to a report and signs nobody in.
type trial struct {
	Session []byte    `json:"s"` // hash of the session that it was begun in, and must come back to
	State   string    `json:"f"` // of the flow; "" when logins are not bound, and then the next callback is the trial's
	Expires time.Time `json:"e"`
}

const (
	trialCookieHost  = "__Host-ssobridge-trial"
	trialCookiePlain = "ssobridge-trial"
)

func (l *live) trialCookieName() string {
	if l.cookie.secure {
		return trialCookieHost
	}
	return trialCookiePlain
}

// handleTrial begins a trial. The guard of the administrator's place stands before it.
func (s *relyingParty) handleTrial(c echo.Context) error {
	l, r := s.live.Load(), c.Request()
	p, err := s.principal(r)
	if err != nil {
		return err
	}
	if p == nil || !p.Administrator() {
		return sso.Forbidden
	}
	loginURL, flow, err := l.bridge.Begin(sso.Callback{ReturnTo: "/"})
	if err != nil {
		return err
	}
	t := trial{Session: p.Session.Hash[:], Expires: s.Now().Add(sso.FlowLifetime)}
	if flow != nil {
		if loginURL, err = s.keepFlow(c, l, flow); err != nil {
			return err
		}
		t.State = flow.Key()
	}
	plain, err := json.Marshal(t)
	if err != nil {
		return err
	}
	name := l.trialCookieName()
	sealed := base64.RawURLEncoding.EncodeToString(s.box.Seal(plain, name))
	http.SetCookie(c.Response(), l.flowCookie(name, sealed, int(sso.FlowLifetime.Seconds())))
	return c.Redirect(http.StatusSeeOther, loginURL)
}

// isTrial reports whether a callback is that of a trial which the person on this browser began.
func (s *relyingParty) isTrial(r *http.Request, l *live, cb sso.Callback) bool {
	name := l.trialCookieName()
	value, ok := cookieValue(r.Header["Cookie"], name)
	if !ok || cb.Current == nil || !cb.Current.Administrator() {
		return false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return false
	}
	plain, err := s.box.Open(sealed, name)
	if err != nil {
		return false
	}
	var t trial
	if json.Unmarshal(plain, &t) != nil || string(t.Session) != string(cb.Current.Session.Hash[:]) || !s.Now().Before(t.Expires) {
		return false
	}
	return t.State == "" || cb.State == "" || t.State == sso.FlowKey(cb.State)
}

// endTrial answers the callback of a trial with its report.
func (s *relyingParty) endTrial(c echo.Context, l *live, cb sso.Callback) error {
	r := c.Request()
	http.SetCookie(c.Response(), l.flowCookie(l.trialCookieName(), "", -1))
	e := l.bridge.Explain(r.Context(), cb)
	if e.Code == sso.StoreUnavailable || e.Code == sso.Internal {
		return fmt.Errorf("trial: %w", e.Code)
	}
	location, err := admin.KeepReport(r.Context(), s.store, cb.Current, rand.Text(), e, s.Now())
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, l.path(location))
}
