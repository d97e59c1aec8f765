// Package drain serves HTTP, and ends so that no request of a client or a proxy fails: it says first that it is about to end, and
// takes requests meanwhile; then it takes no new connection; then it lets what runs come to its end.
package drain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Time-outs of a listener (SECURITY L2). A request's body and an answer may take long behind the reverse proxy, so those are
// bounded per route, not here.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	grace             = 9 * time.Second // for what runs, once no new connection is taken
)

// A Drain is how a server ends. Make one with [New], for one call of [Drain.Serve].
type Drain struct {
	begun   atomic.Bool
	ending  context.Context // ends when no new connection is taken any more
	end     context.CancelFunc
	late    lateConns
	sockets sync.WaitGroup // connections that are no longer HTTP, which http.Server does not wait for
	noMore  func()         // no further one can begin
}

// New returns a Drain of a server that does not end yet.
func New() *Drain {
	d := &Drain{}
	d.ending, d.end = context.WithCancel(context.Background())
	d.sockets.Add(1) // until nobody can begin one
	d.noMore = sync.OnceFunc(d.sockets.Done)
	return d
}

// Listen opens a listener of plain TCP. The multipath kind, which Go opens by default, cannot be told to take no new connection.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	var c net.ListenConfig
	c.SetMultipathTCP(false)
	return c.Listen(ctx, "tcp", address)
}

// Begun reports whether the server is about to end: new requests should go to another one.
func (d *Drain) Begun() bool { return d.begun.Load() }

// Serve answers on l until ctx ends. Then it goes on for as long as wait says, so that proxies learn from [Drain.Begun] to ask
// another server. Each answer is the last of its connection meanwhile. Then it takes no new connection, ends WebSockets and
// streams of events as their protocols say, gives what runs nine seconds, and returns nil.
func (d *Drain) Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger, wait func() time.Duration) error {
	hs := newServer(d.handler(h))
	hs.RegisterOnShutdown(d.end) // called when the listener is closed
	failed := make(chan error, 1)
	go func() { defer close(failed); failed <- hs.Serve(newPlainListener(l, log, d)) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	d.begun.Store(true)
	if last := wait(); last > 0 {
		log.Info("about to end: /readyz says no, and requests are still answered", "for", last.String())
		select {
		case err := <-failed:
			return fmt.Errorf("serve %s: %w", l.Addr(), err)
		case <-time.After(last):
		}
		refuseConnections(l)
		l.Close()
		<-failed
		d.late.wait(silence)
	}
	return d.shutdown(context.WithoutCancel(ctx), hs, failed)
}

func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:                      h,
		ReadHeaderTimeout:            readHeaderTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		ErrorLog:                     slog.NewLogLogger(slog.NewTextHandler(io.Discard, nil), slog.LevelDebug), // broken clients, not ours
		DisableGeneralOptionsHandler: true,                                                                     // "OPTIONS *" is ours to answer, with our headers
		ConnContext:                  func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
}

func (d *Drain) shutdown(ctx context.Context, hs *http.Server, failed <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if err := hs.Shutdown(ctx); err != nil {
		hs.Close() // answers that did not end in time
	}
	d.noMore()
	closed := make(chan struct{})
	go func() { defer close(closed); d.sockets.Wait() }()
	select {
	case <-closed:
	case <-ctx.Done():
	}
	if err := <-failed; err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// handler does with each request what a server needs that will end.
func (d *Drain) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["Upgrade"]) > 0 {
			d.sockets.Add(1)
			defer d.sockets.Done()
			w = &upgrade{ResponseWriter: w, drain: d, request: r}
		} else if d.Begun() {
			// Idle connections stay open: a proxy may have just sent its next request on one, which would meet a reset.
			w.Header()["Connection"] = []string{"close"} // RFC 9112 §9.6
		}
		if d.Begun() {
			d.late.remove(r.Context().Value(connKey{}))
		}
		next.ServeHTTP(w, r)
	})
}
