package sqldb

import (
	"context"
	"database/sql"
)

// Snapshot runs fn in a transaction that sees one state of the database, whatever others write meanwhile, and cannot write.
func (db *DB) Snapshot(ctx context.Context, fn func(*Conn) error) error {
	o := &sql.TxOptions{ReadOnly: true}
	if db.engine.name == "postgres" { // SQLite has no other way
		o.Isolation = sql.LevelRepeatableRead
	}
	tx, err := db.engine.read.BeginTx(ctx, o)
	if err != nil {
		return db.engine.translate(err)
	}
	defer tx.Rollback() //nolint:errcheck // there is nothing to keep
	return fn(&Conn{on: tx, inTx: true, fail: db.engine.translate})
}
