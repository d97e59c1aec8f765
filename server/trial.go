package server

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/admin/signin"
	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/templates"
)

// A trial is a sign-in that an administrator makes to see what it would lead to. It goes to the identity provider like any
// other; a sealed cookie tells its callback from a real one, so that it leads to a report and signs nobody in.
type trial struct {
	Session []byte    `json:"s"` // hash of the session that it was begun in, and must come back to
	State   string    `json:"f"` // of the flow; "" when logins are not bound, and then the next callback is the trial's
	Expires time.Time `json:"e"`
}

func trialCookieName(site *web.Site) string { return site.CookieName("trial") }

// handleTrial begins a trial. The guard of the administrator's place stands before it.
func (s *relyingParty) handleTrial(c echo.Context) error {
	site, r := s.web.Site(), c.Request()
	p, err := s.gate.Principal(r)
	if err != nil {
		return err
	}
	if p == nil || !p.Administrator() {
		return sso.Forbidden
	}
	values, err := web.BodyOf(r)
	if err != nil {
		return err
	}
	loginURL, flow, err := site.Bridge.Begin(c.Request().Context(), sso.Callback{ReturnTo: "/", Provider: values.Get("provider")})
	if sso.CodeOf(err) == sso.ProviderUnavailable { // who tests it wants to know why
		return s.reportTrial(c, site, p, sso.Explanation{Code: sso.ProviderUnavailable, Use: sso.UseLogin, Provider: values.Get("provider"),
			Checks: []sso.Check{{Name: "begin", Detail: sso.Reason(err)}}})
	}
	if err != nil {
		return err
	}
	t := trial{Session: p.Session.Hash[:], Expires: s.web.Now().Add(sso.FlowLifetime)}
	if flow != nil {
		if loginURL, err = s.keepFlow(c, site, flow); err != nil {
			return err
		}
		t.State = flow.Key()
	}
	name := trialCookieName(site)
	http.SetCookie(c.Response(), site.LaxCookie(name, s.web.SealCookie(name, t), int(sso.FlowLifetime.Seconds())))
	return s.web.Leave(c, site, templates.Leave{URL: loginURL})
}

// isTrial reports whether a callback is that of a trial which the person on this browser began.
func (s *relyingParty) isTrial(r *http.Request, site *web.Site, cb sso.Callback) bool {
	var t trial
	if cb.Current == nil || !cb.Current.Administrator() || !s.web.OpenCookie(r, trialCookieName(site), &t) {
		return false
	}
	if string(t.Session) != string(cb.Current.Session.Hash[:]) || !s.web.Now().Before(t.Expires) {
		return false
	}
	return t.State == "" || cb.State == "" || t.State == sso.FlowKey(cb.State)
}

// endTrial answers the callback of a trial with its report.
func (s *relyingParty) endTrial(c echo.Context, site *web.Site, cb sso.Callback) error {
	r := c.Request()
	http.SetCookie(c.Response(), site.LaxCookie(trialCookieName(site), "", -1))
	e := site.Bridge.Explain(r.Context(), cb)
	if e.Code == sso.StoreUnavailable || e.Code == sso.Internal {
		return fmt.Errorf("trial: %w", e.Code)
	}
	return s.reportTrial(c, site, cb.Current, e)
}

// reportTrial leads an administrator to the report of a trial.
func (s *relyingParty) reportTrial(c echo.Context, site *web.Site, who *sso.Principal, e sso.Explanation) error {
	location, err := signin.KeepReport(c.Request().Context(), site.Config, s.store, who, rand.Text(), e, s.web.Now())
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, site.Path(location))
}
