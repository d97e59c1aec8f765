package people

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strconv"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// RenewEmailKeys is a step of a migration: it writes the keys of all addresses as [address.Key] makes them now, and notes
// the accounts that no sign-in finds by its e-mail any more. Of accounts with one mailbox one gets its key; the others get
// one that no address has, and are merged with nothing.
func RenewEmailKeys(ctx context.Context, c *sqldb.Conn) error {
	byKey, err := keyedAccounts(ctx, c)
	if err != nil {
		return err
	}
	var changed []*keyedAccount
	for key, accounts := range byKey {
		slices.SortFunc(accounts, preferred)
		for i, a := range accounts {
			a.key = key
			if i > 0 {
				a.key += " " + strconv.FormatInt(a.id, 10) // no address has a space
			}
			if i > 0 || address.Check(a.email) != nil {
				if _, err := c.Exec(ctx, "INSERT INTO doubtful_emails (account_id) VALUES ($1)", a.id); err != nil {
					return err
				}
			}
			if a.key != a.oldKey {
				changed = append(changed, a)
			}
		}
	}
	if err := writeEmailKeys(ctx, c, changed); err != nil {
		return err
	}
	return renewEventKeys(ctx, c)
}

type keyedAccount struct {
	id                 int64
	email, oldKey, key string
	active, password   bool
	lastLogin          time.Time
}

// preferred sorts accounts with one mailbox: the first is the one that sign-ins find. One with a password comes before
// those without: no token may take it over (SECURITY E2), and its owner may have no other way in.
func preferred(a, b *keyedAccount) int {
	first := func(a, b bool) int {
		switch {
		case a == b:
			return 0
		case a:
			return -1
		}
		return 1
	}
	return cmp.Or(first(a.active, b.active), first(a.password, b.password), b.lastLogin.Compare(a.lastLogin), cmp.Compare(a.id, b.id))
}

func keyedAccounts(ctx context.Context, c *sqldb.Conn) (map[string][]*keyedAccount, error) {
	byKey := map[string][]*keyedAccount{}
	err := c.Each(ctx, func(rows *sql.Rows) error {
		a := &keyedAccount{}
		err := rows.Scan(&a.id, &a.email, &a.oldKey, &a.active, &a.password, sqldb.Time(&a.lastLogin))
		key := address.Key(a.email)
		byKey[key] = append(byKey[key], a)
		return err
	}, "SELECT id, email, email_key, active, password_hash <> '', last_login FROM accounts")
	return byKey, err
}

// writeEmailKeys takes all old keys away first: one of them may be another account's new one.
func writeEmailKeys(ctx context.Context, c *sqldb.Conn, changed []*keyedAccount) error {
	for _, a := range changed {
		if _, err := c.Exec(ctx, "UPDATE accounts SET email_key = $2 WHERE id = $1", a.id, " "+strconv.FormatInt(a.id, 10)); err != nil {
			return err
		}
	}
	for _, a := range changed {
		if _, err := c.Exec(ctx, "UPDATE accounts SET email_key = $2 WHERE id = $1", a.id, a.key); err != nil {
			return err
		}
	}
	return nil
}

// renewEventKeys lets events be found by the e-mail of their person. Only addresses outside ASCII have another key than
// before.
func renewEventKeys(ctx context.Context, c *sqldb.Conn) error {
	old := map[string]string{}
	if err := c.Each(ctx, func(rows *sql.Rows) error {
		var email, key string
		err := rows.Scan(&email, &key)
		old[email] = key
		return err
	}, "SELECT DISTINCT email, email_key FROM events WHERE octet_length(email) <> length(email)"); err != nil {
		return err
	}
	for email, key := range old {
		if renewed := address.Key(email); renewed != key {
			if _, err := c.Exec(ctx, "UPDATE events SET email_key = $1 WHERE email_key <> '' AND email_key = $2 AND email = $3", renewed, key, email); err != nil {
				return err
			}
		}
	}
	return nil
}

// DoubtfulEmails returns the active accounts that no sign-in finds by its e-mail, since the form of keys changed: what they
// have is no address, or another account has the same mailbox.
func (p *People) DoubtfulEmails(ctx context.Context) (doubtful []sso.DoubtfulEmail, err error) {
	var accounts []sso.Account
	err = p.db.Read().Each(ctx, func(rows *sql.Rows) error {
		var a sso.Account
		err := rows.Scan(Fields(&a)...)
		accounts = append(accounts, a)
		return err
	}, "SELECT "+Columns+" FROM accounts WHERE active AND id IN (SELECT account_id FROM doubtful_emails) ORDER BY id")
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		d := sso.DoubtfulEmail{Account: a, Err: address.Check(a.Email)}
		if d.Err == nil {
			_, err := p.db.Read().One(ctx, []any{&d.FoundInstead}, "SELECT id FROM accounts WHERE email_key = $1", address.Key(a.Email))
			if err != nil {
				return nil, err
			}
		}
		if d.FoundInstead != a.ID {
			doubtful = append(doubtful, d)
		}
	}
	return doubtful, nil
}
