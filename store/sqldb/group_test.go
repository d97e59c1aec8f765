package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// A crowd is transactions that stand in the line of a database, one behind the other, while others have all the turns.
type crowd struct {
	t       *testing.T
	db      *sqldb.DB
	holders []chan struct{} // close one, and its turn goes to the first in the line
	held    []error
	wg      sync.WaitGroup
}

// hold takes all turns: a transaction that comes next has to wait.
func hold(t *testing.T, db *sqldb.DB, turns int) *crowd {
	t.Helper()
	c := &crowd{t: t, db: db, held: make([]error, turns)}
	for i := range turns {
		end, begun := make(chan struct{}), make(chan struct{})
		c.holders = append(c.holders, end)
		c.wg.Go(func() {
			c.held[i] = db.Write(context.Background(), func(*sqldb.Conn) error {
				close(begun)
				<-end
				return nil
			})
		})
		<-begun
	}
	return c
}

// add puts one transaction at the end of the line; done is told how it ended.
func (c *crowd) add(ctx context.Context, write func(context.Context, func(*sqldb.Conn) error) error, fn func(*sqldb.Conn) error, done func(error)) {
	before := c.db.Waiting()
	c.wg.Go(func() { done(write(ctx, fn)) })
	c.waitFor(before + 1)
}

func (c *crowd) waitFor(waiting int) {
	for c.db.Waiting() != waiting {
		runtime.Gosched()
	}
}

// release lets all end. It returns the error of those who had the turns.
func (c *crowd) release() error {
	for _, end := range c.holders {
		close(end)
	}
	c.wg.Wait()
	return errors.Join(c.held...)
}

// turns is how many transactions run at once.
func turns(url string) int {
	if strings.HasPrefix(url, "sqlite:") {
		return 1
	}
	return sqldb.PostgresWriters
}

func ignore(error) {}

// Who comes first is served first.
func TestFirstComeFirstServed(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		db := open(t, url, sqldb.Options{})
		numbers(t, db)
		c := hold(t, db, turns(url))
		var served []int // by one at a time: one turn is given on
		const many = 100
		for i := range many {
			c.add(t.Context(), db.Write, func(*sqldb.Conn) error {
				served = append(served, i)
				return nil
			}, ignore)
		}
		close(c.holders[0])
		c.holders = c.holders[1:]
		c.waitFor(0)
		if err := c.release(); err != nil {
			t.Error(err)
		}
		if len(served) != many || !slices.IsSorted(served) {
			t.Errorf("served in the order %v", served)
		}
	})
}

// Who leaves while waiting is not served, and holds nobody up.
func TestLeavesTheLine(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		db := open(t, url, sqldb.Options{})
		numbers(t, db)
		c := hold(t, db, turns(url))
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		c.add(ctx, db.Write, func(*sqldb.Conn) error {
			t.Error("who has left is served")
			return nil
		}, func(err error) { left <- err })
		c.add(t.Context(), db.Write, add(t, 1), ignore)
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) || !errors.Is(err, sso.StoreUnavailable) {
			t.Errorf("who left got %v", err)
		}
		if err := c.release(); err != nil || number(t, db) != 1 {
			t.Errorf("the one behind: got %v and %d, want 1", err, number(t, db))
		}
	})
}

// add adds to the number.
func add(t *testing.T, n int) func(*sqldb.Conn) error {
	return func(c *sqldb.Conn) error {
		_, err := c.Exec(t.Context(), "UPDATE numbers SET n = n + $1 WHERE id = 1", n)
		return err
	}
}

// grouped runs transactions on SQLite of which each finds the next waiting, so that all share one commit, and returns how each
// ended, and then how the one before them did, which writes nothing. between is run while the last of them is in its turn.
func grouped(t *testing.T, db *sqldb.DB, between func(answered int), fns ...func(context.Context, *sqldb.Conn) error) []error {
	t.Helper()
	c := hold(t, db, 1)
	errs := make([]error, len(fns))
	var mu sync.Mutex
	answered := 0
	for i, fn := range append(fns, func(context.Context, *sqldb.Conn) error {
		mu.Lock()
		defer mu.Unlock()
		between(answered)
		return nil
	}) {
		c.add(t.Context(), func(ctx context.Context, fn func(*sqldb.Conn) error) (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = fmt.Errorf("panic: %v", p)
				}
				mu.Lock()
				defer mu.Unlock()
				answered++
				if i < len(errs) {
					errs[i] = err
				}
			}()
			return db.Write(ctx, fn)
		}, func(conn *sqldb.Conn) error { return fn(t.Context(), conn) }, ignore)
	}
	return append(errs, c.release())
}

func onSQLite(t *testing.T) *sqldb.DB {
	db := open(t, "sqlite:"+t.TempDir()+"/test.db", sqldb.Options{})
	numbers(t, db)
	db.WaitForGroups() // however slow this machine is
	return db
}

// SECURITY L4: nobody is answered before the commit that they share, and until then nobody else sees any of it.
func TestSharedCommit(t *testing.T) {
	db := onSQLite(t)
	one := func(_ context.Context, c *sqldb.Conn) error { return add(t, 1)(c) }
	errs := grouped(t, db, func(answered int) {
		if n := number(t, db); n != 0 || answered != 0 {
			t.Errorf("before the commit: %d are seen and %d answered", n, answered)
		}
	}, one, one, one)
	if err := errors.Join(errs...); err != nil || number(t, db) != 3 {
		t.Errorf("got %v and %d, want 3", err, number(t, db))
	}
}

