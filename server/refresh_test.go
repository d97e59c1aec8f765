package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
)

// refreshing are the settings of a provider whose sessions are refreshed.
func refreshing(more ...string) []string {
	return append([]string{"PROVIDER_ACME_SCOPES=openid profile email offline_access", "PROVIDER_ACME_REFRESH_EVERY=10m", "PROVIDER_ACME_REFRESH_GRACE=1h"}, more...)
}

// happens waits for what happens beside the requests. It fails a test only when nothing happens at all.
func happens(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("nothing happens: %s", what)
		}
	}
}

// replica is another bridge on the same database.
func (w *openID) replica(settings ...string) *bridge {
	return startOn(w.t, w.bridge, append([]string{"SITE_URL=" + w.url, "JWT_IDENTITY_PROVIDER_URI=", "JWT_SHARED_SECRET=", "PROVIDERS=acme", "PROVIDER_ACME_KIND=oidc",
		"PROVIDER_ACME_ISSUER=" + w.idp.URL, "PROVIDER_ACME_CLIENT_ID=the bridge", "PROVIDER_ACME_CLIENT_SECRET=s%c+r et"}, settings...)...)
}

func (w *openID) notRefreshed() []sso.Event {
	w.t.Helper()
	events, _, err := w.store.Events(w.t.Context(), sso.EventQuery{Kinds: []sso.EventKind{sso.EventNotRefreshed}})
	if err != nil {
		w.t.Fatal(err)
	}
	return events
}

// outcomes is how often /metrics counts refreshes with an outcome.
func (w *openID) outcomes(outcome string) string {
	w.t.Helper()
	for line := range strings.Lines(w.browser().get("/metrics").body) {
		if count, is := strings.CutPrefix(line, `ssobridge_refreshes_total{outcome="`+outcome+`",provider="acme"} `); is {
			return strings.TrimSpace(count)
		}
	}
	return "0"
}

// A session that is in use is confirmed by its provider now and then: groups follow, and whoever was switched off there loses it.
func TestRefresh(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		w := startOpenID(t, refreshing(database, `PROVIDER_ACME_GROUP_MAPPINGS={"research":["Research"],"sales":["Sales"]}`)...)
		var switched atomic.Value
		switched.Store("")
		w.idp.Switched = func() string { return switched.Load().(string) }
		c := w.browser()
		w.signIn(c).want(t, http.StatusFound, "/wanted")
		group := func(name string) int { return c.get("/auth/verify?group=" + name).StatusCode }
		if group("Research") != http.StatusOK || group("Sales") != http.StatusForbidden {
			t.Fatal("the groups of the sign-in are not as they should be")
		}
		if asked, _ := w.idp.Refreshes(); asked != 0 {
			t.Errorf("before it is due the provider was asked %d times", asked)
		}
		w.idp.Claims["groups"] = []any{"sales"}
		for range 3 { // each answer has a new refresh token, without which the next would be refused
			asked, _ := w.idp.Refreshes()
			w.Pass(10 * time.Minute)
			happens(t, "the session is refreshed", func() bool { c.email(); now, _ := w.idp.Refreshes(); return now > asked })
		}
		happens(t, "groups follow", func() bool { return group("Sales") == http.StatusOK && group("Research") == http.StatusForbidden })

		switched.Store("invalid_grant")
		w.Pass(10 * time.Minute)
		happens(t, "the session ends", func() bool { return c.email() == "" })
		if e := w.notRefreshed(); len(e) != 1 || e[0].Code != sso.ProviderRefused || e[0].Email != "ada@example.com" || e[0].Provider != "acme" || !strings.Contains(e[0].Detail, "invalid_grant") {
			t.Errorf("got the events %+v", e)
		}
		if got := w.outcomes("ended"); got != "1" {
			t.Errorf("/metrics counts %s that ended, want 1", got)
		}
		for _, token := range w.idp.RefreshTokens() {
			if strings.Contains(w.log.String(), token) {
				t.Error("a refresh token is in the log")
			}
		}
	})
}

// A provider that is away costs nobody the session until the grace is over.
func TestRefreshWithoutProvider(t *testing.T) {
	w := startOpenID(t, refreshing()...)
	c := w.browser()
	w.signIn(c).want(t, http.StatusFound, "/wanted")
	var away, refused atomic.Int64
	away.Store(1)
	w.idp.Before["/token"] = func(rw http.ResponseWriter, _ *http.Request) {
		refused.Add(1)
		rw.WriteHeader(http.StatusBadGateway)
	}
	w.Pass(10 * time.Minute)
	began := w.Now()
	for w.Now().Sub(began) < 70*time.Minute {
		before := w.outcomes("failed")
		if c.email() == "" {
			break
		}
		happens(t, "the provider is asked", func() bool { c.email(); return w.outcomes("failed") != before || w.sessions() == 0 })
		w.Pass(6 * time.Minute)
	}
	if c.email() != "" {
		t.Error("the session is good after the grace")
	}
	happens(t, "the session ends", func() bool { w.Pass(5 * time.Second); c.email(); return w.sessions() == 0 })
	if took := w.Now().Sub(began); took < time.Hour || took > 80*time.Minute || refused.Load() < 9 {
		t.Errorf("it ended after %v and %d questions", took, refused.Load())
	}
	if e := w.notRefreshed(); len(e) != 1 || e[0].Code != sso.ProviderUnavailable || !strings.Contains(e[0].Detail, "not refreshed since "+began.UTC().Format(time.RFC3339)) {
		t.Errorf("got the events %+v", e)
	}
}

