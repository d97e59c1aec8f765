package admin_test

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/server/ssobridge"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/password"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
	"github.com/ssobridge/ssobridge/sso/token"
	"github.com/ssobridge/ssobridge/store"
)

const (
	// localhost among the settings has a bridge at a name: browsers make no passkeys for an IP address.
	localhost = "at localhost="

	secret = "0aLwKq3vVn8ZpXy5rT2uJc7dEb1mGhSf9QkWiRoN4xM"
)

// bridge is a running server with an administrator's place, on a real port and a real database file.
type bridge struct {
	t       *testing.T
	url     string
	db      string
	store   *store.Store
	srv     *server.Server
	runtime *ssobridge.Runtime
	now     func() time.Time
	ahead   atomic.Int64 // by how much a test has set its clock on
	log     *ssotest.Buffer
}

// start runs a bridge with these settings in its environment, "NAME=value", over a usable base; "NAME=" leaves one out.
func start(t *testing.T, settings ...string) *bridge { return replica(t, nil, settings...) }

// replica runs a bridge on the database of another.
func replica(t *testing.T, other *bridge, settings ...string) *bridge {
	t.Helper()
	l, address := bridgetest.Listen(t)
	began := time.Now()
	base := began.Truncate(time.Second)
	b := &bridge{t: t, url: "http://" + address, log: &ssotest.Buffer{}, db: "sqlite:" + filepath.Join(t.TempDir(), "bridge.db")}
	b.now = func() time.Time { return base.Add(time.Since(began) + time.Duration(b.ahead.Load())) }
	if other != nil {
		b.db = other.db
	}
	if _, port, _ := net.SplitHostPort(address); slices.Contains(settings, localhost) {
		b.url = "http://localhost:" + port
	}
	cfg := bridgetest.Config(t, map[string]string{
		"SITE_URL": b.url, "DATABASE_URL": b.db, "SECRET_KEY": strings.Repeat("k", 31) + "!",
		"JWT_IDENTITY_PROVIDER_URI": "https://idp.example/login", "JWT_SHARED_SECRET": secret,
	}, settings)
	b.run(l, cfg)
	return b
}

func (b *bridge) run(l net.Listener, cfg *setting.Config) {
	t := b.t
	t.Helper()
	log := slog.New(slog.NewTextHandler(b.log, nil))
	ctx, st := bridgetest.Open(t, cfg, b.now, log)
	keys, err := ssobridge.NewServiceKeys(ssobridge.KeyFileOf(cfg), st.Services(), b.now, log)
	if err != nil {
		t.Fatal(err)
	}
	own, _ := ssobridge.NewServiceProvider(cfg, keys, st.Services(), log)
	runtime, err := ssobridge.NewRuntime(ctx, cfg, st, cfg.SecretKey, b.now, log, own)
	if err != nil {
		t.Fatal(err)
	}
	b.store, b.runtime = st, runtime
	b.srv, err = server.New(server.Options{
		Store: st, Passwords: &password.Hasher{}, SecretKey: cfg.SecretKey, Now: b.now, Log: log, Version: "test",
		Administration: &server.Administration{Store: st, Settings: runtime, Services: st.Services(), Minter: ssobridge.NewMinter(cfg, keys)}, SettingsChanged: runtime.Reload,
	}, runtime.Live())
	if err != nil {
		t.Fatal(err)
	}
	runtime.Follow(b.srv.Apply)
	bridgetest.Serve(t, b.srv, l)
}

// browser keeps cookies and follows no redirect by itself.
type browser struct {
	*http.Client
	b *bridge
}

func (b *bridge) browser() *browser {
	return &browser{b: b, Client: bridgetest.NewClient()}
}

// admin is a browser in which an administrator is signed in, by password as it were.
func (b *bridge) admin() *browser {
	b.t.Helper()
	return b.as("root@example.com", sso.Administrators)
}

// as is a browser in which a person of these groups is signed in. The account is made if there is none.
func (b *bridge) as(email string, groups ...int64) *browser {
	b.t.Helper()
	ctx := b.t.Context()
	if _, err := b.store.AccountByEmail(ctx, email); err != nil {
		if _, err = b.store.CreateAccount(ctx, sso.Account{Email: email, Active: true}, "", groups, sso.Event{Kind: sso.EventAccount}); err != nil {
			b.t.Fatal(err)
		}
	}
	return b.signedIn(email, 0)
}

type response struct {
	*http.Response
	body string
}