// What becomes of one touches no other: each sees what those before it have kept, and nothing of those that failed.
func TestGroupedEndsApart(t *testing.T) {
	db := onSQLite(t)
	refused := errors.New("refused")
	sees := func(want int) func(context.Context, *sqldb.Conn) error {
		return func(ctx context.Context, c *sqldb.Conn) error {
			n := 0
			if _, err := c.One(ctx, []any{&n}, "UPDATE numbers SET n = n + 1 WHERE id = 1 RETURNING n - 1"); err != nil {
				return err
			}
			if n != want {
				return fmt.Errorf("sees %d, want %d", n, want)
			}
			return nil
		}
	}
	tries := 0
	hundred := func(end func(context.Context, *sqldb.Conn) error) func(context.Context, *sqldb.Conn) error {
		return func(ctx context.Context, c *sqldb.Conn) error {
			if err := add(t, 100)(c); err != nil {
				return err
			}
			return end(ctx, c)
		}
	}
	errs := grouped(t, db, func(int) {},
		sees(0),
		hundred(func(context.Context, *sqldb.Conn) error { return refused }),
		sees(1),
		hundred(func(context.Context, *sqldb.Conn) error { panic("a defect") }),
		sees(2),
		hundred(func(context.Context, *sqldb.Conn) error { return sqldb.ErrUndo }),
		sees(3),
		hundred(func(_ context.Context, c *sqldb.Conn) error {
			ended, end := context.WithCancel(t.Context())
			end()
			_, err := c.Exec(ended, "UPDATE numbers SET n = n + 1000")
			return err
		}),
		sees(4),
		hundred(func(ctx context.Context, c *sqldb.Conn) error {
			if _, err := c.Exec(ctx, "INSERT INTO numbers (id, n) VALUES (1, 1)"); err == nil {
				t.Error("the same key twice")
			}
			if _, err := c.Exec(ctx, "UPDATE numbers SET n = n + 1000"); err == nil {
				t.Error("a statement is run after one that failed")
			}
			return nil // a defect, which keeps nothing
		}),
		sees(5),
		func(ctx context.Context, c *sqldb.Conn) error {
			if tries++; tries == 1 {
				return hundred(func(context.Context, *sqldb.Conn) error { return sqldb.ErrLost })(ctx, c)
			}
			return add(t, 10)(c)
		},
		sees(6),
	)
	for i, want := range map[int]string{1: "refused", 3: "panic: a defect", 7: context.Canceled.Error(), 9: "constraint"} {
		if errs[i] == nil || !strings.Contains(errs[i].Error(), want) {
			t.Errorf("transaction %d: got %v, want %q", i, errs[i], want)
		}
		errs[i] = nil
	}
	if err := errors.Join(errs...); err != nil || number(t, db) != 17 || tries != 2 {
		t.Errorf("got %v, and %d after %d tries; want 17 after 2", err, number(t, db), tries)
	}
}

// SECURITY L4: when the commit fails, everybody in it fails, those included who were refused for what another wrote; and the
// next is good again.
func TestSharedCommitFails(t *testing.T) {
	db := onSQLite(t)
	run(t, db, "CREATE TABLE debts (id BIGINT REFERENCES numbers (id) DEFERRABLE INITIALLY DEFERRED)")
	refused := errors.New("refused")
	errs := grouped(t, db, func(int) {},
		func(_ context.Context, c *sqldb.Conn) error { return add(t, 1)(c) },
		func(ctx context.Context, c *sqldb.Conn) error {
			_, err := c.Exec(ctx, "INSERT INTO debts (id) VALUES (99)") // which is judged at the commit
			return err
		},
		func(context.Context, *sqldb.Conn) error { return refused },
	)
	for i, err := range errs {
		if err == nil || errors.Is(err, refused) {
			t.Errorf("transaction %d: got %v", i, err)
		}
	}
	run(t, db, "UPDATE numbers SET n = n + 10")
	if n := number(t, db); n != 10 {
		t.Errorf("got %d, want 10", n)
	}
}

// One that may take long lets those before it be answered first, and shares with nobody.
func TestWriteLong(t *testing.T) {
	db := onSQLite(t)
	c := hold(t, db, 1)
	first, last := make(chan error, 1), make(chan error, 1)
	c.add(t.Context(), db.Write, add(t, 1), func(err error) { first <- err })
	c.add(t.Context(), db.WriteLong, func(conn *sqldb.Conn) error {
		if err := <-first; err != nil || number(t, db) != 1 {
			t.Errorf("before the long one: %v and %d", err, number(t, db))
		}
		return add(t, 10)(conn)
	}, ignore)
	c.add(t.Context(), db.Write, func(conn *sqldb.Conn) error {
		if n := number(t, db); n != 11 {
			t.Errorf("after the long one: %d", n)
		}
		return add(t, 100)(conn)
	}, func(err error) { last <- err })
	if err := errors.Join(c.release(), <-last); err != nil || number(t, db) != 111 {
		t.Errorf("got %v and %d", err, number(t, db))
	}
	if err := db.WriteLong(t.Context(), func(conn *sqldb.Conn) error { return errors.Join(add(t, 1)(conn), sso.Conflict) }); !errors.Is(err, sso.Conflict) || number(t, db) != 111 {
		t.Errorf("a long one that is refused: got %v and %d", err, number(t, db))
	}
}
