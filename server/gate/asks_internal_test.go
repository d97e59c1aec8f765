package gate

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
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
	f.Fuzz(func(t *testing.T, query string) {
		r := &http.Request{URL: &url.URL{Path: "/auth/forward", RawQuery: query}}
		a, err := l.readAsks(r, "cookies", "sign_in")
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
