package local

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/sso/password"
	"github.com/ssobridge/ssobridge/templates"
)

// setupStore makes the first administrator.
type setupStore interface {
	// SetupSecret returns the secret that was kept, else keeps and returns fresh; [sso.NotFound] with an administrator.
	SetupSecret(ctx context.Context, fresh string) (string, error)
	// CheckSetup returns [sso.NotFound] with an administrator, [sso.Forbidden] for another secret.
	CheckSetup(ctx context.Context, secret string) error
	SetUp(ctx context.Context, secret string, a sso.Account, passwordHash string, key *credential.Passkey, n sso.Session, e sso.Event) (sso.Account, error)
}

// SetupLink returns the link that makes the first administrator, the same at each start until it was used; "" when there
// is an administrator, or where what it makes could not sign in: without passwords and without passkeys.
//
// The secret stands in the fragment, which browsers do not send: neither a proxy's log nor a Referer has it. Whoever reads
// the link can become the administrator, so it belongs into the log of the program and nowhere else.
func (s *Local) SetupLink(ctx context.Context) (string, error) {
	site := s.web.Site()
	if !site.Config.EnablePasswordLogin && !site.PasskeysPossible() {
		return "", nil
	}
	secret, err := s.store.SetupSecret(ctx, sso.NewSessionID()) // 256 bits
	switch {
	case errors.Is(err, sso.NotFound):
		return "", nil
	case err != nil:
		return "", err
	}
	return site.Config.URL("/auth/setup#" + secret), nil
}

// handleSetupPage is GET /auth/setup. With an administrator there is no such page (SECURITY F7).
func (s *setup) handleSetupPage(c echo.Context) error {
	site := s.local.web.Site()
	if err := s.setupOpen(c); err != nil {
		return err
	}
	return s.local.web.Page(c.Response(), http.StatusOK, s.page(site))
}

func (s *setup) page(site *web.Site) templates.Setup { // for an administrator: in English
	return templates.Setup{Layout: templates.Layout{Site: site.Config.SiteName}, MinCharacters: password.MinCharacters,
		NoPassword: !site.Config.EnablePasswordLogin, Passkey: site.PasskeysPossible()}
}

func (s *setup) setupOpen(c echo.Context) error {
	if err := s.local.store.CheckSetup(c.Request().Context(), ""); err != nil && !errors.Is(err, sso.Forbidden) {
		return err
	}
	return nil
}

// handleSetup is POST /auth/setup: it makes the first administrator and signs this browser in. The secret has 256 bits, so
// that guesses need no throttle; it is looked at before anything costly.
func (s *setup) handleSetup(c echo.Context) error {
	site, r := s.local.web.Site(), c.Request()
	if err := s.setupOpen(c); err != nil {
		return err
	}
	if !site.Config.EnablePasswordLogin { // the page has no such form
		return fmt.Errorf("password sign-in is off: %w", sso.NotFound)
	}
	values, err := web.BodyOf(r)
	if err != nil {
		return err
	}
	secret := setupSecret(values.Get("secret"))
	a := sso.Account{Email: strings.TrimSpace(values.Get("email"))}
	page := s.page(site)
	page.Secret, page.Email = sso.Truncate(secret, 100), sso.Truncate(a.Email, 254)
	switch err := s.checkSetup(r, site, secret); {
	case errors.Is(err, sso.Forbidden):
		page.SecretError = wrongSecret
		return s.local.refusedForm(c, page, page.SecretError)
	case err != nil:
		return err
	}
	if err := address.Check(a.Email); err != nil {
		page.EmailError = sentence(err.Error())
	}
	page.PasswordError, page.AgainError = s.local.newPasswordErrors(templates.Layout{}, values.Get("password"), values.Get("again"), a)
	if page.Faults().Any() {
		return s.local.refusedForm(c, page, strings.TrimSpace(page.EmailError+" "+page.PasswordError+page.AgainError))
	}
	err = s.setUp(c, site, secret, a, values.Get("password"), nil)
	if errors.Is(err, sso.Conflict) {
		page.EmailError = takenAddress
		return s.local.refusedForm(c, page, page.EmailError)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, s.afterSetup())
}

const (
	wrongSecret  = "That is not the set-up secret. It stands at the end of the link that the bridge wrote to its log when it started."
	takenAddress = "There is an account with this address already. Take another, or make that one an administrator in the shell."
)

// setupSecret takes the secret out of what was pasted: it, or the whole link.
func setupSecret(pasted string) string {
	pasted = strings.TrimSpace(pasted)
	return pasted[strings.LastIndexByte(pasted, '#')+1:]
}

