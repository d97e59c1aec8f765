package interop

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/golang-jwt/jwt/v5"

	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
)

// fill signs in on an example's page.
func fill(email, password string) chromedp.Tasks {
	return chromedp.Tasks{
		chromedp.WaitVisible("input[name=email]", chromedp.ByQuery),
		chromedp.SendKeys("input[name=email]", email, chromedp.ByQuery),
		chromedp.SendKeys("input[name=password]", password, chromedp.ByQuery),
		chromedp.Click("button", chromedp.ByQuery),
	}
}

// arrived waits for the app behind the bridge and tells where the browser is, and as whom.
func arrived(address, who *string) chromedp.Tasks {
	return chromedp.Tasks{
		chromedp.WaitVisible("#who", chromedp.ByQuery),
		chromedp.Location(address),
		chromedp.Text("#who", who, chromedp.ByQuery),
	}
}

// heading opens an address and returns the page's first heading.
func heading(t *testing.T, ctx context.Context, address string) (text string) {
	t.Helper()
	err := chromedp.Run(ctx, chromedp.Navigate(address), chromedp.WaitVisible("h1, #who", chromedp.ByQuery),
		chromedp.Text("h1, #who", &text, chromedp.ByQuery))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestTabsAndBrowsers signs in with each binding: in two tabs that began before either ended, and in a second browser,
// which must not be able to end what the first began.
func TestTabsAndBrowsers(t *testing.T) {
	chromium.InCI(t)
	for _, file := range ssotest.Some("tabs", "off.go", "state.go", "pkce.go") {
		t.Run(file, func(t *testing.T) {
			b, _ := startBound(t, file, "SSOBRIDGE_UPSTREAM="+startApp(t))
			one := browser(t)
			two, closeTab := chromedp.NewContext(one)
			defer closeTab()
			for _, step := range []struct {
				tab  context.Context
				path string
			}{{one, "/one?x=1"}, {two, "/two?y=%2F"}} {
				if err := chromedp.Run(step.tab, chromedp.Navigate(b.url(step.path)), chromedp.WaitVisible("input[name=email]", chromedp.ByQuery)); err != nil {
					t.Fatal(err)
				}
			}
			for _, step := range []struct {
				tab  context.Context
				path string
			}{{two, "/two?y=%2F"}, {one, "/one?x=1"}} {
				var address, who string
				if err := chromedp.Run(step.tab, fill("ann@example.com", "correct horse"), arrived(&address, &who)); err != nil {
					t.Fatal(err)
				}
				if address != b.url(step.path) || !strings.HasPrefix(who, "ann@example.com |") {
					t.Errorf("got %s as %q, want %s as ann", address, who, b.url(step.path))
				}
			}
			if file == "off.go" {
				return // there, the second browser is TestLoginCSRF
			}
			other := browser(t)
			back := newVisitor(t).signIn(b.url("/auth/sso"), "bob@example.com", "battery staple")
			if got := heading(t, other, back); got != "Please start again" {
				t.Errorf("another browser, with a link of the first: got %q", got)
			}
			var address, who string // one click starts again
			err := chromedp.Run(other, chromedp.Click("a.button", chromedp.ByQuery), fill("ann@example.com", "correct horse"), arrived(&address, &who))
			if err != nil || !strings.HasPrefix(who, "ann@example.com |") {
				t.Errorf("after one click: got %s as %q, %v", address, who, err)
			}
		})
	}
}

// TestLoginCSRF: a page of another origin brings an attacker's own sign-in to someone who is signed in, by a link and by a
// form. SECURITY C4, C5: nobody becomes somebody else without knowing.
func TestLoginCSRF(t *testing.T) {
	chromium.InCI(t)
	strict := []string{"SSOBRIDGE_JWT_PROFILE=strict", "SSOBRIDGE_JWT_ISSUER=idp", "SSOBRIDGE_JWT_AUDIENCE=bridge"}
	type try struct {
		name, file string
		settings   []string
		want       string // how the page begins that the victim sees
	}
	for _, tt := range ssotest.Some("CSRF", []try{
		{"off", "off.go", nil, "Switch accounts?"},
		{"off, strict cookies", "off.go", []string{"SSOBRIDGE_SESSION_COOKIE_SAMESITE=strict"}, "Switch accounts?"},
		{"state", "state.go", nil, "Please start again"},
		{"state, strict cookies", "state.go", []string{"SSOBRIDGE_SESSION_COOKIE_SAMESITE=strict"}, "Please start again"},
		{"pkce", "pkce.go", nil, "ann@example.com |"}, // the code says nothing of whom it is for: the victim goes on as before
		{"strict", "state.go", strict, "Please start again"},
	}...) {
		t.Run(tt.name, func(t *testing.T) {
			b, _ := startBound(t, tt.file, append(tt.settings, "SSOBRIDGE_UPSTREAM="+startApp(t))...)
			victim := browser(t)
			var want string // who the victim is
			if tt.name != "strict" {
				want = "ann@example.com"
				var address, who string
				err := chromedp.Run(victim, chromedp.Navigate(b.url("/home")), fill("ann@example.com", "correct horse"), arrived(&address, &who))
				if err != nil || !strings.HasPrefix(who, want) || address != b.url("/home") {
					t.Fatalf("the victim's own sign-in: %s as %q, %v", address, who, err)
				}
			}
			for _, way := range []string{"link", "form"} {
				// The attacker signs in as himself and stops before the last step.
				back, err := url.Parse(newVisitor(t).signIn(b.url("/auth/sso"), "bob@example.com", "battery staple"))
				if err != nil {
					t.Fatal(err)
				}
				if tt.name == "strict" { // its token is as good as can be
					q := back.Query()
					q.Set("jwt", strictToken(t, "bob@example.com"))
					back.RawQuery = q.Encode()
				}
				evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "text/html")
					fmt.Fprint(w, attack(way, back))
				}))
				t.Cleanup(evil.Close)
				var got string
				err = chromedp.Run(victim, chromedp.Navigate(evil.URL), chromedp.WaitVisible(`//h1[not(text()="Win!") and not(contains(., "Signing"))] | //*[@id="who"]`),
					chromedp.Text("h1, #who", &got, chromedp.ByQuery))
				if err != nil || !strings.HasPrefix(got, tt.want) {
					t.Errorf("%s: the victim sees %q, %v; want %q", way, got, err, tt.want)
				}
				if want == "" {
					if got := heading(t, victim, b.url("/home")); got != "Sign in" {
						t.Errorf("%s: the victim is signed in: %q", way, got)
					}
				} else if got := heading(t, victim, b.url("/home")); !strings.HasPrefix(got, want+" |") {
					t.Errorf("%s: the victim has become %q", way, got)
				}
			}
		})
	}
}

