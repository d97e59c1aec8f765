package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// What sign-ins are held against, of bare transactions of the same writes with a commit each: with SQLite they share commits,
// so that they are more; with PostgreSQL they are not, and ask questions besides.
const (
	minLoginToBare         = 1.5
	minLoginToBarePostgres = 0.8
	maxLoginCPU            = 400 // µs, of people who return
	maxLoginP99            = 25  // ms
)

// returning is how many people sign in again and again.
const returning = 1000

// benchLogin measures whole logins beside bare transactions that write the same rows.
func benchLogin(ctx context.Context, o options) (table, []target, error) {
	fail := func(err error) (table, []target, error) { return table{}, nil, err }
	b, bare, err := startLogin(ctx, o)
	if err != nil {
		return fail(err)
	}
	defer b.stop()
	defer bare.stop()

	o.progress(fmt.Sprintf("signing in the %d people who will return", returning))
	if _, err := b.signIn(ctx, o.conns, returning); err != nil {
		return fail(err)
	}
	if err := bare.prepare(); err != nil {
		return fail(err)
	}
	people := &crowd{bridge: b, conns: o.conns, tokens: 1 << 30, next: returning}
	var all []*contender
	t := table{
		Name:  fmt.Sprintf("full logins on %s, %d at once, %d rounds of %v", engineOf(o.database), o.conns, o.rounds, o.turn),
		Ratio: "÷ bare",
		Notes: []string{"a login is GET /auth/sso with a token of its own; a bare transaction writes the same rows, without HTTP or JWT"},
	}
	kinds := []*loginKind{{who: "new people"}, {who: "returning people", again: true}}
	for _, k := range kinds {
		k.compare(people, bare, o.database == "")
		all = append(all, k.contenders()...)
	}
	if err := measure(ctx, all, o.rounds, o.turn, o.progress); err != nil {
		return fail(err)
	}
	var targets []target
	for _, k := range kinds {
		rows, bounds := k.result(o.database == "")
		t.Rows, targets = append(t.Rows, rows...), append(targets, bounds...)
	}
	return t, targets, nil
}

func engineOf(database string) string {
	if database == "" {
		return "SQLite"
	}
	return "PostgreSQL"
}

// startLogin starts the bridge, and the child that runs bare transactions, each on tables of its own.
func startLogin(ctx context.Context, o options) (*bridge, *transactions, error) {
	dir, err := os.MkdirTemp(o.dir, "login")
	if err != nil {
		return nil, nil, err
	}
	full, bare := "sqlite:"+filepath.Join(dir, "full.db"), "sqlite:"+filepath.Join(dir, "bare.db")
	if o.database != "" {
		full = o.database
		if bare, err = beside(ctx, o.database); err != nil {
			return nil, nil, err
		}
	}
	b, _, err := startBridgeIn(ctx, o.program, dir, full)
	if err != nil {
		return nil, nil, err
	}
	child, err := spawnTransactions(ctx, dir, bare, o.conns)
	if err != nil {
		b.stop()
		return nil, nil, err
	}
	return b, child, nil
}

