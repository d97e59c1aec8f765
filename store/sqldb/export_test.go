package sqldb

// Parsers, for fuzzing.
var (
	SQLiteFile = sqliteFile
	Text       = text
)

// Translate gives an error of the driver its code.
func (db *DB) Translate(err error) error { return db.engine.translate(err) }
