package store

import (
	"context"

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

// Parsers, for fuzzing.
var (
	SQLiteFile    = sqliteFile
	EventCursor   = cursor
	SessionCursor = sessionCursor
	Text          = text
)
