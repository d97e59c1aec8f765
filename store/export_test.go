package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// PragmaOnWriter makes the connection that writes behave as on a disk that is full or read-only (SQLite).
func (s *Store) PragmaOnWriter(ctx context.Context, pragma string) error {
	return s.db.Write(ctx, func(c *conn) error {
		_, err := c.Exec(ctx, "PRAGMA "+pragma)
		return err
	})
}

// KeepEvents writes events in one transaction, as the recorder does.
func (s *Store) KeepEvents(ctx context.Context, events []sso.Event) error {
	return s.writing(ctx, func(c *conn) error {
		for _, e := range events {
			if err := s.event(ctx, c, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// MigrateUntil takes the steps before the one whose name ends so.
func (s *Store) MigrateUntil(ctx context.Context, name string) error {
	steps, err := migrations()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(steps, func(m sqldb.Migration) bool { return strings.HasSuffix(m.Name, name) })
	_, err = s.db.Migrate(ctx, steps[:i], s.now())
	return err
}

// Hold has the turns of all writers, until the end is asked for: who comes next has to wait.
func (s *Store) Hold(ctx context.Context) (end func() error) {
	over, ended, n := make(chan struct{}), make(chan error), 0
	for ; s.db.Waiting() == 0; n++ {
		go func() {
			ended <- s.db.Write(ctx, func(*conn) error {
				<-over
				return nil
			})
		}()
		time.Sleep(time.Millisecond)
	}
	return func() (err error) {
		close(over)
		for range n {
			err = errors.Join(err, <-ended)
		}
		return err
	}
}