// attack is a page that goes to the bridge by itself.
func attack(way string, back *url.URL) string {
	if way == "link" {
		return `<!doctype html><h1>Win!</h1><script>location = "` + back.String() + `"</script>`
	}
	return postPage(back.Scheme+"://"+back.Host+back.Path, back.Query())
}

// postPage is a page with a form that sends itself.
func postPage(action string, fields url.Values) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<!doctype html><h1>Win!</h1><form method="post" action="%s">`, html.EscapeString(action))
	for name, values := range fields {
		fmt.Fprintf(&b, `<input type="hidden" name="%s" value="%s">`, name, html.EscapeString(values[0]))
	}
	return b.String() + `</form><script>document.forms[0].submit()</script>`
}

func strictToken(t *testing.T, email string) string {
	t.Helper()
	now := time.Now()
	return sign(t, jwt.MapClaims{"email": email, "iss": "idp", "aud": "bridge", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": rand.Text()})
}

func sign(t testing.TB, claims jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	if err != nil {
		t.Error(err)
	}
	return token
}

// TestFormPost: an IdP that answers with a form, so that no token or code is ever in a URL. Browsers keep SameSite=Lax
// cookies back from such a POST, and the login must end all the same.
func TestFormPost(t *testing.T) {
	chromium.InCI(t)
	type try struct {
		name     string
		settings []string
	}
	for _, tt := range ssotest.Some("form", []try{
		{"off", nil},
		{"off, strict cookies", []string{"SSOBRIDGE_SESSION_COOKIE_SAMESITE=strict"}},
		{"state", []string{"SSOBRIDGE_JWT_BINDING=state"}},
		{"claim", []string{"SSOBRIDGE_JWT_BINDING=pkce", "SSOBRIDGE_JWT_CLIENT_ID=bridge"}},
		{"code", []string{"SSOBRIDGE_JWT_BINDING=pkce", "SSOBRIDGE_JWT_CLIENT_ID=bridge", "SSOBRIDGE_JWT_TOKEN_URI="}},
		{"code, strict cookies", []string{"SSOBRIDGE_JWT_BINDING=pkce", "SSOBRIDGE_JWT_CLIENT_ID=bridge", "SSOBRIDGE_JWT_TOKEN_URI=",
			"SSOBRIDGE_SESSION_COOKIE_SAMESITE=strict"}},
	}...) {
		t.Run(tt.name, func(t *testing.T) {
			port := ssotest.FreePort(t)
			idp := httptest.NewServer(formIDP(t, "http://localhost:"+port+"/auth/sso", strings.HasPrefix(tt.name, "code")))
			t.Cleanup(idp.Close)
			settings := append([]string{"SSOBRIDGE_UPSTREAM=" + startApp(t)}, tt.settings...)
			for i := range settings {
				if settings[i] == "SSOBRIDGE_JWT_TOKEN_URI=" {
					settings[i] += idp.URL + "/token"
				}
			}
			b := startBridgeAt(t, port, idp.URL+"/login", settings...)
			ctx := browser(t)
			seen := watch(t, ctx)
			var address, who string
			if err := chromedp.Run(ctx, chromedp.Navigate(b.url(deep)), arrived(&address, &who)); err != nil {
				t.Fatal(err)
			}
			if address != b.url(deep) || !strings.HasPrefix(who, "ann@example.com |") {
				t.Errorf("got %s as %q, want %s as ann", address, who, b.url(deep))
			}
			if found := seen.search("eyJ"); len(found) > 0 {
				t.Errorf("a token is in %q", found)
			}
		})
	}
}

// formIDP knows one person, who is signed in there already: it answers at once with a form.
func formIDP(t *testing.T, callback string, codes bool) http.Handler {
	claims := func(q url.Values) jwt.MapClaims {
		c := jwt.MapClaims{"email": "ann@example.com", "exp": time.Now().Add(time.Minute).Unix(), "jti": rand.Text()}
		for _, name := range []string{"nonce", "code_challenge"} {
			if q.Has(name) {
				c[name] = q.Get(name)
			}
		}
		return c
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		fields := url.Values{"jwt": {sign(t, claims(q))}}
		if codes {
			fields = url.Values{"code": {"a-code"}}
		}
		for _, name := range []string{"state", "return_to"} {
			if q.Has(name) {
				fields.Set(name, q.Get(name))
			}
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, postPage(callback, fields))
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) { // the verifier is what TestExamples tries
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"id_token":%q}`, sign(t, claims(nil)))
	})
	return mux
}

