package server

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/drain"
	"github.com/ssobridge/ssobridge/server/gate"
	"github.com/ssobridge/ssobridge/server/local"
	"github.com/ssobridge/ssobridge/server/metrics"
	"github.com/ssobridge/ssobridge/server/refresh"
	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/renewal"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// Options are what a Server is made of. Store, Passwords, SecretKey, Now and Log are required.
type Options struct {
	Store     Store
	Passwords local.Passwords
	Signer    gate.Signer // signs Remote-Assertion; nil: it is always "-". What it signs with may change in SettingsChanged
	SecretKey []byte      // seals the cookie of a login that has begun
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
	gate.Store
	local.Store
	signInStore
	logoutStore
	grantStore
	renewal.Store
	// Ready returns an error when no sign-in could be kept now. If it has a method Cause() string, /readyz says that word.
	Ready(ctx context.Context) error
	// Sessions lists the sessions of a query; next is where the rest begins.
	Sessions(ctx context.Context, q sso.SessionQuery) (list []sso.Session, next string, err error)
}

// Server answers HTTP. Make one with [New]; it is an [http.Handler] that can be mounted at the root of any server.
type Server struct {
	options      Options
	web          *web.Web
	gate         *gate.Gate
	refresher    *refresh.Refresher
	relyingParty *relyingParty
	backChannel  *backChannel
	local        *local.Local
	ready        *readiness
	echo         *echo.Echo
}

// New makes a server that is ready to answer. Call [Server.Serve], or mount it and run [Server.Follow] beside it.
func New(o Options, l Live) (*Server, error) {
	w, err := web.New(web.Options{
		Log: o.Log, Now: o.Now, Metrics: cmp.Or(o.Metrics, metrics.New(o.Version)), Events: o.Store, SecretKey: o.SecretKey,
	}, l.Config)
	if err != nil {
		return nil, err
	}
	refresher := refresh.New(w, o.Store)
	g := gate.New(w, o.Store, o.Signer, refresher, o.SettingsChanged)
	s := &Server{
		options: o, web: w, gate: g, refresher: refresher, relyingParty: newRelyingParty(w, g, o.Store), backChannel: &backChannel{w, g, o.Store},
		local: local.New(w, g, o.Store, o.Passwords, o.Administration != nil),
		ready: &readiness{store: o.Store},
	}
	s.Apply(l)
	s.echo = s.routes()
	return s, nil
}

// Apply puts new settings in force, for requests that begin from now on.
func (s *Server) Apply(l Live) {
	s.web.Apply(l.Config, l.Bridge)
	s.gate.Apply()
}

// Mount returns a handler that answers the bridge's own paths (/auth/…, /login, /admin/… and the like; see
// [Server.Routes]) and hands everything else to next, for anyone, without what clients send under the names of the identity
// headers. Put it in front of all of a program's routes, with [Server.RequireSignIn] before those that are not for everyone.
// The path / stays next's.
func (s *Server) Mount(next http.Handler) http.Handler { return s.gate.Mount(s, next) }

// RequireSignIn returns a middleware that lets next answer those who are signed in and, if groups are named, are in one of
// them; [PrincipalFrom] tells next who that is. A browser that is not signed in is sent to sign in and comes back to the
// page it wanted; other clients get 401, those in none of the groups 403, everyone 503 while it cannot be told.
//
// Next gets the request as an app behind UPSTREAM does: with the identity headers, and without the bridge's cookies and
// tokens. The context of a request that runs ends when its session does, or loses the groups.
func (s *Server) RequireSignIn(groups ...string) func(next http.Handler) http.Handler {
	return s.gate.RequireSignIn(groups...)
}

// SetupLink returns the link that makes the first administrator, the same at each start until it was used; "" when there
// is an administrator, or when passwords are off, since what it makes could not sign in.
//
// The secret stands in the fragment, which browsers do not send: neither a proxy's log nor a Referer has it. Whoever reads
// the link can become the administrator, so it belongs into the log of the program and nowhere else.
func (s *Server) SetupLink(ctx context.Context) (string, error) { return s.local.SetupLink(ctx) }

// PrincipalFrom returns whom a request acts for, after [Server.RequireSignIn]; nil elsewhere. It is shared with other
// requests: do not change it.
func PrincipalFrom(ctx context.Context) *sso.Principal { return gate.PrincipalFrom(ctx) }

// Recent reports whether the person behind a request proved a short while ago who they are: by signing in, or at
// /auth/confirm.
func (s *Server) Recent(r *http.Request) bool { return s.local.Recent(r) }

// ConfirmURL is where a person proves anew who they are, and comes back to a path of this site.
func (s *Server) ConfirmURL(returnTo string) string { return s.local.ConfirmURL(returnTo) }

// KeepForm keeps a form that was posted to where r was, until its person has proved who they are, and returns where to
// send the browser. Afterwards a page offers to send the form once more, so that nothing which was typed is lost.
func (s *Server) KeepForm(r *http.Request, form url.Values) (location string, err error) {
	return s.local.KeepForm(r, form)
}

// ServeHTTP answers one request. What every answer of ours has is written here, once, for all the ways that follow.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer s.web.Recovered(w, r)
	r = s.gate.AsSent(r)
	site := s.web.Site()
	id := site.Begin(w.Header(), r)
	web.BoundBody(w, r)
	r = plainSignIn(site.Config, openIDCallback(site.Config, r))
	switch path, ok := web.WithoutPrefix(site.Config, r.URL.Path); {
	case ok && path == "/auth/verify":
		began := time.Now()
		s.gate.Verify(w, r)
		s.web.Metrics.VerifyTook(time.Since(began))
	case ok && path == "/auth/forward":
		began := time.Now()
		s.gate.Forward(w, r)
		s.web.Metrics.VerifyTook(time.Since(began))
	case s.gate.StandsBefore(r):
		s.gate.ReverseProxy(w, r)
	case ok:
		s.serveOwn(w, web.Unprefixed(site.Config, r), id)
	case r.URL.Path == "/": // where a sign-in ends that names no page, and no app stands here
		s.web.WarnStrayToken(r, r.URL.Path, r.URL.RawQuery)
		http.Redirect(w, r, site.Path("/"), http.StatusFound)
	default:
		s.web.ServeRefusal(w, r, sso.NotFound)
	}
}

// Serve answers on l until ctx ends. Then /readyz says no for DRAIN_TIME, while requests are still answered. Then it stops accepting,
// finishes what runs, and returns nil within ten seconds. Call it once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	followed := make(chan struct{})
	go func() { defer close(followed); s.Follow(background) }()
	defer func() { stop(); <-followed }()

	return s.web.Drain.Serve(ctx, l, s, s.options.Log, func() time.Duration { return s.web.Site().Config.DrainTime })
}

// ServeMetrics answers /metrics, and nothing else, on a listener of its own (METRICS_LISTEN).
func (s *Server) ServeMetrics(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.web.Metrics)
	atOnce := func() time.Duration { return 0 }
	return drain.New().Serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.web.Site().Begin(w.Header(), r)
		mux.ServeHTTP(w, r)
	}), s.options.Log, atOnce)
}

// State returns what answers checks, as it is now.
func (s *Server) State() gate.State { return gate.StateOf(s.gate) }

// Follow keeps the cache of principals true and writes last use back, until ctx ends; then it finishes the refreshes that have
// begun. [Server.Serve] runs it.
func (s *Server) Follow(ctx context.Context) {
	s.gate.Follow(ctx)
	s.refresher.Close()
}
