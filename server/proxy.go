package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// ownPath reports whether the bridge answers a path itself, in front of an UPSTREAM.
func ownPath(path string) bool {
	for _, p := range []string{"/auth", "/admin", "/api/v1"} {
		if path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	switch path {
	case "/login", "/api/user/current", "/api/openapi.json", "/healthz", "/readyz", "/metrics", "/.well-known/jwks.json":
		return true
	}
	return false
}

// proxied is what reverseProxy hands to the proxy's functions.
type proxied struct {
	entry  *entry // nil: anyone, on a public path
	public bool   // the path is everyone's
	live   *live
	server *Server
	asked  *http.Request // as it came
	upload *upload       // its body; nil: none
}

type proxiedKey struct{}

// newTransport is how the bridge reaches UPSTREAM. There is no limit on how long the app thinks: a report may take
// minutes, and a client that gives up ends the request.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 100,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true, // what the client accepts is between it and the app
		ForceAttemptHTTP2:   true,
		// Time for the app to refuse an upload before it is sent; then it is sent.
		ExpectContinueTimeout: time.Second,
	}
}

// newProxy makes the reverse proxy of UPSTREAM. The standard library's handles WebSockets, streaming and trailers, and
// removes hop-by-hop headers before Rewrite, so that "Connection: Remote-User" removes nothing of ours (SECURITY H5).
func newProxy(upstream *url.URL, transport http.RoundTripper, errorLog *log.Logger) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Transport:      transport,
		ErrorLog:       errorLog,
		Rewrite:        func(pr *httputil.ProxyRequest) { rewrite(pr, upstream) },
		ModifyResponse: mendAnswer,
		ErrorHandler:   upstreamFailed,
		FlushInterval:  -1, // server-sent events and other streams arrive as they are sent
	}
}

func rewrite(pr *httputil.ProxyRequest, upstream *url.URL) {
	p := pr.In.Context().Value(proxiedKey{}).(proxied)
	pr.Out.URL.RawQuery = p.live.withoutBearer(pr.In.URL.RawQuery) // as it was sent: the library drops what Go cannot parse
	pr.SetURL(upstream)
	pr.Out.Host = pr.In.Host
	h := pr.Out.Header
	keepWebSocketOnly(h)
	cleanForUpstream(h)
	p.live.dropSpellings(h)
	p.live.stripCredentials(h)
	h.Set("X-Forwarded-For", p.live.peer(pr.In))
	h.Set("X-Forwarded-Host", pr.In.Host)
	h.Set("X-Forwarded-Proto", map[bool]string{true: "https", false: "http"}[p.live.cookie.secure])
	p.server.setIdentity(h, p.entry)
	if len(pr.In.Trailer) > 0 {
		pr.Out.Body = &trailing{pr.Out.Body, pr.In.Trailer, pr.Out.Trailer}
		p.live.cleanTrailer(pr.Out.Trailer)
	}
}

// keepWebSocketOnly lets a connection become a WebSocket and nothing else. As anything else, "h2c" above all, it would be
// a tunnel in which a client sends the app requests of its own, with whatever identity headers it likes. That the app is
// not asked to upgrade is what any server in between may decide (RFC 9110 §7.8).
func keepWebSocketOnly(h http.Header) {
	if !webSocket(h) {
		for _, name := range []string{"Connection", "Upgrade", "Http2-Settings"} {
			delete(h, name)
		}
	}
}

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

func upstreamFailed(w http.ResponseWriter, r *http.Request, err error) {
	p := r.Context().Value(proxiedKey{}).(proxied)
	switch {
	case errors.Is(context.Cause(r.Context()), errSessionOver):
		err = sso.NotSignedIn
	case p.upload != nil && p.upload.failed.Load(): // err may quote the client (SECURITY K1)
		err = fmt.Errorf("the body of the request is cut off or malformed: %w", sso.RequestMalformed)
	case errors.Is(err, context.Canceled): // the client went away, or it closed its half: an empty 200 would be a lie
		panic(http.ErrAbortHandler)
	default:
		p.server.Log.Error("upstream does not answer", "error", err)
		err = sso.UpstreamDown
	}
	p.server.serveRefusal(w, p.asked, err) // r has the app's path, and credentials removed
}

