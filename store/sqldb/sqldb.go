// Package sqldb runs one SQL text on SQLite and on PostgreSQL.
//
// The text has $1 for arguments and words that both engines know; times are kept as microseconds, and text without NUL.
// [Open] a [DB], [DB.Migrate] it, [DB.Close] it. [DB.Write] runs a transaction, and runs it anew when it loses a race;
// [DB.Read] is for single queries. What the two engines do differently stands in engine.go and nowhere else.
//
// An error that means "cannot be reached, locked, full or read-only" wraps [sso.StoreUnavailable]; the same call may succeed
// later.
package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// Options of [Open].
type Options struct {
	LockWait time.Duration // SQLite: how long to wait for a lock of another process; 0: 5 s
	// Reads are the hot queries of [DB.ReadHot]: they are prepared once, where the driver does not do so by itself.
	Reads []string
	Log   *slog.Logger // is told when the database cannot be used, and when it can again; nil: no log
}

// A DB is an open database. It is safe for use by many goroutines.
type DB struct {
	engine    *engine
	readStmts *statements
	observe   atomic.Pointer[func(kind string, took time.Duration, err error)]
	failing   atomic.Pointer[error] // the last write has ended with this
	damage    atomic.Pointer[error] // an operation has met it
}

// Open opens the database that a DATABASE_URL names: "sqlite:path", "sqlite:///absolute/path" or "postgres://…". It
// creates the SQLite file when there is none, readable by its owner alone, and refuses one that others can read.
func Open(ctx context.Context, databaseURL string, o Options) (*DB, error) {
	circuit := newCircuit(cmp.Or(o.Log, slog.New(slog.DiscardHandler)))
	engine, err := openEngine(ctx, databaseURL, o.LockWait, circuit)
	if err != nil {
		circuit.retire()
		return nil, err
	}
	err = engine.translate(engine.write.PingContext(ctx))
	if err == nil {
		err = engine.checkDurability(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, engine.close())
	}
	db := &DB{engine: engine, readStmts: &statements{db: engine.hot}}
	if engine.prepares {
		db.readStmts.queries = o.Reads
	}
	return db, nil
}

// Close closes the database.
func (db *DB) Close() error { return db.engine.close() }

// Backup writes a copy of the database to a new file, readable by its owner alone, while it is in use. With PostgreSQL it
// fails: that has a tool of its own, pg_dump.
func (db *DB) Backup(ctx context.Context, file string) error {
	return db.engine.translate(db.engine.backup(ctx, file))
}

// KeepRow is what follows a SELECT so that the rows that it found stay as they are until the transaction ends.
func (db *DB) KeepRow() string { return db.engine.keepRow }

// Observe has f told of each operation from now on, for metrics: kind is "transaction" (with its wait for the writer and its
// retries) or "query" (one outside a transaction). f must be quick, and safe for use by many goroutines.
func (db *DB) Observe(f func(kind string, took time.Duration, err error)) { db.observe.Store(&f) }

func (db *DB) observed(kind string, began time.Time, err error) {
	if f := db.observe.Load(); f != nil {
		(*f)(kind, time.Since(began), err)
	}
}

// begin is called before each operation; what it returns, after it. It returns an error when the database cannot be asked.
func (db *DB) begin(kind string) (end func(error), err error) {
	began := time.Now()
	leave, err := db.engine.enter()
	if err != nil {
		db.observed(kind, began, err)
		db.damage.Store(nil) // the file is another one, if it is a file
		return nil, err
	}
	return func(err error) {
		leave()
		if damaged(err) {
			db.damage.Store(&err)
		}
		db.observed(kind, began, err)
		if err != nil && db.engine.note != nil {
			db.engine.note(err)
		}
	}, nil
}

// ErrUndo ends a transaction without keeping it, and without an error.
var ErrUndo = errors.New("undo")

// ErrLost says that another transaction was quicker; run anew, it will see what the other did.
var ErrLost = errors.New("another transaction was quicker")

