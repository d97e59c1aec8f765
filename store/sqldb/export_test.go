package sqldb

import (
	"context"
	"time"
)

// Parsers, for fuzzing.
var (
	SQLiteFile = sqliteFile
	Text       = text
)

// Translate gives an error of the driver its code.
func (db *DB) Translate(err error) error { return db.engine.translate(err) }

// PostgresWriters is how many transactions run at once on PostgreSQL.
const PostgresWriters = postgresWriters

// WaitForGroups makes each commit of SQLite wait for all who are in the line.
func (db *DB) WaitForGroups() { db.engine.writer.(*groupWriter).time = time.Hour }

// A Line is where writers wait.
type Line struct{ *line }

// NewLine makes one with so many turns.
func NewLine(turns int, now func() time.Time) Line {
	l := newLine(turns)
	l.now = now
	return Line{l}
}

func (l Line) Take(ctx context.Context) error { return l.take(ctx) }
func (l Line) Pass()                          { l.pass() }
func (l Line) Length() int                    { return l.length() }
func (l Line) Expected() time.Duration        { return l.expected() }
