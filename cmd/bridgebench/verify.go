package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// These bound the processor time of one question, in that of a bare echo handler that is asked the same and answers with the same header.
const (
	maxCPUToEcho = 1.2  // of /auth/verify
	maxForward   = 1.25 // of /auth/forward
)

// benchVerify measures /auth/verify beside bare handlers and named peers.
func benchVerify(ctx context.Context, o options) (table, []target, error) {
	fail := func(err error) (table, []target, error) { return table{}, nil, err }

	// One bridge with one session and one with many: what a session costs in memory shows, too.
	one, _, err := startBridge(ctx, o.program, o.dir, "SSOBRIDGE_ASSERTION="+o.signing)
	if err != nil {
		return fail(err)
	}
	defer one.stop()
	many, _, err := startBridge(ctx, o.program, o.dir, "SSOBRIDGE_ASSERTION="+o.signing)
	if err != nil {
		return fail(err)
	}
	defer many.stop()
	o.progress("signing in once")
	single, err := one.signIn(ctx, 1, 1)
	if err != nil {
		return fail(err)
	}
	o.progress(fmt.Sprintf("signing in %d people", o.sessions))
	cookies, err := many.signIn(ctx, o.conns, o.sessions)
	if err != nil {
		return fail(err)
	}

	first, err := once(ctx, one.addr, verify(one.addr, single[0]))
	if err != nil {
		return fail(err)
	}
	if first.status != 200 {
		return fail(fmt.Errorf("/auth/verify with a fresh session: got status %d, want 200", first.status))
	}
	netHTTP, netHTTPAddr, err := spawnBare(ctx, o.dir, "nethttp", first.header)
	if err != nil {
		return fail(err)
	}
	defer netHTTP.stop()
	echo, echoAddr, err := spawnBare(ctx, o.dir, "echo", first.header)
	if err != nil {
		return fail(err)
	}
	defer echo.stop()

	bareEcho := o.verifier("bare echo", echo, echoAddr, single)
	bareNetHTTP := o.verifier("bare net/http", netHTTP, netHTTPAddr, single)
	withOne := o.verifier("/auth/verify, 1 session", one.process, one.addr, single)
	withMany := o.verifier(fmt.Sprintf("/auth/verify, %d sessions", o.sessions), many.process, many.addr, cookies)
	forwarding := o.asker(fmt.Sprintf("/auth/forward, %d sessions", o.sessions), many.process, many.addr, cookies, forward)
	bareForward := o.asker("bare echo, asked as nginx asks", echo, echoAddr, single, forward)
	contenders := []*contender{bareNetHTTP, bareEcho, withOne, withMany, bareForward, forwarding}
	for _, p := range o.peers {
		contenders = append(contenders, p.contender(o.conns))
	}

	o.progress("visiting every session once")
	if err := visit(ctx, many.addr, o.conns, cookies); err != nil {
		return fail(err)
	}
	if err := measure(ctx, contenders, o.rounds, o.turn, o.progress); err != nil {
		return fail(err)
	}
	t := table{
		Name:  fmt.Sprintf("/auth/verify, %d connections, %d rounds of %v", o.conns, o.rounds, o.turn),
		Ratio: "CPU ÷ bare echo",
		Notes: []string{"every server answers with: " + describe(first.header)},
	}
	for _, c := range contenders {
		t.Rows = append(t.Rows, rowOf(c, ratio(c, bareEcho, cpu)))
	}
	return t, []target{
		atMost("CPU of /auth/verify with 1 session ÷ bare echo", ratio(withOne, bareEcho, cpu), maxCPUToEcho, ""),
		atMost(fmt.Sprintf("CPU of /auth/verify with %d sessions ÷ bare echo", o.sessions), ratio(withMany, bareEcho, cpu), maxCPUToEcho, ""),
		atMost(fmt.Sprintf("CPU of /auth/forward with %d sessions ÷ bare echo, asked the same", o.sessions), ratio(forwarding, bareForward, cpu), maxForward, ""),
	}, nil
}

