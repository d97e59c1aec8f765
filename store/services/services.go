// Package services keeps service accounts, their tokens, and the keys that signed them. It is a part of package store, and
// promises what that does: a method is a transaction, and what works no more is announced in the feed of changes.
package services

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/service"
	"github.com/ssobridge/ssobridge/store/sealed"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// A Store keeps service accounts. Its fields are what it shares with the rest of the database; all are required.
type Store struct {
	DB       *sqldb.DB
	Now      func() time.Time
	Write    func(ctx context.Context, fn func(*sqldb.Conn) error) error                   // runs fn in one transaction
	Event    func(ctx context.Context, c *sqldb.Conn, e sso.Event) error                   // writes an event in it
	Announce func(ctx context.Context, c *sqldb.Conn, accountID int64, at time.Time) error // says that an account is another; 0 is everyone
	Sealed   *sealed.Keeper
}

// tokensKept is how long a token that is over is still listed.
const tokensKept = 30 * 24 * time.Hour

// Create makes a service account. It returns [sso.Invalid] for a name or label that will not do, and [sso.Conflict] for a
// name that is taken.
func (v Store) Create(ctx context.Context, a service.Account, e sso.Event) (service.Account, error) {
	if err := service.CheckName(a.Name); err != nil {
		return a, fmt.Errorf("the name of a service account: %w: %w", err, sso.Invalid)
	}
	if err := service.CheckLabel(a.Label); err != nil {
		return a, fmt.Errorf("the label %w: %w", err, sso.Invalid)
	}
	err := v.Write(ctx, func(c *sqldb.Conn) error {
		made, err := c.One(ctx, []any{&a.ID}, `INSERT INTO service_accounts (name, label, active, maker_id, created_at)
			VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO NOTHING RETURNING id`, a.Name, a.Label, true, a.MakerID, v.Now())
		if err == nil && !made {
			err = fmt.Errorf("a service account %q is there already: %w", a.Name, sso.Conflict)
		}
		if err != nil {
			return err
		}
		return v.Event(ctx, c, e)
	})
	if err != nil {
		return a, err
	}
	return v.Account(ctx, a.ID)
}

const findServices = `SELECT a.id, a.name, a.label, a.active, a.maker_id, coalesce(m.email, ''), a.created_at,
	(SELECT count(*) FROM service_tokens t LEFT JOIN accounts o ON o.id = t.maker_id
		WHERE t.service_id = a.id AND t.revoked_at = 0 AND t.expires_at > $1 AND (t.maker_id = 0 OR o.active)),
	coalesce((SELECT max(t.last_used) FROM service_tokens t WHERE t.service_id = a.id), 0)
	FROM service_accounts a LEFT JOIN accounts m ON m.id = a.maker_id`

func (v Store) find(ctx context.Context, rest string, arg any) (all []service.Account, err error) {
	err = v.DB.Read().Each(ctx, func(rows *sql.Rows) error {
		var a service.Account
		err := rows.Scan(&a.ID, &a.Name, &a.Label, &a.Active, &a.MakerID, &a.Maker, sqldb.Time(&a.CreatedAt), &a.Tokens, sqldb.Time(&a.LastUsed))
		all = append(all, a)
		return err
	}, findServices+rest, v.Now(), arg)
	return all, err
}

// List returns one page of the service accounts, by name, and where the next begins ("" for none).
func (v Store) List(ctx context.Context, page sso.Page) (all []service.Account, next string, err error) {
	size := page.Size()
	all, err = v.find(ctx, " WHERE a.name > $2 ORDER BY a.name LIMIT "+strconv.Itoa(size+1), page.After)
	if len(all) > size {
		all = all[:size]
		next = all[size-1].Name
	}
	return all, next, err
}

// Account returns a service account, or [sso.NotFound].
func (v Store) Account(ctx context.Context, id int64) (service.Account, error) {
	return onlyService(v.find(ctx, " WHERE a.id = $2", id))
}

// Named returns the service account of exactly that name, or [sso.NotFound].
func (v Store) Named(ctx context.Context, name string) (service.Account, error) {
	return onlyService(v.find(ctx, " WHERE a.name = $2", name))
}

