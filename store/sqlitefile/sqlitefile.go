// Package sqlitefile looks at a SQLite database from outside: is the file whole, and has another process it open?
package sqlitefile

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/ssobridge/ssobridge/store/sqldb"
)

// What [Check] and [Own] wrap.
var (
	ErrNotSQLite = errors.New("it is no SQLite database")
	ErrCutOff    = errors.New("the file is cut off")
	ErrDamaged   = errors.New("the database is damaged")
	ErrInUse     = errors.New("another process has the database open")
)

// headerSize is that of the header of a database (file format, §1.3).
const headerSize = 100

// Beside lists the files that SQLite keeps beside a database while it is in use, and after a crash, and [sqldb.Overwritten].
func Beside(file string) []string {
	return []string{file + "-wal", file + "-shm", file + "-journal", sqldb.Overwritten(file)}
}

// Check tells a database that is whole from one that is cut off or damaged, and from another file. It changes nothing, and reads
// all of it. Nobody may write to the file meanwhile.
func Check(ctx context.Context, file string) error {
	if err := checkLength(file); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", dsn(file, url.Values{"mode": {"ro"}}))
	if err != nil {
		return err
	}
	defer db.Close()
	var said string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&said); err != nil {
		return damaged(err)
	}
	if said != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, said)
	}
	return nil
}

func dsn(file string, options url.Values) string {
	return "file:" + (&url.URL{Path: file}).EscapedPath() + "?" + options.Encode()
}

func checkLength(file string) error {
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() { // to open a pipe is to wait for whoever writes to it
		return fmt.Errorf("%w: it is no file", ErrNotSQLite)
	}
	f, err := os.Open(file) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	header := make([]byte, headerSize)
	n, err := io.ReadFull(f, header)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	return checkHeader(header[:n], info.Size())
}

// checkHeader compares the length that the header of a database says with that of the file.
func checkHeader(header []byte, size int64) error {
	magic := []byte("SQLite format 3\x00")
	switch {
	case size == 0:
		return fmt.Errorf("%w: the file is empty", ErrNotSQLite)
	case bytes.HasPrefix(header, []byte("PGDMP")):
		return fmt.Errorf("%w: it is a dump of PostgreSQL", ErrNotSQLite)
	case !bytes.HasPrefix(header, magic):
		return ErrNotSQLite
	case len(header) < headerSize:
		return fmt.Errorf("%w: it has %d bytes", ErrCutOff, size)
	}
	page := int64(binary.BigEndian.Uint16(header[16:]))
	if page == 1 { // §1.3.2
		page = 65536
	}
	pages := int64(binary.BigEndian.Uint32(header[28:]))
	// §1.3.7: the number of pages counts only when a program that knows of it was the last to write.
	counts := pages > 0 && binary.BigEndian.Uint32(header[24:]) == binary.BigEndian.Uint32(header[92:])
	if page < 512 || page&(page-1) != 0 {
		return fmt.Errorf("%w: pages of %d bytes", ErrDamaged, page)
	}
	if counts && size < page*pages || size%page != 0 {
		return fmt.Errorf("%w: it has %d bytes of %d", ErrCutOff, size, page*max(pages, size/page+1))
	}
	return nil
}

// An Owner has a database for itself: until it is closed no other process can read or write it.
type Owner struct {
	DB *sql.DB // one connection
}

// Close lets others in.
func (o *Owner) Close() error { return o.DB.Close() }

// Own takes a database for this process alone, and brings what SQLite keeps beside it into the file. It returns [ErrInUse] while
// another process has it open, even one that is idle, and [ErrDamaged] or [ErrNotSQLite] when it cannot be read.
//
// A connection holds a shared lock on the file as long as it is open, in WAL mode; leaving that mode takes the exclusive one.
func Own(ctx context.Context, file string) (*Owner, error) {
	db, err := sql.Open("sqlite", dsn(file, url.Values{"mode": {"rw"}, "_pragma": {"busy_timeout(0)", "locking_mode(EXCLUSIVE)", "synchronous(FULL)"}}))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // the lock is that of the connection
	mode := ""
	err = db.QueryRowContext(ctx, "PRAGMA journal_mode=DELETE").Scan(&mode)
	if err == nil && mode != "delete" {
		err = ErrInUse
	}
	if err == nil {
		_, err = db.ExecContext(ctx, "BEGIN EXCLUSIVE; COMMIT") // with locking_mode the lock stays
	}
	if err != nil {
		if err = errors.Join(damaged(err), db.Close()); !errors.Is(err, ErrInUse) && locked(file) {
			err = ErrInUse
		}
		return nil, err
	}
	return &Owner{db}, nil
}

// damaged gives the errors of SQLite names.
func damaged(err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return ErrInUse
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", ErrNotSQLite, err)
	}
	return err
}

// Remove takes the files away that SQLite keeps beside a database. Where a database is put in the place of another, they would be
// taken for its own.
func Remove(file string) error {
	for _, name := range Beside(file) {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
