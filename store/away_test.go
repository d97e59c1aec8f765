package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// weeksHold compares in which weeks people signed in last, as triggers kept it, with what the accounts say, whatever a test did.
func (db *testDB) weeksHold(t testing.TB) {
	t.Helper()
	const differ = `SELECT (SELECT count(*) FROM accounts a WHERE a.last_login > 0
			AND NOT EXISTS (SELECT 1 FROM login_weeks l WHERE l.week = a.last_login / 604800000000 AND l.account_id = a.id))
		+ (SELECT count(*) FROM login_weeks l
			WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = l.account_id AND a.last_login > 0 AND a.last_login / 604800000000 = l.week))`
	n := 0
	if err := db.counts().QueryRowContext(context.Background(), differ).Scan(&n); err == nil && n > 0 { // a test may have taken the database away
		t.Errorf("of %d people the week of the last sign-in is not what the account says", n)
	}
}

// Who writes past the program does not make the weeks wrong.
func TestLoginWeeksOfForeignWriters(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		for i := range 4 {
			db.signIn(t, person(fmt.Sprintf("p%d@example.com", i)), standard)
		}
		weeks := func() int { return db.count(t, "login_weeks") }
		if got := weeks(); got != 4 {
			t.Fatalf("got %d weeks, want one for each person", got)
		}
		raw := db.raw(t)
		for _, step := range []struct {
			query string
			want  int
		}{
			{"UPDATE accounts SET last_login = last_login + 604800000000 WHERE id < 3", 4},
			{"UPDATE accounts SET last_login = last_login + 1, first_name = 'x'", 4},
			{"UPDATE accounts SET last_login = 0 WHERE id = 1", 3},
			{"UPDATE accounts SET last_login = 5 WHERE id = 1", 4},
			{"UPDATE accounts SET last_login = 0 WHERE id = 1", 3},
			{"DELETE FROM sessions", 3},
			{"DELETE FROM memberships", 3},
			{"DELETE FROM accounts WHERE id = 2", 2},
		} {
			if _, err := raw.ExecContext(t.Context(), step.query); err != nil {
				t.Fatalf("%s: %v", step.query, err)
			}
			db.weeksHold(t)
			if got := weeks(); got != step.want {
				t.Errorf("%s: got %d weeks, want %d", step.query, got, step.want)
			}
		}
	})
}

// withoutLoginWeeks takes migration 0019 back.
func (db *testDB) withoutLoginWeeks() []string {
	undo := []string{"DROP TABLE login_weeks", "DELETE FROM migrations WHERE version >= 19", "DELETE FROM migration_needs WHERE version >= 19"}
	for _, name := range []string{"added", "moved", "removed", "emptied"} {
		drop := "DROP TRIGGER IF EXISTS logins_" + name
		if strings.HasPrefix(db.url, "postgres") {
			drop += " ON accounts"
		}
		undo = append(undo, drop)
	}
	if strings.HasPrefix(db.url, "postgres") {
		undo = append(undo, "DROP FUNCTION add_login_weeks, remove_login_weeks, move_login_week, forget_login_weeks")
	}
	return undo
}

// Those who were there before the weeks were kept are found after the migration.
func TestLoginWeeksOfBefore(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		db.signIn(t, person("ann@example.com"), standard)
		if _, err := db.CreateAccount(t.Context(), sso.Account{Email: "never@example.com", Active: true}, "", nil, cli); err != nil {
			t.Fatal(err)
		}
		raw := db.raw(t)
		for _, query := range db.withoutLoginWeeks() {
			if _, err := raw.ExecContext(t.Context(), query); err != nil {
				t.Fatalf("%s: %v", query, err)
			}
		}
		if applied, err := db.Migrate(t.Context()); err != nil || len(applied) == 0 {
			t.Fatalf("got %v, %v", applied, err)
		}
		db.weeksHold(t)
		if got := db.find(t, sso.AccountQuery{Before: start.Add(time.Hour)}); got != "ann" {
			t.Errorf("got %q, want who has signed in", got)
		}
	})
}

