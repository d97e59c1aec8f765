package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store"
	"github.com/ssobridge/ssobridge/store/transfer"
)

// query returns all rows as text.
func query(t testing.TB, db *sql.DB, q string, args ...any) (all [][]string) {
	t.Helper()
	rows, err := db.Query(q, args...)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		into := make([]any, len(names))
		for i := range into {
			into[i] = new(any)
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		var row []string
		for _, v := range into {
			row = append(row, fmt.Sprintf("%v", *v.(*any)))
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func sqliteTables(t testing.TB, db *sql.DB) (names []string) {
	t.Helper()
	for _, row := range query(t, db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'migration%' ORDER BY name") {
		names = append(names, row[0])
	}
	return names
}

// fillAll puts rows into every table of a SQLite database, of whatever columns its schema says: those that a later migration adds
// are filled too. A column that refers to another table has a value of there.
func fillAll(t testing.TB, db *sql.DB) {
	t.Helper()
	if _, err := db.Exec("PRAGMA synchronous=OFF"); err != nil {
		t.Fatal(err)
	}
	n, done := 0, map[string]bool{}
	var fill func(table string)
	fill = func(table string) {
		if done[table] {
			return
		}
		done[table] = true
		refers := map[string]string{} // column → a query for its values
		for _, fk := range query(t, db, `SELECT "from", "table", coalesce("to", 'id') FROM pragma_foreign_key_list($1)`, table) {
			fill(fk[1])
			refers[fk[0]] = fmt.Sprintf("(SELECT %s FROM %s ORDER BY %s DESC LIMIT 1 OFFSET %%d)", fk[2], fk[1], fk[2])
		}
		rows := 3
		if table == "failures" {
			rows = 1100 // more than two statements take
		}
		for i := range rows {
			var names, values []string
			for _, col := range query(t, db, "SELECT name, type FROM pragma_table_info($1)", table) {
				n++
				value := map[string]string{
					"TEXT": fmt.Sprintf("'t%d ü😀 '''", n), "INTEGER": fmt.Sprint(n), "BIGINT": fmt.Sprint(1<<40 + n),
					"BOOLEAN": []string{"true", "false"}[n%2], "BYTEA": []string{fmt.Sprintf("x'00ff%08x'", n), "x''"}[min(1, i%2*(n%2))],
				}[col[1]]
				if value == "" {
					t.Fatalf("table %s: type %s is new here", table, col[1])
				}
				if col[1] == "BYTEA" && col[0] == "hash" {
					value = fmt.Sprintf("x'%08x'", n)
				}
				if from := refers[col[0]]; from != "" {
					value = fmt.Sprintf(from, i)
				}
				names, values = append(names, col[0]), append(values, value)
			}
			if _, err := db.Exec(fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(names, ", "), strings.Join(values, ", "))); err != nil {
				t.Fatalf("%s: %v", table, err)
			}
		}
	}
	for _, table := range sqliteTables(t, db) {
		if table != "secret_key" && table != "group_sizes" && table != "login_weeks" { // the first says which key that is; triggers write the others
			fill(table)
		}
	}
}

func contents(t testing.TB, db *sql.DB) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, table := range sqliteTables(t, db) {
		var lines []string
		for _, row := range query(t, db, "SELECT * FROM "+table) {
			lines = append(lines, strings.Join(row, "|"))
		}
		slices.Sort(lines)
		if len(lines) == 0 {
			t.Errorf("table %s has no rows, so the test says nothing of it", table)
		}
		all[table] = strings.Join(lines, "\n")
	}
	return all
}

func blank(t testing.TB, databaseURL string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), databaseURL, store.Options{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Everything is copied from SQLite to PostgreSQL and back: each column of each table that there is, and numbers that were given
// once are not given again. A copy that is stopped leaves nothing, and can be begun again.
func TestCopyIsWhole(t *testing.T) {
	from := open(t, empties()["sqlite"](t))
	raw := from.raw(t)
	raw.SetMaxOpenConns(1)
	fillAll(t, raw)
	gone, err := from.CreateAccount(t.Context(), sso.Account{Email: "gone@example.com", Active: true}, "", nil, cli)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"DELETE FROM account_words WHERE email_key = 'gone@example.com'", "DELETE FROM accounts WHERE email_key = 'gone@example.com'"} {
		if _, err := raw.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	want := contents(t, raw)

	source := from.Store
	for _, engine := range []string{"postgres", "sqlite"} {
		url := empties()[engine](t)
		to := blank(t, url)
		ctx, stop := context.WithCancel(t.Context())
		_, _, err := store.Copy(ctx, source, to, func(table string, done, total int64) {
			if table == "failures" && done > 0 {
				stop()
			}
		})
		if err == nil {
			t.Fatal("was not stopped")
		}
		counts, changed, err := store.Copy(t.Context(), source, to, nil)
		if err != nil || changed || len(counts) != len(want)-2 { // but for what triggers write
			t.Fatalf("to %s: %d tables, changed %v, %v", engine, len(counts), changed, err)
		}
		if _, _, err := store.Copy(t.Context(), source, to, nil); !errors.Is(err, transfer.ErrNotEmpty) {
			t.Errorf("once more to %s: got %v, want %v", engine, err, transfer.ErrNotEmpty)
		}
		source = to
		if engine == "sqlite" {
			copied := &testDB{Store: to, url: url}
			for table, text := range contents(t, copied.raw(t)) {
				if text != want[table] {
					t.Errorf("table %s differs after both ways", table)
				}
			}
		}
		if engine == "sqlite" {
			a, err := to.CreateAccount(t.Context(), sso.Account{Email: "next@example.com", Active: true}, "", nil, cli)
			if err != nil || a.ID <= gone.ID {
				t.Errorf("the next account has number %d (%v), that of a deleted one was %d", a.ID, err, gone.ID)
			}
		}
	}
}

// A copy into SQLite takes no longer than the same rows one by one. The driver's time for a statement grows with the square of its
// arguments: with 7,000 of them a copy was slower by a hundred times.
func TestCopyIsFast(t *testing.T) {
	from := open(t, empties()["sqlite"](t))
	raw := from.raw(t)
	raw.SetMaxOpenConns(1)
	began := time.Now()
	if _, err := raw.Exec("BEGIN"); err != nil {
		t.Fatal(err)
	}
	for i := range 3000 {
		if _, err := raw.Exec(`INSERT INTO events (at, kind, code, reference, provider, account_id, email, email_key, actor, peer, detail, key_id, proof)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`, i, "signed_in", "", "R", "jwt", 1, "", "", "", "", "", "", ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := raw.Exec("COMMIT"); err != nil {
		t.Fatal(err)
	}
	single := time.Since(began)
	var took time.Duration
	if _, _, err := store.Copy(t.Context(), from.Store, blank(t, empties()["sqlite"](t)), func(table string, done, total int64) {
		switch {
		case table == "events" && done == 0:
			began = time.Now()
		case table == "events" && done == total:
			took = time.Since(began)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if took == 0 || took > 5*single {
		t.Errorf("the copy of 3,000 rows took %v, and %v to write them one by one", took, single)
	}
}

// What is no empty database of its own takes no copy, and what is no sound source gives none.
func TestCopyRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(from, to *testDB)
		want  error
	}{
		"data": {func(_, to *testDB) { to.admin(t, "ada@example.com") }, transfer.ErrNotEmpty},
		"another program": {func(_, to *testDB) {
			to.raw(t).Exec("DELETE FROM migrations")
		}, transfer.ErrForeign},
		"newer target": {func(_, to *testDB) {
			to.raw(t).Exec("INSERT INTO migrations SELECT max(version)+1, 'later', 'x', 1 FROM migrations")
		}, store.ErrNewer},
		"newer source": {func(from, _ *testDB) {
			from.raw(t).Exec("INSERT INTO migrations SELECT max(version)+1, 'later', 'x', 1 FROM migrations")
		}, store.ErrNewer},
		"another column": {func(from, _ *testDB) { from.raw(t).Exec("ALTER TABLE groups ADD COLUMN more BIGINT") }, transfer.ErrDiffers},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := open(t, empties()["sqlite"](t)), open(t, empties()["sqlite"](t))
			tt.spoil(from, to)
			if _, _, err := store.Copy(t.Context(), from.Store, to.Store, nil); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}
