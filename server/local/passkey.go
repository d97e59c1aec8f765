package local

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/templates"
)

// Passkeys are the second way in for people who have a password, and for administrators: W3C Web Authentication Level 3,
// discoverable credentials, user verification required. What a browser begins is kept in a sealed cookie, so that
// beginning writes nothing; a challenge is good once and for ceremonyLifetime.

// passkeyStore keeps passkeys.
type passkeyStore interface {
	Passkeys(ctx context.Context, accountID int64) ([]credential.Passkey, error)
	Passkey(ctx context.Context, id string) (credential.Passkey, error)
	// AnyPasskey reports whether anybody has one.
	AnyPasskey(ctx context.Context) (bool, error)
	// AddPasskey returns [sso.NotSignedIn] when the session is over by now.
	AddPasskey(ctx context.Context, p credential.Passkey, by sso.SessionHash, e sso.Event) error
	RenamePasskey(ctx context.Context, accountID int64, id, name string, e sso.Event) error
	// RemovePasskey also ends the sessions that the passkey opened, but for keep. It returns [sso.Conflict] when no administrator
	// could sign in any more.
	RemovePasskey(ctx context.Context, accountID int64, id string, keep sso.SessionHash, on credential.Ways, e sso.Event) error
	Account(ctx context.Context, id int64) (sso.Account, error)
}

const (
	ceremonyLifetime = 5 * time.Minute
	maxPasskeyName   = 60 // bytes
)

// A ceremony is what one browser began.
type ceremony struct {
	Account int64                `json:"a"` // whose passkey is made; 0: a signature is asked for; setupCeremony
	Session webauthn.SessionData `json:"s"`
	Until   time.Time            `json:"u"`
}

// authn is the verifier of ceremonies; [sso.NotFound] where there can be none.
func authn(site *web.Site) (*webauthn.WebAuthn, error) {
	if !site.PasskeysPossible() {
		return nil, fmt.Errorf("passkeys need a SITE_URL with https and a host name: %w", sso.NotFound)
	}
	required := true
	return webauthn.New(&webauthn.Config{
		RPID: site.RelyingParty(), RPDisplayName: site.Config.SiteName, RPOrigins: []string{string(site.Config.SiteURL)},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: &required,
			UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{
			Login:        webauthn.TimeoutConfig{Timeout: ceremonyLifetime},
			Registration: webauthn.TimeoutConfig{Timeout: ceremonyLifetime},
		},
	})
}

// An authnUser is an account as the library sees it.
type authnUser struct {
	account sso.Account
	handle  []byte
	keys    []webauthn.Credential
}

func (u authnUser) WebAuthnID() []byte                         { return u.handle }
func (u authnUser) WebAuthnName() string                       { return u.account.Email }
func (u authnUser) WebAuthnDisplayName() string                { return u.account.CommonName() }
func (u authnUser) WebAuthnCredentials() []webauthn.Credential { return u.keys }

// authnUser reads an account's passkeys. The handle of its first one is new: 256 random bits that say nothing.
func (s *passkeys) authnUser(ctx context.Context, a sso.Account) (authnUser, error) {
	keys, err := s.local.store.Passkeys(ctx, a.ID)
	if err != nil {
		return authnUser{}, err
	}
	u := authnUser{account: a}
	for _, k := range keys {
		var c webauthn.Credential
		if err := json.Unmarshal([]byte(k.Credential), &c); err != nil {
			return authnUser{}, fmt.Errorf("passkey %s: %w", k.ID, err)
		}
		c.Authenticator.SignCount = uint32(k.SignCount) //nolint:gosec // G115: it came from one
		u.handle, u.keys = k.Handle, append(u.keys, c)
	}
	if len(keys) == 0 {
		u.handle = make([]byte, 32)
		rand.Read(u.handle)
	}
	return u, nil
}

