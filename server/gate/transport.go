package gate

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// newTransport is how the bridge reaches UPSTREAM. There is no limit on how long the app thinks: a report may take
// minutes, and a client that gives up ends the request.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &patientConn{Conn: conn, closed: make(chan struct{})}, nil
		},
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 100,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true, // what the client accepts is between it and the app
		ForceAttemptHTTP2:   true,
		// Time for the app to refuse an upload before it is sent; then it is sent.
		ExpectContinueTimeout: time.Second,
	}
}

// patientConn is a connection to the app. An app may refuse an upload and close the connection before it has read all of it.
// Then a write fails while the refusal waits to be read, and net/http gives up the connection with what stands in it. So a
// write of an upload that fails in this way ends when the reading side has closed the connection: that finds the refusal,
// or that there is none.
type patientConn struct {
	net.Conn
	uploading atomic.Bool
	closing   sync.Once
	closed    chan struct{}
}

func (c *patientConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if c.uploading.Load() && (errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)) {
		<-c.closed
	}
	return n, err
}

// Close lets a write end that waits.
func (c *patientConn) Close() error {
	c.closing.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// CloseWrite is for WebSockets that are closed by half.
func (c *patientConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// noteUpload has the connection that a request of this context gets know whether it carries an upload.
func noteUpload(ctx context.Context, uploading bool) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		conn := got.Conn
		if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
			conn = secure.NetConn()
		}
		if own, ok := conn.(*patientConn); ok {
			own.uploading.Store(uploading)
		}
	}})
}
