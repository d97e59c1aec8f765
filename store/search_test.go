package store_test

import (
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
)

// A search finds all its words, each at the beginning of a field, or fields that begin with several of them.
func TestSearchFindsAllWords(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		for _, a := range []sso.Account{
			{Email: "ada@example.com", FirstName: "Ada", LastName: "Lovelace"},
			{Email: "mies@example.com", FirstName: "Ludwig", LastName: "Mies van der Rohe"},
			{Email: "anna@example.com", FirstName: "Anna Maria", LastName: "Müller"},
			{Email: "ann@example.com", FirstName: "Anna", LastName: "Lovelace"},
		} {
			if _, err := db.CreateAccount(t.Context(), a, "", nil, cli); err != nil {
				t.Fatal(err)
			}
		}
		for search, want := range map[string]string{
			"ada lovelace":         "ada",
			"Lovelace  ADA":        "ada",
			" ada ":                "ada",
			"lov an":               "ann",
			"ada ada@ex love":      "ada",
			"anna maria":           "anna",
			"anna maria mül":       "anna",
			"müller anna maria":    "anna",
			"mies van der":         "mies",
			"ludwig mies van der":  "mies",
			"anna lovelace mies":   "",
			"ada rohe":             "",
			"a_a lovelace":         "",
			"a a a a a a a a a":    "ada ann anna",
			"ann@example.com anna": "ann",
		} {
			found, _, err := db.Accounts(t.Context(), sso.AccountQuery{Search: search})
			if err != nil {
				t.Fatalf("%q: %v", search, err)
			}
			var got []string
			for _, a := range found {
				name, _, _ := strings.Cut(a.Email, "@")
				got = append(got, name)
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%q: got %v, want %q", search, got, want)
			}
		}
	})
}
