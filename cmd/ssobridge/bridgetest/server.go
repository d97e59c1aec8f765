package bridgetest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
	"github.com/ssobridge/ssobridge/store"
)

// Config resolves base with these settings over it, "NAME=value" without the prefix SSOBRIDGE_. A setting without a
// value is left out.
func Config(t testing.TB, base map[string]string, settings []string) *setting.Config {
	t.Helper()
	if base["DRAIN_TIME"] == "" {
		base["DRAIN_TIME"] = "0" // no proxy waits for the end of a test
	}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		base[name] = value
	}
	var environ []string
	for name, value := range base {
		if value != "" {
			environ = append(environ, "SSOBRIDGE_"+name+"="+value)
		}
	}
	cfg, faults := setting.Resolve(setting.Inputs{Environ: environ})
	if len(faults) > 0 {
		t.Fatalf("settings: %v", faults)
	}
	return cfg
}

// Listen opens a free port of 127.0.0.1 and returns its address.
func Listen(t testing.TB) (l net.Listener, address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l, l.Addr().String()
}

// tables is a database of SQLite with all tables and nothing in them, as the first start makes it.
var tables ssotest.Template

// withTables makes the file of a database of SQLite that is not there yet.
func withTables(t testing.TB, databaseURL string) {
	t.Helper()
	path, ok := strings.CutPrefix(databaseURL, "sqlite:")
	if _, err := os.Stat(path); !ok || strings.Contains(path, "?") || !errors.Is(err, fs.ErrNotExist) {
		return
	}
	tables.Copy(t, path, func(path string) error { return makeTables(t, "sqlite:"+path) })
}

// Postgres returns the URL of a database of PostgreSQL with all tables and nothing in them.
func Postgres(t testing.TB) string {
	t.Helper()
	return postgres.Tables(t, func(url string) error { return makeTables(t, url) })
}

func makeTables(t testing.TB, databaseURL string) error {
	st, err := store.Open(t.Context(), databaseURL, store.Options{})
	if err != nil {
		return err
	}
	_, err = st.Migrate(t.Context())
	return errors.Join(err, st.Close())
}

// Open opens the database of cfg, with all its tables, until the test ends. What works beside the server does so within ctx.
func Open(t testing.TB, cfg *setting.Config, now func() time.Time, log *slog.Logger) (ctx context.Context, st *store.Store) {
	t.Helper()
	withTables(t, cfg.DatabaseURL)
	ctx, cancel := context.WithCancel(context.Background())
	st, err := store.Open(ctx, cfg.DatabaseURL, store.Options{Now: now, Secret: cfg.SecretKey, Log: log})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		st.Close()
	})
	if _, err := st.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx, st
}

// Serve runs a server until stop is called or the test ends.
func Serve(t testing.TB, srv *server.Server, l net.Listener) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, l) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// NewClient returns a client that keeps cookies and follows no redirect by itself.
func NewClient() *http.Client {
	jar, _ := cookiejar.New(nil)
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// NewRequest makes a request; a body comes with its content type in front: "application/json\n{}".
func NewRequest(t testing.TB, method, url, body string) *http.Request {
	t.Helper()
	kind, content, _ := strings.Cut(body, "\n")
	req, err := http.NewRequest(method, url, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", kind)
	}
	return req
}

// Do sends a request and reads the answer to its end.
func Do(t testing.TB, c *http.Client, req *http.Request) (resp *http.Response, body string) {
	t.Helper()
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(raw)
}
