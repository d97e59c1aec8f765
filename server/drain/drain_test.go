package drain

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

// serve runs a server that answers each request with its body. end ends it, and waits until it has ended.
func serve(t *testing.T, h http.Handler, wait time.Duration) (address string, d *Drain, end func()) {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	d = New()
	done := make(chan error, 1)
	go func() {
		done <- d.Serve(ctx, l, h, slog.New(slog.DiscardHandler), func() time.Duration { return wait })
	}()
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(end)
	return l.Addr().String(), d, end
}

// Each request that was sent to a server which ends is answered. A client that cannot connect has sent nothing. A connection that
// was kept, and has had no request while the server was about to end, may be closed just when one is sent.
func TestNoRequestIsLost(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	address, _, end := serve(t, echo, 200*time.Millisecond)
	var answered, keptAnswered atomic.Int64
	var clients sync.WaitGroup
	for i := range 8 {
		kept := i%2 == 0
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: !kept, DialContext: dialOnce}}
		clients.Go(func() {
			for {
				reused := false
				trace := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
				req, _ := http.NewRequestWithContext(trace, http.MethodPost, "http://"+address, strings.NewReader("hello"))
				resp, err := c.Do(req)
				if errors.As(err, new(notConnected)) || err != nil && reused {
					return
				} else if err != nil {
					t.Errorf("kept %v: %v", kept, err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || string(body) != "hello" {
					t.Errorf("kept %v: got %q, %v", kept, body, err)
				}
				if answered.Add(1); kept {
					keptAnswered.Add(1)
				}
			}
		})
	}
	for answered.Load() < 100 || keptAnswered.Load() < 10 {
		time.Sleep(time.Millisecond)
	}
	end()
	clients.Wait()
}

// notConnected is the error of a client that reached nobody.
type notConnected struct{ error }

func dialOnce(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, notConnected{err}
	}
	return conn, nil
}

// While the server is about to end, a connection that was idle is served once more and told that this was its last request.
func TestIdleConnectionIsServed(t *testing.T) {
	address, d, _ := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), 0)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	ask := func() *http.Response {
		t.Helper()
		fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	if ask().Close {
		t.Error("before the end: the connection is closed")
	}
	d.begun.Store(true)
	if !ask().Close {
		t.Error("before the end: got no Connection: close")
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last answer: got %v, want its end", err)
	}
}

// frame is one of an app: its first byte, and a payload of that many bytes.
func frame(first byte, size int) []byte {
	f := []byte{first, byte(min(size, 126))}
	switch {
	case size > 0xffff:
		f[1] = 127
		f = append(f, 0, 0, 0, 0, byte(size>>24), byte(size>>16), byte(size>>8), byte(size))
	case size > 125:
		f = append(f, byte(size>>8), byte(size))
	}
	return append(f, bytes.Repeat([]byte{0x88}, size)...) // looks like close frames
}

type recorder struct {
	net.Conn
	got bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) { return r.got.Write(p) }

// Wherever the stream of an app is cut into pieces, and wherever the end comes: the client gets whole frames, then one close frame,
// then nothing. No frame that had begun is left out.
func TestSocketLeavesBetweenFrames(t *testing.T) {
	all := [][]byte{frame(0x81, 0), frame(0x82, 5), frame(0x01, 125), frame(0x00, 126), frame(0x89, 3), frame(0x80, 300), frame(0x82, 70_000), frame(0x81, 1)}
	whole := bytes.Join(all, nil)
	boundary := map[int]bool{0: true}
	for n, i := 0, 0; i < len(all); i++ {
		n += len(all[i])
		boundary[n] = true
	}
	for _, piece := range []int{1, 2, 3, 7, 128, 4096, len(whole)} {
		for leave := 0; leave < len(whole); leave += 1 + leave/50*7 {
			var client recorder
			s := &socket{Conn: &client}
			left := false
			for i := 0; i < len(whole); i += piece {
				if i >= leave && !left {
					left = true
					s.leave()
				}
				p := whole[i:min(i+piece, len(whole))]
				if n, err := s.Write(p); n != len(p) || err != nil {
					t.Fatalf("write: got %d, %v", n, err)
				}
			}
			if !left {
				s.leave()
			}
			frames, ok := bytes.CutSuffix(client.got.Bytes(), []byte(goingAway))
			if !ok || !boundary[len(frames)] || !bytes.HasPrefix(whole, frames) {
				t.Fatalf("pieces of %d, the end at %d: got %d bytes, a close frame %v", piece, leave, len(frames), ok)
			}
			if least := leave / piece * piece; len(frames) < least {
				t.Fatalf("pieces of %d, the end at %d: got %d bytes, want what was sent before", piece, leave, len(frames))
			}
		}
	}
}