// withPasskeys returns who is signed in and may have passkeys; nil once it has sent someone to sign in.
func (s *passkeys) withPasskeys(c echo.Context, site *web.Site) (*sso.Principal, error) {
	p, err := s.local.MustSignIn(c, web.LoginPage(site, site.Path(c.Request().URL.Path)))
	if p != nil && !credential.MayUsePasskeys(p.Account, p.Administrator()) {
		return nil, fmt.Errorf("account %d has no password and is no administrator: %w", p.Account.ID, sso.NotFound)
	}
	return p, err
}

// handlePasskeysPage is GET /auth/passkeys.
func (s *passkeys) handlePasskeysPage(c echo.Context) error {
	site := s.local.web.Site()
	p, err := s.withPasskeys(c, site)
	if err != nil || p == nil {
		return err
	}
	keys, err := s.local.store.Passkeys(c.Request().Context(), p.Account.ID)
	if err != nil {
		return err
	}
	return s.local.web.Page(c.Response(), http.StatusOK, s.page(c, site, p, keys))
}

// page is /auth/passkeys.
func (s *passkeys) page(c echo.Context, site *web.Site, p *sso.Principal, keys []credential.Passkey) templates.Passkeys {
	page := templates.Passkeys{
		Layout: s.local.layoutOf(site, c.Request(), p), Person: web.Person(p.Account), Now: s.local.web.Now(), Password: p.Account.HasPassword, Possible: site.PasskeysPossible(), Recent: s.local.recent(p),
		ConfirmURL: s.local.ConfirmURL(site.Path("/auth/passkeys")), Done: passkeysDone(c.QueryParam("done")),
	}
	if page.Device = templates.Device(c.Request().UserAgent()); page.Device == templates.UnknownDevice {
		page.Device = ""
	}
	page.Passkeys = PasskeyRows(keys)
	return page
}

// passkeysDone says what was just done on the page.
func passkeysDone(what string) string {
	switch what {
	case "added":
		return "The passkey is added. You can sign in with it from now on."
	case "renamed":
		return "The passkey has its new name."
	case "removed":
		return "The passkey is removed."
	}
	return ""
}

// PasskeyRows are passkeys as pages list them.
func PasskeyRows(keys []credential.Passkey) (rows []templates.Passkey) {
	for _, k := range keys {
		rows = append(rows, templates.Passkey{ID: k.ID, Name: k.Name, CreatedAt: k.CreatedAt, LastUsed: k.LastUsed})
	}
	return rows
}

// handlePasskeyChange is POST /auth/passkeys: another name for a passkey, or its end.
func (s *passkeys) handlePasskeyChange(c echo.Context) error {
	site, r := s.local.web.Site(), c.Request()
	p, err := s.withPasskeys(c, site)
	if err != nil || p == nil {
		return err
	}
	values, err := web.BodyOf(r)
	if err != nil {
		return err
	}
	if values.Get("do") == "later" {
		return s.declineOffer(c, site, values.Get("return_to"))
	}
	id, name, done := values.Get("id"), passkeyName(values.Get("name")), ""
	key, err := s.local.store.Passkey(r.Context(), id)
	if err == nil && key.AccountID != p.Account.ID {
		err = sso.NotFound
	}
	if err != nil {
		return err
	}
	switch values.Get("do") {
	case "rename":
		done = "renamed"
		if name == "" {
			name = key.Name
		}
		err = s.local.store.RenamePasskey(r.Context(), p.Account.ID, id, name, s.passkeyEvent(r, site, p.Account, "passkey renamed: %q → %q", key.Name, name))
	case "remove":
		if !s.local.recent(p) {
			location, err := s.local.KeepForm(r, values)
			if err != nil {
				return err
			}
			return c.Redirect(http.StatusSeeOther, location)
		}
		done = "removed"
		asked, err := s.removePasskey(c, site, p, key, values.Get("confirmed") == "yes")
		if err != nil || asked {
			return err
		}
	default:
		err = fmt.Errorf("what to do with the passkey is missing: %w", sso.RequestMalformed)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, site.Path("/auth/passkeys?done="+done))
}

