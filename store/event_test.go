package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
)

func TestEvents(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
		for i, e := range []sso.Event{
			{At: at(0), Kind: sso.EventSignIn, AccountID: 1, Email: "Ada@example.com", Reference: "AAAA"},
			{At: at(1), Kind: sso.EventSignInRefused, Code: sso.TokenExpired, Email: "ada@example.com", Reference: "BBBB"},
			{At: at(1), Kind: sso.EventSignInRefused, Code: sso.TokenReplayed, Reference: "CCCC"},
			{At: at(1), Kind: sso.EventSignOut, AccountID: 1},
			{At: at(60 * 24), Kind: sso.EventSignInRefused, Code: sso.TokenExpired, AccountID: 2, Email: "bob@example.com"},
		} {
			e.Detail, e.Provider, e.Actor, e.Peer, e.KeyID, e.Proof = fmt.Sprint(i), "jwt", "cli", "192.0.2.1", "k", "p"
			if err := db.Record(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		for _, tt := range []struct {
			name  string
			query sso.EventQuery
			want  string // details, newest first
		}{
			{"all", sso.EventQuery{}, "4 3 2 1 0"},
			{"kind", sso.EventQuery{Kinds: []sso.EventKind{sso.EventSignInRefused}}, "4 2 1"},
			{"kinds", sso.EventQuery{Kinds: []sso.EventKind{sso.EventSignOut, sso.EventSignIn}}, "3 0"},
			{"code", sso.EventQuery{Code: sso.TokenExpired}, "4 1"},
			{"account", sso.EventQuery{AccountID: 1}, "3 0"},
			{"e-mail", sso.EventQuery{Email: "ADA@example.com"}, "1 0"},
			{"reference", sso.EventQuery{Reference: "CCCC"}, "2"},
			{"since", sso.EventQuery{Since: at(1)}, "4 3 2 1"},
			{"until", sso.EventQuery{Until: at(1)}, "0"},
			{"code and e-mail", sso.EventQuery{Code: sso.TokenExpired, Email: "ada@example.com"}, "1"},
			{"nothing", sso.EventQuery{Reference: "ZZZZ"}, ""},
		} {
			for _, limit := range []int{0, 1, 2} {
				var got []string
				for _, e := range pages(t, func(after string) ([]sso.Event, string, error) {
					q := tt.query
					q.Page = sso.Page{After: after, Limit: limit}
					return db.Events(t.Context(), q)
				}) {
					got = append(got, e.Detail)
				}
				if got := strings.Join(got, " "); got != tt.want {
					t.Errorf("%s, %d a page: got %s, want %s", tt.name, limit, got, tt.want)
				}
			}
		}
		one, _, err := db.Events(t.Context(), sso.EventQuery{Reference: "BBBB"})
		if err != nil || len(one) != 1 {
			t.Fatalf("got %v, %v", one, err)
		}
		want := sso.Event{ID: one[0].ID, At: at(1), Kind: sso.EventSignInRefused, Code: sso.TokenExpired, Reference: "BBBB", Provider: "jwt",
			Email: "ada@example.com", Actor: "cli", Peer: "192.0.2.1", Detail: "1", KeyID: "k", Proof: "p"}
		if diff := cmp.Diff(want, one[0]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		_, _, err = db.Events(t.Context(), sso.EventQuery{Page: sso.Page{After: "1"}})
		wantCode(t, "bad page", err, sso.Invalid)

		day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
		first := []sso.DayCount{{Day: day, Kind: sso.EventSignIn, Count: 1}, {Day: day, Kind: sso.EventSignInRefused, Count: 2}, {Day: day, Kind: sso.EventSignOut, Count: 1}}
		next := sso.DayCount{Day: day.AddDate(0, 0, 1), Kind: sso.EventSignInRefused, Count: 1}
		// Days that are over are counted once, by a sweep; the answers stay the same.
		for _, sweep := range []time.Time{{}, day.Add(23 * time.Hour), day.Add(24 * time.Hour), day.Add(26 * time.Hour), day.Add(27 * time.Hour), day.Add(90 * time.Hour)} {
			if !sweep.IsZero() {
				if _, err := db.Sweep(t.Context(), sweep); err != nil {
					t.Fatal(err)
				}
			}
			for _, tt := range []struct {
				since, until time.Time
				want         []sso.DayCount
			}{
				{day, day.AddDate(0, 0, 2), append(slices.Clone(first), next)},
				{day.AddDate(0, 0, -9), day.AddDate(0, 0, 9), append(slices.Clone(first), next)},
				{day, day.AddDate(0, 0, 1), first},
				{at(1), at(60*24 + 1), []sso.DayCount{first[1], first[2], next}},
				{at(1), at(2), first[1:]},
				{at(0), at(1), first[:1]},
				{at(2), at(60 * 24), nil},
				{at(2), at(2), nil},
			} {
				got, err := db.EventCounts(t.Context(), tt.since, tt.until)
				if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
					t.Errorf("swept at %v, counts from %v until %v (-want +got):\n%s%v", sweep, tt.since, tt.until, diff, err)
				}
			}
		}
		if n := db.count(t, "event_days"); n != 4 {
			t.Errorf("got %d rows of counted days, want 4", n)
		}
	})
}

