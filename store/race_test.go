package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
	"github.com/ssobridge/ssobridge/store"
)

// SECURITY E6: two administrators lose their rights at once, each in the way of another.
func TestLastAdministratorAtOnce(t *testing.T) {
	policy := mapped(sso.Mappings{"boss": {{ID: sso.Administrators}}})
	ways := map[string]func(db *testDB, a sso.Account) error{
		"login": func(db *testDB, a sso.Account) error {
			x, in := conformance.Arrival(start, groups(person(a.Email)), policy)
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
				ssotest.AtOnce(2, func(i int) { errs[i] = []func(*testDB, sso.Account) error{way1, way2}[i](db, two[i]) })
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
		ssotest.AtOnce(16, func(i int) {
			for n := range 8 {
				cut := (i*5 + n*3) % len(all)
				sent := append(append([]string{}, all[cut:]...), all[:cut/2]...)
				x, in := conformance.Arrival(start, groups(person(fmt.Sprintf("p%d@example.com", (i+n)%3)), sent...), standard)
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
			ssotest.AtOnce(len(accounts), func(i int) {
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

// SECURITY D8: while sign-ins with what was right a moment ago are on their way, it becomes worthless. Once that is
// confirmed no session of it lives, and none opens.
func TestWorthlessWhileSigningIn(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		db.admin(t, "root@example.com")
		replicas := []*store.Store{db.Store, db.another(t, store.Options{})}
		for round := range 12 {
			for name, run := range races(t, db, round) {
				var confirmed atomic.Bool
				opened := make([]sso.SessionHash, 9)
				ssotest.AtOnce(len(opened)+1, func(i int) {
					if i == len(opened) {
						time.Sleep(rand.N(3 * time.Millisecond))
						if err := run.end(); err != nil {
							t.Errorf("%s: %v", name, err)
						}
						confirmed.Store(true)
						return
					}
					late := confirmed.Load()
					n, err := run.open(replicas[i%2])
					switch {
					case err == nil && late:
						t.Errorf("%s: a session opened afterwards", name)
					case err == nil:
						opened[i] = n
					case !errors.Is(err, sso.Conflict) && !errors.Is(err, sso.AccountDisabled) && !errors.As(err, &sso.SettingsChanged{}):
						t.Errorf("%s: %v", name, err)
					}
				})
				for _, hash := range opened {
					if _, err := db.Principal(t.Context(), hash); err == nil && run.ends {
						t.Errorf("%s: a session from before lives on", name)
					}
				}
				if _, err := run.open(db.Store); err == nil {
					t.Errorf("%s: a session opened at last", name)
				}
			}
		}
	})
}

// A race is what opens sessions, and what makes that worthless; ends says that it also ends those that are open.
type race struct {
	open func(*store.Store) (sso.SessionHash, error)
	end  func() error
	ends bool
}

func races(t *testing.T, db *testDB, round int) map[string]race {
	ctx := t.Context()
	account := func(name string) sso.Account {
		a, err := db.CreateAccount(ctx, sso.Account{Email: fmt.Sprintf("%s%d@example.com", name, round), Active: true}, "old", nil, cli)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	password := func(a sso.Account) func(*store.Store) (sso.SessionHash, error) {
		return func(s *store.Store) (sso.SessionHash, error) {
			n, _ := db.sessionOf(a.ID)
			_, version, err := s.Settings(ctx)
			if err != nil {
				return n.Hash, err
			}
			return n.Hash, s.OpenSession(ctx, n, credential.Credential{AccountID: a.ID, PasswordHash: "old", Settings: version}, cli)
		}
	}
	changed, set, gone, holder := account("changed"), account("set"), account("gone"), account("holder")
	key := credential.Passkey{ID: fmt.Sprint("key", round), AccountID: holder.ID, Handle: []byte{1}, Name: "Laptop", Credential: "{}", CreatedAt: start}
	if err := db.AddPasskey(ctx, key, db.signedIn(t, holder.ID, "old"), cli); err != nil {
		t.Fatal(err)
	}
	_, version, err := db.Settings(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]race{
		"the password is changed": {password(changed), func() error {
			n, _ := db.sessionOf(changed.ID)
			return db.ChangePassword(ctx, changed.ID, "old", "new", n, cli)
		}, true},
		"a password is set":          {password(set), func() error { return db.SetPassword(ctx, set.ID, "new", cli) }, true},
		"the account is deactivated": {password(gone), func() error { return db.SetActive(ctx, gone.ID, false, cli) }, true},
		"the passkey is removed": {func(s *store.Store) (sso.SessionHash, error) {
			n, _ := db.sessionOf(holder.ID)
			n.Proof = credential.PasskeyProof(key.ID)
			_, version, err := s.Settings(ctx)
			if err != nil {
				return n.Hash, err
			}
			return n.Hash, s.OpenSession(ctx, n, credential.Credential{AccountID: holder.ID, Passkey: &key, Settings: version}, cli)
		}, func() error {
			return db.RemovePasskey(ctx, holder.ID, key.ID, sso.SessionHash{}, credential.Ways{Providers: true}, cli)
		}, true},
		"settings are saved": {func(s *store.Store) (sso.SessionHash, error) {
			x, in := conformance.Arrival(start, person(fmt.Sprintf("p%d@example.com", round)), standard)
			in.Settings = version
			_, err := s.SignIn(ctx, x, in)
			return in.Session.Hash, err
		}, func() error {
			_, err := db.SaveSettings(ctx, sso.SettingsChange{
				Values: map[string]*string{"JWT_ENABLED": ptr("false")}, Version: version, Events: []sso.Event{cli},
			})
			return err
		}, false},
	}
}

// SECURITY D8: a save that is being committed and a sign-in come one after the other, whichever is first.
func TestSignInWaitsForASave(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		save, signIn := saveAndSignIn(t, db)
		release := db.hold(t, "settings") // which a save writes into, and a sign-in does not
		saved := beginning(save)
		signedIn := beginning(signIn)
		if early(signedIn) {
			t.Error("the sign-in did not wait")
		}
		release()
		if err := <-saved; err != nil {
			t.Error(err)
		}
		if err := <-signedIn; !errors.As(err, &sso.SettingsChanged{}) {
			t.Errorf("got %v, want to be judged anew", err)
		}
		if n := db.count(t, "sessions"); n != 0 {
			t.Errorf("got %d sessions, want none", n)
		}
	})
}

// SECURITY D8: a save that comes when the session is open, and not kept yet, waits until it is.
func TestSaveWaitsForASignIn(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		save, signIn := saveAndSignIn(t, db)
		if err := signIn(); err != nil { // PostgreSQL has waited for the table where a statement is prepared
			t.Fatal(err)
		}
		release := db.hold(t, "events") // into which a sign-in writes last, and this save does not
		signedIn := beginning(signIn)
		saved := beginning(save)
		if early(saved) {
			t.Error("the save did not wait")
		}
		release()
		if err := errors.Join(<-signedIn, <-saved); err != nil {
			t.Error(err)
		}
	})
}

func saveAndSignIn(t *testing.T, db *testDB) (save, signIn func() error) {
	t.Helper()
	n := 0
	return func() error {
			_, err := db.SaveSettings(context.Background(), sso.SettingsChange{Values: map[string]*string{"JWT_ENABLED": ptr("false")}})
			return err
		}, func() error {
			n++
			x, in := conformance.Arrival(start, person(fmt.Sprintf("ada%d@example.com", n)), standard)
			_, err := db.SignIn(context.Background(), x, in)
			return err
		}
}

// hold has whoever writes into a table wait, with SQLite into any, until release is called.
func (db *testDB) hold(t *testing.T, table string) (release func()) {
	t.Helper()
	conn, err := db.raw(t).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	begin := "BEGIN; LOCK TABLE " + table + " IN SHARE MODE"
	if strings.HasPrefix(db.url, "sqlite:") {
		begin = "BEGIN IMMEDIATE"
	}
	if _, err := conn.ExecContext(t.Context(), begin); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := conn.ExecContext(t.Context(), "COMMIT"); err != nil {
			t.Fatal(err)
		}
	}
}

// beginning calls f beside the test, and gives it time to get as far as it can.
func beginning(f func() error) chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	time.Sleep(200 * time.Millisecond)
	return done
}

// early reports whether what was begun is done already.
func early(done chan error) bool {
	select {
	case err := <-done:
		done <- err
		return true
	default:
		return false
	}
}

func TestCountSessionsOf(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		ada, _ := db.signIn(t, person("ada@example.com"), standard)
		db.signIn(t, person("ada@example.com"), standard)
		bob, _ := db.signIn(t, person("bob@example.com"), standard)
		db.signIn(t, person("eve@example.com"), standard)
		for _, tt := range []struct {
			ids  []int64
			want int64
		}{{nil, 0}, {[]int64{ada.Account.ID}, 2}, {[]int64{ada.Account.ID, bob.Account.ID, ada.Account.ID}, 3}, {[]int64{99}, 0}} {
			if n, err := db.CountSessionsOf(t.Context(), tt.ids); err != nil || n != tt.want {
				t.Errorf("%v: got %d, %v; want %d", tt.ids, n, err, tt.want)
			}
		}
		db.advance(365 * 24 * time.Hour)
		if n, err := db.CountSessionsOf(t.Context(), []int64{ada.Account.ID}); err != nil || n != 0 {
			t.Errorf("when they are over: got %d, %v", n, err)
		}
	})
}
