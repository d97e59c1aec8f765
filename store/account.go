package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/store/people"
)

// CreateAccount makes an account as an administrator asks for it, with its own attributes, names and groups. passwordHash
// is "" for none. It returns the account, or [sso.Invalid] for an e-mail that is none and for names that are too long, [sso.Conflict] for one that is
// taken, and [sso.NotFound] for a group that does not exist.
func (s *Store) CreateAccount(ctx context.Context, a sso.Account, passwordHash string, groups []int64, e sso.Event) (sso.Account, error) {
	if err := address.Check(a.Email); err != nil {
		return sso.Account{}, fmt.Errorf("%w: %w", err, sso.Invalid)
	}
	if err := cmp.Or(sso.CheckName(a.FirstName), sso.CheckName(a.LastName)); err != nil {
		return sso.Account{}, fmt.Errorf("%w: %w", err, sso.Invalid)
	}
	a.FirstName, a.LastName, a.HasPassword = sso.CleanText(a.FirstName), sso.CleanText(a.LastName), passwordHash != ""
	if a.CreatedAt.IsZero() {
		a.CreatedAt = s.now()
	}
	groups = slices.Compact(slices.Sorted(slices.Values(groups)))
	err := s.writing(ctx, func(c *conn) (err error) {
		if a.ID, err = insertAccount(ctx, c, a, passwordHash, loginNote{}); err != nil {
			return err
		}
		if a.ID == 0 {
			return fmt.Errorf("an account with the e-mail %s is there already: %w", a.Email, sso.Conflict)
		}
		for _, id := range groups {
			if id == sso.AllUsers {
				continue
			}
			if _, err := foundGroup(oneGroup(ctx, c, "id = $1", id)); err != nil {
				return err
			}
			if _, err := c.Exec(ctx, insertMembership, a.ID, id, sso.MemberByAdmin, a.CreatedAt); err != nil {
				return err
			}
		}
		e.AccountID = a.ID
		return s.event(ctx, c, e)
	})
	if err != nil {
		return sso.Account{}, err
	}
	return s.Account(ctx, a.ID)
}

const insertNewAccount = `INSERT INTO accounts (email, email_key, first_name, last_name, first_key, last_key, active,
	password_hash, source, synced, own, created_at, last_login, mark, idp_groups, words_of)
	VALUES ($1, $2, $3, $4, '', '', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (email_key) DO NOTHING RETURNING id`

// A loginNote is what a login keeps with the account for the admin pages: what its groups claim named, and the mark of the
// settings that judged it.
type loginNote struct{ digest, groups string }

// insertAccount returns the new id, or 0 when the e-mail is taken.
func insertAccount(ctx context.Context, c *conn, a sso.Account, passwordHash string, note loginNote) (id int64, err error) {
	found, err := c.One(ctx, []any{&a.ID}, insertNewAccount,
		a.Email, address.Key(a.Email), a.FirstName, a.LastName, a.Active,
		passwordHash, a.Source, setText(a.Synced), setText(a.Own), a.CreatedAt, a.LastLogin, note.digest, note.groups, people.TextOfWords(a))
	if err != nil || !found {
		return 0, err
	}
	return a.ID, people.SetWords(ctx, c, a, address.Key(a.Email), false)
}

// changeAccount locks an account and changes it. When change says that something is different now, the event is kept and
// the change announced.
func (s *Store) changeAccount(ctx context.Context, id int64, e sso.Event, change func(*conn, sso.Account) (bool, error)) error {
	return s.writing(ctx, func(c *conn) error {
		a, err := people.Found(people.One(ctx, c, "UPDATE accounts SET active = active WHERE id = $1 RETURNING "+people.Columns, id))
		if err != nil {
			return err
		}
		different, err := change(c, a)
		if err != nil || !different {
			return err
		}
		e.AccountID = id
		if e.Email == "" {
			e.Email = a.Email
		}
		if err := s.event(ctx, c, e); err != nil {
			return err
		}
		return announce(ctx, c, id, s.now())
	})
}

