package server

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/sso"
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
	p, err := s.principal(c.Request(), s.live.Load())
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
	l, r := s.live.Load(), c.Request()
	p, err := s.principal(r, l)
	if err != nil {
		return err
	}
	page := templates.Home{
		Layout: s.layout(l), Now: s.Now(), Providers: providers(l), Password: l.cfg.EnablePasswordLogin,
		Callback: l.cfg.URL("/auth/sso"),
	}
	if p != nil {
		err = s.fillHome(r, &page, p)
	} else {
		page.Passkey, err = s.passkeyAlone(r.Context(), l)
	}
	if err != nil {
		return err
	}
	return s.page(c.Response(), http.StatusOK, page)
}

func (s *Server) fillHome(r *http.Request, page *templates.Home, p *sso.Principal) error {
	who := person(p.Account)
	page.Person = &who
	if s.Administration != nil && p.Administrator() {
		page.User = &templates.UserMenu{Name: who.Label(), AdminURL: s.live.Load().path("/admin")}
	}
	page.HasPassword, page.HasPasskeys = p.Account.HasPassword, sso.MayUsePasskeys(p.Account, p.Administrator())
	for _, g := range p.Groups {
		page.Groups = append(page.Groups, g.Name)
	}
	list, _, err := s.Store.Sessions(r.Context(), sso.SessionQuery{AccountID: p.Account.ID})
	if err != nil {
		return err
	}
	for _, session := range list {
		row := templates.NewSession(session, p.Session.Hash)
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
	l, r := s.live.Load(), c.Request()
	named, err := l.sessionsOf(r)
	if err != nil {
		return err
	}
	var p *sso.Principal
	for i := 0; i < len(named) && p == nil; i++ { // of two cookies too: this is the way out
		if p, err = s.principalOf(r.Context(), named[i]); err != nil {
			return err
		}
	}
	if p == nil {
		return s.page(c.Response(), http.StatusOK, templates.LoggedOut{Layout: s.layout(l), SignInURL: s.signInURL(l)})
	}
	return s.page(c.Response(), http.StatusOK, templates.Logout{Layout: s.layout(l), Person: person(p.Account), ReturnTo: l.returnPath(c.QueryParam("return_to"))})
}

// handleLogout is POST /auth/logout and /auth/sso/logout. It ends this session, or all that are named if there are several;
// scope=others ends the person's other ones, scope=session the one that is named.
func (s *Server) handleLogout(c echo.Context) error {
	l, r := s.live.Load(), c.Request()
	p, err := s.principal(r, l)
	if err != nil {
		return err
	}
	scope, named, to := "", sso.SessionHash{}, ""
	if bodyKind(r) == "application/x-www-form-urlencoded" {
		values, err := bodyOf(r)
		if err != nil {
			return err
		}
		scope, to = values.Get("scope"), l.returnPath(values.Get("return_to"))
		named, _ = templates.ParseSessionRef(values.Get("session"))
	}
	if p != nil && (scope == "others" || scope == "session") {
		if err := s.endOthers(r, l, p, scope, named); err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, l.path("/"))
	}
	if err := s.endNamed(r, l, sso.EventSignOut, ""); err != nil {
		return err
	}
	l.clearSessionCookie(c.Response(), r)
	return s.loggedOut(c, l, to)
}

// returnPath is where somebody else comes to who signs in after a sign-out; "" is nowhere in particular.
func (l *live) returnPath(raw string) string {
	if to, err := l.bridge.Return.Parse(raw); err == nil && to != "/" {
		return to
	}
	return ""
}

// endNamed ends every session that a request names, each with an event of its own. A sign-out also ends those that
// nobody could use now.
func (s *Server) endNamed(r *http.Request, l *live, kind sso.EventKind, detail string) error {
	named, err := l.sessionsOf(r)
	if err != nil || len(named) == 0 {
		return err
	}
	for _, hash := range named {
		p, err := s.principalOf(r.Context(), hash)
		if err != nil {
			return err
		}
		if p == nil && kind != sso.EventSignOut {
			continue
		}
		e := s.sessionEvent(r, l, p, kind)
		e.Detail = detail
		if _, err := s.Store.EndSession(r.Context(), hash, e); err != nil {
			return err
		}
		s.principals.forget(hash)
	}
	s.seeChanges(r)
	return nil
}

