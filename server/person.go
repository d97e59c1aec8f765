package server

import (
	"context"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/local"
	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/templates"
)

// currentUser is the answer of GET /api/user/current, with Metabase's names.
type currentUser struct {
	ID              int64             `json:"id"`
	Email           string            `json:"email"`
	FirstName       *string           `json:"first_name"`
	LastName        *string           `json:"last_name"`
	CommonName      string            `json:"common_name"`
	IsSuperuser     bool              `json:"is_superuser"`
	IsActive        bool              `json:"is_active"`
	SSOSource       *string           `json:"sso_source"`
	LoginAttributes map[string]string `json:"login_attributes"`
	GroupIDs        []int64           `json:"group_ids"`
	Groups          []sso.Group       `json:"groups"`
	LastLogin       *string           `json:"last_login"`
}

// handleCurrentUser is GET /api/user/current.
func (s *Server) handleCurrentUser(c echo.Context) error {
	p, err := s.gate.Caller(c.Request())
	switch {
	case err != nil:
		return err
	case p == nil:
		return sso.NotSignedIn
	}
	a := p.Account
	u := currentUser{
		ID: a.ID, Email: a.Email, FirstName: orNull(a.FirstName), LastName: orNull(a.LastName), CommonName: a.CommonName(),
		IsSuperuser: p.Administrator(), IsActive: a.Active, SSOSource: orNull(a.Source), LoginAttributes: a.Attributes(),
		GroupIDs: make([]int64, len(p.Groups)), Groups: p.Groups,
	}
	for i, g := range p.Groups {
		u.GroupIDs[i] = g.ID
	}
	if !a.LastLogin.IsZero() {
		u.LastLogin = orNull(a.LastLogin.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	return c.JSON(http.StatusOK, u)
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// handleHome is GET / where no app stands behind the bridge.
func (s *Server) handleHome(c echo.Context) error {
	site, r := s.web.Site(), c.Request()
	p, err := s.gate.Principal(r)
	if err != nil {
		return err
	}
	page := templates.Home{
		Layout: s.web.Layout(site, r), Now: s.web.Now(), Providers: local.Providers(site, site.LastWay(r)), Password: site.Config.EnablePasswordLogin,
		Callback: site.Config.URL("/auth/sso"),
	}
	if p != nil {
		err = s.fillHome(r, &page, p)
	} else {
		s.web.WarnStrayToken(r, r.URL.Path, r.URL.RawQuery)
		page.SetUp, err = s.local.Empty(r.Context(), site)
		if err == nil {
			page.Passkey, err = s.local.PasskeyAlone(r.Context(), site)
		}
	}
	if err != nil {
		return err
	}
	return s.web.Page(c.Response(), http.StatusOK, page)
}

// handleAccount is GET /auth/account: what handleHome shows who is signed in, also where an app has the path /.
func (s *Server) handleAccount(c echo.Context) error {
	site, r := s.web.Site(), c.Request()
	p, err := s.local.MustSignIn(c, web.LoginPage(site, site.Path("/auth/account")))
	if err != nil || p == nil {
		return err
	}
	page := templates.Home{Layout: s.web.Layout(site, r), Now: s.web.Now(), Done: doneHere(c.QueryParam("done"))}
	if err := s.fillHome(r, &page, p); err != nil {
		return err
	}
	return s.web.Page(c.Response(), http.StatusOK, page)
}

// doneHere says what a form of the page has done.
func doneHere(what string) string {
	switch what {
	case "session":
		return "That session has ended."
	case "others":
		return "You are signed out everywhere else."
	case "over":
		return "That session was over already."
	}
	return ""
}

func (s *Server) fillHome(r *http.Request, page *templates.Home, p *sso.Principal) error {
	who := web.Person(p.Account)
	page.Person = &who
	page.User = &templates.UserMenu{Name: who.Label()}
	if s.options.Administration != nil && p.Administrator() {
		page.User.AdminURL = s.web.Site().Path("/admin")
	}
	page.HasPassword, page.HasPasskeys = p.Account.HasPassword, credential.MayUsePasskeys(p.Account, p.Administrator())
	for _, g := range p.Groups {
		page.Groups = append(page.Groups, g.Name)
	}
	if page.HasPasskeys {
		keys, err := s.options.Store.Passkeys(r.Context(), p.Account.ID)
		if err != nil {
			return err
		}
		page.Passkeys = local.PasskeyRows(keys)
		page.Offer, page.ReturnTo = len(keys) == 0 && p.Administrator() && s.local.OfferPasskey(r), s.web.Site().Path("/auth/account")
	}
	list, next, err := s.options.Store.Sessions(r.Context(), sso.SessionQuery{AccountID: p.Account.ID})
	if err != nil {
		return err
	}
	page.More = next != ""
	for _, session := range list {
		row := templates.NewSession(session, p.Session.Hash)
		if of := s.web.Site().Config.Provider(session.Provider); of != nil {
			row.Provider = of.Label // a name that only administrators know says nothing here
		}
		if row.Current {
			page.Sessions = append([]templates.Session{row}, page.Sessions...)
		} else {
			page.Sessions = append(page.Sessions, row)
		}
	}
	return nil
}

// handleLogoutPage is GET /auth/logout: it asks, because a link alone must not sign anyone out (SECURITY D7).
func (s *Server) handleLogoutPage(c echo.Context) error {
	site, r := s.web.Site(), c.Request()
	p, err := s.gate.AnyOf(r)
	if err != nil {
		return err
	}
	another := c.QueryParam("another") == "yes"
	if p == nil && another {
		return c.Redirect(http.StatusFound, web.AnotherURL(site, returnPath(site, c.QueryParam("return_to"))))
	}
	if p == nil {
		return s.web.Page(c.Response(), http.StatusOK, templates.LoggedOut{Layout: s.web.Layout(site, r), SignInURL: site.SignInURL()})
	}
	return s.web.Page(c.Response(), http.StatusOK, templates.Logout{Layout: s.web.Layout(site, r), Person: web.Person(p.Account), Another: another, ReturnTo: returnPath(site, c.QueryParam("return_to"))})
}

// handleLogout is POST /auth/logout and /auth/sso/logout. It ends this session, or all that are named if there are several;
// scope=others ends the person's other ones, scope=session the one that is named. scope=another begins a sign-in as somebody else.
func (s *Server) handleLogout(c echo.Context) error {
	site, r := s.web.Site(), c.Request()
	p, err := s.gate.Principal(r)
	if err != nil {
		return err
	}
	scope, named, to := "", sso.SessionHash{}, ""
	if web.BodyKind(r) == "application/x-www-form-urlencoded" {
		values, err := web.BodyOf(r)
		if err != nil {
			return err
		}
		scope, to = values.Get("scope"), returnPath(site, values.Get("return_to"))
		named, _ = templates.ParseSessionRef(values.Get("session"))
	}
	if p != nil && (scope == "others" || scope == "session") {
		ended, err := s.endOthers(r, p, scope, named)
		if err != nil {
			return err
		}
		if scope == "session" && ended == 0 {
			scope = "over"
		}
		return c.Redirect(http.StatusSeeOther, site.Path("/auth/account?done="+scope))
	}
	away := s.logoutURI(r.Context(), site, p) // while the session is there, which knows its ID token
	if err := s.gate.EndNamed(r, sso.EventSignOut, ""); err != nil {
		return err
	}
	site.ClearSessionCookie(c.Response(), r)
	if scope == "another" && web.ReaderOf(r).Page {
		return s.web.Step(c, site, web.AnotherURL(site, to))
	}
	return s.loggedOut(c, site, to, away)
}

// returnPath is where somebody else comes to who signs in after a sign-out; "" is nowhere in particular.
func returnPath(site *web.Site, raw string) string {
	if to, err := site.Bridge.Return.Parse(raw); err == nil && to != "/" {
		return to
	}
	return ""
}

// endOthers ends other sessions of a person: the one that is named, or all. Of other people it ends none.
func (s *Server) endOthers(r *http.Request, p *sso.Principal, scope string, named sso.SessionHash) (ended int, err error) {
	defer func() { s.gate.SeeChanges(r) }()
	for q := (sso.SessionQuery{AccountID: p.Account.ID, Page: sso.Page{Limit: sso.MaxLimit}}); ; {
		list, next, err := s.options.Store.Sessions(r.Context(), q)
		if err != nil {
			return ended, err
		}
		for _, session := range list {
			if session.Hash == p.Session.Hash || scope == "session" && session.Hash != named {
				continue
			}
			if _, err := s.options.Store.EndSession(r.Context(), session.Hash, s.web.SessionEvent(r, p, sso.EventSession)); err != nil {
				return ended, err
			}
			s.gate.Forget(session.Hash)
			ended++
		}
		if q.After = next; next == "" {
			return ended, nil
		}
	}
}

// logoutURI is where a browser goes to sign out of the product, too: that of the provider that opened the session, be it off by
// now, or JWT_LOGOUT_URI. Where an OpenID provider has none configured, it is what that says of itself. nil: nowhere.
func (s *Server) logoutURI(ctx context.Context, site *web.Site, p *sso.Principal) *string {
	to := site.Config.JWT.LogoutURI
	if p != nil {
		if of := site.Config.Provider(p.Session.Provider); of != nil {
			to = of.LogoutURI
		}
		if of := site.Bridge.Providers.Named(p.Session.Provider); to == nil && of != nil {
			if at, ok := of.Beginner.(interface {
				LogoutURL(ctx context.Context, back, hint string) string
			}); ok {
				return orNull(at.LogoutURL(ctx, site.Config.URL("/auth/logout"), s.hintOf(ctx, p, of)))
			}
		}
	}
	if to == nil {
		return nil
	}
	return orNull(to.String())
}

// grantStore has what OpenID providers gave with sign-ins.
type grantStore interface {
	Granted(ctx context.Context, session sso.SessionHash) (sso.Granted, error)
}

// hintOf is the ID token of a session, for the provider that gave it and no other. A sign-out goes on without.
func (s *Server) hintOf(ctx context.Context, p *sso.Principal, of *sso.Provider) string {
	g, err := s.options.Store.Granted(ctx, p.Session.Hash)
	if err != nil {
		s.web.Log.WarnContext(ctx, "the sign-out at the provider has no id_token_hint", "provider", of.Name, "error", err)
	}
	if g.Issuer != of.Issuer {
		return ""
	}
	return g.IDToken
}

// loggedOut answers a sign-out: a page goes on to logoutURI, or says that it is done; a program gets JSON with the member
// that Metabase's clients look for.
func (s *Server) loggedOut(c echo.Context, site *web.Site, to string, logoutURI *string) error {
	switch {
	case !web.ReaderOf(c.Request()).Page:
		return c.JSON(http.StatusOK, map[string]any{"saml-logout-url": nil, "logout_url": logoutURI})
	case logoutURI != nil:
		return s.web.Leave(c, site, templates.Leave{URL: *logoutURI, Out: true})
	}
	again := site.SignInURL()
	if again != "" && to != "" {
		again += "?return_to=" + url.QueryEscape(to)
	}
	return s.web.Page(c.Response(), http.StatusOK, templates.LoggedOut{Layout: s.web.Layout(site, c.Request()), SignInURL: again})
}
