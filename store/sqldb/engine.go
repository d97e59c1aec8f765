package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/ssobridge/ssobridge/sso"
)

// An engine is everything in which the two databases differ.
type engine struct {
	name string
	file string // SQLite: the database file

	writer writer
	write  *sql.DB // the writer's connections; SQLite: one, since it has one writer at a time
	read   *sql.DB // SQLite: connections that cannot write
	hot    *sql.DB // as read, for checks and the change feed alone: a storm of sign-ins or a long query stops neither

	// prepares: database/sql keeps the prepared statements of hot queries. pgx does so itself, unless a pooler is before the server.
	prepares bool

	lockSchema  []string          // taken by a migration; SQLite's BEGIN IMMEDIATE is one already
	keepRow     string            // after a SELECT: what it found stays as it is until the transaction ends
	schemaWords *strings.Replacer // nil: the migrations are in this engine's words

	circuit  *circuit
	note     func(error)        // is told of each error, as the driver made it; nil: nobody is
	presence *presence          // SQLite
	cause    func(error) string // of an error that is unavailable

	unavailable func(error) bool  // cannot be reached, locked, full, read-only
	again       func(error) bool  // lost a race: the transaction may be run anew
	explain     func(error) error // says what is wrong with DATABASE_URL, as [misfit]; nil: nothing more can be said
	backup      func(ctx context.Context, file string) error
}

// openEngine opens what a DATABASE_URL names.
func openEngine(ctx context.Context, databaseURL string, lockWait time.Duration, c *circuit) (*engine, error) {
	scheme, rest, _ := strings.Cut(databaseURL, ":")
	switch scheme {
	case "sqlite":
		return openSQLite(ctx, rest, lockWait, c)
	case "postgres", "postgresql":
		return openPostgres(ctx, databaseURL, c)
	}
	return nil, errors.New("DATABASE_URL begins with neither sqlite: nor postgres://")
}

// enter returns why the database cannot be asked; if it can, leave must be called when it has been.
func (e *engine) enter() (leave func(), err error) {
	if e.presence != nil {
		if err := e.presence.header.check(); err != nil {
			e.circuit.open(err)
		}
	}
	return e.circuit.enter()
}

// close waits for the writer, and closes all connections.
func (e *engine) close() error {
	e.circuit.retire()
	if e.presence != nil && e.presence.header.check() != nil {
		return nil // the last connection that is closed would write what is in the -wal file into a file of which it is not
	}
	err := errors.Join(e.writer.close(), e.read.Close(), e.hot.Close())
	if e.presence != nil {
		err = errors.Join(err, e.presence.close())
	}
	return err
}

// SQLite.

const defaultLockWait = 5 * time.Second

func openSQLite(ctx context.Context, rest string, lockWait time.Duration, c *circuit) (*engine, error) {
	file, err := sqliteFile(rest)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(checkOverwritten(file), claimFile(file)); err != nil {
		return nil, err
	}
	lockWait = cmp.Or(lockWait, defaultLockWait)
	// rw: a connection that is opened while the file is moved away must not make an empty one there, for which SQLite deletes the -wal file.
	pragmas := url.Values{"mode": {"rw"}, "_dqs": {"0"}, "_defensive": {"1"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", lockWait.Milliseconds()),
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
	}}
	dsn := "file:" + (&url.URL{Path: file}).EscapedPath() + "?" + pragmas.Encode()
	// temp_store: what a savepoint keeps of the pages before it stays in memory. secure_delete: SQLite leaves the bytes of what is
	// deleted in the file. FAST overwrites them in the pages that are written anyway.
	write, err := sql.Open("sqlite", dsn+"&_pragma=temp_store(2)&_pragma=secure_delete(FAST)")
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	// A page takes twice its size here, so that the usual 2 MB would be 4 MB for each reader. With 100,000 people and
	// 1,000,000 events no page of the administrator's was slower with less.
	dsnRead := dsn + "&_pragma=query_only(1)&_pragma=cache_size(-512)"
	read, err1 := openPool("sqlite", dsnRead, max(4, runtime.GOMAXPROCS(0)))
	hot, err2 := openPool("sqlite", dsnRead, 2)
	if err := errors.Join(err1, err2); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	present, err := newPresence(ctx, file, dsnRead)
	if err != nil {
		e := &engine{name: "sqlite", unavailable: sqliteUnavailable, again: func(error) bool { return false }, cause: sqliteCause}
		return nil, errors.Join(e.translate(err), write.Close(), read.Close(), hot.Close())
	}
	present.watch(c)
	writer := newGroupWriter(write, lockWait)
	writer.check = present.header.check
	return &engine{
		name: "sqlite", file: file, writer: writer, write: write, read: read, hot: hot, prepares: true,
		circuit: c, presence: present, cause: sqliteCause,
		unavailable: sqliteUnavailable,
		again:       func(error) bool { return false }, // one writer: there are no races to lose
		backup:      func(ctx context.Context, to string) error { return backupSQLite(ctx, dsn, to) },
	}, nil
}

