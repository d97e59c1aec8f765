package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/sso/search"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

const accountColumns = `id, email, first_name, last_name, active, password_hash <> '', source, synced, own, created_at, last_login`

func accountFields(a *sso.Account) []any {
	return []any{
		&a.ID, &a.Email, &a.FirstName, &a.LastName, &a.Active, &a.HasPassword, &a.Source, sqldb.JSON(&a.Synced), sqldb.JSON(&a.Own),
		sqldb.Time(&a.CreatedAt), sqldb.Time(&a.LastLogin),
	}
}

// oneAccount returns nil when there is none.
func oneAccount(ctx context.Context, c *conn, query string, args ...any) (*sso.Account, error) {
	var a sso.Account
	found, err := c.One(ctx, accountFields(&a), query, args...)
	if err != nil || !found {
		return nil, err
	}
	return &a, nil
}

func foundAccount(a *sso.Account, err error) (sso.Account, error) {
	if err == nil && a == nil {
		err = fmt.Errorf("no such account: %w", sso.NotFound)
	}
	if err != nil {
		return sso.Account{}, err
	}
	return *a, nil
}

// Account returns one account, or [sso.NotFound].
func (s *Store) Account(ctx context.Context, id int64) (sso.Account, error) {
	return foundAccount(oneAccount(ctx, s.reading(), "SELECT "+accountColumns+" FROM accounts WHERE id = $1", id))
}

// AccountsByID returns the accounts of these ids; ids of which there is none are left out.
func (s *Store) AccountsByID(ctx context.Context, ids []int64) (map[int64]sso.Account, error) {
	found := make(map[int64]sso.Account, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	err := s.reading().Each(ctx, func(rows *sql.Rows) error {
		var a sso.Account
		err := rows.Scan(accountFields(&a)...)
		found[a.ID] = a
		return err
	}, "SELECT "+accountColumns+" FROM accounts WHERE id IN "+sqldb.List(len(ids), 0), sqldb.Padded(ids)...)
	return found, err
}

// AccountByEmail returns the account with that e-mail, compared without case, or [sso.NotFound].
func (s *Store) AccountByEmail(ctx context.Context, email string) (sso.Account, error) {
	return foundAccount(oneAccount(ctx, s.reading(), "SELECT "+accountColumns+" FROM accounts WHERE email_key = $1",
		address.Key(email)))
}

// PasswordHash returns the account with that e-mail and its password's hash, or [sso.NotFound]. The hash is "" for an
// account without a password: no password matches it, and nothing may be derived from it.
func (s *Store) PasswordHash(ctx context.Context, email string) (a sso.Account, hash string, err error) {
	found, err := s.reading().One(ctx, append(accountFields(&a), &hash),
		"SELECT "+accountColumns+", password_hash FROM accounts WHERE email_key = $1", address.Key(email))
	if err == nil && !found {
		err = fmt.Errorf("no such account: %w", sso.NotFound)
	}
	return a, hash, err
}

// Accounts returns one page of accounts in the order of their e-mails, and where the next begins ("" for none).
func (s *Store) Accounts(ctx context.Context, q sso.AccountQuery) (accounts []sso.Account, next string, err error) {
	after, err := s.emailKeyOf(ctx, q.After)
	if err != nil {
		return nil, "", err
	}
	w, order := &sqldb.Where{}, "email_key"
	if after != "" {
		w.And("email_key > ?", after)
	}
	if q.Active != nil {
		w.And("active = ?", *q.Active)
	}
	if q.GroupID != 0 && q.GroupID != sso.AllUsers {
		many, err := s.hasManyMembers(ctx, q.GroupID)
		if err != nil {
			return nil, "", err
		}
		if many {
			w.And("EXISTS (SELECT 1 FROM memberships m WHERE m.account_id = accounts.id AND m.group_id = ?)", q.GroupID)
		} else {
			w.And("id IN (SELECT account_id FROM memberships WHERE group_id = ?)", q.GroupID)
			order = "email_key || ''" // no planner finds an index for this, and so it begins with the members
		}
	}
	if strings.TrimSpace(q.Search) != "" {
		return s.search(ctx, search.Terms(q.Search), w, after, q.Size())
	}
	return s.accounts(ctx, w, order, q.Size())
}

// emailKeyOf returns the key of the e-mail of the account after which a page begins; "" for the first page.
func (s *Store) emailKeyOf(ctx context.Context, after string) (key string, err error) {
	if after == "" {
		return "", nil
	}
	id, err := strconv.ParseInt(after, 10, 64)
	if err != nil {
		return "", fmt.Errorf("%q is not the beginning of a page: %w", sso.Truncate(sso.CleanText(after), 50), sso.Invalid)
	}
	found, err := s.reading().One(ctx, []any{&key}, "SELECT email_key FROM accounts WHERE id = $1", id)
	if err == nil && !found {
		key = lastText // nobody comes after somebody who is not there
	}
	return key, err
}

// accounts returns the first of the accounts that a query selects.
func (s *Store) accounts(ctx context.Context, w *sqldb.Where, order string, size int) (accounts []sso.Account, next string, err error) {
	err = s.reading().Each(ctx, func(rows *sql.Rows) error {
		var a sso.Account
		err := rows.Scan(accountFields(&a)...)
		accounts = append(accounts, a)
		return err
	}, "SELECT "+accountColumns+" FROM accounts"+w.SQL()+" ORDER BY "+order+" LIMIT "+strconv.Itoa(size+1), w.Args()...)
	if len(accounts) > size {
		accounts = accounts[:size]
		next = strconv.FormatInt(accounts[size-1].ID, 10)
	}
	return accounts, next, err
}

// manyMembers is where it becomes quicker to go through all accounts in their order and ask of each whether it is a
// member, than to sort the members: 100,000 of them are sorted in 60 ms.
const manyMembers = 2000

// hasManyMembers reports whether a group is so large.
func (s *Store) hasManyMembers(ctx context.Context, groupID int64) (bool, error) {
	members, err := s.countUpTo(ctx, manyMembers, "SELECT 1 FROM memberships WHERE group_id = $1", groupID)
	return members == manyMembers, err
}

// countUpTo counts the rows of a query, and stops at most.
func (s *Store) countUpTo(ctx context.Context, most int, query string, args ...any) (n int, err error) {
	_, err = s.reading().One(ctx, []any{&n}, "SELECT count(*) FROM ("+query+" LIMIT "+strconv.Itoa(most)+") AS found", args...)
	return n, err
}

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
		passwordHash, a.Source, setText(a.Synced), setText(a.Own), a.CreatedAt, a.LastLogin, note.digest, note.groups, textOfWords(a))
	if err != nil || !found {
		return 0, err
	}
	return a.ID, setWords(ctx, c, a, address.Key(a.Email), false)
}

// changeAccount locks an account and changes it. When change says that something is different now, the event is kept and
// the change announced.
func (s *Store) changeAccount(ctx context.Context, id int64, e sso.Event, change func(*conn, sso.Account) (bool, error)) error {
	return s.writing(ctx, func(c *conn) error {
		a, err := foundAccount(oneAccount(ctx, c, "UPDATE accounts SET active = active WHERE id = $1 RETURNING "+accountColumns, id))
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
