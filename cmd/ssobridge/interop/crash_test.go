package interop

import (
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	_ "modernc.org/sqlite" // reads the database behind the bridge's back
)

// An attempt is one sign-in of one new person.
type attempt struct {
	email  string
	token  string
	cookie *http.Cookie // nil: it was not answered
}

// TestKilledInTheMiddleOfLogins: what was answered is kept, whatever happens a moment later, and what was not answered
// has happened wholly or not at all.
//
// SECURITY C3, L4.
func TestKilledInTheMiddleOfLogins(t *testing.T) {
	b := startBridge(t, "http://127.0.0.1:9/login", "MB_JWT_GROUP_SYNC=true", `MB_JWT_GROUP_MAPPINGS={"staff":["Staff"]}`)
	var attempts []*attempt
	for round := range 3 {
		attempts = append(attempts, b.signInUntilKilled(round)...)
		b.start()
		for _, a := range attempts {
			if a.cookie == nil {
				b.tryAgain(a)
				continue
			}
			u, status := b.current(a.cookie)
			if status != http.StatusOK || u.Email != a.email || len(u.Groups) != 2 {
				t.Fatalf("round %d: a session that was answered: got %d %+v, want 200 %s in two groups", round, status, u, a.email)
			}
		}
		b.nothingHalfWritten()
	}
}

// signInUntilKilled signs new people in from many clients at once, and kills the process once some were answered and
// others are on their way.
func (b *bridge) signInUntilKilled(round int) []*attempt {
	b.t.Helper()
	const clients, enough = 16, 60
	var (
		mu       sync.Mutex
		all      []*attempt
		answered atomic.Int64
		killed   atomic.Bool
		wg       sync.WaitGroup
	)
	for client := range clients {
		wg.Go(func() {
			for n := 0; !killed.Load(); n++ {
				a := &attempt{email: fmt.Sprintf("p%d.%d.%d@example.com", round, client, n)}
				a.token = mint(b.t, a.email)
				resp, err := b.present(b.t.Context(), a.token, "/")
				if err == nil && resp.StatusCode == http.StatusFound {
					a.cookie, _ = sessionCookie(resp)
				}
				mu.Lock()
				all = append(all, a)
				mu.Unlock()
				if answered.Add(1) == enough {
					b.cmd.Process.Kill() // SIGKILL
					killed.Store(true)
				}
			}
		})
	}
	wg.Wait()
	stay.CloseIdleConnections()
	return all
}

// tryAgain brings a token whose first presentation was cut off.
func (b *bridge) tryAgain(a *attempt) {
	b.t.Helper()
	resp, err := b.present(b.t.Context(), a.token, "/")
	if err != nil {
		b.t.Fatal(err)
	}
	switch cookie, ok := sessionCookie(resp); {
	case resp.StatusCode == http.StatusFound && ok: // it had not happened
		a.cookie = cookie
	case !ok && resp.StatusCode == http.StatusFound && strings.HasPrefix(resp.Header.Get("Location"), "/auth/sso?again="):
		// It had, and the sign-in begins once more; nothingHalfWritten looks at how.
	default:
		b.t.Fatalf("a token that was cut off, again: got %s to %q, session %v; want one, or to begin again without",
			resp.Status, resp.Header.Get("Location"), ok)
	}
}

// nothingHalfWritten looks for parts of a login without the others.
func (b *bridge) nothingHalfWritten() {
	b.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.dir, "ssobridge.db")+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	for _, q := range []struct{ what, query string }{
		{"integrity faults", `SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'`},
		{"foreign key faults", `SELECT count(*) FROM pragma_foreign_key_check`},
		{"sessions without a spent proof", `SELECT count(*) FROM sessions s WHERE NOT EXISTS (SELECT 1 FROM proofs p WHERE p.key = s.proof AND p.session = s.hash)`},
		{"spent proofs without a session", `SELECT count(*) FROM proofs p WHERE NOT EXISTS (SELECT 1 FROM sessions s WHERE s.hash = p.session)`},
		{"accounts without a session", `SELECT count(*) FROM accounts a WHERE NOT EXISTS (SELECT 1 FROM sessions s WHERE s.account_id = a.id)`},
		{"accounts without their group", `SELECT count(*) FROM accounts a WHERE NOT EXISTS (SELECT 1 FROM memberships m JOIN groups g ON g.id = m.group_id WHERE m.account_id = a.id AND g.name = 'Staff')`},
		{"sessions without an event", `SELECT count(*) FROM sessions s WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.kind = 'sign_in' AND e.proof = s.proof AND e.account_id = s.account_id)`},
		{"sign-ins without a session", `SELECT count(*) FROM events e WHERE e.kind = 'sign_in' AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.proof = e.proof AND s.account_id = e.account_id)`},
	} {
		var n int
		if err := db.QueryRow(q.query).Scan(&n); err != nil {
			b.t.Fatalf("%s: %v", q.what, err)
		}
		if n != 0 {
			b.t.Errorf("%s: got %d, want 0", q.what, n)
		}
	}
}

func mint(t testing.TB, email string) string {
	now := time.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"email": email, "first_name": "A", "last_name": "B", "groups": []string{"staff"},
		"iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(), "jti": rand.Text(),
	}).SignedString([]byte(secret))
	if err != nil {
		t.Error(err)
	}
	return token
}
