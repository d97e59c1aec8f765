package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/search"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
	"github.com/ssobridge/ssobridge/store"
)

// find returns the local parts of the e-mails that a search finds, in their order.
func (db *testDB) find(t interface{ Fatalf(string, ...any) }, q sso.AccountQuery) string {
	var got []string
	for {
		found, next, err := db.Accounts(context.Background(), q)
		if err != nil {
			t.Fatalf("%q: %v", q.Search, err)
		}
		for _, a := range found {
			name, _, _ := strings.Cut(a.Email, "@")
			got = append(got, name)
		}
		if q.After = next; next == "" {
			return strings.Join(got, " ")
		}
	}
}

// A search finds all its words, each at the beginning of a word of the names or a part of the e-mail.
func TestSearchFindsAllWords(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		for _, a := range []sso.Account{
			{Email: "ada@example.com", FirstName: "Ada", LastName: "Lovelace"},
			{Email: "mies@example.com", FirstName: "Ludwig", LastName: "Mies van der Rohe"},
			{Email: "anna@example.com", FirstName: "Anna Maria", LastName: "Müller"},
			{Email: "ann@example.com", FirstName: "Anna", LastName: "Lovelace"},
			{Email: "j.smith+x@sub.corp.example", FirstName: "太郎", LastName: "山田"},
			{Email: "o@münchen.example", FirstName: "Anna-Lena", LastName: "O'Brien", Active: true},
		} {
			if _, err := db.CreateAccount(t.Context(), a, "", nil, cli); err != nil {
				t.Fatal(err)
			}
		}
		for search, want := range map[string]string{
			"":                     "ada ann anna j.smith+x mies o",
			" ":                    "ada ann anna j.smith+x mies o",
			"%":                    "",
			"' ! \x00":             "",
			"ada lovelace":         "ada",
			"Lovelace  ADA":        "ada",
			" ada ":                "ada",
			"lov an":               "ann",
			"ada ada@ex love":      "ada",
			"anna maria":           "anna",
			"anna maria mül":       "anna",
			"müller anna maria":    "anna",
			"muller":               "anna",
			"MU\u0308LL":           "anna",
			"mies van der":         "mies",
			"rohe":                 "mies",
			"ludwig mies van der":  "mies",
			"anna lovelace mies":   "",
			"ada rohe":             "",
			"a_x lovelace":         "",
			"a a a a a a a a a":    "ada ann anna o",
			"ann@example.com anna": "ann",
			"ann@example.com":      "ann",
			"@example.com":         "ada ann anna mies",
			"smith":                "j.smith+x",
			"corp.example":         "j.smith+x",
			"mith":                 "",
			"太郎":                   "j.smith+x",
			"山田太郎":                 "j.smith+x",
			"obrien":               "o",
			"lena o'br":            "o",
			"munchen":              "o",
			"o@xn--mnchen-3ya":     "o",
		} {
			if got := db.find(t, sso.AccountQuery{Search: search}); got != want {
				t.Errorf("%q: got %q, want %q", search, got, want)
			}
		}
		if got := db.find(t, sso.AccountQuery{Search: "anna", Active: ptr(true), Page: sso.Page{Limit: 1}}); got != "o" {
			t.Errorf("active: got %q", got)
		}
		if got := db.find(t, sso.AccountQuery{Search: "a", Page: sso.Page{Limit: 1}}); got != "ada ann anna o" {
			t.Errorf("page by page: got %q", got)
		}
	})
}

// Words follow the names and the e-mail at each sign-in. A returning person whose name did not change costs no words.
func TestWordsFollowSignIns(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		sign := func(email, first, last string) {
			t.Helper()
			id := subject(email, "s1")
			id.FirstName, id.LastName = &first, &last
			db.signIn(t, id, standard)
		}
		check := func(when string, want map[string]bool) {
			t.Helper()
			for search, found := range want {
				if got := db.find(t, sso.AccountQuery{Search: search}) != ""; got != found {
					t.Errorf("%s: %q is found: %v, want %v", when, search, got, found)
				}
			}
		}
		sign("ada@example.com", "Ada", "Byron")
		check("new", map[string]bool{"ada byron": true, "lovelace": false})
		sign("ada@example.com", "Ada", "Lovelace")
		check("a new name", map[string]bool{"byron": false, "ada lovelace": true})
		sign("countess@example.com", "Ada", "Lovelace")
		check("a new e-mail", map[string]bool{"ada@example.com": false, "countess lovelace": true})

		raw := db.raw(t)
		if _, err := raw.ExecContext(t.Context(), "DELETE FROM account_words"); err != nil {
			t.Fatal(err)
		}
		sign("countess@example.com", "Ada", "Lovelace")
		check("as before: words were written", map[string]bool{"ada": false})
	})
}

