package gate

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

// upload is the body of a request, of which it notes that it has come to its end, or that the client did it wrong: too little
// of it, or what is no chunk.
type upload struct {
	io.ReadCloser
	ended, failed atomic.Bool
}

func (u *upload) Read(b []byte) (int, error) {
	n, err := u.ReadCloser.Read(b)
	switch {
	case errors.Is(err, io.EOF):
		u.ended.Store(true)
	case err != nil && !errors.Is(err, http.ErrBodyReadAfterClose):
		u.failed.Store(true)
	}
	return n, err
}

// answerBeforeEnd lets an answer to w begin before the request has ended. Otherwise net/http reads what is left of the body and
// closes it when the answer begins. The transport still reads it then, fails, and takes the answer with it (golang/go#40747).
// Such an answer must end the connection, see [upload.endConnection].
func answerBeforeEnd(w http.ResponseWriter) {
	_ = http.NewResponseController(w).EnableFullDuplex() // what has none is no connection of HTTP/1
}

// endConnection has an answer with these headers be the last one of its connection, unless the body has been read to its end.
// What is left of it, or stands behind what is no body, would be read as the next request otherwise: full duplex leaves
// that to us.
func (u *upload) endConnection(h http.Header) {
	if u != nil && !u.ended.Load() {
		h["Connection"] = []string{"close"}
	}
}
