package server_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/idp"
)

// flowCookies are how many secrets of sign-ins under way a browser keeps for the bridge.
func (c *browser) flowCookies() (n int) {
	u, err := url.Parse(c.b.url)
	if err != nil {
		c.b.t.Fatal(err)
	}
	for _, cookie := range c.Jar.Cookies(u) {
		if strings.Contains(cookie.Name, "flow-") {
			n++
		}
	}
	return n
}

// tab follows redirects to the end, as a tab of the browser does, and returns where it is and what it shows.
func (c *browser) tab(path string) (at, shows string) {
	following := *c.Client
	following.CheckRedirect = nil
	r, err := http.NewRequestWithContext(c.b.t.Context(), http.MethodGet, c.b.url+path, nil)
	if err != nil {
		c.b.t.Error(err)
		return "", ""
	}
	r.Header.Set("Accept", "text/html")
	resp, err := following.Do(r)
	if err != nil {
		c.b.t.Error(err)
		return "", ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.b.t.Error(err)
	}
	return strings.TrimPrefix(resp.Request.URL.String(), c.b.url), fmt.Sprintf("%d %s", resp.StatusCode, body)
}

// Twenty tabs of one browser go to a provider at once, some to another one, as another person: each lands on its own page, or
// where it goes on to it.
func TestOpenIDTwentyTabs(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		q := idp.New(t)
		w := startOpenID(t, database, "UPSTREAM="+forms(t).URL, "PROVIDERS=acme,other", "PROVIDER_OTHER_KIND=oidc", "PROVIDER_OTHER_ISSUER="+q.URL, "PROVIDER_OTHER_CLIENT_ID=x")
		q.Now = w.Now
		q.Claims = map[string]any{"sub": "bob", "email": "bob@example.com", "email_verified": true}
		c := w.browser()
		var tabs sync.WaitGroup
		for i := range 20 {
			tabs.Go(func() {
				provider, page := "acme", fmt.Sprintf("/page/%d?x=%%2F%%2F&y=%s", i, strings.Repeat("l", 1000))
				if i%4 == 0 {
					provider = "other"
				}
				at, shows := c.tab("/auth/sso?provider=" + provider + "&redirect=" + url.QueryEscape(page))
				if at == "/login?return_to="+url.QueryEscape(page) && strings.HasPrefix(shows, "200 ") {
					return // another tab has signed the other person in just then, which ends the session: the page is not lost
				}
				if at != page || !strings.Contains(shows, "200 ") || !strings.Contains(shows, "@example.com") {
					t.Errorf("tab %d with %s: at %s with %s", i, provider, at, sso.Truncate(shows, 300))
				}
			})
		}
		tabs.Wait()
		for range 20 { // those that begin when there is an answer share a secret
			w.begin(c, "?provider=acme")
		}
		if n := c.flowCookies(); n > 20 {
			t.Errorf("after forty sign-ins the browser keeps %d cookies of them", n)
		}
		c = w.browser()
		for range 20 {
			w.begin(c, "?provider=acme")
		}
		if n := c.flowCookies(); n != 1 {
			t.Errorf("twenty sign-ins one after the other: the browser keeps %d cookies, want 1", n)
		}
	})
}

// A tab whose callback comes late finds a browser that another tab has signed in: it goes on to its page, and nobody is asked.
func TestOpenIDLateTab(t *testing.T) {
	w := startOpenID(t)
	for _, late := range []time.Duration{time.Minute, 11 * time.Minute, 59 * time.Minute} {
		c := w.browser()
		back := w.atProvider(w.begin(c, "?redirect=/late"))
		w.Pass(late)
		w.signIn(c).want(t, http.StatusFound, "/wanted")
		before := c.cookie()
		c.get(back, "Accept: text/html").want(t, http.StatusFound, "/late")
		if e := w.lastEvent(); late > 10*time.Minute && (e.Code != sso.FlowMissing || !strings.Contains(e.Detail, "signed in already") || c.cookie() != before) {
			t.Errorf("after %v: got %+v, another session: %v", late, e, c.cookie() != before)
		}
		c.get(back, "Accept: text/html").want(t, http.StatusFound, "/late") // and again
		if me := c.who(); me["email"] != "ada@example.com" {
			t.Errorf("after %v: signed in as %v", late, me)
		}
	}
}

// The callback of a sign-in comes twice at once, as from an impatient person: one of them lands, and the code opens one session.
// SECURITY C1
func TestOpenIDTwiceAtOnce(t *testing.T) {
	w := startOpenID(t, "UPSTREAM="+forms(t).URL)
	for range 10 {
		c, before := w.browser(), w.sessions()
		back := w.atProvider(w.begin(c, "?redirect=/twice"))
		shown := make(chan string, 2)
		for range 2 {
			go func() {
				_, shows := c.tab(back)
				shown <- shows
			}()
		}
		one, other := <-shown, <-shown
		if !strings.Contains(one+other, "GET /twice ada@example.com") || w.sessions() != before+1 {
			t.Errorf("got %d sessions after %d, and %s and %s", w.sessions(), before, one, other)
		}
		if me := c.who(); me["email"] != "ada@example.com" {
			t.Errorf("signed in as %v", me)
		}
	}
}
