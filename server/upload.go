package server

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// trailing hands a request's trailers on, which are known once its body is read. The library has copied their names
// before, and only those that cleanTrailer left get a value.
type trailing struct {
	io.ReadCloser
	from, to http.Header
}

func (t *trailing) Read(b []byte) (int, error) {
	n, err := t.ReadCloser.Read(b)
	if errors.Is(err, io.EOF) {
		for name := range t.to {
			t.to[name] = t.from[name]
		}
	}
	return n, err
}

// upload is the body of a request, of which it notes that the client did it wrong: too little of it, or what is no chunk.
type upload struct {
	io.ReadCloser
	failed atomic.Bool
}

func (u *upload) Read(b []byte) (int, error) {
	n, err := u.ReadCloser.Read(b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, http.ErrBodyReadAfterClose) {
		u.failed.Store(true)
	}
	return n, err
}
