package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
	"github.com/ssobridge/ssobridge/store"
)

func wantCode(t *testing.T, what string, err error, want sso.Code) {
	t.Helper()
	if got := sso.CodeOf(err); got != want {
		t.Errorf("%s: got %v, want %q", what, err, want)
	}
}

func TestAccounts(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		made, err := db.CreateAccount(t.Context(), sso.Account{Email: "Root@example.com", FirstName: "Ro\not", Active: true,
			Own: map[string]string{"floor": "9"}}, "hash", []int64{sso.Administrators, sso.AllUsers, sso.Administrators}, cli)
		if err != nil {
			t.Fatal(err)
		}
		want := sso.Account{ID: made.ID, Email: "Root@example.com", FirstName: "Ro ot", Active: true, HasPassword: true,
			Own: map[string]string{"floor": "9"}, CreatedAt: start}
		if diff := cmp.Diff(want, made, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		found, hash, err := db.PasswordHash(t.Context(), "rOOT@example.com")
		if err != nil || hash != "hash" || found.ID != made.ID {
			t.Errorf("PasswordHash: got account %d, %q, %v", found.ID, hash, err)
		}
		places, err := db.Memberships(t.Context(), made.ID)
		if err != nil || len(places) != 2 || places[0].ID != sso.AllUsers || places[1].Source != sso.MemberByAdmin || !places[1].AddedAt.Equal(start) {
			t.Errorf("Memberships: got %+v, %v", places, err)
		}

		for _, tt := range []struct {
			name   string
			email  string
			groups []int64
			want   sso.Code
		}{
			{"taken", "root@example.com", nil, sso.Conflict},
			{"no e-mail", "root", nil, sso.Invalid},
			{"two mailboxes", "a@evil.example@example.com", nil, sso.Invalid},
			{"no such group", "b@example.com", []int64{99}, sso.NotFound},
		} {
			_, err := db.CreateAccount(t.Context(), sso.Account{Email: tt.email, Active: true}, "", tt.groups, cli)
			wantCode(t, tt.name, err, tt.want)
		}
		if n := db.count(t, "accounts"); n != 1 {
			t.Errorf("got %d accounts, want 1: a refusal left one behind", n)
		}
		wantCode(t, "Account", second(db.Account(t.Context(), 99)), sso.NotFound)
		wantCode(t, "AccountByEmail", second(db.AccountByEmail(t.Context(), "")), sso.NotFound)
		wantCode(t, "Memberships", second(db.Memberships(t.Context(), 99)), sso.NotFound)
		wantCode(t, "SetActive", db.SetActive(t.Context(), 99, false, cli), sso.NotFound)
		wantCode(t, "ChangeOwnAttributes", db.ChangeOwnAttributes(t.Context(), 99, nil, nil, cli), sso.NotFound)
		wantCode(t, "SetActive of the last administrator", db.SetActive(t.Context(), made.ID, false, cli), sso.Conflict)
		wantCode(t, "RemoveMember of the last administrator", db.RemoveMember(t.Context(), made.ID, sso.Administrators, cli), sso.Conflict)
		if a, err := db.Account(t.Context(), made.ID); err != nil || !a.Active {
			t.Errorf("the last administrator is not active any more: %v", err)
		}
	})
}

// SECURITY E3
func TestPasswords(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		provisioned, _ := db.signIn(t, person("sso@example.com"), standard)
		byHand, err := db.CreateAccount(t.Context(), sso.Account{Email: "hand@example.com", Active: true}, "", nil, cli)
		if err != nil {
			t.Fatal(err)
		}
		wantCode(t, "provisioned", db.SetPassword(t.Context(), provisioned.Account.ID, "h", cli), sso.PasswordRefused)
		wantCode(t, "empty hash", db.SetPassword(t.Context(), byHand.ID, "", cli), sso.Invalid)
		wantCode(t, "no account", db.SetPassword(t.Context(), 99, "h", cli), sso.NotFound)
		_, hash, err := db.PasswordHash(t.Context(), "sso@example.com")
		if hash != "" || err != nil {
			t.Errorf("provisioned: got hash %q, %v", hash, err)
		}
		if err := db.SetPassword(t.Context(), byHand.ID, "h1", cli); err != nil {
			t.Fatal(err)
		}
		sid := db.passwordSession(t, byHand.ID)
		if err := db.SetPassword(t.Context(), byHand.ID, "h2", cli); err != nil {
			t.Fatal(err)
		}
		wantCode(t, "session after the change", second(db.Principal(t.Context(), sid)), sso.NotSignedIn) // SECURITY D4
		if _, hash, _ := db.PasswordHash(t.Context(), "hand@example.com"); hash != "h2" {
			t.Errorf("got hash %q, want h2", hash)
		}
	})
}

