package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// A migration is one file of the folder: 0001_name.sql. Once released it never changes; its checksum holds that.
type migration struct {
	version  int64
	name     string
	sql      string
	checksum string // of the file, so that both engines have the same

	then func(context.Context, *conn) error // what SQL cannot do; nil for most
}

// migrations returns all of them, in order.
func migrations(e *engine) ([]migration, error) {
	entries, err := fs.ReadDir(migrationFiles, "migrations")
	if err != nil {
		return nil, err
	}
	var all []migration
	for _, entry := range entries { // sorted by name
		b, err := fs.ReadFile(migrationFiles, "migrations/"+entry.Name())
		if err != nil {
			return nil, err
		}
		number, _, _ := strings.Cut(entry.Name(), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version != int64(len(all)+1) {
			return nil, fmt.Errorf("migration %s is not number %d", entry.Name(), len(all)+1)
		}
		sum := sha256.Sum256(b)
		m := migration{version: version, name: strings.TrimSuffix(entry.Name(), ".sql"), sql: string(b), checksum: hex.EncodeToString(sum[:])}
		if e.schemaWords != nil {
			m.sql = e.schemaWords.Replace(m.sql)
		}
		if strings.HasSuffix(m.name, "_email_keys") {
			m.then = renewEmailKeys
		}
		all = append(all, m)
	}
	return all, nil
}

// ErrNewer is what [Store.Migrate] and [Store.Ready] wrap when this program is older than the tables.
var ErrNewer = errors.New("the database was migrated by a newer program")

// Migrate brings the tables up to date, in one transaction, and returns the names of the steps it took. Any number of
// processes may call it at once. It refuses a database that a newer program has migrated, and one whose steps are not the
// ones of this program.
func (s *Store) Migrate(ctx context.Context) (applied []string, err error) {
	steps, err := migrations(s.engine)
	if err != nil {
		return nil, err
	}
	return s.migrate(ctx, steps)
}

func (s *Store) migrate(ctx context.Context, steps []migration) (applied []string, err error) {
	tx, err := s.engine.write.BeginTx(ctx, s.engine.begin)
	if err != nil {
		return nil, s.engine.translate(err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing left to undo
	c := &conn{on: tx, tx: tx, fail: s.engine.translate}
	if s.engine.lockSchema != "" {
		if _, err := c.exec(ctx, s.engine.lockSchema); err != nil {
			return nil, err
		}
	}
	done, err := appliedMigrations(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := checkApplied(done, steps); err != nil {
		return nil, err
	}
	for _, m := range steps[len(done):] {
		if err := m.run(ctx, c); err != nil {
			return nil, fmt.Errorf("migration %s: %w", m.name, err)
		}
		if _, err := c.exec(ctx, "INSERT INTO migrations (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4)",
			m.version, m.name, m.checksum, s.now()); err != nil {
			return nil, err
		}
		applied = append(applied, m.name)
	}
	return applied, s.engine.translate(tx.Commit())
}

func (m migration) run(ctx context.Context, c *conn) error {
	if _, err := c.exec(ctx, m.sql); err != nil || m.then == nil {
		return err
	}
	return m.then(ctx, c)
}

func appliedMigrations(ctx context.Context, c *conn) (done []migration, err error) {
	if _, err := c.exec(ctx, `CREATE TABLE IF NOT EXISTS migrations (
		version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)`); err != nil {
		return nil, err
	}
	err = c.each(ctx, func(rows *sql.Rows) error {
		var m migration
		defer func() { done = append(done, m) }()
		return rows.Scan(&m.version, &m.name, &m.checksum)
	}, "SELECT version, name, checksum FROM migrations ORDER BY version")
	return done, err
}

func checkApplied(done, steps []migration) error {
	if len(done) > len(steps) {
		return fmt.Errorf("%w (step %s): use that one, or restore a backup", ErrNewer, done[len(done)-1].name)
	}
	for i, m := range done {
		if m.version != steps[i].version || m.checksum != steps[i].checksum {
			return errors.New("the database's migration " + m.name + " is not the one this program knows")
		}
	}
	return nil
}