// Forgotten events are gone from the trail, whole days at a time and in more than one batch; the numbers of the days stay.
func TestForgetEvents(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
		perDay := []int{0: 1100, 1: 3, 2: 2, 3: 1}
		for d, n := range perDay {
			events := make([]sso.Event, n)
			for i := range events {
				events[i] = sso.Event{At: day.AddDate(0, 0, d).Add(time.Duration(i) * time.Second), Kind: sso.EventSignIn}
			}
			if err := db.KeepEvents(t.Context(), events); err != nil {
				t.Fatal(err)
			}
		}
		counts, err := db.EventCounts(t.Context(), day, day.AddDate(0, 0, 4))
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name          string
			sweep, before time.Time
			gone, left    int
		}{
			{"nothing is counted yet", time.Time{}, day.AddDate(0, 0, 9), 0, 1106},
			{"the first day is not over", day.AddDate(0, 0, 2).Add(2 * time.Hour), day.Add(23 * time.Hour), 0, 1106},
			{"the first day", time.Time{}, day.Add(25 * time.Hour), 1100, 6},
			{"again", time.Time{}, day.Add(25 * time.Hour), 0, 6},
			{"all that is counted", time.Time{}, day.AddDate(0, 0, 9), 3, 3},
		} {
			if !tt.sweep.IsZero() {
				if _, err := db.Sweep(t.Context(), tt.sweep); err != nil {
					t.Fatal(err)
				}
			}
			n, err := db.ForgetEvents(t.Context(), tt.before)
			if left := db.count(t, "events"); err != nil || n != tt.gone || left != tt.left {
				t.Errorf("%s: got %d gone, %d left, %v, want %d, %d", tt.name, n, left, err, tt.gone, tt.left)
			}
			got, err := db.EventCounts(t.Context(), day, day.AddDate(0, 0, 4))
			if diff := cmp.Diff(counts, got); diff != "" || err != nil {
				t.Errorf("%s: counts (-before +after):\n%s%v", tt.name, diff, err)
			}
		}
	})
}

// Events that come together are all kept, and logins go on among them.
func TestFloodOfRefusals(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		const refusals, logins = 400, 20
		var kept atomic.Int64
		ssotest.AtOnce(refusals+logins, func(i int) {
			if i < refusals {
				if db.Record(context.Background(), sso.Event{Kind: sso.EventSignInRefused, Code: sso.TokenMalformed}) == nil {
					kept.Add(1)
				}
				return
			}
			x, in := conformance.Arrival(start, person(fmt.Sprintf("p%d@example.com", i)), standard)
			if _, err := db.SignIn(context.Background(), x, in); err != nil {
				t.Error(err)
			}
		})
		if got := int64(db.count(t, "events")); got != kept.Load()+logins {
			t.Errorf("%d events are kept, want the %d recorded and %d logins", got, kept.Load(), logins)
		}
		if kept.Load()+db.Dropped() != refusals {
			t.Errorf("%d recorded and %d dropped, want %d in all", kept.Load(), db.Dropped(), refusals)
		}
	})
}

