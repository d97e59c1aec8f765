package admin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
)

// chromium opens a tab in which an administrator is signed in, and collects what the console says.
func (b *bridge) chromium(script bool) (ctx context.Context, said func() []string) {
	t := b.t
	t.Helper()
	limit := 2 * time.Minute
	if chromium.Shots() != "" {
		limit *= 10
	}
	ctx = chrome.Open(t, limit)
	var mu sync.Mutex
	var all []string
	chromedp.ListenTarget(ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *log.EventEntryAdded:
			all = append(all, fmt.Sprintf("%s %s", e.Entry.Text, e.Entry.URL))
		case *runtime.EventExceptionThrown:
			all = append(all, e.ExceptionDetails.Error())
		}
	})
	at, _ := url.Parse(b.url)
	cookie := b.admin().Jar.Cookies(at)[0]
	if err := chromedp.Run(ctx, log.Enable(), emulation.SetScriptExecutionDisabled(!script),
		network.SetCookie(cookie.Name, cookie.Value).WithURL(b.url).WithHTTPOnly(true)); err != nil {
		t.Fatal(err)
	}
	return ctx, func() []string { mu.Lock(); defer mu.Unlock(); return all }
}

// The way of an administrator in a real browser, by keyboard and without script: from nothing to a person in a mapped
// group, by way of a trial at the identity provider. Nothing is blocked by our own policy on the way.
func TestSetUpByKeyboard(t *testing.T) {
	chromium.InCI(t)
	b := start(t, bare...)
	var key string
	idp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, b.url+"/auth/sso?jwt="+b.token(key, claims{"groups": []string{"extSales"}}), http.StatusFound)
	}))
	t.Cleanup(idp.Close)
	ctx, said := b.chromium(false)
	var body string
	enter := chromedp.KeyEvent(kb.Enter)
	arrived := func(text string) chromedp.Action {
		return chromedp.ActionFunc(func(ctx context.Context) error {
			for range 200 {
				if err := chromedp.InnerHTML("main", &body, chromedp.ByQuery).Do(ctx); err == nil && strings.Contains(body, text) {
					return nil
				}
				time.Sleep(25 * time.Millisecond)
			}
			return fmt.Errorf("no %q in %s", text, sso.Truncate(body, 3000))
		})
	}
	run := func(what string, actions ...chromedp.Action) {
		t.Helper()
		if err := chromedp.Run(ctx, actions...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	// A label's field is reached by its id and filled by keys alone; Enter sends the form.
	typed := func(id, text string) chromedp.Action {
		return chromedp.Tasks{chromedp.Focus(`[id="`+id+`"]`, chromedp.ByQuery), chromedp.KeyEvent(text)}
	}
	run("settings", chromedp.Navigate(b.url+"/admin/providers/jwt"), typed("JWT_IDENTITY_PROVIDER_URI", idp.URL+"/login"), enter, arrived("It is in force now"))
	run("key", chromedp.Navigate(b.url+"/admin/providers/jwt"), chromedp.Focus(`form:has([value="generate"]) button`, chromedp.ByQuery), enter, arrived("Your new secret"),
		chromedp.Text(".secret", &key, chromedp.ByQuery))
	run("trial", chromedp.Navigate(b.url+"/admin/try"), chromedp.Focus(`main form button`, chromedp.ByQuery), enter, arrived("This sign-in would be accepted"),
		arrived("ann@example.com"))
	if got := b.signIn(key, claims{"groups": []string{"extSales"}}); got != "" {
		t.Fatalf("a first sign-in: %q", got)
	}
	run("mapping", chromedp.Navigate(b.url+"/admin/mapping"), chromedp.Focus("#mode-off", chromedp.ByQuery), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown),
		typed("idp.0", "extSales"), typed("groups.0", "Sales"), enter, arrived("The one person whose groups your product has named ends in other groups"))
	run("save", chromedp.Focus(`button[value="save"]`, chromedp.ByQuery), enter, arrived("It is in force now"))
	if got := b.signIn(key, claims{"groups": []string{"extSales"}}); got != "" {
		t.Fatalf("a sign-in: %q", got)
	}
	if got := b.groupsOf("ann@example.com"); len(got) != 1 || got[0] != "Sales" {
		t.Errorf("groups: got %q, want Sales", got)
	}
	for _, line := range said() {
		t.Errorf("console: got %s, want nothing", line)
	}
}
