package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
)

func TestKeyUse(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		for _, e := range []sso.Event{
			{At: start, Kind: sso.EventSetting, KeyID: "secret a", Actor: "root@example.com"},
			{At: start.Add(time.Hour), Kind: sso.EventSetting, KeyID: "secret a", Actor: "later@example.com"},
			{At: start.Add(time.Hour), Kind: sso.EventSignIn, KeyID: "secret a"},
			{At: start.Add(48 * time.Hour), Kind: sso.EventSignIn, KeyID: "secret a"},
			{At: start.Add(49 * time.Hour), Kind: sso.EventSignIn, KeyID: "secret a"},
			{At: start.Add(50 * time.Hour), Kind: sso.EventSignIn, KeyID: "secret b"},
			{At: start.Add(51 * time.Hour), Kind: sso.EventSignInRefused, KeyID: "secret a"},
		} {
			if err := db.Record(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		for id, want := range map[string]sso.KeyUse{
			"secret a": {SignIns: 2, LastUsed: start.Add(49 * time.Hour), MadeAt: start, MadeBy: "root@example.com"},
			"secret b": {SignIns: 1, LastUsed: start.Add(50 * time.Hour)},
			"secret c": {},
		} {
			got, err := db.KeyUse(t.Context(), id, start.Add(48*time.Hour))
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s (-want +got):\n%s%v", id, diff, err)
			}
		}
	})
}