// removePasskey removes a passkey. Of somebody's last way in it first says what that means, and asked is true. One without
// which no administrator could sign in stays.
func (s *passkeys) removePasskey(c echo.Context, site *web.Site, p *sso.Principal, key credential.Passkey, confirmed bool) (asked bool, err error) {
	r := c.Request()
	keys, err := s.local.store.Passkeys(r.Context(), p.Account.ID)
	if err != nil {
		return false, err
	}
	on := credential.Ways{Providers: len(site.Config.LoginProviders()) > 0, Passwords: site.Config.EnablePasswordLogin}
	page := s.page(c, site, p, keys)
	if last := len(keys) == 1 && !(p.Account.HasPassword && on.Passwords); last && !confirmed {
		page.Last = &templates.LastPasskey{Passkey: PasskeyRows(keys)[0], Providers: on.Providers}
		return true, s.local.web.Page(c.Response(), http.StatusOK, page)
	}
	err = s.local.store.RemovePasskey(r.Context(), p.Account.ID, key.ID, p.Session.Hash, on, s.passkeyEvent(r, site, p.Account, "passkey removed: %q", key.Name))
	if sso.CodeOf(err) == sso.Conflict {
		page.Alert = "This passkey stays: without it no administrator could sign in any more. Connect your product first, or give an administrator another way in."
		return true, s.local.web.Page(c.Response(), http.StatusConflict, page)
	}
	return false, err
}

// OfferPasskey reports whether an administrator who has no passkey is offered one in this browser: they work here, and the offer
// was not declined.
func (s *Local) OfferPasskey(r *http.Request) bool {
	site := s.web.Site()
	_, declined := web.CookieValue(r.Header["Cookie"], site.CookieName("no-offer"))
	return site.PasskeysPossible() && !declined
}

// offerLifetime is how long an offer that was declined does not come again in that browser, in seconds.
const offerLifetime = 400 * 24 * 60 * 60

// declineOffer has the browser remember that its person wants no passkey now. It proves nothing, and hides the offer alone.
func (s *passkeys) declineOffer(c echo.Context, site *web.Site, returnTo string) error {
	to, err := site.Bridge.Return.Parse(returnTo)
	if err != nil {
		return err
	}
	http.SetCookie(c.Response(), site.LaxCookie(site.CookieName("no-offer"), "1", offerLifetime))
	return c.Redirect(http.StatusSeeOther, to)
}

func (s *passkeys) passkeyEvent(r *http.Request, site *web.Site, a sso.Account, format string, args ...any) sso.Event {
	return sso.Event{At: s.local.web.Now(), Kind: sso.EventAccount, Reference: web.Reference(r), Actor: a.Email, AccountID: a.ID, Email: a.Email,
		Peer: site.Peer(r), Detail: fmt.Sprintf(format, args...)}
}

func passkeyName(typed string) string {
	return strings.TrimSpace(sso.Truncate(sso.CleanText(typed), maxPasskeyName))
}

// handlePasskeyCreate is POST /auth/passkeys/create: what the browser needs to make a passkey. It needs a fresh proof of
// who the person is: a passkey is a way in for ever (SECURITY G3).
func (s *passkeys) handlePasskeyCreate(c echo.Context) error {
	site, r := s.local.web.Site(), c.Request()
	p, err := s.withPasskeys(c, site)
	if err != nil || p == nil {
		return err
	}
	if !s.local.recent(p) {
		return sso.ProofNeeded.About(site.Path("/auth/confirm"), "a passkey needs a fresh proof")
	}
	w, err := authn(site)
	if err != nil {
		return err
	}
	user, err := s.authnUser(r.Context(), p.Account)
	if err != nil {
		return err
	}
	var known []protocol.CredentialDescriptor
	for _, k := range user.keys {
		known = append(known, k.Descriptor())
	}
	options, session, err := w.BeginRegistration(user, webauthn.WithExclusions(known))
	if err != nil {
		return err
	}
	return s.beginCeremony(c, site, ceremony{Account: p.Account.ID, Session: *session}, options)
}

