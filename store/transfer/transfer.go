// Package transfer copies a database into another one, of the same engine or the other.
//
// It knows no table: it copies all that the two databases say they have, and they must say the same. So a table or a column that
// a migration adds is copied too.
package transfer

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/store/sqldb"
)

// What [Copy.Run] wraps.
var (
	ErrNotEmpty = errors.New("the target has data already")
	ErrForeign  = errors.New("the target has tables of another program")
	ErrDiffers  = errors.New("the copy differs")
)

// Left lists the tables that are not copied, each with the reason.
func Left() map[string]string {
	return map[string]string{
		"migrations":      "it says how the tables came about, which each database knows of itself",
		"migration_needs": "it says the same",
		"group_sizes":     "triggers of the target count what is written there",
		"login_weeks":     "triggers of the target make it of the accounts",
	}
}

// made lists the tables in which a database has rows as soon as it has tables, and how many rows that are at most. They are
// replaced.
func made() map[string]int64 {
	return map[string]int64{"counters": 1000, "groups": 2, "secret_key": 1}
}

// A Copy is one that is to be done.
type Copy struct {
	From, To *sqldb.DB
	Progress func(table string, done, total int64) // nil: nobody looks
}

// A Count says how many rows of a table were copied.
type Count struct {
	Table string
	Rows  int64
}

// Run copies everything, as it is at one moment, in one transaction: when it returns an error, or is stopped, the target is as it
// was. Both databases have the tables of this program.
func (c Copy) Run(ctx context.Context) (counts []Count, err error) {
	err = c.From.Snapshot(ctx, func(from *sqldb.Conn) error {
		return c.To.WriteLong(ctx, func(to *sqldb.Conn) error {
			counts, err = c.copy(ctx, from, to)
			return err
		})
	})
	return counts, err
}

// CheckTarget returns nil when the target has no tables, or those of this program, else an error that wraps [ErrForeign].
func CheckTarget(ctx context.Context, to *sqldb.DB, steps []sqldb.Migration) error {
	names, err := to.TableNames(ctx, to.Read())
	if err != nil || len(names) == 0 {
		return err
	}
	if err := to.Known(ctx, steps); errors.Is(err, sqldb.ErrForeign) {
		return fmt.Errorf("%w (%s)", ErrForeign, strings.Join(names[:min(3, len(names))], ", "))
	} else if err != nil {
		return err
	}
	return nil
}

func (c Copy) copy(ctx context.Context, from, to *sqldb.Conn) (counts []Count, err error) {
	tables, err := c.tables(ctx, from, to)
	if err != nil {
		return nil, err
	}
	if err := clear(ctx, to, tables); err != nil {
		return nil, err
	}
	for _, t := range tables {
		wrote, err := c.table(ctx, from, to, t)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", t.Name, err)
		}
		counts = append(counts, Count{t.Name, wrote.rows})
	}
	return counts, c.numbers(ctx, from, to)
}

// tables are those to be copied, each after those to which it refers.
func (c Copy) tables(ctx context.Context, from, to *sqldb.Conn) ([]sqldb.Table, error) {
	have, err := c.From.Tables(ctx, from)
	if err != nil {
		return nil, err
	}
	want, err := c.To.Tables(ctx, to)
	if err != nil {
		return nil, err
	}
	same := slices.EqualFunc(have, want, func(a, b sqldb.Table) bool { return a.Name == b.Name && slices.Equal(a.Columns, b.Columns) })
	if !same {
		return nil, fmt.Errorf("%w: the tables of the two databases are not the same", ErrDiffers)
	}
	return slices.DeleteFunc(want, func(t sqldb.Table) bool { return Left()[t.Name] != "" }), nil
}

// clear refuses a target with data, and takes away what the migrations put there.
func clear(ctx context.Context, to *sqldb.Conn, tables []sqldb.Table) error {
	for _, t := range slices.Backward(tables) {
		n, err := count(ctx, to, t.Name)
		if err != nil {
			return err
		}
		if n > made()[t.Name] {
			return fmt.Errorf("%w: %s in %s", ErrNotEmpty, rowsOf(n), t.Name)
		}
		if _, err := to.Exec(ctx, "DELETE FROM "+t.Name); err != nil {
			return err
		}
	}
	return nil
}

func rowsOf(n int64) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

func count(ctx context.Context, c *sqldb.Conn, table string) (n int64, err error) {
	_, err = c.One(ctx, []any{&n}, "SELECT count(*) FROM "+table)
	return n, err
}

// rowsAtOnce is how many rows one statement writes.
func (c Copy) rowsAtOnce(t sqldb.Table) int {
	return max(1, min(500, c.To.ManyValues()/len(t.Columns)))
}

