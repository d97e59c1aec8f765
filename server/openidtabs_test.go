package server_test

import (
	"context"
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

// The callback of a sign-in comes twice at once, as from an impatient person: both land, the code is used once, and one session opens.
// SECURITY C1
func TestOpenIDTwiceAtOnce(t *testing.T) {
	w := startOpenID(t, "UPSTREAM="+forms(t).URL)
	for range 10 {
		c, before := w.browser(), w.sessions()
		back := w.atProvider(w.begin(c, "?redirect=/twice"))
		w.idp.Asked()
		shown := make(chan string, 2)
		for range 2 {
			go func() {
				_, shows := c.tab(back)
				shown <- shows
			}()
		}
		one, other := <-shown, <-shown
		if !strings.Contains(one, "GET /twice ada@example.com") || one != other || w.sessions() != before+1 {
			t.Errorf("got %d sessions after %d, and %s and %s", w.sessions(), before, one, other)
		}
		if n := w.redeemed(); n != 1 {
			t.Errorf("the code was used %d times", n)
		}
		if me := c.who(); me["email"] != "ada@example.com" {
			t.Errorf("signed in as %v", me)
		}
	}
}

func (w *openID) redeemed() (n int) {
	for _, path := range w.idp.Asked() {
		if path == "/token" {
			n++
		}
	}
	return n
}

// A browser leaves a callback that is on its way, and loads it anew; or it has lost the session that the callback opened. It lands where
// it wanted, by another sign-in if need be, and the code is used once. SECURITY C1
func TestOpenIDCallbackAnew(t *testing.T) {
	w := startOpenID(t, "UPSTREAM="+forms(t).URL)
	hold, begun := make(chan struct{}), make(chan struct{})
	w.idp.IDToken = func(map[string]any) { begun <- struct{}{}; <-hold }
	c := w.browser()
	back := w.atProvider(w.begin(c, "?redirect=/twice"))
	w.idp.Asked()
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, w.url+back, nil)
		r.Header.Set("Accept", "text/html")
		if resp, err := c.Do(r); err == nil {
			resp.Body.Close()
		}
	}()
	<-begun
	leave()
	<-left
	w.idp.IDToken = nil
	anew := make(chan string)
	go func() {
		_, shows := c.tab(back)
		anew <- shows
	}()
	close(hold)
	if shows := <-anew; !strings.Contains(shows, "GET /twice ada@example.com") {
		t.Errorf("the page that was loaded anew shows %s", shows)
	}
	opened := w.sessions()
	if u, err := url.Parse(w.url); err == nil {
		for _, cookie := range c.Jar.Cookies(u) {
			if cookie.Name == "ssobridge" {
				c.Jar.SetCookies(u, []*http.Cookie{{Name: cookie.Name, MaxAge: -1}})
			}
		}
	}
	w.idp.Asked()
	w.Pass(3 * time.Second) // before that the answer with the cookie may be on its way
	c.get(back, "Accept: text/html").want(t, http.StatusFound, "/twice")
	if n := w.redeemed(); n != 0 || w.sessions() != opened || c.cookie() != "" {
		t.Errorf("without the session: the code was used %d times more, and there are %d sessions after %d", n, w.sessions(), opened)
	}
}
