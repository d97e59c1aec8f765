package store

import (
	"context"
	"embed"
	"io/fs"
	"strings"

	"github.com/ssobridge/ssobridge/store/people"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations returns all of them, in order.
func migrations() ([]sqldb.Migration, error) {
	folder, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, err
	}
	all, err := sqldb.Migrations(folder)
	for i := range all {
		if strings.HasSuffix(all[i].Name, "_email_keys") {
			all[i].Then = people.RenewEmailKeys
		}
	}
	return all, err
}

// ErrNewer is what [Store.Migrate] and [Store.Ready] wrap when this program is older than the tables.
var ErrNewer = sqldb.ErrNewer

// ErrOlder is what [Store.Ready] wraps when the tables are older than this program, or not there: [Store.Migrate] takes the steps.
var ErrOlder = sqldb.ErrOlder

// Migrated returns nil when the tables are those of this program, else an error that says what is missing.
func (s *Store) Migrated(ctx context.Context) error {
	steps, err := migrations()
	if err != nil {
		return err
	}
	return s.db.Migrated(ctx, steps)
}

// Schema says which tables the database has, and who can work with them.
func (s *Store) Schema(ctx context.Context) (sqldb.Schema, error) {
	steps, err := migrations()
	if err != nil {
		return sqldb.Schema{}, err
	}
	return s.db.Schema(ctx, steps)
}

// Migrate brings the tables up to date, in one transaction, and returns the names of the steps it took. Any number of
// processes may call it at once. It refuses a database that a newer program has migrated in a way that this one cannot live with, and
// one whose steps are not the ones of this program. A SECRET_KEY that is not the one of the database is a [*sealed.Lost] error, and the
// steps are taken.
func (s *Store) Migrate(ctx context.Context) (applied []string, err error) {
	steps, err := migrations()
	if err != nil {
		return nil, err
	}
	applied, err = s.db.Migrate(ctx, steps, s.now())
	if err == nil {
		err = s.sealed.Use(ctx)
	}
	return applied, err
}