// handlePasskeyAdd is POST /auth/passkeys/add: the passkey that the browser made.
func (s *passkeys) handlePasskeyAdd(c echo.Context) error {
	site, r := s.local.web.Site(), c.Request()
	p, err := s.withPasskeys(c, site)
	if err != nil || p == nil {
		return err
	}
	w, err := authn(site)
	if err != nil {
		return err
	}
	in, err := readPasskey(r)
	if err != nil {
		return err
	}
	cer, err := s.endCeremony(c, site, p.Account.ID)
	if err != nil {
		return err
	}
	key, err := s.madePasskey(r, w, cer, p.Account, in)
	if err != nil {
		return err
	}
	known, err := s.local.store.Passkeys(r.Context(), p.Account.ID)
	if err != nil {
		return err
	}
	key.Name = apart(key.Name, known)
	if err := s.local.store.AddPasskey(r.Context(), key, p.Session.Hash, s.passkeyEvent(r, site, p.Account, "passkey added: %q", key.Name)); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"location": site.Path("/auth/passkeys?done=added")})
}

// madePasskey verifies a passkey that a browser has made (WebAuthn §7.1).
func (s *passkeys) madePasskey(r *http.Request, w *webauthn.WebAuthn, cer ceremony, a sso.Account, in passkeyInput) (credential.Passkey, error) {
	answer, err := protocol.ParseCredentialCreationResponseBytes(in.Credential)
	if err != nil {
		return credential.Passkey{}, passkeyError(err)
	}
	made, err := w.CreateCredential(authnUser{account: a, handle: cer.Session.UserID}, cer.Session, answer)
	if err != nil {
		return credential.Passkey{}, passkeyError(err)
	}
	text, err := json.Marshal(made)
	return credential.Passkey{
		ID: passkeyID(made.ID), AccountID: a.ID, Handle: cer.Session.UserID, Name: cmp.Or(passkeyName(in.Name), nameOf(made, r)), Credential: string(text),
		SignCount: int64(made.Authenticator.SignCount), CreatedAt: s.local.web.Now(),
	}, err
}

func passkeyID(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// handlePasskeyAsk is POST /auth/passkeys/ask: what the browser needs to sign with a passkey. It names no one's passkeys,
// so it tells nothing about who has one.
func (s *passkeys) handlePasskeyAsk(c echo.Context) error {
	site := s.local.web.Site()
	w, err := authn(site)
	if err != nil {
		return err
	}
	options, session, err := w.BeginDiscoverableLogin()
	if err != nil {
		return err
	}
	return s.beginCeremony(c, site, ceremony{Session: *session}, options)
}

// handlePasskeySignIn is POST /auth/passkeys/sign-in.
func (s *passkeys) handlePasskeySignIn(c echo.Context) error {
	site, r := s.local.web.Site(), c.Request()
	in, to, err := readSignature(site, r)
	if err != nil {
		return err
	}
	if err := s.provePasskey(c, site, in, func(a sso.Account, by credential.Credential) error {
		return s.local.openLocal(c, a, by, sso.WayPasskey)
	}); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"location": to})
}

// handlePasskeyConfirm is POST /auth/confirm/passkey: a fresh proof of who is signed in.
func (s *passkeys) handlePasskeyConfirm(c echo.Context) error {
	site, r := s.local.web.Site(), c.Request()
	p, err := s.withPasskeys(c, site)
	if err != nil || p == nil {
		return err
	}
	in, to, err := readSignature(site, r)
	if err != nil {
		return err
	}
	if err := s.provePasskey(c, site, in, func(a sso.Account, by credential.Credential) error {
		if a.ID != p.Account.ID {
			return fmt.Errorf("the passkey is account %d's, not %d's: %w", a.ID, p.Account.ID, sso.PasskeyRefused)
		}
		return s.local.proved(c, site, p, by, sso.WayPasskey)
	}); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"location": to})
}

