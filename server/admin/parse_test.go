package admin

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
)

// Where a path is written so that some server reads it as ours, the guard does, too.
//
// SECURITY G2
func TestGuarded(t *testing.T) {
	for path, want := range map[string]bool{
		"/admin": true, "/admin/": true, "/ADMIN/x": true, "//admin": true, "/./admin": true, "/x/../admin": true, "/admin;x": true,
		"/%61dmin": true, "/admin%2fx": true, "/%2fadmin": true, "/x%2f..%2fadmin": true, "/%5cadmin": true, "/admin%00": true, "/admin.json": true,
		"/%2561dmin": true, "/api/v1": true, "/API/V1/settings": true, "/api//v1/x": true, "/api%2fv1": true, "/api/admin": true,
		"/": false, "/login": false, "/administrator": false, "/admins": false, "/auth/admin": false, "/api/user/current": false, "/api/v10": false,
		"/api/openapi.json": false,
	} {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := guarded(u); got != want {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
}

func FuzzGuarded(f *testing.F) {
	for _, seed := range []string{"/admin", "/%2fadmin", "/x/../api/v1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		for _, prefix := range []string{pagesPrefix, apiPrefix} {
			if (u.Path == prefix || strings.HasPrefix(u.Path, prefix+"/")) && !guarded(u) {
				t.Errorf("%q: got it not guarded", path)
			}
		}
	})
}

// What the form shows is read back as the same groups.
func FuzzReadGroups(f *testing.F) {
	f.Add("Sales, Night shift,#7, , Administrators")
	f.Add("#7,#1,All Users")
	f.Add("Sales,#9,##9,###9,##01") // a group may have a name that looks like an id
	groups := []sso.Group{{ID: 1, Name: sso.AllUsersName}, {ID: 2, Name: sso.AdministratorsName}, {ID: 3, Name: "Sales"}, {ID: 4, Name: "#9"}}
	f.Fuzz(func(t *testing.T, text string) {
		refs, err := readGroups(text, groups, nil)
		if err != nil {
			return
		}
		if slices.Contains(refs, sso.GroupRef{ID: sso.AllUsers}) || slices.Contains(refs, sso.GroupRef{Name: sso.AllUsersName}) {
			t.Errorf("%q: got All Users mapped", text)
		}
		again, err := readGroups(groupsText(refs, groups), groups, refs)
		if err != nil || !slices.Equal(again, refs) {
			t.Errorf("%q: got %v, then %v, %v", text, refs, again, err)
		}
	})
}
