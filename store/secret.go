package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/sealed"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// KeepHandoff keeps data for a moment, for whoever brings the key: a token that waits for the browser to come back. Of
// the key only a hash is kept, and the data is sealed.
func (s *Store) KeepHandoff(ctx context.Context, key string, data []byte, until time.Time) error {
	id := hashedKey(key)
	return s.writing(ctx, func(c *conn) error {
		kept, err := s.sealed.Seal(ctx, c, sealed.Handoffs(), data, id)
		if err != nil {
			return err
		}
		n, err := c.Exec(ctx, "INSERT INTO handoffs (key, data, keep_until) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING",
			id, kept, until)
		if err == nil && n == 0 {
			err = fmt.Errorf("a handoff with that key is there already: %w", sso.Conflict)
		}
		return err
	})
}

// TakeHandoff returns what was kept under the key, once. It returns [sso.NotFound] when there is nothing, it was taken, or
// its time is over.
func (s *Store) TakeHandoff(ctx context.Context, key string) (data []byte, err error) {
	id := hashedKey(key)
	var kept []byte
	var until time.Time
	var found bool
	if err := s.writing(ctx, func(c *conn) (err error) {
		found, err = c.One(ctx, []any{&kept, sqldb.Time(&until)}, "DELETE FROM handoffs WHERE key = $1 RETURNING data, keep_until", id)
		return err
	}); err != nil {
		return nil, err
	}
	if !found || !s.now().Before(until) {
		return nil, fmt.Errorf("no such handoff: %w", sso.NotFound)
	}
	return s.sealed.Open(sealed.Handoffs(), kept, id)
}

func hashedKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// EnsureSigningKey keeps one of the bridge's signing keys, its private part sealed, unless there is a key in use that was made
// after since, and reports whether it was added. Of several that ask at once, one adds its key.
func (s *Store) EnsureSigningKey(ctx context.Context, id string, private []byte, at, since time.Time) (added bool, err error) {
	err = s.writing(ctx, func(c *conn) error {
		added = false
		// First, for its lock: PostgreSQL would let two look before either adds.
		if err := announce(ctx, c, 0, s.now()); err != nil {
			return err
		}
		kept, err := s.sealed.Seal(ctx, c, sealed.SigningKeys(), private, id)
		if err != nil {
			return err
		}
		n, err := c.Exec(ctx, `INSERT INTO signing_keys (id, private, created_at, retired_at) SELECT $1, $2, $3, 0
			WHERE NOT EXISTS (SELECT 1 FROM signing_keys WHERE retired_at = 0 AND created_at > $4)`, id, kept, at, since)
		if err == nil && n == 0 {
			err = sqldb.ErrUndo
		}
		added = err == nil
		return err
	})
	return added && err == nil, err
}

// DeleteSigningKey deletes a key. It returns [sso.NotFound].
func (s *Store) DeleteSigningKey(ctx context.Context, id string) error {
	return s.changeKey(ctx, "DELETE FROM signing_keys WHERE id = $1", id)
}

func (s *Store) changeKey(ctx context.Context, query string, args ...any) error {
	return s.writing(ctx, func(c *conn) error {
		n, err := c.Exec(ctx, query, args...)
		if err == nil && n == 0 {
			err = fmt.Errorf("no such signing key: %w", sso.NotFound)
		}
		if err != nil {
			return err
		}
		return announce(ctx, c, 0, s.now())
	})
}

// SigningKeys returns the bridge's signing keys, newest first. It fails when one cannot be opened with this SECRET_KEY.
func (s *Store) SigningKeys(ctx context.Context) (keys []sso.StoredKey, err error) {
	err = s.reading().Each(ctx, func(rows *sql.Rows) error {
		var k sso.StoredKey
		var kept []byte
		if err := rows.Scan(&k.ID, &kept, sqldb.Time(&k.CreatedAt), sqldb.Time(&k.RetiredAt)); err != nil {
			return err
		}
		var err error
		if k.Private, err = s.sealed.Open(sealed.SigningKeys(), kept, k.ID); err != nil {
			return fmt.Errorf("signing key %s: %w", k.ID, err)
		}
		keys = append(keys, k)
		return nil
	}, "SELECT id, private, created_at, retired_at FROM signing_keys ORDER BY created_at DESC, id DESC")
	return keys, err
}
