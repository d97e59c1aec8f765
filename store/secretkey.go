package store

import (
	"context"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
)

// RotateSecretKey seals everything anew under another SECRET_KEY, in one transaction, and returns how many values that were.
// The store itself, and others that are open with the key of before, seal and open nothing from then on; [Store.Ready]
// says so. It returns [sealed.ErrSame], [sealed.ErrRotated], or a [*sealed.Lost] error when the store has another key than the
// database; nothing is changed then.
func (s *Store) RotateSecretKey(ctx context.Context, next []byte, e sso.Event) (n int, err error) {
	err = s.writingLong(ctx, func(c *conn) (err error) {
		if n, err = s.sealed.Rotate(ctx, c, next); err != nil {
			return err
		}
		if err := s.event(ctx, c, e); err != nil {
			return err
		}
		return announce(ctx, c, 0, s.now())
	})
	return n, err
}

// ForgetSecretKey makes the SECRET_KEY of the store the one of the database, deletes everything that another one has sealed,
// in one transaction, and returns what is gone, in words. It returns [sealed.ErrNotLost] when there is nothing to do.
func (s *Store) ForgetSecretKey(ctx context.Context, e sso.Event) (gone []string, err error) {
	detail := e.Detail
	err = s.writingLong(ctx, func(c *conn) (err error) {
		if gone, err = s.sealed.Forget(ctx, c); err != nil {
			return err
		}
		// Saved settings may be among what is gone: whoever has looked at them looks again.
		if _, err := count(ctx, c, "settings"); err != nil {
			return err
		}
		if e.Detail = detail; len(gone) > 0 {
			e.Detail += "; gone: " + strings.Join(gone, ", ")
		}
		if err := s.event(ctx, c, e); err != nil {
			return err
		}
		return announce(ctx, c, 0, s.now())
	})
	return gone, err
}

// LostWithoutKey says what the SECRET_KEY of the store does not open, in words; with none, what needs it.
func (s *Store) LostWithoutKey(ctx context.Context) ([]string, error) {
	lost, err := s.sealed.Missing(ctx)
	if err != nil || lost == nil {
		return nil, err
	}
	return lost.What, nil
}

// CheckSecretKey returns nil when the SECRET_KEY of the store is the one of the database, else a [*sealed.Lost] error. It
// changes nothing.
func (s *Store) CheckSecretKey(ctx context.Context) error { return s.sealed.Check(ctx) }
