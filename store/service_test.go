package store_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/service"
	"github.com/ssobridge/ssobridge/store"
)

// madeService is a person in some groups, and a service account with one token that the person made.
type madeService struct {
	person  sso.Account
	groups  []sso.Group
	account service.Account
	token   service.Token
}

var serviceEvent = sso.Event{Kind: sso.EventService, Actor: "olga@example.com"}

func makeService(t *testing.T, db *testDB) madeService {
	t.Helper()
	var m madeService
	var ids []int64
	for _, name := range []string{"Research", "Sales"} {
		g, err := db.CreateGroup(t.Context(), name, serviceEvent)
		wantCode(t, "group", err, "")
		m.groups, ids = append(m.groups, g), append(ids, g.ID)
	}
	var err error
	m.person, err = db.CreateAccount(t.Context(), sso.Account{Email: "olga@example.com", Active: true}, "", ids, serviceEvent)
	wantCode(t, "person", err, "")
	m.account, err = db.Services().Create(t.Context(), service.Account{Name: "etl", Label: "Nightly load", MakerID: m.person.ID}, serviceEvent)
	wantCode(t, "service account", err, "")
	m.token = service.Token{ID: "T1", AccountID: m.account.ID, Name: "first", MakerID: m.person.ID, KeyID: "k",
		Groups: m.groups, CreatedAt: start, ExpiresAt: start.Add(time.Hour)}
	wantCode(t, "token", db.Services().AddToken(t.Context(), m.token, service.HashToken("text"), "", serviceEvent), "")
	return m
}

func groupNames(groups []sso.Group) (names []string) {
	for _, g := range groups {
		names = append(names, g.Name)
	}
	return names
}

// holds wants the token T1 to be in exactly these groups, and to be in such a state.
func holds(t *testing.T, db *testDB, what string, state service.State, names ...string) {
	t.Helper()
	h, err := db.Services().Holder(t.Context(), "T1")
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if got := groupNames(h.Token.Groups); !slices.Equal(got, names) {
		t.Errorf("%s: groups %q, want %q", what, got, names)
	}
	if got := h.Token.State(db.now.Load().UTC()); got != state {
		t.Errorf("%s: it %s, want %s", what, got, state)
	}
	for _, g := range h.Principal().Groups {
		if g.ID == sso.Administrators {
			t.Errorf("%s: a token is an administrator", what)
		}
	}
}

// TestServiceTokenRights: a token may what its maker may at this moment, and never more (SECURITY J3).
func TestServiceTokenRights(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		m := makeService(t, db)
		holds(t, db, "at first", service.Works, "Research", "Sales")
		since := changesNow(t, db)

		wantCode(t, "remove", db.RemoveMember(t.Context(), m.person.ID, m.groups[1].ID, serviceEvent), "")
		holds(t, db, "without Sales", service.Works, "Research")
		wantCode(t, "add", db.AddMember(t.Context(), m.person.ID, m.groups[1].ID, sso.MemberByAdmin, serviceEvent), "")
		holds(t, db, "with Sales again", service.Works, "Research", "Sales")
		wantCode(t, "deactivate", db.SetActive(t.Context(), m.person.ID, false, serviceEvent), "")
		holds(t, db, "with a deactivated maker", service.Stopped, "Research", "Sales")
		if got := changesSince(t, db, since); !slices.Contains(got, m.person.ID) {
			t.Errorf("changes %v, want account %d", got, m.person.ID)
		}
		wantCode(t, "reactivate", db.SetActive(t.Context(), m.person.ID, true, serviceEvent), "")
		wantCode(t, "promote", db.AddMember(t.Context(), m.person.ID, sso.Administrators, sso.MemberByAdmin, serviceEvent), "")
		holds(t, db, "of an administrator", service.Works, "Research", "Sales")
		wantCode(t, "delete a group", db.DeleteGroup(t.Context(), sso.GroupClearing{Group: sso.Group{ID: m.groups[0].ID}, Members: 1, Delete: true, Event: serviceEvent}, ""), "")
		holds(t, db, "without Research", service.Works, "Sales")
	})
}

func changesNow(t *testing.T, db *testDB) int64 {
	t.Helper()
	_, last, err := db.Changes(t.Context(), -1)
	wantCode(t, "changes", err, "")
	return last
}

func changesSince(t *testing.T, db *testDB, since int64) (ids []int64) {
	t.Helper()
	all, _, err := db.Changes(t.Context(), since)
	wantCode(t, "changes", err, "")
	for _, c := range all {
		ids = append(ids, c.AccountID)
	}
	return ids
}

