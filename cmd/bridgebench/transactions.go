package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the drivers that the store uses, too
	_ "modernc.org/sqlite"

	"github.com/ssobridge/ssobridge/store"
)

// The writes of one login as store.SignIn makes them, and nothing else: no question is asked of the database, no rule is
// applied. TestBareTransactionWritesWhatALoginWrites holds the two side by side.
const (
	spendProof = `INSERT INTO proofs (key, keep_until, spent_at, session) VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO NOTHING`
	addAccount = `INSERT INTO accounts
		(email, email_key, first_name, last_name, first_key, last_key, active, password_hash, source, synced, own, created_at, last_login,
		mark, idp_groups, words_of)
		VALUES ($1, $1, 'Person', $2, '', '', TRUE, '', 'jwt', $3, '{}', $4, $4, $5, $6, $1 || ' Person ' || $2) RETURNING id`
	addWords    = `INSERT INTO account_words (word, email_key) VALUES ($1, $1), ($2, $1), ('bench.example', $1), ('example', $1)`
	keepAccount = `UPDATE accounts SET last_login = $2, mark = $3, idp_groups = $4 WHERE email_key = $1`
	addMember   = `INSERT INTO memberships (account_id, group_id, source, added_at) VALUES ($1, 3, 'sync', $2)`
	addSession  = `INSERT INTO sessions
		(hash, account_id, provider, proof, flow, created_at, last_used, expires_at, peer, user_agent, proved_at)
		VALUES ($1, $2, 'jwt', $3, '', $4, $4, $5, '127.0.0.1', '', $4)`
	addEvent = `INSERT INTO events
		(at, kind, code, reference, provider, account_id, email, email_key, actor, peer, detail, key_id, proof)
		VALUES ($1, 'sign_in', '', 'ABCDEFGH', 'jwt', $2, $3, $3, '', '127.0.0.1', $5, '', $4)`
	addToken = `INSERT INTO token_log (provider, at, lifetime, more, claims, about) VALUES ('jwt', $1, 600000000, 0, $2, '{"exp":1893456600,"iat":1893456000}')`
)

// claimNames are those of the tokens of the benchmark, as a login keeps them.
const claimNames = `["department","email","exp","first_name","groups","iat","jti","last_name"]`

// What a login keeps of its token besides: the mark of the settings, as long as a real one, and the groups.
const (
	mark       = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	sentGroups = `["staff"]`
)

// postgresConns is how many connections bare transactions have: more than the store has for writing.
const postgresConns = 16

// A ledger runs bare transactions on a database that the store has migrated.
type ledger struct {
	db     *sql.DB
	stmts  map[string]*sql.Stmt
	conns  int
	shared chan sharer      // transactions that share a commit
	people atomic.Int64     // how many have an account
	ids    [returning]int64 // accounts of the people who return
	logins atomic.Int64
}

// serveTransactions is the child: it takes orders from stdin until that ends.
func serveTransactions(ctx context.Context, database, conns string, stdin io.Reader, stdout io.Writer) error {
	n, err := strconv.Atoi(conns)
	if err != nil {
		return fmt.Errorf("connections: %w", err)
	}
	l, err := openLedger(ctx, database, n)
	if err != nil {
		return err
	}
	defer l.db.Close()
	go l.share(ctx)
	defer close(l.shared)
	orders, results := json.NewDecoder(stdin), json.NewEncoder(stdout)
	for {
		var o order
		if err := orders.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		r, err := l.carryOut(ctx, o)
		if err != nil {
			r.Error = err.Error()
		}
		if err := results.Encode(r); err != nil {
			return err
		}
	}
}

// openLedger lets the store make the tables, and opens the database with the store's durability: for SQLite WAL and
// synchronous=FULL. One connection there, since it has one writer; prepared statements, since this is what is compared against.
func openLedger(ctx context.Context, database string, conns int) (*ledger, error) {
	s, err := store.Open(ctx, database, store.Options{})
	if err != nil {
		return nil, err
	}
	if _, err := s.Migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	var db *sql.DB
	if file, ok := strings.CutPrefix(database, "sqlite:"); ok {
		db, err = sql.Open("sqlite", "file:"+file+
			"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_txlock=immediate&_pragma=temp_store(2)")
	} else {
		db, err = sql.Open("pgx", database)
	}
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if !strings.HasPrefix(database, "sqlite:") {
		db.SetMaxOpenConns(postgresConns)
		db.SetMaxIdleConns(postgresConns)
	}
	l := &ledger{db: db, stmts: map[string]*sql.Stmt{}, conns: conns, shared: make(chan sharer)}
	if _, err := db.ExecContext(ctx, "INSERT INTO groups (id, name) VALUES (3, $1)", group); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	queries := []string{spendProof, addAccount, addWords, keepAccount, addMember, addToken, addSession, addEvent}
	if strings.HasPrefix(database, "sqlite:") {
		queries = append(queries, savepoint, release)
	}
	for _, query := range queries {
		if l.stmts[query], err = db.PrepareContext(ctx, query); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return l, nil
}

// carryOut runs transactions from as many goroutines as the bridge gets connections.
func (l *ledger) carryOut(ctx context.Context, o order) (result, error) {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		r     result
		fault error
		began = time.Now()
		left  atomic.Int64
	)
	left.Store(returning)
	for range l.conns {
		wg.Go(func() {
			var times []time.Duration
			var err error
			for err == nil && (o.For > 0 && time.Since(began) < o.For || o.For == 0 && left.Add(-1) >= 0) {
				start := time.Now()
				err = l.login(ctx, o)
				times = append(times, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			r.Times = append(r.Times, times...)
			fault = errors.Join(fault, err)
		})
	}
	wg.Wait()
	r.Elapsed = time.Since(began)
	slices.Sort(r.Times)
	return r, fault
}

// login is the bare transaction.
func (l *ledger) login(ctx context.Context, o order) error {
	if o.Shared {
		return l.loginShared(o)
	}
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := l.write(ctx, tx, o); err != nil {
		return err
	}
	return tx.Commit()
}

// write is what one login writes.
func (l *ledger) write(ctx context.Context, tx *sql.Tx, o order) (err error) {
	n := l.logins.Add(1)
	var (
		now      = time.Now().UnixMicro()
		hash     = sha256.Sum256(strconv.AppendInt(nil, n, 10))
		proof    = "jti:" + hex.EncodeToString(hash[:])
		attached = `{"department":"Benchmarks"}`
		account  int64
		person   = n % returning
		detail   = ""
	)
	run := func(query string, args ...any) {
		if err == nil {
			_, err = tx.StmtContext(ctx, l.stmts[query]).ExecContext(ctx, args...)
		}
	}
	run(spendProof, proof, now+840_000_000, now, hash[:])
	if err != nil {
		return err
	}
	if o.Again {
		account = l.ids[person]
		run(keepAccount, email(person), now, mark, sentGroups)
	} else {
		person, detail = l.people.Add(1)-1, "account provisioned; added to groups 3"
		err = tx.StmtContext(ctx, l.stmts[addAccount]).
			QueryRowContext(ctx, email(person), strconv.FormatInt(person, 10), attached, now, mark, sentGroups).Scan(&account)
		run(addWords, email(person), strconv.FormatInt(person, 10))
		run(addMember, account, now)
	}
	run(addToken, now, claimNames)
	run(addSession, hash[:], account, proof, now, now+1_209_600_000_000)
	run(addEvent, now, account, email(person), proof, detail)
	if err != nil {
		return err
	}
	if person < returning && !o.Again {
		l.ids[person] = account // each person is new once: no one else writes here
	}
	return nil
}