// provePasskey verifies a signature and calls use, which acts on what it proves. It leaves an event of a refusal.
func (s *passkeys) provePasskey(c echo.Context, site *web.Site, in passkeyInput, use func(sso.Account, credential.Credential) error) error {
	r := c.Request()
	account, by, err := s.verifyPasskey(c, site, in)
	if err == nil {
		err = use(account, by)
		if code := sso.CodeOf(err); code == sso.Conflict || code == sso.AccountDisabled {
			err = fmt.Errorf("%w: %w", sso.PasskeyRefused, err)
			account, _ = s.local.store.Account(r.Context(), account.ID) // the trail names nobody who was purged meanwhile
		}
	}
	if sso.CodeOf(err) == sso.PasskeyRefused {
		s.local.web.RecordRefusal(r.Context(), sso.Event{At: s.local.web.Now(), Kind: sso.EventSignInRefused, Code: sso.PasskeyRefused, Reference: web.Reference(r),
			Provider: sso.WayPasskey, AccountID: account.ID, Email: account.Email, Peer: site.Peer(r), Detail: sso.Reason(err)})
	}
	return err
}

// verifyPasskey returns the account also with an error, once the signature is verified.
func (s *passkeys) verifyPasskey(c echo.Context, site *web.Site, in passkeyInput) (a sso.Account, by credential.Credential, err error) {
	ctx := c.Request().Context()
	w, err := authn(site)
	if err != nil {
		return a, by, err
	}
	cer, err := s.endCeremony(c, site, 0)
	if err != nil {
		return a, by, err
	}
	answer, err := protocol.ParseCredentialRequestResponseBytes(in.Credential)
	if err != nil {
		return a, by, passkeyError(err)
	}
	var key credential.Passkey
	var down error // of the store, which the library would hide
	user, signed, err := w.ValidatePasskeyLogin(func(rawID, _ []byte) (webauthn.User, error) {
		var u authnUser
		if key, u, down = s.userOfPasskey(ctx, rawID); down != nil {
			return nil, down
		}
		return u, nil
	}, cer.Session, answer)
	switch {
	case down != nil && sso.CodeOf(down) != sso.NotFound:
		return a, by, down
	case err != nil:
		return a, by, passkeyError(err)
	}
	a = user.(authnUser).account
	by, err = s.usedPasskey(c.Request(), site, a, key, signed)
	return a, by, err
}

func (s *passkeys) userOfPasskey(ctx context.Context, rawID []byte) (credential.Passkey, authnUser, error) {
	key, err := s.local.store.Passkey(ctx, passkeyID(rawID))
	if err != nil {
		return key, authnUser{}, err
	}
	account, err := s.local.store.Account(ctx, key.AccountID)
	if err != nil {
		return key, authnUser{}, err
	}
	u, err := s.authnUser(ctx, account)
	return key, u, err
}

// usedPasskey is the passkey after this use. A counter that does not grow means that there are two of a passkey that cannot
// be copied: it is refused, with a warning for administrators (WebAuthn §6.1.1, §7.2 step 22).
func (s *passkeys) usedPasskey(r *http.Request, site *web.Site, a sso.Account, key credential.Passkey, signed *webauthn.Credential) (credential.Credential, error) {
	if signed.Authenticator.CloneWarning {
		e := s.passkeyEvent(r, site, a, "passkey %q may have been copied: its counter went back from %d. Remove it if its owner cannot explain it",
			key.Name, key.SignCount)
		e.Kind = sso.EventWarning
		s.local.web.RecordRefusal(r.Context(), e)
		s.local.web.Log.WarnContext(r.Context(), "a passkey may have been copied", "account", a.ID, "reference", e.Reference)
		return credential.Credential{}, fmt.Errorf("the passkey's counter went back: %w", sso.PasskeyRefused)
	}
	text, err := json.Marshal(signed)
	by := credential.Credential{AccountID: a.ID, CountBefore: key.SignCount, Passkey: &key}
	key.Credential, key.SignCount = string(text), int64(signed.Authenticator.SignCount)
	return by, err
}