func openPool(driverName, dsn string, conns int) (*sql.DB, error) {
	db, err := sql.Open(driverName, dsn)
	if err == nil {
		limit(db, conns)
	}
	return db, err
}

func limit(db *sql.DB, conns int) *sql.DB {
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db
}

// sqliteFile reads what follows "sqlite:": a path, or ///absolute/path.
func sqliteFile(rest string) (string, error) {
	path := rest
	if host, ok := strings.CutPrefix(rest, "//"); ok {
		if !strings.HasPrefix(host, "/") {
			return "", errors.New("DATABASE_URL: write sqlite:path or sqlite:///absolute/path")
		}
		path = host
	}
	switch {
	case path == "":
		return "", errors.New("DATABASE_URL: sqlite: needs a file, as in sqlite:ssobridge.db")
	case strings.HasPrefix(path, ":memory:"):
		return "", errors.New("DATABASE_URL: a database in memory would be another one on each connection; name a file")
	case strings.ContainsAny(path, "?#\x00"):
		return "", errors.New("DATABASE_URL: sqlite: takes a path and no parameters")
	}
	return filepath.Abs(path)
}

// claimFile makes the file readable by its owner alone, or refuses one that others can read (SECURITY L3). SQLite gives
// the files beside it the same mode.
func claimFile(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return fmt.Errorf("the database file cannot be opened: %w: %w", err, sso.StoreUnavailable)
	}
	if err := f.Close(); err != nil {
		return err
	}
	if runtime.GOOS == "windows" {
		return nil // modes say nothing there
	}
	for _, name := range []string{file, file + "-wal", file + "-shm", file + "-journal"} {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			return fmt.Errorf("%s can be read or written by others (mode %04o): chmod 600 it", name, info.Mode().Perm())
		}
	}
	return nil
}

// checkDurability reads back what a promise to keep a login rests on. A driver may ignore a pragma without an error, and
// NORMAL does not promise that what was committed survives a power loss.
func (e *engine) checkDurability(ctx context.Context) error {
	if e.name != "sqlite" {
		return nil
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		got := ""
		if err := e.write.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil {
			return e.translate(err)
		}
		if got != want {
			return fmt.Errorf("sqlite %s is %s, not %s: the file system may not support it", pragma, got, want)
		}
	}
	return nil
}

