package drain

import (
	"bufio"
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"strings"
	"sync"
)

// An upgrade is the answer to a request that asks for another protocol.
type upgrade struct {
	http.ResponseWriter
	drain   *Drain
	request *http.Request
}

// Unwrap is for [http.ResponseController].
func (u *upgrade) Unwrap() http.ResponseWriter { return u.ResponseWriter }

// Hijack takes the connection over. What is written to a WebSocket then is watched, so that its end can be said between two frames.
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil || !strings.EqualFold(u.request.Header.Get("Upgrade"), "websocket") {
		return conn, rw, err
	}
	s := &socket{Conn: conn}
	s.stop = context.AfterFunc(u.drain.ending, s.leave)
	return s, rw, nil
}

// goingAway is a close frame with the status 1001, "going away" (RFC 6455 §5.5.1, §7.4.1): the client connects again, to another
// server.
const goingAway = "\x88\x02\x03\xe9"

// A socket is the client's end of a WebSocket.
type socket struct {
	net.Conn
	stop func() bool

	mu      sync.Mutex
	frames  frames
	leaving bool // the close frame is due
	left    bool // it was sent: nothing may follow it (RFC 6455 §5.5.1)
}

// Write writes what the app says. After the close frame it is dropped.
func (s *socket) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left {
		return len(p), nil
	}
	send := p
	for rest := p; len(rest) > 0; {
		rest = rest[s.frames.read(rest):]
		if s.leaving && s.frames.between() {
			send = p[:len(p)-len(rest)]
			break
		}
	}
	if n, err := s.Conn.Write(send); err != nil {
		return n, err
	}
	return len(p), s.closeIfDue()
}

// leave sends the close frame, or has it sent after the frame that is on its way.
func (s *socket) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaving = true
	_ = s.closeIfDue() // a client that is gone needs none
}

func (s *socket) closeIfDue() error {
	if !s.leaving || s.left || !s.frames.between() {
		return nil
	}
	s.left = true
	if s.frames.closed { // by the app
		return nil
	}
	_, err := s.Conn.Write([]byte(goingAway))
	return err
}

// CloseWrite tells the client that the app has said everything.
func (s *socket) CloseWrite() error {
	if half, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return s.Conn.Close()
}

// Close closes the connection.
func (s *socket) Close() error {
	s.stop()
	return s.Conn.Close()
}

// frames follows a stream of WebSocket frames (RFC 6455 §5.2).
type frames struct {
	header  [14]byte
	have    int    // bytes of the header
	payload uint64 // bytes of the payload that are still to come
	closed  bool   // a close frame was among them
}

// between reports whether the stream stands between two frames.
func (f *frames) between() bool { return f.have == 0 && f.payload == 0 }

// read takes in bytes up to the end of a frame at most, and returns how many: at least one, unless p is empty.
func (f *frames) read(p []byte) (n int) {
	for n < len(p) && f.payload == 0 {
		f.header[f.have] = p[n]
		f.have++
		n++
		if length, whole := f.length(); whole {
			f.closed = f.closed || f.header[0]&0x0f == 8
			f.have, f.payload = 0, length
			if length == 0 {
				return n
			}
		}
	}
	more := min(uint64(len(p)-n), f.payload)
	f.payload -= more
	return n + int(more)
}

// length is that of the payload, once the header is whole.
func (f *frames) length() (length uint64, whole bool) {
	if f.have < 2 {
		return 0, false
	}
	size := 2
	length = uint64(f.header[1] & 0x7f)
	switch length {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	extended := size
	if f.header[1]&0x80 != 0 { // a mask
		size += 4
	}
	if f.have < size {
		return 0, false
	}
	switch extended {
	case 4:
		length = uint64(binary.BigEndian.Uint16(f.header[2:]))
	case 10:
		length = binary.BigEndian.Uint64(f.header[2:])
	}
	return length, true
}
