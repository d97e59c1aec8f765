package server

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

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/templates"
)

// proofLifetime is how long a proof of who someone is counts as fresh, for what needs one (SECURITY G3).
const proofLifetime = 10 * time.Minute

// keptFormLifetime is for how long a form waits for its person to prove who they are.
const keptFormLifetime = 15 * time.Minute

// A proofStore keeps who proved when who they are.
type proofStore interface {
	// RenewSession gives a session another id and notes the proof; [sso.NotSignedIn] when it is over, and the errors of
	// [sso.Credential.Holds].
	RenewSession(ctx context.Context, old, renewed sso.SessionHash, by sso.Credential, at time.Time, e sso.Event) error
}

// Recent reports whether the person behind a request proved a short while ago who they are: by signing in, or at
// /auth/confirm.
func (s *local) Recent(r *http.Request) bool {
	p, err := s.principal(r)
	return err == nil && s.recent(p)
}

func (s *local) recent(p *sso.Principal) bool {
	if p == nil {
		return false
	}
	age := s.Now().Sub(p.Session.ProvedAt)
	return age < proofLifetime && age > -proofLifetime // a clock that was far ahead proves nothing
}

// ConfirmURL is where a person proves anew who they are, and comes back to a path of this site.
func (s *local) ConfirmURL(returnTo string) string {
	return s.live.Load().path("/auth/confirm?" + url.Values{"return_to": {returnTo}}.Encode())
}

// KeepForm keeps a form that was posted to where r was, until its person has proved who they are, and returns where to
// send the browser. Afterwards a page offers to send the form once more, so that nothing which was typed is lost.
func (s *local) KeepForm(r *http.Request, form url.Values) (location string, err error) {
	l := s.live.Load()
	p, err := s.principal(r)
	switch {
	case err != nil:
		return "", err
	case p == nil:
		return "", sso.NotSignedIn
	}
	id := rand.Text()
	kept := keptForm{Account: p.Account.ID, Target: l.path(r.URL.RequestURI()), Form: form, Until: s.Now().Add(keptFormLifetime)}
	if err := s.keepForm(r.Context(), id, kept); err != nil {
		return "", err
	}
	return s.ConfirmURL(l.path("/auth/confirm/resume?form=" + id)), nil
}

// A keptForm waits in the store, sealed.
type keptForm struct {
	Account int64      `json:"a"`
	Target  string     `json:"t"` // path and query, of a route of ours
	Form    url.Values `json:"f"`
	Until   time.Time  `json:"u"`
}

func (s *local) keepForm(ctx context.Context, id string, f keptForm) error {
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return s.store.KeepHandoff(ctx, "form:"+id, data, f.Until)
}

// handleResume is GET /auth/confirm/resume: the form that was kept, as it was typed, to be sent with one press.
func (s *local) handleResume(c echo.Context) error {
	l, r := s.live.Load(), c.Request()
	p, err := s.mustSignIn(c, l.path("/login"))
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
	page := templates.Resume{Layout: s.layout(l), Action: kept.Target}
	for _, name := range slices.Sorted(maps.Keys(kept.Form)) {
		for _, value := range kept.Form[name] {
			page.Fields = append(page.Fields, templates.Hidden{Name: name, Value: value})
		}
	}
	return s.page(c.Response(), http.StatusOK, page)
}

// handleConfirmPage is GET /auth/confirm: the ways in which this person can prove who they are.
func (s *local) handleConfirmPage(c echo.Context) error {
	l, r := s.live.Load(), c.Request()
	to, err := l.landingOfQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	p, err := s.mustSignIn(c, loginPage(l, to))
	if err != nil || p == nil {
		return err
	}
	if s.recent(p) {
		return c.Redirect(http.StatusFound, to)
	}
	page, err := s.confirmPage(r, l, p, to)
	if err != nil {
		return err
	}
	return s.page(c.Response(), http.StatusOK, page)
}

func (s *local) confirmPage(r *http.Request, l *live, p *sso.Principal, to string) (templates.Confirm, error) {
	page := templates.Confirm{Layout: s.layout(l), Person: person(p.Account), ReturnTo: to, Password: p.Account.HasPassword}
	if l.passkeysPossible() {
		keys, err := s.store.Passkeys(r.Context(), p.Account.ID)
		if err != nil {
			return page, err
		}
		page.Passkey = len(keys) > 0
	}
	// A new sign-in of the same person there opens a new session, which is a fresh proof; anyone else's is not this one's.
	if len(l.bridge.Providers) > 0 && p.Account.Source != "" {
		page.ProviderURL = l.signIn(s.ConfirmURL(to))
	}
	return page, nil
}

// handleConfirm is POST /auth/confirm: a proof by password.
func (s *local) handleConfirm(c echo.Context) error {
	l, r := s.live.Load(), c.Request()
	values, err := bodyOf(r)
	if err != nil {
		return err
	}
	to, err := l.landing(values)
	if err != nil {
		return err
	}
	p, err := s.mustSignIn(c, l.path("/login"))
	if err != nil || p == nil {
		return err
	}
	try := attempt{email: p.Account.Email, typed: values.Get("password"), what: "to confirm who it is"}
	err = s.provePassword(r, l, try, func(known knownPassword) error {
		if known.account.ID != p.Account.ID { // the e-mail has become another account's meanwhile
			return sso.PasswordRefused
		}
		return s.proved(c, l, p, known.credential(), "password")
	})
	if err == nil {
		return c.Redirect(http.StatusSeeOther, to)
	}
	refused := err
	problem, ok := s.shownProblem(c, refused)
	if !ok {
		return err
	}
	page, err := s.confirmPage(r, l, p, to)
	if err != nil {
		return err
	}
	page.Error = problem.text
	if sso.CodeOf(refused) == sso.PasswordRefused {
		page.Error = "That is not your password."
	}
	return s.page(c.Response(), problem.status, page)
}

// proved notes a fresh proof of a person: their session gets a new id (SECURITY D3).
func (s *local) proved(c echo.Context, l *live, p *sso.Principal, by sso.Credential, how string) error {
	r := c.Request()
	id := sso.NewSessionID()
	hash, _ := sso.HashSessionID(id)
	e := s.sessionEvent(r, p, sso.EventProof)
	e.Detail = "by " + how
	if err := s.store.RenewSession(r.Context(), p.Session.Hash, hash, by, s.Now(), e); err != nil {
		return err
	}
	s.principals.forget(p.Session.Hash)
	s.seeChanges(r)
	l.setSessionCookie(c.Response(), id)
	return nil
}

// shown is a refusal as the form that it is about shows it.
type shown struct {
	status int
	text   string
}

// shownProblem is what a form says when a password was refused or there were too many; ok is false for other errors, and
// for clients that want no page.
func (s *local) shownProblem(c echo.Context, err error) (shown, bool) {
	r, code := c.Request(), sso.CodeOf(err)
	if formOf(r) != formPage || code != sso.PasswordRefused && code != sso.Throttled {
		return shown{}, false
	}
	s.logRefusal(r, code.Status(), code, reference(r), requestID(r), err)
	if code == sso.Throttled {
		c.Response().Header().Set("Retry-After", fmt.Sprint(int(throttleWindow.Seconds())))
	}
	return shown{code.Status(), sso.Message(err) + "."}, true
}