// busy: another process has the lock.
func busy(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

func sqliteUnavailable(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch e.Code() & 0xff { // the primary code; the rest says more about it
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT,
		sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL,
		sqlite3.SQLITE_NOTADB:
		return true
	}
	return false
}

// backupSQLite copies the database into a new file. It has a connection of its own: the copy reads one state of the
// database, and logins go on meanwhile.
func backupSQLite(ctx context.Context, dsn, to string) error {
	f, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", dsn)
	if err == nil {
		_, err = db.ExecContext(ctx, "VACUUM INTO $1", to) // into an empty file is allowed
		err = errors.Join(err, db.Close())
	}
	if err == nil {
		err = markFile(f)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}

// PostgreSQL.

// Connections of one bridge at most, idle ones included.
const (
	postgresWriters  = 12
	postgresReaders  = 4
	postgresHot      = 4
	postgresConnLife = 30 * time.Minute // so that a replica which was replaced is left in time
)

// lockTimeout is how long a statement waits for a lock of another program, such as one that changes a table. Ours last
// milliseconds. With it a sign-in that also waits for its turn is still answered in time.
const lockTimeout = 3 * time.Second

func openPostgres(ctx context.Context, databaseURL string, c *circuit) (*engine, error) {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err) // pgx leaves the password out
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "ssobridge"
	}
	lines, options := watchLines(config, c)
	explain := func(err error) error { return explainPostgres(config, err) }
	pooled, err := greet(ctx, config)
	if err != nil {
		e := &engine{name: "postgres", unavailable: postgresUnavailable, again: postgresAgain, cause: postgresCause, explain: explain}
		return nil, e.explained(err)
	}
	if pooled && config.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		// The next transaction may be in another process of the server, which knows none of our prepared statements.
		config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		c.log.Info("a pooler stands before PostgreSQL, so the bridge keeps no prepared statements")
	}
	if _, set := config.RuntimeParams["lock_timeout"]; !set && !pooled { // a pooler takes no such parameters
		config.RuntimeParams["lock_timeout"] = strconv.FormatInt(lockTimeout.Milliseconds(), 10)
	}
	pool := func(conns int) *sql.DB {
		db := limit(stdlib.OpenDB(*config, options...), conns)
		db.SetConnMaxLifetime(postgresConnLife)
		return db
	}
	write := pool(postgresWriters)
	return &engine{
		name: "postgres", writer: newPoolWriter(write, postgresWriters, postgresAgain), write: write, read: pool(postgresReaders), hot: pool(postgresHot),
		circuit: c, note: lines.note, cause: postgresCause,
		lockSchema: []string{"SELECT set_config('lock_timeout', '0', true)", "SELECT pg_advisory_xact_lock(7375620521)"},
		keepRow:    " FOR SHARE",
		schemaWords: strings.NewReplacer(
			"INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
			"INTEGER PRIMARY KEY", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
			" WITHOUT ROWID", "", // SQLite's second copy of the key
			"COLLATE BINARY", `COLLATE "C"`, // byte order, so that prefixes are ranges whatever the database's language
		),
		unavailable: postgresUnavailable,
		again:       postgresAgain,
		explain:     explain,
		backup: func(context.Context, string) error {
			return errors.New("backup copies a SQLite file; for PostgreSQL use pg_dump")
		},
	}, nil
}

// postgresUnavailable takes whatever the server did not answer itself for "cannot be reached", and so a server that lets nobody
// in: what it says may be about a standby, or a password that is being changed.
func postgresUnavailable(err error) bool {
	if _, refused := errors.AsType[*pgconn.ConnectError](err); refused {
		return true
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		// SafeToRetry: a connection that was closed before anything was sent; pgx exports no error for it.
		return errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, pgx.ErrTxClosed) || errors.Is(err, driver.ErrBadConn) ||
			errors.Is(err, sql.ErrConnDone) || networkError(err) || pgconn.SafeToRetry(err) || pgconn.Timeout(err)
	}
	// PostgreSQL manual, appendix A: connection, resources, operator intervention, system error; then read-only
	// transaction, lock not available, read-only standby.
	for _, class := range []string{"08", "53", "57", "58", readOnlyTransaction, "55P03"} {
		if strings.HasPrefix(e.Code, class) {
			return true
		}
	}
	return false
}

// postgresAgain: serialization failure, deadlock; and a unique or foreign key that another transaction took or removed
// between our look and our write: the second look sees it.
func postgresAgain(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01" || e.Code == "23505" || e.Code == "23503")
}

// Errors.

// isNull reports whether a statement wrote NULL into a column that has none.
func isNull(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == "23502"
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code() == sqlite3.SQLITE_CONSTRAINT_NOTNULL
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
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, ErrLost) ||
		errors.Is(err, sql.ErrConnDone) || errors.Is(err, sql.ErrTxDone) || err.Error() == closedText || e.unavailable(err) || e.again(err) {
		return newUnavailable(e.name, err, e.cause(err))
	}
	return err
}

// explained is translate for what is done at the start, where DATABASE_URL may be what is wrong.
func (e *engine) explained(err error) error {
	if e.explain != nil {
		err = e.explain(err)
	}
	return e.translate(err)
}

func networkError(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, driver.ErrBadConn)
}
