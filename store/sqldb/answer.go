package sqldb

import (
	"context"
	"database/sql"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// An Answer is what a statement of a transaction says, once somebody asks for it. Make one with [Conn.Soon].
type Answer struct {
	conn  *Conn
	query string
	args  []any
	came  *came // PostgreSQL, once the statement was sent
}

// A Row is one row of a result.
type Row interface{ Scan(to ...any) error }

// Soon is for a statement whose answer is asked for soon. PostgreSQL gets it together with those before and after it, when
// the first of their answers is asked for: it is the way there and back that takes the time. SQLite runs it when its own answer
// is asked for. So ask for every answer, in the order of the statements, or undo the transaction.
func (c *Conn) Soon(query string, args ...any) *Answer {
	a := &Answer{conn: c, query: query, args: args}
	if c.pipe != nil {
		c.pipe.kept = append(c.pipe.kept, statement{query: query, args: bind(args), answer: a})
	}
	return a
}

// Each calls scan for each row. Ask once.
func (a *Answer) Each(ctx context.Context, scan func(Row) error) error {
	if a.conn.pipe == nil {
		return a.conn.Each(ctx, func(rows *sql.Rows) error { return scan(rows) }, a.query, a.args...)
	}
	if err := a.arrive(ctx); err != nil {
		return err
	}
	for _, values := range a.came.rows {
		if err := scan(row{a.came, values}); err != nil {
			return err
		}
	}
	return nil
}

// One scans the first row into to, and says whether there was one. Ask once.
func (a *Answer) One(ctx context.Context, to ...any) (found bool, err error) {
	err = a.Each(ctx, func(r Row) error {
		if found {
			return nil
		}
		found = true
		return r.Scan(to...)
	})
	return found, err
}

// Changed returns how many rows were changed. Ask once.
func (a *Answer) Changed(ctx context.Context) (int64, error) {
	if a.conn.pipe == nil {
		return a.conn.Exec(ctx, a.query, a.args...)
	}
	if err := a.arrive(ctx); err != nil {
		return 0, err
	}
	return a.came.tag.RowsAffected(), nil
}

// arrive sends what was kept, unless the answer is there.
func (a *Answer) arrive(ctx context.Context) error {
	c := a.conn
	if a.came == nil && c.failed == nil {
		_, err := c.pipe.flush(ctx)
		return c.fail(c.note(err))
	}
	return c.failed
}

// came is what PostgreSQL answered to one statement.
type came struct {
	tag    pgconn.CommandTag
	fields []pgconn.FieldDescription
	rows   [][][]byte
	types  *pgtype.Map
}

// receive reads all rows of the next result.
func receive(results pgx.BatchResults, types *pgtype.Map) (*came, error) {
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	c := &came{types: types}
	for rows.Next() {
		if c.fields == nil {
			c.fields = slices.Clone(rows.FieldDescriptions())
		}
		values := rows.RawValues() // only until the next row
		kept := make([][]byte, len(values))
		for i, v := range values {
			kept[i] = slices.Clone(v)
		}
		c.rows = append(c.rows, kept)
	}
	rows.Close()
	c.tag = rows.CommandTag()
	return c, rows.Err()
}

type row struct {
	*came
	values [][]byte
}

func (r row) Scan(to ...any) error {
	for i, v := range r.values {
		if err := r.types.Scan(r.fields[i].DataTypeOID, r.fields[i].Format, v, to[i]); err != nil {
			return err
		}
	}
	return nil
}
