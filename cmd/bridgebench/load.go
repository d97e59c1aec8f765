package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A load keeps a server busy: each connection sends its next request when the last one was answered.
type load struct {
	addr   string
	conns  int
	want   int                                 // the status that every answer must have; 0: any 2xx
	next   func(n int64, buf []byte) []byte    // appends request number n, from 0; nil: there are no more
	answer func(n int64, a answer) (err error) // looks at an answer; may be nil
}

// A sample is what one load saw.
type sample struct {
	requests int
	elapsed  time.Duration
	times    []time.Duration // of each request, sorted
}

// run sends requests for d (0: until there are no more). The first answer that is not as wanted ends it with an error.
func (l load) run(ctx context.Context, d time.Duration) (sample, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var deadline time.Time
	if d > 0 {
		deadline = time.Now().Add(d)
	}
	var (
		counter atomic.Int64
		wg      sync.WaitGroup
		all     = make([][]time.Duration, l.conns)
		began   = time.Now()
	)
	for i := range l.conns {
		wg.Go(func() {
			var err error
			if all[i], err = l.connection(ctx, &counter, deadline); err != nil {
				stop(err)
			}
		})
	}
	wg.Wait()
	s := sample{elapsed: time.Since(began), times: slices.Concat(all...)}
	s.requests = len(s.times)
	slices.Sort(s.times)
	if err := context.Cause(ctx); err != nil {
		return s, err
	}
	return s, nil
}

// connection is one keep-alive connection, dialled anew when the server ends it.
func (l load) connection(ctx context.Context, counter *atomic.Int64, deadline time.Time) (times []time.Duration, err error) {
	var (
		conn net.Conn
		in   *reader
		buf  []byte
	)
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	for ctx.Err() == nil && (deadline.IsZero() || time.Now().Before(deadline)) {
		n := counter.Add(1) - 1
		if buf = l.next(n, buf[:0]); len(buf) == 0 {
			return times, nil
		}
		if conn == nil {
			if conn, in, err = dial(ctx, l.addr); err != nil {
				return times, err
			}
		}
		began := time.Now()
		a, err := exchange(conn, in, buf)
		if err != nil {
			return times, fmt.Errorf("request %d to %s: %w", n, l.addr, err)
		}
		times = append(times, time.Since(began))
		if !l.wanted(a.status) {
			return times, fmt.Errorf("request %d to %s: got status %d, want %d (0: any 2xx)", n, l.addr, a.status, l.want)
		}
		if l.answer != nil {
			if err := l.answer(n, a); err != nil {
				return times, fmt.Errorf("request %d to %s: %w", n, l.addr, err)
			}
		}
		if a.close {
			conn.Close()
			conn = nil
		}
	}
	return times, nil
}

func (l load) wanted(status int) bool {
	if l.want == 0 {
		return status >= 200 && status < 300
	}
	return status == l.want
}

// answerWithin is how long a server may take over one answer.
const answerWithin = 30 * time.Second

func exchange(conn net.Conn, in *reader, request []byte) (answer, error) {
	if err := conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return answer{}, err
	}
	if _, err := conn.Write(request); err != nil {
		return answer{}, err
	}
	a, err := in.next()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return a, err
}

func dial(ctx context.Context, addr string) (net.Conn, *reader, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, nil, err
	}
	return conn, &reader{in: bufio.NewReaderSize(conn, 16<<10)}, nil
}

// once sends one request on a connection of its own and keeps the header of the answer.
func once(ctx context.Context, addr string, request []byte) (answer, error) {
	conn, in, err := dial(ctx, addr)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	in.keep = true
	return exchange(conn, in, request)
}