// SECURITY L2: nobody from outside fills the disk with refusals, nor keeps others out of the trail with them.
func TestRefusalsAreBounded(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		forged := sso.Event{Kind: sso.EventSignInRefused, Code: sso.TokenSignature}
		flood := func() (kept int) {
			for range 40 {
				var all atomic.Int64
				ssotest.AtOnce(100, func(int) {
					if db.Record(context.Background(), forged) == nil {
						all.Add(1)
					}
				})
				kept += int(all.Load())
			}
			return kept
		}
		if got, want := flood(), 2000; got != want {
			t.Errorf("kept %d of 4000 at once, want %d", got, want)
		}
		for name, e := range map[string]sso.Event{
			"replayed": {Kind: sso.EventSignInRefused, Code: sso.TokenReplayed, Proof: "jti:x"},
			"password": {Kind: sso.EventSignInRefused, Code: sso.PasswordRefused, AccountID: 1},
			"sign-in":  {Kind: sso.EventSignIn},
		} {
			if err := db.Record(t.Context(), e); err != nil {
				t.Errorf("%s meanwhile: %v", name, err)
			}
		}
		// SECURITY L9: whether there is an account changes nothing about it.
		for _, code := range sso.Codes() {
			e := sso.Event{Kind: sso.EventSignInRefused, Code: code}
			unknown := db.Record(t.Context(), e)
			e.AccountID, e.Email = 1, "ada@example.com"
			if known := db.Record(t.Context(), e); (known == nil) != (unknown == nil) {
				t.Errorf("%s: of an account %v, of none %v", code, known, unknown)
			}
		}
	})
}

func TestRecordAfterClose(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		wantCode(t, "Record", db.Record(t.Context(), sso.Event{}), sso.StoreUnavailable)
		if db.Dropped() != 1 {
			t.Errorf("got %d dropped, want 1", db.Dropped())
		}
	})
}

// A page of the audit trail is found by its index, whatever the filter.
func TestEventsUseIndexes(t *testing.T) {
	db := open(t, "sqlite:"+t.TempDir()+"/test.db")
	raw := db.raw(t)
	for filter, index := range map[string]string{
		"":                                      "events_at",
		"kind = 'x'":                            "events_kind",
		"code <> '' AND code = $1":              "events_code",
		"account_id <> 0 AND account_id = $1":   "events_account",
		"email_key <> '' AND email_key = $1":    "events_email",
		"reference <> '' AND reference = $1":    "events_reference",
		"actor <> '' AND actor = $1":            "events_actor",
		"(at, id) < ($1, $2)":                   "events_at",
		"code <> '' AND code = $1 AND at >= $2": "events_code",
	} {
		where := ""
		if filter != "" {
			where = " WHERE " + filter
		}
		rows, err := raw.QueryContext(t.Context(), "EXPLAIN QUERY PLAN SELECT detail FROM events"+where+" ORDER BY at DESC, id DESC LIMIT 51", "1", "2")
		if err != nil {
			t.Fatal(err)
		}
		var plan []string
		for rows.Next() {
			var a, b, c int
			var detail string
			if err := rows.Scan(&a, &b, &c, &detail); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, detail)
		}
		rows.Close()
		if !slices.ContainsFunc(plan, func(s string) bool {
			return strings.Contains(s, "USING INDEX "+index+" ") || strings.HasSuffix(s, index)
		}) ||
			slices.ContainsFunc(plan, func(s string) bool { return strings.Contains(s, "TEMP B-TREE") }) {
			t.Errorf("%q: got plan %q, want %s", filter, plan, index)
		}
	}
}
