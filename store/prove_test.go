package store_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/store"
)

func (db *testDB) sessionOf(accountID int64) (sso.Session, string) {
	id := sso.NewSessionID()
	now := *db.now.Load()
	n := sso.Session{AccountID: accountID, Provider: "password", CreatedAt: now, LastUsed: now, ExpiresAt: now.Add(24 * time.Hour)}
	n.Hash, _ = sso.HashSessionID(id)
	return n, id
}

// signedIn opens a session of an account with a password of that hash.
func (db *testDB) signedIn(t *testing.T, accountID int64, hash string) sso.SessionHash {
	t.Helper()
	n, _ := db.sessionOf(accountID)
	_, version, err := db.Settings(t.Context())
	if err == nil {
		err = db.OpenSession(t.Context(), n, credential.Credential{AccountID: accountID, PasswordHash: hash, Settings: version}, sso.Event{Kind: sso.EventSignIn})
	}
	if err != nil {
		t.Fatal(err)
	}
	return n.Hash
}

// SECURITY F7: of many set-ups at once, on several replicas, one wins; then there is nothing to set up.
func TestSetUpOnce(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		secret, err := db.SetupSecret(t.Context(), "the first")
		if err != nil || secret != "the first" {
			t.Fatalf("first secret: got %q, %v", secret, err)
		}
		other := db.another(t, store.Options{})
		if again, err := other.SetupSecret(t.Context(), "another"); err != nil || again != secret {
			t.Errorf("on another replica: got %q, %v; want the same", again, err)
		}
		for name, wrong := range map[string]string{"empty": "", "a prefix": "the fir", "longer": "the first "} {
			wantCode(t, name, db.CheckSetup(t.Context(), wrong), sso.Forbidden)
		}
		if err := db.CheckSetup(t.Context(), secret); err != nil {
			t.Errorf("right secret: got %v", err)
		}
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				n, _ := db.sessionOf(0)
				s := []*store.Store{db.Store, other}[i%2]
				a, err := s.SetUp(t.Context(), secret, sso.Account{Email: fmt.Sprintf("root%d@example.com", i)}, "hash", nil, n, sso.Event{Kind: sso.EventAccount})
				switch {
				case err == nil:
					won.Add(1)
					if p, err := s.Principal(t.Context(), n.Hash); err != nil || !p.Administrator() || p.Account.ID != a.ID || p.Account.LastLogin.IsZero() {
						t.Errorf("winner's session: got %v, %v", p, err)
					}
				case !errors.Is(err, sso.NotFound):
					t.Errorf("loser: got %v, want not_found", err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("got %d winners, want 1", won.Load())
		}
		wantCode(t, "check afterwards", db.CheckSetup(t.Context(), secret), sso.NotFound)
		_, err = db.SetupSecret(t.Context(), "late")
		wantCode(t, "secret afterwards", err, sso.NotFound)
	})
}

// An administrator who appears another way closes the set-up; an e-mail that is taken does not spend the secret, and
// gives that account nothing.
func TestSetUpEndsWithAnyAdministrator(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		secret, err := db.SetupSecret(t.Context(), "secret")
		if err != nil {
			t.Fatal(err)
		}
		eve, err := db.CreateAccount(t.Context(), sso.Account{Email: "eve@example.com", Active: true}, "", nil, sso.Event{Kind: sso.EventAccount})
		if err != nil {
			t.Fatal(err)
		}
		n, _ := db.sessionOf(0)
		_, err = db.SetUp(t.Context(), secret, sso.Account{Email: "EVE@example.com"}, "hash", nil, n, sso.Event{Kind: sso.EventAccount})
		wantCode(t, "taken e-mail", err, sso.Conflict)
		if m, err := db.Memberships(t.Context(), eve.ID); err != nil || len(m) != 1 {
			t.Errorf("eve's groups: got %v, %v; want All Users alone", m, err)
		}
		if err := db.CheckSetup(t.Context(), secret); err != nil {
			t.Errorf("after a conflict: got %v, want the secret still good", err)
		}
		if _, err := db.CreateAccount(t.Context(), sso.Account{Email: "root@example.com", Active: true}, "hash", []int64{sso.Administrators}, sso.Event{Kind: sso.EventAccount}); err != nil {
			t.Fatal(err)
		}
		wantCode(t, "with an administrator", db.CheckSetup(t.Context(), secret), sso.NotFound)
		_, err = db.SetUp(t.Context(), secret, sso.Account{Email: "second@example.com"}, "hash", nil, n, sso.Event{Kind: sso.EventAccount})
		wantCode(t, "set-up with an administrator", err, sso.NotFound)
	})
}

