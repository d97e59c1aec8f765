package store

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/sso/seal"
	"github.com/ssobridge/ssobridge/store/sealed"
)

const setupRow = "first administrator"

// SetupSecret returns the secret that makes the first administrator. The first call keeps fresh as the secret, and later
// ones, of any replica, return that. It returns [sso.NotFound] while there is an administrator.
//
// It is kept sealed and not as a hash: a program that starts again says the same secret, and no replica's voids another's.
func (s *Store) SetupSecret(ctx context.Context, fresh string) (secret string, err error) {
	if fresh == "" {
		return "", errors.New("an empty text is no secret")
	}
	err = s.writing(ctx, func(c *conn) error {
		if err := refuseIfAdministered(ctx, c); err != nil {
			return err
		}
		kept, err := s.keptSetupSecret(ctx, c)
		if secret = kept; err != nil || kept != "" {
			return err
		}
		// One that another SECRET_KEY has sealed is replaced: nobody can be told it any more.
		sealing, err := s.sealed.Seal(ctx, c, sealed.Setup(), []byte(fresh), setupRow)
		if err != nil {
			return err
		}
		secret = fresh
		_, err = c.Exec(ctx, `INSERT INTO setup (name, sealed, made_at) VALUES ($1, $2, $3)
			ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, made_at = excluded.made_at`,
			setupRow, sealing, s.now())
		return err
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// CheckSetup returns nil when secret is the one of [Store.SetupSecret], [sso.NotFound] when there is an administrator, and
// [sso.Forbidden] for another secret. It is for a look before the work; [Store.SetUp] checks anew.
func (s *Store) CheckSetup(ctx context.Context, secret string) error {
	return s.checkSetup(ctx, s.reading(), secret)
}

func (s *Store) checkSetup(ctx context.Context, c *conn, secret string) error {
	if administered, err := administered(ctx, c); err != nil || administered {
		return errors.Join(err, errAdministered(administered))
	}
	kept, err := s.keptSetupSecret(ctx, c)
	if err != nil {
		return err
	}
	if kept == "" || subtle.ConstantTimeCompare([]byte(kept), []byte(secret)) != 1 {
		return fmt.Errorf("that is not the set-up secret: %w", sso.Forbidden)
	}
	return nil
}

// keptSetupSecret is "" when there is none that this SECRET_KEY opens.
func (s *Store) keptSetupSecret(ctx context.Context, c *conn) (string, error) {
	var kept []byte
	found, err := c.One(ctx, []any{&kept}, "SELECT sealed FROM setup WHERE name = $1", setupRow)
	if err != nil || !found {
		return "", err
	}
	plain, err := s.sealed.Open(sealed.Setup(), kept, setupRow)
	if err != nil && !errors.Is(err, seal.ErrOtherKey) && !errors.Is(err, seal.ErrDamaged) {
		return "", err
	}
	return string(plain), nil
}

// SetUp makes the first administrator and the session n of the browser that did, and spends the secret. Of several at once
// one succeeds (SECURITY F7). passwordHash is not empty; key, when it is not nil, is the account's passkey. Errors are those of [Store.CheckSetup] and, for the account, of
// [Store.CreateAccount]: the secret is still good then.
func (s *Store) SetUp(ctx context.Context, secret string, a sso.Account, passwordHash string, key *credential.Passkey, n sso.Session,
	e sso.Event) (sso.Account, error) {
	if err := address.Check(a.Email); err != nil {
		return a, fmt.Errorf("%w: %w", err, sso.Invalid)
	}
	if passwordHash == "" {
		return a, fmt.Errorf("an empty hash is no password: %w", sso.Invalid)
	}
	a.Active, a.HasPassword, a.CreatedAt, a.LastLogin = true, true, n.CreatedAt, n.CreatedAt
	err := s.writing(ctx, func(c *conn) (err error) {
		if err := refuseIfAdministered(ctx, c); err != nil {
			return err
		}
		if err := s.checkSetup(ctx, c, secret); err != nil {
			return err
		}
		if _, err := c.Exec(ctx, "DELETE FROM setup"); err != nil {
			return err
		}
		if a.ID, err = insertAccount(ctx, c, a, passwordHash, loginNote{}); err != nil {
			return err
		}
		if a.ID == 0 {
			// Not that account becomes the administrator: whoever it is did not ask for it.
			return fmt.Errorf("an account with the e-mail %s is there already: %w", a.Email, sso.Conflict)
		}
		if _, err := c.Exec(ctx, insertMembership, a.ID, sso.Administrators, sso.MemberByAdmin, a.CreatedAt); err != nil {
			return err
		}
		if key != nil {
			own := *key
			own.AccountID = a.ID
			if err := insertPasskey(ctx, c, own); err != nil {
				return err
			}
		}
		n.AccountID, e.AccountID, e.Email = a.ID, a.ID, a.Email
		if err := openSession(ctx, c, n); err != nil {
			return err
		}
		return s.event(ctx, c, e)
	})
	return a, err
}

// refuseIfAdministered holds the lock of all who change who administers until the transaction ends.
func refuseIfAdministered(ctx context.Context, c *conn) error {
	if _, err := c.Exec(ctx, "UPDATE counters SET value = value WHERE name = 'administrators'"); err != nil {
		return err
	}
	administered, err := administered(ctx, c)
	return errors.Join(err, errAdministered(administered))
}

func errAdministered(is bool) error {
	if !is {
		return nil
	}
	return fmt.Errorf("there is an administrator: %w", sso.NotFound)
}

// administered reports whether an active account is in Administrators.
func administered(ctx context.Context, c *conn) (bool, error) {
	var one int
	return c.One(ctx, []any{&one}, `SELECT 1 FROM memberships m JOIN accounts a ON a.id = m.account_id
		WHERE m.group_id = $1 AND a.active LIMIT 1`, sso.Administrators)
}