// SetActive deactivates an account, which ends its sessions, or activates it again. It returns [sso.NotFound], or
// [sso.Conflict] for the last administrator.
func (s *Store) SetActive(ctx context.Context, id int64, active bool, e sso.Event) error {
	return s.changeAccount(ctx, id, e, func(c *conn, a sso.Account) (bool, error) {
		if a.Active == active {
			return false, nil
		}
		if _, err := c.Exec(ctx, "UPDATE accounts SET active = $2 WHERE id = $1", id, active); err != nil || active {
			return true, err
		}
		if err := refuseIfLastAdministrator(ctx, c, id); err != nil {
			return false, err
		}
		_, err := c.Exec(ctx, deleteSessions, id)
		return true, err
	})
}

func refuseIfLastAdministrator(ctx context.Context, c *conn, id int64) error {
	var one int
	admin, err := c.One(ctx, []any{&one}, "SELECT 1 FROM memberships WHERE account_id = $1 AND group_id = $2", id, sso.Administrators)
	if err != nil || !admin {
		return err
	}
	return refuseLastAdministrator(ctx, c, id)
}

// ChangeOwnAttributes changes attributes that an administrator sets: nil removes one, the others stay as they are. With
// was, it is [sso.Conflict] when one of them is not as was says (absent: not set), so that two administrators do not
// overwrite each other unknowingly. It returns [sso.Invalid] for a set that [sso.CheckAttributes] refuses, or
// [sso.NotFound].
func (s *Store) ChangeOwnAttributes(ctx context.Context, id int64, changes map[string]*string, was map[string]string, e sso.Event) error {
	return s.changeAccount(ctx, id, e, func(c *conn, a sso.Account) (bool, error) {
		own := maps.Clone(a.Own)
		if own == nil {
			own = map[string]string{}
		}
		for name, value := range changes {
			now, set := a.Own[name]
			before, wasSet := was[name]
			if was != nil && (now != before || set != wasSet) {
				return false, fmt.Errorf("attribute %q was changed meanwhile: %w", name, sso.Conflict)
			}
			if value == nil {
				delete(own, name)
			} else {
				own[name] = *value
			}
		}
		if err := sso.CheckAttributes(own); err != nil {
			return false, fmt.Errorf("%w: %w", err, sso.Invalid)
		}
		_, err := c.Exec(ctx, "UPDATE accounts SET own = $2 WHERE id = $1", id, setText(own))
		return setText(a.Own) != setText(own), err
	})
}

// SetPassword sets an account's password and ends its sessions. It returns [sso.NotFound], or [sso.PasswordRefused] for an
// account that belongs to an identity provider: one that signed in by it and has no password (SECURITY E3).
func (s *Store) SetPassword(ctx context.Context, id int64, hash string, e sso.Event) error {
	if hash == "" {
		return fmt.Errorf("an empty hash is no password: %w", sso.Invalid)
	}
	return s.changeAccount(ctx, id, e, func(c *conn, a sso.Account) (bool, error) {
		if a.Source != "" && !a.HasPassword {
			return false, fmt.Errorf("account %d signs in through %s: %w", id, a.Source, sso.PasswordRefused)
		}
		if _, err := c.Exec(ctx, "UPDATE accounts SET password_hash = $2 WHERE id = $1", id, hash); err != nil {
			return false, err
		}
		_, err := c.Exec(ctx, deleteSessions, id)
		return true, err
	})
}

// setText writes a set of attributes; equal sets give equal text.
func setText(m map[string]string) string {
	clean := make(map[string]string, len(m))
	for k, v := range m {
		clean[sso.CleanText(k)] = sso.CleanText(v)
	}
	b, err := json.Marshal(clean)
	if err != nil {
		return "{}" // strings to strings: cannot happen
	}
	return string(b)
}