func (db *testDB) passwordSession(t testing.TB, accountID int64) sso.SessionHash {
	t.Helper()
	_, in := conformance.Arrival(*db.now.Load(), sso.Identity{}, standard)
	n := in.Session
	n.Provider, n.Proof = "password", ""
	a, err := db.Account(t.Context(), accountID)
	if err != nil {
		t.Fatal(err)
	}
	_, hash, err := db.PasswordHash(t.Context(), a.Email)
	if err != nil {
		t.Fatal(err)
	}
	by := credential.Credential{AccountID: accountID, PasswordHash: hash}
	if err := db.OpenSession(t.Context(), n, by, sso.Event{Kind: sso.EventSignIn, Provider: "password"}); err != nil {
		t.Fatal(err)
	}
	return n.Hash
}

// SECURITY D4, E5: whatever ends or changes a session is seen at once, and announced.
func TestEndings(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, db *testDB, id int64, sid sso.SessionHash) error
		ends bool
	}{
		{"sign-out", func(t *testing.T, db *testDB, _ int64, sid sso.SessionHash) error {
			ended, err := db.EndSession(t.Context(), sid, sso.Event{Kind: sso.EventSignOut})
			if !ended {
				t.Error("EndSession found no session")
			}
			if again, err := db.EndSession(t.Context(), sid, sso.Event{Kind: sso.EventSignOut}); again || err != nil {
				t.Errorf("the second time: got %v, %v", again, err)
			}
			return err
		}, true},
		{"all sessions", func(t *testing.T, db *testDB, id int64, _ sso.SessionHash) error {
			n, err := db.EndSessions(t.Context(), id, sso.Event{Kind: sso.EventSession})
			if n != 1 {
				t.Errorf("EndSessions ended %d, want 1", n)
			}
			return err
		}, true},
		{"deactivated", func(t *testing.T, db *testDB, id int64, _ sso.SessionHash) error {
			return db.SetActive(t.Context(), id, false, cli)
		}, true},
		{"group taken", func(t *testing.T, db *testDB, id int64, _ sso.SessionHash) error {
			return db.RemoveMember(t.Context(), id, sso.FirstGroup, cli)
		}, false},
		{"own attributes", func(t *testing.T, db *testDB, id int64, _ sso.SessionHash) error {
			return db.ChangeOwnAttributes(t.Context(), id, map[string]*string{"a": ptr("b")}, nil, cli)
		}, false},
		{"names in a login", func(t *testing.T, db *testDB, _ int64, _ sso.SessionHash) error {
			id := person("ada@example.com")
			id.FirstName = ptr("Augusta")
			db.signIn(t, id, standard)
			return nil
		}, false},
		{"group deleted", func(t *testing.T, db *testDB, _ int64, _ sso.SessionHash) error {
			return db.DeleteGroup(t.Context(), sso.GroupClearing{Group: sso.Group{ID: sso.FirstGroup}, Members: 1, Event: cli}, "")
		}, false},
		{"group renamed", func(t *testing.T, db *testDB, _ int64, _ sso.SessionHash) error {
			return db.RenameGroup(t.Context(), sso.FirstGroup, "Vendors", cli)
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, db *testDB) {
				db.ensure(t, "Sales")
				out, sid := db.signIn(t, groups(person("ada@example.com"), "Sales"), standard)
				before, err := db.Principal(t.Context(), sid)
				if err != nil {
					t.Fatal(err)
				}
				_, since, _ := db.Changes(t.Context(), -1)
				events := db.count(t, "events")
				if err := tt.do(t, db, out.Account.ID, sid); err != nil {
					t.Fatal(err)
				}
				after, err := db.Principal(t.Context(), sid)
				if ended := sso.CodeOf(err) == sso.NotSignedIn; ended != tt.ends || (err != nil && !ended) {
					t.Errorf("the session's principal: %v", err)
				}
				if !tt.ends && cmp.Equal(before, after) {
					t.Error("the running session sees no difference")
				}
				changes, last, err := db.Changes(t.Context(), since)
				if err != nil || len(changes) != 1 || last != since+1 || changes[0].AccountID != 0 && changes[0].AccountID != out.Account.ID {
					t.Errorf("got changes %v until %d, %v; want one", changes, last, err)
				}
				if n := db.count(t, "events"); n != events+1 {
					t.Errorf("got %d new events, want 1", n-events)
				}
			})
		})
	}
}

