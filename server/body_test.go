package server_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A connection notes until when the server reads from it.
type connection struct {
	*httptest.ResponseRecorder
	until time.Time
}

func (c *connection) SetReadDeadline(t time.Time) error { c.until = t; return nil }

func (c *connection) EnableFullDuplex() error { return nil }

// SECURITY L2: whatever becomes of a request, a client that does not send the body it promised holds its connection for no
// more than seconds. An upload that the app reads has the time it needs.
func TestUnsentBodyHoldsNothing(t *testing.T) {
	var b *bridge
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/reads" {
			_, _ = io.ReadAll(r.Body)
		}
	}))
	t.Cleanup(app.Close)
	b = start(t, "UPSTREAM="+app.URL, `ACCESS_RULES=[{"path":"/reads","allow":"public"}]`)
	for target, bounded := range map[string]bool{
		"POST /auth/sso": true, "POST /nothing": true, "GET /page": true, "GET /auth/verify": true, "GET /auth/forward": true,
		"TRACE /x": true, "POST /a;b": true, "POST /auth/nothing": true, "POST /reads": false,
	} {
		method, path, _ := strings.Cut(target, " ")
		for _, sent := range []int64{3, -1} {
			r := httptest.NewRequest(method, path, io.NopCloser(strings.NewReader("a=b")))
			r.ContentLength = sent
			w := &connection{ResponseRecorder: httptest.NewRecorder(), until: time.Unix(1, 0)}
			b.srv.ServeHTTP(w, r)
			if left := time.Until(w.until); bounded != (left > 0 && left < time.Minute) || !bounded && !w.until.IsZero() {
				t.Errorf("%s, Content-Length %d: got %d, reads until %v", target, sent, w.Code, w.until)
			}
		}
	}
}
