package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
	"github.com/ssobridge/ssobridge/sso/ssotest/postgres"
)

// benches runs a benchmark on both databases.
func benches(b *testing.B, bench func(b *testing.B, db *testDB)) {
	b.Run("sqlite", func(b *testing.B) { bench(b, open(b, "sqlite:"+b.TempDir()+"/test.db")) })
	b.Run("postgres", func(b *testing.B) { bench(b, open(b, postgres.Database(b))) })
}

const benchPeople = 1000

// BenchmarkSignIn: known people with groups sign in, 16 at once for each CPU.
func BenchmarkSignIn(b *testing.B) {
	benches(b, func(b *testing.B, db *testDB) {
		db.ensure(b, "Sales")
		for i := range benchPeople {
			db.signIn(b, groups(person(fmt.Sprintf("p%d@example.com", i)), "Sales"), standard)
		}
		var n atomic.Int64
		b.SetParallelism(16)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				x, in := conformance.Arrival(start, groups(person(fmt.Sprintf("p%d@example.com", n.Add(1)%benchPeople)), "Sales"), standard)
				if _, err := db.SignIn(context.Background(), x, in); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkBareTransaction writes what a login writes (proof, last login, session, event), with nothing around it.
func BenchmarkBareTransaction(b *testing.B) {
	benches(b, func(b *testing.B, db *testDB) {
		for i := range benchPeople {
			db.signIn(b, person(fmt.Sprintf("p%d@example.com", i)), standard)
		}
		bare := db.bare(b)
		var n atomic.Int64
		b.SetParallelism(16)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, in := conformance.Arrival(start, person("a@example.com"), standard)
				if err := bare(1+n.Add(1)%benchPeople, in); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

func (db *testDB) bare(b *testing.B) func(account int64, in sso.Attempt) error {
	raw := db.raw(b)
	if db.url[0] == 's' {
		raw.Close()
		var err error
		raw, err = sql.Open("sqlite", "file:"+db.url[len("sqlite:"):]+"?_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)&_txlock=immediate")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { raw.Close() })
		raw.SetMaxOpenConns(1)
	} else {
		raw.SetMaxOpenConns(16)
		raw.SetMaxIdleConns(16)
	}
	var stmts [4]*sql.Stmt
	for i, query := range []string{
		"INSERT INTO proofs (key, keep_until, spent_at, session) VALUES ($1, $2, $2, $3)",
		"UPDATE accounts SET last_login = $2 WHERE id = $1",
		`INSERT INTO sessions (hash, account_id, provider, proof, flow, created_at, last_used, expires_at, peer, user_agent)
			VALUES ($1, $2, 'jwt', $3, '', $4, $4, $4, '192.0.2.1', 'test')`,
		`INSERT INTO events (at, kind, code, reference, provider, account_id, email, email_key, actor, peer, detail, key_id, proof)
			VALUES ($1, 'sign_in', '', $2, 'jwt', $3, 'a@example.com', 'a@example.com', '', '192.0.2.1', '', '', $4)`,
	} {
		var err error
		if stmts[i], err = raw.Prepare(query); err != nil {
			b.Fatal(err)
		}
	}
	return func(account int64, in sso.Attempt) error {
		tx, err := raw.Begin()
		if err != nil {
			return err
		}
		defer tx.Rollback()
		at := in.Session.CreatedAt.UnixMicro()
		for i, args := range [][]any{
			{in.Session.Proof, at, in.Session.Hash[:]}, {account, at}, {in.Session.Hash[:], account, in.Session.Proof, at},
			{at, in.Event.Reference, account, in.Session.Proof},
		} {
			if _, e := tx.Stmt(stmts[i]).Exec(args...); e != nil {
				err = errors.Join(err, e)
			}
		}
		return errors.Join(err, tx.Commit())
	}
}

// BenchmarkPrincipal: who is this session, with five groups.
func BenchmarkPrincipal(b *testing.B) {
	benches(b, func(b *testing.B, db *testDB) {
		db.ensure(b, "a", "b", "c", "d", "e")
		_, sid := db.signIn(b, groups(person("ada@example.com"), "a", "b", "c", "d", "e"), standard)
		b.ResetTimer()
		for range b.N {
			if _, err := db.Principal(b.Context(), sid); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkAdminPages: the lists that administrators look at, with a million events and a hundred thousand people.
func BenchmarkAdminPages(b *testing.B) {
	db := open(b, "sqlite:"+b.TempDir()+"/test.db")
	fill(b, db.raw(b))
	if _, err := db.Sweep(b.Context(), start.AddDate(0, 0, 30)); err != nil {
		b.Fatal(err)
	}
	queries := map[string]func() error{
		"events": func() error { return third(db.Events(b.Context(), sso.EventQuery{})) },
		"refusals": func() error {
			return third(db.Events(b.Context(), sso.EventQuery{Kinds: []sso.EventKind{"sign_in_refused"}}))
		},
		"two kinds": func() error {
			return third(db.Events(b.Context(), sso.EventQuery{Kinds: []sso.EventKind{"sign_in_refused", "warning"}}))
		},
		"rare code": func() error { return third(db.Events(b.Context(), sso.EventQuery{Code: "rare"})) },
		"person":    func() error { return third(db.Events(b.Context(), sso.EventQuery{Email: "p77@example.com"})) },
		"month":     func() error { return second(db.EventCounts(b.Context(), start, start.AddDate(0, 0, 30))) },
		"people":    func() error { return third(db.Accounts(b.Context(), sso.AccountQuery{})) },
		"search":    func() error { return third(db.Accounts(b.Context(), sso.AccountQuery{Search: "p5"})) },
		"no match":  func() error { return third(db.Accounts(b.Context(), sso.AccountQuery{Search: "zz"})) },
		"members":   func() error { return third(db.Accounts(b.Context(), sso.AccountQuery{GroupID: 2})) },
		"sizes":     func() error { return second(db.GroupSizes(b.Context())) },
	}
	for name, query := range queries {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				if err := query(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func third[A, B any](_ A, _ B, err error) error { return err }

func fill(b *testing.B, raw *sql.DB) {
	b.Helper()
	const numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
	for _, query := range []string{
		fmt.Sprintf(`INSERT INTO accounts (id, email, email_key, first_name, last_name, first_key, last_key, active, password_hash, source, synced, own, created_at, last_login)
			`+numbers+`SELECT i, 'p' || i || '@example.com', 'p' || i || '@example.com', 'F', 'L' || i, 'f', 'l' || i, 1, '', 'jwt', '{}', '{}', 1, 1 FROM n`, 100_000),
		fmt.Sprintf("INSERT INTO memberships "+numbers+"SELECT i * 7, 2, 'admin', 1 FROM n", 10_000),
		fmt.Sprintf(`INSERT INTO events (at, kind, code, reference, provider, account_id, email, email_key, actor, peer, detail, key_id, proof)
			`+numbers+`SELECT %d + i * %d, CASE WHEN i %% 10 = 0 THEN 'sign_in_refused' ELSE 'sign_in' END, CASE WHEN i %% 100000 = 0 THEN 'rare' WHEN i %% 10 = 0 THEN 'token_expired' ELSE '' END,
			'R' || i, 'jwt', i %% 100000, 'p' || i %% 100000 || '@example.com', 'p' || i %% 100000 || '@example.com', '', '192.0.2.1', 'detail', 'k', 'proof' FROM n`,
			1_000_000, start.UnixMicro(), (60 * 24 * time.Hour / 1_000_000).Microseconds()),
	} {
		if _, err := raw.ExecContext(b.Context(), query); err != nil {
			b.Fatal(err)
		}
	}
}
