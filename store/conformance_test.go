package store_test

import (
	"testing"

	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
	"github.com/ssobridge/ssobridge/store"
)

// TestConformance: what sso.Store promises, both databases keep.
//
// SECURITY C1, C4, C5, C8, D8, E2, E4, E5, E6, E8, E9, G4
func TestConformance(t *testing.T) {
	for name, empty := range empties() {
		t.Run(name, func(t *testing.T) {
			conformance.Run(t, func(t *testing.T) conformance.Subject {
				db := open(t, empty(t))
				return conformance.Subject{Store: db, Twin: db.another(t, store.Options{}), Rows: func(t testing.TB) map[string]int {
					rows := map[string]int{}
					for _, table := range []string{"accounts", "identities", "sessions", "proofs", "events", "memberships", "changes"} {
						rows[table] = db.count(t, table)
					}
					return rows
				}}
			})
		})
	}
}
