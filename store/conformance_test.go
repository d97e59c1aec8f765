package store_test

import (
	"database/sql"
	"testing"

	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
	"github.com/ssobridge/ssobridge/store"
)

// TestConformance: what sso.Store promises, both databases keep.
//
// SECURITY C1, C4, C5, C8, D8, E2, E4, E5, E6, E8, E9, G4
func TestConformance(t *testing.T) {
	for name, empty := range empties() {
		t.Run(name, func(t *testing.T) {
			conformance.Run(t, subjects(empty, func(databaseURL string) string { return databaseURL }))
		})
	}
}

// TestPooler: the same is kept behind PgBouncer, where each transaction may be in another process of the server.
func TestPooler(t *testing.T) {
	ssotest.InCI(t, "PgBouncer")
	conformance.Run(t, subjects(empties()["postgres"], postgres.Pooled(t)))
}

// subjects makes stores on empty databases; by is the way to one.
func subjects(empty func(testing.TB) string, by func(databaseURL string) string) func(*testing.T) conformance.Subject {
	return func(t *testing.T) conformance.Subject {
		direct := empty(t)
		db := open(t, by(direct))
		counts := (&testDB{url: direct}).raw(t)
		db.counts = func() *sql.DB { return counts }
		return conformance.Subject{Store: db, Twin: db.another(t, store.Options{}), Rows: func(t testing.TB) map[string]int {
			rows := map[string]int{}
			for _, table := range []string{"accounts", "identities", "sessions", "proofs", "events", "memberships", "changes"} {
				rows[table] = db.count(t, table)
			}
			return rows
		}}
	}
}