// TestNoTokenInTheBrowser searches all that a browser shows of a sign-in with pkce for a token: URLs, headers (Referer,
// Location), its history, the bridge's log. That the search finds tokens, a sign-in with binding off shows.
func TestNoTokenInTheBrowser(t *testing.T) {
	chromium.InCI(t)
	for file, want := range map[string]bool{"off.go": true, "pkce.go": false} {
		t.Run(file, func(t *testing.T) {
			b, _ := startBound(t, file, "SSOBRIDGE_UPSTREAM="+startApp(t), "SSOBRIDGE_LOG_LEVEL=debug")
			ctx, profile := browserWithProfile(t)
			seen := watch(t, ctx)
			var address, who string
			err := chromedp.Run(ctx, chromedp.Navigate(b.url(deep)), fill("ann@example.com", "correct horse"), arrived(&address, &who),
				chromedp.Reload(), arrived(&address, &who),
				chromedp.ActionFunc(func(ctx context.Context) error {
					_, entries, err := page.GetNavigationHistory().Do(ctx)
					for _, e := range entries {
						seen.add("history", e.URL)
					}
					return err
				}))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(who, "ann@example.com |") {
				t.Fatalf("signed in as %q", who)
			}
			if found := seen.search("eyJ"); (len(found) > 0) != want {
				t.Errorf("tokens in what the browser asked and was told: %q, want some: %v", found, want)
			}
			if len(seen.search("/auth/sso?")) == 0 || len(seen.search("Referer")) == 0 && len(seen.search("referer")) == 0 {
				t.Errorf("the search has not seen the sign-in, or no headers")
			}
			if strings.Contains(b.log.String(), "eyJ") {
				t.Error("a token is in the bridge's log")
			}
			if err := chromedp.Cancel(ctx); err != nil { // it writes its history down
				t.Fatal(err)
			}
			if !want {
				searchFiles(t, profile, "eyJhbGciOi")
			}
		})
	}
}

// A record is what a browser asked and was told.
type record struct {
	mu    sync.Mutex
	lines []string
}

func (r *record) add(kind string, text any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprint(kind, " ", text))
}

func (r *record) search(text string) (found []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.lines {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// watch records URLs and headers of all requests and answers. What a form posts is not among them: it is in no URL.
func watch(t *testing.T, ctx context.Context) *record {
	t.Helper()
	r := &record{}
	chromedp.ListenTarget(ctx, func(event any) {
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			r.add("request", e.Request.URL+e.Request.URLFragment+" "+fmt.Sprint(e.Request.Headers)+" document "+e.DocumentURL)
			if e.RedirectResponse != nil {
				r.add("redirect", e.RedirectResponse.URL+" "+fmt.Sprint(e.RedirectResponse.Headers))
			}
		case *network.EventRequestWillBeSentExtraInfo:
			r.add("request headers", e.Headers)
		case *network.EventResponseReceived:
			r.add("response", e.Response.URL+" "+fmt.Sprint(e.Response.Headers))
		case *network.EventResponseReceivedExtraInfo:
			r.add("response headers", e.Headers)
		case *page.EventFrameNavigated:
			r.add("frame", e.Frame.URL)
		}
	})
	if err := chromedp.Run(ctx, network.Enable()); err != nil {
		t.Fatal(err)
	}
	return r
}

func searchFiles(t *testing.T, dir, text string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // the browser may still be tidying up
		}
		content, err := os.ReadFile(path)
		if err == nil {
			files++
		}
		if bytes.Contains(content, []byte(text)) {
			t.Errorf("%s has a token", path)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("searched %d files: %v", files, err)
	}
}
