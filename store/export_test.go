package store

import (
	"context"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
)

// PragmaOnWriter makes the connection that writes behave as on a disk that is full or read-only (SQLite).
func (s *Store) PragmaOnWriter(ctx context.Context, pragma string) error {
	_, err := s.engine.write.ExecContext(ctx, "PRAGMA "+pragma)
	return err
}

// KeepEvents writes events in one transaction, as the recorder does.
func (s *Store) KeepEvents(ctx context.Context, events []sso.Event) error {
	return s.keepEvents(ctx, events)
}

// MigrateUntil takes the steps before the one whose name ends so.
func (s *Store) MigrateUntil(ctx context.Context, name string) error {
	steps, err := migrations(s.engine)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(steps, func(m migration) bool { return strings.HasSuffix(m.name, name) })
	_, err = s.migrate(ctx, steps[:i])
	return err
}

// Parsers, for fuzzing.
var (
	SQLiteFile    = sqliteFile
	EventCursor   = cursor
	SessionCursor = sessionCursor
	Text          = text
)

// Translate gives an error of the driver its code.
func (s *Store) Translate(err error) error { return s.engine.translate(err) }
