package templates

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
	"github.com/ssobridge/ssobridge/static"
)

// What the server sends with every page, but for the origins that depend on its settings.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// serveSamples serves each sample under /sample/N, and what its links lead to under any other path.
func serveSamples(t *testing.T, all []sample) *httptest.Server {
	p := englishPages(t)
	mux := http.NewServeMux()
	mux.Handle(static.Prefix, static.Handler())
	mux.HandleFunc("GET /axe.js", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=3600") // so that Chromium compiles it once
		http.ServeContent(w, r, "axe.js", time.Time{}, strings.NewReader(chromium.AxeCore("..")))
	})
	for i, s := range all {
		mux.HandleFunc(fmt.Sprintf("GET /sample/%d", i), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", policy)
			page := s.page
			if l, ok := page.(Leave); ok {
				l.URL = "http://" + r.Host + "/auth/elsewhere"
				page = l
			}
			if err := p.Render(w, page); err != nil {
				t.Error(err)
			}
		})
	}
	mux.HandleFunc("GET /auth/brand/{file}", serveBrand)
	mux.HandleFunc("/auth/", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNoContent) // a browser stays where it is: the page that goes on can be looked at
	})
	mux.HandleFunc("GET /admin/try/live/events", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent) // nothing comes: a browser asks no more
	})
	mux.HandleFunc("/arrived", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", r.Method, r.FormValue("email"))
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// complaints collects what the browser's console says: script errors, blocked and missing things.
type complaints struct {
	mu  sync.Mutex
	all []string
}

func listen(ctx context.Context) *complaints {
	c := &complaints{}
	chromedp.ListenTarget(ctx, func(event any) {
		c.mu.Lock()
		defer c.mu.Unlock()
		switch e := event.(type) {
		case *log.EventEntryAdded:
			c.all = append(c.all, fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
		case *runtime.EventExceptionThrown:
			c.all = append(c.all, e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			c.all = append(c.all, fmt.Sprintf("console.%s", e.Type))
		}
	})
	return c
}

func (c *complaints) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.all
	c.all = nil
	return all
}

// loadAxe runs axe-core in the page. Its compiled code is kept between pages, which it is not for a text of the debugger.
var loadAxe = chromedp.Evaluate(`new Promise((loaded, failed) => {
	const script = document.createElement("script");
	script.onload = () => loaded(true);
	script.onerror = () => failed(new Error("no axe-core"));
	script.src = "/axe.js";
	document.head.append(script);
})`, new(bool), func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) })

// Every page in a real browser: nothing on the console, so nothing that the policy blocks; nothing beyond the edge at
// 360 px; with axe-core no violation of WCAG or good practice (one page of ten, and all in CI). SSOBRIDGE_TEST_SHOTS names a folder for screenshots.
//
// SECURITY L1
func TestPagesInABrowser(t *testing.T) {
	all := samples()
	site := serveSamples(t, all)
	ctx := chrome.Open(t, 10*time.Minute)
	said := listen(ctx)
	axe := chromium.AxeCore("..")
	for i, s := range all {
		t.Run(s.name, func(t *testing.T) {
			chromium.Visit(t, s.name)
			show := chromedp.Tasks{chromedp.Navigate(fmt.Sprintf("%s/sample/%d", site.URL, i))}
			if axe != "" {
				show = append(show, loadAxe)
			}
			if err := chromedp.Run(ctx, show); err != nil {
				t.Fatal(err)
			}
			for _, c := range said.take() {
				t.Errorf("console: got %s, want nothing", c)
			}
			for _, l := range chromium.Looks(s.name) {
				l.Check(ctx, t, axe != "")
				l.Shoot(ctx, t, s.name)
			}
		})
	}
	if axe == "" {
		ssotest.Missing(t, "axe-core", "npm install axe-core@4.14.1 beside go.mod, or elsewhere with SSOBRIDGE_TEST_NODE_MODULES naming the node_modules folder")
	}
}

// What is dark differs in colours alone, so that only the rules about colours are held against it in a browser.
func TestDarkIsOtherColours(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "static", "files", "*.css"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		css, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(string(css), "prefers-color-scheme")[1:] {
			found++
			rule, _, ended := strings.Cut(strings.TrimPrefix(block, ": dark) {\n  :root {\n"), "  }\n}\n")
			for line := range strings.Lines(rule) {
				if !ended || !strings.HasPrefix(line, "    --") {
					t.Errorf("%s: got %q, want nothing but custom properties of :root", file, line)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no style sheet has a dark scheme")
	}
}

// Without a script the page from a foreign POST goes on by itself, and forms send what was typed.
func TestPagesWithoutScript(t *testing.T) {
	all := []sample{
		{"continue", Continue{URL: "/arrived?email=by+itself"}},
		{"logout", Logout{Person: Person{Email: "ada@acme.example"}}},
	}
	site := serveSamples(t, all)
	ctx := chrome.Open(t, 3*time.Minute)
	var body, submitted string
	if err := chromedp.Run(ctx,
		emulation.SetScriptExecutionDisabled(true),
		chromedp.Navigate(site.URL+"/sample/0"),
		chromedp.WaitVisible("pre", chromedp.ByQuery),
		chromedp.Text("pre", &body, chromedp.ByQuery),
	); err != nil {
		t.Fatal(err)
	}
	if want := "GET by itself"; body != want {
		t.Errorf("where the page went: got %q, want %q", body, want)
	}
	posted := make(chan string, 1)
	site.Config.Handler.(*http.ServeMux).HandleFunc("POST /auth/logout", func(w http.ResponseWriter, r *http.Request) {
		posted <- r.Header.Get("Sec-Fetch-Site")
		w.WriteHeader(http.StatusNoContent)
	})
	if err := chromedp.Run(ctx,
		chromedp.Navigate(site.URL+"/sample/1"),
		chromedp.Click("main button", chromedp.ByQuery),
	); err != nil {
		t.Fatal(err)
	}
	select {
	case submitted = <-posted:
	case <-ctx.Done():
		t.Fatal("the form was not sent")
	}
	if submitted != "same-origin" {
		t.Errorf("Sec-Fetch-Site of the form: got %q, want same-origin", submitted)
	}
}

// With the keyboard alone: the first stop skips to the content, then come the fields in reading order.
func TestKeyboard(t *testing.T) {
	site := serveSamples(t, []sample{{"login", Login{Password: true}}})
	ctx := chrome.Open(t, 3*time.Minute)
	stop := func(into *string) chromedp.Action {
		return chromedp.Evaluate(`(a => a.id || a.textContent.trim())(document.activeElement)`, into)
	}
	got := make([]string, 6)
	if err := chromedp.Run(ctx,
		chromedp.Navigate(site.URL+"/sample/0"),
		chromedp.KeyEvent(kb.Tab), stop(&got[0]),
		chromedp.KeyEvent(kb.Enter), stop(&got[1]),
		chromedp.KeyEvent(kb.Tab), stop(&got[2]),
		chromedp.KeyEvent(kb.Tab), stop(&got[3]),
		chromedp.KeyEvent(kb.Tab), stop(&got[4]),
		chromedp.KeyEvent(kb.Tab), stop(&got[5]),
	); err != nil {
		t.Fatal(err)
	}
	want := []string{"Skip to content", "main", "email", "password", "Show password", "Sign in"}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("stop %d: got %q, want %q (all: %q)", i, got[i], want[i], got)
		}
	}
}

