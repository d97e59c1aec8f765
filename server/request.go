package server

import (
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"time"

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

// A field is a header with its values, which answers share: read only.
type field struct {
	name   string
	values []string
}

// securityHeaders are on every answer of the bridge's own (SECURITY L1). What an app behind it answers is the app's.
func securityHeaders(csp string, secure bool) []field {
	fields := []field{
		{"Content-Security-Policy", []string{csp}},
		{"X-Content-Type-Options", []string{"nosniff"}},
		{"X-Frame-Options", []string{"DENY"}},
		{"Referrer-Policy", []string{"no-referrer"}},
		{"Cross-Origin-Opener-Policy", []string{"same-origin"}},
		{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
		{"Permissions-Policy", []string{"camera=(), geolocation=(), microphone=()"}},
	}
	if secure { // includeSubDomains is for the owner of the domain to decide
		fields = append(fields, field{"Strict-Transport-Security", []string{"max-age=31536000"}})
	}
	return fields
}

// begin writes what every answer of ours has, whatever becomes of it: the request's id, the security headers, and that it is
// about one person, unless the handler knows better. It returns the id: a harmless one of a proxy in front, else a new one.
func (l *live) begin(h http.Header, r *http.Request) (id string) {
	if known := h[requestIDHeader]; len(known) == 1 { // begun before
		id = known[0]
	} else {
		if id = r.Header.Get(requestIDHeader); !harmlessID(id) {
			id = newRequestID()
		}
		h[requestIDHeader] = []string{id}
	}
	for _, f := range l.security {
		h[f.name] = f.values
	}
	setPrivate(h)
	return id
}

// leaveToApp takes away what begin wrote, from an answer that is an app's.
func (l *live) leaveToApp(h http.Header) {
	for _, f := range l.security {
		delete(h, f.name)
	}
	for _, name := range []string{requestIDHeader, "Cache-Control", "Vary"} {
		delete(h, name)
	}
}

const requestIDHeader = "X-Request-Id"

// handlerTimeout bounds the bridge's own handlers; the reverse proxy is not among them.
const handlerTimeout = 30 * time.Second

// recovered makes a panic the 500 of its own request and of no other (SECURITY L5).
func (web *web) recovered(w http.ResponseWriter, r *http.Request) {
	p := recover()
	switch {
	case p == nil:
	case p == http.ErrAbortHandler: // the server's own way to drop a connection
		panic(p)
	default:
		web.Log.ErrorContext(r.Context(), "panic", "panic", p, "path", sso.ShownPath(asked(r).Path), "stack", string(debug.Stack()))
		web.serveRefusal(w, r, sso.Internal)
	}
}

// noteWanted notes where a sign-in was to end, for the page that says it failed: the flow knows best.
func noteWanted(r *http.Request, l *live, returnTo string, flow *sso.Flow) {
	info := infoOf(r)
	if info == nil {
		return
	}
	if flow != nil {
		info.wanted = flow.ReturnTo
	} else if to, err := l.bridge.Return.Parse(returnTo); err == nil {
		info.wanted = to
	}
}

// wantedPath is where the person of a refused request wanted to go, as far as it may be believed.
func wantedPath(r *http.Request, l *live) string {
	if info := infoOf(r); info != nil && info.wanted != "" {
		return info.wanted
	}
	q, err := sso.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "/"
	}
	for _, name := range []string{"return_to", "redirect"} {
		if v := q[name]; len(v) == 1 {
			if to, err := l.bridge.Return.Parse(v[0]); err == nil {
				return to
			}
		}
	}
	return "/"
}