func (s *Server) endOthers(r *http.Request, l *live, p *sso.Principal, scope string, named sso.SessionHash) error {
	list, _, err := s.Store.Sessions(r.Context(), sso.SessionQuery{AccountID: p.Account.ID, Page: sso.Page{Limit: sso.MaxLimit}})
	if err != nil {
		return err
	}
	for _, session := range list {
		if session.Hash == p.Session.Hash || scope == "session" && session.Hash != named {
			continue
		}
		if _, err := s.Store.EndSession(r.Context(), session.Hash, s.sessionEvent(r, l, p, sso.EventSession)); err != nil {
			return err
		}
		s.principals.forget(session.Hash)
	}
	s.seeChanges(r)
	return nil
}

// besides returns whose live sessions a request names with several cookies. None of these counts as signed in; a sign-in
// ends them all, so it must not pass over the question for that reason (SECURITY C8).
func (s *Server) besides(r *http.Request, l *live) (all []*sso.Principal, err error) {
	if _, n := soleCookie(r.Header["Cookie"], l.cookie.name); n < 2 {
		return nil, nil
	}
	named, err := l.sessionsOf(r)
	if err != nil {
		return nil, err
	}
	for _, hash := range named {
		p, err := s.principalOf(r.Context(), hash)
		if err != nil {
			return nil, err
		}
		if p != nil {
			all = append(all, p)
		}
	}
	return all, nil
}

// endReplaced ends what sessions this browser has had, once it has another: whoever knows an old id, knows nothing any more
// (SECURITY D3; ASVS 7.2.4). The sign-in stands whatever comes of it.
func (s *Server) endReplaced(r *http.Request, l *live) {
	if err := s.endNamed(r, l, sso.EventSession, "replaced by a new sign-in in the same browser"); err != nil {
		s.Log.WarnContext(r.Context(), "the session before was not ended", "error", err)
	}
}

// seeChanges makes this replica act on what was just changed, before the answer goes out.
func (s *Server) seeChanges(r *http.Request) {
	if err := s.principals.catchUp(r.Context()); err != nil {
		s.Log.WarnContext(r.Context(), "changes not followed", "error", err)
	}
}

func (s *Server) sessionEvent(r *http.Request, l *live, p *sso.Principal, kind sso.EventKind) sso.Event {
	e := sso.Event{At: s.Now(), Kind: kind, Reference: reference(r), Peer: l.peer(r)}
	if p != nil {
		e.AccountID, e.Email, e.Provider = p.Account.ID, p.Account.Email, p.Session.Provider
	}
	return e
}

// loggedOut answers a sign-out: a page goes on to JWT_LOGOUT_URI, or says that it is done; a program gets JSON with the
// member that Metabase's clients look for.
func (s *Server) loggedOut(c echo.Context, l *live, to string) error {
	var logoutURI *string
	if l.cfg.JWTLogoutURI != nil {
		logoutURI = orNull(l.cfg.JWTLogoutURI.String())
	}
	switch {
	case formOf(c.Request()) != formPage:
		return c.JSON(http.StatusOK, map[string]any{"saml-logout-url": nil, "logout_url": logoutURI})
	case logoutURI != nil:
		return c.Redirect(http.StatusSeeOther, *logoutURI)
	}
	again := s.signInURL(l)
	if again != "" && to != "" {
		again += "?return_to=" + url.QueryEscape(to)
	}
	return s.page(c.Response(), http.StatusOK, templates.LoggedOut{Layout: s.layout(l), SignInURL: again})
}

func (s *Server) signInURL(l *live) string {
	switch {
	case l.bridge.Provider != nil:
		return l.path("/auth/sso")
	case l.cfg.EnablePasswordLogin, l.passkeysPossible():
		return l.path("/login")
	}
	return ""
}
