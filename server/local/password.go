package local

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/sso/password"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

// passwordStore is what passwords need. Failures are counted in the store, so that replicas share them.
type passwordStore interface {
	// PasswordHash returns the account of an e-mail and its hash; [sso.NotFound] when there is none, and an empty hash for an
	// account without a password.
	PasswordHash(ctx context.Context, email string) (sso.Account, string, error)
	// AddFailureWithin counts a failure under each key, unless one has reached its limit: then it returns that key.
	AddFailureWithin(ctx context.Context, limits map[string]int, since, at time.Time) (over string, err error)
	// ForgiveFailures forgets the failures of the keys in all, and of the others those of one moment.
	ForgiveFailures(ctx context.Context, all, others []string, at time.Time) error
	// ChangePassword ends all sessions of the account and opens n; [sso.Conflict] when old is not the hash any more.
	ChangePassword(ctx context.Context, id int64, old, hash string, n sso.Session, e sso.Event) error
}

// Limits of guesses (SECURITY I2), within throttleWindow: for one account from one network (IPv4 /24, IPv6 /48), from one
// network, for one account from everywhere, and altogether. The window moves on, so nobody is locked out for good.
//
// Who guesses from many networks can use up what the account has; its owner signs in all the same from a browser that
// has done so before, which has a count of its own (OWASP, "Device Cookies"), or with a passkey.
const (
	throttleWindow         = 15 * time.Minute
	accountNetworkFailures = 10
	networkFailures        = 30
	accountFailures        = 60
	totalFailures          = 1000
	deviceFailures         = 10
)

// handleLogin is GET /login: the ways to sign in. With exactly one provider, and no other way, it goes straight there.
func (s *Local) handleLogin(c echo.Context) error {
	site := s.web.Site()
	to, err := landingOfQuery(site, c.Request().URL.RawQuery)
	if err != nil {
		return err
	}
	page := s.loginPage(c.Request(), site, to)
	if page.SetUp, err = s.Empty(c.Request().Context(), site); err != nil {
		return err
	}
	if !page.Password {
		if page.Passkey, err = s.PasskeyAlone(c.Request().Context(), site); err != nil {
			return err
		}
	}
	p, err := s.sessions.Principal(c.Request())
	switch {
	case err != nil:
		return err
	case p != nil:
		page.Account, page.Another = p.Account.Email, site.Path("/auth/logout")
	case c.QueryParam("another") == "yes":
		forAnother(site, &page)
	}
	if page.Sole() && p == nil && page.Stays == "" {
		next := site.SignIn(to)
		if page.Providers[0].Another {
			next = site.Path(page.Providers[0].URL(to))
		}
		return c.Redirect(http.StatusFound, next)
	}
	return s.web.Page(c.Response(), http.StatusOK, page)
}

// forAnother has a page let somebody else sign in than the one who has a session at an identity provider. An OpenID provider is
// asked for that; a product knows no such question, so that the person is told to sign out there first.
func forAnother(site *web.Site, page *templates.Login) {
	for i, p := range page.Providers {
		of := site.Bridge.Providers.Beginners()[0]
		if named := site.Bridge.Providers.Named(p.Name); named != nil {
			of = named
		}
		if of.OwnPage {
			page.Providers[i].Another = true
			continue
		}
		if page.Stays != "" {
			continue
		}
		page.Stays = shownName(site, of)
		if known := site.Config.Provider(of.Name); known != nil && known.LogoutURI != nil {
			page.SignOut = known.LogoutURI.String()
		}
	}
}

// PasskeyAlone reports whether pages offer to sign in with a passkey where they offer no password: if anybody has one.
func (s *Local) PasskeyAlone(ctx context.Context, site *web.Site) (bool, error) {
	if site.Config.EnablePasswordLogin || !site.PasskeysPossible() {
		return false, nil
	}
	return s.store.AnyPasskey(ctx)
}

