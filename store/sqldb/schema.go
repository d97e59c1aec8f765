package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/ssobridge/ssobridge/sso"
)

// needsLine is the first line of a migration that an older program can live with: it names the last version of the tables that such
// a program has to know. It may add what the older one does not read and need not write. What changes or removes something, or is to
// be kept true by whoever writes, has no such line: only programs that know it can run then.
var needsLine = regexp.MustCompile(`\A-- needs: (\d+)\n`)

// needsOf reads that line of a migration; without it, the migration itself has to be known.
func needsOf(version int64, text string) (int64, error) {
	m := needsLine.FindStringSubmatch(text)
	if m == nil {
		return version, nil
	}
	needs, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil || needs < 1 || needs > version {
		return 0, fmt.Errorf("migration %d: needs %s, which is no version before it", version, m[1])
	}
	return needs, nil
}

// livesWith reports whether a program that knows a version of the tables can work with steps that were taken after it. Each step
// has left what it needs beside it.
func livesWith(ctx context.Context, c *Conn, known int64) (bool, error) {
	var others int64
	_, err := c.One(ctx, []any{&others}, `SELECT count(*) FROM migrations m WHERE m.version > $1
		AND NOT EXISTS (SELECT 1 FROM migration_needs n WHERE n.version = m.version AND n.needs <= $1)`, known)
	return err == nil && others == 0, err
}

// Usable is Migrated for a program that need not know all of the tables: a newer program may have added what this one can live
// with. Whoever has to read or write everything asks Migrated.
func (db *DB) Usable(ctx context.Context, steps []Migration) error {
	err := db.Migrated(ctx, steps)
	if !errors.Is(err, ErrNewer) {
		return err
	}
	ok, failed := livesWith(ctx, db.Read(), int64(len(steps)))
	switch {
	case ok:
		return nil
	case errors.Is(failed, sso.StoreUnavailable):
		return failed
	}
	return err // a database whose steps have left nothing beside them has no such table
}

// A Schema says which tables a database has, and who can work with them.
type Schema struct {
	Version int64    // of the tables
	Last    string   // the name of that step
	Needs   int64    // programs that know this version, or a later one, can run
	Known   int64    // what this program knows
	Pending []string // the steps that this program would take
}

// Schema looks and changes nothing.
func (db *DB) Schema(ctx context.Context, steps []Migration) (Schema, error) {
	s := Schema{Known: int64(len(steps))}
	needs := map[int64]int64{}
	err := db.Read().Each(ctx, func(rows *sql.Rows) error {
		err := rows.Scan(&s.Version, &s.Last)
		needs[s.Version] = s.Version
		return err
	}, "SELECT version, name FROM migrations ORDER BY version")
	if errors.Is(err, sso.StoreUnavailable) {
		return s, err
	}
	_ = db.Read().Each(ctx, func(rows *sql.Rows) error { // the table may be missing: then each step has to be known
		var version, least int64
		err := rows.Scan(&version, &least)
		needs[version] = least
		return err
	}, "SELECT version, needs FROM migration_needs")
	for s.Needs = s.Version; s.Needs > 0 && lives(needs, s.Needs-1); s.Needs-- {
	}
	for _, m := range steps[min(s.Version, s.Known):] {
		s.Pending = append(s.Pending, m.Name)
	}
	return s, nil
}

// lives reports whether no step after a version needs a later one.
func lives(needs map[int64]int64, known int64) bool {
	for version, least := range needs {
		if version > known && least > known {
			return false
		}
	}
	return true
}

// CanRun reports whether this program can work with the tables, once it has taken its steps.
func (s Schema) CanRun() bool { return s.Known >= s.Needs }

// String says it in lines, for people.
func (s Schema) String() string {
	text := fmt.Sprintf("the tables have version %d (%s)\nprograms that know version %d or later can run\n", s.Version, s.Last, s.Needs)
	if s.Version == 0 {
		text = "there are no tables yet: ssobridge serve makes them when it starts, and ssobridge migrate does\n"
	}
	text += fmt.Sprintf("this program knows version %d\n", s.Known)
	for _, name := range s.Pending {
		text += "not applied yet: " + name + "\n"
	}
	return text
}
