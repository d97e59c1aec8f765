package admin

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/server/admin/area"
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
		for _, prefix := range []string{area.PagesPrefix, apiPrefix} {
			if (u.Path == prefix || strings.HasPrefix(u.Path, prefix+"/")) && !guarded(u) {
				t.Errorf("%q: got it not guarded", path)
			}
		}
	})
}

// A notice has one meaning: [area.Call.Done] knows no areas.
func TestNoticesDiffer(t *testing.T) {
	of := map[string]int{area.Saved: -1}
	for i, part := range New(Options{Options: area.Options{Now: time.Now}}).areas() {
		for name, text := range part.Notices {
			if other, known := of[name]; known || text == "" {
				t.Errorf("notice %q of area %d: got area %d with the same name, or no text", name, i, other)
			}
			of[name] = i
		}
	}
}
