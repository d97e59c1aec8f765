package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
)

// A trail answers with the query that it was asked, and with pages of one event each until there are none.
type trail struct {
	asked  []sso.EventQuery
	pages  int
	counts []sso.DayCount
	broken error
}

func (r *trail) Account(_ context.Context, id int64) (sso.Account, error) {
	if id != 7 {
		return sso.Account{}, sso.NotFound
	}
	return sso.Account{ID: 7, Email: "ada@example.com"}, nil
}

func (r *trail) AccountByEmail(_ context.Context, email string) (sso.Account, error) {
	if email != "ada@example.com" {
		return sso.Account{}, sso.NotFound
	}
	return sso.Account{ID: 7, Email: "ada@example.com"}, nil
}

func (r *trail) Events(_ context.Context, q sso.EventQuery) ([]sso.Event, string, error) {
	r.asked = append(r.asked, q)
	n := len(r.asked)
	if n >= r.pages {
		return []sso.Event{{ID: int64(n)}}, "", r.broken
	}
	return []sso.Event{{ID: int64(n)}}, fmt.Sprint("after ", n), nil
}

func (r *trail) EventCounts(context.Context, time.Time, time.Time) ([]sso.DayCount, error) {
	return r.counts, r.broken
}

// What a filter means, and what it cannot mean: that is refused at its field, since an empty list would look like an answer.
func TestActivityFilter(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	for _, tt := range []struct {
		filter ActivityFilter
		want   sso.EventQuery
		field  string
	}{
		{ActivityFilter{}, sso.EventQuery{}, ""},
		{ActivityFilter{Since: at, Until: at.Add(time.Hour)}, sso.EventQuery{Since: at, Until: at.Add(time.Hour)}, ""},
		{ActivityFilter{Reference: "ab12-cd 34"}, sso.EventQuery{Reference: "AB12CD34"}, ""},
		{ActivityFilter{Kind: "sign_in"}, sso.EventQuery{Kinds: []sso.EventKind{sso.EventSignIn}}, ""},
		{ActivityFilter{Kind: "sign-in"}, sso.EventQuery{}, "kind"},
		{ActivityFilter{Code: "token_expired"}, sso.EventQuery{Code: sso.TokenExpired}, ""},
		{ActivityFilter{Code: "expired"}, sso.EventQuery{}, "code"},
		{ActivityFilter{Person: " 7 "}, sso.EventQuery{AccountID: 7, Email: "ada@example.com"}, ""},
		{ActivityFilter{Person: "8"}, sso.EventQuery{}, "person"},
		{ActivityFilter{Person: "ada@example.com"}, sso.EventQuery{AccountID: 7, Email: "ada@example.com"}, ""},
		{ActivityFilter{Person: "nobody@example.com"}, sso.EventQuery{Email: "nobody@example.com"}, ""}, // was refused, and has no account
		{ActivityFilter{Person: "ada"}, sso.EventQuery{}, "person"},
	} {
		for _, export := range []bool{false, true} {
			r := &trail{}
			page := sso.Page{After: "x", Limit: 7}
			_, _, err := Activity{r}.Events(t.Context(), tt.filter, page)
			if export {
				r, page = &trail{}, sso.Page{Limit: sso.MaxLimit}
				_, err = Activity{r}.Export(t.Context(), tt.filter)
			}
			if tt.field != "" {
				if refusal, ok := errors.AsType[*Refusal](err); !ok || refusal.Fields[tt.field] == "" || len(r.asked) != 0 {
					t.Errorf("%+v: got %v after %d queries, want it at the field %q", tt.filter, err, len(r.asked), tt.field)
				}
				continue
			}
			tt.want.Page = page
			if err != nil || len(r.asked) != 1 || cmp.Diff(r.asked[0], tt.want) != "" {
				t.Errorf("%+v: got %+v, %v, want %+v", tt.filter, r.asked, err, tt.want)
			}
		}
	}
}

// An export writes every page once, goes on when the request's time is over, and ends when nobody reads it.
func TestExport(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := &trail{pages: 3}
	each, err := Activity{r}.Export(ctx, ActivityFilter{})
	cancel()
	var ids []int64
	write := func(events []sso.Event) error {
		ids = append(ids, events[0].ID)
		return nil
	}
	if err != nil || each(write) != nil || !slices.Equal(ids, []int64{1, 2, 3}) || r.asked[2].After != "after 2" {
		t.Errorf("got %v of %+v, %v", ids, r.asked, err)
	}
	gone := errors.New("gone")
	r = &trail{pages: 3}
	each, err = Activity{r}.Export(t.Context(), ActivityFilter{})
	if err != nil || !errors.Is(each(func([]sso.Event) error { return gone }), gone) || len(r.asked) != 1 {
		t.Errorf("when nobody reads: %d pages, %v", len(r.asked), err)
	}
	r = &trail{pages: 2, broken: sso.StoreUnavailable}
	each, err = Activity{r}.Export(t.Context(), ActivityFilter{})
	if err != nil || !errors.Is(each(write), sso.StoreUnavailable) {
		t.Errorf("without a database: %v", err)
	}
}

func TestDays(t *testing.T) {
	now := time.Date(2026, 3, 2, 23, 59, 0, 0, time.FixedZone("", -3600)) // 3 March in UTC
	day := func(d int) time.Time { return time.Date(2026, 3, d, 0, 0, 0, 0, time.UTC) }
	r := &trail{counts: []sso.DayCount{
		{Day: day(1), Kind: sso.EventSignIn, Count: 5}, {Day: day(3), Kind: sso.EventSignIn, Count: 2}, {Day: day(3), Kind: sso.EventSignInRefused, Count: 1},
		{Day: day(2), Kind: sso.EventGroup, Count: 9}, {Day: day(4), Kind: sso.EventSignIn, Count: 9},
	}}
	got, err := Activity{r}.Days(t.Context(), now, 3)
	if want := []Day{{day(1), 5, 0}, {day(2), 0, 0}, {day(3), 2, 1}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for n, want := range map[int]int{0: 30, 1: 1, 366: 366, -1: 0, 367: 0} {
		got, err := Activity{r}.Days(t.Context(), now, n)
		if len(got) != want || (want == 0) != errors.Is(err, sso.Invalid) {
			t.Errorf("%d days: got %d, %v", n, len(got), err)
		}
	}
	if _, err := (Activity{&trail{broken: sso.StoreUnavailable}}).Days(t.Context(), now, 1); !errors.Is(err, sso.StoreUnavailable) {
		t.Errorf("without a database: %v", err)
	}
}
