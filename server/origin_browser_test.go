package server_test

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
)

// A browser that sends no Sec-Fetch-Site, such as Safari before 16.4, uses our forms behind a proxy that writes Host anew.
// Chromium stands for it; what it says too much is taken away on the way. Its Origin is what the policy of our pages makes
// it: with no-referrer it is "null" (Fetch, "append a request Origin header"), and no form of ours would be ours.
func TestFormsOfAnOldBrowser(t *testing.T) {
	chromium.Need(t)
	front, address := bridgetest.Listen(t)
	site := "http://" + address
	b := start(t, "SITE_URL="+site)
	to, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &http.Server{Handler: &httputil.ReverseProxy{Rewrite: func(pr *httputil.ProxyRequest) {
		pr.SetURL(to) // and with it Host
		for _, name := range []string{"Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Sec-Fetch-User"} {
			pr.Out.Header.Del(name)
		}
	}}}
	go proxy.Serve(front)
	t.Cleanup(func() { proxy.Close() })
	b.root()

	ctx := chrome.Open(t, 90*time.Second)
	step(t, ctx, "sign in with a password", chromedp.Navigate(site+"/login"),
		chromedp.Click("summary", chromedp.ByQuery),
		chromedp.SendKeys(`input[name="email"]`, "root@example.com", chromedp.ByQuery),
		chromedp.SendKeys(`input[name="password"]`, goodPassword, chromedp.ByQuery),
		chromedp.Submit(`form[action="/login"]`, chromedp.ByQuery), hasText("root@example.com"), until(`location.pathname === "/"`))
	step(t, ctx, "switch to the person of a token", chromedp.Navigate(site+"/auth/sso?jwt="+b.token(nil)),
		hasText("Switch accounts?"), chromedp.Click("main button", chromedp.ByQuery), hasText("ann@example.com"), until(`location.pathname === "/"`))
	step(t, ctx, "sign out", chromedp.Navigate(site+"/auth/logout"),
		hasText("Sign out?"), chromedp.Click("main button", chromedp.ByQuery), hasText("signed out"))
	if list, _, err := b.store.Sessions(t.Context(), sso.SessionQuery{}); err != nil || len(list) != 0 {
		t.Errorf("got %d sessions (%v), want none after the sign-out", len(list), err)
	}
}