func onlyService(found []service.Account, err error) (service.Account, error) {
	switch {
	case err != nil:
		return service.Account{}, err
	case len(found) == 0:
		return service.Account{}, fmt.Errorf("no such service account: %w", sso.NotFound)
	}
	return found[0], nil
}

// change locks a service account and changes it. What changes is announced to everyone: several people may have made its
// tokens.
func (v Store) change(ctx context.Context, id int64, e sso.Event, change func(*sqldb.Conn) error) error {
	return v.Write(ctx, func(c *sqldb.Conn) error {
		n, err := c.Exec(ctx, "UPDATE service_accounts SET active = active WHERE id = $1", id)
		if err == nil && n == 0 {
			err = fmt.Errorf("no such service account: %w", sso.NotFound)
		}
		if err != nil {
			return err
		}
		if err := change(c); err != nil {
			return err
		}
		if err := v.Event(ctx, c, e); err != nil {
			return err
		}
		return v.Announce(ctx, c, 0, v.Now())
	})
}

// Relabel gives a service account another label. It returns [sso.NotFound] and [sso.Invalid].
func (v Store) Relabel(ctx context.Context, id int64, label string, e sso.Event) error {
	if err := service.CheckLabel(label); err != nil {
		return fmt.Errorf("the label %w: %w", err, sso.Invalid)
	}
	return v.change(ctx, id, e, func(c *sqldb.Conn) error {
		_, err := c.Exec(ctx, "UPDATE service_accounts SET label = $2 WHERE id = $1", id, label)
		return err
	})
}

// SetActive stops all tokens of a service account, or lets them work again. It returns [sso.NotFound].
func (v Store) SetActive(ctx context.Context, id int64, active bool, e sso.Event) error {
	return v.change(ctx, id, e, func(c *sqldb.Conn) error {
		_, err := c.Exec(ctx, "UPDATE service_accounts SET active = $2 WHERE id = $1", id, active)
		return err
	})
}

// Delete deletes a service account with its tokens. It returns [sso.NotFound].
func (v Store) Delete(ctx context.Context, id int64, e sso.Event) error {
	return v.change(ctx, id, e, func(c *sqldb.Conn) error {
		_, err := c.Exec(ctx, "DELETE FROM service_accounts WHERE id = $1", id)
		return err
	})
}

// AddToken keeps a token of an active service account, and revokes the one that it replaces ("" for none) in the same
// transaction. Of its groups the ids count. It returns [sso.NotFound] for the account, a group, or the token that is
// replaced, [sso.AccountDisabled], and [sso.Forbidden] for a group in which its maker is not.
func (v Store) AddToken(ctx context.Context, t service.Token, hash service.Hash, replaces string, e sso.Event) error {
	if err := service.CheckLabel(t.Name); err != nil {
		return fmt.Errorf("the name of a token %w: %w", err, sso.Invalid)
	}
	return v.Write(ctx, func(c *sqldb.Conn) error {
		var active bool
		found, err := c.One(ctx, []any{&active}, "UPDATE service_accounts SET active = active WHERE id = $1 RETURNING active", t.AccountID)
		switch {
		case err != nil:
			return err
		case !found:
			return fmt.Errorf("no such service account: %w", sso.NotFound)
		case !active:
			return fmt.Errorf("the service account is deactivated: %w", sso.AccountDisabled)
		}
		if _, err := c.Exec(ctx, `INSERT INTO service_tokens (id, service_id, hash, key_id, name, maker_id, created_at, expires_at, last_used, revoked_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0)`,
			t.ID, t.AccountID, hash, t.KeyID, t.Name, t.MakerID, t.CreatedAt, t.ExpiresAt); err != nil {
			return err
		}
		if err := addGroups(ctx, c, t); err != nil {
			return err
		}
		maker := int64(0)
		if replaces != "" {
			if maker, err = v.revoke(ctx, c, t.AccountID, replaces); err != nil {
				return err
			}
		}
		if err := v.Event(ctx, c, e); err != nil || replaces == "" {
			return err
		}
		return v.Announce(ctx, c, maker, v.Now())
	})
}

