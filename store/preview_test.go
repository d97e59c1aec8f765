package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
)

// PostgreSQL's planner knows nothing of the provider as it is written in the query of a part, and once sorted all people for each part. So the
// rows that it has read are counted: each person once, and those who are named as members of a group that is deleted.
func TestPreviewReadsEachPersonOnce(t *testing.T) {
	const people, deleted = 12_000, 50
	db := open(t, postgres.Database(t))
	m, edit := deletesGroups(db, db.fillMany(t, people, 200), deleted)
	raw := db.raw(t)
	read := func() (rows int) {
		if err := raw.QueryRowContext(t.Context(), `SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables
			WHERE relname = 'accounts' AND schemaname = current_schema`).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	time.Sleep(time.Second) // a connection tells of what it has read at the end of a transaction, and once a second
	if _, err := raw.ExecContext(t.Context(), "SELECT pg_stat_force_next_flush()"); err != nil {
		t.Fatal(err)
	}
	before := read()
	plan := preview(t, m, edit)
	if plan.People != people || len(plan.Now) != deleted || len(plan.Now[0].Some) != 10 {
		t.Fatalf("got %d people, %+v", plan.People, plan.Now)
	}
	if err := db.Close(); err != nil { // its connections tell of the rest
		t.Fatal(err)
	}
	rows := 0
	for range 50 {
		if rows = read() - before; rows >= people {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if most := people + people/10; rows < people || rows > most {
		t.Errorf("a preview of %d people read %d rows of accounts, want at most %d", people, rows, most)
	}
}

// People are found in parts of 5,000, of which one may have nobody of the provider.
func TestSentGroupsInParts(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		const people = 15_100
		db.fillMany(t, people, 1)
		if _, err := db.raw(t).ExecContext(t.Context(), "UPDATE accounts SET source = 'other' WHERE id BETWEEN 5001 AND 10000 OR id % 2 = 0"); err != nil {
			t.Fatal(err)
		}
		var got []int64
		if err := db.SentGroups(t.Context(), "jwt", func(s sso.SentGroups) { got = append(got, s.AccountID) }); err != nil {
			t.Fatal(err)
		}
		var want []int64
		for id := int64(1); id <= people; id += 2 {
			if id <= 5000 || id > 10_000 {
				want = append(want, id)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %d people, want %d, each once in the order of their ids", len(got), len(want))
		}
	})
}

func TestSomeMembers(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		db.ensure(t, "Few", "Many", "None")
		const few, many, none = sso.FirstGroup, sso.FirstGroup + 1, sso.FirstGroup + 2
		for i := range 5 {
			name := fmt.Sprintf("%c@example.com", 'e'-i)
			if i == 2 {
				db.signIn(t, groups(person(name), "Many", "Few"), standard)
			} else {
				db.signIn(t, groups(person(name), "Many"), standard)
			}
		}
		got, err := db.SomeMembers(t.Context(), []int64{many, few, none, 999}, 3)
		want := map[int64][]string{many: {"c@example.com", "d@example.com", "e@example.com"}, few: {"c@example.com"}}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("got %v (-want +got):\n%s", err, diff)
		}
		if none, err := db.SomeMembers(t.Context(), nil, 3); err != nil || len(none) != 0 {
			t.Errorf("of no group: got %v, %v", none, err)
		}
	})
}
