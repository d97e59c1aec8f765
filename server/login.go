package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/urltext"
	"github.com/ssobridge/ssobridge/templates"
)

// handleSSO is GET and POST /auth/sso: without a token the way to the identity provider, with one (or a code) the way in.
func (s *relyingParty) handleSSO(c echo.Context) error {
	site, r := s.web.Site(), c.Request()
	if web.Prefetch(r) {
		c.Response().Header().Set("Retry-After", "0") // browsers drop a prefetched 503 and ask again when it is wanted
		return c.NoContent(http.StatusServiceUnavailable)
	}
	in, err := readCallback(r)
	if err != nil {
		return err
	}
	if r.Method == http.MethodHead && !begins(in) {
		return c.NoContent(http.StatusOK) // mail scanners and chat previews look at links; they sign no one in (SECURITY C7)
	}
	reader := web.ReaderOf(r)
	err = checkLoad(site, r)
	switch {
	case begins(in) && !reader.Page && (err != nil || reader.JSON && !reader.Client):
		// Some proxies redirect all who are not signed in, such as ingress-nginx. Nothing is begun, so no cookie is set.
		s.web.RefuseProgram(c.Response(), r, fmt.Errorf("a script or an asset of a page was led to the sign-in: %w", sso.NotSignedIn))
		return nil
	case err != nil:
		return err
	}
	taken := in.Handoff != ""
	if taken {
		if in, err = s.takeHandoff(r, site, in.Handoff); err != nil {
			s.noteLostHandoff(r, site, err)
			return err
		}
	}
	switch {
	case !in.Answers() && reader.Client:
		return s.loginURLAsJSON(c, site, in)
	case !in.Answers():
		return s.begin(c, site, in)
	case reader.Client:
		return s.signInAPI(c, in)
	case !taken && viaHandoff(site, r):
		return s.keepHandoff(c, site, in)
	}
	return s.gate.BySettings(r.Context(), func(site *web.Site) error { return s.signIn(c, site, in) })
}

// begins reports whether nothing came that could sign anyone in.
func begins(in sso.Callback) bool { return !in.Answers() && in.Handoff == "" }

// begin sends the browser to the identity provider, unless it goes in circles.
func (s *relyingParty) begin(c echo.Context, site *web.Site, in sso.Callback) error {
	r := c.Request()
	if in.Provider == "" && in.Issuer == "" && !in.Again && len(site.Bridge.Providers.Beginners()) > 1 {
		return s.choose(c, site, in)
	}
	loginURL, flow, err := site.Bridge.Begin(r.Context(), in)
	if err != nil {
		s.noteUnavailable(r, site, in, err)
		return err
	}
	to, err := site.Bridge.Return.Parse(in.ReturnTo)
	if err != nil {
		return err
	}
	web.NoteWanted(r, site, in.ReturnTo, nil)
	web.NoteProvider(r, in.Provider)
	if r.Method == http.MethodPost && site.CrossSite(r) { // browsers keep the cookie back that would tell circles
		return s.circle(r, site, in, to)
	}
	page, past := pageKey(to), s.begunOf(r, site)
	if in.Again {
		if done, err := s.beginAgain(c, site, in, to, past); done || err != nil {
			return err
		}
		past = append(past, beginning{Page: page, At: s.web.Now().UnixMilli(), Spent: true})
	}
	if r.Header.Get("Sec-Fetch-Site") == "same-origin" { // a person on a page of ours
		past = past.without(func(b beginning) bool { return b.Page == page && !b.Spent })
	}
	past = append(past, beginning{Page: page, At: s.web.Now().UnixMilli(), Away: fromAway(site, r)})
	laps := past.of(page, false)
	many := len(laps) >= circleLaps
	circle := many && fromAway(site, r) && laps.away() >= circleFrom
	if flow != nil && !circle {
		if loginURL, err = s.keepFlow(c, site, flow); err != nil {
			return err
		}
	}
	s.keepBegun(c.Response(), site, past)
	switch {
	case circle:
		return s.circle(r, site, in, to)
	case many && r.Header.Get("Sec-Fetch-Site") == "none":
		// One chain of redirects from an address that was typed stays "none" wherever it leads. A step of our own page ends it.
		return s.web.Page(c.Response(), http.StatusOK, templates.Continue{Layout: s.web.Layout(site, r), URL: site.SignIn(to)})
	}
	return s.web.Leave(c, site, templates.Leave{URL: loginURL})
}