func addGroups(ctx context.Context, c *sqldb.Conn, t service.Token) error {
	ids := make([]int64, len(t.Groups))
	for i, g := range t.Groups {
		ids[i] = g.ID
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		name := ""
		found, err := c.One(ctx, []any{&name}, "SELECT name FROM groups WHERE id = $1", id)
		switch {
		case err != nil:
			return err
		case !found:
			return fmt.Errorf("no such group: %w", sso.NotFound)
		case id == sso.AllUsers: // it is in it anyway
			continue
		case id < sso.FirstGroup:
			return fmt.Errorf("no service account is ever in the group %q: %w", name, sso.Forbidden)
		}
		var one int
		member, err := c.One(ctx, []any{&one}, "SELECT 1 FROM memberships WHERE account_id = $1 AND group_id = $2", t.MakerID, id)
		if err != nil {
			return err
		}
		if t.MakerID != 0 && !member {
			return fmt.Errorf("whoever makes the token is not in the group %q: %w", name, sso.Forbidden)
		}
		if _, err := c.Exec(ctx, "INSERT INTO service_token_groups (token_id, group_id) VALUES ($1, $2)", t.ID, id); err != nil {
			return err
		}
	}
	return nil
}

// revoke returns who made the token that it revokes.
func (v Store) revoke(ctx context.Context, c *sqldb.Conn, accountID int64, id string) (maker int64, err error) {
	found, err := c.One(ctx, []any{&maker}, `UPDATE service_tokens SET revoked_at = $3
		WHERE id = $1 AND service_id = $2 AND revoked_at = 0 RETURNING maker_id`, id, accountID, v.Now())
	if err == nil && !found {
		err = fmt.Errorf("there is no such token, or it is revoked already: %w", sso.NotFound)
	}
	return maker, err
}

// RevokeToken ends one token, here and on every replica. It returns [sso.NotFound] when there is none that is not revoked.
func (v Store) RevokeToken(ctx context.Context, accountID int64, id string, e sso.Event) error {
	return v.Write(ctx, func(c *sqldb.Conn) error {
		maker, err := v.revoke(ctx, c, accountID, id)
		if err != nil {
			return err
		}
		if err := v.Event(ctx, c, e); err != nil {
			return err
		}
		return v.Announce(ctx, c, maker, v.Now())
	})
}

const (
	tokenColumns = `t.id, t.service_id, t.name, t.maker_id, coalesce(m.email, ''), t.maker_id = 0 OR coalesce(m.active, false), t.key_id,
		t.created_at, t.expires_at, t.last_used, t.revoked_at`
	tokenTables = `service_tokens t LEFT JOIN accounts m ON m.id = t.maker_id`

	// One row for each group that the token was given; held says whether its maker is in it.
	tokenGroups = `SELECT x.token_id, g.id, g.name, t.maker_id = 0 OR p.group_id IS NOT NULL
		FROM service_token_groups x JOIN service_tokens t ON t.id = x.token_id JOIN groups g ON g.id = x.group_id
		LEFT JOIN memberships p ON p.account_id = t.maker_id AND p.group_id = x.group_id `
)

func tokenFields(t *service.Token) []any {
	return []any{&t.ID, &t.AccountID, &t.Name, &t.MakerID, &t.Maker, &t.MakerActive, &t.KeyID, sqldb.Time(&t.CreatedAt),
		sqldb.Time(&t.ExpiresAt), sqldb.Time(&t.LastUsed), sqldb.Time(&t.RevokedAt)}
}

// withGroups fills in the groups of tokens.
func withGroups(ctx context.Context, c *sqldb.Conn, tokens []*service.Token) error {
	if len(tokens) == 0 {
		return nil
	}
	byID, ids := map[string]*service.Token{}, make([]string, len(tokens))
	for i, t := range tokens {
		byID[t.ID], ids[i] = t, t.ID
	}
	return c.Each(ctx, func(rows *sql.Rows) error {
		var id string
		var g sso.Group
		var held bool
		if err := rows.Scan(&id, &g.ID, &g.Name, &held); err != nil {
			return err
		}
		if t := byID[id]; held && g.ID >= sso.FirstGroup {
			t.Groups = append(t.Groups, g)
		} else {
			t.Lost = append(t.Lost, g)
		}
		return nil
	}, tokenGroups+"WHERE x.token_id IN "+sqldb.List(len(ids), 0)+" ORDER BY g.id", sqldb.Padded(ids)...)
}

