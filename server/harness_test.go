package server_test

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/server/ssobridge"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/password"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/chromium"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
	"github.com/ssobridge/ssobridge/sso/token"
	"github.com/ssobridge/ssobridge/store"
)

const secret = "0aLwKq3vVn8ZpXy5rT2uJc7dEb1mGhSf9QkWiRoN4xM"

// chrome is the browser of the tests.
var chrome chromium.Shared

func TestMain(m *testing.M) {
	ssotest.TempInMemory()
	code := m.Run()
	postgres.Stop()
	chrome.Close()
	os.Exit(code)
}

// onEach runs a test on the databases (see [postgres.Engines]). database is the setting for start: an empty one of the
// test's own.
func onEach(t *testing.T, test func(t *testing.T, database string)) {
	for _, engine := range postgres.Engines() {
		t.Run(engine, func(t *testing.T) {
			if engine == "postgres" {
				test(t, "DATABASE_URL="+bridgetest.Postgres(t))
			} else {
				test(t, "DATABASE_URL=sqlite:"+filepath.Join(t.TempDir(), "bridge.db"))
			}
		})
	}
}

// bridge is a running server on a real port with a real database file. The test holds the clock.
type bridge struct {
	*ssotest.Clock
	t     *testing.T
	url   string
	db    string // DATABASE_URL
	store *store.Store
	srv   *server.Server
	rules *ssobridge.Runtime
	sso   *sso.Bridge
	cfg   *setting.Config
	log   *ssotest.Buffer

	meddler *meddler

	change func(*server.Options)
}

// start runs a bridge with these settings, "NAME=value", over a usable base; $PORT in a value is the port it listens on. A replica shares the database of another.
func start(t *testing.T, settings ...string) *bridge { return startOn(t, nil, settings...) }

func startOn(t *testing.T, other *bridge, settings ...string) *bridge {
	t.Helper()
	return startChanged(t, other, func(*server.Options) {}, settings...)
}

// startChanged is startOn with other options.
func startChanged(t *testing.T, other *bridge, change func(*server.Options), settings ...string) *bridge {
	t.Helper()
	l, address := bridgetest.Listen(t)
	_, port, _ := net.SplitHostPort(address)
	b := &bridge{t: t, url: "http://" + address, log: &ssotest.Buffer{}, Clock: ssotest.NewClock(time.Now().Truncate(time.Second)), change: change}
	b.db = "sqlite:" + filepath.Join(t.TempDir(), "bridge.db")
	if other != nil {
		b.db, b.Clock = other.db, ssotest.NewClock(other.Now())
	}
	env := map[string]string{
		"SITE_URL": b.url, "DATABASE_URL": b.db, "SECRET_KEY": strings.Repeat("k", 31) + "!",
		"JWT_IDENTITY_PROVIDER_URI": "https://idp.example/login?from=bridge", "JWT_SHARED_SECRET": secret,
	}
	with := slices.Clone(settings)
	for i, s := range with {
		with[i] = strings.ReplaceAll(s, "$PORT", port)
	}
	cfg := bridgetest.Config(t, env, with)
	b.db = cfg.DatabaseURL
	if strings.HasPrefix(env["SITE_URL"], "http://localhost:") {
		b.url = env["SITE_URL"]
	}
	b.run(l, cfg)
	return b
}

func (b *bridge) run(l net.Listener, cfg *setting.Config) {
	t := b.t
	t.Helper()
	log := slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ctx, st := bridgetest.Open(t, cfg, b.Now, log)
	b.store, b.meddler = st, &meddler{Store: st}
	runtime, err := ssobridge.NewRuntime(ctx, cfg, b.meddler, cfg.SecretKey, b.Now, log)
	if err != nil {
		t.Fatal(err)
	}
	b.rules, b.sso, b.cfg = runtime, runtime.Live().Bridge, runtime.Live().Config
	o := server.Options{Store: b.meddler, Passwords: &password.Hasher{}, SecretKey: cfg.SecretKey, Now: b.Now, Log: log, Version: "test",
		SettingsChanged: runtime.Reload}
	b.change(&o)
	b.srv, err = server.New(o, runtime.Live())
	if err != nil {
		t.Fatal(err)
	}
	runtime.Follow(b.srv.Apply)
	bridgetest.Serve(t, b.srv, l)
}

