package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// connectIn bounds how long one host may take to let us in, where the URL has no connect_timeout.
const connectIn = 4 * time.Second

// lines are the connections to a PostgreSQL server.
type lines struct {
	dial    pgconn.DialFunc
	circuit *circuit
	age     atomic.Int64 // connections of before are thrown away

	mu  sync.Mutex
	all map[*lineConn]struct{}
}

// A lineConn is one that is cut when the circuit opens: whoever waits on it learns so at once.
type lineConn struct {
	net.Conn
	of *lines
}

func (c *lineConn) Close() error {
	c.of.mu.Lock()
	delete(c.of.all, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// watchLines has the circuit watch the server of config, and returns options for pools of its connections.
func watchLines(config *pgx.ConnConfig, c *circuit) (*lines, []stdlib.OptionOpenDB) {
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectIn
	}
	l := &lines{dial: config.DialFunc, circuit: c, all: map[*lineConn]struct{}{}}
	of := config.Copy()
	c.probe, c.opened = func(ctx context.Context, limit time.Duration) error { return probePostgres(ctx, of, limit) }, l.cut
	config.DialFunc = l.dialGuarded
	const born = "ssobridge age"
	old := func(conn *pgx.Conn) bool { return conn.PgConn().CustomData()[born] != l.age.Load() }
	return l, []stdlib.OptionOpenDB{
		stdlib.OptionBeforeConnect(func(context.Context, *pgx.ConnConfig) error { return c.err() }),
		stdlib.OptionAfterConnect(func(_ context.Context, conn *pgx.Conn) error {
			conn.PgConn().CustomData()[born] = l.age.Load()
			return nil
		}),
		stdlib.OptionShouldPing(func(_ context.Context, p stdlib.ShouldPingParams) bool {
			return !old(p.Conn) && p.IdleDuration > time.Second
		}),
		stdlib.OptionResetSession(func(_ context.Context, conn *pgx.Conn) error {
			if !old(conn) {
				return nil
			}
			conn.PgConn().Conn().Close() // so that nobody waits for a goodbye of the other end
			return driver.ErrBadConn
		}),
	}
}

// dialGuarded dials while the circuit is closed.
func (l *lines) dialGuarded(ctx context.Context, network, address string) (net.Conn, error) {
	if err := l.circuit.err(); err != nil {
		return nil, err
	}
	ctx, done := l.circuit.untilOpen(ctx)
	defer done()
	conn, err := l.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	made := &lineConn{conn, l}
	l.mu.Lock()
	l.all[made] = struct{}{}
	l.mu.Unlock()
	if err := l.circuit.err(); err != nil { // it has opened meanwhile
		made.Close()
		return nil, err
	}
	return made, nil
}

// cut ends all connections.
func (l *lines) cut() {
	l.renew()
	l.mu.Lock()
	all := l.all
	l.all = map[*lineConn]struct{}{}
	l.mu.Unlock()
	for c := range all {
		c.Conn.Close()
	}
}

// renew has each connection replaced before it is used again: the server at its other end may be another one by now, or not be
// what it was. What runs goes on.
func (l *lines) renew() { l.age.Add(1) }

// note draws conclusions from what an operation has ended with.
func (l *lines) note(err error) {
	switch e, answered := errors.AsType[*pgconn.PgError](err); {
	case answered && e.Code == readOnlyTransaction:
		l.renew()
	case answered && isOneOf(e.Code, "57P01", "57P02", "57P03"):
		l.renew()
		l.circuit.suspect()
	case !answered && !errors.Is(err, context.Canceled) && networkError(err):
		l.circuit.suspect()
	}
}

// probePostgres asks the server of config on a connection of its own. Whatever the server says is an answer, but that it stops
// or starts: its refusals are told to whom they concern. A server that is there sends a first byte soon, or never will on this
// connection; one that came back answers the next.
func probePostgres(ctx context.Context, config *pgx.ConnConfig, limit time.Duration) error {
	config = config.Copy()
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &impatientConn{conn, time.AfterFunc(limit, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })}, nil
	}
	config.ConnectTimeout = 2 * limit // of each host
	ctx, cancel := context.WithTimeout(ctx, 2*limit*time.Duration(1+len(config.Fallbacks)))
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err == nil {
		_, err = conn.Exec(ctx, "SELECT 1")
		conn.PgConn().Conn().Close()
	}
	e, answered := errors.AsType[*pgconn.PgError](err)
	if err == nil || answered && !isOneOf(e.Code, "57P01", "57P02", "57P03") {
		return nil
	}
	return newUnavailable("postgres", err, postgresCause(err))
}

// An impatientConn fails by its timer when no byte has come until then.
type impatientConn struct {
	net.Conn
	timer *time.Timer
}

func (c *impatientConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.timer.Stop()
	}
	return n, err
}

func (c *impatientConn) Close() error {
	c.timer.Stop()
	return c.Conn.Close()
}