// An app that has said the end itself is not interrupted.
func TestSocketThatIsClosedByTheApp(t *testing.T) {
	var client recorder
	s := &socket{Conn: &client}
	closing := frame(0x88, 2)
	if _, err := s.Write(closing); err != nil {
		t.Fatal(err)
	}
	s.leave()
	if !bytes.Equal(client.got.Bytes(), closing) {
		t.Errorf("got %q, want the app's close frame alone", client.got.Bytes())
	}
}

// FuzzFrames: whatever bytes come, in whatever pieces, the place in the stream is the same.
func FuzzFrames(f *testing.F) {
	f.Add(frame(0x81, 126), 1)
	f.Add(frame(0x82, 70_000), 3)
	f.Add([]byte("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff????x"), 2)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		if piece < 1 {
			return
		}
		var one, many frames
		read := func(f *frames, p []byte) {
			for len(p) > 0 {
				n := f.read(p)
				if n < 1 || n > len(p) {
					t.Fatalf("read %d of %d bytes", n, len(p))
				}
				p = p[n:]
			}
		}
		read(&one, data)
		for rest := data; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
			read(&many, rest[:min(piece, len(rest))])
		}
		if one.have != many.have || one.payload != many.payload || one.closed != many.closed || one.between() != many.between() {
			t.Errorf("at once %+v, in pieces of %d %+v", one, piece, many)
		}
	})
}

// A stream of events ends after a whole event, wherever the end comes.
func TestEventsEndBetweenTwo(t *testing.T) {
	for _, newline := range []string{"\n", "\r", "\r\n"} {
		whole := strings.ReplaceAll("data: 1\n\n: comment\n\nid: 2\ndata: a\ndata: b\n\n\nevent: x\ndata: 3\n\n", "\n", newline)
		for leave := range len(whole) {
			e := &events{ReadCloser: io.NopCloser(iotest.OneByteReader(strings.NewReader(whole))), empty: true, between: true}
			e.stop = func() bool { return true }
			got := make([]byte, 0, len(whole))
			for one := make([]byte, 1); ; {
				if len(got) == leave {
					e.leave()
				}
				n, err := e.Read(one)
				if got = append(got, one[:n]...); err != nil {
					break
				}
			}
			lines := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(got))
			if len(got) < leave || lines != "" && !strings.HasSuffix(lines, "\n\n") || len(got) > leave+len("id: 2\r\ndata: a\r\ndata: b\r\n\r\n") {
				t.Errorf("newline %q, the end at %d: got %q", newline, leave, got)
			}
		}
	}
}

// An answer that is no stream of events, or a compressed one, stays as the app sends it.
func TestOtherAnswersStay(t *testing.T) {
	d := New()
	for kind, ours := range map[string]bool{"text/event-stream": true, "text/event-stream; charset=utf-8": true, "Text/Event-Stream": true, "text/html": false, "": false} {
		for _, encoding := range []string{"", "gzip"} {
			resp := httptest.NewRecorder().Result()
			resp.Header.Set("Content-Type", kind)
			resp.Header.Set("Content-Encoding", encoding)
			d.EndEvents(resp)
			if _, got := resp.Body.(*events); got != (ours && encoding == "") {
				t.Errorf("%q, %q: got a body of %T", kind, encoding, resp.Body)
			}
			resp.Body.Close()
		}
	}
}