// checkSetup leaves an event when the secret is wrong.
func (s *setup) checkSetup(r *http.Request, site *web.Site, secret string) error {
	err := s.local.store.CheckSetup(r.Context(), secret)
	if errors.Is(err, sso.Forbidden) {
		s.local.web.RecordRefusal(r.Context(), sso.Event{At: s.local.web.Now(), Kind: sso.EventSignInRefused, Code: sso.Forbidden, Reference: web.Reference(r),
			Peer: site.Peer(r), Detail: "wrong set-up secret"})
	}
	return err
}

func (s *setup) setUp(c echo.Context, site *web.Site, secret string, a sso.Account, chosen string, key *credential.Passkey) error {
	r := c.Request()
	hash, err := s.local.passwords.Hash(r.Context(), chosen)
	if err != nil {
		return err
	}
	how := sso.WayPassword
	if key != nil {
		how = sso.WayPasskey
	}
	session, id := s.local.newSession(r, site, 0, how)
	e := sso.Event{At: session.CreatedAt, Kind: sso.EventAccount, Reference: web.Reference(r), Actor: "set-up link", Peer: session.Peer,
		Detail: "first administrator made, with a " + how}
	if a, err = s.local.store.SetUp(r.Context(), secret, a, hash, key, session, e); err != nil {
		return err
	}
	s.local.web.Log.InfoContext(r.Context(), "first administrator made", "account", a.ID, "reference", e.Reference, "peer", e.Peer)
	http.SetCookie(c.Response(), s.local.deviceCookie(site, a, hash))
	site.SetSessionCookie(c.Response(), id)
	return nil
}

// handleSetupPasskey is POST /auth/setup/passkey: the first step of making the first administrator with a passkey.
func (s *setup) handleSetupPasskey(c echo.Context) error {
	site := s.local.web.Site()
	w, a, _, err := s.setupPasskey(c, site)
	if err != nil {
		return err
	}
	user, err := s.authnUser(c.Request().Context(), a)
	if err != nil {
		return err
	}
	options, session, err := w.BeginRegistration(user)
	if err != nil {
		return err
	}
	return s.beginCeremony(c, site, ceremony{Account: setupCeremony, Session: *session}, options)
}

// handleSetupPasskeyAdd is POST /auth/setup/passkey/add. The account gets a password that nobody knows: then it is one that
// no identity provider can take over (SECURITY E2), and "ssobridge users set-password" can give it another.
func (s *setup) handleSetupPasskeyAdd(c echo.Context) error {
	site := s.local.web.Site()
	w, a, in, err := s.setupPasskey(c, site)
	if err != nil {
		return err
	}
	cer, err := s.endCeremony(c, site, setupCeremony)
	if err != nil {
		return err
	}
	key, err := s.madePasskey(c.Request(), w, cer, a, in)
	if err != nil {
		return err
	}
	if err = s.setUp(c, site, setupSecret(in.Secret), a, sso.NewSessionID(), &key); errors.Is(err, sso.Conflict) {
		return &admin.Refusal{Err: fmt.Errorf("%s: %w", takenAddress, err)}
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"location": s.afterSetup()})
}

// setupCeremony stands for the account that is not there yet.
const setupCeremony = -1

// setupPasskey checks what both steps need.
func (s *setup) setupPasskey(c echo.Context, site *web.Site) (*webauthn.WebAuthn, sso.Account, passkeyInput, error) {
	fail := func(err error) (*webauthn.WebAuthn, sso.Account, passkeyInput, error) {
		return nil, sso.Account{}, passkeyInput{}, err
	}
	r := c.Request()
	if err := s.setupOpen(c); err != nil {
		return fail(err)
	}
	w, err := authn(site)
	if err != nil {
		return fail(err)
	}
	in, err := readPasskey(r)
	if err != nil {
		return fail(err)
	}
	if err := s.checkSetup(r, site, setupSecret(in.Secret)); errors.Is(err, sso.Forbidden) {
		return fail(&admin.Refusal{Err: fmt.Errorf("%s: %w", wrongSecret, err)})
	} else if err != nil {
		return fail(err)
	}
	a := sso.Account{Email: strings.TrimSpace(in.Email)}
	if err := address.Check(a.Email); err != nil {
		return fail(&admin.Refusal{Err: fmt.Errorf("%s: %w", sentence(err.Error()), sso.Invalid)})
	}
	return w, a, in, nil
}

func (s *setup) afterSetup() string {
	if s.local.administration {
		return s.local.web.Site().Path("/admin")
	}
	return s.local.web.Site().Path("/")
}

// sentence makes a sentence of an error's text.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	first, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[n:] + "."
}