type claims map[string]any

// token signs claims; exp in ten minutes unless they say otherwise. A nil value removes a claim.
func (b *bridge) token(with claims) string {
	b.t.Helper()
	all := claims{"email": "ann@example.com", "first_name": "Ann", "last_name": "Lee", "exp": b.Now().Add(10 * time.Minute).Unix()}
	for k, v := range with {
		all[k] = v
		if v == nil {
			delete(all, k)
		}
	}
	signed, err := token.Mint(secret, all)
	if err != nil {
		b.t.Fatal(err)
	}
	return signed
}

// browser keeps cookies and does not follow redirects by itself.
type browser struct {
	*http.Client
	b *bridge
}

func (b *bridge) browser() *browser {
	return &browser{b: b, Client: bridgetest.NewClient()}
}

type response struct {
	*http.Response
	body string
}

func (c *browser) do(req *http.Request) response {
	c.b.t.Helper()
	resp, body := bridgetest.Do(c.b.t, c.Client, req)
	return response{resp, body}
}

// send makes a request; headers are "Name: value", and a body comes with its content type in front: "application/json\n{}".
func (c *browser) send(method, path, body string, headers ...string) response {
	c.b.t.Helper()
	req := bridgetest.NewRequest(c.b.t, method, c.b.url+path, body)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	return c.do(req)
}

func (c *browser) get(path string, headers ...string) response {
	c.b.t.Helper()
	return c.send("GET", path, "", headers...)
}

func form(pairs ...string) string {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return "application/x-www-form-urlencoded\n" + v.Encode()
}

// signIn presents a token as a redirect does.
func (c *browser) signIn(with claims) response {
	c.b.t.Helper()
	return c.get("/auth/sso?jwt=" + c.b.token(with))
}

// who asks who is signed in; nil for no one.
func (c *browser) who(headers ...string) map[string]any {
	c.b.t.Helper()
	resp := c.get("/api/user/current", headers...)
	if resp.StatusCode == http.StatusUnauthorized {
		return nil
	}
	if resp.StatusCode != http.StatusOK {
		c.b.t.Fatalf("current user: %d %s", resp.StatusCode, resp.body)
	}
	var u map[string]any
	if err := json.Unmarshal([]byte(resp.body), &u); err != nil {
		c.b.t.Fatal(err)
	}
	return u
}

func (c *browser) email() string {
	c.b.t.Helper()
	email, _ := c.who()["email"].(string)
	return email
}

func (r response) want(t *testing.T, status int, location string) {
	t.Helper()
	if r.StatusCode != status || r.Header.Get("Location") != location {
		t.Errorf("got %d to %q, want %d to %q; body %q", r.StatusCode, r.Header.Get("Location"), status, location, sso.Truncate(r.body, 300))
	}
}

func (b *bridge) lastEvent() sso.Event {
	b.t.Helper()
	list, _, err := b.store.Events(b.t.Context(), sso.EventQuery{Page: sso.Page{Limit: 1}})
	if err != nil || len(list) == 0 {
		b.t.Fatalf("no event: %v", err)
	}
	return list[0]
}

// sessions counts the live sessions of everyone.
func (b *bridge) sessions() int {
	b.t.Helper()
	list, _, err := b.store.Sessions(b.t.Context(), sso.SessionQuery{Page: sso.Page{Limit: sso.MaxLimit}})
	if err != nil {
		b.t.Fatal(err)
	}
	return len(list)
}

// app is an app behind the bridge that answers with the headers it got.
func app(t *testing.T) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := r.Header.Clone()
		h.Set("X-Path", r.RequestURI)
		h.Set("X-Host", r.Host)
		json.NewEncoder(w).Encode(h)
	}))
	t.Cleanup(s.Close)
	return s
}

const goodPassword = "wandering otters file taxes"

type hasher struct{ password.Hasher }

func (h *hasher) hash(t *testing.T) (string, error) { return h.Hash(t.Context(), goodPassword) }
