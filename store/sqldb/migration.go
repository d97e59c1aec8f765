package sqldb

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// A Migration is one step of the tables. Once released it never changes; its checksum holds that.
type Migration struct {
	Name string
	// Then does what SQL cannot; nil for most.
	Then func(context.Context, *Conn) error

	version  int64
	needs    int64 // see needsLine
	sql      string
	checksum string // of the file, so that both engines have the same
}

// Migrations returns the steps in a folder, in order: files such as 0001_name.sql, in words of SQLite.
func Migrations(folder fs.FS) ([]Migration, error) {
	files, err := fs.Glob(folder, "*.sql")
	if err != nil {
		return nil, err
	}
	var all []Migration
	for _, file := range files { // sorted by name
		b, err := fs.ReadFile(folder, file)
		if err != nil {
			return nil, err
		}
		number, _, _ := strings.Cut(file, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version != int64(len(all)+1) {
			return nil, fmt.Errorf("migration %s is not number %d", file, len(all)+1)
		}
		needs, err := needsOf(version, string(b))
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(b)
		all = append(all, Migration{Name: strings.TrimSuffix(file, ".sql"), version: version, needs: needs, sql: string(b), checksum: hex.EncodeToString(sum[:])})
	}
	return all, nil
}

// ErrNewer is what [DB.Migrate] and [DB.Migrated] wrap when this program is older than the tables.
var ErrNewer = errors.New("the database was migrated by a newer program")

// Migrate brings the tables up to date, in one transaction, and returns the names of the steps it took. Any number of
// processes may call it at once. It refuses a database that a newer program has migrated in a way that these steps cannot live with,
// and one whose steps are not these.
func (db *DB) Migrate(ctx context.Context, steps []Migration, now time.Time) (applied []string, err error) {
	err = db.WriteLong(ctx, func(c *Conn) (err error) {
		if applied, err = db.migrate(ctx, c, steps, now); err != nil && db.engine.explain != nil {
			err = db.engine.explain(err)
		}
		return err
	})
	if err == nil && db.engine.presence != nil {
		err = db.engine.translate(db.engine.presence.header.learn(ctx, db.engine.presence.held))
	}
	if err != nil {
		applied = nil
	}
	return applied, err
}

// mark gives a SQLite database its mark (see [header]), unless it has one.
func (db *DB) mark(ctx context.Context, c *Conn) error {
	if db.engine.presence == nil {
		return nil
	}
	mark := 0
	if _, err := c.One(ctx, []any{&mark}, "PRAGMA user_version"); err != nil || mark != 0 {
		return err
	}
	_, err := c.Exec(ctx, fmt.Sprintf("PRAGMA user_version = %d", newMark()))
	return err
}

func (db *DB) migrate(ctx context.Context, c *Conn, steps []Migration, now time.Time) (applied []string, err error) {
	for _, lock := range db.engine.lockSchema {
		if _, err := c.Exec(ctx, lock); err != nil {
			return nil, err
		}
	}
	done, err := appliedMigrations(ctx, c)
	if err != nil {
		return nil, err
	}
	known := done[:min(len(done), len(steps))]
	if lives, err := livesWith(ctx, c, int64(len(steps))); err != nil {
		return nil, err
	} else if !lives {
		known = done
	}
	if err := checkApplied(known, steps); err != nil {
		return nil, err
	}
	for _, m := range steps[len(known):] {
		if err := m.run(ctx, c, db.engine); err != nil {
			return nil, fmt.Errorf("migration %s: %w", m.Name, err)
		}
		if _, err := c.Exec(ctx, "INSERT INTO migrations (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4)",
			m.version, m.Name, m.checksum, now); err != nil {
			return nil, err
		}
		if _, err := c.Exec(ctx, "INSERT INTO migration_needs (version, needs) VALUES ($1, $2)", m.version, m.needs); err != nil {
			return nil, err
		}
		applied = append(applied, m.Name)
	}
	return applied, db.mark(ctx, c)
}

func (m Migration) run(ctx context.Context, c *Conn, e *engine) error {
	text := textFor(e.name, m.sql)
	if e.schemaWords != nil {
		text = e.schemaWords.Replace(text)
	}
	if _, err := c.Exec(ctx, text); err != nil || m.Then == nil {
		return err
	}
	return m.Then(ctx, c)
}

// onlyLine begins a part of a migration that one engine alone takes, such as triggers, for which the two have no common words;
// "-- only: both" ends it.
var onlyLine = regexp.MustCompile(`(?m)^-- only: (sqlite|postgres|both)\n`)

// textFor leaves out the parts of a migration that are for the other engine.
func textFor(engine, text string) string {
	parts := onlyLine.FindAllStringSubmatchIndex(text, -1)
	if len(parts) == 0 {
		return text
	}
	kept := text[:parts[0][0]]
	for i, at := range parts {
		end := len(text)
		if i+1 < len(parts) {
			end = parts[i+1][0]
		}
		if who := text[at[2]:at[3]]; who == engine || who == "both" {
			kept += text[at[1]:end]
		}
	}
	return kept
}

func appliedMigrations(ctx context.Context, c *Conn) (done []Migration, err error) {
	if _, err := c.Exec(ctx, `CREATE TABLE IF NOT EXISTS migrations (
		version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)`); err != nil {
		return nil, err
	}
	if _, err := c.Exec(ctx, "CREATE TABLE IF NOT EXISTS migration_needs (version BIGINT PRIMARY KEY, needs BIGINT NOT NULL)"); err != nil {
		return nil, err
	}
	err = c.Each(ctx, func(rows *sql.Rows) error {
		var m Migration
		defer func() { done = append(done, m) }()
		return rows.Scan(&m.version, &m.Name, &m.checksum)
	}, "SELECT version, name, checksum FROM migrations ORDER BY version")
	return done, err
}

func checkApplied(done, steps []Migration) error {
	if len(done) > len(steps) {
		return fmt.Errorf("%w (step %s): use that one, or restore a backup", ErrNewer, done[len(done)-1].Name)
	}
	for i, m := range done {
		if m.version != steps[i].version || m.checksum != steps[i].checksum {
			return errors.New("the database's migration " + m.Name + " is not the one this program knows")
		}
	}
	return nil
}

// ErrOlder is what [DB.Migrated] wraps when there are steps that were not taken yet, such as all of them.
var ErrOlder = errors.New("the database is not migrated")

// Migrated reports whether all steps were taken, and no others: nil, or an error that says what is missing and wraps
// [sso.StoreUnavailable].
func (db *DB) Migrated(ctx context.Context, steps []Migration) error {
	version, want := int64(0), int64(len(steps))
	_, err := db.Read().One(ctx, []any{&version}, "SELECT coalesce(max(version), 0) FROM migrations")
	if err != nil && !errors.Is(err, sso.StoreUnavailable) {
		if names, failed := db.TableNames(ctx, db.Read()); failed == nil && !slices.Contains(names, "migrations") {
			err = Unavailable(fmt.Errorf("%w: it has no tables of ssobridge", ErrOlder), causeSchema)
		}
	}
	switch {
	case errors.Is(err, sso.StoreUnavailable):
		return err
	case err != nil:
		return Unavailable(fmt.Errorf("the database is not migrated: %w", err), causeSchema)
	}
	if version > want {
		return Unavailable(fmt.Errorf("%w (its tables have version %d, this one knows %d): use that one, or restore a backup", ErrNewer, version, want), causeSchema)
	}
	if version != want {
		return Unavailable(fmt.Errorf("%w: its tables have version %d, this program needs %d", ErrOlder, version, want), causeSchema)
	}
	return nil
}
