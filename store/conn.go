package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// A conn runs SQL: in a transaction, or by itself. All text that goes to the database passes through its methods, which
// is where it is made fit for both engines.
type conn struct {
	on interface {
		ExecContext(context.Context, string, ...any) (sql.Result, error)
		QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	}
	tx    *sql.Tx              // nil outside a transaction
	stmts map[string]*sql.Stmt // hot statements; read-only
	fail  func(error) error
	seen  func(kind string, began time.Time, err error) // outside a transaction; nil in one, which is seen as a whole
}

// exec returns how many rows were changed.
func (c *conn) exec(ctx context.Context, query string, args ...any) (changed int64, err error) {
	if c.seen != nil {
		defer func(began time.Time) { c.seen("query", began, err) }(time.Now())
	}
	var result sql.Result
	if stmt := c.stmt(ctx, query); stmt != nil {
		result, err = stmt.ExecContext(ctx, bind(args)...)
	} else {
		result, err = c.on.ExecContext(ctx, query, bind(args)...)
	}
	if err != nil {
		return 0, c.fail(err)
	}
	return result.RowsAffected()
}

// each calls scan for each row.
func (c *conn) each(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) (err error) {
	if c.seen != nil {
		defer func(began time.Time) { c.seen("query", began, err) }(time.Now())
	}
	var rows *sql.Rows
	if stmt := c.stmt(ctx, query); stmt != nil {
		rows, err = stmt.QueryContext(ctx, bind(args)...)
	} else {
		rows, err = c.on.QueryContext(ctx, query, bind(args)...)
	}
	if err != nil {
		return c.fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return c.fail(rows.Err())
}

// one scans the first row into to, and says whether there was one.
func (c *conn) one(ctx context.Context, to []any, query string, args ...any) (found bool, err error) {
	err = c.each(ctx, func(rows *sql.Rows) error {
		if found {
			return nil
		}
		found = true
		return rows.Scan(to...)
	}, query, args...)
	return found, err
}

func (c *conn) stmt(ctx context.Context, query string) *sql.Stmt {
	stmt := c.stmts[query]
	if stmt != nil && c.tx != nil {
		return c.tx.StmtContext(ctx, stmt)
	}
	return stmt
}

// bind makes arguments fit for both databases: PostgreSQL refuses NUL and invalid UTF-8, which SQLite would keep.
func bind(args []any) []any {
	for i, arg := range args {
		switch v := arg.(type) {
		case string:
			args[i] = text(v)
		case time.Time:
			args[i] = micros(v)
		case sso.SessionHash:
			args[i] = v[:]
		case bool, int64, int, []byte:
		default:
			if s := reflect.ValueOf(arg); s.Kind() == reflect.String {
				args[i] = text(s.String())
			}
		}
	}
	return args
}

func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

// micros is how times are kept. TIMESTAMP differs between the engines.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Scanners: from the database into a field.

type scanFunc func(any) error

func (f scanFunc) Scan(v any) error { return f(v) }

func when(t *time.Time) sql.Scanner {
	return scanFunc(func(v any) error {
		n, ok := v.(int64)
		if !ok {
			return fmt.Errorf("a time is kept as %T", v)
		}
		*t = time.Time{}
		if n != 0 {
			*t = time.UnixMicro(n).UTC()
		}
		return nil
	})
}

func hash(h *sso.SessionHash) sql.Scanner {
	return scanFunc(func(v any) error {
		b, ok := v.([]byte)
		if !ok || len(b) != len(h) {
			return fmt.Errorf("a session's hash is kept as %T", v)
		}
		copy(h[:], b)
		return nil
	})
}

func set(m *map[string]string) sql.Scanner {
	return scanFunc(func(v any) error {
		switch v := v.(type) {
		case string:
			return json.Unmarshal([]byte(v), m)
		case []byte:
			return json.Unmarshal(v, m)
		}
		return fmt.Errorf("a set is kept as %T", v)
	})
}

// setText writes a set; equal sets give equal text.
func setText(m map[string]string) string {
	clean := make(map[string]string, len(m))
	for k, v := range m {
		clean[sso.CleanText(k)] = sso.CleanText(v)
	}
	b, err := json.Marshal(clean)
	if err != nil {
		return "{}" // strings to strings: cannot happen
	}
	return string(b)
}

// Transactions.

// errUndo ends a transaction without keeping it, and without an error.
var errUndo = errors.New("undo")

// errLost says that another transaction was quicker; run anew, it will see what the other did.
var errLost = errors.New("another transaction was quicker")

// maxTries bounds how often a transaction that loses races is run.
const maxTries = 6

// writing runs fn in one transaction, and anew when it loses a race to another; fn must start from nothing each time. All
// is kept or nothing. Between two statements other transactions may commit (PostgreSQL), so what must not change is
// locked by an UPDATE first. The order of locks is: proofs, account, administrators, other rows sorted, then the counter
// of changes.
func (s *Store) writing(ctx context.Context, fn func(*conn) error) (err error) {
	defer func(began time.Time) { s.observed("transaction", began, err) }(time.Now())
	stmts, err := s.writeStmts.get(ctx)
	if err != nil {
		return s.noteWrite(s.engine.translate(err))
	}
	for try := 1; ; try++ {
		err := s.writeOnce(ctx, stmts, fn)
		if errors.Is(err, errUndo) {
			return nil
		}
		if err == nil || try == maxTries || !errors.Is(err, errLost) && !s.engine.again(err) {
			return s.noteWrite(s.engine.translate(err))
		}
	}
}

func (s *Store) writeOnce(ctx context.Context, stmts map[string]*sql.Stmt, fn func(*conn) error) error {
	tx, err := s.engine.write.BeginTx(ctx, s.engine.begin)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing left to undo
	if err := fn(&conn{on: tx, tx: tx, stmts: stmts, fail: func(err error) error { return err }}); err != nil {
		return err
	}
	return tx.Commit()
}

// reading is for single queries: each sees one state of the database.
func (s *Store) reading() *conn {
	return &conn{on: s.engine.read, fail: s.engine.translate, seen: s.observed}
}

// readingHot is reading with the prepared statements of the hot queries.
func (s *Store) readingHot(ctx context.Context) (*conn, error) {
	stmts, err := s.readStmts.get(ctx)
	if err != nil {
		return nil, s.engine.translate(err)
	}
	return &conn{on: s.engine.read, stmts: stmts, fail: s.engine.translate, seen: s.observed}, nil
}

// closedText is what database/sql says once it was closed; it exports no error for it.
const closedText = "sql: database is closed"

// translate gives an error of the driver its code. Errors that have one, and refusals, pass unchanged. sql.ErrTxDone is a
// context that ended just before the commit: database/sql has undone the transaction by then (SECURITY L8).
func (e *engine) translate(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[sso.Code](err); ok {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, errLost) ||
		errors.Is(err, sql.ErrConnDone) || errors.Is(err, sql.ErrTxDone) || err.Error() == closedText || e.unavailable(err) || e.again(err) {
		return fmt.Errorf("%s: %w: %w", e.name, err, sso.StoreUnavailable)
	}
	return err
}

func networkError(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, driver.ErrBadConn)
}

// statements prepares the hot queries of one pool when they are first needed: not before, since the tables must exist,
// and not inside a transaction, since that holds the one connection there is.
type statements struct {
	db      *sql.DB
	queries []string // empty: nothing is prepared here
	mu      sync.Mutex
	ready   map[string]*sql.Stmt
}

func (p *statements) get(ctx context.Context) (map[string]*sql.Stmt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ready != nil || len(p.queries) == 0 {
		return p.ready, nil
	}
	ready := map[string]*sql.Stmt{}
	for _, query := range p.queries {
		stmt, err := p.db.PrepareContext(ctx, query)
		if err != nil {
			for _, made := range ready {
				err = errors.Join(err, made.Close())
			}
			return nil, err
		}
		ready[query] = stmt
	}
	p.ready = ready
	return ready, nil
}
