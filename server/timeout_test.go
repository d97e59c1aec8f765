package server_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
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

// A stall is a TCP proxy in front of a server which can stop to hand anything on, as a server does whose disk hangs.
type stall struct {
	net.Listener
	to string
	mu sync.RWMutex // held while nothing passes
}

func newStall(t *testing.T, to string) *stall {
	l, _ := bridgetest.Listen(t)
	s := &stall{Listener: l, to: to}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			go s.pass(near, far)
			go s.pass(far, near)
		}
	}()
	return s
}

func (s *stall) pass(to, from net.Conn) {
	defer to.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		s.mu.RLock()
		_, failed := to.Write(b[:n])
		s.mu.RUnlock()
		if err != nil || failed != nil {
			io.Copy(io.Discard, from)
			return
		}
	}
}

// A PostgreSQL that takes what is sent and never answers is a database that is down: each way in says so, in time, and works
// again when it does.
//
// SECURITY L4, L8
func TestStalledPostgres(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(postgres.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	db := newStall(t, u.Host)
	u.Host = db.Addr().String()
	b := start(t, "DATABASE_URL="+u.String(), "JWT_BINDING=off")
	server.SetHandlerTimeout(b.srv, 2*time.Second)
	b.root()
	ann := b.browser()
	ann.signIn(nil).want(t, 302, "/")

	db.mu.Lock()
	moving := sync.OnceFunc(db.mu.Unlock)
	t.Cleanup(moving)
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
	var asked sync.WaitGroup
	for name, way := range ways {
		asked.Go(func() { way(b.browser()).wantUnavailable(t, name, sso.StoreUnavailable) })
	}
	asked.Go(func() { // fails closed
		resp := b.browser().get("/auth/verify", "Authorization: Bearer "+sso.NewSessionID())
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("/auth/verify: got %d, Retry-After %q, want 503", resp.StatusCode, resp.Header.Get("Retry-After"))
		}
	})
	asked.Wait()
	moving()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		resp := b.browser().signIn(claims{"jti": sso.NewReference()})
		if resp.StatusCode == 302 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("afterwards: got %d %s, want signed in", resp.StatusCode, resp.body)
		}
	}
	if log := b.log.String(); strings.Contains(log, "code=internal") {
		t.Error("the log has an internal error")
	}
}