// Empty reports whether nobody can sign in yet: no provider is on, and there is no administrator. Who runs the site is led on then.
func (s *Local) Empty(ctx context.Context, site *web.Site) (bool, error) {
	if len(site.Bridge.Providers.Beginners()) > 0 {
		return false, nil
	}
	switch err := s.store.CheckSetup(ctx, ""); {
	case errors.Is(err, sso.NotFound):
		return false, nil
	case errors.Is(err, sso.Forbidden), err == nil:
		return true, nil
	default:
		return false, err
	}
}

func (s *Local) loginPage(r *http.Request, site *web.Site, to string) templates.Login {
	last := site.LastWay(r)
	return templates.Login{
		Layout: s.web.Layout(site, r), Providers: Providers(site, last), Password: site.Config.EnablePasswordLogin, Passkey: site.PasskeysPossible(), ReturnTo: to, Last: last,
	}
}

// Providers are the identity providers as pages offer them: the one first that this browser used last.
func Providers(site *web.Site, last string) []templates.Provider {
	beginners := site.Bridge.Providers.Beginners()
	if only := beginners.Sole(); only != nil {
		return []templates.Provider{{Label: only.Label}} // the only one needs no name
	}
	var all []templates.Provider
	for _, p := range beginners {
		one := templates.Provider{Name: p.Name, Label: shownName(site, p), Last: p.Name == last}
		if one.Last {
			all = append([]templates.Provider{one}, all...)
			continue
		}
		all = append(all, one)
	}
	return all
}

// shownName is what people read of a provider, where one has to be told from others. The name jwt says nothing to them, and nobody
// chose it: without a label they read the host of the product's own page.
func shownName(site *web.Site, p *sso.Provider) string {
	of := site.Config.Provider(p.Name)
	if p.Label == "" && p.Name == setting.DefaultProvider && of != nil && of.IdentityProviderURI != nil {
		return of.IdentityProviderURI.Hostname()
	}
	return cmp.Or(p.Label, p.Name)
}

// handlePassword is POST /login. Unknown, SSO-only, deactivated and wrong are one answer, in the same time (SECURITY I3).
func (s *Local) handlePassword(c echo.Context) error {
	site, r := s.web.Site(), c.Request()
	values, err := web.BodyOf(r)
	if err != nil {
		return err
	}
	email := values.Get("email")
	to, err := landing(site, values)
	if err != nil {
		return err
	}
	if !site.Config.EnablePasswordLogin {
		return sso.NotFound
	}
	err = s.provePassword(r, site, attempt{email: email, typed: values.Get("password")}, func(known knownPassword) error {
		return s.openLocal(c, known.account, known.credential(), sso.WayPassword)
	})
	if err == nil {
		return c.Redirect(http.StatusSeeOther, to)
	}
	problem, ok := s.shownProblem(c, err)
	if !ok {
		return err
	}
	page := s.loginPage(r, site, to)
	page.Email = sso.Truncate(email, 254)
	if sso.CodeOf(err) == sso.Throttled {
		page.Error = problem.text
	} else {
		page.PasswordError = problem.text
	}
	return s.web.Page(c.Response(), problem.status, page)
}

// An attempt is a password that somebody typed, and what for, in words for the event of a refusal.
type attempt struct{ email, typed, what string }

// A knownPassword is an active account whose password was given.
type knownPassword struct {
	account  sso.Account
	hash     string
	rehashed string // at today's costs; "" when hash has these
}

func (k knownPassword) credential() credential.Credential {
	return credential.Credential{AccountID: k.account.ID, PasswordHash: k.hash, Rehashed: k.rehashed}
}