// cleanForUpstream removes what a client sent in our name, in every spelling that some server reads as the same header
// (SECURITY H3).
func cleanForUpstream(h http.Header) {
	for name := range h {
		if identityHeader(name) {
			delete(h, name)
		}
	}
}

// cleanTrailer removes what some server takes from a trailer as if it had been a header: an identity, or a credential. No
// trailer is either of them (RFC 9110 §6.5.1), not even the app's own.
func (l *live) cleanTrailer(trailer http.Header) {
	cleanForUpstream(trailer)
	l.dropSpellings(trailer)
	for name := range trailer {
		if l.credentialHeader(plainName(name)) {
			delete(trailer, name)
		}
	}
}

// dropSpellings removes other spellings of headers that we read or that say where a message ends: X_Metabase_Session,
// Content_Length. CGI and what came of it (WSGI, Rack) make one variable of both, and the app would take a session that is
// no one's here, or begin the next request where we do not (SECURITY H3, H6). All other names with "_" and "." are the
// app's own.
func (l *live) dropSpellings(h http.Header) {
	for name := range h {
		if !strings.ContainsAny(name, "_.") {
			continue
		}
		if plain := plainName(name); framingHeader(plain) || l.credentialHeader(plain) {
			delete(h, name)
		}
	}
}

// framingHeader reports whether a header of that plain name is about the message or the connection as such. Those without
// a "-" have one spelling.
func framingHeader(plain string) bool {
	switch plain {
	case "content-length", "transfer-encoding", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "http2-settings":
		return true
	}
	return false
}

// credentialHeader reports whether sessions come in a header of that plain name.
func (l *live) credentialHeader(plain string) bool {
	switch plain {
	case "cookie", "authorization", "x-metabase-session", plainName(l.cfg.BearerHeader):
		return true
	}
	return false
}

// identityHeader reports whether a header could pass for one of ours, or for what a proxy says: Remote-User,
// remote_user, Remote.Email, X_Forwarded_For, and all else of that kind. X-Original-Url and the like are another path than
// the one that ACCESS_RULES judged, to apps that believe them (CVE-2018-14773).
func identityHeader(name string) bool {
	if name == "" || !strings.ContainsRune("rRxXfF", rune(name[0])) {
		return false
	}
	plain := plainName(name)
	return posesAsForwarded(name) || strings.HasPrefix(plain, "remote-") || strings.HasPrefix(plain, "x-forwarded-") || plain == "x-real-ip" || plain == "forwarded"
}

// plainName is a header's name as the laxest server reads it: without case, and "_" and "." the same as "-".
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '_' || r == '.':
			return '-'
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, name)
}

// stripCredentials removes what is for the bridge and no one behind it (SECURITY H6).
func (l *live) stripCredentials(h http.Header) {
	h.Del("X-Metabase-Session")
	if lines := h["Cookie"]; len(lines) > 0 {
		if rest := withoutCookies(lines); rest != "" {
			h["Cookie"] = []string{rest}
		} else {
			delete(h, "Cookie")
		}
	}
	h["Authorization"] = slices.DeleteFunc(slices.Clone(h["Authorization"]), func(v string) bool { // two are none, and both go
		_, ours := bearerSession(http.Header{"Authorization": {v}}, "Authorization")
		return ours
	})
	if len(h["Authorization"]) == 0 {
		delete(h, "Authorization")
	}
	if l.cfg.BearerHeader != "Authorization" {
		delete(h, l.cfg.BearerHeader)
	}
}