// choose lets the person choose one of several providers.
func (s *relyingParty) choose(c echo.Context, site *web.Site, in sso.Callback) error {
	to, err := site.Bridge.Return.Parse(in.ReturnTo)
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, web.LoginPage(site, to))
}

// beginAgain is a sign-in that begins once more because the browser brought a spent token. By now another tab may have
// signed it in: done says that it was sent on. Else it waits until the product will sign another token. The step before left
// a cookie: a browser that brings none keeps none, and would go in circles that nobody counts.
func (s *relyingParty) beginAgain(c echo.Context, site *web.Site, in sso.Callback, to string, past begun) (done bool, err error) {
	r := c.Request()
	p, err := s.gate.Principal(r)
	if err != nil {
		return false, err
	}
	if p != nil {
		return true, c.Redirect(http.StatusFound, to)
	}
	_, ended := web.SoleCookie(r.Header["Cookie"], site.Cookie.Name)
	switch laps := len(past.of(pageKey(to), true)); {
	case len(past) > 0 && laps < spentLaps:
		return false, pause(r.Context(), newToken)
	case ended > 0 && !in.LastLook:
		// Another tab may have replaced that session while this request was under way: the next one brings the newer cookie.
		if err := pause(r.Context(), newCookie); err != nil {
			return false, err
		}
		return true, c.Redirect(http.StatusFound, againPath(site, "last", web.WantedPath(r, site), in.Provider))
	case len(past) == 0 && ended == 0:
		err = fmt.Errorf("a spent token came, and the browser keeps no cookies, without which no sign-in lasts: %w", sso.FlowMissing)
	default:
		err = fmt.Errorf("a spent token came again after the sign-in had begun once more: %w", sso.TokenReplayed)
	}
	s.noteRefusal(r, site, err)
	return false, err
}

// againPath is the way to beginAgain.
func againPath(site *web.Site, which, to, provider string) string {
	path := "/auth/sso?again=" + which + "&redirect=" + url.QueryEscape(to)
	if provider != "" {
		path += "&provider=" + url.QueryEscape(provider)
	}
	return site.Path(path)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for another token, or another tab: %w: %w", ctx.Err(), sso.ProviderUnavailable)
	}
}

// circle is the error of a browser that is sent here again and again without a token. Its event and its log line name the
// parameters that came.
func (s *relyingParty) circle(r *http.Request, site *web.Site, in sso.Callback, to string) error {
	web.SetWanted(r, urltext.PageWithoutTokens(to))
	err := in.NoAnswer()
	if names := namesIn(to); len(names) > 0 {
		err = fmt.Errorf("the page that was wanted has the parameters %s: %w", strings.Join(names, ", "), err)
	}
	s.noteRefusal(r, site, err)
	return err
}

// noteUnavailable leaves the event of a sign-in that did not begin because its provider cannot be asked for the way.
func (s *relyingParty) noteUnavailable(r *http.Request, site *web.Site, in sso.Callback, err error) {
	if p, _ := site.Bridge.Providers.ToBegin(in.Provider, in.Issuer); p != nil && r.Method != http.MethodHead && sso.CodeOf(err) == sso.ProviderUnavailable {
		s.noteRefusalOf(r, site, p, err)
	}
}

// noteRefusal leaves the event of a sign-in that was refused before the bridge saw a token.
func (s *relyingParty) noteRefusal(r *http.Request, site *web.Site, refusal error) {
	s.noteRefusalOf(r, site, site.Bridge.Providers.Sole(), refusal)
}

func (s *relyingParty) noteRefusalOf(r *http.Request, site *web.Site, p *sso.Provider, refusal error) {
	e := sso.Event{At: s.web.Now(), Kind: sso.EventSignInRefused, Code: sso.CodeOf(refusal), Reference: web.Reference(r), Peer: site.Peer(r), Detail: sso.Reason(refusal)}
	if p != nil {
		e.Provider = p.Name
	}
	s.web.RecordRefusal(context.WithoutCancel(r.Context()), e)
}

