package server

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// maxBody bounds what may be posted to the sign-in: a token is at most 8 KiB.
const maxBody = 64 << 10

// bodyOf reads a form, or a JSON object of strings.
func bodyOf(r *http.Request) (url.Values, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	return sso.ParseBody(bodyKind(r), body)
}

// readBody reads a body of at most maxBody bytes.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("body: %w: %w", err, sso.RequestMalformed)
	case len(body) > maxBody:
		return nil, fmt.Errorf("the body is larger than %d bytes: %w", maxBody, sso.RequestMalformed)
	}
	return body, nil
}

// boundBody gives a request for one of our own routes little time to send its body, which is small: a client that dribbles
// holds nothing for long (SECURITY L2). The reverse proxy carries uploads of any length.
func boundBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// It fails where a server without deadlines mounts us; then its own time-outs must do.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	}
}

const bodyTimeout = 15 * time.Second

// bodyKind is the media type of a request's body, without parameters.
func bodyKind(r *http.Request) string {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}
