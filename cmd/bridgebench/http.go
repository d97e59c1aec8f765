package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strconv"
	"strings"
)

// An answer is what the generator needs of a response. The body is read and dropped.
type answer struct {
	status int
	header []field // only when the reader was asked to keep it
	body   int     // bytes
	cookie []byte  // name=value of the session cookie that was set; valid until the next answer is read
	close  bool    // the server will not use the connection again
}

type field struct{ Name, Value string }

// A reader reads the answers that come on one connection (RFC 9112), as cheaply as may be: net/http's client would cost
// more than the servers it measures.
type reader struct {
	in     *bufio.Reader
	keep   bool // fill in answer.header
	cookie []byte
}

// sessionCookie is the bridge's, over plain http on loopback.
const sessionCookie = "ssobridge"

var errAnswer = errors.New("not an HTTP/1.1 answer")

// next reads one whole answer.
func (r *reader) next() (answer, error) {
	line, err := r.line()
	if err != nil {
		return answer{}, err
	}
	a := answer{}
	if a.status, err = status(line); err != nil {
		return a, err
	}
	length, chunked := -1, false
	for {
		line, err = r.line()
		if err != nil {
			return a, unexpected(err)
		}
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return a, fmt.Errorf("header line without a colon: %w", errAnswer)
		}
		value = bytes.TrimSpace(value)
		switch {
		case named(name, "content-length"):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 {
				return a, fmt.Errorf("content-length %q: %w", value, errAnswer)
			}
		case named(name, "transfer-encoding"):
			chunked = named(value, "chunked")
		case named(name, "connection"):
			a.close = named(value, "close")
		case named(name, "set-cookie"):
			if pair, _, _ := bytes.Cut(value, []byte(";")); bytes.HasPrefix(pair, []byte(sessionCookie+"=")) {
				r.cookie = append(r.cookie[:0], pair...)
				a.cookie = r.cookie
			}
		}
		if r.keep {
			a.header = append(a.header, field{textproto.CanonicalMIMEHeaderKey(string(name)), string(value)})
		}
	}
	switch {
	case a.status == 204 || a.status == 304: // RFC 9112 §6.3: these have no body
	case chunked:
		a.body, err = r.chunks()
	case length >= 0:
		a.body, err = r.in.Discard(length)
	default: // RFC 9112 §6.3 item 8: until the connection ends
		var n int64
		n, err = io.Copy(io.Discard, r.in)
		a.body, a.close = int(n), true
	}
	return a, unexpected(err)
}

// chunks drops a chunked body (RFC 9112 §7.1) and its trailers.
func (r *reader) chunks() (total int, err error) {
	for {
		line, err := r.line()
		if err != nil {
			return total, err
		}
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseUint(string(bytes.TrimSpace(size)), 16, 31)
		if err != nil {
			return total, fmt.Errorf("chunk size %q: %w", size, errAnswer)
		}
		if n == 0 {
			break
		}
		got, err := r.in.Discard(int(n))
		total += got
		if err != nil {
			return total, err
		}
		if _, err = r.line(); err != nil {
			return total, err
		}
	}
	for {
		line, err := r.line()
		if err != nil || len(line) == 0 {
			return total, err
		}
	}
}

// line returns a line without its end. It is valid until the next read.
func (r *reader) line() ([]byte, error) {
	line, err := r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("a line longer than %d bytes: %w", r.in.Size(), errAnswer)
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

// status reads "HTTP/1.1 302 Found".
func status(line []byte) (int, error) {
	rest, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !ok || len(rest) < 3 || len(rest) > 3 && rest[3] != ' ' {
		return 0, fmt.Errorf("status line %.80q: %w", line, errAnswer)
	}
	n, err := strconv.Atoi(string(rest[:3]))
	if err != nil || n < 200 { // an interim answer, to a request that asked for none
		return 0, fmt.Errorf("status line %.80q: %w", line, errAnswer)
	}
	return n, nil
}

// named compares without case. want is lower case.
func named(got []byte, want string) bool {
	return len(got) == len(want) && strings.EqualFold(string(got), want)
}

// unexpected makes an end in the middle of an answer an error of its own.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
