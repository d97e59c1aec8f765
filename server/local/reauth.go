package local

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/templates"
)

// proofLifetime is how long a proof of who someone is counts as fresh, for what needs one (SECURITY G3).
const proofLifetime = 10 * time.Minute

// keptFormLifetime is for how long a form waits for its person to prove who they are.
const keptFormLifetime = 15 * time.Minute

// Recent reports whether the person behind a request proved a short while ago who they are: by signing in, or at
// /auth/confirm.
func (s *Local) Recent(r *http.Request) bool {
	p, err := s.sessions.Principal(r)
	return err == nil && s.recent(p)
}

func (s *Local) recent(p *sso.Principal) bool {
	if p == nil {
		return false
	}
	age := s.web.Now().Sub(p.Session.ProvedAt)
	return age < proofLifetime && age > -proofLifetime // a clock that was far ahead proves nothing
}

// ConfirmURL is where a person proves anew who they are, and comes back to a path of this site.
func (s *Local) ConfirmURL(returnTo string) string {
	return s.web.Site().Path("/auth/confirm?" + url.Values{"return_to": {returnTo}}.Encode())
}

// KeepForm keeps a form that was posted to where r was, until its person has proved who they are, and returns where to
// send the browser. Afterwards a page offers to send the form once more, so that nothing which was typed is lost.
func (s *Local) KeepForm(r *http.Request, form url.Values) (location string, err error) {
	site := s.web.Site()
	p, err := s.sessions.Principal(r)
	switch {
	case err != nil:
		return "", err
	case p == nil:
		return "", sso.NotSignedIn
	}
	id := rand.Text()
	kept := keptForm{Account: p.Account.ID, Target: site.Path(r.URL.RequestURI()), Form: form, Until: s.web.Now().Add(keptFormLifetime)}
	if err := s.keepForm(r.Context(), id, kept); err != nil {
		return "", err
	}
	return s.ConfirmURL(site.Path("/auth/confirm/resume?form=" + id)), nil
}

// A keptForm waits in the store, sealed.
type keptForm struct {
	Account int64      `json:"a"`
	Target  string     `json:"t"` // path and query, of a route of ours
	Form    url.Values `json:"f"`
	Until   time.Time  `json:"u"`
}

func (s *Local) keepForm(ctx context.Context, id string, f keptForm) error {
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return s.store.KeepHandoff(ctx, "form:"+id, data, f.Until)
}

// handleResume is GET /auth/confirm/resume: the form that was kept, as it was typed, to be sent with one press.
func (s *Local) handleResume(c echo.Context) error {
	site, r := s.web.Site(), c.Request()
	p, err := s.MustSignIn(c, site.Path("/login"))
	if err != nil || p == nil {
		return err
	}
	id := c.QueryParam("form")
	data, err := s.store.TakeHandoff(r.Context(), "form:"+id)
	if err != nil {
		return err
	}
	var kept keptForm
	if err := json.Unmarshal(data, &kept); err != nil {
		return err
	}
	if err := s.keepForm(r.Context(), id, kept); err != nil { // for a reload of this page
		return err
	}
	if kept.Account != p.Account.ID {
		return fmt.Errorf("the form of account %d was asked for by account %d: %w", kept.Account, p.Account.ID, sso.NotFound)
	}
	page := templates.Resume{Layout: s.web.Layout(site, r), Action: kept.Target}
	for _, name := range slices.Sorted(maps.Keys(kept.Form)) {
		for _, value := range kept.Form[name] {
			page.Fields = append(page.Fields, templates.Hidden{Name: name, Value: value})
		}
	}
	return s.web.Page(c.Response(), http.StatusOK, page)
}

// handleConfirmPage is GET /auth/confirm: the ways in which this person can prove who they are.
func (s *Local) handleConfirmPage(c echo.Context) error {
	site, r := s.web.Site(), c.Request()
	to, err := landingOfQuery(site, r.URL.RawQuery)
	if err != nil {
		return err
	}
	p, err := s.MustSignIn(c, web.LoginPage(site, to))
	if err != nil || p == nil {
		return err
	}
	if s.recent(p) {
		return c.Redirect(http.StatusFound, to)
	}
	page, err := s.confirmPage(r, site, p, to)
	if err != nil {
		return err
	}
	return s.web.Page(c.Response(), http.StatusOK, page)
}

