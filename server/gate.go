package server

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// gate decides who may pass, and as whom: /auth/verify, /auth/forward, the reverse proxy, the middleware.
type gate struct {
	*web
	store      sessionStore
	signer     Signer // nil: Remote-Assertion is always "-"
	settings   atomic.Pointer[settings]
	principals *principals
	transport  *http.Transport // to UPSTREAM
	appCookie  sync.Once       // the warning about an app that sets our cookies
	misasked   *rate.Limiter   // of log lines about questions of a proxy
}

func newGate(w *web, store sessionStore, signer Signer, reload func(context.Context) error) *gate {
	g := &gate{web: w, store: store, signer: signer, principals: newPrincipals(store, w.Now, w.Log), transport: newTransport(),
		misasked: rate.NewLimiter(rate.Every(10*time.Second), 5)}
	g.principals.reload = reload
	return g
}

// apply puts the settings in force that the answers are made with.
func (g *gate) apply() {
	l := g.live.Load()
	g.principals.policy.Store(&l.bridge.Sessions)
	g.settings.Store(newSettings(l, g.transport, slog.NewLogLogger(g.Log.Handler(), slog.LevelWarn)))
	g.principals.forgetAll()
}

// standsBefore reports whether a request is for the app behind UPSTREAM.
func (g *gate) standsBefore(r *http.Request) bool {
	l := g.settings.Load()
	return l.proxy != nil && !OwnPath(l.cfg, r.URL.Path)
}

// follow keeps the cache of principals true and writes last use back, until ctx ends.
func (g *gate) follow(ctx context.Context) {
	g.principals.follow(ctx)
	g.transport.CloseIdleConnections()
}