// Without a grace, one answer that could not be had ends a session, and nobody passes once it is due and not confirmed. As long as
// the provider answers, the session goes on. SECURITY D10
func TestRefreshWithoutGrace(t *testing.T) {
	w := startOpenID(t, append(refreshing(), "PROVIDER_ACME_REFRESH_GRACE=0")...)
	c := w.browser()
	w.signIn(c).want(t, http.StatusFound, "/wanted")
	for range 3 {
		asked, _ := w.idp.Refreshes()
		w.Pass(10 * time.Minute)
		if got := c.email(); got != "ada@example.com" {
			t.Fatalf("while the provider answers: got %q", got)
		}
		happens(t, "the session is refreshed", func() bool { now, _ := w.idp.Refreshes(); return now > asked })
	}
	w.idp.Before["/token"] = func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) }
	w.Pass(10 * time.Minute)
	if got := c.email(); got != "" {
		t.Errorf("while it does not answer: got %q", got)
	}
	happens(t, "the session ends", func() bool { c.email(); return w.sessions() == 0 })
	delete(w.idp.Before, "/token")
	if c.email() != "" {
		t.Error("the session lives again with the provider")
	}
	if e := w.notRefreshed(); len(e) != 1 || e[0].Code != sso.ProviderUnavailable {
		t.Errorf("got the events %+v", e)
	}
}

// Who comes back after a long pause sees nothing before the provider has said that they may: not who was switched off meanwhile, and
// nobody while it does not answer. SECURITY D10
func TestRefreshAfterLongPause(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		a := startOpenID(t, refreshing(database)...)
		b := a.replica(refreshing()...)
		var switched atomic.Value
		switched.Store("")
		a.idp.Switched = func() string { return switched.Load().(string) }
		var away atomic.Bool
		a.idp.Refreshing = func(url.Values) {
			if away.Load() {
				panic(http.ErrAbortHandler)
			}
		}
		pause := func(d time.Duration) {
			a.Pass(d)
			b.Pass(d)
		}
		signIn := func() string {
			c := a.browser()
			a.signIn(c).want(t, http.StatusFound, "/wanted")
			return c.cookie()
		}
		at := func(r *bridge, cookie string) int {
			return r.browser().get("/auth/verify", "X-Metabase-Session: "+cookie).StatusCode
		}
		off, other := signIn(), signIn()
		pause(7 * 24 * time.Hour)
		switched.Store("invalid_grant")
		for r, cookie := range map[*bridge]string{a.bridge: off, b: other} {
			for range 2 {
				if status := at(r, cookie); status != http.StatusUnauthorized {
					t.Errorf("somebody who was switched off a week ago: got %d, want 401", status)
				}
			}
		}
		if e := a.notRefreshed(); len(e) != 2 || e[0].Code != sso.ProviderRefused {
			t.Errorf("got the events %+v", e)
		}

		switched.Store("")
		cookie := signIn()
		pause(70 * time.Minute)
		var both sync.WaitGroup
		asked, _ := a.idp.Refreshes()
		for _, r := range []*bridge{a.bridge, b, a.bridge, b} { // one of the replicas asks, the other waits for what it is told
			both.Go(func() {
				if status := at(r, cookie); status != http.StatusOK {
					t.Errorf("somebody who may come in: got %d, want 200", status)
				}
			})
		}
		both.Wait()
		if now, _ := a.idp.Refreshes(); now != asked+1 {
			t.Errorf("the provider was asked %d times, want once", now-asked)
		}

		pause(70 * time.Minute)
		away.Store(true)
		for _, r := range []*bridge{a.bridge, b} {
			if status := at(r, cookie); status != http.StatusUnauthorized {
				t.Errorf("while the provider is away: got %d, want 401", status)
			}
		}
		if n := a.sessions(); n != 1 {
			t.Errorf("there are %d sessions, want 1: it is not over", n)
		}
		away.Store(false)
		pause(time.Minute)
		for _, r := range []*bridge{b, a.bridge} {
			if status := at(r, cookie); status != http.StatusOK {
				t.Errorf("when the provider is back: got %d, want 200", status)
			}
		}
	})
}

