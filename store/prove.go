package store

import (
	"context"
	"fmt"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/store/people"
)

// useCredential locks an account until the transaction ends, and acts on a credential of it if that still is one (SECURITY
// D8): it notes the use of a passkey, and keeps a password's hash at new costs. It returns [sso.Conflict] without an account, or the
// errors of [credential.Credential.Holds].
func (s *Store) useCredential(ctx context.Context, c *conn, by credential.Credential, at time.Time) error {
	var a sso.Account
	var hash string
	found, err := c.One(ctx, append(people.Fields(&a), &hash),
		"UPDATE accounts SET active = active WHERE id = $1 RETURNING "+people.Columns+", password_hash", by.AccountID)
	switch {
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("account %d was deleted meanwhile: %w", by.AccountID, sso.Conflict)
	}
	administrator, known := false, false
	if p := by.Passkey; p != nil {
		var one int
		if administrator, err = c.One(ctx, []any{&one}, "SELECT 1 FROM memberships WHERE account_id = $1 AND group_id = $2",
			a.ID, sso.Administrators); err != nil {
			return err
		}
		n, err := c.Exec(ctx, `UPDATE passkeys SET credential = $3, sign_count = $4, last_used = $5
			WHERE id = $1 AND account_id = $2 AND sign_count = $6`, p.ID, a.ID, p.Credential, p.SignCount, at, by.CountBefore)
		if err != nil {
			return err
		}
		known = n == 1
	}
	if err := by.Holds(a, hash, administrator, known); err != nil || by.Rehashed == "" {
		return err
	}
	_, err = c.Exec(ctx, "UPDATE accounts SET password_hash = $2 WHERE id = $1", a.ID, by.Rehashed)
	return err
}

// RenewSession gives a session another id and says that its person has just proved who they are, by a credential
// (SECURITY D3, G3). The old id is worth nothing from then on. It returns [sso.NotSignedIn] when the session is over or
// somebody else's, or the errors of [credential.Credential.Holds].
func (s *Store) RenewSession(ctx context.Context, old, renewed sso.SessionHash, by credential.Credential, at time.Time, e sso.Event) error {
	e.AccountID = by.AccountID
	return s.writing(ctx, func(c *conn) error {
		if err := s.useCredential(ctx, c, by, at); err != nil {
			return err
		}
		n, err := c.Exec(ctx, "UPDATE sessions SET hash = $2, proved_at = $3 WHERE hash = $1 AND account_id = $4",
			old, renewed, at, by.AccountID)
		if err == nil && n == 0 {
			err = fmt.Errorf("the session to renew is over: %w", sso.NotSignedIn)
		}
		if err != nil {
			return err
		}
		if err := s.event(ctx, c, e); err != nil {
			return err
		}
		return announce(ctx, c, by.AccountID, s.now())
	})
}

// ChangePassword replaces an account's password, which was of the hash old, ends all of its sessions, and opens n in their
// place. It returns [sso.Conflict] when the password is another one by now, [sso.NotFound], or [sso.AccountDisabled].
func (s *Store) ChangePassword(ctx context.Context, id int64, old, hash string, n sso.Session, e sso.Event) error {
	if old == "" || hash == "" {
		return fmt.Errorf("an empty hash is no password: %w", sso.Invalid) // SECURITY E3
	}
	n.AccountID = id
	return s.changeAccount(ctx, id, e, func(c *conn, a sso.Account) (bool, error) {
		if !a.Active {
			return false, fmt.Errorf("account %d is deactivated: %w", id, sso.AccountDisabled)
		}
		changed, err := c.Exec(ctx, "UPDATE accounts SET password_hash = $3 WHERE id = $1 AND password_hash = $2", id, old, hash)
		if err == nil && changed == 0 {
			err = fmt.Errorf("the password of account %d was changed meanwhile: %w", id, sso.Conflict)
		}
		if err != nil {
			return false, err
		}
		if _, err := c.Exec(ctx, deleteSessions, id); err != nil {
			return false, err
		}
		return true, openSession(ctx, c, n)
	})
}