// provePassword is the one place where a password is looked at. When it is right, it calls use, which acts on it; that is
// when [sso.Conflict] says that it is not right any more, which is then judged anew (SECURITY D8). It leaves an event of a
// refusal. Errors: those of use, [sso.PasswordRefused], [sso.Throttled], [sso.StoreUnavailable].
//
// Whatever the account, it does the same: one look into the store, one count, one hash, one event (SECURITY I3).
func (s *Local) provePassword(r *http.Request, site *web.Site, try attempt, use func(knownPassword) error) error {
	ctx, now := r.Context(), s.web.Now()
	account, hash, err := s.passwordHash(ctx, try.email)
	if err != nil {
		return err
	}
	g := s.guessOf(r, site, account, hash, try.email)
	// Counted before the hash is computed, so that many guesses at once are all counted.
	over, err := s.store.AddFailureWithin(ctx, g.limits, now.Add(-throttleWindow), now)
	switch {
	case err != nil:
		return err
	case over != "":
		return fmt.Errorf("%d failures of %s within %v: %w", g.limits[over], over, throttleWindow, sso.Throttled)
	}
	for range maxChecks {
		ok, rehash, err := s.passwords.Verify(ctx, hash, try.typed)
		if err != nil {
			return fmt.Errorf("%w: %w", err, sso.StoreUnavailable)
		}
		if !ok || !account.Active || hash == "" {
			break
		}
		known := knownPassword{account: account, hash: hash}
		if rehash { // without it, the old one does for now
			known.rehashed, _ = s.passwords.Hash(ctx, try.typed)
		}
		err = use(known)
		switch sso.CodeOf(err) {
		case "":
			s.forgive(ctx, g, now)
			return nil
		case sso.Conflict, sso.AccountDisabled:
		default:
			return err
		}
		if account, hash, err = s.passwordHash(ctx, try.email); err != nil {
			return err
		}
	}
	s.web.RecordRefusal(ctx, sso.Event{
		At: now, Kind: sso.EventSignInRefused, Code: sso.PasswordRefused, Reference: web.Reference(r), Provider: sso.WayPassword,
		AccountID: account.ID, Email: account.Email, Peer: site.Peer(r), Detail: try.what,
	})
	return fmt.Errorf("password sign-in: %w", sso.PasswordRefused)
}

// maxChecks bounds how often a password is looked at, when the account is not what it was by the time it is acted on.
const maxChecks = 4

// passwordHash returns nothing, and no error, for an account that is not there.
func (s *Local) passwordHash(ctx context.Context, email string) (sso.Account, string, error) {
	account, hash, err := s.store.PasswordHash(ctx, email)
	if sso.CodeOf(err) == sso.NotFound {
		return sso.Account{}, "", nil
	}
	return account, hash, err
}

// forgive takes back what a guess counted that was right. What it led to is done by now: a guess too many in the count
// undoes none of that.
func (s *Local) forgive(ctx context.Context, g guess, at time.Time) {
	if err := s.store.ForgiveFailures(ctx, g.own, g.others, at); err != nil {
		s.web.Log.WarnContext(ctx, "a right password still counts as a guess", "error", err)
	}
}

// openLocal signs a browser in to an account without an identity provider, while that is allowed.
func (s *Local) openLocal(c echo.Context, account sso.Account, by credential.Credential, how string) error {
	r := c.Request()
	return s.sessions.BySettings(r.Context(), func(site *web.Site) error {
		if by.Passkey == nil && !site.Config.EnablePasswordLogin {
			return fmt.Errorf("ENABLE_PASSWORD_LOGIN was switched off meanwhile: %w", sso.NotFound)
		}
		session, id := s.newSession(r, site, account.ID, how)
		if by.Passkey != nil {
			session.Proof = credential.PasskeyProof(by.Passkey.ID)
		}
		e := sso.Event{
			At: session.CreatedAt, Kind: sso.EventSignIn, Reference: web.Reference(r), Provider: how, AccountID: account.ID,
			Email: account.Email, Peer: session.Peer,
		}
		by.Settings = site.Bridge.Settings
		if err := s.store.OpenSession(r.Context(), session, by, e); err != nil {
			return err
		}
		s.web.Metrics.SignedInHere(how)
		s.sessions.EndReplaced(r)
		s.web.Log.InfoContext(r.Context(), "signed in", "account", account.ID, "provider", how, "reference", e.Reference, "peer", e.Peer,
			"request_id", web.RequestID(r))
		if by.Passkey == nil {
			http.SetCookie(c.Response(), s.deviceCookie(site, account, cmp.Or(by.Rehashed, by.PasswordHash)))
		}
		site.SetSessionCookie(c.Response(), id)
		site.RememberWay(c.Response(), how)
		return nil
	})
}

