package server_test

import (
	"database/sql"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store"
)

// When a sign-in would have to wait for the database for too long, it is told to come back, in words that fit. Whoever has a session
// notices nothing.
func TestBusy(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "bridge.db")
	b := start(t, "DATABASE_URL=sqlite:"+file)
	ann := b.browser()
	ann.signIn(nil).want(t, 302, "/")
	impatient, err := store.Open(t.Context(), b.db, store.Options{Now: b.Now, Secret: b.cfg.SecretKey, MostWait: time.Nanosecond, LockWait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer impatient.Close()
	b.meddler.Store = impatient

	raw, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	other, err := raw.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil { // as another program does
		t.Fatal(err)
	}
	var served sync.WaitGroup
	for _, name := range []string{"Research", "Sales"} { // one tries to write, and one waits for it
		served.Go(func() {
			if _, err := impatient.CreateGroup(t.Context(), name, sso.Event{}); err != nil {
				t.Error(err)
			}
		})
	}
	for impatient.Waiting() == 0 {
		time.Sleep(time.Millisecond)
	}

	token := "/auth/sso?jwt=" + b.token(claims{"email": "cal@example.com", "jti": "late"})
	cal := b.browser()
	cal.get(token, "Accept: application/json").wantUnavailable(t, "a program", sso.Busy)
	resp := cal.get(token, page, "Sec-Fetch-Mode: navigate")
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || len(resp.Cookies()) > 0 ||
		!strings.Contains(resp.body, "Many people are signing in") {
		t.Errorf("a browser: got %d, Retry-After %q, %s", resp.StatusCode, resp.Header.Get("Retry-After"), resp.body)
	}
	if ann.who() == nil {
		t.Error("whoever has a session is asked to sign in")
	}
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	served.Wait()
	for impatient.Waiting() > 0 {
		time.Sleep(time.Millisecond)
	}
	if resp := cal.get(token, page); resp.StatusCode != http.StatusFound { // the token was not spent
		t.Errorf("later: got %d %s", resp.StatusCode, resp.body)
	}
}