// Tokens returns one page of the tokens of a service account, newest first, and where the next begins ("" for none).
func (v Store) Tokens(ctx context.Context, accountID int64, page sso.Page) (all []service.Token, next string, err error) {
	w := &sqldb.Where{}
	w.And("t.service_id = ?", accountID)
	if page.After != "" {
		at, id, _ := strings.Cut(page.After, ".")
		micros, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			return nil, "", fmt.Errorf("%q is not the beginning of a page: %w", sso.Truncate(sso.CleanText(page.After), 50), sso.Invalid)
		}
		w.And("(t.created_at, t.id) < (?, ?)", micros, id)
	}
	size, c := page.Size(), v.DB.Read()
	err = c.Each(ctx, func(rows *sql.Rows) error {
		var t service.Token
		err := rows.Scan(tokenFields(&t)...)
		all = append(all, t)
		return err
	}, "SELECT "+tokenColumns+" FROM "+tokenTables+w.SQL()+" ORDER BY t.created_at DESC, t.id DESC LIMIT "+strconv.Itoa(size+1), w.Args()...)
	if err != nil {
		return nil, "", err
	}
	if len(all) > size {
		all = all[:size]
		next = fmt.Sprintf("%d.%s", sqldb.Micros(all[size-1].CreatedAt), all[size-1].ID)
	}
	pointers := make([]*service.Token, len(all))
	for i := range all {
		pointers[i] = &all[i]
	}
	return all, next, withGroups(ctx, c, pointers)
}

// Holder implements [service.Reader].
func (v Store) Holder(ctx context.Context, jti string) (*service.Holder, error) {
	h, c := &service.Holder{}, v.DB.Read()
	fields := append(tokenFields(&h.Token), sqldb.Bytes(h.Hash[:]), &h.Account.ID, &h.Account.Name, &h.Account.Label, &h.Account.Active)
	found, err := c.One(ctx, fields, "SELECT "+tokenColumns+", t.hash, a.id, a.name, a.label, a.active FROM "+tokenTables+
		" JOIN service_accounts a ON a.id = t.service_id WHERE t.id = $1", jti)
	if err == nil && !found {
		err = fmt.Errorf("no such token: %w", sso.NotFound)
	}
	if err != nil {
		return nil, err
	}
	return h, withGroups(ctx, c, []*service.Token{&h.Token})
}

