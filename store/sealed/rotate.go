package sealed

import (
	"context"
	"errors"
	"fmt"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// What [Keeper.Rotate] and [Keeper.Forget] return when there is nothing to do.
var (
	ErrSame    = errors.New("the new key is the one in use")
	ErrRotated = errors.New("the database has the new key already")
	ErrNotLost = errors.New("SECRET_KEY opens everything: nothing is lost")
)

// Rotate seals everything anew under another key, in a transaction, and returns how many values that were. The Keeper itself
// keeps its key, with which it does nothing from then on. It returns [ErrSame], [ErrRotated], and a [*Lost] error when its
// own key is not the one of the database; nothing is changed then.
func (k *Keeper) Rotate(ctx context.Context, c *sqldb.Conn, secret []byte) (n int, err error) {
	next, err := New(k.db, secret, k.now)
	switch {
	case err != nil:
		return 0, err
	case next.check == k.check:
		return 0, ErrSame
	}
	check, err := k.lock(ctx, c)
	switch {
	case err != nil:
		return 0, err
	case check == next.check:
		return 0, ErrRotated
	case check != "" && check != k.check:
		return 0, k.notThis(ctx, c)
	}
	if lost, err := k.lost(ctx, c); err != nil || lost != nil {
		return 0, orLost(err, lost)
	}
	for _, col := range Columns() {
		sealed, err := k.resealAll(ctx, c, col, next)
		if n += sealed; err != nil {
			return n, err
		}
	}
	return n, next.put(ctx, c)
}

func orLost(err error, lost *Lost) error {
	if err == nil {
		err = lost
	}
	return err
}

// lock keeps all others from sealing until the transaction ends, and returns the check value of the key, "" for none.
func (k *Keeper) lock(ctx context.Context, c *sqldb.Conn) (check string, err error) {
	_, err = c.One(ctx, []any{&check}, "UPDATE secret_key SET since = since WHERE name = $1 RETURNING key_check", keyRow)
	return check, err
}

// put writes down that the key of the database is this one.
func (k *Keeper) put(ctx context.Context, c *sqldb.Conn) error {
	_, err := c.Exec(ctx, `INSERT INTO secret_key (name, key_check, since) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET key_check = excluded.key_check, since = excluded.since`, keyRow, k.check, k.now())
	return err
}

// resealAll seals a column anew. A value that nobody misses goes when it cannot be opened.
func (k *Keeper) resealAll(ctx context.Context, c *sqldb.Conn, col Column, next *Keeper) (n int, err error) {
	rows, err := col.rows(ctx, c)
	if err != nil {
		return 0, err
	}
	box, err := col.box(next.secret)
	if err != nil {
		return 0, err
	}
	for _, r := range rows {
		plain, err := k.Open(col, r.kept, r.owner)
		if err != nil {
			if err := col.remove(ctx, c, r.owner); err != nil {
				return n, err
			}
			continue
		}
		if _, err := c.Exec(ctx, fmt.Sprintf("UPDATE %s SET %s = $2 WHERE %s = $1", col.Table, col.Value, col.Owner),
			r.owner, col.kept(box.Seal(plain, r.owner))); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// remove takes away a value that cannot be opened, and its row with it unless the rest is of use.
func (col Column) remove(ctx context.Context, c *sqldb.Conn, owner string) error {
	query := fmt.Sprintf("DELETE FROM %s WHERE %s = $1", col.Table, col.Owner)
	args := []any{owner}
	if col.rest {
		query = fmt.Sprintf("UPDATE %s SET %s = $2 WHERE %s = $1", col.Table, col.Value, col.Owner)
		args = append(args, []byte{})
	}
	_, err := c.Exec(ctx, query, args...)
	return err
}

// Forget deletes everything that this key does not open, in a transaction, makes it the key of the database, and returns what
// is gone. It returns [ErrNotLost] when it is that key already.
func (k *Keeper) Forget(ctx context.Context, c *sqldb.Conn) (gone []string, err error) {
	if k.secret == nil {
		return nil, fmt.Errorf("%w: %w", errNoKey, sso.Invalid)
	}
	check, err := k.lock(ctx, c)
	if err != nil {
		return nil, err
	}
	all := 0
	for _, col := range Columns() {
		owners, err := k.closed(ctx, c, col)
		if err != nil {
			return nil, err
		}
		for _, owner := range owners {
			if err := col.remove(ctx, c, owner); err != nil {
				return nil, err
			}
		}
		if all += len(owners); len(owners) > 0 && !col.passing {
			gone = append(gone, col.count(owners))
		}
	}
	if check == k.check && all == 0 {
		return nil, ErrNotLost
	}
	return gone, k.put(ctx, c)
}
