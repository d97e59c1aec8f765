package sqldb

import "time"

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