// table copies one, and compares what was read with what stands in the target then.
func (c Copy) table(ctx context.Context, from, to *sqldb.Conn, t sqldb.Table) (wrote sum, err error) {
	total, err := count(ctx, from, t.Name)
	if err != nil {
		return wrote, err
	}
	most := c.rowsAtOnce(t)
	var values []any
	flush := func() error {
		if len(values) == 0 {
			return nil
		}
		_, err := to.Exec(ctx, insert(t, len(values)/len(t.Columns)), values...)
		values = values[:0]
		c.progress(t.Name, wrote.rows, total)
		return err
	}
	c.progress(t.Name, 0, total)
	err = each(ctx, from, t, func(row []any) error {
		wrote.add(row)
		if values = append(values, row...); len(values) == most*len(t.Columns) {
			return flush()
		}
		return nil
	})
	if err = errors.Join(err, flush()); err != nil {
		return wrote, err
	}
	var there sum
	err = each(ctx, to, t, func(row []any) error {
		there.add(row)
		return nil
	})
	if err == nil && (there != wrote || wrote.rows != total) {
		err = fmt.Errorf("%w: %d rows were read and %d are there, with the sums %016x and %016x", ErrDiffers, wrote.rows, there.rows, wrote.hash, there.hash)
	}
	return wrote, err
}

func (c Copy) progress(table string, done, total int64) {
	if c.Progress != nil {
		c.Progress(table, done, total)
	}
}

func insert(t sqldb.Table, rows int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (%s) VALUES ", t.Name, strings.Join(columns(t), ", "))
	for r := range rows {
		before := ", ("
		if r == 0 {
			before = "("
		}
		for i := range t.Columns {
			fmt.Fprintf(&b, "%s$%d", before, r*len(t.Columns)+i+1)
			before = ", "
		}
		b.WriteString(")")
	}
	return b.String()
}

func columns(t sqldb.Table) (names []string) {
	for _, col := range t.Columns {
		names = append(names, `"`+col.Name+`"`)
	}
	return names
}

// each reads the rows of a table. Values are string, int64, bool, []byte or nil.
func each(ctx context.Context, c *sqldb.Conn, t sqldb.Table, visit func([]any) error) error {
	return c.Each(ctx, func(rows *sql.Rows) error {
		into := make([]any, len(t.Columns))
		for i, col := range t.Columns {
			switch col.Kind {
			case sqldb.KindInteger:
				into[i] = new(sql.Null[int64])
			case sqldb.KindBoolean:
				into[i] = new(sql.Null[bool])
			case sqldb.KindBytes:
				into[i] = new(sql.Null[[]byte])
			default:
				into[i] = new(sql.Null[string])
			}
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, v := range into {
			into[i] = plain(v)
		}
		return visit(into)
	}, fmt.Sprintf("SELECT %s FROM %s", strings.Join(columns(t), ", "), t.Name))
}

// plain is what stands in a column: a value, or nil.
func plain(scanned any) (value any) {
	switch v := scanned.(type) {
	case *sql.Null[int64]:
		value, _ = v.Value()
	case *sql.Null[bool]:
		value, _ = v.Value()
	case *sql.Null[string]:
		value, _ = v.Value()
	case *sql.Null[[]byte]:
		if v.Valid {
			return append([]byte{}, v.V...) // not nil, which is NULL
		}
	}
	return value
}

// A sum is of the rows of a table, in whatever order they come.
type sum struct {
	rows int64
	hash uint64
}

func (s *sum) add(row []any) {
	h := sha256.New()
	for _, v := range row {
		addValue(h, v)
	}
	s.rows++
	s.hash += binary.BigEndian.Uint64(h.Sum(nil))
}

func addValue(h hash.Hash, v any) {
	text := fmt.Sprintf("%T %v", v, v)
	if b, ok := v.([]byte); ok {
		text = "bytes " + string(b)
	}
	fmt.Fprintf(h, "%d:%s", len(text), text)
}

// numbers has the numbers of the target go on where those of the source end: none is given twice, even if its row is gone.
func (c Copy) numbers(ctx context.Context, from, to *sqldb.Conn) error {
	given, err := c.From.Numbered(ctx, from)
	if err != nil {
		return err
	}
	tables, err := c.To.Numbered(ctx, to)
	if err != nil {
		return err
	}
	for _, table := range tables {
		var last int64
		if _, err := to.One(ctx, []any{&last}, "SELECT coalesce(max(id), 0) FROM "+table); err != nil {
			return err
		}
		if slices.Contains(given, table) {
			n, err := c.From.LastNumber(ctx, from, table)
			if err != nil {
				return err
			}
			last = max(last, n)
		}
		if err := c.To.SetLastNumber(ctx, to, table, last); err != nil {
			return err
		}
	}
	return nil
}