// beside is a schema of its own in a PostgreSQL database.
func beside(ctx context.Context, database string) (string, error) {
	u, err := url.Parse(database)
	if err != nil {
		return "", err
	}
	db, err := sql.Open("pgx", database)
	if err != nil {
		return "", err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "CREATE SCHEMA bare"); err != nil {
		return "", fmt.Errorf("the database must be empty: %w", err)
	}
	q := u.Query()
	q.Set("search_path", "bare")
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// A loginKind is logins of one kind of people, beside what does less.
type loginKind struct {
	who                string
	again              bool
	bare, shared, full *contender // shared is nil with PostgreSQL, which shares commits by itself
}

func (k *loginKind) compare(people *crowd, bare *transactions, sqlite bool) {
	k.bare = &contender{name: "bare transaction, " + k.who, proc: bare.process, run: bare.turn(order{Again: k.again})}
	k.full = &contender{name: "login, " + k.who, proc: people.bridge.process, run: people.turn(k.again)}
	if sqlite {
		k.shared = &contender{name: "bare, many to a commit, " + k.who, proc: bare.process, run: bare.turn(order{Again: k.again, Shared: true})}
	}
}

func (k *loginKind) contenders() []*contender {
	if k.shared == nil {
		return []*contender{k.bare, k.full}
	}
	return []*contender{k.bare, k.full, k.shared}
}

func (k *loginKind) result(sqlite bool) (rows []row, targets []target) {
	of := ratio(k.full, k.bare, perSecond)
	full := rowOf(k.full, of)
	rows = []row{rowOf(k.bare, 0), full}
	bound := minLoginToBarePostgres
	if sqlite {
		bound = minLoginToBare
		rows = append(rows, rowOf(k.shared, ratio(k.shared, k.bare, perSecond)))
	}
	targets = append(targets, atLeast("logins of "+k.who+" ÷ bare transactions", of, bound))
	if sqlite && k.again {
		targets = append(targets, atMost("CPU of a login of "+k.who, full.CPU, maxLoginCPU, " µs"),
			atMost("p99 of a login of "+k.who, full.P99, maxLoginP99, " ms"))
	}
	return rows, targets
}

// A crowd signs in at a bridge.
type crowd struct {
	bridge *bridge
	conns  int
	tokens int64 // number of the last token
	next   int64 // the first person who has not been here
}

// perTurn is how many tokens are signed ahead for each second of a turn. A faster bridge ends its turn early.
const perTurn = 10_000

// turn signs tokens ahead, so that the identity provider's work is not measured, and then brings them.
func (c *crowd) turn(again bool) func(context.Context, time.Duration) (sample, error) {
	return func(ctx context.Context, d time.Duration) (sample, error) {
		n := int(d.Seconds() * perTurn)
		first, people := c.next, int64(n)
		if again {
			first, people = 0, returning
		} else {
			c.next += people
		}
		requests, err := logins(c.bridge.addr, &c.tokens, first, n, people)
		if err != nil {
			return sample{}, err
		}
		s, err := c.bridge.logins(c.conns, requests).run(ctx, d)
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, c.bridge.tail())
		}
		return s, err
	}
}

// transactions is the child process that runs bare transactions.
type transactions struct {
	*process
	to   io.Writer
	from *json.Decoder
}

// An order asks the child for one turn, and a result answers it.
type order struct {
	Again  bool          // the people of the first turn, else new ones
	Shared bool          // many share a commit
	For    time.Duration // 0: each of the returning people once
}

type result struct {
	Elapsed time.Duration
	Times   []time.Duration // sorted
	Error   string
}

// spawnTransactions starts the child on an empty database.
func spawnTransactions(ctx context.Context, dir, database string, conns int) (*transactions, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "child-transactions", database, fmt.Sprint(conns))
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, outWriter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer outWriter.Close()
	cmd.Stdout = outWriter
	p, err := spawn(dir, "transactions", cmd)
	if err != nil {
		return nil, err
	}
	return newTransactions(p, in, out), nil
}

func newTransactions(p *process, to io.Writer, from io.Reader) *transactions {
	return &transactions{process: p, to: to, from: json.NewDecoder(from)}
}

// prepare makes the people who will return.
func (t *transactions) prepare() error {
	_, err := t.ask(order{})
	return err
}

func (t *transactions) turn(o order) func(context.Context, time.Duration) (sample, error) {
	return func(_ context.Context, d time.Duration) (sample, error) {
		o.For = d
		return t.ask(o)
	}
}

func (t *transactions) ask(o order) (sample, error) {
	if err := json.NewEncoder(t.to).Encode(o); err != nil {
		return sample{}, err
	}
	var r result
	if err := t.from.Decode(&r); err != nil {
		return sample{}, fmt.Errorf("bare transactions: %w\n%s", err, t.tail())
	}
	if r.Error != "" {
		return sample{}, fmt.Errorf("bare transactions: %s", r.Error)
	}
	return sample{requests: len(r.Times), elapsed: r.Elapsed, times: r.Times}, nil
}
