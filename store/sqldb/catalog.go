package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Table is one of the schema, as the database itself describes it.
type Table struct {
	Name    string
	Columns []Column // sorted by name
	After   []string // the tables that its rows refer to
}

// A Column of a [Table].
type Column struct {
	Name string
	Kind Kind
}

// Kind is what a column holds.
type Kind string

// The kinds of columns.
const (
	KindText    Kind = "text"
	KindInteger Kind = "integer"
	KindBoolean Kind = "boolean"
	KindBytes   Kind = "bytes"
)

// A catalog is how an engine is asked for its schema.
type catalog struct {
	columns    string // table, column, type
	references string // table, table that it refers to
	numbered   string // table: those whose numbers are never given twice
	number     string // the last number of $1, 0 for none
	setNumber  []string
}

// ManyValues is how many arguments one statement should have at most, where many are to be written. SQLite's driver finds each by
// counting from the first, so twice as many take four times as long; a statement costs hardly anything. PostgreSQL allows 65,535.
func (db *DB) ManyValues() int {
	if db.engine.name == "sqlite" {
		return 70
	}
	return 30000
}

func (db *DB) catalog() catalog {
	if db.engine.name == "sqlite" {
		return catalog{
			columns: `SELECT m.name, p.name, p.type FROM sqlite_schema m, pragma_table_info(m.name) p
				WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, p.name`,
			references: `SELECT m.name, f."table" FROM sqlite_schema m, pragma_foreign_key_list(m.name) f
				WHERE m.type = 'table' ORDER BY 1, 2`,
			numbered:  `SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%' ORDER BY name`,
			number:    `SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = $1), 0)`,
			setNumber: []string{`DELETE FROM sqlite_sequence WHERE name = $1 AND $2 > 0`, `INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)`},
		}
	}
	return catalog{
		columns: `SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns
			WHERE table_schema = current_schema() ORDER BY table_name, column_name`,
		references: `SELECT a.relname::text, b.relname::text FROM pg_constraint c JOIN pg_class a ON a.oid = c.conrelid
			JOIN pg_class b ON b.oid = c.confrelid JOIN pg_namespace n ON n.oid = c.connamespace
			WHERE c.contype = 'f' AND n.nspname = current_schema() ORDER BY 1, 2`,
		numbered: `SELECT table_name::text FROM information_schema.columns
			WHERE table_schema = current_schema() AND is_identity = 'YES' ORDER BY table_name`,
		number: `SELECT coalesce((SELECT last_value FROM pg_sequences WHERE schemaname = current_schema() AND
			pg_get_serial_sequence($1::text, 'id') = quote_ident(schemaname) || '.' || quote_ident(sequencename)), 0)`,
		setNumber: []string{`SELECT setval(pg_get_serial_sequence($1::text, 'id'), $2)`},
	}
}

// TableNames lists the tables there are, of whatever program.
func (db *DB) TableNames(ctx context.Context, c *Conn) (names []string, err error) {
	err = c.Each(ctx, func(rows *sql.Rows) error {
		var table, column, typ string
		err := rows.Scan(&table, &column, &typ)
		if !slices.Contains(names, table) {
			names = append(names, table)
		}
		return err
	}, db.catalog().columns)
	return names, err
}

// Tables describes the tables there are, each after those to which it refers.
func (db *DB) Tables(ctx context.Context, c *Conn) ([]Table, error) {
	ask, all := db.catalog(), map[string]*Table{}
	err := c.Each(ctx, func(rows *sql.Rows) error {
		var table, column, typ string
		if err := rows.Scan(&table, &column, &typ); err != nil {
			return err
		}
		kind, err := kindOf(typ)
		if err != nil {
			return fmt.Errorf("table %s, column %s: %w", table, column, err)
		}
		if all[table] == nil {
			all[table] = &Table{Name: table}
		}
		all[table].Columns = append(all[table].Columns, Column{column, kind})
		return nil
	}, ask.columns)
	if err != nil {
		return nil, err
	}
	err = c.Each(ctx, func(rows *sql.Rows) error {
		var table, to string
		if err := rows.Scan(&table, &to); err != nil {
			return err
		}
		if t := all[table]; t != nil && to != table && !slices.Contains(t.After, to) {
			t.After = append(t.After, to)
		}
		return nil
	}, ask.references)
	if err != nil {
		return nil, err
	}
	return inOrder(all)
}

func kindOf(typ string) (Kind, error) {
	switch strings.ToUpper(typ) {
	case "TEXT":
		return KindText, nil
	case "INTEGER", "BIGINT":
		return KindInteger, nil
	case "BOOLEAN":
		return KindBoolean, nil
	case "BYTEA":
		return KindBytes, nil
	}
	return "", fmt.Errorf("type %s is none of this program's", typ)
}

// inOrder sorts tables so that each stands after those to which it refers.
func inOrder(all map[string]*Table) (sorted []Table, err error) {
	var names []string
	for name, t := range all {
		slices.SortFunc(t.Columns, func(a, b Column) int { return strings.Compare(a.Name, b.Name) })
		names = append(names, name)
	}
	slices.Sort(names)
	done := map[string]bool{}
	for len(sorted) < len(names) {
		before := len(sorted)
		for _, name := range names {
			ready := !slices.ContainsFunc(all[name].After, func(to string) bool { return !done[to] })
			if !done[name] && ready {
				done[name], sorted = true, append(sorted, *all[name])
			}
		}
		if len(sorted) == before {
			return nil, errors.New("tables refer to one another in a circle")
		}
	}
	return sorted, nil
}

// Numbered lists the tables in which the database gives each row the next number, and never gives one twice.
func (db *DB) Numbered(ctx context.Context, c *Conn) (tables []string, err error) {
	err = c.Each(ctx, func(rows *sql.Rows) error {
		var table string
		err := rows.Scan(&table)
		tables = append(tables, table)
		return err
	}, db.catalog().numbered)
	return tables, err
}

// LastNumber is the last number that was given in a table of [DB.Numbered], 0 for none.
func (db *DB) LastNumber(ctx context.Context, c *Conn, table string) (n int64, err error) {
	_, err = c.One(ctx, []any{&n}, db.catalog().number, table)
	return n, err
}

// SetLastNumber has the numbers of a table go on after n.
func (db *DB) SetLastNumber(ctx context.Context, c *Conn, table string, n int64) error {
	if n <= 0 {
		return nil
	}
	for _, query := range db.catalog().setNumber {
		if _, err := c.Exec(ctx, query, table, n); err != nil {
			return err
		}
	}
	return nil
}
