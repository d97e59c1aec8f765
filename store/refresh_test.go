package store_test

import (
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
)

// A session that gets another id, since its person has confirmed with a password, takes along what its provider gave. A refresh
// that is under way goes on with it. SECURITY D3
func TestRenewedSessionKeepsGrant(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		now := *db.now.Load()
		account, err := db.CreateAccount(t.Context(), sso.Account{Email: "ada@example.com", Active: true}, "hash", nil, sso.Event{Kind: sso.EventAccount})
		if err != nil {
			t.Fatal(err)
		}
		policy := standard
		policy.LinkPasswordAccounts = true
		x, in := conformance.Arrival(now, person("ada@example.com"), policy)
		in.Granted = granted
		if _, err := db.SignIn(t.Context(), x, in); err != nil {
			t.Fatal(err)
		}
		c, claimed, err := db.ClaimRefresh(t.Context(), in.Session.Hash, now, now, now.Add(time.Hour))
		if err != nil || !claimed || c.Granted != granted {
			t.Fatalf("got %+v, %v, %v", c, claimed, err)
		}

		renewed, _ := sso.HashSessionID(sso.NewSessionID())
		by := credential.Credential{AccountID: account.ID, PasswordHash: "hash"}
		if err := db.RenewSession(t.Context(), in.Session.Hash, renewed, by, now, sso.Event{Kind: sso.EventProof}); err != nil {
			t.Fatal(err)
		}
		if g, err := db.Granted(t.Context(), renewed); err != nil || g != granted {
			t.Errorf("under the new id: got %+v, %v", g, err)
		}
		rotated := granted
		rotated.RefreshToken = "another"
		if err := db.KeepGranted(t.Context(), c, rotated); err != nil {
			t.Errorf("a new refresh token: %v", err)
		}
		if g, err := db.Granted(t.Context(), renewed); err != nil || g != rotated {
			t.Errorf("after it: got %+v, %v", g, err)
		}
		if err := db.EndRefused(t.Context(), c, sso.Event{At: now, Kind: sso.EventNotRefreshed}); err != nil {
			t.Errorf("the end: %v", err)
		}
		if _, err := db.Principal(t.Context(), renewed); sso.CodeOf(err) != sso.NotSignedIn {
			t.Errorf("after the end: got %v", err)
		}
	})
}
