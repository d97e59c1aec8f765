package store

import (
	"context"
	"fmt"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// RenewSession gives a session another id and says that its person has just proved who they are (SECURITY D3, G3). The old
// id is worth nothing from then on. It returns [sso.NotSignedIn] when the session is over.
func (s *Store) RenewSession(ctx context.Context, old, renewed sso.SessionHash, at time.Time, e sso.Event) error {
	return s.writing(ctx, func(c *conn) error {
		found, err := c.one(ctx, []any{&e.AccountID},
			"UPDATE sessions SET hash = $2, proved_at = $3 WHERE hash = $1 RETURNING account_id", old, renewed, at)
		if err == nil && !found {
			err = fmt.Errorf("the session to renew is over: %w", sso.NotSignedIn)
		}
		if err != nil {
			return err
		}
		if err := s.event(ctx, c, e); err != nil {
			return err
		}
		return announce(ctx, c, e.AccountID, s.now())
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
		changed, err := c.exec(ctx, "UPDATE accounts SET password_hash = $3 WHERE id = $1 AND password_hash = $2", id, old, hash)
		if err == nil && changed == 0 {
			err = fmt.Errorf("the password of account %d was changed meanwhile: %w", id, sso.Conflict)
		}
		if err != nil {
			return false, err
		}
		if _, err := c.exec(ctx, deleteSessions, id); err != nil {
			return false, err
		}
		return true, openSession(ctx, c, n)
	})
}