// TestServiceTokenRefused: what a token must not have it is not made with, and nothing of it is kept.
func TestServiceTokenRefused(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		m := makeService(t, db)
		v := db.Services()
		other, err := db.CreateGroup(t.Context(), "Other", serviceEvent)
		wantCode(t, "group", err, "")
		for _, tt := range []struct {
			name   string
			change func(*service.Token)
			code   sso.Code
		}{
			{"a group of others", func(n *service.Token) { n.Groups = []sso.Group{other} }, sso.Forbidden},
			{"administrators", func(n *service.Token) { n.Groups = []sso.Group{{ID: sso.Administrators}} }, sso.Forbidden},
			{"administrators, in the shell", func(n *service.Token) { n.MakerID, n.Groups = 0, []sso.Group{{ID: sso.Administrators}} }, sso.Forbidden},
			{"no group", func(n *service.Token) { n.Groups = []sso.Group{{ID: 12345}} }, sso.NotFound},
			{"no account", func(n *service.Token) { n.AccountID = 12345 }, sso.NotFound},
			{"a name of two lines", func(n *service.Token) { n.Name = "a\nb" }, sso.Invalid},
		} {
			n := m.token
			n.ID = "T2"
			tt.change(&n)
			wantCode(t, tt.name, v.AddToken(t.Context(), n, service.HashToken("x"), "", serviceEvent), tt.code)
			if _, err := v.Holder(t.Context(), "T2"); sso.CodeOf(err) != sso.NotFound {
				t.Errorf("%s: it is kept: %v", tt.name, err)
			}
		}
		n := m.token
		n.ID, n.MakerID, n.Groups = "T3", 0, []sso.Group{other}
		wantCode(t, "any group, in the shell", v.AddToken(t.Context(), n, service.HashToken("x"), "", serviceEvent), "")

		n.ID = "T4"
		wantCode(t, "in the place of none", v.AddToken(t.Context(), n, service.HashToken("y"), "T9", serviceEvent), sso.NotFound)
		wantCode(t, "in its place", v.AddToken(t.Context(), n, service.HashToken("y"), "T1", serviceEvent), "")
		holds(t, db, "replaced", service.Revoked, "Research", "Sales")
		wantCode(t, "revoke again", v.RevokeToken(t.Context(), m.account.ID, "T1", serviceEvent), sso.NotFound)
		wantCode(t, "revoke by another account", v.RevokeToken(t.Context(), m.account.ID+1, "T4", serviceEvent), sso.NotFound)

		wantCode(t, "deactivate", v.SetActive(t.Context(), m.account.ID, false, serviceEvent), "")
		n.ID = "T5"
		wantCode(t, "of a deactivated account", v.AddToken(t.Context(), n, service.HashToken("z"), "", serviceEvent), sso.AccountDisabled)
		wantCode(t, "delete", v.Delete(t.Context(), m.account.ID, serviceEvent), "")
		wantCode(t, "delete again", v.Delete(t.Context(), m.account.ID, serviceEvent), sso.NotFound)
		if _, err := v.Holder(t.Context(), "T4"); sso.CodeOf(err) != sso.NotFound {
			t.Errorf("a token of a deleted account: %v", err)
		}
	})
}

