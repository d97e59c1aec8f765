package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/password"
	"github.com/ssobridge/ssobridge/templates"
)

// setupStore makes the first administrator.
type setupStore interface {
	// SetupSecret returns the secret that was kept, else keeps and returns fresh; [sso.NotFound] with an administrator.
	SetupSecret(ctx context.Context, fresh string) (string, error)
	// CheckSetup returns [sso.NotFound] with an administrator, [sso.Forbidden] for another secret.
	CheckSetup(ctx context.Context, secret string) error
	SetUp(ctx context.Context, secret string, a sso.Account, passwordHash string, n sso.Session, e sso.Event) (sso.Account, error)
}

// SetupLink returns the link that makes the first administrator, the same at each start until it was used; "" when there
// is an administrator, or when passwords are off, since what it makes could not sign in.
//
// The secret stands in the fragment, which browsers do not send: neither a proxy's log nor a Referer has it. Whoever reads
// the link can become the administrator, so it belongs into the log of the program and nowhere else.
func (s *Server) SetupLink(ctx context.Context) (string, error) {
	l := s.live.Load()
	if !l.cfg.EnablePasswordLogin {
		return "", nil
	}
	secret, err := s.Store.SetupSecret(ctx, sso.NewSessionID()) // 256 bits
	switch {
	case errors.Is(err, sso.NotFound):
		return "", nil
	case err != nil:
		return "", err
	}
	return string(l.cfg.SiteURL) + "/auth/setup#" + secret, nil
}

// handleSetupPage is GET /auth/setup. With an administrator there is no such page (SECURITY F7).
func (s *Server) handleSetupPage(c echo.Context) error {
	l := s.live.Load()
	if err := s.setupOpen(c, l); err != nil {
		return err
	}
	return s.page(c.Response(), http.StatusOK, templates.Setup{Layout: s.layout(l), MinCharacters: password.MinCharacters})
}

func (s *Server) setupOpen(c echo.Context, l *live) error {
	if !l.cfg.EnablePasswordLogin {
		return sso.NotFound
	}
	if err := s.Store.CheckSetup(c.Request().Context(), ""); err != nil && !errors.Is(err, sso.Forbidden) {
		return err
	}
	return nil
}

// handleSetup is POST /auth/setup: it makes the first administrator and signs this browser in. The secret has 256 bits, so
// that guesses need no throttle; it is looked at before anything costly.
func (s *Server) handleSetup(c echo.Context) error {
	l, r := s.live.Load(), c.Request()
	if err := s.setupOpen(c, l); err != nil {
		return err
	}
	values, err := bodyOf(r)
	if err != nil {
		return err
	}
	secret := strings.TrimSpace(values.Get("secret"))
	if i := strings.LastIndexByte(secret, '#'); i >= 0 { // the whole link was pasted
		secret = secret[i+1:]
	}
	a := sso.Account{Email: strings.TrimSpace(values.Get("email"))}
	page := templates.Setup{Layout: s.layout(l), MinCharacters: password.MinCharacters, Secret: sso.Truncate(secret, 100), Email: sso.Truncate(a.Email, 254)}
	switch err := s.Store.CheckSetup(r.Context(), secret); {
	case errors.Is(err, sso.Forbidden):
		s.recordRefusal(r.Context(), sso.Event{At: s.Now(), Kind: sso.EventSignInRefused, Code: sso.Forbidden, Reference: reference(r),
			Peer: l.peer(r), Detail: "wrong set-up secret"})
		page.SecretError = "That is not the set-up secret. It stands at the end of the link that the bridge wrote to its log when it started."
		return s.refusedForm(c, page, page.SecretError)
	case err != nil:
		return err
	}
	if err := sso.CheckEmail(a.Email); err != nil {
		page.EmailError = sentence(err.Error())
	}
	page.PasswordError, page.AgainError = newPasswordErrors(values.Get("password"), values.Get("again"), a)
	if page.Failed() {
		return s.refusedForm(c, page, strings.TrimSpace(page.EmailError+" "+page.PasswordError+page.AgainError))
	}
	err = s.setUp(c, l, secret, a, values.Get("password"))
	if errors.Is(err, sso.Conflict) {
		page.EmailError = "There is an account with this address already. Take another, or make that one an administrator in the shell."
		return s.refusedForm(c, page, page.EmailError)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, s.afterSetup())
}

func (s *Server) setUp(c echo.Context, l *live, secret string, a sso.Account, chosen string) error {
	r := c.Request()
	hash, err := s.Passwords.Hash(r.Context(), chosen)
	if err != nil {
		return err
	}
	session, id := s.newSession(r, l, 0, "password")
	e := sso.Event{At: session.CreatedAt, Kind: sso.EventAccount, Reference: reference(r), Actor: "set-up link", Peer: session.Peer,
		Detail: "first administrator made"}
	if a, err = s.Store.SetUp(r.Context(), secret, a, hash, session, e); err != nil {
		return err
	}
	s.Log.InfoContext(r.Context(), "first administrator made", "account", a.ID, "reference", e.Reference, "peer", e.Peer)
	http.SetCookie(c.Response(), s.deviceCookie(l, a))
	return l.setSessionCookie(c.Response(), r, id)
}

func (s *Server) afterSetup() string {
	if s.Administration != nil {
		return "/admin"
	}
	return "/"
}

// sentence makes a sentence of an error's text.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	first, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[n:] + "."
}
