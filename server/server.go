package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/ssobridge/ssobridge/server/metrics"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/seal"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/static"
	"github.com/ssobridge/ssobridge/templates"
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
	Options
	live       atomic.Pointer[live]
	principals *principals
	echo       *echo.Echo
	pages      *templates.Pages

	pagesElsewhere *templates.Pages // those that a proxy shows under the address of an app
	flows          *seal.Box
	metrics        *metrics.Metrics
	transport      *http.Transport // to UPSTREAM
	appCookie      sync.Once       // the warning about an app that sets our cookies
	unsigned       *rate.Limiter   // of handoffs
	tokens         tally           // handoffs with a token, by token
	networks       tally           // what else anyone may have kept, by network
	misasked       *rate.Limiter   // of log lines about questions of a proxy
	warned         tally           // causes of proxy_refused that the log has had
	handlerTimeout time.Duration
}

// New makes a server that is ready to answer. Call [Server.Serve], or mount it and run [Server.Follow] beside it.
func New(o Options, l Live) (*Server, error) {
	s := &Server{
		Options: o, principals: newPrincipals(o.Store, o.Now, o.Log), metrics: cmp.Or(o.Metrics, metrics.New(o.Version)), transport: newTransport(),
		unsigned: rate.NewLimiter(unsignedRate, unsignedBurst), misasked: rate.NewLimiter(rate.Every(10*time.Second), 5), tokens: tally{open: true},
		handlerTimeout: handlerTimeout,
	}
	s.principals.reload = o.SettingsChanged
	var err error
	if s.flows, err = seal.New(o.SecretKey, "flow"); err != nil {
		return nil, err
	}
	if s.pages, err = templates.New(static.URL, l.Config.PathPrefix); err != nil {
		return nil, err
	}
	if s.pagesElsewhere, err = templates.New(static.URL, l.Config.URL("")); err != nil {
		return nil, err
	}
	s.Apply(l)
	s.echo = s.routes()
	return s, nil
}

// Apply puts new settings in force, for requests that begin from now on.
func (s *Server) Apply(l Live) {
	next := newLive(l, s.transport, slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn))
	s.principals.policy.Store(&l.Bridge.Policy.Sessions)
	s.live.Store(next)
	s.principals.forgetAll()
}

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
	case l.proxy != nil && !OwnPath(l.cfg, r.URL.Path):
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
	defer func() { stop(); <-followed; s.transport.CloseIdleConnections() }()

	return serveHTTP(ctx, newPlainListener(l, s.Log), s)
}

// ServeMetrics answers /metrics, and nothing else, on a listener of its own (METRICS_LISTEN).
func (s *Server) ServeMetrics(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.metrics)
	return serveHTTP(ctx, newPlainListener(l, s.Log), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
func (s *Server) Follow(ctx context.Context) { s.principals.follow(ctx) }