// SECURITY D3: a renewed session has another id, and the old one is worth nothing.
func TestRenewSession(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		a, err := db.CreateAccount(t.Context(), sso.Account{Email: "ada@example.com", Active: true}, "hash", nil, sso.Event{Kind: sso.EventAccount})
		if err != nil {
			t.Fatal(err)
		}
		n, _ := db.sessionOf(a.ID)
		by := credential.Credential{AccountID: a.ID, PasswordHash: "hash"}
		if err := db.OpenSession(t.Context(), n, by, sso.Event{Kind: sso.EventSignIn}); err != nil {
			t.Fatal(err)
		}
		p, err := db.Principal(t.Context(), n.Hash)
		if err != nil || !p.Session.ProvedAt.Equal(n.CreatedAt) {
			t.Errorf("new session: proved at %v, %v; want %v", p.Session.ProvedAt, err, n.CreatedAt)
		}
		_, seq, _ := db.Changes(t.Context(), -1)
		renewed, _ := db.sessionOf(a.ID)
		later := n.CreatedAt.Add(time.Hour)
		if err := db.RenewSession(t.Context(), n.Hash, renewed.Hash, by, later, sso.Event{Kind: sso.EventSession}); err != nil {
			t.Fatal(err)
		}
		if p, err := db.Principal(t.Context(), renewed.Hash); err != nil || !p.Session.ProvedAt.Equal(later) || !p.Session.CreatedAt.Equal(n.CreatedAt) {
			t.Errorf("renewed: got %+v, %v", p, err)
		}
		_, err = db.Principal(t.Context(), n.Hash)
		wantCode(t, "old id", err, sso.NotSignedIn)
		wantCode(t, "renewing the old id", db.RenewSession(t.Context(), n.Hash, renewed.Hash, by, later, sso.Event{}), sso.NotSignedIn)
		if changes, _, err := db.Changes(t.Context(), seq); err != nil || len(changes) != 1 || changes[0].AccountID != a.ID {
			t.Errorf("announced: got %v, %v", changes, err)
		}
	})
}

// SECURITY D4: a new password ends every session but the new one. E3: there must have been one.
func TestChangePassword(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		a, err := db.CreateAccount(t.Context(), sso.Account{Email: "ada@example.com", Active: true}, "old", nil, sso.Event{Kind: sso.EventAccount})
		if err != nil {
			t.Fatal(err)
		}
		before, _ := db.sessionOf(a.ID)
		by := credential.Credential{AccountID: a.ID, PasswordHash: "old"}
		if err := db.OpenSession(t.Context(), before, by, sso.Event{Kind: sso.EventSignIn}); err != nil {
			t.Fatal(err)
		}
		after, _ := db.sessionOf(0)
		wantCode(t, "another old hash", db.ChangePassword(t.Context(), a.ID, "guess", "new", after, sso.Event{}), sso.Conflict)
		wantCode(t, "no old hash", db.ChangePassword(t.Context(), a.ID, "", "new", after, sso.Event{}), sso.Invalid)
		wantCode(t, "no new hash", db.ChangePassword(t.Context(), a.ID, "old", "", after, sso.Event{}), sso.Invalid)
		if err := db.ChangePassword(t.Context(), a.ID, "old", "new", after, sso.Event{Kind: sso.EventAccount}); err != nil {
			t.Fatal(err)
		}
		_, hash, err := db.PasswordHash(t.Context(), a.Email)
		if err != nil || hash != "new" {
			t.Errorf("hash: got %q, %v", hash, err)
		}
		_, err = db.Principal(t.Context(), before.Hash)
		wantCode(t, "session from before", err, sso.NotSignedIn)
		if _, err := db.Principal(t.Context(), after.Hash); err != nil {
			t.Errorf("new session: %v", err)
		}
	})
}

