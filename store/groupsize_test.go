package store_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/store"
)

// Sizes of groups are right at each moment: while many people come and go on several replicas, and while what each transaction
// counted is added up.
func TestGroupSizesWhileManyWrite(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		db.ensure(t, "Large", "Small", "Mixed")
		replicas := []*store.Store{db.Store, db.another(t, store.Options{})}
		const at, people = 6, 12
		var sweeps sync.WaitGroup
		done := make(chan struct{})
		for _, replica := range replicas {
			sweeps.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					if _, err := replica.Sweep(t.Context(), start); err != nil {
						t.Error(err)
						return
					}
					sizes, err := replica.GroupSizes(t.Context())
					if err != nil || sizes[sso.AllUsers] < sizes[3] || sizes[4] < 0 {
						t.Errorf("in between: got %v, %v; want that a person and the memberships come together", sizes, err)
					}
				}
			})
		}
		ssotest.AtOnce(at, func(i int) {
			names := [][]string{{"Large", "Small"}, {"Small", "Large"}, {"Large", "Mixed", "Small"}}[i%3]
			for n := range people {
				email := fmt.Sprintf("p%d.%d@example.com", i, n)
				out, _ := db.signIn(t, groups(person(email), names...), standard)
				if n%2 == 0 {
					db.signIn(t, groups(person(email), "Large"), standard) // out of the others
				}
				if n%4 == 1 {
					if _, err := replicas[i%2].PurgeAccount(t.Context(), out.Account.ID, cli); err != nil {
						t.Error(err)
					}
				}
			}
		})
		close(done)
		sweeps.Wait()
		if _, err := db.Sweep(t.Context(), start); err != nil {
			t.Fatal(err)
		}
		db.sizesHold(t)
		if n := db.count(t, "group_sizes WHERE part <> 0"); n != 0 {
			t.Errorf("%d parts are left after a sweep", n)
		}
		counts, err := db.MemberCounts(t.Context(), []int64{sso.AllUsers, 3, 4, 5, 6})
		want := map[int64]int{sso.AllUsers: at * people * 3 / 4, 3: at * people * 3 / 4, 4: 2 * people / 4, 5: at * people / 4}
		if diff := cmp.Diff(want, counts); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}

// Who writes past the program, by hand or with a program of before, does not make the sizes wrong.
func TestGroupSizesOfForeignWriters(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		db.ensure(t, "A", "B")
		for i := range 4 {
			db.signIn(t, groups(person(fmt.Sprintf("p%d@example.com", i)), "A"), standard)
		}
		queries := []string{
			"UPDATE memberships SET group_id = 4 WHERE account_id < 3",
			"INSERT INTO memberships (account_id, group_id, source, added_at) SELECT id, 4, 'sync', 1 FROM accounts WHERE id > 0 ON CONFLICT DO NOTHING",
			"DELETE FROM memberships WHERE account_id = 1",
			"DELETE FROM groups WHERE id = 3", // its memberships go with it
		}
		if strings.HasPrefix(db.url, "postgres") {
			queries = append(queries, "TRUNCATE memberships", "INSERT INTO memberships (account_id, group_id, source, added_at) VALUES (2, 4, 'sync', 1)")
		} else {
			queries = append([]string{"PRAGMA foreign_keys = ON"}, queries...)
		}
		raw := db.raw(t)
		raw.SetMaxOpenConns(1)
		for _, query := range queries {
			if _, err := raw.ExecContext(t.Context(), query); err != nil {
				t.Fatalf("%s: %v", query, err)
			}
			db.sizesHold(t)
		}
		sizes, err := db.GroupSizes(t.Context())
		if err != nil || sizes[sso.AllUsers] != 4 || sizes[3] != 0 || sizes[4] == 0 {
			t.Errorf("got %v, %v", sizes, err)
		}
	})
}

// Those who were there before the sizes were kept are counted by the migration.
func TestGroupSizesOfBefore(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		db.ensure(t, "A")
		for i := range 3 {
			db.signIn(t, groups(person(fmt.Sprintf("p%d@example.com", i)), "A"), standard)
		}
		undo := append(db.withoutLoginWeeks(), "DROP TABLE group_sizes", "DELETE FROM counters WHERE name = 'group_sizes'", "DELETE FROM migrations WHERE version >= 18", "DELETE FROM migration_needs WHERE version >= 18")
		for _, name := range []string{"memberships_added", "memberships_removed", "memberships_moved", "accounts_added", "accounts_removed", "memberships_emptied", "accounts_emptied"} {
			drop := "DROP TRIGGER IF EXISTS " + name
			if strings.HasPrefix(db.url, "postgres") {
				drop += " ON " + name[:strings.Index(name, "_")]
			}
			undo = append(undo, drop)
		}
		if strings.HasPrefix(db.url, "postgres") {
			undo = append(undo, "DROP FUNCTION count_memberships, count_moved, count_accounts, count_none")
		}
		raw := db.raw(t)
		for _, query := range undo {
			if _, err := raw.ExecContext(t.Context(), query); err != nil {
				t.Fatalf("%s: %v", query, err)
			}
		}
		if applied, err := db.Migrate(t.Context()); err != nil || len(applied) == 0 {
			t.Fatalf("got %v, %v", applied, err)
		}
		sizes, err := db.GroupSizes(t.Context())
		if diff := cmp.Diff(map[int64]int{sso.AllUsers: 3, 3: 3}, sizes); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}
