package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
	"github.com/ssobridge/ssobridge/store/sessions"
)

// Sessions are found by whose they are, how they were opened, when they were used and on what, and counted likewise.
func TestSessionsLike(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		root := db.admin(t, "root@example.com")
		for _, s := range []struct {
			email, provider, agent string
			used                   time.Duration
		}{
			{"ada@example.com", "jwt", "Mozilla/5.0 (Windows) Chrome/1 Edg/1", 0}, {"bob@example.com", "jwt", "Mozilla/5.0 (Windows) Chrome/1", -time.Hour},
			{"root@example.com", "jwt", "Firefox/1", -2 * time.Hour}, {"eve@example.com", "acme", "firefox/1", -3 * time.Hour},
		} {
			id := person(s.email)
			id.Provider = s.provider
			x, in := conformance.Arrival(*db.now.Load(), id, standard)
			in.Session.UserAgent, in.Session.LastUsed = s.agent, start.Add(s.used)
			if _, err := db.SignIn(t.Context(), x, in); err != nil {
				t.Fatal(err)
			}
			db.advance(time.Second)
		}
		raw := db.raw(t)
		for i, way := range []string{sso.WayPassword, sso.WayPasskey} { // what opens them is told elsewhere
			if _, err := raw.ExecContext(t.Context(), `INSERT INTO sessions (hash, account_id, provider, proof, flow, created_at, last_used, expires_at, peer, user_agent)
				VALUES ($1, $2, $3, '', '', 1, $4, $5, '', '')`, []byte(strings.Repeat(fmt.Sprint(i), 32)), root.ID, way, start.UnixMicro(), start.Add(time.Hour).UnixMicro()); err != nil {
				t.Fatal(err)
			}
		}
		yes, no := true, false
		for _, tt := range []struct {
			name string
			q    sso.SessionQuery
			want string // providers and the hours since they were used
		}{
			{"all", sso.SessionQuery{}, "acme3 jwt2 jwt1 jwt0 password0 passkey0"},
			{"of a provider", sso.SessionQuery{Provider: "jwt"}, "jwt2 jwt1 jwt0"},
			{"by a password", sso.SessionQuery{Provider: sso.WayPassword}, "password0"},
			{"local", sso.SessionQuery{Local: &yes}, "password0 passkey0"},
			{"not local", sso.SessionQuery{Local: &no}, "acme3 jwt2 jwt1 jwt0"},
			{"of administrators", sso.SessionQuery{Administrators: true}, "jwt2 password0 passkey0"},
			{"of administrators, by a provider", sso.SessionQuery{Administrators: true, Local: &no}, "jwt2"},
			{"of one person, by a provider", sso.SessionQuery{AccountID: root.ID, Local: &no}, "jwt2"},
			{"unused", sso.SessionQuery{UnusedSince: start.Add(-time.Hour)}, "acme3 jwt2"},
			{"Edge or Chrome", sso.SessionQuery{Agent: sso.Marks{Any: []string{"Edg/", "Chrome/"}}}, "jwt1 jwt0"},
			{"Chrome", sso.SessionQuery{Agent: sso.Marks{Any: []string{"Chrome/"}, None: []string{"Edg/", "OPR/"}}}, "jwt1"},
			{"capitals", sso.SessionQuery{Agent: sso.Marks{Any: []string{"Firefox/"}}}, "jwt2"},
			{"none", sso.SessionQuery{Agent: sso.Marks{Any: []string{"%"}}}, ""},
		} {
			for _, limit := range []int{0, 1} {
				var got []string
				for _, n := range pages(t, func(after string) ([]sso.Session, string, error) {
					tt.q.Page = sso.Page{After: after, Limit: limit}
					return db.Sessions(t.Context(), tt.q)
				}) {
					got = append(got, fmt.Sprint(n.Provider, start.Sub(n.LastUsed).Hours()))
				}
				if list := strings.Join(got, " "); list != tt.want && list != strings.ReplaceAll(tt.want, "password0 passkey0", "passkey0 password0") {
					t.Errorf("%s, %d a page: got %q, want %q", tt.name, limit, list, tt.want)
				}
				if n, further, err := db.CountSessionsLike(t.Context(), tt.q); n != len(got) || further || err != nil {
					t.Errorf("%s: counted %d, further %v, %v, want %d", tt.name, n, further, err, len(got))
				}
			}
		}
	})
}

// A list that no index finds looks at so many sessions for a page, and leads on from there: all are found.
func TestSessionsLikeFew(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		ada, _ := db.signIn(t, person("ada@example.com"), standard)
		hash := "randomblob(32)"
		if strings.HasPrefix(db.url, "postgres") {
			hash = "decode(md5('' || i) || md5('x' || i), 'hex')"
		}
		_, err := db.raw(t).ExecContext(t.Context(), fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			INSERT INTO sessions (hash, account_id, provider, proof, flow, created_at, last_used, expires_at, peer, user_agent)
			SELECT %s, %d, CASE WHEN i %% %d = 7 THEN 'acme' ELSE 'jwt' END, '', '', i / 3, %d, %d, '', '' FROM n`,
			2*sessions.Looked+1000, hash, ada.Account.ID, sessions.Looked, start.UnixMicro(), start.Add(time.Hour).UnixMicro()))
		if err != nil {
			t.Fatal(err)
		}
		q, parts := sso.SessionQuery{Provider: "acme"}, []int{}
		found := pages(t, func(after string) ([]sso.Session, string, error) {
			q.After = after
			list, next, err := db.Sessions(t.Context(), q)
			parts = append(parts, len(list))
			return list, next, err
		})
		if len(found) != 3 || len(parts) != 3 {
			t.Errorf("got %d sessions in parts of %v, want one in each of three", len(found), parts)
		}
		if n, further, err := db.CountSessionsLike(t.Context(), q); n != 1 || !further || err != nil {
			t.Errorf("counted %d, further %v, %v, want one and more to look at", n, further, err)
		}
		q.Administrators = true // of whom there is no session
		if list, next, err := db.Sessions(t.Context(), q); len(list) != 0 || next != "" || err != nil {
			t.Errorf("of administrators: got %d sessions, next %q, %v", len(list), next, err)
		}
	})
}