// send makes a request; a body comes with its content type in front: "application/json\n{}". Headers are "Name: value".
func (c *browser) send(method, path, body string, headers ...string) response {
	c.b.t.Helper()
	req := bridgetest.NewRequest(c.b.t, method, c.b.url+path, body)
	req.Header.Set("Accept", "text/html")
	if strings.HasPrefix(path, "/api/") {
		req.Header.Set("Accept", "*/*")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, text := bridgetest.Do(c.b.t, c.Client, req)
	return response{resp, text}
}

func (c *browser) get(path string, headers ...string) response {
	c.b.t.Helper()
	return c.send("GET", path, "", headers...)
}

// post sends a form as a page of ours does. Browsers hold each redirect that follows against the policy that this page came with, be
// it long ago: none may lead out of the bridge, or to where a sign-in goes on from (SECURITY L1).
func (c *browser) post(path string, form url.Values, headers ...string) response {
	c.b.t.Helper()
	resp := c.send("POST", path, "application/x-www-form-urlencoded\n"+form.Encode(), append([]string{"Sec-Fetch-Site: same-origin"}, headers...)...)
	if to, err := resp.Location(); err == nil && (!strings.HasPrefix(to.String(), c.b.url+"/") || strings.HasSuffix(to.Path, "/auth/sso")) {
		c.b.t.Errorf("POST %s: got a redirect to %s, want a page in between", path, to)
	}
	return resp
}

// leads is where a page of ours goes on to by itself.
func (r response) leads(t *testing.T) *url.URL {
	t.Helper()
	var to string
	for _, content := range dom.Attr(r.body, `meta[http-equiv="refresh"]`, "content") {
		_, to, _ = strings.Cut(content, "url=")
	}
	at, err := url.Parse(to)
	if err != nil || to == "" || r.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: got %d %s, want a page that goes on", r.Request.Method, r.Request.URL, r.StatusCode, sso.Truncate(r.body, 500))
	}
	return at
}

// call sends JSON (nil for none) and reads JSON into out (nil for none).
func (c *browser) call(method, path string, in, out any) response {
	c.b.t.Helper()
	body := ""
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			c.b.t.Fatal(err)
		}
		body = "application/json\n" + string(raw)
	}
	resp := c.send(method, path, body)
	if out != nil {
		if err := json.Unmarshal([]byte(resp.body), out); err != nil {
			c.b.t.Fatalf("%s %s: %d, %v in %s", method, path, resp.StatusCode, err, sso.Truncate(resp.body, 300))
		}
	}
	return resp
}

func (r response) want(t *testing.T, status int, location string) {
	t.Helper()
	if r.StatusCode != status || r.Header.Get("Location") != location {
		t.Errorf("%s %s: got %d to %q, want %d to %q; body %q", r.Request.Method, r.Request.URL.Path, r.StatusCode, r.Header.Get("Location"),
			status, location, sso.Truncate(r.body, 400))
	}
}

type claims map[string]any

// token signs a login token of ann@example.com that is good for ten minutes; with says what differs.
func (b *bridge) token(key string, with claims) string {
	b.t.Helper()
	all := claims{"email": "ann@example.com", "exp": b.now().Add(10 * time.Minute).Unix(), "jti": sso.NewReference()}
	for k, v := range with {
		all[k] = v
	}
	signed, err := token.Mint(key, all)
	if err != nil {
		b.t.Fatal(err)
	}
	return signed
}

// signIn presents a token as a redirect does, and returns the code of the refusal, "" for none.
func (b *bridge) signIn(key string, with claims) string {
	b.t.Helper()
	resp := b.browser().send("POST", "/auth/sso", "application/json\n"+`{"jwt":"`+b.token(key, with)+`"}`, "Accept: application/json")
	var answer struct{ Status, Code any }
	if err := json.Unmarshal([]byte(resp.body), &answer); err != nil {
		b.t.Fatalf("sign-in: %d %s", resp.StatusCode, resp.body)
	}
	if resp.StatusCode == http.StatusOK {
		return ""
	}
	code, _ := answer.Code.(string)
	return code
}

// events returns the details of the newest events of a kind.
func (b *bridge) events(kind sso.EventKind) []string {
	b.t.Helper()
	list, _, err := b.store.Events(b.t.Context(), sso.EventQuery{Kinds: []sso.EventKind{kind}})
	if err != nil {
		b.t.Fatal(err)
	}
	var all []string
	for _, e := range list {
		all = append(all, e.Detail)
	}
	return all
}
