package admin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

const prefix = "/_sso"

// With PATH_PREFIX every path outside it is the app's, those that the bridge has without it above all.
func TestAppKeepsEveryPathBesideThePrefix(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "the app: ", r.RequestURI) }))
	t.Cleanup(app.Close)
	b := start(t, "UPSTREAM="+app.URL, "PATH_PREFIX="+prefix)
	b.admin()
	for _, route := range b.srv.Routes() {
		method, path, _ := strings.Cut(route, " ")
		path = concrete(path)
		admin := b.signedIn("root@example.com", 0) // one of the routes signs out
		for _, at := range []string{path, path + "/", prefix + "x" + path, strings.ToUpper(prefix) + path, path + prefix} {
			if resp := admin.send(method, at, ""); method != http.MethodHead && resp.body != "the app: "+at {
				t.Errorf("%s %s: got %d %.60q, want the app's answer", method, at, resp.StatusCode, resp.body)
			}
		}
		if resp := admin.send(method, prefix+path, ""); strings.HasPrefix(resp.body, "the app") || resp.StatusCode == http.StatusMethodNotAllowed {
			t.Errorf("%s %s: got %d %.60q, want the bridge's answer", method, prefix+path, resp.StatusCode, resp.body)
		}
	}
	admin := b.signedIn("root@example.com", 0)
	for _, at := range []string{"/auth/verify", "/auth/forward", "/nothing", "/"} {
		if resp := admin.get(at); resp.body != "the app: "+at {
			t.Errorf("%s: got %d %.60q, want the app's answer", at, resp.StatusCode, resp.body)
		}
	}
	for _, at := range []string{prefix, prefix + "/", prefix + "/nothing", prefix + "/..%2fadmin", "/%5Fsso/login", prefix + "/%61dmin"} {
		if resp := admin.get(at); strings.HasPrefix(resp.body, "the app") {
			t.Errorf("%s: got the app's answer, want the bridge's", at)
		}
	}
}

func concrete(path string) string {
	return strings.NewReplacer(":id", "1", ":name", "JWT_PROFILE", ":ref", "aa", "*", "app.css").Replace(path)
}

// A person who follows the links, presses the buttons and is sent on by the bridge stays below the prefix: walked from the
// first page to all that can be reached, as an administrator and as nobody.
func TestEveryLinkStaysBelowThePrefix(t *testing.T) {
	b := start(t, "PATH_PREFIX="+prefix)
	b.serviceToken()
	for who, c := range map[string]*browser{"admin": b.admin(), "nobody": b.browser()} {
		w := &walk{t: t, c: c, who: who, forms: map[string]bool{}, seen: map[string]bool{}}
		w.visit("/") // no app is there, so that it leads to the bridge's own
		for _, at := range []string{"/login", "/login?return_to=/x", "/auth/logout", "/auth/logout?another=yes", "/auth/account", "/auth/passkeys", "/auth/password", "/auth/confirm?return_to=/_sso/admin", "/auth/setup",
			"/admin", "/admin/key", "/admin/activity?kind=sign_in", "/admin/why?q=root", "/admin/people/1", "/auth/sso/nothing"} {
			w.visit(prefix + at)
		}
		if who == "nobody" {
			continue
		}
		var missing []string
		for _, route := range b.srv.Routes() {
			method, path, _ := strings.Cut(route, " ")
			if method == "GET" && strings.HasPrefix(path, "/admin") && !w.reached(path) {
				missing = append(missing, path)
			}
		}
		// What these pages are about is made by other tests.
		missing = slices.DeleteFunc(missing, func(p string) bool { return p == "/admin/try/report" || p == "/admin/key" })
		if len(missing) > 0 || !w.seen[prefix+"/admin/people/new"] || !w.forms[prefix+"/auth/logout"] {
			t.Errorf("%d pages, %d forms; not reached: %v", len(w.seen), len(w.forms), missing)
		}
	}
}

// The walk has too few people for lists of more than one page.
func TestLongListsStayBelowThePrefix(t *testing.T) {
	b := start(t, "PATH_PREFIX="+prefix)
	c := b.admin()
	for i := range 51 {
		if _, err := b.store.CreateAccount(t.Context(), sso.Account{Email: fmt.Sprintf("p%d@example.com", i), Active: true}, "", nil, sso.Event{Kind: sso.EventAccount}); err != nil {
			t.Fatal(err)
		}
	}
	for _, at := range []string{prefix + "/admin/people", prefix + "/admin/groups/1"} {
		if body := c.get(at).body; !dom.Has(body, `[href^="`+at+`?after="]`) {
			t.Errorf("%s: its next page is not below %s", at, prefix)
		}
	}
}

type walk struct {
	t     *testing.T
	c     *browser
	who   string
	seen  map[string]bool // by path and query
	forms map[string]bool // where forms lead
}

