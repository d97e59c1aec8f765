package sqldb

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/ssobridge/ssobridge/sso"
)

// unavailable is an error of a database that cannot be used now. Its cause is one word, for /readyz and for alerts.
type unavailable struct {
	engine, cause string
	err           error
}

func newUnavailable(engine string, err error, cause string) error {
	return &unavailable{engine: engine, cause: cause, err: err}
}

// Unavailable is err as one of a database that cannot be used now, with its cause.
func Unavailable(err error, cause string) error { return newUnavailable("", err, cause) }

func (e *unavailable) Error() string {
	if e.engine == "" {
		return e.err.Error() + ": " + string(sso.StoreUnavailable)
	}
	return e.engine + ": " + e.err.Error() + ": " + string(sso.StoreUnavailable)
}

func (e *unavailable) Unwrap() []error { return []error{e.err, sso.StoreUnavailable} }

// Cause is the word.
func (e *unavailable) Cause() string { return e.cause }

// Causes. The documentation says what to do about each.
const (
	causeNoAnswer    = "no_answer"
	causeUnreachable = "unreachable"
	causeStopping    = "stopping"
	causeStarting    = "starting"
	causeConnections = "too_many_connections"
	causeReadOnly    = "read_only"
	causeFull        = "full"
	causeLocked      = "locked"
	causeDamaged     = "damaged"
	causeMoved       = "file_moved"
	causeOverwritten = "file_overwritten"
	causeSchema      = "tables"
	causeUnavailable = "unavailable"
)

// readOnlyTransaction is what a standby says to who writes, and a primary that was made read-only.
const readOnlyTransaction = "25006"

// postgresCause follows PostgreSQL's manual, appendix A.
func postgresCause(err error) string {
	e, answered := errors.AsType[*pgconn.PgError](err)
	if !answered {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, os.ErrDeadlineExceeded) {
			return causeNoAnswer
		}
		return causeUnreachable
	}
	switch e.Code {
	case readOnlyTransaction:
		return causeReadOnly
	case "57P01", "57P02":
		return causeStopping
	case "57P03":
		return causeStarting
	case "53300":
		return causeConnections
	case "53100":
		return causeFull
	case "55P03":
		return causeLocked
	}
	return causeUnavailable
}

func sqliteCause(err error) string {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok { // our time was over: a lock of another program, or a disk that hangs
		return causeLocked
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT:
		return causeLocked
	case sqlite3.SQLITE_READONLY:
		return causeReadOnly
	case sqlite3.SQLITE_FULL:
		return causeFull
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return causeDamaged
	case sqlite3.SQLITE_CANTOPEN:
		return causeUnreachable
	}
	return causeUnavailable
}

// damaged: a page of the file is not what SQLite wrote.
func damaged(err error) bool {
	_, ok := errors.AsType[*sqlite.Error](err)
	return ok && sqliteCause(err) == causeDamaged
}

func isOneOf(code string, codes ...string) bool { return slices.Contains(codes, code) }