func TestGroups(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		sales, err := db.CreateGroup(t.Context(), "Sales", cli)
		if err != nil || sales.ID != sso.FirstGroup {
			t.Fatalf("got %+v, %v", sales, err)
		}
		db.ensure(t, "HR", "Sales", "HR")
		wantCode(t, "taken", second(db.CreateGroup(t.Context(), "HR", cli)), sso.Conflict)
		wantCode(t, "with a comma", second(db.CreateGroup(t.Context(), "a,b", cli)), sso.Invalid)
		wantCode(t, "like a built-in one", second(db.CreateGroup(t.Context(), "ADMINISTRATORS", cli)), sso.Invalid)
		wantCode(t, "built-in deleted", db.DeleteGroup(t.Context(), sso.GroupClearing{Group: sso.Group{ID: sso.Administrators}, Event: cli}, ""), sso.Forbidden)
		wantCode(t, "built-in renamed", db.RenameGroup(t.Context(), sso.AllUsers, "Everyone", cli), sso.Forbidden)
		wantCode(t, "renamed to a taken name", db.RenameGroup(t.Context(), sales.ID, "HR", cli), sso.Conflict)
		wantCode(t, "renamed to nothing", db.RenameGroup(t.Context(), sales.ID, "", cli), sso.Invalid)
		wantCode(t, "renamed to itself", db.RenameGroup(t.Context(), sales.ID, "Sales", cli), "")
		wantCode(t, "no such group", db.RenameGroup(t.Context(), 99, "X", cli), sso.NotFound)
		out, _ := db.signIn(t, person("ada@example.com"), standard)
		wantCode(t, "into All Users", db.AddMember(t.Context(), out.Account.ID, sso.AllUsers, sso.MemberByAdmin, cli), sso.Forbidden)
		wantCode(t, "into no group", db.AddMember(t.Context(), out.Account.ID, 99, sso.MemberByAdmin, cli), sso.NotFound)
		wantCode(t, "no account", db.AddMember(t.Context(), 99, sales.ID, sso.MemberByAdmin, cli), sso.NotFound)
		for range 2 { // the second changes nothing
			wantCode(t, "member", db.AddMember(t.Context(), out.Account.ID, sales.ID, sso.MemberByAdmin, cli), "")
		}
		sizes, err := db.GroupSizes(t.Context())
		if diff := cmp.Diff(map[int64]int{sso.AllUsers: 1, sales.ID: 1}, sizes); diff != "" || err != nil {
			t.Errorf("sizes (-want +got):\n%s%v", diff, err)
		}
		wantCode(t, "delete, told of another number", db.DeleteGroup(t.Context(), sso.GroupClearing{Group: sales, Event: cli}, ""), sso.Conflict)
		wantCode(t, "delete", db.DeleteGroup(t.Context(), sso.GroupClearing{Group: sales, Members: 1, Event: cli}, ""), "")
		again, err := db.CreateGroup(t.Context(), "Sales", cli)
		if err != nil || again.ID <= sales.ID+1 {
			t.Errorf("got id %d (%v): the id of a deleted group came back", again.ID, err)
		}
		all, err := db.Groups(t.Context())
		if got := names(all); err != nil || got != "All Users, Administrators, HR, Sales" {
			t.Errorf("got %s, %v", got, err)
		}
		wantCode(t, "Group", second(db.Group(t.Context(), sales.ID)), sso.NotFound)
		wantCode(t, "GroupByName", second(db.GroupByName(t.Context(), "sales")), sso.NotFound)
	})
}

func TestEnsureGroupsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		replicas := []*store.Store{db.Store, db.another(t, store.Options{})}
		made := make([][]sso.Group, 8)
		ssotest.AtOnce(len(made), func(i int) {
			var err error
			if made[i], err = replicas[i%2].EnsureGroups(t.Context(), []string{"a", "b", "c"}, cli); err != nil {
				t.Error(err)
			}
		})
		if n := len(slices.Concat(made...)); n != 3 {
			t.Errorf("%d groups were made, want 3", n)
		}
	})
}

// pages reads all pages and returns their entries.
func pages[T any](t *testing.T, read func(after string) ([]T, string, error)) (all []T) {
	t.Helper()
	after := ""
	for range 100 {
		page, next, err := read(after)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page...)
		if after = next; after == "" {
			return all
		}
	}
	t.Fatal("the pages have no end")
	return nil
}

func TestAccountPages(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		db.ensure(t, "Sales")
		for _, p := range []struct{ email, first, last, group string }{
			{"zoe@example.com", "Zoë", "Äbel", "Sales"}, {"Bob@example.com", "Bob", "Zimmer", ""}, {"a-b@example.com", "", "", "Sales"},
			{"ab@example.com", "Bobby", "", ""}, {"b%b@example.com", "", "Zi", ""}, {"éa@example.com", "", "", "Sales"},
		} {
			id := person(p.email)
			id.FirstName, id.LastName = ptr(p.first), ptr(p.last)
			if p.group != "" {
				id = groups(id, p.group)
			}
			db.signIn(t, id, standard)
		}
		bob, err := db.AccountByEmail(t.Context(), "bob@example.com")
		if err != nil {
			t.Fatal(err)
		}
		if err := db.SetActive(t.Context(), bob.ID, false, cli); err != nil {
			t.Fatal(err)
		}
		if _, err := db.CreateAccount(t.Context(), sso.Account{Email: "never@example.com", Active: true}, "", nil, cli); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name  string
			query sso.AccountQuery
			want  string // local parts
		}{
			{"all", sso.AccountQuery{}, "a-b ab b%b Bob never zoe éa"},
			{"e-mail or first name", sso.AccountQuery{Search: "BOB"}, "ab Bob"},
			{"last name", sso.AccountQuery{Search: "zi"}, "b%b Bob"},
			{"not ASCII", sso.AccountQuery{Search: "äB"}, "ab zoe"},
			{"no wildcard", sso.AccountQuery{Search: "b%"}, "a-b ab b%b Bob"},
			{"nothing", sso.AccountQuery{Search: "x"}, ""},
			{"group", sso.AccountQuery{GroupID: sso.FirstGroup}, "a-b zoe éa"},
			{"everyone", sso.AccountQuery{GroupID: sso.AllUsers}, "a-b ab b%b Bob never zoe éa"},
			{"active", sso.AccountQuery{Active: ptr(true)}, "a-b ab b%b never zoe éa"},
			{"deactivated", sso.AccountQuery{Active: ptr(false)}, "Bob"},
			{"group and name", sso.AccountQuery{GroupID: sso.FirstGroup, Search: "a"}, "a-b zoe"},
			{"of a provider", sso.AccountQuery{Provider: "jwt"}, "a-b ab b%b Bob zoe éa"},
			{"of no provider", sso.AccountQuery{Provider: "acme"}, ""},
			{"never", sso.AccountQuery{Never: true}, "never"},
			{"never, found", sso.AccountQuery{Never: true, Search: "never"}, "never"},
			{"long ago", sso.AccountQuery{Before: start.Add(time.Second)}, "zoe Bob a-b ab b%b éa"},
			{"long ago, deactivated", sso.AccountQuery{Before: start.Add(time.Second), Active: ptr(false)}, "Bob"},
			{"longer ago", sso.AccountQuery{Before: start}, ""},
			{"newest", sso.AccountQuery{Newest: true}, "never éa b%b ab a-b Bob zoe"},
			{"newest of a group", sso.AccountQuery{Newest: true, GroupID: sso.FirstGroup}, "éa a-b zoe"},
			{"newest, found", sso.AccountQuery{Newest: true, Search: "bob"}, "ab Bob"},
		} {
			for _, limit := range []int{0, 1, 2} {
				got := pages(t, func(after string) ([]sso.Account, string, error) {
					q := tt.query
					q.Page = sso.Page{After: after, Limit: limit}
					return db.Accounts(t.Context(), q)
				})
				var emails []string
				for _, a := range got {
					emails = append(emails, strings.TrimSuffix(a.Email, "@example.com"))
				}
				if n, err := db.CountAccounts(t.Context(), tt.query, 100); tt.query.Search == "" && (n != len(got) || err != nil) {
					t.Errorf("%s: got %d counted, %v, want %d", tt.name, n, err, len(got))
				}
				if got := strings.Join(emails, " "); got != tt.want {
					t.Errorf("%s, %d a page: got %s, want %s", tt.name, limit, got, tt.want)
				}
			}
		}
		_, _, err = db.Accounts(t.Context(), sso.AccountQuery{Page: sso.Page{After: "x"}})
		wantCode(t, "bad page", err, sso.Invalid)
	})
}