// Who has been away longest comes first. A page begins where the one before ended, though the person who was last there signs in
// meanwhile.
func TestAwayLongestFirst(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		signIn := func(name string, weeks int) {
			t.Helper()
			at := start.Add(time.Duration(weeks) * 7 * 24 * time.Hour)
			db.now.Store(&at)
			db.signIn(t, person(name+"@example.com"), standard)
		}
		for i, name := range []string{"c", "a", "d", "b"} {
			signIn(name, 3-i)
		}
		signIn("today", 20)
		q := sso.AccountQuery{Before: start.Add(10 * 7 * 24 * time.Hour), Page: sso.Page{Limit: 2}}
		first, next, err := db.Accounts(t.Context(), q)
		if err != nil || len(first) != 2 || first[0].Email != "b@example.com" || first[1].Email != "d@example.com" {
			t.Fatalf("got %v, %v, want b and d", first, err)
		}
		for most, want := range map[int]int{2: 2, 4: 4, 100: 4} {
			if n, err := db.CountAccounts(t.Context(), q, most); n != want || err != nil {
				t.Errorf("counted up to %d: got %d, %v, want %d", most, n, err, want)
			}
		}
		midweek := sso.AccountQuery{Before: start.Add(time.Second)}
		if n, err := db.CountAccounts(t.Context(), midweek, 100); n != 1 || err != nil {
			t.Errorf("within a week: got %d, %v, want 1", n, err)
		}
		signIn("d", 20)
		q.After = next
		second, next, err := db.Accounts(t.Context(), q)
		if err != nil || len(second) != 2 || second[0].Email != "a@example.com" || second[1].Email != "c@example.com" || next != "" {
			t.Errorf("got %v, %q, %v, want a and c, and no more", second, next, err)
		}
		for _, wrong := range []string{"x", "1", "1-", "-1", "1-x"} {
			q.After = wrong
			if _, _, err := db.Accounts(t.Context(), q); sso.CodeOf(err) != sso.Invalid {
				t.Errorf("a page after %q: got %v, want %v", wrong, err, sso.Invalid)
			}
		}
	})
}

// A page with those who have been away for long looks at them, and at nobody else.
func TestAwayLooksAtFew(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		raw := db.raw(t)
		run := func(query string) {
			t.Helper()
			if _, err := raw.ExecContext(t.Context(), query); err != nil {
				t.Fatal(err)
			}
		}
		run(`WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
			INSERT INTO accounts (email, email_key, first_name, last_name, first_key, last_key, active, password_hash, source, synced, own, created_at, last_login, words_of)
			SELECT 'p' || i || '@x', 'p' || i || '@x', '', '', '', '', true, '', 'jwt', '{}', '{}', 1, i * 1000000000, 'p' || i || '@x  ' FROM n`)
		explain := "EXPLAIN QUERY PLAN "
		if strings.HasPrefix(db.url, "postgres") {
			run("ANALYZE")
			explain = "EXPLAIN "
		}
		const query = `SELECT id FROM login_weeks CROSS JOIN accounts WHERE source = 'jwt' AND accounts.id = login_weeks.account_id AND login_weeks.week <= 30
			AND last_login > 0 AND last_login < 18600000000000 AND (login_weeks.week, login_weeks.account_id) > (0, 5) ORDER BY login_weeks.week, login_weeks.account_id LIMIT 51`
		plan := strings.Join(planOf(t, raw, explain+query), "\n")
		if strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "SCAN") || strings.Contains(strings.ToUpper(plan), "SORT") || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("got the plan %s, want one by the keys alone", plan)
		}
	})
}

func planOf(t *testing.T, raw *sql.DB, query string) (lines []string) {
	t.Helper()
	rows, err := raw.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(sql.NullString)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, values[len(values)-1].(*sql.NullString).String)
	}
	if err := rows.Err(); err != nil || slices.Contains(lines, "") {
		t.Fatalf("got %q, %v", lines, err)
	}
	return lines
}
