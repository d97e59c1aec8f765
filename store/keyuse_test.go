package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/trail"
)

func TestKeyUses(t *testing.T) {
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
			got, err := db.KeyUses(t.Context(), []string{"secret a", "secret b", "secret c"}, start.Add(48*time.Hour))
			if diff := cmp.Diff(want, got[id]); diff != "" || len(got) != 3 || err != nil {
				t.Errorf("%s (-want +got):\n%s%v", id, diff, err)
			}
		}
	})
}

// Sign-ins are counted by key and day, at most so many of a day; other events are not.
func TestKeyDays(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		midnight := start.Truncate(24 * time.Hour)
		for _, e := range []sso.Event{
			{At: midnight.Add(-time.Microsecond), Kind: sso.EventSignIn, KeyID: "a"}, {At: midnight, Kind: sso.EventSignIn, KeyID: "a"},
			{At: midnight.Add(24*time.Hour - time.Microsecond), Kind: sso.EventSignIn, KeyID: "a"}, {At: midnight.Add(48 * time.Hour), Kind: sso.EventSignIn, KeyID: "a"},
			{At: midnight.Add(time.Hour), Kind: sso.EventSignInRefused, KeyID: "a"}, {At: midnight.Add(30 * time.Hour), Kind: sso.EventSignIn, KeyID: "b"},
			{At: midnight.Add(72 * time.Hour), Kind: sso.EventSignIn, KeyID: "b"},
		} {
			if err := db.Record(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := db.raw(t).ExecContext(t.Context(), fmt.Sprintf(`INSERT INTO events (at, kind, code, reference, provider, account_id, email, email_key, actor, peer, detail, key_id, proof)
			WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			SELECT %d + i, 'sign_in', '', '', 'jwt', 1, '', '', '', '', '', 'busy', '' FROM n`, trail.KeyDayMost+3, midnight.UnixMicro())); err != nil {
			t.Fatal(err)
		}
		got, err := db.KeyDays(t.Context(), []string{"a", "b", "c", "busy"}, midnight, 3)
		want := map[string][]int{"a": {2, 0, 1}, "b": {0, 1, 0}, "c": {0, 0, 0}, "busy": {trail.KeyDayMost, 0, 0}}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("(-want +got):\n%s%v", diff, err)
		}
	})
}

// BenchmarkKeyUses: what is known of keys in a million events, one of them never used.
func BenchmarkKeyUses(b *testing.B) {
	benches(b, func(b *testing.B, db *testDB) {
		raw := db.raw(b)
		if _, err := raw.ExecContext(b.Context(), fmt.Sprintf(`INSERT INTO events (at, kind, code, reference, provider, account_id, email, email_key, actor, peer, detail, key_id, proof)
			WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
			SELECT %d + i * 5000000, 'sign_in', '', 'R' || i, 'jwt', i %% 100000, 'p', 'p', '', '192.0.2.1', '', 'used', 'proof' FROM n`, start.UnixMicro())); err != nil {
			b.Fatal(err)
		}
		if db.url[0] == 'p' {
			if _, err := raw.ExecContext(b.Context(), "VACUUM ANALYZE events"); err != nil {
				b.Fatal(err)
			}
		}
		b.Run("14 days", func(b *testing.B) {
			for range b.N {
				if _, err := db.KeyDays(b.Context(), []string{"used", "never"}, start.Add(1_000_000*5*time.Second-14*24*time.Hour), 14); err != nil {
					b.Fatal(err)
				}
			}
		})
		for _, indexed := range []string{"", "DROP INDEX events_key"} {
			if _, err := raw.ExecContext(b.Context(), indexed); err != nil {
				b.Fatal(err)
			}
			for _, key := range []string{"used", "never"} {
				b.Run(key+" "+indexed, func(b *testing.B) {
					for range b.N {
						if _, err := db.KeyUses(b.Context(), []string{key}, start.Add(1_000_000*5*time.Second-24*time.Hour)); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	})
}
