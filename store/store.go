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
// One login is [Store.SignIn] in signin.go. What is about the two engines is in package sqldb.
package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/seal"
	"github.com/ssobridge/ssobridge/store/atomicfile"
	"github.com/ssobridge/ssobridge/store/grants"
	"github.com/ssobridge/ssobridge/store/people"
	"github.com/ssobridge/ssobridge/store/sealed"
	"github.com/ssobridge/ssobridge/store/services"
	"github.com/ssobridge/ssobridge/store/sessions"
	"github.com/ssobridge/ssobridge/store/sqldb"
	"github.com/ssobridge/ssobridge/store/trail"
)

// Options of [Open]. The zero Options are good for a store that keeps no secrets.
type Options struct {
	Now      func() time.Time // nil: time.Now
	Secret   []byte           // SECRET_KEY; nil: secrets can be neither kept nor read
	Log      *slog.Logger     // nil: no log
	LockWait time.Duration    // SQLite: how long to wait for a lock of another process; 0: 5 s
	MostWait time.Duration    // how long a sign-in may have to wait for others: see [sso.Busy]; 0: 5 s
}

// A Store is an open database.
type Store struct {
	db     *sqldb.DB
	now    func() time.Time
	log    *slog.Logger
	seen   *seenGroups
	sealed *sealed.Keeper
	most   time.Duration // Options.MostWait

	*people.People    // the methods that find accounts
	*sessions.Running // the methods that list and count sessions
	*grants.Grants    // the methods that keep what OpenID providers gave, and refresh their sessions
	*trail.Trail      // the methods that record, list and count events
}

// Open opens the database that a DATABASE_URL names: "sqlite:path", "sqlite:///absolute/path" or "postgres://…". It
// creates the SQLite file when there is none, readable by its owner alone, and refuses one that others can read. It does
// not migrate. Close the Store when done.
func Open(ctx context.Context, databaseURL string, o Options) (*Store, error) {
	db, err := sqldb.Open(ctx, databaseURL, sqldb.Options{LockWait: o.LockWait, Reads: hotReads, Log: o.Log})
	if err != nil {
		return nil, err
	}
	s := &Store{
		db: db, now: o.Now, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), seen: &seenGroups{at: map[seenKey]time.Time{}},
		most: cmp.Or(o.MostWait, 5*time.Second),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.sealed, err = sealed.New(db, o.Secret, s.now); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s.People, s.Running, s.Trail = people.New(db), sessions.New(db, s.now), trail.New(db, s.now)
	s.Grants = &grants.Grants{DB: db, Sealed: s.sealed, Log: s.log, Now: s.now, Write: s.writing, Event: s.event, Announce: announce}
	return s, nil
}

// Observe has f told of each operation of the database from now on, as [sqldb.DB.Observe] says.
func (s *Store) Observe(f func(kind string, took time.Duration, err error)) { s.db.Observe(f) }

// Close waits for the events that are being recorded and closes the database.
func (s *Store) Close() error {
	s.Stop()
	return s.db.Close()
}

// Ready reports whether the database can be read and written, and has the tables of this program and the SECRET_KEY of this
// store: nil, or an error that says what is wrong; with a method Cause for most of that, which says it in a word.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.Readable(ctx); err != nil {
		return err
	}
	err := s.writing(ctx, func(c *conn) error {
		if err := s.db.WaitBriefly(ctx, c); err != nil {
			return err
		}
		for _, q := range probes() {
			if _, err := c.Exec(ctx, q); err != nil {
				return err
			}
		}
		if !s.db.Failing() {
			return sqldb.ErrUndo
		}
		// Only a write that is kept shows that there is room again. The -wal file may have some for a small one: this is larger than a sign-in.
		// The sweep deletes it.
		load := make([]byte, largeWrite)
		rand.Read(load)
		_, err := c.Exec(ctx, `INSERT INTO proofs (key, keep_until, spent_at, session) VALUES ('probe', 0, $1, $2)
			ON CONFLICT (key) DO UPDATE SET session = excluded.session`, s.now(), load)
		return err
	})
	if err != nil {
		return s.db.Why(err)
	}
	return s.db.Damage()
}

// largeWrite is what a database keeps that had failed, in bytes.
const largeWrite = 256 << 10

// probes write one row, and nothing to the tables that a sign-in writes to: another program may have one of them locked.
func probes() []string {
	return []string{
		"DELETE FROM accounts WHERE 1 = 0", "DELETE FROM sessions WHERE 1 = 0", "DELETE FROM events WHERE 1 = 0",
		"UPDATE counters SET value = value + 1 WHERE name = 'probe'",
	}
}

// Readable is Ready for who only reads: a full disk is no hindrance.
func (s *Store) Readable(ctx context.Context) error {
	steps, err := migrations()
	if err == nil {
		err = s.db.Usable(ctx, steps)
	}
	if err == nil {
		err = s.sealed.Check(ctx)
	}
	if errors.Is(err, seal.ErrOtherKey) {
		return sqldb.Unavailable(err, "secret_key")
	}
	return err
}

// Backup writes a copy of the database to a new file, readable by its owner alone, while the store is in use. Secrets
// stay sealed in it. The file is whole from the moment on that it has its name; until then it is beside it, under a name that ends in
// .partial. With PostgreSQL it fails: that has a tool of its own, pg_dump.
func (s *Store) Backup(ctx context.Context, file string) error {
	return atomicfile.Make(file, func(partial string) error { return s.db.Backup(ctx, partial) })
}

// Services is the part that keeps service accounts.
func (s *Store) Services() services.Store {
	return services.Store{DB: s.db, Now: s.now, Write: s.writing, Event: s.event, Announce: announce, Sealed: s.sealed}
}

// A conn runs SQL, in a transaction or by itself.
type conn = sqldb.Conn

// writing runs fn in one transaction, as [sqldb.DB.Write] does. The order of locks is: proofs, account, administrators,
// other rows sorted, then the counter of changes.
func (s *Store) writing(ctx context.Context, fn func(*conn) error) error {
	return s.db.Write(ctx, fn)
}

// writingLong is writing for what may take long: sign-ins do not wait for its end to have theirs kept.
func (s *Store) writingLong(ctx context.Context, fn func(*conn) error) error {
	return s.db.WriteLong(ctx, fn)
}

// Waiting is how many writers wait for their turn.
func (s *Store) Waiting() int { return s.db.Waiting() }

// Load is how busy the database's connections are.
func (s *Store) Load() sqldb.Load { return s.db.Load() }

// admitted returns the context of a sign-in, or [sso.Busy] when one that came now would have to wait for longer than anybody should:
// who comes back a little later is served sooner than who joins such a queue, and whoever is in it already is served at all. What
// cannot be told before, as when all come at once, shows in the queue: then the transaction ends with [sso.Busy].
func (s *Store) admitted(ctx context.Context) (context.Context, error) {
	if wait := s.db.ExpectedWait(); wait > s.most {
		return ctx, fmt.Errorf("%d writers wait for the database, the next for about %v: %w", s.db.Waiting(), wait.Round(time.Millisecond), sso.Busy)
	}
	return sqldb.Within(ctx, s.most), nil
}

// reading is for single queries.
func (s *Store) reading() *conn { return s.db.Read() }

// event writes one event. An event without a time is of now.
func (s *Store) event(ctx context.Context, c *conn, e sso.Event) error {
	if e.At.IsZero() {
		e.At = s.now()
	}
	return trail.Write(ctx, c, e)
}
