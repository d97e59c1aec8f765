package web

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/urltext"
)

// requestInfo goes with a request through its handlers.
type requestInfo struct {
	id        string // X-Request-Id
	reference string // for the person, if it comes to a refusal
	wanted    string // where a sign-in was to end; "" until that is known
	provider  string // with which one signs in; "" until that is known
}

type requestInfoKey struct{}

type patientKey struct{}

// InTime is the context of a request that is to be answered in time. [Patient] takes the limit away again.
func InTime(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithValue(ctx, patientKey{}, ctx), limit)
}

// Patient is r without the limit of the bridge's own handlers, for an answer that goes on: it ends when the client goes.
func Patient(r *http.Request) *http.Request {
	if whole, ok := r.Context().Value(patientKey{}).(context.Context); ok {
		return r.WithContext(whole)
	}
	return r
}

// WithInfo is the context of a request with this id, and with a new reference.
func WithInfo(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestInfoKey{}, &requestInfo{id: id, reference: sso.NewReference()})
}

func infoOf(r *http.Request) *requestInfo {
	info, _ := r.Context().Value(requestInfoKey{}).(*requestInfo)
	return info
}

// Reference is the text that ties the page of a refusal to its log line and event.
func Reference(r *http.Request) string {
	if info := infoOf(r); info != nil {
		return info.reference
	}
	return sso.NewReference() // the hot path carries no info
}

// RequestID is the id of a request in logs; "" on the hot path.
func RequestID(r *http.Request) string {
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

// Header values that answers share; read only.
var (
	noStore   = []string{"no-store"}
	varyOnWho = []string{"Cookie, Authorization"}
	bearer    = []string{`Bearer realm="ssobridge"`}
	badBearer = []string{`Bearer realm="ssobridge", error="invalid_token"`} // RFC 6750 §3.1
)

// Challenge is the Www-Authenticate of an answer to who is not signed in, because of err. It is shared: read only.
func Challenge(r *http.Request, err error) []string {
	if len(r.Header["Authorization"]) > 0 || IsTokenError(err) {
		return badBearer
	}
	return bearer
}

// SetChallenge says how a request of no one proves who it is (RFC 9110 §15.5.2).
func SetChallenge(h http.Header, r *http.Request, err error) {
	if sso.CodeOf(err) == sso.NotSignedIn && len(r.Header["Authorization"]) == 0 {
		h["Www-Authenticate"] = Challenge(r, err)
	}
}

// IsTokenError reports whether an error is about the token that an API client presented, which logs it itself.
func IsTokenError(err error) bool {
	_, ok := errors.AsType[interface {
		error
		OfToken()
	}](err)
	return ok
}

// SetPrivate marks an answer that is about one person (SECURITY B5, H6).
func SetPrivate(h http.Header) {
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

// Begin writes what every answer of ours has, whatever becomes of it: the request's id, the security headers, and that it is
// about one person, unless the handler knows better. It returns the id: a harmless one of a proxy in front, else a new one.
func (site *Site) Begin(h http.Header, r *http.Request) (id string) {
	if known := h[RequestIDHeader]; len(known) == 1 { // begun before
		id = known[0]
	} else {
		if sent := r.Header[RequestIDHeader]; len(sent) > 0 && harmlessID(sent[0]) {
			id = sent[0]
		} else {
			id = newRequestID()
		}
		h[RequestIDHeader] = []string{id}
	}
	site.Secure(h)
	SetPrivate(h)
	return id
}

// Secure writes the headers that guard every answer, such as to which sites its forms may lead. A page that shows what was just saved
// needs those of the settings that are in force now.
func (site *Site) Secure(h http.Header) {
	for _, f := range site.security {
		h[f.name] = f.values
	}
}

// LeaveToApp takes away what begin wrote, from an answer that is an app's.
func (site *Site) LeaveToApp(h http.Header) {
	for _, f := range site.security {
		delete(h, f.name)
	}
	for _, name := range []string{RequestIDHeader, "Cache-Control", "Vary"} {
		delete(h, name)
	}
}

// RequestIDHeader has the id of a request, in the request and in its answer.
const RequestIDHeader = "X-Request-Id"

// handlerTimeout bounds the bridge's own handlers; the reverse proxy is not among them.
const handlerTimeout = 30 * time.Second

// Recovered makes a panic the 500 of its own request and of no other (SECURITY L5).
func (web *Web) Recovered(w http.ResponseWriter, r *http.Request) {
	p := recover()
	switch {
	case p == nil:
	case p == http.ErrAbortHandler: // the server's own way to drop a connection
		panic(p)
	default:
		web.Log.ErrorContext(r.Context(), "panic", "panic", p, "path", urltext.ShownPath(asked(r).Path), "stack", string(debug.Stack()))
		web.ServeRefusal(w, r, sso.Internal)
	}
}

// NoteWanted notes where a sign-in was to end, for the page that says it failed: the flow knows best.
func NoteWanted(r *http.Request, site *Site, returnTo string, flow *sso.Flow) {
	info := infoOf(r)
	if info == nil {
		return
	}
	if flow != nil {
		info.wanted = flow.ReturnTo
	} else if to, err := site.Bridge.Return.Parse(returnTo); err == nil {
		info.wanted = to
	}
}

// NoteProvider notes with which provider a sign-in goes on, for the page that says it failed.
func NoteProvider(r *http.Request, name string) {
	if info := infoOf(r); info != nil {
		info.provider = name
	}
}

// SetWanted notes that a sign-in was to end at a page of ours.
func SetWanted(r *http.Request, to string) {
	if info := infoOf(r); info != nil {
		info.wanted = to
	}
}

// WantedPath is where the person of a refused request wanted to go, as far as it may be believed.
func WantedPath(r *http.Request, site *Site) string {
	if info := infoOf(r); info != nil && info.wanted != "" {
		return info.wanted
	}
	q, err := sso.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "/"
	}
	for _, name := range []string{"return_to", "redirect"} {
		if v := q[name]; len(v) == 1 {
			if to, err := site.Bridge.Return.Parse(v[0]); err == nil {
				return to
			}
		}
	}
	return "/"
}