func TestSessions(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		ada, first := db.signIn(t, person("ada@example.com"), standard)
		var want []sso.SessionHash
		for i := range 5 {
			if i%2 == 0 {
				db.advance(time.Second) // some at the same moment
			}
			_, sid := db.signIn(t, person("ada@example.com"), standard)
			want = append(want, sid)
		}
		_, other := db.signIn(t, person("bob@example.com"), standard)

		list := func(accountID int64, limit int) (hashes []sso.SessionHash) {
			for _, n := range pages(t, func(after string) ([]sso.Session, string, error) {
				return db.Sessions(t.Context(), sso.SessionQuery{Page: sso.Page{After: after, Limit: limit}, AccountID: accountID})
			}) {
				hashes = append(hashes, n.Hash)
			}
			return hashes
		}
		for _, limit := range []int{0, 1, 4} {
			if got := list(ada.Account.ID, limit); len(got) != 6 || got[5] != first || got[0] == first || slices.Contains(got, other) {
				t.Errorf("%d a page: got %d sessions", limit, len(got))
			}
			if got := list(0, limit); len(got) != 7 {
				t.Errorf("%d a page: got %d sessions of everyone, want 7", limit, len(got))
			}
		}
		// Last use moves forward only, and not for sessions that are gone.
		later := start.Add(time.Minute)
		if _, err := db.EndSession(t.Context(), other, sso.Event{Kind: sso.EventSignOut}); err != nil {
			t.Fatal(err)
		}
		for _, at := range []time.Time{later, start.Add(-time.Hour)} {
			if err := db.TouchSessions(t.Context(), map[sso.SessionHash]time.Time{first: at, want[0]: at, other: at}); err != nil {
				t.Fatal(err)
			}
		}
		if p, err := db.Principal(t.Context(), first); err != nil || !p.Session.LastUsed.Equal(later) {
			t.Errorf("got last used %v (%v), want %v", p.Session.LastUsed, err, later)
		}
		// Those that reached their end are neither listed nor, after a sweep, kept.
		db.advance(time.Hour - 3*time.Second) // the first reached its end
		if got := list(0, 0); len(got) != 5 || slices.Contains(got, first) {
			t.Errorf("got %d sessions after the first one's end, want 5", len(got))
		}
		if n, err := db.Sweep(t.Context(), *db.now.Load()); err != nil || n == 0 {
			t.Errorf("Sweep: %d, %v", n, err)
		}
		wantCode(t, "swept", second(db.Principal(t.Context(), first)), sso.NotSignedIn)
		_, _, err := db.Sessions(t.Context(), sso.SessionQuery{Page: sso.Page{After: "1.zz"}})
		wantCode(t, "bad page", err, sso.Invalid)

		gone, err := db.CreateAccount(t.Context(), sso.Account{Email: "gone@example.com"}, "h", nil, cli)
		if err != nil {
			t.Fatal(err)
		}
		_, in := conformance.Arrival(start, sso.Identity{}, standard)
		by := credential.Credential{AccountID: gone.ID, PasswordHash: "h"}
		wantCode(t, "password session of a deactivated account", db.OpenSession(t.Context(), in.Session, by, cli), sso.AccountDisabled)
		by.AccountID = 99
		wantCode(t, "password session of no account", db.OpenSession(t.Context(), in.Session, by, cli), sso.Conflict)
		// SECURITY D2: nothing that signs anyone in is kept.
		var zero sso.SessionHash
		wantCode(t, "unknown", second(db.Principal(t.Context(), zero)), sso.NotSignedIn)
	})
}

