package sqldb

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// A Conn runs SQL: in a transaction, or by itself. All text that goes to the database passes through its methods, which
// is where it is made fit for both engines.
type Conn struct {
	on interface {
		ExecContext(context.Context, string, ...any) (sql.Result, error)
		QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	}
	inTx     bool
	shared   bool                                             // the transaction shares its commit with others: no statement of it may be interrupted
	failed   error                                            // in a transaction: of the first statement that failed; none is run after it
	prepared func(context.Context, string) (*sql.Stmt, error) // nil, or a nil statement: it is not prepared
	pipe     *pipeline                                        // of a transaction on PostgreSQL
	fail     func(error) error
	begin    func(kind string) (end func(error), err error) // outside a transaction; nil in one, which begins as a whole
}

// Exec returns how many rows were changed.
func (c *Conn) Exec(ctx context.Context, query string, args ...any) (changed int64, err error) {
	if c.begin != nil {
		var end func(error)
		if end, err = c.begin("query"); err != nil {
			return 0, err
		}
		defer func() { end(err) }()
	}
	if c.pipe != nil && c.failed == nil {
		changed, sent, err := c.pipe.exec(ctx, query, bind(args))
		if sent || err != nil {
			return changed, c.fail(c.note(err))
		}
	}
	result, err := run(ctx, c, query, (*sql.Stmt).ExecContext, c.on.ExecContext, args)
	if err != nil {
		return 0, c.fail(err)
	}
	return result.RowsAffected()
}

// Later is Exec for a statement of a transaction of which nobody needs to know how many rows it changes. With PostgreSQL it is
// sent together with the next Exec, or the commit: a query in between does not see what it writes, and its error comes then.
func (c *Conn) Later(ctx context.Context, query string, args ...any) error {
	if c.pipe == nil {
		_, err := c.Exec(ctx, query, args...)
		return err
	}
	c.pipe.add(query, bind(args))
	return nil
}

// LaterOr is Later for a statement that rests on something that may not be so any more. It then writes NULL where none may be, so that
// the transaction ends, with the error refused: PostgreSQL finds that out by itself, when the commit has been sent already.
func (c *Conn) LaterOr(ctx context.Context, refused error, query string, args ...any) error {
	if c.pipe == nil {
		_, err := c.Exec(ctx, query, args...)
		return orRefused(err, refused)
	}
	c.pipe.kept = append(c.pipe.kept, statement{query: query, args: bind(args), refused: refused})
	return nil
}

// orRefused is refused, if there is one, where err is of a NULL where none may be.
func orRefused(err, refused error) error {
	if refused != nil && isNull(err) {
		return refused
	}
	return err
}

// Each calls scan for each row.
func (c *Conn) Each(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) (err error) {
	if c.begin != nil {
		var end func(error)
		if end, err = c.begin("query"); err != nil {
			return err
		}
		defer func() { end(err) }()
	}
	if c.pipe != nil {
		if err := c.note(c.pipe.begin(ctx)); err != nil {
			return c.fail(err)
		}
	}
	rows, err := run(ctx, c, query, (*sql.Stmt).QueryContext, c.on.QueryContext, args)
	if err != nil {
		return c.fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return c.fail(c.note(rows.Err()))
}

// One scans the first row into to, and says whether there was one.
func (c *Conn) One(ctx context.Context, to []any, query string, args ...any) (found bool, err error) {
	err = c.Each(ctx, func(rows *sql.Rows) error {
		if found {
			return nil
		}
		found = true
		return rows.Scan(to...)
	}, query, args...)
	return found, err
}

// run runs a statement, prepared or not.
func run[T any](ctx context.Context, c *Conn, query string, prepared func(*sql.Stmt, context.Context, ...any) (T, error),
	plain func(context.Context, string, ...any) (T, error), args []any,
) (result T, err error) {
	if c.failed != nil {
		return result, c.failed
	}
	if c.shared {
		if err := c.note(ctx.Err()); err != nil {
			return result, err
		}
		ctx = context.Background() // to interrupt one statement undoes all that shares its commit
	}
	var stmt *sql.Stmt
	if c.prepared != nil {
		if stmt, err = c.prepared(ctx, query); err != nil {
			return result, c.note(err)
		}
	}
	if stmt != nil {
		result, err = prepared(stmt, ctx, bind(args)...)
	} else {
		result, err = plain(ctx, query, bind(args)...)
	}
	return result, c.note(err)
}

// note remembers that a statement of a transaction has failed.
func (c *Conn) note(err error) error {
	if c.inTx && c.failed == nil {
		c.failed = err
	}
	return err
}

// control runs a word that begins or ends something. It is not held up by a context, nor by a statement that failed before.
func (c *Conn) control(word string) error {
	_, err := (&Conn{on: c.on, prepared: c.prepared, fail: c.fail}).Exec(context.Background(), word)
	return err
}

// bind makes arguments fit for both databases: PostgreSQL refuses NUL and invalid UTF-8, which SQLite would keep.
func bind(args []any) []any {
	for i, arg := range args {
		switch v := arg.(type) {
		case string:
			args[i] = text(v)
		case time.Time:
			args[i] = Micros(v)
		case bool, int64, int, []byte:
		default:
			switch v := reflect.ValueOf(arg); v.Kind() {
			case reflect.String:
				args[i] = text(v.String())
			case reflect.Array: // of bytes, such as a hash
				b := make([]byte, v.Len())
				reflect.Copy(reflect.ValueOf(b), v)
				args[i] = b
			}
		}
	}
	return args
}

func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

// Micros is how times are kept. TIMESTAMP differs between the engines.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Scanners: from the database into a field.

// A Scanner is a function that takes a value of the database.
type Scanner func(any) error

// Scan calls the function.
func (f Scanner) Scan(v any) error { return f(v) }

// Time scans what [Micros] makes.
func Time(t *time.Time) Scanner {
	return func(v any) error {
		n, ok := v.(int64)
		if !ok {
			return fmt.Errorf("a time is kept as %T", v)
		}
		*t = time.Time{}
		if n != 0 {
			*t = time.UnixMicro(n).UTC()
		}
		return nil
	}
}

// Bytes scans bytes of exactly this length, such as a hash.
func Bytes(into []byte) Scanner {
	return func(v any) error {
		b, ok := v.([]byte)
		if !ok || len(b) != len(into) {
			return fmt.Errorf("%d bytes are kept as %T of %d", len(into), v, len(b))
		}
		copy(into, b)
		return nil
	}
}

// JSON scans text that [encoding/json] reads into a value.
func JSON(into any) Scanner {
	return func(v any) error {
		switch v := v.(type) {
		case string:
			return json.Unmarshal([]byte(v), into)
		case []byte:
			return json.Unmarshal(v, into)
		}
		return fmt.Errorf("JSON is kept as %T", v)
	}
}
