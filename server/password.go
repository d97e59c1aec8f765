package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/templates"
)

// passwordStore is what the password form needs. Failures are counted in the store, so that replicas share them.
type passwordStore interface {
	// PasswordHash returns the account of an e-mail and its hash; [sso.NotFound] when there is none, and an empty hash for an
	// account without a password.
	PasswordHash(ctx context.Context, email string) (sso.Account, string, error)
	CountFailures(ctx context.Context, keys []string, since time.Time) (map[string]int, error)
	AddFailure(ctx context.Context, keys []string, at time.Time) error
	ClearFailures(ctx context.Context, keys []string) error
}

// Limits of guesses (SECURITY I2), within throttleWindow: for one account, from one network (IPv4 /24, IPv6 /48), and
// altogether. The window moves on, so an owner is never locked out for good; and who guesses from elsewhere stops at the
// network's limit long before the account's own network does.
const (
	throttleWindow  = 15 * time.Minute
	accountFailures = 10
	networkFailures = 30
	totalFailures   = 1000
)

// handleLogin is GET /login: the ways to sign in. With exactly one provider and no passwords it goes straight there.
func (s *Server) handleLogin(c echo.Context) error {
	l := s.live.Load()
	to, err := l.bridge.Return.Parse(c.QueryParam("return_to"))
	if err != nil {
		return err
	}
	if !l.cfg.EnablePasswordLogin && l.bridge.Provider != nil {
		return c.Redirect(http.StatusFound, loginPath(to))
	}
	return s.page(c.Response(), http.StatusOK, s.loginPage(l, to))
}

func (s *Server) loginPage(l *live, to string) templates.Login {
	return templates.Login{Layout: s.layout(l), Providers: providers(l), Password: l.cfg.EnablePasswordLogin, ReturnTo: to}
}

func providers(l *live) []templates.Provider {
	if l.bridge.Provider == nil {
		return nil
	}
	return []templates.Provider{{}} // the only one needs no name
}

// handlePassword is POST /login. Unknown, SSO-only, deactivated and wrong are one answer, in the same time (SECURITY I3).
func (s *Server) handlePassword(c echo.Context) error {
	l, r := s.live.Load(), c.Request()
	values, err := bodyOf(r)
	if err != nil {
		return err
	}
	email, password := values.Get("email"), values.Get("password")
	to, err := l.bridge.Return.Parse(values.Get("return_to"))
	if err != nil {
		return err
	}
	if !l.cfg.EnablePasswordLogin {
		return sso.NotFound
	}
	session, id, err := s.passwordSession(r, l, email, password)
	if err == nil {
		s.Log.InfoContext(r.Context(), "signed in", "account", session.AccountID, "provider", "password",
			"reference", reference(r), "peer", l.peer(r), "request_id", requestID(r))
		if err := l.setSessionCookie(c.Response(), r, id); err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, to)
	}
	code := sso.CodeOf(err)
	if formOf(r) != formPage || code != sso.PasswordRefused && code != sso.Throttled {
		return err
	}
	page := s.loginPage(l, to)
	page.Email = sso.Truncate(email, 254)
	v := vocabulary(code)
	s.logRefusal(r, v.status, code, reference(r), err)
	if code == sso.Throttled {
		page.Error = v.message + "."
		c.Response().Header().Set("Retry-After", strconv.Itoa(int(throttleWindow.Seconds())))
	} else {
		page.PasswordError = v.message + "."
	}
	return s.page(c.Response(), v.status, page)
}

// passwordSession opens a session for who knows the password of an active account.
func (s *Server) passwordSession(r *http.Request, l *live, email, password string) (sso.Session, string, error) {
	ctx, now := r.Context(), s.Now()
	account, hash, err := s.Store.PasswordHash(ctx, email)
	if err != nil && sso.CodeOf(err) != sso.NotFound {
		return sso.Session{}, "", err
	}
	peer := l.peer(r)
	keys := throttleKeys(account, email, peer)
	if err := s.throttled(ctx, keys, now); err != nil {
		return sso.Session{}, "", err
	}
	// Counted before the hash is computed, so that many guesses at once are all counted.
	if err := s.Store.AddFailure(ctx, keys[:], now); err != nil {
		return sso.Session{}, "", err
	}
	ok, _, err := s.Passwords.Verify(ctx, hash, password)
	if err != nil {
		return sso.Session{}, "", fmt.Errorf("%w: %w", err, sso.StoreUnavailable)
	}
	event := sso.Event{At: now, Kind: sso.EventSignIn, Reference: reference(r), Provider: "password", AccountID: account.ID, Email: account.Email, Peer: peer}
	if !ok || !account.Active || hash == "" {
		event.Kind, event.Code = sso.EventSignInRefused, sso.PasswordRefused
		if err := s.Store.Record(ctx, event); err != nil {
			s.Log.ErrorContext(ctx, "event not recorded", "error", err)
		}
		return sso.Session{}, "", fmt.Errorf("password sign-in: %w", sso.PasswordRefused)
	}
	if err := s.Store.ClearFailures(ctx, keys[:1]); err != nil {
		return sso.Session{}, "", err
	}
	id := sso.NewSessionID()
	session := sso.Session{
		AccountID: account.ID, Provider: "password", CreatedAt: now, LastUsed: now,
		ExpiresAt: now.Add(l.bridge.Policy.Sessions.MaxAge), Peer: peer, UserAgent: sso.Truncate(sso.CleanText(r.UserAgent()), 300),
	}
	session.Hash, _ = sso.HashSessionID(id)
	return session, id, s.Store.OpenSession(ctx, session, event)
}

// throttleKeys are what failures are counted under: the account, not what was typed (SECURITY I2); the network; all.
func throttleKeys(account sso.Account, email, peer string) [3]string {
	who := "account:" + strconv.FormatInt(account.ID, 10)
	if account.ID == 0 {
		sum := sha256.Sum256([]byte(sso.EmailKey(email)))
		who = "email:" + hex.EncodeToString(sum[:16])
	}
	return [3]string{who, "network:" + network(peer), "all"}
}

func network(peer string) string {
	addr, err := netip.ParseAddr(peer)
	if err != nil {
		return peer
	}
	bits := 24
	if addr = addr.Unmap(); addr.Is6() {
		bits = 48
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return peer
	}
	return prefix.String()
}

func (s *Server) throttled(ctx context.Context, keys [3]string, now time.Time) error {
	counts, err := s.Store.CountFailures(ctx, keys[:], now.Add(-throttleWindow))
	if err != nil {
		return err
	}
	for i, limit := range []int{accountFailures, networkFailures, totalFailures} {
		if counts[keys[i]] >= limit {
			return fmt.Errorf("%d failures of %s within %v: %w", counts[keys[i]], keys[i], throttleWindow, sso.Throttled)
		}
	}
	return nil
}