// withoutBearer is a query without BEARER_PARAMETER, and otherwise as it was sent.
func (l *live) withoutBearer(rawQuery string) string {
	name := l.cfg.BearerParameter
	if name == "" || rawQuery == "" {
		return rawQuery
	}
	var kept []string
	for part := range strings.SplitSeq(rawQuery, "&") {
		key, _, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(key); err != nil || plain != name {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}

// withoutCookies writes the cookies again without ours: the session, also one of before SITE_URL or COOKIE_DOMAIN changed,
// and all whose names begin with "ssobridge-". Unlike [eachCookie] it is generous about names: what any app may take for
// one of ours goes (SECURITY H6).
func withoutCookies(lines []string) string {
	var kept []string
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ";") {
			name, _, _ := strings.Cut(part, "=")
			if part = strings.Trim(part, " \t"); part != "" && !oursToSomeone(name) {
				kept = append(kept, part)
			}
		}
	}
	return strings.Join(kept, "; ")
}

// oursToSomeone reports whether some app may read the name of a cookie as one of ours: without what is no visible ASCII
// around it, quotes and whatever case.
func oursToSomeone(name string) bool {
	name = strings.ToLower(strings.TrimFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' }))
	name = strings.TrimPrefix(strings.TrimPrefix(name, "__host-"), "__secure-")
	return name == "ssobridge" || strings.HasPrefix(name, "ssobridge-")
}

// reverseProxy answers for the app behind UPSTREAM: who may pass, passes; a browser that is not signed in is sent to sign
// in and comes back to the page it wanted, and anything else gets 401.
func (s *Server) reverseProxy(w http.ResponseWriter, r *http.Request) {
	l := s.live.Load()
	e, rule, err := s.letIn(r, l)
	switch {
	case err == nil:
		s.pass(w, r, l, e, rule)
	case sso.CodeOf(err) == sso.NotSignedIn && wantsPage(r.Method, r.Header):
		setPrivate(w.Header())
		w.Header()["X-Request-Id"] = []string{newRequestID()}
		http.Redirect(w, r, l.signInPath(r), http.StatusFound)
	default:
		s.serveRefusal(w, r, err)
	}
}

// letIn decides whether a request may pass to the app, for whom and by which rule. A nil entry without an error is anyone,
// on a public path.
func (s *Server) letIn(r *http.Request, l *live) (e *entry, rule sso.AccessRule, err error) {
	if rule, err = l.decide(withoutPort(r.Host), r.Method, r.URL.EscapedPath(), r.Header); err != nil {
		return nil, rule, err
	}
	if err = l.checkTarget(r.URL); err != nil {
		return nil, rule, err
	}
	if e, err = s.admit(r, l, rule); e == nil {
		return nil, rule, err
	}
	if err = l.checkOrigin(r); err != nil && rule.Public {
		return nil, rule, nil
	}
	return e, rule, err
}

// signInPath begins a sign-in that ends where r was to go, without a token that was in it (SECURITY B5).
func (l *live) signInPath(r *http.Request) string {
	to := *r.URL
	to.RawQuery = l.withoutBearer(to.RawQuery)
	return "/auth/sso?redirect=" + url.QueryEscape(to.RequestURI())
}

// pass hands a request to the app, for as long as its session lasts.
func (s *Server) pass(w http.ResponseWriter, r *http.Request, l *live, e *entry, rule sso.AccessRule) {
	p := proxied{entry: e, public: rule.Public, live: l, server: s, asked: r}
	body := r.Body
	if r.ContentLength != 0 && body != nil {
		p.upload = &upload{ReadCloser: body}
		body = p.upload
	}
	ctx := context.WithValue(r.Context(), proxiedKey{}, p)
	if e != nil {
		var done func()
		ctx, done = s.principals.watch(ctx, e, rule.Groups)
		defer done()
		// An upload stands in a read that no context ends.
		defer context.AfterFunc(ctx, func() {
			if errors.Is(context.Cause(ctx), errSessionOver) {
				_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
			}
		})()
	}
	r = r.WithContext(ctx)
	r.Body = body
	l.proxy.ServeHTTP(w, r)
}

// wantsPage reports whether a browser is loading a page, as against an API client, a script or an image: only a page may
// be answered with a redirect to sign in.
func wantsPage(method string, h http.Header) bool {
	if method != http.MethodGet && method != http.MethodHead || h.Get("Upgrade") != "" {
		return false
	}
	if mode := h.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
		return false
	}
	return strings.Contains(h.Get("Accept"), "text/html")
}
