package sealed

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/seal"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// A Keeper seals and opens under one key.
type Keeper struct {
	db     *sqldb.DB
	secret []byte
	check  string
	now    func() time.Time
	boxes  sync.Map // purpose → *seal.Box: to derive its key takes longer than to seal
}

// New makes the Keeper of a SECRET_KEY. With none, nothing can be sealed or opened.
func New(db *sqldb.DB, secret []byte, now func() time.Time) (*Keeper, error) {
	k := &Keeper{db: db, secret: secret, now: now}
	var err error
	if len(secret) == 0 {
		k.secret = nil
	} else {
		k.check, err = checkOf(secret)
	}
	return k, err
}

// checkOf is the check value of a key. It is derived as the keys of seals are (RFC 5869), so it tells nothing about them.
func checkOf(secret []byte) (string, error) {
	if len(secret) < seal.MinSecret {
		return "", fmt.Errorf("SECRET_KEY: the secret key has %d bytes; it needs at least %d", len(secret), seal.MinSecret)
	}
	sum, err := hkdf.Key(sha256.New, secret, nil, "ssobridge/check of SECRET_KEY", 16)
	return hex.EncodeToString(sum), err
}

var errNoKey = errors.New("SECRET_KEY is not set: secrets can be neither kept nor read")

// Seal seals a value of a column for its row, in the transaction that keeps it. What it returns is what the column takes. When
// the database has another key by now, it returns [seal.ErrOtherKey].
func (k *Keeper) Seal(ctx context.Context, c *sqldb.Conn, col Column, plain []byte, owner string) (any, error) {
	box, err := k.box(col)
	if err != nil {
		return nil, err
	}
	if err := k.hold(ctx, c); err != nil {
		return nil, err
	}
	return col.kept(box.Seal(plain, owner)), nil
}

// box is the seal of a column, made once.
func (k *Keeper) box(col Column) (*seal.Box, error) {
	if k.secret == nil {
		return nil, errNoKey
	}
	if made, ok := k.boxes.Load(col.purpose); ok {
		return made.(*seal.Box), nil
	}
	box, err := col.box(k.secret)
	if err == nil {
		k.boxes.Store(col.purpose, box)
	}
	return box, err
}

// Open opens a value of a column as that of its row.
func (k *Keeper) Open(col Column, kept []byte, owner string) ([]byte, error) {
	box, err := k.box(col)
	if err != nil {
		return nil, err
	}
	return box.Open(col.read(kept), owner)
}

const keyRow = "SECRET_KEY"

// hold makes sure that the key of the database is this one until the transaction ends.
func (k *Keeper) hold(ctx context.Context, c *sqldb.Conn) error {
	var check string
	found, err := c.One(ctx, []any{&check}, "SELECT key_check FROM secret_key WHERE name = $1"+k.db.KeepRow(), keyRow)
	switch {
	case err != nil:
		return err
	case !found:
		return k.claim(ctx, c)
	case check != k.check:
		// Not for good: a replica that is started anew with the right key goes on.
		return fmt.Errorf("SECRET_KEY was changed since this program started, start it anew with the new one: %w: %w", seal.ErrOtherKey, sso.StoreUnavailable)
	}
	return nil
}

// claim writes down that this key is the one of a database that has said nothing yet, if it opens what is there.
func (k *Keeper) claim(ctx context.Context, c *sqldb.Conn) error {
	lost, err := k.lost(ctx, c)
	if err != nil {
		return err
	}
	if lost != nil {
		return lost
	}
	n, err := c.Exec(ctx, "INSERT INTO secret_key (name, key_check, since) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING", keyRow, k.check, k.now())
	if err == nil && n == 0 { // another was first; anew, its key is seen
		err = sqldb.ErrLost
	}
	return err
}

// A Lost error says that a key is not the one of the database, and what it does not open.
type Lost struct{ What []string }

func (l *Lost) Error() string {
	if len(l.What) == 0 {
		return "SECRET_KEY is not the one that this database has"
	}
	return "SECRET_KEY is not the one that this database has: it does not open " + strings.Join(l.What, ", ")
}

