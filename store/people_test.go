package store_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
)

func TestChangeOwnAttributes(t *testing.T) {
	for _, tt := range []struct {
		name    string
		changes map[string]*string
		was     map[string]string
		want    map[string]string // nil: refused with code
		code    sso.Code
	}{
		{"add", map[string]*string{"team": ptr("blue")}, nil, map[string]string{"dept": "Sales", "team": "blue"}, ""},
		{"add what is not there", map[string]*string{"team": ptr("blue")}, map[string]string{}, map[string]string{"dept": "Sales", "team": "blue"}, ""},
		{"change", map[string]*string{"dept": ptr("R&D")}, map[string]string{"dept": "Sales"}, map[string]string{"dept": "R&D"}, ""},
		{"remove", map[string]*string{"dept": nil}, map[string]string{"dept": "Sales"}, map[string]string{}, ""},
		{"remove what is gone", map[string]*string{"x": nil}, nil, map[string]string{"dept": "Sales"}, ""},
		{"changed meanwhile", map[string]*string{"dept": ptr("R&D")}, map[string]string{"dept": "Support"}, nil, sso.Conflict},
		{"made meanwhile", map[string]*string{"dept": ptr("R&D")}, map[string]string{}, nil, sso.Conflict},
		{"removed meanwhile", map[string]*string{"team": ptr("red")}, map[string]string{"team": "blue"}, nil, sso.Conflict},
		{"no name", map[string]*string{"": ptr("x")}, nil, nil, sso.Invalid},
		{"too long", map[string]*string{"a": ptr(strings.Repeat("x", 5000))}, nil, nil, sso.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, db *testDB) {
				a, err := db.CreateAccount(t.Context(), sso.Account{Email: "ada@example.com", Active: true, Own: map[string]string{"dept": "Sales"}}, "", nil, cli)
				if err != nil {
					t.Fatal(err)
				}
				err = db.ChangeOwnAttributes(t.Context(), a.ID, tt.changes, tt.was, cli)
				if code := sso.CodeOf(err); code != tt.code {
					t.Fatalf("got %v, want code %q", err, tt.code)
				}
				want := tt.want
				if want == nil {
					want = a.Own
				}
				got, err := db.Account(t.Context(), a.ID)
				if err != nil || !maps.Equal(got.Own, want) {
					t.Errorf("got %v, %v, want %v", got.Own, err, want)
				}
			})
		})
	}
}

func TestAccountsByID(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		var ids []int64
		for _, email := range []string{"a@example.com", "b@example.com", "c@example.com"} {
			ids = append(ids, db.admin(t, email).ID)
		}
		for _, tt := range []struct {
			ask  []int64
			want []string
		}{
			{nil, []string{}},
			{ids[:1], []string{"a@example.com"}},
			{ids, []string{"a@example.com", "b@example.com", "c@example.com"}},
			{[]int64{ids[2], 99, ids[2]}, []string{"c@example.com"}},
		} {
			found, err := db.AccountsByID(t.Context(), tt.ask)
			if err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for _, id := range ids {
				if a, ok := found[id]; ok {
					got = append(got, a.Email)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || len(found) != len(tt.want) {
				t.Errorf("AccountsByID(%v) (-want +got):\n%s", tt.ask, diff)
			}
		}
	})
}

// The events of a person are those of the account and those that only named the e-mail, page by page and each once.
func TestEventsOfAPerson(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		record := func(account int64, email string) {
			t.Helper()
			if err := db.Record(t.Context(), sso.Event{Kind: sso.EventSignIn, AccountID: account, Email: email, Detail: email}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 5 {
			record(7, "")
			record(0, "Ada@example.com")
			record(8, "other@example.com")
			record(7, "ada@example.com")
			if i%2 == 0 {
				db.advance(time.Second)
			}
		}
		q := sso.EventQuery{AccountID: 7, Email: "ada@example.com", Page: sso.Page{Limit: 4}}
		seen := map[int64]bool{}
		var last sso.Event
		for pages := 0; ; pages++ {
			events, next, err := db.Events(t.Context(), q)
			if err != nil || pages > 4 {
				t.Fatalf("page %d: %v", pages, err)
			}
			for _, e := range events {
				if seen[e.ID] || e.Detail == "other@example.com" {
					t.Errorf("got event %d of %q, want each of the person once", e.ID, e.Detail)
				}
				if last.ID != 0 && (e.At.After(last.At) || e.At.Equal(last.At) && e.ID > last.ID) {
					t.Errorf("event %d: got it after %d, want newest first", e.ID, last.ID)
				}
				seen[e.ID], last = true, e
			}
			if q.After = next; next == "" {
				break
			}
		}
		if got, want := len(seen), 15; got != want {
			t.Errorf("got %d events, want %d", got, want)
		}
	})
}

func TestMemberSources(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		db.ensure(t, "Sales")
		synced, _ := db.signIn(t, groups(person("ada@example.com"), "Sales"), standard)
		added := db.admin(t, "root@example.com")
		if err := db.AddMember(t.Context(), added.ID, sso.FirstGroup, sso.MemberByAdmin, cli); err != nil {
			t.Fatal(err)
		}
		outside := db.admin(t, "outside@example.com")
		got, err := db.MemberSources(t.Context(), sso.FirstGroup, []int64{synced.Account.ID, added.ID, outside.ID})
		want := map[int64]sso.MembershipSource{synced.Account.ID: sso.MemberBySync, added.ID: sso.MemberByAdmin}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}

// A large group is read in another way than a small one; the answer is the same.
func TestMembersOfALargeGroup(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		db.ensure(t, "Large", "Small")
		raw := db.raw(t)
		for _, query := range []string{
			`INSERT INTO accounts (email, email_key, first_name, last_name, first_key, last_key, active, password_hash, source, synced, own, created_at, last_login)
				WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2200)
				SELECT 'p' || (10000 - i) || '@example.com', 'p' || (10000 - i) || '@example.com', '', '', '', '', i % 2 = 0, '', '', '{}', '{}', 1, 0 FROM n`,
			"INSERT INTO memberships (account_id, group_id, source, added_at) SELECT id, 3, 'sync', 1 FROM accounts WHERE id > 50",
			"INSERT INTO memberships (account_id, group_id, source, added_at) SELECT id, 4, 'sync', 1 FROM accounts WHERE id <= 50",
		} {
			if _, err := raw.ExecContext(t.Context(), query); err != nil {
				t.Fatal(err)
			}
		}
		counts, err := db.MemberCounts(t.Context(), []int64{sso.AllUsers, sso.Administrators, 3, 4})
		want := map[int64]int{sso.AllUsers: 2200, 3: 2150, 4: 50}
		if diff := cmp.Diff(want, counts); diff != "" || err != nil {
			t.Errorf("MemberCounts: %v (-want +got):\n%s", err, diff)
		}
		for group, want := range map[int64]int{3: 2150, 4: 50} {
			q := sso.AccountQuery{GroupID: group, Page: sso.Page{Limit: 500}}
			got, last := 0, ""
			for {
				accounts, next, err := db.Accounts(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				for _, a := range accounts {
					if a.Email <= last || (a.ID > 50) != (group == 3) {
						t.Fatalf("group %d: got %s (account %d) after %s, want members in the order of their e-mails", group, a.Email, a.ID, last)
					}
					got, last = got+1, a.Email
				}
				if q.After = next; next == "" {
					break
				}
			}
			if got != want {
				t.Errorf("group %d: got %d members, want %d", group, got, want)
			}
		}
	})
}
