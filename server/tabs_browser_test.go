package server_test

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
)

// product is a page written for Metabase: it signs ann in to whoever comes, with tokens that are the same within a second.
func product(t *testing.T) (url string, of func(*bridge)) {
	t.Helper()
	var b *bridge
	began := time.Now()
	token := func(nonce string) string {
		with := claims{"second": int(time.Since(began).Seconds())}
		if nonce != "" {
			with["nonce"] = nonce
		}
		return b.token(with)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, backTo(b, token(r.FormValue("nonce")), r.FormValue("return_to"), r.FormValue("state")), http.StatusFound)
	})
	mux.HandleFunc("/links", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `<!doctype html><a id=reports href="%s">Reports</a>`, html.EscapeString(backTo(b, token(""), "/reports", "")))
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", "localhost", 1), func(of *bridge) { b = of }
}

func backTo(b *bridge, jwt, returnTo, state string) string {
	q := url.Values{"jwt": {jwt}}
	for name, value := range map[string]string{"return_to": returnTo, "state": state} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return b.url + "/auth/sso?" + q.Encode()
}

// forms is an app that shows in its title where one is, as whom, and what a form brought. /form has a form.
func forms(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `<!doctype html><title>%s %s %s %s</title>`, r.Method, r.URL.Path, r.Header.Get("Remote-Email"), html.EscapeString(r.PostFormValue("text")))
		if r.URL.Path == "/form" && r.Method == http.MethodGet {
			fmt.Fprint(w, `<form method=post><input name=text><button>Save</button></form>`)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// landings is an app that notes who has seen which page of it.
func landings(t *testing.T) (url string, all *sync.Map) {
	t.Helper()
	all = &sync.Map{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all.Store(r.URL.Path, r.Header.Get("Remote-Email"))
		fmt.Fprint(w, `<!doctype html><title>an app</title><link rel=icon href="data:,">`)
	}))
	t.Cleanup(s.Close)
	return s.URL, all
}

// A browser restores twenty tabs when nobody is signed in any more: each lands on its own page, through the product or an
// OpenID provider.
func TestTwentyTabsInABrowser(t *testing.T) {
	chromium.Need(t)
	for _, way := range []string{"off", "state", "openid"} {
		t.Run(way, func(t *testing.T) {
			app, landed := landings(t)
			var b *bridge
			who := "ann@example.com"
			if way == "openid" {
				b, who = startOpenID(t, "UPSTREAM="+app, "SITE_URL=http://localhost:$PORT").bridge, "ada@example.com"
			} else {
				idp, of := product(t)
				b = start(t, "UPSTREAM="+app, "JWT_IDENTITY_PROVIDER_URI="+idp+"/login", "JWT_BINDING="+way, "SITE_URL=http://localhost:$PORT")
				of(b)
			}
			ctx := chrome.Open(t, 120*time.Second)
			var tabs sync.WaitGroup
			for i := range 20 {
				tabs.Go(func() {
					if err := chromedp.Run(ctx, chromedp.ActionFunc(func(ctx context.Context) error {
						_, err := target.CreateTarget(b.url + fmt.Sprintf("/page/%d", i)).WithBrowserContextID(chromedp.FromContext(ctx).BrowserContextID).Do(ctx)
						return err
					})); err != nil {
						t.Error(err)
					}
				})
			}
			tabs.Wait()
			for i := range 20 {
				path := fmt.Sprintf("/page/%d", i)
				for ctx.Err() == nil {
					if email, there := landed.Load(path); there && email == who {
						break
					}
					time.Sleep(20 * time.Millisecond)
				}
				if ctx.Err() != nil {
					t.Fatalf("%s did not land\n%s", path, b.log.String())
				}
			}
		})
	}
}

// A double click on the product's link lands, and the token opens one session at most (SECURITY C1).
func TestDoubleClickInABrowser(t *testing.T) {
	idp, of := product(t)
	b := start(t, "UPSTREAM="+forms(t).URL, "JWT_IDENTITY_PROVIDER_URI="+idp+"/login", "SITE_URL=http://localhost:$PORT")
	of(b)
	ctx := chrome.Open(t, 90*time.Second)
	var link string
	step(t, ctx, "double click", chromedp.Navigate(idp+"/links"), chromedp.AttributeValue("#reports", "href", &link, nil, chromedp.ByQuery),
		chromedp.DoubleClick("#reports", chromedp.ByQuery), until(`document.title === "GET /reports ann@example.com"`))
	before := b.sessions()
	if before < 1 || before > 2 { // the second click's token may be another one, after it began once more
		t.Errorf("got %d sessions", before)
	}
	if resp := b.browser().get(strings.TrimPrefix(link, b.url), "Accept: application/json"); resp.StatusCode != 401 || b.sessions() != before {
		t.Errorf("the spent token: got %d, and %d sessions after %d", resp.StatusCode, b.sessions(), before)
	}
}

// A form that is posted to an app with an expired session goes no further. The page says so, and what was typed arrives once
// its person has signed in.
func TestExpiredFormInABrowser(t *testing.T) {
	idp, of := product(t)
	b := start(t, "UPSTREAM="+forms(t).URL, "JWT_IDENTITY_PROVIDER_URI="+idp+"/login", "MAX_SESSION_AGE=60", "SITE_URL=http://localhost:$PORT")
	of(b)
	ctx := chrome.Open(t, 90*time.Second)
	step(t, ctx, "sign in", chromedp.Navigate(b.url+"/form"), until(`document.title === "GET /form ann@example.com"`),
		chromedp.SendKeys("input", "typed", chromedp.ByQuery))
	b.Pass(2 * time.Hour)
	step(t, ctx, "save", chromedp.Click("button", chromedp.ByQuery), hasText("Nothing was saved"))
	step(t, ctx, "sign in in a new tab", chromedp.Click("main a.button", chromedp.ByQuery), chromedp.ActionFunc(func(ctx context.Context) error {
		for ctx.Err() == nil {
			infos, err := chromedp.Targets(ctx)
			if err != nil {
				return err
			}
			for _, info := range infos {
				if strings.HasSuffix(info.Title, " ann@example.com") {
					return nil
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
		return ctx.Err()
	}))
	step(t, ctx, "send the form again", chromedp.Reload(), until(`document.title === "POST /form ann@example.com typed"`))
}