func TestChanges(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		a := db.admin(t, "a@example.com")
		change := func(n int) {
			for i := range n {
				if err := db.ChangeOwnAttributes(t.Context(), a.ID, map[string]*string{"n": ptr(fmt.Sprint(db.now.Load(), i))}, nil, cli); err != nil {
					t.Fatal(err)
				}
			}
		}
		change(3)
		everyone := []sso.Change{{Seq: 3}}
		one := []sso.Change{{Seq: 3, AccountID: a.ID}}
		check := func(when string, since int64, want []sso.Change, wantLast int64) {
			t.Helper()
			got, last, err := db.Changes(t.Context(), since)
			if err != nil || last != wantLast || !slices.Equal(got, want) {
				t.Errorf("%s, since %d: got %v until %d, %v; want %v until %d", when, since, got, last, err, want, wantLast)
			}
		}
		check("beginning", -1, nil, 3)
		check("up to date", 3, nil, 3)
		check("one behind", 2, one, 3)
		check("from another database", 9, everyone, 3)
		db.advance(2 * time.Hour)
		if _, err := db.Sweep(t.Context(), *db.now.Load()); err != nil {
			t.Fatal(err)
		}
		check("swept, up to date", 3, nil, 3)
		check("swept, behind", 2, everyone, 3)
		change(1)
		check("swept, then changed", 3, []sso.Change{{Seq: 4, AccountID: a.ID}}, 4)
		check("swept, then changed, behind", 2, []sso.Change{{Seq: 4}}, 4)
	})
}

func TestFailures(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		try := func(key string, at time.Time, want string) {
			t.Helper()
			if over, err := db.AddFailureWithin(t.Context(), map[string]int{key: 3, "all": 9}, at.Add(-time.Minute), at); over != want || err != nil {
				t.Errorf("%s: got %q, %v; want %q", key, over, err, want)
			}
		}
		for range 3 {
			try("account 1", start, "")
		}
		try("account 1", start, "account 1")
		try("account 2", start, "")
		if err := db.ForgiveFailures(t.Context(), []string{"account 1"}, []string{"all"}, start.Add(time.Microsecond)); err != nil {
			t.Fatal(err)
		}
		try("account 1", start, "")
		if n := db.count(t, "failures"); n != 1+1+5 {
			t.Errorf("got %d failures, want one of each account and five of all", n)
		}
		if err := db.ForgiveFailures(t.Context(), nil, []string{"all"}, start); err != nil {
			t.Fatal(err)
		}
		if n := db.count(t, "failures"); n != 2 {
			t.Errorf("got %d failures, want those of the two accounts", n)
		}
		if _, err := db.Sweep(t.Context(), start.Add(48*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if n := db.count(t, "failures"); n != 0 {
			t.Errorf("after two days: got %d failures, want none", n)
		}
	})
}

// A sweep of more than one batch deletes everything that is over, and nothing else.
func TestSweepBatches(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		for i := range 1100 {
			keys := "old"
			at := start
			if i%100 == 0 {
				keys, at = "new", start.Add(25*time.Hour)
			}
			if _, err := db.AddFailureWithin(t.Context(), map[string]int{keys: 2000}, start, at.Add(time.Duration(i))); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := db.Sweep(t.Context(), start.Add(25*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if n := db.count(t, "failures"); n != 11 {
			t.Errorf("%d failures are left, want 11", n)
		}
	})
}