// SECURITY I2, I4: of many guesses at once only as many as the limit get through, on all replicas together.
func TestFailuresWithinALimit(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		other := db.another(t, store.Options{})
		limits := map[string]int{"account:1": 5, "all": 7}
		var through atomic.Int32
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				over, err := []*store.Store{db.Store, other}[i%2].AddFailureWithin(t.Context(), limits, start.Add(-time.Minute), start)
				if err != nil {
					t.Error(err)
				}
				if over == "" {
					through.Add(1)
				} else if over != "account:1" {
					t.Errorf("over: got %q, want account:1", over)
				}
			})
		}
		wg.Wait()
		if through.Load() != 5 {
			t.Errorf("got %d through, want 5", through.Load())
		}
		if over, err := db.AddFailureWithin(t.Context(), limits, start.Add(time.Second), start.Add(time.Second)); over != "" || err != nil {
			t.Errorf("once the window has moved on: got %q, %v", over, err)
		}
	})
}

func TestPasskeys(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		ada, err := db.CreateAccount(t.Context(), sso.Account{Email: "ada@example.com", Active: true}, "hash", nil, sso.Event{Kind: sso.EventAccount})
		if err != nil {
			t.Fatal(err)
		}
		eve, err := db.CreateAccount(t.Context(), sso.Account{Email: "eve@example.com", Active: true}, "hash", nil, sso.Event{Kind: sso.EventAccount})
		if err != nil {
			t.Fatal(err)
		}
		e := sso.Event{Kind: sso.EventAccount}
		key := credential.Passkey{ID: "key", AccountID: ada.ID, Handle: []byte{0, 1, 255}, Name: "Laptop", Credential: "{}", SignCount: 3, CreatedAt: start}
		hers := db.signedIn(t, ada.ID, "hash")
		wantCode(t, "another's session", db.AddPasskey(t.Context(), key, db.signedIn(t, eve.ID, "hash"), e), sso.NotSignedIn)
		if err := db.AddPasskey(t.Context(), key, hers, e); err != nil {
			t.Fatal(err)
		}
		stolen := key
		stolen.AccountID = eve.ID
		wantCode(t, "the same credential for another account", db.AddPasskey(t.Context(), stolen, db.signedIn(t, eve.ID, "hash"), e), sso.Conflict)
		odd := key
		odd.ID, odd.Handle = "key2", []byte{9}
		wantCode(t, "another handle", db.AddPasskey(t.Context(), odd, hers, e), sso.Conflict)

		wantCode(t, "rename another's", db.RenamePasskey(t.Context(), eve.ID, "key", "x", e), sso.NotFound)
		wantCode(t, "remove another's", db.RemovePasskey(t.Context(), eve.ID, "key", sso.SessionHash{}, credential.Ways{}, e), sso.NotFound)
		if err := db.RenamePasskey(t.Context(), ada.ID, "key", "Phone", e); err != nil {
			t.Error(err)
		}
		used := key
		used.SignCount, used.Credential = 4, `{"a":1}`
		by := credential.Credential{AccountID: ada.ID, Passkey: &used, CountBefore: 3}
		opened := func(by credential.Credential) (sso.SessionHash, error) {
			n, _ := db.sessionOf(by.AccountID)
			n.CreatedAt, n.Proof = start.Add(time.Minute), credential.PasskeyProof(by.Passkey.ID)
			return n.Hash, db.OpenSession(t.Context(), n, by, e)
		}
		first, err := opened(by)
		if err != nil {
			t.Error(err)
		}
		wantCode(t, "the same count at once", second(opened(by)), sso.Conflict)
		notHers := by
		notHers.AccountID, notHers.CountBefore = eve.ID, 4
		wantCode(t, "another's", second(opened(notHers)), sso.Conflict)
		all, err := db.Passkeys(t.Context(), ada.ID)
		if err != nil || len(all) != 1 || all[0].Name != "Phone" || all[0].SignCount != 4 || string(all[0].Handle) != "\x00\x01\xff" ||
			!all[0].LastUsed.Equal(start.Add(time.Minute)) {
			t.Errorf("list: got %+v, %v", all, err)
		}
		for i := range store.MaxPasskeys {
			more := key
			more.ID = fmt.Sprintf("more%d", i)
			err = db.AddPasskey(t.Context(), more, hers, e)
		}
		wantCode(t, "one too many", err, sso.Conflict)
		by.CountBefore = 4
		here, err := opened(by)
		if err != nil {
			t.Error(err)
		}
		if err := db.RemovePasskey(t.Context(), ada.ID, "key", here, credential.Ways{}, e); err != nil {
			t.Error(err)
		}
		_, err = db.Passkey(t.Context(), "key")
		wantCode(t, "removed", err, sso.NotFound)
		wantCode(t, "use of a removed one", second(opened(by)), sso.Conflict)
		wantCode(t, "a session that it opened", second(db.Principal(t.Context(), first)), sso.NotSignedIn)
		if _, err := db.Principal(t.Context(), here); err != nil {
			t.Errorf("the session in which it was removed: %v", err)
		}
	})
}

