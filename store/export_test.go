package store

import (
	"context"
	"runtime"
	"slices"
	"strings"

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

// SessionCursor is for fuzzing.
var SessionCursor = sessionCursor

// Hold has sign-ins wait until so many do, so that they share a commit where the database has shared ones (SQLite). It returns
// when the first that comes has to wait.
func (s *Store) Hold(ctx context.Context, many int) (end func() error) {
	begun, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- s.db.Write(ctx, func(*conn) error {
			close(begun)
			for s.db.Waiting() < many {
				runtime.Gosched()
			}
			return nil
		})
	}()
	<-begun
	return func() error { return <-ended }
}