// A thousand sessions that are due at once stall no check, and the provider gets four questions at once.
func TestRefreshOfManyAtOnce(t *testing.T) {
	const people = 1000
	w := startOpenID(t, refreshing("SESSIONS_IN_MEMORY=2000")...)
	if w.browser().get("/auth/verify").StatusCode != http.StatusUnauthorized {
		t.Fatal("somebody is signed in")
	}
	hold := make(chan struct{})
	w.idp.Refreshing = func(url.Values) { <-hold }
	w.idp.Claims["sub"], w.idp.Claims["email"] = "p", "p@example.com"
	ids := make([]string, people)
	for i := range ids {
		ids[i] = sso.NewSessionID()
		id := sso.Identity{Provider: "acme", Subject: sso.Subject{Kind: sso.SubjectClaim, Value: "p"}, Email: "p@example.com"}
		x, in := conformance.Arrival(w.Now(), id, w.sso.Providers[0].Policy)
		in.Settings, in.Session.Hash, in.Session.ExpiresAt = w.sso.Settings, hashOf(t, ids[i]), w.Now().Add(24*time.Hour)
		in.Granted = sso.Granted{Issuer: w.idp.URL, Subject: "p", IDToken: "x", RefreshToken: w.idp.RefreshToken(url.Values{"client_id": {"the bridge"}})}
		if _, err := w.store.SignIn(t.Context(), x, in); err != nil {
			t.Fatal(err)
		}
	}
	w.Pass(10 * time.Minute)
	check := func(id string) int {
		c := w.browser()
		return c.get("/auth/verify", "X-Metabase-Session: "+id).StatusCode
	}
	for round := range 2 { // while the provider answers nobody
		for i, id := range ids {
			if status := check(id); status != http.StatusOK {
				t.Fatalf("round %d, check %d: got %d", round, i, status)
			}
		}
	}
	happens(t, "four are asked about", func() bool { asked, _ := w.idp.Refreshes(); return asked == 4 })
	close(hold)
	happens(t, "all are refreshed", func() bool { return w.outcomes("refreshed") == fmt.Sprint(people) || w.outcomes("ended") != "0" })
	if asked, atMost := w.idp.Refreshes(); asked != people || atMost != 4 {
		t.Errorf("the provider got %d questions, %d at once; want %d and 4", asked, atMost, people)
	}
	if e := w.notRefreshed(); len(e) > 0 {
		t.Errorf("%d sessions ended, such as %+v", len(e), e[0])
	}
}

// Two replicas that find a session due at once ask once; a sign-out at one of them stands, whatever the answer is.
func TestRefreshByReplicas(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		a := startOpenID(t, refreshing(database)...)
		b := a.replica(refreshing()...)
		hold, begun := make(chan struct{}), make(chan struct{}, 10)
		a.idp.Refreshing = func(url.Values) { begun <- struct{}{}; <-hold }
		c := a.browser()
		a.signIn(c).want(t, http.StatusFound, "/wanted")
		cookie := c.cookie()
		at := func(r *bridge) int {
			return r.browser().get("/auth/verify", "X-Metabase-Session: "+cookie).StatusCode
		}
		a.Pass(10 * time.Minute)
		b.Pass(10 * time.Minute)
		var both sync.WaitGroup
		for _, r := range []*bridge{a.bridge, b} {
			both.Go(func() {
				for range 5 {
					if status := at(r); status != http.StatusOK {
						t.Errorf("got %d, want 200", status)
					}
				}
			})
		}
		both.Wait()
		<-begun
		if asked, _ := a.idp.Refreshes(); asked != 1 {
			t.Errorf("the provider was asked %d times, want once", asked)
		}
		c.send("POST", "/auth/logout", form(), "Sec-Fetch-Site: same-origin")
		close(hold)
		happens(t, "the answer is there", func() bool { return a.outcomes("gone") == "1" || (&openID{b, a.idp}).outcomes("gone") == "1" })
		for _, r := range []*bridge{a.bridge, b} {
			happens(t, "the sign-out is seen", func() bool { return at(r) == http.StatusUnauthorized })
		}
		if e := a.notRefreshed(); len(e) > 0 || a.sessions() != 0 {
			t.Errorf("got the events %v and %d sessions", e, a.sessions())
		}
	})
}

// Without offline_access there is no refresh token to be expected: the settings say so, and the session lasts.
func TestRefreshWithoutToken(t *testing.T) {
	w := startOpenID(t, "PROVIDER_ACME_REFRESH_EVERY=1m")
	if !slices.ContainsFunc(w.cfg.Warnings, func(s string) bool { return strings.Contains(s, "offline_access") }) {
		t.Errorf("got the warnings %q", w.cfg.Warnings)
	}
	c := w.browser()
	w.signIn(c).want(t, http.StatusFound, "/wanted")
	w.Pass(time.Hour)
	if c.email() == "" {
		t.Error("the session is over")
	}
	if asked, _ := w.idp.Refreshes(); asked != 0 {
		t.Errorf("the provider was asked %d times", asked)
	}
}
