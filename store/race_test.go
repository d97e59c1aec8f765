package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store"
)

// atOnce runs n functions that all begin at the same moment.
func atOnce(n int, f func(i int)) {
	begin := make(chan struct{})
	var done sync.WaitGroup
	for i := range n {
		done.Go(func() {
			<-begin
			f(i)
		})
	}
	close(begin)
	done.Wait()
}

// SECURITY C1: one token 100 times at once, at two replicas.
func TestOneTokenManyTimesAtOnce(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		replicas := []*store.Store{db.Store, db.another(t, store.Options{})}
		first, _ := arrival(start, person("ada@example.com"), standard)
		codes := make([]sso.Code, 100)
		atOnce(len(codes), func(i int) {
			x, in := arrival(start, first.Identity, standard)
			x.Proof, in.Session.Proof = first.Proof, first.Proof.Key
			_, err := replicas[i%2].SignIn(context.Background(), x, in)
			codes[i] = sso.CodeOf(err)
		})
		got := map[sso.Code]int{}
		for _, c := range codes {
			got[c]++
		}
		if got[""] != 1 || got[sso.TokenReplayed] != 99 {
			t.Errorf("got %v, want one success and 99 replays", got)
		}
		if n := db.count(t, "sessions"); n != 1 {
			t.Errorf("got %d sessions, want 1", n)
		}
	})
}

// SECURITY E9: new people at once, each of them twice, at two replicas.
func TestNewPeopleAtOnce(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		replicas := []*store.Store{db.Store, db.another(t, store.Options{})}
		db.ensure(t, "g0", "g1", "g2")
		const people = 100
		type answer struct {
			out *sso.SignedIn
			sid sso.SessionHash
			err error
		}
		answers := make([]answer, 2*people)
		atOnce(len(answers), func(i int) {
			who := i % people
			id := groups(subject(fmt.Sprintf("p%d@example.com", who), fmt.Sprintf("s%d", who)), fmt.Sprintf("g%d", who%3), "g2")
			id.FirstName = ptr(fmt.Sprintf("P%d", who))
			x, in := arrival(start, id, standard)
			out, err := replicas[i/people].SignIn(context.Background(), x, in)
			answers[i] = answer{out, in.Session.Hash, err}
		})
		for i, a := range answers {
			if a.err != nil {
				t.Fatalf("login %d: %v", i, a.err)
			}
			who := i % people
			p, err := db.Principal(t.Context(), a.sid)
			if err != nil {
				t.Fatal(err)
			}
			want := "All Users, g2"
			if who%3 != 2 {
				want = fmt.Sprintf("All Users, g%d, g2", who%3)
			}
			if email := fmt.Sprintf("p%d@example.com", who); p.Account.Email != email || p.Account.FirstName != fmt.Sprintf("P%d", who) || names(p.Groups) != want {
				t.Errorf("login of %s leads to %s (%s) in %s", email, p.Account.Email, p.Account.FirstName, names(p.Groups))
			}
			if twin := answers[who]; a.out.Account.ID != twin.out.Account.ID {
				t.Errorf("person %d has the accounts %d and %d", who, a.out.Account.ID, twin.out.Account.ID)
			}
		}
		if n := db.count(t, "accounts"); n != people {
			t.Errorf("got %d accounts, want %d", n, people)
		}
	})
}

// SECURITY E6: two administrators lose their rights at once, each in the way of another.
func TestLastAdministratorAtOnce(t *testing.T) {
	policy := mapped(sso.Mappings{"boss": {{ID: sso.Administrators}}})
	ways := map[string]func(db *testDB, a sso.Account) error{
		"login": func(db *testDB, a sso.Account) error {
			x, in := arrival(start, groups(person(a.Email)), policy)
			_, err := db.SignIn(context.Background(), x, in)
			return err
		},
		"removed": func(db *testDB, a sso.Account) error {
			return db.RemoveMember(context.Background(), a.ID, sso.Administrators, cli)
		},
		"deactivated": func(db *testDB, a sso.Account) error { return db.SetActive(context.Background(), a.ID, false, cli) },
	}
	each(t, func(t *testing.T, db *testDB) {
		var before *sso.Account
		for name1, way1 := range ways {
			for name2, way2 := range ways {
				two := []sso.Account{db.admin(t, name1+"1"+name2+"@example.com"), db.admin(t, name1+"2"+name2+"@example.com")}
				if before != nil { // who was left over makes room
					if err := db.RemoveMember(t.Context(), before.ID, sso.Administrators, cli); err != nil {
						t.Fatal(err)
					}
				}
				errs := make([]error, 2)
				atOnce(2, func(i int) { errs[i] = []func(*testDB, sso.Account) error{way1, way2}[i](db, two[i]) })
				for _, err := range errs {
					if code := sso.CodeOf(err); code != "" && code != sso.Conflict {
						t.Errorf("%s and %s: %v", name1, name2, err)
					}
				}
				active := true
				left, _, err := db.Accounts(t.Context(), sso.AccountQuery{GroupID: sso.Administrators, Active: &active})
				if err != nil || len(left) != 1 {
					t.Fatalf("%s and %s: got %d administrators (%v), want 1; errors %v", name1, name2, len(left), err, errs)
				}
				before = &left[0]
			}
		}
	})
}

// The same few people at once, again and again, with groups in every order: nothing locks crosswise, and the feed has
// each change once, in order.
func TestManyLoginsOfFewPeople(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		all := []string{"a", "b", "c", "d", "e", "f"}
		db.ensure(t, all...)
		atOnce(16, func(i int) {
			for n := range 8 {
				cut := (i*5 + n*3) % len(all)
				sent := append(append([]string{}, all[cut:]...), all[:cut/2]...)
				x, in := arrival(start, groups(person(fmt.Sprintf("p%d@example.com", (i+n)%3)), sent...), standard)
				if _, err := db.SignIn(context.Background(), x, in); err != nil {
					t.Error(err)
				}
			}
		})
		since, total := int64(0), 0
		for {
			changes, last, err := db.Changes(t.Context(), since)
			if err != nil {
				t.Fatal(err)
			}
			if len(changes) == 0 {
				break
			}
			for i, c := range changes {
				if c.Seq != since+int64(i)+1 {
					t.Fatalf("change %d follows %d", c.Seq, since+int64(i))
				}
			}
			since, total = last, total+len(changes)
		}
		if total != db.count(t, "changes") {
			t.Errorf("the feed has %d changes, the table %d", total, db.count(t, "changes"))
		}
	})
}

// A reader of the feed that runs meanwhile misses nothing: numbers become visible in their order.
func TestFeedWhileWriting(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		var accounts []int64
		for i := range 8 {
			out, _ := db.signIn(t, person(fmt.Sprintf("p%d@example.com", i)), standard)
			accounts = append(accounts, out.Account.ID)
		}
		const rounds = 10
		done := make(chan struct{})
		go func() {
			defer close(done)
			atOnce(len(accounts), func(i int) {
				for n := range rounds {
					if err := db.ChangeOwnAttributes(context.Background(), accounts[i], map[string]*string{"n": ptr(fmt.Sprint(n))}, nil, cli); err != nil {
						t.Error(err)
					}
				}
			})
		}()
		seen, since := map[int64]int{}, int64(0)
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
			}
			changes, last, err := db.Changes(t.Context(), since)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range changes {
				seen[c.AccountID]++
			}
			since = last
		}
		for _, id := range accounts {
			if seen[id] != rounds {
				t.Errorf("account %d: saw %d of %d changes", id, seen[id], rounds)
			}
		}
	})
}
