package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// minLoginToBare bounds the logins per second, in bare transactions of the same writes.
const minLoginToBare = 0.55

// returning is how many people sign in again and again.
const returning = 1000

// benchLogin measures whole logins beside bare transactions that write the same rows.
func benchLogin(ctx context.Context, o options) (table, []target, error) {
	fail := func(err error) (table, []target, error) { return table{}, nil, err }
	b, _, err := startBridge(ctx, o.program, o.dir)
	if err != nil {
		return fail(err)
	}
	defer b.stop()
	bare, err := spawnTransactions(ctx, o.dir, o.conns)
	if err != nil {
		return fail(err)
	}
	defer bare.stop()

	o.progress(fmt.Sprintf("signing in the %d people who will return", returning))
	if _, err := b.signIn(ctx, o.conns, returning); err != nil {
		return fail(err)
	}
	if err := bare.prepare(); err != nil {
		return fail(err)
	}
	people := &crowd{bridge: b, conns: o.conns, tokens: 1 << 30, next: returning}
	bareNew := &contender{name: "bare transaction, new people", proc: bare.process, run: bare.turn(false)}
	bareOld := &contender{name: "bare transaction, returning people", proc: bare.process, run: bare.turn(true)}
	fullNew := &contender{name: "login, new people", proc: b.process, run: people.turn(false)}
	fullOld := &contender{name: "login, returning people", proc: b.process, run: people.turn(true)}
	if err := measure(ctx, []*contender{bareNew, fullNew, bareOld, fullOld}, o.rounds, o.turn, o.progress); err != nil {
		return fail(err)
	}
	newRatio, oldRatio := ratio(fullNew, bareNew, perSecond), ratio(fullOld, bareOld, perSecond)
	t := table{
		Name:  fmt.Sprintf("full logins on SQLite, %d at once, %d rounds of %v", o.conns, o.rounds, o.turn),
		Ratio: "logins ÷ bare",
		Rows:  []row{rowOf(bareNew, 0), rowOf(fullNew, newRatio), rowOf(bareOld, 0), rowOf(fullOld, oldRatio)},
		Notes: []string{"a login is GET /auth/sso with a token of its own; a bare transaction writes the same rows, without HTTP or JWT"},
	}
	return t, []target{
		atLeast("logins of new people ÷ bare transactions", newRatio, minLoginToBare),
		atLeast("logins of returning people ÷ bare transactions", oldRatio, minLoginToBare),
	}, nil
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
	Again bool          // the people of the first turn, else new ones
	For   time.Duration // 0: each of the returning people once
}

type result struct {
	Elapsed time.Duration
	Times   []time.Duration // sorted
	Error   string
}

// spawnTransactions starts the child on an empty database.
func spawnTransactions(ctx context.Context, dir string, conns int) (*transactions, error) {
	dir, err := os.MkdirTemp(dir, "bare")
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "child-transactions", filepath.Join(dir, "bench.db"), fmt.Sprint(conns))
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

func (t *transactions) turn(again bool) func(context.Context, time.Duration) (sample, error) {
	return func(_ context.Context, d time.Duration) (sample, error) { return t.ask(order{Again: again, For: d}) }
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
