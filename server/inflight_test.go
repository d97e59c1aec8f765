package server_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/store"
)

// another is the setting of one more empty database, of the kind of a database.
func another(t *testing.T, database string) string {
	t.Helper()
	if strings.Contains(database, "postgres") {
		return "DATABASE_URL=" + bridgetest.Postgres(t)
	}
	return "DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "bridge.db")
}

// A meddler lets a test act at the moment at which what a person showed has been found right, and what follows from it is
// not written yet.
type meddler struct {
	*store.Store
	once atomic.Pointer[func()]

	refuse atomic.Pointer[error] // what each login is refused with; nil: with nothing
}

func (m *meddler) meddle() {
	if act := m.once.Swap(nil); act != nil {
		(*act)()
	}
}

func (m *meddler) SignIn(ctx context.Context, x *sso.Exam, in sso.Attempt) (*sso.SignedIn, error) {
	m.meddle()
	if err := m.refuse.Load(); err != nil {
		return nil, *err
	}
	return m.Store.SignIn(ctx, x, in)
}

func (m *meddler) OpenSession(ctx context.Context, n sso.Session, by credential.Credential, e sso.Event) error {
	m.meddle()
	return m.Store.OpenSession(ctx, n, by, e)
}

func (m *meddler) RenewSession(ctx context.Context, old, renewed sso.SessionHash, by credential.Credential, at time.Time, e sso.Event) error {
	m.meddle()
	return m.Store.RenewSession(ctx, old, renewed, by, at, e)
}

func (m *meddler) AddPasskey(ctx context.Context, p credential.Passkey, by sso.SessionHash, e sso.Event) error {
	m.meddle()
	return m.Store.AddPasskey(ctx, p, by, e)
}

// save saves a setting as another replica does: this one has not heard of it yet.
func (b *bridge) save(settings ...string) {
	values, secrets := map[string]*string{}, map[string]bool{}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		values[name], secrets[name] = &value, name == "JWT_SHARED_SECRET"
	}
	_, version, err := b.store.Settings(b.t.Context())
	if err == nil {
		_, err = b.store.SaveSettings(b.t.Context(), sso.SettingsChange{
			Values: values, Secrets: secrets, Version: version, Events: []sso.Event{{Kind: sso.EventSetting, Actor: "another replica"}},
		})
	}
	if err != nil {
		b.t.Error(err)
	}
}

// A stage is a bridge with an administrator, who has a passkey, and a browser that is signed in as them.
type stage struct {
	*bridge
	root  sso.Account
	owner *browser
	key   *softKey
}

func newStage(t *testing.T, database string) *stage {
	t.Helper()
	b := startWith(t, func(o *server.Options) { o.Passwords = quickly{} }, database, "SITE_URL=http://localhost:$PORT", "JWT_IDENTITY_PROVIDER_URI=", "JWT_SHARED_SECRET=")
	b.save("JWT_IDENTITY_PROVIDER_URI=https://idp.example/login", "JWT_SHARED_SECRET="+secret)
	if err := b.rules.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := &stage{bridge: b, owner: b.browser(), key: &softKey{}}
	hash, _ := quickly{}.Hash(t.Context(), goodPassword)
	for _, email := range []string{"second@example.com", "root@example.com"} {
		var err error
		if s.root, err = b.store.CreateAccount(t.Context(), sso.Account{Email: email, Active: true}, hash, []int64{sso.Administrators},
			sso.Event{Kind: sso.EventAccount}); err != nil {
			t.Fatal(err)
		}
	}
	s.owner.password("root@example.com", goodPassword).want(t, 303, "/")
	if resp := s.owner.addPasskey(s.key, spoil{}); resp.StatusCode != 200 {
		t.Fatalf("passkey: got %d %s", resp.StatusCode, resp.body)
	}
	return s
}

const laterPassword = "seven quiet lamps argue with rain"

