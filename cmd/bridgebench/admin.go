package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver that the store uses, too

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/store"
)

// maxAdminPage bounds the time of an admin page on the server.
const maxAdminPage = 100.0 // ms

// What the database holds when admin pages are measured. Bench and test differ in nothing else.
type population struct{ people, groups, sessions, events int }

// benchAdmin measures the administrator's pages on a large database. Requests come one after the other: it is the time of
// a page that counts.
func benchAdmin(ctx context.Context, o options) (table, []target, error) {
	fail := func(err error) (table, []target, error) { return table{}, nil, err }
	dir, err := os.MkdirTemp(o.dir, "admin")
	if err != nil {
		return fail(err)
	}
	database := cmp.Or(o.database, "sqlite:"+filepath.Join(dir, "bench.db"))
	o.progress(fmt.Sprintf("filling the database with %d people, %d groups and %d events", o.crowd.people, o.crowd.groups, o.crowd.events))
	now := time.Now()
	cookie, err := fillCrowd(ctx, database, o.crowd, now)
	if err != nil {
		return fail(fmt.Errorf("filling the database: %w", err))
	}
	b, _, err := startBridgeIn(ctx, o.program, dir, database)
	if err != nil {
		return fail(err)
	}
	defer b.stop()
	t := table{Name: fmt.Sprintf("admin pages with %d people, %d groups, %d sessions and %d events, one request at a time",
		o.crowd.people, o.crowd.groups, o.crowd.sessions, o.crowd.events)}
	var pages []*contender
	for _, path := range adminPaths(o.crowd, now) {
		pages = append(pages, &contender{name: path, proc: b.process, run: func(ctx context.Context, d time.Duration) (sample, error) {
			request := get(b.addr, path, "Accept: text/html", "Cookie: "+sessionCookie+"="+cookie)
			return load{addr: b.addr, conns: 1, want: 200, next: func(_ int64, buf []byte) []byte { return append(buf, request...) }}.run(ctx, d)
		}})
	}
	if err := measure(ctx, pages, o.rounds, o.turn, o.progress); err != nil {
		return fail(fmt.Errorf("%w\n%s", err, b.tail()))
	}
	slowest := row{}
	for _, p := range pages {
		r := rowOf(p, 0)
		t.Rows = append(t.Rows, r)
		if r.P50 > slowest.P50 {
			slowest = r
		}
	}
	return t, []target{atMost("the slowest admin page, "+slowest.Name, slowest.P50, maxAdminPage, " ms")}, nil
}

// adminPaths are pages as people ask for them, and filters that leave the most to look through.
func adminPaths(n population, now time.Time) []string {
	day := func(ago int) string { return now.AddDate(0, 0, -ago).UTC().Format(time.DateOnly) }
	deep := fmt.Sprintf("%d.%d", now.AddDate(0, 0, -50).UnixMicro(), n.events/5)
	return []string{
		"/admin", "/admin/sign-in", "/admin/providers", "/admin/providers/jwt", "/admin/mapping",
		"/admin/people", fmt.Sprintf("/admin/people?after=%d", n.people*9/10), "/admin/people?search=p", "/admin/people?search=p5", "/admin/people?search=l77",
		"/admin/people?search=bench", "/admin/people?search=first+l77", "/admin/people?search=nobody", "/admin/people?state=deactivated", "/admin/people?search=f&state=deactivated",
		"/admin/people?seen=never", "/admin/people?seen=30", "/admin/people?seen=90", "/admin/people?seen=365", "/admin/people?seen=90&state=active", "/admin/people?seen=90&group=Group+1",
		"/admin/people?seen=90&provider=jwt", "/admin/people?search=first&seen=90", "/admin/people?provider=jwt", "/admin/people?provider=jwt&sort=newest", "/admin/people?sort=newest",
		"/admin/people/77", "/admin/people/new",
		"/admin/groups", "/admin/groups?search=9", "/admin/groups?sort=members", "/admin/groups/1", "/admin/groups/2", "/admin/groups/3",
		fmt.Sprintf("/admin/groups/3?after=%d", n.people*9/10), "/admin/groups/77",
		"/admin/sessions", "/admin/sessions?person=p77@bench.example", "/admin/sessions?way=*", "/admin/sessions?way=password", "/admin/sessions?role=administrator",
		"/admin/sessions?unused=month", "/admin/sessions?device=Linux&unused=hour", "/admin/sessions?device=Safari",
		"/admin/activity", "/admin/activity?after=" + deep, "/admin/activity?kind=sign_in_refused", "/admin/activity?code=token_expired",
		"/admin/activity?code=token_replayed", "/admin/activity?code=token_issuer", "/admin/activity?kind=setting_changed",
		"/admin/activity?person=p77@bench.example", "/admin/activity?reference=R77", "/admin/activity?reference=NOTHING",
		"/admin/activity?from=" + day(40) + "&until=" + day(39),
		"/admin/activity?kind=sign_in&code=token_expired", "/admin/activity?kind=sign_in_refused&code=token_replayed&until=" + day(30),
		"/admin/activity?person=p77@bench.example&code=token_expired", "/admin/activity?person=p77@bench.example&kind=sign_in",
		"/admin/activity?person=nobody@bench.example&kind=sign_in_refused&code=token_expired&from=" + day(50) + "&until=" + day(1),
	}
}