// signIn signs a browser in.
func (s *relyingParty) signIn(c echo.Context, site *web.Site, in sso.Callback) error {
	r := c.Request()
	current, err := s.gate.Principal(r)
	if err != nil {
		return err
	}
	cb := s.callback(r, site, in)
	cb.Current, cb.Navigation = current, web.ReaderOf(r).Page
	if cb.Besides, err = s.gate.Besides(r); err != nil {
		return err
	}
	if s.isTrial(r, site, cb) {
		return s.endTrial(c, site, cb)
	}
	cb.Switch = in.Switch && !site.CrossSite(r) && r.Method == http.MethodPost // only our own page can ask
	login, finished, err := s.redeem(r, site, cb)
	if finished {
		s.web.Log.InfoContext(r.Context(), "a sign-in that was finished came again: on to its page", "reference", cb.Reference, "peer", cb.Peer)
		return s.goOn(c, cb.Flow.ReturnTo)
	}
	if ask, ok := errors.AsType[*sso.SwitchNeeded](err); ok {
		return s.askSwitch(c, site, cb, ask)
	}
	if _, changed := errors.AsType[sso.SettingsChanged](err); changed {
		if in.Code != "" { // it is used up
			return c.Redirect(http.StatusSeeOther, site.SignIn(web.WantedPath(r, site)))
		}
		return err
	}
	if sso.CodeOf(err) == sso.TokenReplayed && cb.Navigation { // nothing was opened; see beginAgain
		s.keepBegun(c.Response(), site, append(s.begunOf(r, site), beginning{At: s.web.Now().UnixMilli()}))
		again := againPath(site, "yes", web.WantedPath(r, site), providerOf(site, cb))
		if r.Method == http.MethodPost {
			return s.web.Step(c, site, again)
		}
		return s.goOn(c, again)
	}
	if err != nil {
		return err
	}
	if !login.Resumed {
		s.logSignIn(r, cb, login)
		s.gate.EndReplaced(r)
		if _, n := web.SoleCookie(r.Header["Cookie"], site.Cookie.Name); n > 1 { // or the person would stay signed out
			site.ClearSessionCookie(c.Response(), r)
		}
		site.SetSessionCookie(c.Response(), login.SessionID)
		site.RememberWay(c.Response(), login.Session.Provider)
		if _, begun := web.CookieValue(r.Header["Cookie"], begunCookieName(site)); begun {
			s.keepBegun(c.Response(), site, nil)
		}
	}
	return s.goOn(c, login.ReturnTo)
}

// providerOf is the name of the provider that a callback was from; "" where there is only one.
func providerOf(site *web.Site, cb sso.Callback) string {
	if len(site.Bridge.Providers.Beginners()) < 2 {
		return ""
	}
	p, err := site.Bridge.Providers.Of(cb)
	if err != nil {
		return ""
	}
	return p.Name
}

// goOn sends a signed-in browser to where it wanted to go; after a POST with 303, so that the token is not posted on
// (SECURITY B6).
func (s *relyingParty) goOn(c echo.Context, to string) error {
	if c.Request().Method == http.MethodPost {
		return c.Redirect(http.StatusSeeOther, to)
	}
	return c.Redirect(http.StatusFound, to)
}

// askSwitch names both accounts and lets the person decide. The token stays unspent, in the form of our own page.
func (s *relyingParty) askSwitch(c echo.Context, site *web.Site, in sso.Callback, ask *sso.SwitchNeeded) error {
	var from sso.Account
	for _, p := range append(in.Besides, in.Current) {
		if p != nil && p.Account.ID == ask.From {
			from = p.Account
		}
	}
	to := ask.To
	next := templates.Person{Email: to.Email}
	if to.FirstName != nil || to.LastName != nil {
		next.Name = strings.TrimSpace(deref(to.FirstName) + " " + deref(to.LastName))
	}
	stay, err := site.Bridge.Return.Parse(in.ReturnTo)
	if err != nil {
		return err
	}
	return s.web.Page(c.Response(), http.StatusOK, templates.Switch{
		Layout: s.web.Layout(site, c.Request()), From: web.Person(from), To: next, JWT: in.Token, Provider: in.Provider, ReturnTo: stay, Stay: stay,
	})
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// loginURLAsJSON is the first step of embedding clients (CONTRACT 3).
func (s *relyingParty) loginURLAsJSON(c echo.Context, site *web.Site, in sso.Callback) error {
	if in.ReturnTo != "" {
		if _, err := site.Bridge.Return.Parse(in.ReturnTo); err != nil {
			return err
		}
	}
	p, err := site.Bridge.Providers.ToBegin(in.Provider, in.Issuer)
	if err != nil {
		return err
	}
	if p.OwnPage {
		return fmt.Errorf("the provider %q gives no token to the page of an embedding client: name one of kind jwt: %w", p.Name, sso.RequestMalformed)
	}
	return c.JSON(http.StatusOK, map[string]string{"url": p.Beginner.Site().String(), "method": "jwt"})
}

// signInAPI answers a program: the session's id in the body, and no cookie.
func (s *relyingParty) signInAPI(c echo.Context, in sso.Callback) error {
	login, err := s.openAPISession(c, in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{
		"status": "ok", "id": login.SessionID, "exp": login.Claims["exp"], "iat": login.Claims["iat"],
	})
}

// handleToSession is POST /auth/sso/to_session, for clients that manage the session themselves.
func (s *relyingParty) handleToSession(c echo.Context) error {
	site := s.web.Site()
	in, err := readCallback(c.Request())
	if err != nil {
		return err
	}
	if err := checkScript(site, c.Request()); err != nil {
		return err
	}
	login, err := s.openAPISession(c, in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"session_token": login.SessionID})
}

