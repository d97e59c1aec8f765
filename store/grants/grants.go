// Package grants keeps what OpenID providers give with sign-ins, sealed, and the refreshes of the sessions that it is kept with.
package grants

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/renewal"
	"github.com/ssobridge/ssobridge/store/sealed"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

const (
	insertGrant = "INSERT INTO grants (session, hash, sealed) VALUES ($1, $2, $3)"
	findGrant   = "SELECT session, sealed FROM grants WHERE hash = $1"

	claimRefresh = `UPDATE sessions SET refresh_after = $4 WHERE hash = $1 AND refreshed_at > 0 AND refreshed_at <= $2 AND refresh_after <= $3
		RETURNING account_id, refreshed_at, refresh_failing`

	// A session is known by the row of what was given with it, since it may get another id meanwhile; only one that has no such
	// row is known by its id.
	ofClaim = ` WHERE hash = coalesce((SELECT hash FROM grants WHERE session = $1), $2) AND refresh_after = $3`

	settleRefresh = `UPDATE sessions SET refreshed_at = $4, refresh_after = $5, refresh_failing = $6` + ofClaim
	endRefused    = `DELETE FROM sessions` + ofClaim + ` RETURNING account_id`
	keepGranted   = `UPDATE grants SET sealed = $2 WHERE session = $1
		AND EXISTS (SELECT 1 FROM sessions s WHERE s.hash = grants.hash AND s.refresh_after = $3)`
)

// Grants are those of a store, which gives its own ways to write. It is a [renewal.Store] but for Renew.
type Grants struct {
	DB       *sqldb.DB
	Sealed   *sealed.Keeper
	Log      *slog.Logger
	Now      func() time.Time
	Write    func(context.Context, func(*sqldb.Conn) error) error
	Event    func(context.Context, *sqldb.Conn, sso.Event) error
	Announce func(ctx context.Context, c *sqldb.Conn, accountID int64, now time.Time) error
}

// ownerOf names the row of a session's grant, for as long as it lives: the session may get another id.
func ownerOf(session sso.SessionHash) string { return hex.EncodeToString(session[:]) }

// AddGrant keeps with a new session what the provider gave, if that is of use later.
func (s *Grants) AddGrant(ctx context.Context, c *sqldb.Conn, session sso.SessionHash, g sso.Granted) error {
	if g.IDToken == "" {
		return nil
	}
	owner := ownerOf(session)
	kept, err := s.seal(ctx, c, owner, g)
	if err != nil {
		return err
	}
	return c.Later(ctx, insertGrant, owner, session, kept)
}

func (s *Grants) seal(ctx context.Context, c *sqldb.Conn, owner string, g sso.Granted) (any, error) {
	plain, err := json.Marshal(g)
	if err != nil {
		return nil, err
	}
	return s.Sealed.Seal(ctx, c, sealed.Grants(), plain, owner)
}

// Granted returns what a provider gave with the sign-in of a session, the zero Granted when nothing is kept. What the
// SECRET_KEY of this store does not open counts as not kept.
func (s *Grants) Granted(ctx context.Context, session sso.SessionHash) (g sso.Granted, err error) {
	_, g, err = s.granted(ctx, s.DB.Read(), session)
	return g, err
}

func (s *Grants) granted(ctx context.Context, c *sqldb.Conn, session sso.SessionHash) (owner string, g sso.Granted, err error) {
	var kept []byte
	found, err := c.One(ctx, []any{&owner, &kept}, findGrant, session)
	if err != nil || !found {
		return owner, g, err
	}
	plain, err := s.Sealed.Open(sealed.Grants(), kept, owner)
	if err != nil {
		s.Log.WarnContext(ctx, "what the provider gave with a session cannot be opened", "error", err)
		return owner, sso.Granted{}, nil
	}
	return owner, g, json.Unmarshal(plain, &g)
}

// ClaimRefresh implements [renewal.Store].
func (s *Grants) ClaimRefresh(ctx context.Context, session sso.SessionHash, due, now, until time.Time) (c renewal.Claim, claimed bool, err error) {
	err = s.Write(ctx, func(tx *sqldb.Conn) error {
		c = renewal.Claim{Session: session, Until: until}
		if claimed, err = tx.One(ctx, []any{&c.AccountID, sqldb.Time(&c.State.Refreshed), sqldb.Time(&c.State.Failing)}, claimRefresh, session, due, now, until); err != nil || !claimed {
			return err
		}
		c.Key, c.Granted, err = s.granted(ctx, tx, session)
		return err
	})
	return c, claimed && err == nil, err
}

func argsOf(c renewal.Claim) []any { return []any{c.Key, c.Session, c.Until} }

// stillClaimed makes a statement that changed nothing [sso.NotSignedIn].
func stillClaimed(n int64, err error) error {
	if err == nil && n == 0 {
		err = fmt.Errorf("the session ended while it was refreshed: %w", sso.NotSignedIn)
	}
	return err
}

// KeepGranted implements [renewal.Store].
func (s *Grants) KeepGranted(ctx context.Context, c renewal.Claim, g sso.Granted) error {
	return s.Write(ctx, func(tx *sqldb.Conn) error { return s.KeepGrantedIn(ctx, tx, c, g) })
}

// KeepGrantedIn is KeepGranted in a transaction.
func (s *Grants) KeepGrantedIn(ctx context.Context, tx *sqldb.Conn, c renewal.Claim, g sso.Granted) error {
	kept, err := s.seal(ctx, tx, c.Key, g)
	if err != nil {
		return err
	}
	return stillClaimed(tx.Exec(ctx, keepGranted, c.Key, kept, c.Until))
}

// SettleRefresh implements [renewal.Store].
func (s *Grants) SettleRefresh(ctx context.Context, c renewal.Claim, to renewal.State) error {
	return s.Write(ctx, func(tx *sqldb.Conn) error { return Settle(ctx, tx, c, to) })
}

// Settle is SettleRefresh in a transaction.
func Settle(ctx context.Context, tx *sqldb.Conn, c renewal.Claim, to renewal.State) error {
	return stillClaimed(tx.Exec(ctx, settleRefresh, append(argsOf(c), to.Refreshed, to.After, to.Failing)...))
}

// EndRefused implements [renewal.Store].
func (s *Grants) EndRefused(ctx context.Context, c renewal.Claim, e sso.Event) error {
	return s.Write(ctx, func(tx *sqldb.Conn) error {
		ended, err := tx.One(ctx, []any{&e.AccountID}, endRefused, argsOf(c)...)
		if err == nil && !ended {
			err = stillClaimed(0, nil)
		}
		if err != nil {
			return err
		}
		if _, err := tx.One(ctx, []any{&e.Email}, "SELECT email FROM accounts WHERE id = $1", e.AccountID); err != nil {
			return err
		}
		if err := s.Event(ctx, tx, e); err != nil {
			return err
		}
		return s.Announce(ctx, tx, e.AccountID, s.Now())
	})
}