// changes are what makes worthless what somebody has shown a moment ago.
func changes() map[string]func(t *testing.T, s *stage) {
	cli := sso.Event{Kind: sso.EventAccount, Actor: "cli"}
	saves := func(settings ...string) func(*testing.T, *stage) {
		return func(_ *testing.T, s *stage) { s.save(settings...) }
	}
	return map[string]func(t *testing.T, s *stage){
		"the owner changes the password": func(t *testing.T, s *stage) {
			s.owner.send("POST", "/auth/password", form("old", goodPassword, "new", laterPassword, "again", laterPassword)).
				want(t, 303, "/auth/password?done=changed")
		},
		"the shell sets a password": func(t *testing.T, s *stage) {
			hash, _ := quickly{}.Hash(t.Context(), laterPassword)
			if err := s.store.SetPassword(t.Context(), s.root.ID, hash, cli); err != nil {
				t.Error(err)
			}
		},
		"the account is deactivated": func(t *testing.T, s *stage) {
			if err := s.store.SetActive(t.Context(), s.root.ID, false, cli); err != nil {
				t.Error(err)
			}
		},
		"the account is purged": func(t *testing.T, s *stage) {
			if _, err := s.store.PurgeAccount(t.Context(), s.root.ID, cli); err != nil {
				t.Error(err)
			}
		},
		"the passkey is removed": func(t *testing.T, s *stage) {
			s.owner.send("POST", "/auth/passkeys", form("do", "remove", "id", b64(s.key.id))).want(t, 303, "/auth/passkeys?done=removed")
		},
		"passwords are switched off":   saves("ENABLE_PASSWORD_LOGIN=false"),
		"the provider is switched off": saves("JWT_ENABLED=false"),
		"the secret is exchanged":      saves("JWT_SHARED_SECRET=pK3mWq8sVz1xYc6tRb4nHj9gLf2dSe7aUo5iXyZvBwQ"),
		"provisioning is switched off": saves("JWT_USER_PROVISIONING_ENABLED=false"),
		"the site gets another name":   saves("SITE_NAME=Another"),
	}
}

// ways are how somebody signs in.
func ways() map[string]func(s *stage, c *browser) response {
	return map[string]func(s *stage, c *browser) response{
		"a password": func(_ *stage, c *browser) response { return c.password("root@example.com", goodPassword) },
		"a passkey":  func(s *stage, c *browser) response { return c.usePasskey(s.key, signInPath, spoil{}) },
		"a token":    func(_ *stage, c *browser) response { return c.signIn(nil) },
		"a program's token": func(_ *stage, c *browser) response {
			return c.send("POST", "/auth/sso/to_session", "application/json\n"+`{"jwt":"`+c.b.token(nil)+`"}`)
		},
	}
}

// SECURITY D8: what was right when it was shown, and is not any more when the session would open, opens none, whatever
// was in flight. A change that has nothing to do with it gets in nobody's way.
func TestSignInInFlight(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, database string) {
		for _, row := range []struct {
			way, change string
			want        int
			opens       bool
		}{
			{"a password", "the owner changes the password", 401, false},
			{"a password", "the shell sets a password", 401, false},
			{"a password", "the account is deactivated", 401, false},
			{"a password", "the account is purged", 401, false},
			{"a password", "passwords are switched off", 404, false},
			{"a password", "the site gets another name", 303, true},
			{"a passkey", "the passkey is removed", 401, false},
			{"a passkey", "the account is deactivated", 401, false},
			{"a passkey", "the account is purged", 401, false},
			{"a passkey", "passwords are switched off", 200, true}, // passkeys go on without passwords
			{"a passkey", "the site gets another name", 200, true},
			{"a token", "the provider is switched off", 400, false},
			{"a token", "the secret is exchanged", 401, false},
			{"a token", "provisioning is switched off", 401, false},
			{"a token", "the site gets another name", 302, true},
			{"a program's token", "the provider is switched off", 400, false},
			{"a program's token", "the site gets another name", 200, true},
		} {
			t.Run(row.way+" while "+row.change, func(t *testing.T) {
				s := newStage(t, another(t, database))
				before := s.opened()
				act := func() { changes()[row.change](t, s) }
				s.meddler.once.Store(&act)
				c := s.browser()
				resp := ways()[row.way](s, c)
				if resp.StatusCode != row.want {
					t.Errorf("got %d %s, want %d", resp.StatusCode, sso.Truncate(resp.body, 200), row.want)
				}
				if s.meddler.once.Load() != nil {
					t.Fatal("nothing was changed meanwhile")
				}
				switch opened := s.opened() - before; {
				case row.opens && opened != 1:
					t.Errorf("got %d new sessions, want 1", opened)
				case !row.opens && opened != 0:
					t.Errorf("got %d sessions by what was worth nothing any more", opened)
				}
				if who := c.who(); !row.opens && who != nil {
					t.Errorf("signed in as %v", who)
				}
				if row.change == "the account is purged" {
					s.namesNobody("root@example.com")
				}
			})
		}
	})
}

// namesNobody wants the trail to have nothing of somebody who was purged.
func (b *bridge) namesNobody(email string) {
	b.t.Helper()
	list, _, err := b.store.Events(b.t.Context(), sso.EventQuery{Page: sso.Page{Limit: sso.MaxLimit}})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range list {
		if e.Email == email || e.Actor == email || strings.Contains(e.Detail, email) {
			b.t.Errorf("the trail has %+v", e)
		}
	}
}

// opened counts the sign-ins of which the trail knows that they succeeded.
func (b *bridge) opened() int {
	b.t.Helper()
	list, _, err := b.store.Events(b.t.Context(), sso.EventQuery{Page: sso.Page{Limit: sso.MaxLimit}, Kinds: []sso.EventKind{sso.EventSignIn}})
	if err != nil {
		b.t.Fatal(err)
	}
	return len(list)
}

