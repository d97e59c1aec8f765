package gate

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// Whatever is asked, what is accepted asks for groups that can be, and nothing else is in it; and no error has a value.
func FuzzAsks(f *testing.F) {
	for _, s := range []string{"", "group=A&group=B", "groups=A", "group=", "group=%zz", "with=cookies", "with=x&with=cookies", "t=secret", "=a", "a;b", "secret", "gr%6fup=A"} {
		f.Add(s)
	}
	l := &settings{Site: &web.Site{Config: &setting.Config{BearerParameter: "t"}}}
	of := &route{with: []string{"cookies", "sign_in"}}
	f.Fuzz(func(t *testing.T, query string) {
		r := &http.Request{URL: &url.URL{Path: "/auth/forward", RawQuery: query}}
		a, err := l.readAsks(r, of)
		if err != nil {
			if sso.CodeOf(err) != sso.ProxyRefused || strings.Contains(err.Error(), "=") && !strings.Contains(err.Error(), "?group=A&group=B") {
				t.Errorf("%q: got %v", query, err)
			}
			return
		}
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatalf("%q is accepted, and cannot be read: %v", query, err)
		}
		for name := range q {
			if name != "group" && name != "with" && name != "t" {
				t.Errorf("%q: %q is accepted", query, name)
			}
		}
		if !slices.Equal(a.groups, q["group"]) || slices.Contains(a.groups, "") || a.with != q.Get("with") || q.Has("with") && a.with == "" {
			t.Errorf("%q: got %+v", query, a)
		}
	})
}

// What is remembered of questions is what they were read as, has a bound, and holds no credential.
func TestQuestionsAreRemembered(t *testing.T) {
	s := &settings{Site: &web.Site{Config: &setting.Config{BearerParameter: "t"}}}
	of := &route{with: []string{"cookies"}}
	ask := func(query string) (asks, error) {
		return s.readAsks(&http.Request{URL: &url.URL{Path: "/auth/forward", RawQuery: query}}, of)
	}
	long := "group=" + strings.Repeat("a&group=", knownBytes/8) + "a"
	for range 2 { // read, and remembered
		for query, want := range map[string]asks{"": {}, "with=cookies": {with: "cookies"}, "group=A&group=B%26C": {groups: []string{"A", "B&C"}}, "t=secret&group=A": {groups: []string{"A"}}} {
			if got, err := ask(query); err != nil || got.with != want.with || !slices.Equal(got.groups, want.groups) {
				t.Errorf("%q: got %+v, %v", query, got, err)
			}
		}
		for _, query := range []string{"with=sign_in", "Group=A", "group=", "group=%zz"} {
			if got, err := ask(query); err == nil {
				t.Errorf("%q: got %+v", query, got)
			}
		}
		if _, err := ask(long); err != nil {
			t.Error(err)
		}
	}
	if got := slices.Sorted(maps.Keys(*of.known.Load())); !slices.Equal(got, []string{"group=A&group=B%26C", "with=cookies"}) {
		t.Errorf("remembers %q", got)
	}
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for i := range 3 * maxKnown {
				query := fmt.Sprint("group=", i)
				if got, err := ask(query); err != nil || !slices.Equal(got.groups, []string{fmt.Sprint(i)}) {
					t.Errorf("%q: got %+v, %v", query, got, err)
				}
			}
		})
	}
	asking.Wait()
	if got := len(*of.known.Load()); got != maxKnown {
		t.Errorf("remembers %d, want %d", got, maxKnown)
	}
}
