package server

import (
	"context"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/sso"
)

// requestInfo goes with a request through its handlers.
type requestInfo struct {
	id        string // X-Request-Id
	reference string // for the person, if it comes to a refusal
	wanted    string // where a sign-in was to end; "" until that is known
}

type requestInfoKey struct{}

func infoOf(r *http.Request) *requestInfo {
	info, _ := r.Context().Value(requestInfoKey{}).(*requestInfo)
	return info
}

// reference is the text that ties the page of a refusal to its log line and event.
func reference(r *http.Request) string {
	if info := infoOf(r); info != nil {
		return info.reference
	}
	return sso.NewReference() // the hot path carries no info
}

func requestID(r *http.Request) string {
	if info := infoOf(r); info != nil {
		return info.id
	}
	return ""
}

// newRequestID names a request in logs. It is no secret, so a fast generator will do.
func newRequestID() string {
	const digits = "0123456789abcdef"
	n := rand.Uint64()
	var b [16]byte
	for i := range b {
		b[i] = digits[n&15]
		n >>= 4
	}
	return string(b[:])
}

// identify gives every request an id, its own if a proxy in front sent a harmless one.
func identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		id := r.Header.Get(echo.HeaderXRequestID)
		if !harmlessID(id) {
			id = newRequestID()
		}
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		info := &requestInfo{id: id, reference: sso.NewReference()}
		c.SetRequest(r.WithContext(context.WithValue(r.Context(), requestInfoKey{}, info)))
		return next(c)
	}
}

func harmlessID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return len(id) >= 8 && len(id) <= 64
}

// setPrivate marks an answer that is about one person (SECURITY B5, H6).
func setPrivate(h http.Header) {
	h["Cache-Control"], h["Vary"] = noStore, varyOnWho
}

// securityHeaders are on every answer of the bridge's own (SECURITY L1). What an app behind it answers is the app's.
func (s *Server) securityHeaders(h http.Header, l *live) {
	h.Set("Content-Security-Policy", l.csp)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	if l.cookie.secure {
		h.Set("Strict-Transport-Security", "max-age=31536000") // includeSubDomains is for the owner of the domain to decide
	}
}

// secure is securityHeaders as echo middleware; nothing it answers is kept by caches unless the handler says so.
func (s *Server) secure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		s.securityHeaders(h, s.live.Load())
		setPrivate(h)
		return next(c)
	}
}

// recovered makes a panic the 500 of its own request and of no other (SECURITY L5).
func (s *Server) recovered(w http.ResponseWriter, r *http.Request) {
	p := recover()
	switch {
	case p == nil:
	case p == http.ErrAbortHandler: // the server's own way to drop a connection
		panic(p)
	default:
		s.Log.ErrorContext(r.Context(), "panic", "panic", p, "path", asked(r).Path, "stack", string(debug.Stack()))
		s.serveRefusal(w, r, sso.Internal)
	}
}

// bounded gives the bridge's own routes little time to send a body, which is small: a client that dribbles holds nothing
// for long (SECURITY L2). The reverse proxy carries uploads of any length and is not among them.
func bounded(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().ContentLength != 0 {
			// It fails where a server without deadlines mounts us; then its own time-outs must do.
			_ = http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(bodyTimeout))
		}
		return next(c)
	}
}

const bodyTimeout = 15 * time.Second

// bodyKind is the media type of a request's body, without parameters.
func bodyKind(r *http.Request) string {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}