// SECURITY D8, G3: nor is it a fresh proof of who somebody is.
func TestProofInFlight(t *testing.T) {
	t.Parallel()
	ways := map[string]func(s *stage, c *browser) response{
		"a password": func(_ *stage, c *browser) response {
			return c.send("POST", "/auth/confirm", form("password", goodPassword, "return_to", "/a"))
		},
		"a passkey": func(s *stage, c *browser) response { return c.usePasskey(s.key, "/auth/confirm/passkey", spoil{}) },
	}
	onEach(t, func(t *testing.T, database string) {
		for _, row := range []struct{ way, change string }{
			{"a password", "the owner changes the password"},
			{"a password", "the shell sets a password"},
			{"a password", "the account is deactivated"},
			{"a password", "the account is purged"},
			{"a passkey", "the passkey is removed"},
			{"a passkey", "the account is deactivated"},
			{"a passkey", "the account is purged"},
		} {
			t.Run(row.way+" while "+row.change, func(t *testing.T) {
				s := newStage(t, another(t, database))
				c := s.browser()
				c.password("root@example.com", goodPassword).want(t, 303, "/")
				s.Pass(11 * time.Minute)
				s.owner.password("root@example.com", goodPassword).want(t, 303, "/")
				act := func() { changes()[row.change](t, s) }
				s.meddler.once.Store(&act)
				if resp := ways[row.way](s, c); resp.StatusCode != 401 {
					t.Errorf("got %d %s, want 401", resp.StatusCode, sso.Truncate(resp.body, 200))
				}
				if s.meddler.once.Load() != nil {
					t.Fatal("nothing was changed meanwhile")
				}
				if resp := c.get("/auth/confirm?return_to=/a"); resp.Header.Get("Location") == "/a" {
					t.Error("what was worth nothing any more is a fresh proof")
				}
			})
		}
	})
}

// SECURITY D8: nor does a session that ends leave a passkey behind, by which whoever had it would come back.
func TestPasskeyInFlight(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, database string) {
		for _, change := range []string{"the owner changes the password", "the shell sets a password", "the account is deactivated"} {
			t.Run(change, func(t *testing.T) {
				s := newStage(t, another(t, database))
				c, key := s.browser(), &softKey{}
				c.password("root@example.com", goodPassword).want(t, 303, "/")
				act := func() { changes()[change](t, s) }
				s.meddler.once.Store(&act)
				if resp := c.addPasskey(key, spoil{}); resp.StatusCode == 200 {
					t.Errorf("got %d, want a refusal", resp.StatusCode)
				}
				if all, err := s.store.Passkeys(t.Context(), s.root.ID); err != nil || len(all) != 1 {
					t.Errorf("got %d passkeys, %v, want the owner's", len(all), err)
				}
			})
		}
	})
}

// The row of the report: nine sign in with the old password while its owner changes it, thirty times.
func TestNineSignInWhileThePasswordChanges(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, database string) {
		s := startWith(t, func(o *server.Options) { o.Passwords = quickly{} }, database)
		root := s.root()
		old, current := "old password of this round", ""
		hash, _ := quickly{}.Hash(t.Context(), old)
		if err := s.store.SetPassword(t.Context(), root.ID, hash, sso.Event{Kind: sso.EventAccount}); err != nil {
			t.Fatal(err)
		}
		for round := range 30 {
			current = fmt.Sprintf("wandering otters file taxes %d", round)
			owner := s.browser()
			owner.password("root@example.com", old).want(t, 303, "/")
			thieves := make([]*browser, 9)
			var wg sync.WaitGroup
			for i := range thieves {
				thieves[i] = s.browser()
				wg.Go(func() { thieves[i].password("root@example.com", old) })
			}
			owner.send("POST", "/auth/password", form("old", old, "new", current, "again", current)).want(t, 303, "/auth/password?done=changed")
			wg.Wait()
			for i, c := range thieves {
				if who := c.who(); who != nil {
					t.Errorf("round %d: thread %d is signed in as %v with the old password", round, i, who["email"])
				}
			}
			if owner.email() != "root@example.com" {
				t.Errorf("round %d: the owner is signed out", round)
			}
			old = current
			s.Pass(throttled)
		}
	})
}

// throttled is longer than guesses count.
const throttled = 16 * time.Minute

// quickly hashes nothing, and takes a while to say what it found: longer than what follows.
type quickly struct{}

func (quickly) Verify(_ context.Context, hash, typed string) (ok, rehash bool, err error) {
	time.Sleep(rand.N(10 * time.Millisecond))
	return hash == "hash of "+typed, false, nil
}

func (quickly) Hash(_ context.Context, typed string) (string, error) { return "hash of " + typed, nil }
