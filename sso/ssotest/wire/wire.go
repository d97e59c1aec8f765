// Package wire is a network that can be broken, for tests and for the benchmark.
package wire

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A Wire is the network between a program and a server, such as a bridge and its database: a TCP proxy. Make one with [New].
type Wire struct {
	to    string
	l     net.Listener
	asked atomic.Int64
	sent  atomic.Int64

	mu      sync.Mutex
	is      State
	changed chan struct{} // closed when the state changes
	conns   map[net.Conn]struct{}
	running sync.WaitGroup
}

// A State of the wire. The zero state is whole.
type State struct {
	Holds bool          // everything is taken, and nothing handed on
	Delay time.Duration // of each piece, in both directions
	Cut   bool          // connections are reset, and so are new ones
}

// New makes a wire to host:port that is whole.
func New(to string) (*Wire, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &Wire{to: to, l: l, changed: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	w.running.Go(w.accept)
	return w, nil
}

// Addr is this end of the wire, host:port.
func (w *Wire) Addr() string { return w.l.Addr().String() }

// Asked is how many connections there were so far.
func (w *Wire) Asked() int64 { return w.asked.Load() }

// Sent is how many pieces went to the server so far. What a client writes at once, and waits for, is one.
func (w *Wire) Sent() int64 { return w.sent.Load() }

// Close ends the wire and its connections.
func (w *Wire) Close() {
	w.l.Close()
	w.Set(State{Cut: true})
	w.running.Wait()
}

// Set breaks the wire, or makes it whole again.
func (w *Wire) Set(is State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.is = is
	close(w.changed)
	w.changed = make(chan struct{})
	if is.Cut {
		for c := range w.conns {
			reset(c)
		}
	}
}

// reset ends a connection as a firewall does.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.Close()
}

func (w *Wire) accept() {
	for {
		c, err := w.l.Accept()
		if err != nil {
			return
		}
		w.asked.Add(1)
		w.running.Go(func() { w.join(c) })
	}
}

// join connects one who came with the database.
func (w *Wire) join(c net.Conn) {
	defer w.drop(c)
	if !w.keep(c) {
		return
	}
	w.pass()
	server, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer w.drop(server)
	if !w.keep(server) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { w.pump(server, c, &w.sent) })
	both.Go(func() { w.pump(c, server, new(atomic.Int64)) })
	both.Wait()
}

// keep has a connection reset when the wire is cut; false: it is cut now.
func (w *Wire) keep(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns[c] = struct{}{}
	if w.is.Cut {
		reset(c)
	}
	return !w.is.Cut
}

func (w *Wire) drop(c net.Conn) {
	w.mu.Lock()
	delete(w.conns, c)
	w.mu.Unlock()
	c.Close()
}

// pump hands on what comes, as the state of the wire allows, until one end closes. It counts the pieces.
func (w *Wire) pump(to, from net.Conn, pieces *atomic.Int64) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			w.pass()
			pieces.Add(1)
			if _, err := to.Write(buf[:n]); err != nil {
				from.Close()
				return
			}
		}
		if err != nil {
			to.Close()
			return
		}
	}
}

// pass returns when something may be handed on.
func (w *Wire) pass() {
	for {
		w.mu.Lock()
		is, changed := w.is, w.changed
		w.mu.Unlock()
		switch {
		case is.Holds:
			<-changed
		case is.Delay > 0:
			select {
			case <-time.After(is.Delay):
				return
			case <-changed:
			}
		default:
			return
		}
	}
}
