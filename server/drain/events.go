package drain

import (
	"context"
	"io"
	"mime"
	"net/http"
	"sync"
)

// EndEvents has the stream of events in an answer end between two events when the server ends, as if the app had ended it: the
// browser connects again then, to another server, and says which event it had last. Other answers stay as they are.
func (d *Drain) EndEvents(resp *http.Response) {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "text/event-stream" || resp.Header.Get("Content-Encoding") != "" {
		return
	}
	e := &events{ReadCloser: resp.Body, empty: true, between: true}
	e.stop = context.AfterFunc(d.ending, e.leave)
	resp.Body = e
}

// events is the body of a stream of events.
type events struct {
	io.ReadCloser
	stop func() bool

	mu        sync.Mutex
	empty, cr bool // the line that is read has nothing in it yet; the byte before was a CR
	between   bool // what was read ends with a whole event
	leaving   bool // it ends when an event does
	left      bool // it has ended
}

// Read reads what the app sent, up to the end.
func (e *events) Read(p []byte) (int, error) {
	if e.hasLeft() {
		return 0, io.EOF
	}
	n, err := e.ReadCloser.Read(p)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.left { // meanwhile
		return 0, io.EOF
	}
	for i, c := range p[:n] {
		e.take(c)
		if e.leaving && e.between {
			e.left = true
			return i + 1, nil
		}
	}
	return n, err
}

func (e *events) hasLeft() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.left
}

// take follows the lines: an event ends with an empty one, and a line with LF, CR or both.
func (e *events) take(c byte) {
	switch {
	case c == '\n' && e.cr:
		e.cr = false // the end of the same line
	case c == '\n', c == '\r':
		e.between = e.empty
		e.empty, e.cr = true, c == '\r'
	default:
		e.empty, e.between, e.cr = false, false, false
	}
}

// leave ends the stream now, or after the event that is on its way.
func (e *events) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.leaving = true
	if e.between && !e.left {
		e.left = true
		_ = e.ReadCloser.Close() // ends the read that waits
	}
}

// Close closes the body.
func (e *events) Close() error {
	e.stop()
	return e.ReadCloser.Close()
}