func (s *relyingParty) openAPISession(c echo.Context, in sso.Callback) (login *sso.Login, err error) {
	r := c.Request()
	err = s.gate.BySettings(r.Context(), func(site *web.Site) error {
		cb := s.callback(r, site, in)
		if login, err = s.runLogin(r, site, cb); err != nil {
			return err
		}
		s.logSignIn(r, cb, login)
		return nil
	})
	return login, err
}

// redeem is runLogin, once for each flow that has a code. finished says that a page came again whose sign-in had opened a session
// before, which this browser does not bring: nothing was done.
func (s *relyingParty) redeem(r *http.Request, site *web.Site, cb sso.Callback) (login *sso.Login, finished bool, err error) {
	if cb.Code == "" || cb.Flow == nil || !cb.Navigation || cb.Current != nil && cb.Current.Session.Flow == cb.Flow.Key() {
		login, err = s.runLogin(r, site, cb)
		return login, false, err
	}
	return s.codes.once(r.Context(), cb.Flow, s.web.Now, func(ctx context.Context) (*sso.Login, error) {
		return s.runLogin(r.WithContext(ctx), site, cb)
	})
}

// runLogin runs a login, and counts it. A question to the person ([sso.SwitchNeeded]) is neither a sign-in nor a refusal;
// nor is one that is judged anew ([sso.SettingsChanged]).
func (s *relyingParty) runLogin(r *http.Request, site *web.Site, cb sso.Callback) (*sso.Login, error) {
	began := time.Now()
	login, err := site.Bridge.SignIn(r.Context(), cb)
	_, ask := errors.AsType[*sso.SwitchNeeded](err)
	_, anew := errors.AsType[sso.SettingsChanged](err)
	switch took := time.Since(began); {
	case ask || anew:
	case err == nil:
		s.web.Metrics.SignedIn(login, took)
	default:
		s.web.Metrics.SignInRefused(nameOf(site.Bridge.Providers, cb), sso.CodeOf(err), took)
	}
	return login, err
}

// nameOf is the name of the provider that a callback is of; "" for none. What a client calls a provider is never returned.
func nameOf(all sso.Providers, cb sso.Callback) string {
	if p, _ := all.Of(cb); p != nil {
		return p.Name
	}
	return ""
}

// callback is what came, with what this browser brought besides.
func (s *relyingParty) callback(r *http.Request, site *web.Site, in sso.Callback) sso.Callback {
	in.Flow, in.NoFlow = s.flowOf(r, site, in.State)
	web.NoteWanted(r, site, in.ReturnTo, in.Flow)
	web.NoteProvider(r, nameOf(site.Bridge.Providers, in))
	in.Switch = false // for the caller to judge
	in.Reference, in.Peer, in.UserAgent = web.Reference(r), site.Peer(r), r.UserAgent()
	in.Network = web.Network(in.Peer)
	return in
}

func (s *relyingParty) logSignIn(r *http.Request, cb sso.Callback, login *sso.Login) {
	attrs := []any{"account", login.Session.AccountID, "provider", login.Session.Provider,
		"reference", cb.Reference, "peer", cb.Peer, "request_id", web.RequestID(r)}
	if len(login.Unmapped) > 0 {
		attrs = append(attrs, "unmapped_groups", login.Unmapped)
	}
	s.web.Log.InfoContext(r.Context(), "signed in", attrs...)
}

// readCallback reads a request to /auth/sso.
func readCallback(r *http.Request) (sso.Callback, error) {
	if r.Method != http.MethodPost {
		return sso.ParseCallback(r.URL.RawQuery, "", nil)
	}
	body, err := web.ReadBody(r, web.MaxBody)
	if err != nil {
		return sso.Callback{}, err
	}
	return sso.ParseCallback(r.URL.RawQuery, web.BodyKind(r), body)
}