// Touch writes when tokens were last used; only ever forward.
func (v Store) Touch(ctx context.Context, used map[string]time.Time) error {
	ids := make([]string, 0, len(used))
	for id := range used {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return v.Write(ctx, func(c *sqldb.Conn) error {
		for _, id := range ids {
			if _, err := c.Exec(ctx, "UPDATE service_tokens SET last_used = $2 WHERE id = $1 AND last_used < $2", id, used[id]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Keys returns the keys whose tokens may still work, and those that the bridge made itself, newest first. It fails when one
// cannot be opened with this SECRET_KEY.
func (v Store) Keys(ctx context.Context) (keys []service.Key, err error) {
	err = v.DB.Read().Each(ctx, func(rows *sql.Rows) error {
		var k service.Key
		var kept []byte
		if err := rows.Scan(&k.ID, &k.Algorithm, &k.Public, &kept, sqldb.Time(&k.CreatedAt)); err != nil {
			return err
		}
		k.Public = slices.Clone(k.Public)
		if len(kept) > 0 {
			var err error
			if k.Private, err = v.Sealed.Open(sealed.ServiceKeys(), kept, k.ID); err != nil {
				return fmt.Errorf("service key %s: %w", k.ID, err)
			}
		}
		keys = append(keys, k)
		return nil
	}, "SELECT id, alg, public, private, created_at FROM service_keys ORDER BY created_at DESC, id DESC")
	return keys, err
}

// EnsureKey keeps a key, its private part sealed, and reports whether it was added. One that the bridge made itself is not
// added when there is another one that was made after since: of replicas that ask at once, one adds its key. One of a file
// takes the place of another one with that id. e is the event of a key that is added; without a kind there is none.
func (v Store) EnsureKey(ctx context.Context, k service.Key, since time.Time, e sso.Event) (added bool, err error) {
	err = v.Write(ctx, func(c *sqldb.Conn) error {
		// First, for its lock: PostgreSQL would let two look before either adds.
		if err := v.Announce(ctx, c, 0, v.Now()); err != nil {
			return err
		}
		query := `INSERT INTO service_keys (id, alg, public, private, created_at) SELECT $1, $2, $3, $4, $5
			WHERE NOT EXISTS (SELECT 1 FROM service_keys WHERE length(private) > 0 AND created_at > $6)`
		private, err := v.sealedKey(ctx, c, k)
		if err != nil {
			return err
		}
		args := []any{k.ID, k.Algorithm, k.Public, private, k.CreatedAt, since}
		if k.Private == nil {
			query, args = `INSERT INTO service_keys (id, alg, public, private, created_at) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (id) DO UPDATE SET alg = excluded.alg, public = excluded.public, private = excluded.private, created_at = excluded.created_at`, args[:5]
		}
		n, err := c.Exec(ctx, query, args...)
		switch {
		case err == nil && n == 0:
			err = sqldb.ErrUndo
		case err == nil && e.Kind != "":
			err = v.Event(ctx, c, e)
		}
		added = err == nil
		return err
	})
	return added && err == nil, err
}

// sealedKey is the private part of a key as it is kept: nothing of one that the operator keeps in a file.
func (v Store) sealedKey(ctx context.Context, c *sqldb.Conn, k service.Key) (any, error) {
	if k.Private == nil {
		return []byte{}, nil
	}
	return v.Sealed.Seal(ctx, c, sealed.ServiceKeys(), k.Private, k.ID)
}

// Forget deletes what has no meaning any more: tokens that have been over for some time, and keys but the newest that the
// bridge made itself of which no token is left.
func (v Store) Forget(ctx context.Context, now time.Time) (n int, err error) {
	old := now.Add(-tokensKept)
	n, err = v.DB.DeleteBatches(ctx, fmt.Sprintf(`DELETE FROM service_tokens WHERE id IN (SELECT id FROM service_tokens
		WHERE expires_at <= $1 OR (revoked_at > 0 AND revoked_at <= $1) LIMIT %d)`, sqldb.SweepBatch), old)
	if err != nil {
		return n, err
	}
	deleted, err := v.DB.DeleteBatches(ctx, fmt.Sprintf(`DELETE FROM service_keys WHERE id IN (SELECT k.id FROM service_keys k
		WHERE k.created_at <= $1 AND NOT EXISTS (SELECT 1 FROM service_tokens t WHERE t.key_id = k.id)
		AND (length(k.private) = 0 OR EXISTS (SELECT 1 FROM service_keys y WHERE length(y.private) > 0 AND y.created_at > k.created_at)) LIMIT %d)`, sqldb.SweepBatch), old)
	return n + deleted, err
}

// Compromise deletes all keys, and revokes all tokens.
func (v Store) Compromise(ctx context.Context, e sso.Event) (revoked int, err error) {
	err = v.Write(ctx, func(c *sqldb.Conn) error {
		n, err := c.Exec(ctx, "UPDATE service_tokens SET revoked_at = $1 WHERE revoked_at = 0", v.Now())
		if err != nil {
			return err
		}
		revoked = int(n)
		if _, err := c.Exec(ctx, "DELETE FROM service_keys"); err != nil {
			return err
		}
		if err := v.Event(ctx, c, e); err != nil {
			return err
		}
		return v.Announce(ctx, c, 0, v.Now())
	})
	return revoked, err
}
