package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
	"github.com/ssobridge/ssobridge/sso/ssotest/wire"
)

// wantUnavailable wants the answer of something that is down for now: with its own code, and when to come back.
func (r response) wantUnavailable(t *testing.T, what string, code sso.Code) {
	t.Helper()
	var problem struct{ Code sso.Code }
	_ = json.Unmarshal([]byte(r.body), &problem)
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || problem.Code != code {
		t.Errorf("%s: got %d, Retry-After %q, %s, want 503 %s", what, r.StatusCode, r.Header.Get("Retry-After"), r.body, code)
	}
}

// A token endpoint that sends a byte a second is one that does not answer, and the login can be finished once it does.
//
// SECURITY L8
func TestDrippingTokenEndpoint(t *testing.T) {
	e := newTokenEndpoint(t)
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	drip := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for {
			w.Write([]byte(" "))
			w.(http.Flusher).Flush()
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done():
				return
			case <-over:
				return
			}
		}
	}))
	t.Cleanup(drip.Close)
	for name, limit := range map[string]time.Duration{"its own limit": time.Minute, "the handler's limit": 2 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, "JWT_BINDING=pkce", "JWT_CLIENT_ID=bridge", "JWT_TOKEN_URI="+drip.URL)
			server.SetHandlerTimeout(b.srv, limit)
			c := b.browser()
			q := c.begin(deep)
			callback := "/auth/sso?" + values("code", e.issue(q, b.token(nil)), "state", q.Get("state")).Encode()
			c.get(callback, "Accept: application/problem+json").wantUnavailable(t, "callback", sso.ProviderUnavailable)
			resp := c.get(callback, page, "Sec-Fetch-Mode: navigate")
			if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || len(resp.Cookies()) > 0 {
				t.Errorf("page: got %d, Retry-After %q, cookies %v, want 503 and the flow kept", resp.StatusCode, resp.Header.Get("Retry-After"), resp.Cookies())
			}
		})
	}
}

// failures are what can happen to the network between a bridge and its database.
func failures() map[string]wire.State {
	return map[string]wire.State{"black hole": {Holds: true}, "two seconds late": {Delay: 2 * time.Second}, "reset": {Cut: true}}
}

// A PostgreSQL that takes what is sent and never answers is a database that is down: each way in says so within five seconds,
// only probes ask it from then on, and it is there again when it answers.
//
// SECURITY L4, L8
func TestStalledPostgres(t *testing.T) {
	u, err := url.Parse(postgres.InCI(t))
	if err != nil {
		t.Fatal(err)
	}
	db, err := wire.New(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	u.Host = db.Addr()
	b := start(t, "DATABASE_URL="+u.String(), "JWT_BINDING=off")
	b.root()
	ann := b.browser()
	ann.signIn(nil).want(t, 302, "/")
	for name, failure := range failures() {
		db.Set(failure)
		t.Run(name, func(t *testing.T) { stalled(t, b, db) })
		mended := time.Now()
		db.Set(wire.State{})
		recovers(t, b, mended)
	}
	if log := b.log.String(); strings.Contains(log, "code=internal") {
		t.Error("the log has an internal error")
	}
}

// recovers wants sign-ins to come back soon after a fault has ended.
func recovers(t *testing.T, b *bridge, mended time.Time) {
	t.Helper()
	for {
		resp := b.browser().signIn(claims{"jti": sso.NewReference()})
		took := time.Since(mended)
		if resp.StatusCode == 302 {
			t.Logf("%s: signed in %v after it", t.Name(), took)
			break
		}
		if took > 10*time.Second {
			t.Fatalf("afterwards: got %d %s, want signed in", resp.StatusCode, resp.body)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func stalled(t *testing.T, b *bridge, db *wire.Wire) {
	ways := map[string]func(c *browser) response{
		"GET with a token": func(c *browser) response {
			return c.get("/auth/sso?jwt="+b.token(claims{"jti": "1"}), "Accept: application/json")
		},
		"POST with a token": func(c *browser) response {
			return c.send("POST", "/auth/sso", "application/json\n"+`{"jwt":"`+b.token(claims{"jti": "2"})+`"}`)
		},
		"to_session": func(c *browser) response {
			return c.send("POST", "/auth/sso/to_session", "application/json\n"+`{"jwt":"`+b.token(claims{"jti": "3"})+`"}`)
		},
		"a form of elsewhere": func(c *browser) response {
			return c.send("POST", "/auth/sso", form("jwt", b.token(claims{"jti": "4"})), "Sec-Fetch-Site: cross-site", "Accept: application/problem+json")
		},
		"a password": func(c *browser) response {
			return c.password("root@example.com", goodPassword, "Accept: application/json")
		},
		"the set-up": func(c *browser) response { return c.get("/auth/setup", "Accept: application/json") },
		"who is this": func(c *browser) response {
			return c.get("/api/user/current", "Authorization: Bearer "+sso.NewSessionID(), "Accept: application/json")
		},
		"start page": func(c *browser) response {
			return c.get("/", "Authorization: Bearer "+sso.NewSessionID(), "Accept: application/json")
		},
		"a sign-out": func(c *browser) response {
			return c.send("POST", "/auth/logout", form(), "Authorization: Bearer "+sso.NewSessionID(), "Accept: application/json")
		},
	}
	before := runtime.NumGoroutine()
	if status, _ := b.readiness(t); status != 503 {
		t.Errorf("/readyz: got %d, want 503", status)
	}
	var asked sync.WaitGroup
	began := time.Now()
	for name, way := range ways {
		asked.Go(func() {
			way(b.browser()).wantUnavailable(t, name, sso.StoreUnavailable)
			if took := time.Since(began); took > 10*time.Second { // 4.4 s, on a machine that has time
				t.Errorf("%s: answered after %v", name, took)
			}
		})
	}
	asked.Go(func() { // fails closed
		resp := b.browser().get("/auth/verify", "Authorization: Bearer "+sso.NewSessionID())
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("/auth/verify: got %d, Retry-After %q, want 503", resp.StatusCode, resp.Header.Get("Retry-After"))
		}
	})
	asked.Wait()
	t.Logf("%d goroutines more; all told after %v", runtime.NumGoroutine()-before, time.Since(began))

	for strings.Count(b.log.String(), "database cannot be used") == strings.Count(b.log.String(), "database can be used again") {
		time.Sleep(20 * time.Millisecond)
	}
	probes := db.Asked() // now it is known
	const clients, times = 20, 10
	ssotest.AtOnce(clients, func(int) {
		c := b.browser()
		for range times {
			ways["start page"](c).wantUnavailable(t, "once it is known", sso.StoreUnavailable)
		}
	})
	if got := db.Asked() - probes; got > clients*times/4 { // those of probes; on a slow machine they are many
		t.Errorf("%d requests opened %d connections to the database", clients*times, got)
	}
	http.DefaultClient.CloseIdleConnections()
	if grown := runtime.NumGoroutine() - before; grown > clients*times { // a few for each connection of a client
		t.Errorf("%d goroutines more than before", grown)
	}
}