// What a program of before writes is found in the end, and a sign-in meanwhile does not hide it.
func TestMakeWords(t *testing.T) {
	try := func(t *testing.T, url string) {
		db := fresh(t, url)
		if err := db.MigrateUntil(t.Context(), "_search_words"); err != nil {
			t.Fatal(err)
		}
		raw := db.raw(t)
		exec := func(query string) {
			t.Helper()
			if _, err := raw.ExecContext(t.Context(), query); err != nil {
				t.Fatal(err)
			}
		}
		insert := func(from, to int) {
			t.Helper()
			exec(fmt.Sprintf(`INSERT INTO accounts (email, email_key, first_name, last_name, first_key, last_key, active, password_hash, source, synced, own, created_at, last_login)
				WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d)
				SELECT 'p' || i || '@example.com', 'p' || i || '@example.com', 'Anna', 'L' || i, 'anna', 'l' || i, 1 = 1, '', 'jwt', '{}', '{}', 1, 0 FROM n`, from, to))
		}
		insert(1, 1000)
		if _, err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		// One of them signs in before it is its turn, with other attributes and no new name.
		id := person("p7@example.com")
		id.Attributes = map[string]string{"team": "blue"}
		db.signIn(t, id, standard)
		made := make([]int, 3)
		ssotest.AtOnce(len(made), func(i int) {
			s := db.another(t, store.Options{LockWait: time.Minute})
			for range 20 {
				n, err := s.MakeWords(t.Context())
				if err != nil {
					t.Error(err)
				}
				made[i] += n
			}
		})
		if got := made[0] + made[1] + made[2]; got != 1000 {
			t.Errorf("got %v words made, want each person's once", made)
		}
		for search, want := range map[string]string{"anna l7": "", "l1000": "p1000", "p7@example.com anna": "p7", "p7@": "p7"} {
			if got := db.find(t, sso.AccountQuery{Search: search}); want != "" && got != want || got == "" {
				t.Errorf("%q: got %q, want %q", search, got, want)
			}
		}

		// A program of before adds a person and renames another one.
		insert(2001, 2001)
		exec("UPDATE accounts SET first_name = 'Zoe', first_key = 'zoe' WHERE email = 'p9@example.com'")
		if n, err := db.MakeWords(t.Context()); n != 2 || err != nil {
			t.Errorf("got words of %d accounts, %v, want 2", n, err)
		}
		for search, want := range map[string]string{"zoe": "p9", "l2001": "p2001", "anna p9@": ""} {
			if got := db.find(t, sso.AccountQuery{Search: search}); got != want {
				t.Errorf("%q: got %q, want %q", search, got, want)
			}
		}
	}
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); try(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db")) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); try(t, postgres.InCI(t)) })
}

// Whatever name is kept, a search for it finds its person, on both databases: they hold words in the same order.
func TestEveryNameIsFound(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		n := 0
		rapid.Check(t, func(rt *rapid.T) {
			n++
			name := sso.CleanText(rapid.StringN(1, 20, 254).Draw(rt, "name"))
			if len(search.Terms(name)) == 0 {
				return
			}
			local := fmt.Sprintf("p%d", n)
			if _, err := db.CreateAccount(t.Context(), sso.Account{Email: local + "@example.com", LastName: name}, "", nil, cli); err != nil {
				rt.Fatal(err)
			}
			if got := " " + db.find(rt, sso.AccountQuery{Search: name}) + " "; !strings.Contains(got, " "+local+" ") {
				rt.Fatalf("%q: got %q", name, got)
			}
		})
	})
}

// A search for a common word with a filter goes through some accounts for a page, and finds all that the filter leaves.
func TestSearchWithFilter(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		const people = 21_000
		raw := db.raw(t)
		for _, query := range []string{
			fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < %d)
				INSERT INTO accounts (email, email_key, first_name, last_name, first_key, last_key, active, password_hash, source, synced, own, created_at, last_login, words_of)
				SELECT 'p' || (100000 + i) || '@x', 'p' || (100000 + i) || '@x', 'Ann', '', '', '', i <> 20500, '', CASE WHEN i %% 20 = 0 THEN 'acme' ELSE 'jwt' END, '{}', '{}', 1, i + 1, 'p' || (100000 + i) || '@x Ann ' FROM n`, people),
			"INSERT INTO account_words (word, email_key) SELECT 'ann', email_key FROM accounts",
		} {
			if _, err := raw.ExecContext(t.Context(), query); err != nil {
				t.Fatal(err)
			}
		}
		old := time.UnixMicro(4) // the first two signed in before
		for _, tt := range []struct {
			name string
			q    sso.AccountQuery
			want string
		}{
			{"long ago", sso.AccountQuery{Before: old}, "p100001 p100002"},
			{"long ago, of a large provider", sso.AccountQuery{Before: old, Provider: "jwt"}, "p100001 p100002"},
			{"long ago, of a small provider", sso.AccountQuery{Before: time.UnixMicro(42), Provider: "acme"}, "p100020 p100040"},
			{"deactivated", sso.AccountQuery{Active: ptr(false)}, "p120500"},
			{"newest of a large provider", sso.AccountQuery{Active: ptr(false), Provider: "acme", Newest: true}, "p120500"},
		} {
			for _, search := range []string{"ann", ""} {
				for _, limit := range []int{0, 1} {
					q := tt.q
					q.Search, q.Limit = search, limit
					got := strings.Fields(db.find(t, q))
					slices.Sort(got) // those of long ago come by weeks without a search
					if strings.Join(got, " ") != tt.want {
						t.Errorf("%s, search %q, %d a page: got %q, want %q", tt.name, search, limit, got, tt.want)
					}
				}
			}
		}
		if found, next, err := db.Accounts(t.Context(), sso.AccountQuery{Search: "ann", Provider: "jwt", Before: old, Page: sso.Page{Limit: 5}}); err != nil || len(found) != 2 || next == "" {
			t.Errorf("the first page: got %d of %q, %v, want those who are found and a next page", len(found), next, err)
		}
	})
}
