package static_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/static"
)

func get(t *testing.T, method, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, "/", nil)
	r.URL.Path = path // as it arrives, not as a client would clean it
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	static.Handler().ServeHTTP(w, r)
	return w.Result()
}

func TestURL(t *testing.T) {
	got := static.URL("app.css")
	if want := regexp.MustCompile(`^/auth/static/app\.[0-9a-f]{16}\.css$`); !want.MatchString(got) {
		t.Errorf("URL(app.css): got %q, want a match of %v", got, want)
	}
	defer func() {
		if recover() == nil {
			t.Error("URL of a file that does not exist: got no panic, want one")
		}
	}()
	static.URL("nothing.css")
}

func TestHandler(t *testing.T) {
	hashed := static.URL("app.css")
	stale := "/auth/static/app." + strings.Repeat("0", 16) + ".css"
	const forEver, revalidate = "public, max-age=31536000, immutable", "no-cache"
	for _, c := range []struct {
		name, method, path string
		status             int
		kind, cache        string
	}{
		{"hashed", "GET", hashed, 200, "text/css; charset=utf-8", forEver},
		{"HEAD", "HEAD", hashed, 200, "text/css; charset=utf-8", forEver},
		{"script", "GET", static.URL("app.js"), 200, "text/javascript; charset=utf-8", forEver},
		{"icon", "GET", static.URL("icon.svg"), 200, "image/svg+xml", forEver},
		{"plain name", "GET", "/auth/static/app.css", 200, "text/css; charset=utf-8", revalidate},
		{"hash of another version", "GET", stale, 200, "text/css; charset=utf-8", revalidate},
		{"POST", "POST", hashed, 405, "text/plain; charset=utf-8", ""},
		{"unknown file", "GET", "/auth/static/nothing.css", 404, "text/plain; charset=utf-8", ""},
		{"hash of an unknown file", "GET", "/auth/static/nothing.0123456789abcdef.css", 404, "text/plain; charset=utf-8", ""},
		{"other extension", "GET", strings.TrimSuffix(hashed, ".css") + ".js.css", 404, "text/plain; charset=utf-8", ""},
		{"no listing", "GET", "/auth/static/", 404, "text/plain; charset=utf-8", ""},
		{"no listing without slash", "GET", "/static", 404, "text/plain; charset=utf-8", ""},
		{"the folder of the source", "GET", "/auth/static/files/app.css", 404, "text/plain; charset=utf-8", ""},
		{"up", "GET", "/auth/static/../auth/static/app.css", 404, "text/plain; charset=utf-8", ""},
		{"up and out", "GET", "/auth/static/../../static.go", 404, "text/plain; charset=utf-8", ""},
		{"two slashes", "GET", "/auth/static//app.css", 404, "text/plain; charset=utf-8", ""},
		{"other place", "GET", "/app.css", 404, "text/plain; charset=utf-8", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := get(t, c.method, c.path)
			if r.StatusCode != c.status {
				t.Errorf("status: got %d, want %d", r.StatusCode, c.status)
			}
			if got := r.Header.Get("Content-Type"); got != c.kind {
				t.Errorf("Content-Type: got %q, want %q", got, c.kind)
			}
			if got := r.Header.Get("Cache-Control"); got != c.cache {
				t.Errorf("Cache-Control: got %q, want %q", got, c.cache)
			}
			if got := r.Header.Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("X-Content-Type-Options: got %q, want nosniff", got)
			}
		})
	}
}

func TestRevalidation(t *testing.T) {
	tag := get(t, "GET", "/auth/static/app.css").Header.Get("ETag")
	if tag == "" {
		t.Fatal("ETag of /auth/static/app.css: got none")
	}
	if got := get(t, "GET", "/auth/static/app.css", "If-None-Match", tag).StatusCode; got != http.StatusNotModified {
		t.Errorf("status with the ETag: got %d, want 304", got)
	}
	if got := get(t, "GET", "/auth/static/app.css", "If-None-Match", `"other"`).StatusCode; got != http.StatusOK {
		t.Errorf("status with another ETag: got %d, want 200", got)
	}
}