// The script adds only comfort: a password that can be looked at, a form that is sent once, and groups as chips, which are sent as
// the text that they stand for.
func TestScript(t *testing.T) {
	site := serveSamples(t, []sample{{"login", Login{Password: true}}, {"mapping", AdminMapping{Mode: "manual", Provider: "jwt",
		Rows: []AdminMappingRow{{IDP: "a", Was: "a", Groups: "Sales, Night shift, HR"}, {IDP: "b", Was: "b", Groups: "Sales"}}}.WithRows(1)}})
	sent := make(chan string, 8)
	site.Config.Handler.(*http.ServeMux).HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		sent <- r.PostFormValue("email") + " " + r.PostFormValue("password")
		w.WriteHeader(http.StatusNoContent)
	})
	ctx := chrome.Open(t, 3*time.Minute)
	var shown, hidden string
	kind := `document.getElementById("password").type`
	if err := chromedp.Run(ctx,
		chromedp.Navigate(site.URL+"/sample/0"),
		chromedp.SendKeys("#email", "ada@acme.example"),
		chromedp.SendKeys("#password", "a long pass phrase"),
		chromedp.Click(".reveal"), chromedp.Evaluate(kind, &shown),
		chromedp.Click("form .button"), chromedp.Evaluate(kind, &hidden),
		chromedp.Click("form .button"), chromedp.Click("form .button"),
	); err != nil {
		t.Fatal(err)
	}
	if shown != "text" || hidden != "password" {
		t.Errorf("type of the password field: got %q then %q, want text, then password when it is sent", shown, hidden)
	}
	select {
	case got := <-sent:
		if want := "ada@acme.example a long pass phrase"; got != want {
			t.Errorf("form: got %q, want %q", got, want)
		}
	case <-ctx.Done():
		t.Fatal("the form was not sent")
	}
	if n := len(sent); n != 0 {
		t.Errorf("form: got it sent %d more times, want once", n)
	}
	site.Config.Handler.(*http.ServeMux).HandleFunc("POST /admin/mapping", func(w http.ResponseWriter, r *http.Request) {
		sent <- strings.Join([]string{r.PostFormValue("groups.0"), r.PostFormValue("groups.1"), r.PostFormValue("groups.2")}, "; ")
		w.WriteHeader(http.StatusNoContent)
	})
	site.Config.Handler.(*http.ServeMux).HandleFunc("GET /api/v1/groups", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"groups":[{"id":1,"name":"All Users"},{"id":7,"name":"%s found"}]}`, r.FormValue("search"))
	})
	var before, changes, offers string
	said := `document.querySelector("[data-changes]").textContent`
	if err := chromedp.Run(ctx,
		chromedp.Navigate(site.URL+"/sample/1"), chromedp.Evaluate(said, &before),
		chromedp.Click(`button[aria-label="Take Night shift out"]`, chromedp.ByQuery),
		chromedp.KeyEvent(kb.Backspace), // takes HR, the last one
		chromedp.KeyEvent("Sales, Sup"), chromedp.WaitReady(`#known option[value="Sup found"]`, chromedp.ByQuery),
		chromedp.Evaluate(`[...document.querySelectorAll("#known option")].map(o => o.value).join()`, &offers),
		chromedp.KeyEvent("port"+kb.Enter), chromedp.Focus(`[id="groups.2"]`, chromedp.ByQuery), chromedp.KeyEvent("Not finished"),
		chromedp.Evaluate(said, &changes), chromedp.Focus(`button[value="save"]`, chromedp.ByQuery), chromedp.KeyEvent(kb.Enter), // the bar may move under a click
	); err != nil {
		t.Fatal(err)
	}
	if before != "" || changes != "2 changes, not saved" || offers != "Sup found" {
		t.Errorf("got %q, then %q, with %q offered", before, changes, offers)
	}
	select {
	case got := <-sent:
		if want := "Sales, Support; Sales; Not finished"; got != want {
			t.Errorf("mapping: got %q, want %q", got, want)
		}
	case <-ctx.Done():
		t.Fatal("the mapping was not sent")
	}
}
