package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/sso/search"
)

// BenchmarkSearch: searches of 100,000 people whose names are as common and as rare as names are. Beside the usual
// ns/op it reports p50 and p99.
func BenchmarkSearch(b *testing.B) {
	benches(b, func(b *testing.B, db *testDB) {
		db.fillNames(b, 100_000)
		last := sso.Page{After: db.middle(b, 0.9)}
		for _, search := range []struct {
			name string
			q    sso.AccountQuery
		}{
			{"no search", sso.AccountQuery{}},
			{"common", sso.AccountQuery{Search: "anna"}},
			{"common at the end", sso.AccountQuery{Search: "zoe"}},
			{"rare", sso.AccountQuery{Search: "rare77"}},
			{"two common words", sso.AccountQuery{Search: "anna smith"}},
			{"domains that nobody shares", sso.AccountQuery{Search: "corp other"}},
			{"e-mail", sso.AccountQuery{Search: "anna.smith.77@"}},
			{"domain", sso.AccountQuery{Search: "@corp.example"}},
			{"everyone", sso.AccountQuery{Search: "example"}},
			{"a letter", sso.AccountQuery{Search: "s"}},
			{"a letter of the end", sso.AccountQuery{Search: "z"}},
			{"no hit", sso.AccountQuery{Search: "qqq"}},
			{"no hit with a common word", sso.AccountQuery{Search: "anna qqq"}},
			{"common, deep", sso.AccountQuery{Search: "anna", Page: last}},
			{"a letter, deep", sso.AccountQuery{Search: "s", Page: last}},
			{"everyone, deep", sso.AccountQuery{Search: "example", Page: last}},
			{"deactivated", sso.AccountQuery{Search: "anna", Active: ptr(false)}},
			{"all deactivated", sso.AccountQuery{Active: ptr(false)}},
			{"of a provider", sso.AccountQuery{Provider: "jwt", Page: last}},
			{"of no provider", sso.AccountQuery{Provider: "nobody"}},
			{"never", sso.AccountQuery{Never: true}},
			{"long ago", sso.AccountQuery{Before: time.Now()}},
			{"long ago, nobody", sso.AccountQuery{Before: time.UnixMicro(1)}},
			{"long ago, deactivated", sso.AccountQuery{Before: time.UnixMicro(1), Active: ptr(false)}},
			{"long ago, found", sso.AccountQuery{Search: "anna", Before: time.UnixMicro(1)}},
			{"long ago, found, of a provider", sso.AccountQuery{Search: "anna", Provider: "jwt", Before: time.UnixMicro(1)}},
			{"long ago, of a provider", sso.AccountQuery{Provider: "jwt", Before: time.UnixMicro(1)}},
			{"newest of a provider", sso.AccountQuery{Newest: true, Provider: "jwt"}},
			{"everyone, deactivated", sso.AccountQuery{Search: "example", Active: ptr(false)}},
			{"newest", sso.AccountQuery{Newest: true, Page: last}},
			{"newest of no provider", sso.AccountQuery{Newest: true, Provider: "nobody"}},
			{"newest, nobody", sso.AccountQuery{Newest: true, Before: time.UnixMicro(1)}},
		} {
			b.Run(search.name, func(b *testing.B) {
				took := make([]time.Duration, 0, b.N)
				for range b.N {
					began := time.Now()
					if _, _, err := db.Accounts(context.Background(), search.q); err != nil {
						b.Fatal(err)
					}
					if search.q.Search == "" && search.q.After == "" && search.q.Before.IsZero() {
						if _, err := db.CountAccounts(context.Background(), search.q, 1001); err != nil {
							b.Fatal(err)
						}
					}
					took = append(took, time.Since(began))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			})
		}
	})
}

// fillNames makes people with 40 first and 400 last names, the first ones the most common, in two companies.
func (db *testDB) fillNames(b *testing.B, people int) {
	b.Helper()
	firsts, lasts := []string{"Anna", "Zoe", "Søren", "José"}, []string{"Smith", "Müller", "O'Brien", "von der Leyen", "Zimmer"}
	for i := len(firsts); i < 40; i++ {
		firsts = append(firsts, fmt.Sprintf("%c%s", 'A'+i%26, "first"+fmt.Sprint(i)))
	}
	for i := len(lasts); i < 400; i++ {
		lasts = append(lasts, fmt.Sprintf("%c%s", 'A'+i%26, "last"+fmt.Sprint(i)))
	}
	raw := db.raw(b)
	tx, err := raw.BeginTx(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer tx.Rollback()
	insert, err := tx.PrepareContext(b.Context(), `INSERT INTO accounts (email, email_key, first_name, last_name, first_key, last_key, active, password_hash, source, synced, own, created_at, last_login)
		VALUES ($1, $1, $2, $3, '', '', $4, '', 'jwt', '{}', '{}', 1, 1)`)
	if err != nil {
		b.Fatal(err)
	}
	for i := range people {
		first, last := firsts[i*i%7919%len(firsts)], lasts[(i*7+i/40)%len(lasts)]
		if i%1000 == 77 {
			last = fmt.Sprintf("Rare%d", i/1000)
		}
		company := "corp"
		if i%3 == 0 {
			company = "other"
		}
		email := address.Key(fmt.Sprintf("%s.%s.%d@%s.example", first, search.Terms(last)[0], i, company))
		if address.Check(email) != nil {
			b.Fatal(email)
		}
		if _, err := insert.ExecContext(b.Context(), email, first, last, i%20 != 0); err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	if _, err := db.MakeWords(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Logf("words of %d people made in %v", people, time.Since(began))
	if db.url[0] == 'p' {
		if _, err := raw.ExecContext(b.Context(), "VACUUM ANALYZE"); err != nil { // PostgreSQL does so itself within a minute
			b.Fatal(err)
		}
	}
}

// middle is the page that begins after a part of the people.
func (db *testDB) middle(b *testing.B, part float64) (after string) {
	b.Helper()
	var people, id int64
	raw := db.raw(b)
	if err := raw.QueryRowContext(b.Context(), "SELECT count(*) FROM accounts").Scan(&people); err != nil {
		b.Fatal(err)
	}
	if err := raw.QueryRowContext(b.Context(), "SELECT id FROM accounts ORDER BY email_key LIMIT 1 OFFSET $1", int64(part*float64(people))).Scan(&id); err != nil {
		b.Fatal(err)
	}
	return fmt.Sprint(id)
}
