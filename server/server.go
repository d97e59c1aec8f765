package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/metrics"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// Options are what a Server is made of. Store, Passwords, SecretKey, Now and Log are required.
type Options struct {
	Store     Store
	Passwords Passwords
	Signer    Signer // signs Remote-Assertion; nil: it is always "-". What it signs with may change in SettingsChanged
	SecretKey []byte // seals the cookie of a login that has begun
	Now       func() time.Time
	Log       *slog.Logger
	Version   string
	Metrics   *metrics.Metrics // nil: the server makes its own

	Administration *Administration // nil: there are no administrator's pages
	// SettingsChanged is called when settings or groups were changed, here or by another replica, until it returns nil.
	SettingsChanged func(context.Context) error
}

// Live is one consistent set of settings and what was made of it. [Server.Apply] exchanges it as a whole.
type Live struct {
	Config *setting.Config
	Bridge *sso.Bridge
}

// Store is what the server keeps and asks for besides the logins themselves.
type Store interface {
	sessionStore
	handoffStore
	passwordStore
	proofStore
	setupStore
	passkeyStore
	Ready(ctx context.Context) error
	Record(ctx context.Context, e sso.Event) error
}

// Passwords hashes with a limit on how many at once, so that guesses cannot starve sign-ins (SECURITY I4).
type Passwords interface {
	// Verify takes as long for an empty hash as for a real one (SECURITY I3).
	Verify(ctx context.Context, hash, password string) (ok, rehash bool, err error)
	Hash(ctx context.Context, password string) (string, error)
}

// Signer signs assertions for the app behind the bridge.
type Signer interface {
	// SignAssertion returns a JWT of these claims; the issuer is the bridge.
	SignAssertion(claims map[string]any) (string, error)
	// JWKS is the public key set as RFC 7517 JSON, as it is now.
	JWKS() ([]byte, error)
}

// Server answers HTTP. Make one with [New]; it is an [http.Handler] that can be mounted at the root of any server.
type Server struct {
	options Options
	*web
	*gate
	*relyingParty
	*local
	echo *echo.Echo
}

// New makes a server that is ready to answer. Call [Server.Serve], or mount it and run [Server.Follow] beside it.
func New(o Options, l Live) (*Server, error) {
	w, err := newWeb(o, l)
	if err != nil {
		return nil, err
	}
	g := newGate(w, o.Store, o.Signer, o.SettingsChanged)
	s := &Server{
		options: o, web: w, gate: g, relyingParty: newRelyingParty(g, o.Store),
		local: &local{web: w, gate: g, store: o.Store, passwords: o.Passwords, administration: o.Administration != nil},
	}
	s.Apply(l)
	s.echo = s.routes()
	return s, nil
}

// Apply puts new settings in force, for requests that begin from now on.
func (s *Server) Apply(l Live) {
	s.live.Store(newLive(l))
	s.gate.apply()
}

// Mount returns a handler that answers the bridge's own paths (/auth/…, /login, /admin/… and the like; see
// [Server.Routes]) and hands everything else to next, for anyone, without what clients send under the names of the identity
// headers. Put it in front of all of a program's routes, with [Server.RequireSignIn] before those that are not for everyone.
// The path / stays next's.
func (s *Server) Mount(next http.Handler) http.Handler { return s.gate.mount(s, next) }

// RequireSignIn returns a middleware that lets next answer those who are signed in and, if groups are named, are in one of
// them; [PrincipalFrom] tells next who that is. A browser that is not signed in is sent to sign in and comes back to the
// page it wanted; other clients get 401, those in none of the groups 403, everyone 503 while it cannot be told.
//
// Next gets the request as an app behind UPSTREAM does: with the identity headers, and without the bridge's cookies and
// tokens. The context of a request that runs ends when its session does, or loses the groups.
func (s *Server) RequireSignIn(groups ...string) func(next http.Handler) http.Handler {
	return s.gate.requireSignIn(groups...)
}

// SetupLink returns the link that makes the first administrator, the same at each start until it was used; "" when there
// is an administrator, or when passwords are off, since what it makes could not sign in.
//
// The secret stands in the fragment, which browsers do not send: neither a proxy's log nor a Referer has it. Whoever reads
// the link can become the administrator, so it belongs into the log of the program and nowhere else.
func (s *Server) SetupLink(ctx context.Context) (string, error) { return s.local.SetupLink(ctx) }

// ServeHTTP answers one request. What every answer of ours has is written here, once, for all the ways that follow.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer s.recovered(w, r)
	r = s.asSent(r)
	l := s.live.Load()
	id := l.begin(w.Header(), r)
	r = plainSignIn(l.cfg, r)
	switch path, ok := withoutPrefix(l.cfg, r.URL.Path); {
	case ok && path == "/auth/verify":
		began := time.Now()
		s.verify(w, r)
		s.metrics.VerifyTook(time.Since(began))
	case ok && path == "/auth/forward":
		began := time.Now()
		s.forward(w, r)
		s.metrics.VerifyTook(time.Since(began))
	case s.standsBefore(r):
		s.reverseProxy(w, r)
	case ok:
		s.serveOwn(w, unprefixed(l.cfg, r), id)
	case r.URL.Path == "/": // where a sign-in ends that names no page, and no app stands here
		http.Redirect(w, r, l.path("/"), http.StatusFound)
	default:
		s.serveRefusal(w, r, sso.NotFound)
	}
}

// Time-outs of the listener (SECURITY L2). A request's body and an answer may take long behind the reverse proxy, so
// those are bounded per route, not here.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	shutdownTimeout   = 9 * time.Second
)

// Serve answers on l until ctx ends; then it stops accepting, finishes what runs, and returns nil within ten seconds.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	followed := make(chan struct{})
	go func() { defer close(followed); s.Follow(background) }()
	defer func() { stop(); <-followed }()

	return serveHTTP(ctx, newPlainListener(l, s.options.Log), s)
}

// ServeMetrics answers /metrics, and nothing else, on a listener of its own (METRICS_LISTEN).
func (s *Server) ServeMetrics(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.metrics)
	return serveHTTP(ctx, newPlainListener(l, s.options.Log), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.live.Load().begin(w.Header(), r)
		mux.ServeHTTP(w, r)
	}))
}

func serveHTTP(ctx context.Context, l net.Listener, h http.Handler) error {
	hs := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(slog.NewTextHandler(io.Discard, nil), slog.LevelDebug), // broken clients, not ours
	}
	hs.DisableGeneralOptionsHandler = true // "OPTIONS *" is ours to answer, with our headers
	failed := make(chan error, 1)
	go func() { failed <- hs.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := hs.Shutdown(grace); err != nil {
		hs.Close() // streams and WebSockets that did not end in time
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Follow keeps the cache of principals true and writes last use back, until ctx ends. [Server.Serve] runs it.
func (s *Server) Follow(ctx context.Context) { s.gate.follow(ctx) }
