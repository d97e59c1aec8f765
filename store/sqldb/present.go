package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"
)

// presentEvery is how often it is looked whether the database file is still the one that is open.
const presentEvery = 250 * time.Millisecond

// A presence knows a SQLite database by its files. SQLite goes on in an open file that was deleted or moved, and all that is
// written there is lost at the next start.
//
// Nothing here opens a file and closes it again: see [heldFile].
type presence struct {
	file   string
	held   *sql.DB // a connection that stays, so that SQLite does not remove the -wal file while the bridge runs
	ours   map[string]os.FileInfo
	header *header
}

// A rowAsker is a connection.
type rowAsker interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// newPresence takes in which files are there now.
func newPresence(ctx context.Context, file, dsn string) (*presence, error) {
	held, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	held.SetMaxOpenConns(1)
	held.SetMaxIdleConns(1)
	p := &presence{file: file, held: held, ours: map[string]os.FileInfo{}, header: &header{file: file}}
	n := 0
	err = held.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&n) // a first read makes the -wal file
	for _, name := range []string{file, file + "-wal"} {
		if err == nil {
			p.ours[name], err = os.Stat(name)
		}
	}
	if err == nil {
		p.header.held, err = hold(file)
	}
	if err == nil {
		if err = p.header.learn(ctx, held); err != nil {
			err = errors.Join(err, p.header.held.release())
		}
	}
	if err != nil {
		return nil, errors.Join(err, held.Close())
	}
	return p, nil
}

// check returns an error that says what happened to the files, and what to do.
func (p *presence) check() error {
	if err := p.header.check(); err != nil {
		return err
	}
	for name, ours := range p.ours {
		what := ""
		switch now, err := os.Stat(name); {
		case errors.Is(err, os.ErrNotExist):
			what = "was deleted or moved away"
		case err == nil && !os.SameFile(now, ours):
			what = "was replaced by another file"
		default:
			continue
		}
		return newUnavailable("sqlite", fmt.Errorf("the database file %s %s while the bridge ran, and what is written now would be lost: "+
			"put back the file that was there, or restart the bridge to go on with what is there now", name, what), causeMoved)
	}
	return nil
}

// close lets SQLite put all into the one file.
func (p *presence) close() error { return errors.Join(p.held.Close(), p.header.close()) }

// watch opens the circuit while the files are not the ones that are open.
func (p *presence) watch(c *circuit) {
	c.every(presentEvery, func() {
		if err := p.check(); err != nil {
			c.open(err)
		} else {
			c.close()
		}
	})
}
