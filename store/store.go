// Package store keeps everything that ssobridge keeps, in SQLite or PostgreSQL, with one SQL text for both.
//
// [Open] a [Store], [Store.Migrate] it, use it from any number of goroutines, [Store.Close] it. What the package promises:
//
//   - A method is a transaction: all of it is kept, or nothing. When it returns without an error, what it wrote survives a
//     crash of the program and of the machine.
//   - An error wraps one [sso.Code]. [sso.StoreUnavailable] means that the database cannot be reached, is locked, full or
//     read-only; the same call may succeed later, without a restart. An error without a code is for the operator: a wrong
//     DATABASE_URL or SECRET_KEY, tables of another program, a defect.
//   - What changes about an account is announced in [Store.Changes] by the transaction that changes it.
//   - Secrets are sealed under SECRET_KEY; of session ids, handoffs and flows only hashes are kept.
//
// One login is [Store.SignIn] in signin.go. What differs between the two engines stands in engine.go and nowhere else.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/seal"
)

// Options of [Open]. The zero Options are good for a store that keeps no secrets.
type Options struct {
	Now      func() time.Time // nil: time.Now
	Secret   []byte           // SECRET_KEY; nil: secrets can be neither kept nor read
	Log      *slog.Logger     // nil: no log
	LockWait time.Duration    // SQLite: how long to wait for a lock of another process; 0: 5 s
}

// A Store is an open database.
type Store struct {
	engine     *engine
	now        func() time.Time
	log        *slog.Logger
	secret     []byte
	writeStmts *statements
	readStmts  *statements
	recorder   *recorder
	refusals   refusalLimit
	seen       *seenGroups
	failing    atomic.Bool // the last write found the database unavailable
	observe    atomic.Pointer[func(kind string, took time.Duration, err error)]
}

// Open opens the database that a DATABASE_URL names: "sqlite:path", "sqlite:///absolute/path" or "postgres://…". It
// creates the SQLite file when there is none, readable by its owner alone, and refuses one that others can read. It does
// not migrate. Close the Store when done.
func Open(ctx context.Context, databaseURL string, o Options) (*Store, error) {
	engine, err := openEngine(databaseURL, o.LockWait)
	if err != nil {
		return nil, err
	}
	err = engine.translate(engine.write.PingContext(ctx))
	if err == nil {
		err = engine.checkDurability(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, engine.close())
	}
	s := &Store{
		engine: engine, now: o.Now, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), secret: o.Secret,
		writeStmts: &statements{db: engine.write}, readStmts: &statements{db: engine.read},
		seen: &seenGroups{at: map[seenKey]time.Time{}}, refusals: newRefusalLimit(),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if engine.prepares {
		s.writeStmts.queries, s.readStmts.queries = hotWrites, hotReads
	}
	s.recorder = startRecorder(s.keepEvents)
	return s, nil
}

// Observe has f told of each operation of the database from now on, for metrics: kind is "transaction" (with its wait for the
// writer and its retries) or "query" (one outside a transaction). f must be quick, and safe for use by many goroutines.
func (s *Store) Observe(f func(kind string, took time.Duration, err error)) { s.observe.Store(&f) }

func (s *Store) observed(kind string, began time.Time, err error) {
	if f := s.observe.Load(); f != nil {
		(*f)(kind, time.Since(began), err)
	}
}

// Close waits for the events that are being recorded and closes the database.
func (s *Store) Close() error {
	s.recorder.stop()
	return s.engine.close()
}

// Ready reports whether the database can be read and written and has the tables of this program: nil, or an error that
// says what is wrong.
func (s *Store) Ready(ctx context.Context) error {
	steps, err := migrations(s.engine)
	if err != nil {
		return err
	}
	version := int64(0)
	if _, err := s.reading().one(ctx, []any{&version}, "SELECT coalesce(max(version), 0) FROM migrations"); errors.Is(err, sso.StoreUnavailable) {
		return err
	} else if err != nil {
		return fmt.Errorf("the database is not migrated: %w: %w", err, sso.StoreUnavailable)
	}
	want := steps[len(steps)-1].version
	if version > want {
		return fmt.Errorf("%w (its tables have version %d, this one knows %d): use that one, or restore a backup: %w", ErrNewer, version, want, sso.StoreUnavailable)
	}
	if version != want {
		return fmt.Errorf("the database has version %d of the tables, this program needs %d: %w", version, want, sso.StoreUnavailable)
	}
	return s.writing(ctx, func(c *conn) error {
		if _, err := c.exec(ctx, "UPDATE counters SET value = value + 1 WHERE name = 'probe'"); err != nil {
			return err
		}
		if s.failing.Load() {
			return nil // only a write that is kept shows that there is room again
		}
		return errUndo
	})
}

// Backup writes a copy of the database to a new file, readable by its owner alone, while the store is in use. Secrets
// stay sealed in it. With PostgreSQL it fails: that has a tool of its own, pg_dump.
func (s *Store) Backup(ctx context.Context, file string) error {
	return s.engine.translate(s.engine.backup(ctx, file))
}

// noteWrite remembers whether the database took the last write.
func (s *Store) noteWrite(err error) error {
	_, anew := errors.AsType[sso.SettingsChanged](err)
	switch {
	case err == nil:
		s.failing.Store(false)
	case errors.Is(err, sso.StoreUnavailable) && !anew && !errors.Is(err, context.Canceled):
		s.failing.Store(true)
	}
	return err
}

// box makes the seal of one purpose.
func (s *Store) box(purpose string) (*seal.Box, error) {
	if s.secret == nil {
		return nil, errors.New("SECRET_KEY is not set: secrets can be neither kept nor read")
	}
	box, err := seal.New(s.secret, purpose)
	if err != nil {
		return nil, fmt.Errorf("SECRET_KEY: %w", err)
	}
	return box, nil
}
