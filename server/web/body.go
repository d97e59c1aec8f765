package web

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// MaxBody bounds what may be posted to a page for everyone: a token is at most 8 KiB.
const MaxBody = 64 << 10

// BodyOf reads a form, or a JSON object of strings.
func BodyOf(r *http.Request) (url.Values, error) {
	body, err := ReadBody(r, MaxBody)
	if err != nil {
		return nil, err
	}
	return sso.ParseBody(BodyKind(r), body)
}

// ReadBody reads a body of at most so many bytes.
func ReadBody(r *http.Request, most int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("body: %w: %w", err, sso.RequestMalformed)
	case int64(len(body)) > most:
		return nil, fmt.Errorf("the body is larger than %d bytes: %w", most, sso.RequestMalformed)
	}
	return body, nil
}

// BoundBody gives a request little time to send its body: a client that dribbles holds nothing for long (SECURITY L2). That
// holds for a body that nobody reads, too: net/http waits for it after the answer.
func BoundBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		setReadDeadline(w, time.Now().Add(bodyTimeout))
	}
}

// FreeBody gives a request all the time that it needs, for an upload of any length that goes to an app.
func FreeBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		setReadDeadline(w, time.Time{})
	}
}

// setReadDeadline fails where a server without deadlines mounts us; then its own time-outs must do.
func setReadDeadline(w http.ResponseWriter, at time.Time) {
	_ = http.NewResponseController(w).SetReadDeadline(at)
}

const bodyTimeout = 15 * time.Second

// BodyKind is the media type of a request's body, without parameters.
func BodyKind(r *http.Request) string {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}
