package store

import "context"

// PragmaOnWriter makes the connection that writes behave as on a disk that is full or read-only (SQLite).
func (s *Store) PragmaOnWriter(ctx context.Context, pragma string) error {
	_, err := s.engine.write.ExecContext(ctx, "PRAGMA "+pragma)
	return err
}

// Parsers, for fuzzing.
var (
	SQLiteFile    = sqliteFile
	EventCursor   = cursor
	SessionCursor = sessionCursor
	Text          = text
)