// fillCrowd makes the tables, fills them, and signs an administrator in. It returns the id of that session.
func fillCrowd(ctx context.Context, database string, n population, now time.Time) (session string, err error) {
	s, err := store.Open(ctx, database, store.Options{})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if _, err := s.Migrate(ctx); err != nil {
		return "", err
	}
	if err := insertCrowd(ctx, database, n, now); err != nil {
		return "", err
	}
	if _, err := s.MakeWords(ctx); err != nil { // a bridge does these two every few minutes
		return "", err
	}
	if _, err := s.Sweep(ctx, now); err != nil {
		return "", err
	}
	a, err := s.CreateAccount(ctx, sso.Account{Email: "root@bench.example", Active: true}, "hash", []int64{sso.Administrators}, sso.Event{Kind: sso.EventAccount})
	if err != nil {
		return "", err
	}
	id := sso.NewSessionID()
	hash, _ := sso.HashSessionID(id)
	return id, s.OpenSession(ctx, sso.Session{
		Hash: hash, Provider: "password", CreatedAt: now, LastUsed: now, ExpiresAt: now.AddDate(0, 0, 1),
	}, credential.Credential{AccountID: a.ID, PasswordHash: "hash"}, sso.Event{Kind: sso.EventSignIn, AccountID: a.ID, Email: a.Email})
}

// insertCrowd writes the rows. Everyone is in group 3 and in two or three others; a tenth of the events are refusals, a
// hundredth of those replays. Five in a hundred people are deactivated.
func insertCrowd(ctx context.Context, database string, n population, now time.Time) error {
	db, err := openSQL(database)
	if err != nil {
		return err
	}
	defer db.Close()
	micros := now.UnixMicro()
	const day = int64(24 * time.Hour / time.Microsecond)
	numbers := func(count int) string {
		return fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < %d) ", count)
	}
	for _, query := range []string{
		numbers(n.people) + fmt.Sprintf(`INSERT INTO accounts
			(email, email_key, first_name, last_name, first_key, last_key, active, password_hash, source, synced, own, created_at, last_login)
			SELECT 'p' || i || '@bench.example', 'p' || i || '@bench.example', 'First', 'L' || i, 'first', 'l' || i, i %% 20 <> 0, '', 'jwt',
			'{"department":"Benchmarks","floor":"3"}', '{}', %d, %d FROM n`, micros-90*day, micros-day),
		numbers(n.groups) + "INSERT INTO groups (id, name) SELECT i + 2, 'Group ' || i FROM n",
		fmt.Sprintf("UPDATE counters SET value = %d WHERE name = 'group'", n.groups+2),
		fmt.Sprintf("INSERT INTO memberships (account_id, group_id, source, added_at) SELECT id, 3, 'sync', %d FROM accounts", micros),
		fmt.Sprintf("INSERT INTO memberships (account_id, group_id, source, added_at) SELECT id, 4 + id %% %d, 'sync', %d FROM accounts", n.groups-1, micros),
		fmt.Sprintf(`INSERT INTO memberships (account_id, group_id, source, added_at) SELECT id, 4 + (id + 1 + id / %d %% 7) %% %d, 'admin', %d FROM accounts
			WHERE id > 0 ON CONFLICT (account_id, group_id) DO NOTHING`, n.groups-1, n.groups-1, micros),
		numbers(n.events) + fmt.Sprintf(`INSERT INTO events
			(at, kind, code, reference, provider, account_id, email, email_key, actor, peer, detail, key_id, proof)
			SELECT %d + i * %d, CASE WHEN i %% 10 = 0 THEN 'sign_in_refused' WHEN i %% 100001 = 1 THEN 'setting_changed' ELSE 'sign_in' END,
			CASE WHEN i %% 1000 = 0 THEN 'token_replayed' WHEN i %% 10 = 0 THEN 'token_expired' ELSE '' END, 'R' || i, 'jwt',
			i * 7919 %% %d + 1, 'p' || (i * 7919 %% %d + 1) || '@bench.example', 'p' || (i * 7919 %% %d + 1) || '@bench.example', '', '192.0.2.1',
			'groups as before', 'k1', 'jti:0123456789abcdef' FROM n`, micros-60*day, 60*day/int64(n.events), n.people, n.people, n.people),
	} {
		if _, err := db.ExecContext(ctx, query); err != nil {
			return fmt.Errorf("%.60s: %w", query, err)
		}
	}
	if err := insertSessions(ctx, db, n, micros); err != nil || strings.HasPrefix(database, "sqlite:") {
		return err
	}
	_, err = db.ExecContext(ctx, "ANALYZE") // PostgreSQL does so itself within a minute; nobody does in SQLite
	return err
}

// insertSessions writes sessions of ids that nobody knows.
func insertSessions(ctx context.Context, db *sql.DB, n population, micros int64) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for i := range n.sessions {
		hash, _ := sso.HashSessionID(sso.NewSessionID())
		at := micros - int64(i)*1_000_000
		if _, err := tx.ExecContext(ctx, `INSERT INTO sessions
			(hash, account_id, provider, proof, flow, created_at, last_used, expires_at, peer, user_agent, proved_at)
			VALUES ($1, $2, 'jwt', '', '', $3, $3, $4, '192.0.2.1', 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0', $3)`,
			hash[:], i%n.people+1, at, at+14*24*3600*1_000_000); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// openSQL opens a database of the store's without the store.
func openSQL(database string) (*sql.DB, error) {
	if file, ok := strings.CutPrefix(database, "sqlite:"); ok {
		return sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)")
	}
	return sql.Open("pgx", database)
}
