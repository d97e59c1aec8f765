package gate

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/ssobridge/ssobridge/server/web"
)

// Gate decides who may pass, and as whom: /auth/verify, /auth/forward, the reverse proxy, the middleware.
type Gate struct {
	web        *web.Web
	store      Store
	signer     Signer // nil: Remote-Assertion is always "-"
	settings   atomic.Pointer[settings]
	principals *principals
	transport  *http.Transport // to UPSTREAM
	appCookie  sync.Once       // the warning about an app that sets our cookies
	misasked   *rate.Limiter   // of log lines about questions of a proxy
	tokenLog   *rate.Limiter   // of log lines about tokens of API clients
}

// New makes a gate that lets nobody in yet: call apply. Reload is called when settings may have changed.
func New(w *web.Web, store Store, signer Signer, refresher Refresher, reload func(context.Context) error) *Gate {
	g := &Gate{web: w, store: store, signer: signer, principals: newPrincipals(store, w.Now, w.Log), transport: newTransport(),
		misasked: rate.NewLimiter(rate.Every(10*time.Second), 5), tokenLog: rate.NewLimiter(rate.Every(10*time.Second), 5)}
	g.principals.reload, g.principals.refresher = reload, refresher
	return g
}

// Apply puts the settings in force that the answers are made with.
func (g *Gate) Apply() {
	site := g.web.Site()
	g.principals.policy.Store(&site.Bridge.Sessions)
	g.principals.hold(site.Config.SessionsInMemory)
	g.settings.Store(newSettings(site, g.transport, slog.NewLogLogger(g.web.Log.Handler(), slog.LevelWarn)))
	g.principals.forgetAll()
}

// StandsBefore reports whether a request is for the app behind UPSTREAM.
func (g *Gate) StandsBefore(r *http.Request) bool {
	s := g.settings.Load()
	return s.proxy != nil && !web.OwnPath(s.Config, r.URL.Path)
}

// Follow keeps the cache of principals true and writes last use back, until ctx ends.
func (g *Gate) Follow(ctx context.Context) {
	g.principals.follow(ctx)
	g.transport.CloseIdleConnections()
}

// Signer signs assertions for the app behind the bridge.
type Signer interface {
	// SignAssertion returns a JWT of these claims, which are an object in JSON; the issuer is the bridge.
	SignAssertion(claims any) (string, error)
	// JWKS is the public key set as RFC 7517 JSON, as it is now.
	JWKS() ([]byte, error)
}