func (s *Local) newSession(r *http.Request, site *web.Site, accountID int64, how string) (session sso.Session, id string) {
	now := s.web.Now()
	id = sso.NewSessionID()
	session = sso.Session{
		AccountID: accountID, Provider: how, CreatedAt: now, LastUsed: now, ExpiresAt: now.Add(site.Bridge.Sessions.MaxAge),
		Peer: site.Peer(r), UserAgent: sso.Truncate(sso.CleanText(r.UserAgent()), 300),
	}
	session.Hash, _ = sso.HashSessionID(id)
	return session, id
}

// A guess is what one typed password counts against.
type guess struct {
	limits map[string]int
	own    []string // forgotten once the password was right
	others []string // shared with others: only this guess is taken back
}

// guessOf counts under the account, not under what was typed (SECURITY I2), and for an unknown one under its e-mail, so
// that it is throttled like any other.
func (s *Local) guessOf(r *http.Request, site *web.Site, account sso.Account, hash, email string) guess {
	who := "account:" + strconv.FormatInt(account.ID, 10)
	if account.ID == 0 {
		sum := sha256.Sum256([]byte(address.Key(email)))
		who = "email:" + hex.EncodeToString(sum[:16])
	}
	if device, ok := s.deviceOf(r, site, account, hash); ok {
		key := who + " device:" + device
		return guess{limits: map[string]int{key: deviceFailures}, own: []string{key}}
	}
	from := "network:" + web.Network(site.Peer(r))
	here := who + " " + from
	return guess{
		limits: map[string]int{here: accountNetworkFailures, from: networkFailures, who: accountFailures, "all": totalFailures},
		own:    []string{here}, others: []string{from, who, "all"},
	}
}

// deviceLifetime is how long a browser in which someone signed in with a password keeps a count of its own.
const deviceLifetime = 180 * 24 * time.Hour

// A device is a browser in which an account signed in with the password that it has now. One that knew another password is
// a stranger: who found out the one before could have collected devices without number, each with its count of guesses.
type device struct {
	Account  int64     `json:"a"`
	ID       string    `json:"i"`
	Until    time.Time `json:"u"`
	Password string    `json:"p"` // see passwordMark
}

// passwordMark names the hash of a password without revealing it.
func passwordMark(hash string) string {
	sum := sha256.Sum256([]byte(hash))
	return hex.EncodeToString(sum[:16])
}

func deviceCookieName(site *web.Site) string { return site.CookieName("device") }

func (s *Local) deviceCookie(site *web.Site, account sso.Account, hash string) *http.Cookie {
	value := s.web.SealCookie(deviceCookieName(site), device{account.ID, rand.Text(), s.web.Now().Add(deviceLifetime), passwordMark(hash)})
	return site.StrictCookie(deviceCookieName(site), value, int(deviceLifetime.Seconds()))
}

func (s *Local) deviceOf(r *http.Request, site *web.Site, account sso.Account, hash string) (string, bool) {
	var d device
	if account.ID == 0 || !s.web.OpenCookie(r, deviceCookieName(site), &d) || d.Account != account.ID || d.Password != passwordMark(hash) ||
		!s.web.Now().Before(d.Until) {
		return "", false
	}
	return d.ID, true
}

// handlePasswordPage is GET /auth/password, for someone who has a password to change.
func (s *Local) handlePasswordPage(c echo.Context) error {
	site := s.web.Site()
	p, err := s.withPassword(c, site)
	if err != nil || p == nil {
		return err
	}
	return s.web.Page(c.Response(), http.StatusOK, templates.Password{
		Layout: s.layoutOf(site, c.Request(), p), Person: web.Person(p.Account), Changed: c.QueryParam("done") == "changed", MinCharacters: password.MinCharacters,
	})
}