// Write runs fn in one transaction, and anew when it loses a race to another; fn must start from nothing each time. All is
// kept or nothing. Who asked first is served first. Between two statements other transactions may commit (PostgreSQL), so what
// must not change is locked by an UPDATE first, and all transactions take their locks in one order.
//
// With SQLite transactions that wait share one commit. A statement that has begun is not interrupted when ctx ends: that would
// end the transactions of others. The next statement fails.
func (db *DB) Write(ctx context.Context, fn func(*Conn) error) error {
	return db.transact(ctx, false, fn)
}

// WriteLong is Write for a transaction that may take long: nobody waits for its end to have their own kept.
func (db *DB) WriteLong(ctx context.Context, fn func(*Conn) error) error {
	return db.transact(ctx, true, fn)
}

func (db *DB) transact(ctx context.Context, alone bool, fn func(*Conn) error) error {
	end, err := db.begin("transaction")
	if err != nil {
		return err
	}
	err = db.engine.translate(db.engine.writer.write(ctx, alone, fn))
	end(err)
	db.noteWrite(err)
	return err
}

// Waiting is how many transactions wait for their turn.
func (db *DB) Waiting() int { return db.engine.writer.queue().length() }

// ExpectedWait is how long a transaction that came now would wait for its turn, as far as can be told.
func (db *DB) ExpectedWait() time.Duration { return db.engine.writer.queue().expected() }

// A Load is how busy the database's connections are, for metrics.
type Load struct {
	Waiting int                    // transactions that wait for their turn
	Retries int64                  // transactions that were run anew, since another was quicker
	Pools   map[string]sql.DBStats // by what the connections are for: write, read, check
}

// Load is read without asking the database.
func (db *DB) Load() Load {
	return Load{Waiting: db.Waiting(), Retries: db.engine.writer.retries(), Pools: map[string]sql.DBStats{
		"write": db.engine.write.Stats(), "read": db.engine.read.Stats(), "check": db.engine.hot.Stats(),
	}}
}

// noteWrite remembers whether the database took the last write, and why not.
func (db *DB) noteWrite(err error) {
	_, anew := errors.AsType[sso.SettingsChanged](err)
	switch {
	case err == nil:
		db.failing.Store(nil)
	case errors.Is(err, sso.StoreUnavailable) && !anew && !errors.Is(err, context.Canceled):
		err = db.Why(err)
		db.failing.Store(&err)
	}
}

// Failing reports whether the last write found the database unavailable.
func (db *DB) Failing() bool { return db.failing.Load() != nil }

// Why is err, or that the last write found a lock: who waits behind such writers knows only that there was no answer in time.
func (db *DB) Why(err error) error {
	if last := db.failing.Load(); last != nil && sso.CauseOf(*last) == causeLocked && sso.CauseOf(err) == causeNoAnswer {
		return *last
	}
	return err
}

// WaitBriefly has the statements of a transaction that follow fail after half a second where they meet a lock of another program.
func (db *DB) WaitBriefly(ctx context.Context, c *Conn) error {
	if db.engine.name != "postgres" {
		return nil
	}
	_, err := c.Exec(ctx, "SELECT set_config('lock_timeout', '500', true)")
	return err
}

// Damage is what an operation has met that found the file damaged, else nil. A part of a database that is damaged does not mend
// itself, even if other parts can still be read and written.
func (db *DB) Damage() error {
	if met := db.damage.Load(); met != nil {
		return db.engine.translate(*met)
	}
	return nil
}

// Read is for single queries: each sees one state of the database.
func (db *DB) Read() *Conn {
	return &Conn{on: db.engine.read, fail: db.engine.translate, begin: db.begin}
}

// ReadHot is Read with the prepared statements of [Options.Reads], on connections of its own: it waits neither for writers nor
// for long queries.
func (db *DB) ReadHot(ctx context.Context) (*Conn, error) {
	stmts, err := db.readStmts.get(ctx)
	if err != nil {
		return nil, db.engine.translate(err)
	}
	return &Conn{on: db.engine.hot, fail: db.engine.translate, begin: db.begin,
		prepared: func(_ context.Context, query string) (*sql.Stmt, error) { return stmts[query], nil }}, nil
}

// statements prepares the hot queries of one pool when they are first needed: not before, since the tables must exist.
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
