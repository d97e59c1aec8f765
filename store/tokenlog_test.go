package store_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
	"github.com/ssobridge/ssobridge/sso/tokenlog"
)

// A sign-in leaves the names of its token's claims behind, and a refused one leaves nothing. The sweep keeps the last of each
// provider.
func TestTokenLog(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		x, in := conformance.Arrival(start, person("ada@example.com"), standard)
		x.Claims = sso.Claims{"email": "ada@example.com", "a\u202eb": "secret", "iat": json.Number("100"), "exp": json.Number("160"), "iss": "acme", "aud": []any{"bridge", "other"}}
		for range 2 { // the second is a replay
			db.SignIn(t.Context(), x, in)
		}
		provider := x.Identity.Provider
		got, err := db.TokenLog(t.Context(), provider)
		want := []tokenlog.Entry{{At: start, Claims: []string{"aud", "a\ufffdb", "email", "exp", "iat", "iss"}, Lifetime: time.Minute,
			About: sso.Claims{"iss": "acme", "aud": []any{"bridge", "other"}, "iat": json.Number("100"), "exp": json.Number("160")}}}
		if len(got) == 1 {
			got[0].At = got[0].At.In(start.Location())
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, %v; want %+v", got, err, want)
		}
		raw, err := db.raw(t).BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{provider, "another"} {
			for i := range 2 * tokenlog.Kept {
				if _, err := raw.ExecContext(t.Context(), "INSERT INTO token_log (provider, at, lifetime, more, claims) VALUES ($1, $2, 0, 0, '[]')",
					p, start.Add(-time.Duration(i+1)*time.Second).UnixMicro()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := raw.Commit(); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Sweep(t.Context(), start); err != nil {
			t.Fatal(err)
		}
		if n := db.count(t, "token_log"); n != 2*tokenlog.Kept {
			t.Errorf("%d entries are left, want %d of each", n, tokenlog.Kept)
		}
		if got, err = db.TokenLog(t.Context(), provider); err != nil || len(got) != tokenlog.Kept || len(got[0].Claims) != 6 {
			t.Errorf("after the sweep: %d entries, %v; want the newest among them", len(got), err)
		}
	})
}
