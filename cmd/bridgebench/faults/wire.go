package faults

import (
	"net"
	"sync"
	"time"
)

// A wire is the network between a bridge and its database: a TCP proxy that can be broken.
type wire struct {
	to string
	l  net.Listener

	mu      sync.Mutex
	is      state
	changed chan struct{} // closed when the state changes
	conns   map[net.Conn]struct{}
	running sync.WaitGroup
}

// A state of the wire. The zero state is whole.
type state struct {
	holds bool          // nothing is handed on
	delay time.Duration // of each piece, in both directions
	cut   bool          // connections are reset, and no new ones taken
}

func newWire(to string) (*wire, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &wire{to: to, l: l, changed: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	w.running.Go(w.accept)
	return w, nil
}

func (w *wire) addr() string { return w.l.Addr().String() }

func (w *wire) close() {
	w.l.Close()
	w.set(state{cut: true})
	w.running.Wait()
}

func (w *wire) set(is state) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.is = is
	close(w.changed)
	w.changed = make(chan struct{})
	if is.cut {
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

func (w *wire) accept() {
	for {
		c, err := w.l.Accept()
		if err != nil {
			return
		}
		w.running.Go(func() { w.join(c) })
	}
}

// join connects one who came with the database.
func (w *wire) join(c net.Conn) {
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
	both.Go(func() { w.pump(server, c) })
	both.Go(func() { w.pump(c, server) })
	both.Wait()
}

// keep has a connection reset when the wire is cut; false: it is cut.
func (w *wire) keep(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns[c] = struct{}{}
	return !w.is.cut
}

func (w *wire) drop(c net.Conn) {
	w.mu.Lock()
	delete(w.conns, c)
	w.mu.Unlock()
	c.Close()
}

// pump hands on what comes, as the state of the wire allows, until one end closes.
func (w *wire) pump(to, from net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			w.pass()
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
func (w *wire) pass() {
	for {
		w.mu.Lock()
		is, changed := w.is, w.changed
		w.mu.Unlock()
		switch {
		case is.holds:
			<-changed
		case is.delay > 0:
			select {
			case <-time.After(is.delay):
				return
			case <-changed:
			}
		default:
			return
		}
	}
}
