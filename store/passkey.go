package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// MaxPasskeys is how many passkeys one account may have.
const MaxPasskeys = 10

const passkeyColumns = "id, account_id, handle, name, credential, sign_count, created_at, last_used"

func passkeyFields(p *credential.Passkey) []any {
	return []any{&p.ID, &p.AccountID, &p.Handle, &p.Name, &p.Credential, &p.SignCount, sqldb.Time(&p.CreatedAt), sqldb.Time(&p.LastUsed)}
}

// Passkeys returns the passkeys of an account, oldest first.
func (s *Store) Passkeys(ctx context.Context, accountID int64) ([]credential.Passkey, error) {
	return passkeys(ctx, s.reading(), accountID)
}

// AnyPasskey reports whether anybody has a passkey.
func (s *Store) AnyPasskey(ctx context.Context) (bool, error) {
	var one int
	return s.reading().One(ctx, []any{&one}, "SELECT 1 FROM passkeys LIMIT 1")
}

func passkeys(ctx context.Context, c *conn, accountID int64) (all []credential.Passkey, err error) {
	err = c.Each(ctx, func(rows *sql.Rows) error {
		var p credential.Passkey
		err := rows.Scan(passkeyFields(&p)...)
		p.Handle = bytes.Clone(p.Handle)
		all = append(all, p)
		return err
	}, "SELECT "+passkeyColumns+" FROM passkeys WHERE account_id = $1 ORDER BY created_at, id", accountID)
	return all, err
}

// Passkey returns one passkey, or [sso.NotFound].
func (s *Store) Passkey(ctx context.Context, id string) (p credential.Passkey, err error) {
	found, err := s.reading().One(ctx, passkeyFields(&p), "SELECT "+passkeyColumns+" FROM passkeys WHERE id = $1", id)
	if err == nil && !found {
		err = fmt.Errorf("no such passkey: %w", sso.NotFound)
	}
	return p, err
}

// AddPasskey keeps a passkey of p.AccountID, which a session of it has made. It returns [sso.NotFound] for the account,
// [sso.AccountDisabled], [sso.NotSignedIn] when the session is over by now (SECURITY D8), and [sso.Conflict] when the credential is known already, the account has [MaxPasskeys], or its handle is another one.
func (s *Store) AddPasskey(ctx context.Context, p credential.Passkey, by sso.SessionHash, e sso.Event) error {
	return s.changeAccount(ctx, p.AccountID, e, func(c *conn, a sso.Account) (bool, error) {
		if !a.Active {
			return false, fmt.Errorf("account %d is deactivated: %w", a.ID, sso.AccountDisabled)
		}
		var one int
		alive, err := c.One(ctx, []any{&one}, "SELECT 1 FROM sessions WHERE hash = $1 AND account_id = $2", by, a.ID)
		if err == nil && !alive {
			err = fmt.Errorf("the session ended while a passkey was made: %w", sso.NotSignedIn)
		}
		if err != nil {
			return false, err
		}
		known, err := passkeys(ctx, c, p.AccountID)
		if err != nil {
			return false, err
		}
		if len(known) >= MaxPasskeys {
			return false, fmt.Errorf("account %d has %d passkeys, the most it may have: %w", a.ID, len(known), sso.Conflict)
		}
		if len(known) > 0 && !bytes.Equal(known[0].Handle, p.Handle) {
			return false, fmt.Errorf("account %d got its first passkey meanwhile: %w", a.ID, sso.Conflict)
		}
		err = insertPasskey(ctx, c, p)
		return true, err
	})
}

func insertPasskey(ctx context.Context, c *conn, p credential.Passkey) error {
	n, err := c.Exec(ctx, `INSERT INTO passkeys (id, account_id, handle, name, credential, sign_count, created_at, last_used)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0) ON CONFLICT (id) DO NOTHING`,
		p.ID, p.AccountID, p.Handle, sso.CleanText(p.Name), p.Credential, p.SignCount, p.CreatedAt)
	if err == nil && n == 0 {
		err = fmt.Errorf("that passkey is known already: %w", sso.Conflict)
	}
	return err
}

// RenamePasskey gives a passkey of an account another name. It returns [sso.NotFound].
func (s *Store) RenamePasskey(ctx context.Context, accountID int64, id, name string, e sso.Event) error {
	return s.changeAccount(ctx, accountID, e, func(c *conn, _ sso.Account) (bool, error) {
		n, err := c.Exec(ctx, "UPDATE passkeys SET name = $3 WHERE id = $1 AND account_id = $2", id, accountID, sso.CleanText(name))
		if err == nil && n == 0 {
			err = fmt.Errorf("no such passkey: %w", sso.NotFound)
		}
		return true, err
	})
}

// RemovePasskey forgets a passkey of an account, and ends the sessions that it opened but for keep: whoever has the device
// is out. It returns [sso.NotFound], and [sso.Conflict] when an administrator's passkey is the last way in of all of them, by the
// ways that are on.
func (s *Store) RemovePasskey(ctx context.Context, accountID int64, id string, keep sso.SessionHash, on credential.Ways, e sso.Event) error {
	return s.changeAccount(ctx, accountID, e, func(c *conn, _ sso.Account) (bool, error) {
		n, err := c.Exec(ctx, "DELETE FROM passkeys WHERE id = $1 AND account_id = $2", id, accountID)
		if err == nil && n == 0 {
			err = fmt.Errorf("no such passkey: %w", sso.NotFound)
		}
		if err == nil && !on.Providers {
			err = administratorsGetIn(ctx, c, accountID, on.Passwords)
		}
		if err != nil {
			return false, err
		}
		_, err = c.Exec(ctx, deleteSessions+" AND proof = $2 AND hash <> $3", accountID, credential.PasskeyProof(id), keep)
		return true, err
	})
}

// administratorsGetIn returns [sso.Conflict] when an account is an administrator, and none has a passkey or, if they are on, a
// password. It holds a lock as lastAdministrator does: two may remove theirs at once.
func administratorsGetIn(ctx context.Context, c *conn, accountID int64, passwords bool) error {
	only, err := lastAdministrator(ctx, c, accountID)
	if err != nil {
		return err
	}
	var is, gets int
	const administrators = "SELECT 1 FROM memberships m JOIN accounts a ON a.id = m.account_id WHERE m.group_id = $1 AND a.active"
	one, err := c.One(ctx, []any{&is}, administrators+" AND a.id = $2", sso.Administrators, accountID)
	if err != nil || !one {
		return err
	}
	way := "EXISTS (SELECT 1 FROM passkeys k WHERE k.account_id = a.id)"
	if passwords {
		way = "(a.password_hash <> '' OR " + way + ")"
	}
	someone, err := c.One(ctx, []any{&gets}, administrators+" AND "+way+" LIMIT 1", sso.Administrators)
	if err == nil && !someone {
		err = fmt.Errorf("it is the last way in of the administrators (account %d the only one: %v): %w", accountID, only, sso.Conflict)
	}
	return err
}