func (s *Local) confirmPage(r *http.Request, site *web.Site, p *sso.Principal, to string) (templates.Confirm, error) {
	page := templates.Confirm{Layout: s.web.Layout(site, r), Person: web.Person(p.Account), ReturnTo: to, Password: p.Account.HasPassword}
	if site.PasskeysPossible() {
		keys, err := s.store.Passkeys(r.Context(), p.Account.ID)
		if err != nil {
			return page, err
		}
		page.Passkey = len(keys) > 0
	}
	// A new sign-in of the same person there opens a new session, which is a fresh proof; anyone else's is not this one's.
	for _, name := range []string{p.Session.Provider, p.Account.Source} {
		if of := site.Bridge.Providers.Named(name); of != nil && of.Beginner != nil {
			page.ProviderURL = site.SignInWith(name, s.ConfirmURL(to))
			break
		}
	}
	return page, nil
}

// handleConfirm is POST /auth/confirm: a proof by password.
func (s *Local) handleConfirm(c echo.Context) error {
	site, r := s.web.Site(), c.Request()
	values, err := web.BodyOf(r)
	if err != nil {
		return err
	}
	to, err := landing(site, values)
	if err != nil {
		return err
	}
	p, err := s.MustSignIn(c, site.Path("/login"))
	if err != nil || p == nil {
		return err
	}
	try := attempt{email: p.Account.Email, typed: values.Get("password"), what: "to confirm who it is"}
	err = s.provePassword(r, site, try, func(known knownPassword) error {
		if known.account.ID != p.Account.ID { // the e-mail has become another account's meanwhile
			return sso.PasswordRefused
		}
		return s.proved(c, site, p, known.credential(), sso.WayPassword)
	})
	if err == nil {
		return c.Redirect(http.StatusSeeOther, to)
	}
	refused := err
	problem, ok := s.shownProblem(c, refused)
	if !ok {
		return err
	}
	page, err := s.confirmPage(r, site, p, to)
	if err != nil {
		return err
	}
	page.Error = problem.text
	if sso.CodeOf(refused) == sso.PasswordRefused {
		page.Error = "That is not your password."
	}
	return s.web.Page(c.Response(), problem.status, page)
}

// proved notes a fresh proof of a person: their session gets a new id (SECURITY D3).
func (s *Local) proved(c echo.Context, site *web.Site, p *sso.Principal, by credential.Credential, how string) error {
	r := c.Request()
	id := sso.NewSessionID()
	hash, _ := sso.HashSessionID(id)
	e := s.web.SessionEvent(r, p, sso.EventProof)
	e.Detail = "by " + how
	if err := s.store.RenewSession(r.Context(), p.Session.Hash, hash, by, s.web.Now(), e); err != nil {
		return err
	}
	s.sessions.Forget(p.Session.Hash)
	s.sessions.SeeChanges(r)
	site.SetSessionCookie(c.Response(), id)
	return nil
}

// shown is a refusal as the form that it is about shows it.
type shown struct {
	status int
	text   string
}

// shownProblem is what a form says when a password was refused or there were too many; ok is false for other errors, and
// for clients that want no page.
func (s *Local) shownProblem(c echo.Context, err error) (shown, bool) {
	r, code := c.Request(), sso.CodeOf(err)
	if !web.ReaderOf(r).Page || code != sso.PasswordRefused && code != sso.Throttled {
		return shown{}, false
	}
	s.web.LogRefusal(r, code.Status(), code, web.Reference(r), web.RequestID(r), err)
	if code == sso.Throttled {
		c.Response().Header().Set("Retry-After", fmt.Sprint(int(throttleWindow.Seconds())))
	}
	return shown{code.Status(), sso.Message(err) + "."}, true
}
