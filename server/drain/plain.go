package drain

import (
	"errors"
	"log/slog"
	"net"
	"syscall"
	"time"

	"golang.org/x/time/rate"
)

// A plainListener says in the log, once a minute each, what the library keeps to itself: that no connection can be accepted, and
// that a client or a proxy speaks TLS to a port that speaks plain HTTP, which is answered with 400.
type plainListener struct {
	net.Listener
	log    *slog.Logger
	seen   *rate.Limiter
	failed *rate.Limiter
	drain  *Drain
}

func newPlainListener(l net.Listener, log *slog.Logger, d *Drain) *plainListener {
	once := func() *rate.Limiter { return rate.NewLimiter(rate.Every(time.Minute), 1) }
	return &plainListener{l, log, once(), once(), d}
}

// Accept returns the next connection. After an error that passes, [http.Server] waits for up to a second before it asks again.
func (l *plainListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil && !errors.Is(err, net.ErrClosed) && l.failed.Allow() {
		advice := "see what the system says"
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			advice = "raise the limit of open files (LimitNOFILE in systemd, ulimit -n), and see who holds so many connections open"
		}
		l.log.Error("no new connection can be accepted; those that are open are served", "error", err, "advice", advice)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		c := &plainConn{TCPConn: tcp, from: l, drain: l.drain}
		if l.drain.Begun() {
			l.drain.late.add(c)
		}
		return c, err
	}
	return conn, err
}

// A plainConn looks at the first bytes that it reads.
type plainConn struct {
	*net.TCPConn
	from  *plainListener // nil once they were seen
	drain *Drain
}

// Close closes the connection.
func (c *plainConn) Close() error {
	c.drain.late.remove(c)
	return c.TCPConn.Close()
}

// Read reads what the client sent.
func (c *plainConn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	if c.from != nil && n > 0 {
		// RFC 8446 §5.1: a record of type handshake (22), of a version that begins with 3. No method of HTTP begins so.
		if b[0] == 22 && (n == 1 || b[1] == 3) && c.from.seen.Allow() {
			c.from.log.Warn("TLS was spoken to a port that speaks plain HTTP: open http://, or have the proxy in front end TLS and ask with http",
				"port", c.from.Addr().String(), "peer", c.RemoteAddr().String())
		}
		c.from = nil
	}
	return n, err
}