// verify is the request of a proxy that asks who a cookie's owner is.
func verify(host, cookie string) []byte { return get(host, "/auth/verify", "Cookie: "+cookie) }

// forward is the same question as nginx asks it: with the request that it is about, and for the cookies that the app may see.
func forward(host, cookie string) []byte {
	return get(host, "/auth/forward?with=cookies", "Cookie: "+cookie+"; theme=dark", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Method: GET",
		"X-Forwarded-Proto: http", "X-Forwarded-Host: "+host, "X-Forwarded-Uri: /reports/7?tab=2")
}

// verifier loads a server with /auth/verify, cookie after cookie.
func (o options) verifier(name string, p *process, addr string, cookies []string) *contender {
	return o.asker(name, p, addr, cookies, verify)
}

// asker loads a server with one question, cookie after cookie.
func (o options) asker(name string, p *process, addr string, cookies []string, question func(host, cookie string) []byte) *contender {
	requests := make([][]byte, len(cookies))
	for i, cookie := range cookies {
		requests[i] = question(addr, cookie)
	}
	l := load{addr: addr, conns: o.conns, want: 200, next: func(n int64, buf []byte) []byte {
		return append(buf, requests[n%int64(len(requests))]...)
	}}
	return &contender{name: name, proc: p, run: l.run}
}

// visit asks for each session once.
func visit(ctx context.Context, addr string, conns int, cookies []string) error {
	l := load{addr: addr, conns: conns, want: 200, next: func(n int64, buf []byte) []byte {
		if n >= int64(len(cookies)) {
			return nil
		}
		return append(buf, verify(addr, cookies[n])...)
	}}
	_, err := l.run(ctx, 0)
	return err
}

// A peer is another program that answers the same question.
type peer struct {
	name    string
	addr    string
	port    int
	request []byte
}

// parsePeer reads NAME=URL[;Header: value]…, such as
// oauth2-proxy=http://127.0.0.1:4180/oauth2/auth;Cookie: _oauth2_proxy=…
// The host must be an address of this machine's loopback: the load is sent nowhere else.
func parsePeer(text string) (peer, error) {
	name, rest, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return peer{}, fmt.Errorf("peer %q: want NAME=URL[;Header: value]…", text)
	}
	parts := strings.Split(rest, ";")
	u, err := url.Parse(parts[0])
	if err != nil || u.Scheme != "http" || u.User != nil {
		return peer{}, fmt.Errorf("peer %s: %q is not an http:// URL", name, parts[0])
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return peer{}, fmt.Errorf("peer %s: %q names no port", name, parts[0])
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
		return peer{}, fmt.Errorf("peer %s: %s is not a loopback address such as 127.0.0.1", name, u.Hostname())
	}
	header, err := headerLines(parts[1:])
	if err != nil {
		return peer{}, fmt.Errorf("peer %s: %w", name, err)
	}
	return peer{name: name, addr: u.Host, port: port, request: get(u.Host, u.RequestURI(), header...)}, nil
}

// headerLines puts together what the separator took apart: a Cookie header has semicolons of its own, and what follows
// one is name=value and not "Name: value".
func headerLines(parts []string) (lines []string, err error) {
	for _, part := range parts {
		part = strings.TrimSpace(part)
		name, _, isHeader := strings.Cut(part, ":")
		switch {
		case strings.ContainsAny(part, "\r\n\x00"):
			return nil, fmt.Errorf("header %q has a line end", part)
		case isHeader && !strings.Contains(name, "="):
			lines = append(lines, part)
		case len(lines) > 0:
			lines[len(lines)-1] += "; " + part
		case part != "":
			return nil, fmt.Errorf("header %q has no colon", part)
		}
	}
	return lines, nil
}

func (p peer) contender(conns int) *contender {
	l := load{addr: p.addr, conns: conns, want: 0, next: func(_ int64, buf []byte) []byte { return append(buf, p.request...) }}
	return &contender{name: p.name, proc: listener(p.port), run: l.run}
}
