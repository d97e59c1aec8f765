package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/ssobridge/ssobridge/sso"
)

// ErrForeign is what [DB.Known] wraps.
var ErrForeign = errors.New("the database is not one of ssobridge")

// Known reports whether the tables were made by these steps, or the first of them: nil, or an error that wraps [ErrForeign] or
// [ErrNewer]. It changes nothing.
func (db *DB) Known(ctx context.Context, steps []Migration) error {
	var done []Migration
	err := db.Read().Each(ctx, func(rows *sql.Rows) error {
		var m Migration
		defer func() { done = append(done, m) }()
		return rows.Scan(&m.version, &m.Name, &m.checksum)
	}, "SELECT version, name, checksum FROM migrations ORDER BY version")
	switch {
	case errors.Is(err, sso.StoreUnavailable):
		return err
	case err != nil || len(done) == 0 || done[0].version != 1 || done[0].checksum != steps[0].checksum:
		return ErrForeign
	}
	if err := checkApplied(done, steps); err != nil {
		if errors.Is(err, ErrNewer) {
			return err
		}
		return fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return nil
}
