package store_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
	"github.com/ssobridge/ssobridge/store"
)

// SECURITY E10: addresses that were stored when keys had another form are found; accounts that are one mailbox now are not
// merged, and the administrator is told.
func TestEmailKeysOfBefore(t *testing.T) {
	try := func(t *testing.T, url string) {
		db := &testDB{url: url}
		db.now.Store(&start)
		db.Store = db.another(t, store.Options{})
		if err := db.MigrateUntil(t.Context(), "_email_keys"); err != nil {
			t.Fatal(err)
		}
		raw := db.raw(t)
		old := func(id int, email, key string, active bool, hash string, lastLogin int) {
			t.Helper()
			_, err := raw.ExecContext(t.Context(), `INSERT INTO accounts (id, email, email_key, first_name, last_name, first_key, last_key, active,
				password_hash, source, synced, own, created_at, last_login) VALUES ($1, $2, $3, '', '', '', '', $4, $5, 'jwt', '{}', '{}', 1, $6)`,
				id, email, key, active, hash, lastLogin)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := raw.ExecContext(t.Context(), `INSERT INTO events (at, kind, code, reference, provider, account_id, email, email_key,
				actor, peer, detail, key_id, proof) VALUES (1, 'sign_in', '', $1, 'jwt', 0, $2, $3, '', '', '', '', '')`, fmt.Sprint("ref", id), email, key); err != nil {
				t.Fatal(err)
			}
		}
		old(1, "ada@example.com", "ada@example.com", true, "", 5)
		old(2, "Eva@Bücher.example", "eva@bücher.example", true, "", 5)
		old(3, "u@app.example.", "u@app.example.", true, "", 5)
		old(4, "v\u0130ctim@example.com", "victim@example.com", true, "", 5) // the key that a fault gave
		old(5, "ada@xn--mnchen-3ya.example", "ada@xn--mnchen-3ya.example", true, "", 7)
		old(6, "ada@münchen.example", "ada@münchen.example", true, "", 9)
		old(7, "root@xn--mnchen-3ya.example", "root@xn--mnchen-3ya.example", true, "hash", 1)
		old(8, "root@münchen.example", "root@münchen.example", true, "", 9)
		old(9, "off@xn--mnchen-3ya.example", "off@xn--mnchen-3ya.example", false, "hash", 9)
		old(10, "off@münchen.example", "off@münchen.example", true, "", 1)
		old(11, ".gone@example.com", ".gone@example.com", false, "", 1)
		if _, err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := raw.ExecContext(t.Context(), bumpIDs(db.url)); err != nil {
			t.Fatal(err)
		}

		for email, want := range map[string]int64{
			"ada@example.com": 1, "eva@bücher.example": 2, "EVA@xn--bcher-kva.example": 2, "ada@münchen.example": 6, "ada@xn--mnchen-3ya.example": 6,
			"root@münchen.example": 7, "root@xn--mnchen-3ya.example": 7, "off@xn--mnchen-3ya.example": 10,
		} {
			if a, err := db.AccountByEmail(t.Context(), email); err != nil || a.ID != want {
				t.Errorf("%s: got account %d, %v, want %d", email, a.ID, err, want)
			}
		}
		if a, err := db.AccountByEmail(t.Context(), "victim@example.com"); err == nil {
			t.Errorf("victim: found account %d of another mailbox", a.ID)
		}
		if out, _ := db.signIn(t, person("victim@example.com"), standard); out.Account.ID < 12 {
			t.Errorf("victim: got account %d, want a new one", out.Account.ID)
		}
		if events, _, err := db.Events(t.Context(), sso.EventQuery{Email: "eva@xn--bcher-kva.example"}); err != nil || len(events) != 1 || events[0].Reference != "ref2" {
			t.Errorf("events of eva: got %+v, %v", events, err)
		}

		doubtful := func() string {
			t.Helper()
			list, err := db.DoubtfulEmails(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var all []string
			for _, d := range list {
				all = append(all, fmt.Sprintf("%d:%v:%d", d.Account.ID, d.Err != nil, d.FoundInstead))
			}
			return strings.Join(all, " ")
		}
		if got, want := doubtful(), "3:true:0 4:true:0 5:false:6 8:false:7"; got != want {
			t.Errorf("doubtful: got %s, want %s", got, want)
		}
		// One of two accounts with a mailbox is still found by its subject, and keeps what it has.
		if _, err := raw.ExecContext(t.Context(), "INSERT INTO identities (provider, subject, account_id, linked_at) VALUES ('jwt', 's5', 5, 1)"); err != nil {
			t.Fatal(err)
		}
		id := subject("ada@münchen.example", "s5")
		id.FirstName = ptr("Ada")
		if out, _ := db.signIn(t, id, standard); out.Account.ID != 5 || out.Account.FirstName != "Ada" {
			t.Errorf("by subject: got %+v, want account 5", out.Account)
		}
		// Another address ends the doubt, and so does deactivating.
		db.advance(time.Minute)
		db.signIn(t, subject("ada@new.example", "s5"), standard)
		if err := db.SetActive(t.Context(), 3, false, cli); err != nil {
			t.Fatal(err)
		}
		if got, want := doubtful(), "4:true:0 8:false:7"; got != want {
			t.Errorf("doubtful, later: got %s, want %s", got, want)
		}
	}
	t.Run("sqlite", func(t *testing.T) { try(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db")) })
	t.Run("postgres", func(t *testing.T) { try(t, postgres.InCI(t)) })
}

// bumpIDs makes PostgreSQL go on after ids that the test chose, as SQLite does by itself.
func bumpIDs(url string) string {
	if strings.HasPrefix(url, "sqlite:") {
		return "SELECT 1"
	}
	return "ALTER TABLE accounts ALTER COLUMN id RESTART WITH 12"
}