// withPassword returns who is signed in; nil once it has sent someone to sign in. Who has no password finds nothing here:
// accounts of an identity provider cannot get one (SECURITY E3).
func (s *Local) withPassword(c echo.Context, site *web.Site) (*sso.Principal, error) {
	p, err := s.MustSignIn(c, web.LoginPage(site, site.Path(c.Request().URL.Path)))
	if p != nil && !p.Account.HasPassword {
		return nil, fmt.Errorf("account %d has no password: %w", p.Account.ID, sso.NotFound)
	}
	return p, err
}

// handlePasswordChange is POST /auth/password. The old password is the proof that SECURITY G3 asks for; all other sessions
// of the account end (D4), and this one gets a new id (D3).
func (s *Local) handlePasswordChange(c echo.Context) error {
	site, r := s.web.Site(), c.Request()
	values, err := web.BodyOf(r)
	if err != nil {
		return err
	}
	p, err := s.withPassword(c, site)
	if err != nil || p == nil {
		return err
	}
	page := templates.Password{Layout: s.layoutOf(site, r, p), Person: web.Person(p.Account), MinCharacters: password.MinCharacters}
	chosen := values.Get("new")
	page.NewError, page.AgainError = s.newPasswordErrors(page.Layout, chosen, values.Get("again"), p.Account)
	if page.Faults().Any() {
		return s.refusedForm(c, page, page.NewError+page.AgainError)
	}
	try := attempt{email: p.Account.Email, typed: values.Get("old"), what: "to change it"}
	err = s.provePassword(r, site, try, func(known knownPassword) error { return s.changePassword(c, site, known, chosen) })
	if err == nil {
		return c.Redirect(http.StatusSeeOther, site.Path("/auth/password?done=changed"))
	}
	problem, ok := s.shownProblem(c, err)
	if !ok {
		return err
	}
	page.OldError = problem.text
	if sso.CodeOf(err) == sso.PasswordRefused {
		page.OldError = "That is not your password."
	}
	return s.web.Page(c.Response(), problem.status, page)
}

// newPasswordErrors says what is wrong with a new password that was typed twice, in the language of the page.
func (s *Local) newPasswordErrors(layout templates.Layout, chosen, again string, account sso.Account) (first, second string) {
	err := password.Check(chosen, account.Email, account.FirstName, account.LastName)
	if fault, ok := errors.AsType[*password.Fault](err); ok {
		return s.web.Say(layout, sentence(fault.Format), fault.Args...), ""
	} else if err != nil {
		return sentence(sso.Reason(err)), ""
	}
	if chosen != again {
		return "", "The two are not the same."
	}
	return "", ""
}

// refusedForm answers a form with what was wrong, as a page or as the error.
func (s *Local) refusedForm(c echo.Context, page templates.Page, why string) error {
	if !web.ReaderOf(c.Request()).Page {
		return fmt.Errorf("%s: %w", why, sso.Invalid)
	}
	return s.web.Page(c.Response(), http.StatusBadRequest, page)
}

func (s *Local) changePassword(c echo.Context, site *web.Site, known knownPassword, chosen string) error {
	r := c.Request()
	hash, err := s.passwords.Hash(r.Context(), chosen)
	if err != nil {
		return err
	}
	session, id := s.newSession(r, site, known.account.ID, sso.WayPassword)
	e := sso.Event{At: session.CreatedAt, Kind: sso.EventAccount, Reference: web.Reference(r), Actor: known.account.Email, Peer: session.Peer,
		Detail: "password changed; all other sessions ended"}
	if err := s.store.ChangePassword(r.Context(), known.account.ID, known.hash, hash, session, e); err != nil {
		return err
	}
	s.sessions.SeeChanges(r)
	http.SetCookie(c.Response(), s.deviceCookie(site, known.account, hash))
	site.SetSessionCookie(c.Response(), id)
	return nil
}