// passkeyError keeps what the library found for the log, where it must not be longer than a line: it quotes what a client
// sent. Outside it is one code.
func passkeyError(err error) error {
	text := err.Error()
	if p, ok := errors.AsType[*protocol.Error](err); ok && p.DevInfo != "" {
		text = p.Details + ": " + p.DevInfo
	}
	return fmt.Errorf("%s: %w", sso.Truncate(sso.CleanText(text), 300), sso.PasskeyRefused)
}

// networkSignatures is how many signatures are looked at that come from one network, within one to two minutes: each writes
// a line into the database, and anyone may send one (SECURITY L2).
const networkSignatures = 120

// beginCeremony answers with options, and keeps what was begun in the browser.
func (s *passkeys) beginCeremony(c echo.Context, site *web.Site, cer ceremony, options any) error {
	cer.Until = s.local.web.Now().Add(ceremonyLifetime)
	name := site.CookieName("passkey")
	http.SetCookie(c.Response(), site.StrictCookie(name, s.local.web.SealCookie(name, cer), int(ceremonyLifetime.Seconds())))
	return c.JSON(http.StatusOK, options)
}

// endCeremony returns what this browser began, once: the challenge is spent in the store, whatever comes of it.
func (s *passkeys) endCeremony(c echo.Context, site *web.Site, account int64) (ceremony, error) {
	var cer ceremony
	name := site.CookieName("passkey")
	if !s.local.web.OpenCookie(c.Request(), name, &cer) || !s.local.web.Now().Before(cer.Until) || cer.Account != account {
		return ceremony{}, fmt.Errorf("this browser began nothing of the kind, or more than %v ago: %w", ceremonyLifetime, sso.PasskeyRefused)
	}
	if from := web.Network(site.Peer(c.Request())); account == 0 && !s.local.networks.Add(from, networkSignatures, s.local.web.Now()) {
		return ceremony{}, fmt.Errorf("too many passkeys tried from %s: %w", from, sso.Throttled)
	}
	http.SetCookie(c.Response(), site.StrictCookie(name, "", -1))
	err := s.local.store.KeepHandoff(c.Request().Context(), "passkey:"+cer.Session.Challenge, []byte("spent"), cer.Until)
	if errors.Is(err, sso.Conflict) {
		return ceremony{}, fmt.Errorf("the challenge was used before: %w", sso.PasskeyRefused)
	}
	return cer, err
}

// passkeyInput is what our script sends.
type passkeyInput struct {
	// Credential may have members that are not known here: browsers add them (WebAuthn Level 3 §5.1, §5.8.1). The library
	// reads those that it knows.
	Credential json.RawMessage `json:"credential"`
	Name       string          `json:"name"`
	ReturnTo   string          `json:"return_to"`
	Secret     string          `json:"secret"` // at the set-up, with Email
	Email      string          `json:"email"`
}

func readPasskey(r *http.Request) (in passkeyInput, err error) {
	err = web.ReadJSON(r, web.MaxBody, &in)
	return in, err
}

// readSignature reads a passkey's signature, and where its person goes on then.
func readSignature(site *web.Site, r *http.Request) (in passkeyInput, to string, err error) {
	if in, err = readPasskey(r); err == nil {
		to, err = site.Bridge.Return.Parse(in.ReturnTo)
	}
	return in, to, err
}