// Unwrap makes it a [seal.ErrOtherKey].
func (l *Lost) Unwrap() error { return seal.ErrOtherKey }

// Use checks that this key is the one of the database, and makes it that when the database has none. It returns a [*Lost]
// error.
func (k *Keeper) Use(ctx context.Context) error {
	if k.secret == nil {
		return nil
	}
	return k.db.Write(ctx, func(c *sqldb.Conn) error {
		check, err := k.checkKept(ctx, c)
		switch {
		case err != nil:
			return err
		case check == k.check:
			return sqldb.ErrUndo
		case check == "":
			return k.claim(ctx, c)
		}
		return k.notThis(ctx, c)
	})
}

// Check is Use without writing anything.
func (k *Keeper) Check(ctx context.Context) error {
	if k.secret == nil {
		return nil
	}
	c := k.db.Read()
	check, err := k.checkKept(ctx, c)
	switch {
	case err != nil || check == k.check:
		return err
	case check != "":
		return k.notThis(ctx, c)
	}
	lost, err := k.lost(ctx, c)
	if err == nil && lost != nil {
		err = lost
	}
	return err
}

// notThis says what another key than that of the database does not open.
func (k *Keeper) notThis(ctx context.Context, c *sqldb.Conn) error {
	lost, err := k.lost(ctx, c)
	if err != nil {
		return err
	}
	if lost == nil {
		lost = &Lost{}
	}
	return lost
}

// checkKept is "" when the database has said nothing.
func (k *Keeper) checkKept(ctx context.Context, c *sqldb.Conn) (check string, err error) {
	_, err = c.One(ctx, []any{&check}, "SELECT key_check FROM secret_key WHERE name = $1", keyRow)
	return check, err
}

// Missing says what cannot be opened without the key, nil for nothing. It needs none.
func (k *Keeper) Missing(ctx context.Context) (*Lost, error) { return k.lost(ctx, k.db.Read()) }

// lost says what this key does not open, nil for nothing. What nobody misses is left out.
func (k *Keeper) lost(ctx context.Context, c *sqldb.Conn) (*Lost, error) {
	var all []string
	for _, col := range Columns() {
		if col.passing {
			continue
		}
		rows, err := k.closed(ctx, c, col)
		if err != nil {
			return nil, err
		}
		if len(rows) > 0 {
			all = append(all, col.count(rows))
		}
	}
	if all == nil {
		return nil, nil
	}
	return &Lost{all}, nil
}

// count says how many there are, and which.
func (col Column) count(owners []string) string {
	text := strconv.Itoa(len(owners)) + " " + col.what
	if len(owners) > 1 {
		noun, rest, _ := strings.Cut(col.what, " of ")
		text = strconv.Itoa(len(owners)) + " " + noun + "s"
		if rest != "" {
			text += " of " + rest
		}
	}
	if col.shown {
		text += " (" + strings.Join(owners, ", ") + ")"
	}
	return text
}

// closed are the rows whose value this key does not open.
func (k *Keeper) closed(ctx context.Context, c *sqldb.Conn, col Column) (owners []string, err error) {
	rows, err := col.rows(ctx, c)
	for _, r := range rows {
		if _, err := k.Open(col, r.kept, r.owner); err != nil {
			owners = append(owners, r.owner)
		}
	}
	slices.Sort(owners)
	return owners, err
}

type row struct {
	owner string
	kept  []byte
}

// rows are all rows with a sealed value, sorted: whoever locks them does so in this order.
func (col Column) rows(ctx context.Context, c *sqldb.Conn) (all []row, err error) {
	where := ""
	if col.where != "" {
		where = " WHERE " + col.where
	}
	err = c.Each(ctx, func(rows *sql.Rows) error {
		var r row
		err := rows.Scan(&r.owner, &r.kept)
		all = append(all, r)
		return err
	}, fmt.Sprintf("SELECT %s, %s FROM %s%s ORDER BY %s", col.Owner, col.Value, col.Table, where, col.Owner))
	return all, err
}