func (w *walk) visit(at string) {
	if w.seen[at] || len(w.seen) > 300 {
		return
	}
	w.seen[at] = true
	resp := w.c.get(at)
	switch {
	case resp.StatusCode == http.StatusFound || resp.StatusCode == http.StatusSeeOther:
		w.follow(at, "Location", resp.Header.Get("Location"))
		return
	case resp.StatusCode != http.StatusOK && !expected[regexp.MustCompile(`\?.*`).ReplaceAllString(strings.TrimPrefix(at, prefix), "")]:
		w.t.Errorf("%s: %s: got %d", w.who, at, resp.StatusCode)
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		return
	}
	doc, err := html.Parse(strings.NewReader(resp.body))
	if err != nil {
		w.t.Fatal(err)
	}
	for n := range doc.Descendants() {
		for _, key := range []string{"href", "src", "action", "formaction", "data-live"} {
			if value, ok := attribute(n, key); ok && n.Type == html.ElementNode {
				w.follow(at, key, value)
			}
		}
	}
}

// expected are the pages that are refused in this walk.
var expected = map[string]bool{"/auth/setup": true, "/auth/sso/nothing": true, "/auth/password": true, "/auth/passkeys": true}

func (w *walk) follow(from, key, value string) {
	u, err := url.Parse(value)
	switch {
	case err != nil:
		w.t.Errorf("%s: %s: %s %q: %v", w.who, from, key, value, err)
	case u.Host != "" && strings.HasPrefix(value, "https://idp.example/login"), u.Path == "" && u.Host == "":
	case strings.HasPrefix(from, prefix+"/login") && (value == "/" || value == "/x"): // to the app, for who is signed in
	case !strings.HasPrefix(value, prefix+"/") && value != prefix:
		w.t.Errorf("%s: %s: %s leads to %q, which is not below %s", w.who, from, key, value, prefix)
	case key == "action" || key == "formaction":
		w.forms[u.Path] = true
	case key == "data-live": // a stream, which has no end to read up to
		w.seen[value] = true
		if resp := w.c.send("HEAD", value, ""); resp.StatusCode != http.StatusOK {
			w.t.Errorf("%s: %s: got %d", w.who, value, resp.StatusCode)
		}
	default:
		w.visit(strings.Split(value, "#")[0])
	}
}

func (w *walk) reached(route string) bool {
	like := regexp.MustCompile("^" + regexp.QuoteMeta(prefix) + regexp.MustCompile(`:[a-z]+`).ReplaceAllString(route, `[^/?]+`) + `($|\?)`)
	for at := range w.seen {
		if like.MatchString(at) {
			return true
		}
	}
	return false
}

// What programs read leads below the prefix too.
func TestProgramsAreToldThePrefix(t *testing.T) {
	b := start(t, "PATH_PREFIX="+prefix)
	c := b.admin()
	var doc struct {
		Servers []struct{ URL string }
		Paths   map[string]any
	}
	if err := json.Unmarshal([]byte(c.get(prefix+"/api/openapi.json").body), &doc); err != nil || len(doc.Servers) != 1 || doc.Paths["/api/v1/overview"] == nil {
		t.Fatalf("description: %v %v", err, doc.Servers)
	}
	if resp := c.get(doc.Servers[0].URL + "/api/v1/overview"); resp.StatusCode != http.StatusOK {
		t.Errorf("overview at %q: got %d", doc.Servers[0].URL, resp.StatusCode)
	}
	old := b.signedIn("root@example.com", 1e12*1000)
	if resp := old.send("PATCH", prefix+"/api/v1/settings", "application/json\n"+`{"values":{"JWT_PROFILE":"metabase"}}`); !strings.Contains(resp.body, prefix+"/auth/confirm") {
		t.Errorf("a change without a proof: got %d %s, want it to name %s/auth/confirm", resp.StatusCode, resp.body, prefix)
	}
	if resp := old.send("POST", prefix+"/api/v1/groups", "application/json\n"+`{"name":"Sales"}`); !strings.Contains(resp.body, prefix+"/auth/confirm") {
		t.Errorf("a group without a proof: got %d %s, want it to name %s/auth/confirm", resp.StatusCode, resp.body, prefix)
	}
	// A form that waits for a proof comes back to where it was sent.
	resp := old.post(prefix+"/admin/providers/jwt/keys", url.Values{"action": {"generate"}, "version": {"0"}})
	to, _ := url.Parse(resp.Header.Get("Location"))
	if resp.StatusCode != http.StatusSeeOther || to == nil || to.Path != prefix+"/auth/confirm" || !strings.HasPrefix(to.Query().Get("return_to"), prefix+"/auth/confirm/resume?form=") {
		t.Fatalf("a form without a proof: got %d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	if body := c.get(to.Query().Get("return_to")).body; !dom.Has(body, `[action="`+prefix+`/admin/providers/jwt/keys"]`) {
		t.Errorf("the form that waited: got %.800s", body)
	}
}