// The last way in of the administrators stays, of those that are on; everybody else may remove theirs.
func TestLastPasskey(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		e, key := sso.Event{Kind: sso.EventAccount}, 0
		account := func(email, hash string, administrator bool) (int64, string) {
			a, err := db.CreateAccount(t.Context(), sso.Account{Email: email, Active: true}, hash, map[bool][]int64{true: {sso.Administrators}}[administrator], e)
			if err != nil {
				t.Fatal(err)
			}
			hers := sso.SessionHash{}
			if hash != "" {
				hers = db.signedIn(t, a.ID, hash)
			} else {
				_, hers = db.signIn(t, person(email), standard)
			}
			key++
			id := fmt.Sprint("key", key)
			if err := db.AddPasskey(t.Context(), credential.Passkey{ID: id, AccountID: a.ID, Handle: []byte{byte(key)}, Name: "x", Credential: "{}", CreatedAt: start}, hers, e); err != nil {
				t.Fatal(err)
			}
			return a.ID, id
		}
		root, only := account("root@example.com", "", true)
		other, others := account("other@example.com", "hash", true)
		user, theirs := account("user@example.com", "hash", false)
		remove := func(account int64, id string, on credential.Ways) error {
			return db.RemovePasskey(t.Context(), account, id, sso.SessionHash{}, on, e)
		}
		none, passwords := credential.Ways{}, credential.Ways{Passwords: true}
		if err := remove(user, theirs, none); err != nil {
			t.Errorf("of somebody else: %v", err)
		}
		if err := remove(other, others, none); err != nil {
			t.Errorf("of an administrator beside another one: %v", err)
		}
		wantCode(t, "the last", remove(root, only, none), sso.Conflict)
		if _, err := db.Passkey(t.Context(), only); err != nil {
			t.Errorf("the last is gone: %v", err)
		}
		if err := db.SetActive(t.Context(), other, false, e); err != nil {
			t.Fatal(err)
		}
		wantCode(t, "while the one with a password is deactivated", remove(root, only, passwords), sso.Conflict)
		if err := db.SetActive(t.Context(), other, true, e); err != nil {
			t.Fatal(err)
		}
		if err := remove(root, only, passwords); err != nil {
			t.Errorf("beside an administrator's password: %v", err)
		}
	})
}