// TestServiceAccountLists pages through many accounts and tokens, and counts those that work.
func TestServiceAccountLists(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		m := makeService(t, db)
		v := db.Services()
		if _, err := v.Create(t.Context(), service.Account{Name: "etl"}, serviceEvent); sso.CodeOf(err) != sso.Conflict {
			t.Errorf("a name twice: %v", err)
		}
		for _, name := range []string{"", "ETL", "a b", "ada@example.com", "-a", "a-", "a..b", "é", "\x00"} {
			if _, err := v.Create(t.Context(), service.Account{Name: name}, serviceEvent); sso.CodeOf(err) != sso.Invalid {
				t.Errorf("name %q: %v", name, err)
			}
		}
		for i := range 5 {
			if _, err := v.Create(t.Context(), service.Account{Name: fmt.Sprint("bot-", i)}, serviceEvent); err != nil {
				t.Fatal(err)
			}
			n := m.token
			n.ID, n.CreatedAt = fmt.Sprint("N", i), start.Add(time.Duration(i)*time.Second)
			wantCode(t, "token", v.AddToken(t.Context(), n, service.HashToken(n.ID), "", serviceEvent), "")
		}
		var names, ids []string
		for after := ""; ; {
			page, next, err := v.List(t.Context(), sso.Page{After: after, Limit: 2})
			wantCode(t, "list", err, "")
			for _, a := range page {
				names = append(names, a.Name)
			}
			if after = next; next == "" {
				break
			}
		}
		if want := []string{"bot-0", "bot-1", "bot-2", "bot-3", "bot-4", "etl"}; !slices.Equal(names, want) {
			t.Errorf("accounts %q, want %q", names, want)
		}
		for after := ""; ; {
			page, next, err := v.Tokens(t.Context(), m.account.ID, sso.Page{After: after, Limit: 4})
			wantCode(t, "tokens", err, "")
			for _, token := range page {
				if len(token.Groups) != 2 || token.Maker != m.person.Email {
					t.Errorf("token %+v", token)
				}
				ids = append(ids, token.ID)
			}
			if after = next; next == "" {
				break
			}
		}
		if want := []string{"N4", "N3", "N2", "N1", "T1", "N0"}; !slices.Equal(ids, want) { // T1 and N0 are of one moment
			t.Errorf("tokens %q, want %q", ids, want)
		}
		wantCode(t, "revoke", v.RevokeToken(t.Context(), m.account.ID, "N1", serviceEvent), "")
		used := start.Add(time.Minute)
		wantCode(t, "touch", v.Touch(t.Context(), map[string]time.Time{"N2": used, "none": used}), "")
		wantCode(t, "touch back", v.Touch(t.Context(), map[string]time.Time{"N2": start}), "")
		a, err := v.Named(t.Context(), "etl")
		if err != nil || a.Tokens != 5 || !a.LastUsed.Equal(used) || a.Maker != m.person.Email || a.Label != "Nightly load" {
			t.Errorf("%+v, %v", a, err)
		}
		if _, _, err := v.Tokens(t.Context(), a.ID, sso.Page{After: "x"}); sso.CodeOf(err) != sso.Invalid {
			t.Errorf("a page from nowhere: %v", err)
		}

		later := start.Add(40 * 24 * time.Hour)
		db.now.Store(&later)
		if n, err := v.Forget(t.Context(), later); err != nil || n != 6 {
			t.Errorf("forgot %d, %v; want the 6 tokens that have been over for a month", n, err)
		}
	})
}

// TestServiceKeys: of two replicas that find no key, one adds its own; a key of a file stands beside them; and keys stay as
// long as a token of theirs is left.
func TestServiceKeys(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		m := makeService(t, db)
		v := db.Services()
		var added [4]bool
		var wg sync.WaitGroup
		for i := range added {
			wg.Go(func() {
				key := service.Key{ID: fmt.Sprint("own", i), Algorithm: "ES256", Public: []byte("public"), Private: []byte("private"), CreatedAt: start}
				ok, err := v.EnsureKey(t.Context(), key, start.Add(-time.Hour), sso.Event{})
				if err != nil {
					t.Error(err)
				}
				added[i] = ok
			})
		}
		wg.Wait()
		n := 0
		for _, ok := range added {
			if ok {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d replicas added a key, want 1", n)
		}
		for range 2 { // the second takes the place of the first
			if _, err := v.EnsureKey(t.Context(), service.Key{ID: "k", Algorithm: "RS256", Public: []byte("p"), CreatedAt: start.Add(time.Second)}, start, sso.Event{}); err != nil {
				t.Fatal(err)
			}
		}
		keys, err := v.Keys(t.Context())
		if err != nil || len(keys) != 2 || keys[0].ID != "k" || keys[0].Private != nil || string(keys[1].Private) != "private" {
			t.Fatalf("keys %+v, %v", keys, err)
		}
		sealed := db.another(t, store.Options{Secret: []byte("another secret key of enough bytes, is it not?")})
		if _, err := sealed.Services().Keys(t.Context()); err == nil {
			t.Error("a key was opened with another SECRET_KEY")
		}

		endless := m.token
		endless.ID, endless.ExpiresAt = "T2", service.Never()
		wantCode(t, "token", v.AddToken(t.Context(), endless, service.HashToken("endless"), "", serviceEvent), "")
		month := start.Add(31 * 24 * time.Hour)
		if _, err := v.Forget(t.Context(), month); err != nil {
			t.Fatal(err)
		}
		if keys, _ := v.Keys(t.Context()); len(keys) != 2 {
			t.Errorf("keys %+v, want both: T2 was signed by k", keys)
		}
		wantCode(t, "delete", v.Delete(t.Context(), m.account.ID, serviceEvent), "")
		if _, err := v.Forget(t.Context(), month); err != nil {
			t.Fatal(err)
		}
		if keys, _ := v.Keys(t.Context()); len(keys) != 1 || keys[0].Private == nil {
			t.Errorf("keys %+v, want the one that signs", keys)
		}
		if _, err := v.Compromise(t.Context(), serviceEvent); err != nil {
			t.Fatal(err)
		}
		if keys, _ := v.Keys(t.Context()); len(keys) != 0 {
			t.Errorf("keys %+v", keys)
		}
	})
}
