package server

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/admin"
	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/static"
)

// routes has every route and its guard. /auth/verify and the reverse proxy stand before it, in [Server.ServeHTTP].
func (s *Server) routes() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.web.HandleError
	e.IPExtractor = func(r *http.Request) string { return s.web.Site().Peer(r) }
	e.Logger.SetOutput(discard{}) // echo's own logger; ours is slog

	// Anyone.
	web.Get(e, "/healthz", s.handleHealth)
	web.Get(e, "/readyz", s.handleReady)
	web.Get(e, "/metrics", s.handleMetrics)
	web.Get(e, "/.well-known/jwks.json", s.handleJWKS)
	web.Get(e, admin.KeySetPath, s.handleJWKS) // where OpenMetadata has them
	web.Get(e, static.Prefix+"*", echo.WrapHandler(static.Handler()))
	web.Get(e, "/auth/brand/:file", s.web.Brand)
	web.Get(e, "/", s.handleHome)
	web.Get(e, "/auth/account", s.handleAccount)

	// Sign-in and what a provider says. What vouches for these is the token, so they may come from other sites.
	e.Match([]string{http.MethodGet, http.MethodHead, http.MethodPost}, "/auth/sso", s.relyingParty.handleSSO, s.cors)
	web.Get(e, "/auth/oidc/:provider/callback", s.relyingParty.handleOpenID)
	e.POST("/auth/sso/to_session", s.relyingParty.handleToSession, s.cors)
	e.POST("/auth/sso/backchannel-logout", s.backChannel.handleLogoutToken)
	e.POST("/auth/oidc/:provider/backchannel-logout", s.backChannel.handleLogoutToken)
	web.Get(e, "/api/user/current", s.handleCurrentUser, s.cors)
	for _, path := range []string{"/auth/sso", "/auth/sso/to_session", "/api/user/current"} {
		e.OPTIONS(path, s.handlePreflight)
	}

	// What changes something comes from our own pages only.
	web.Get(e, "/auth/logout", s.handleLogoutPage)
	e.POST("/auth/logout", s.handleLogout, s.web.SameOrigin)
	e.POST("/auth/sso/logout", s.handleLogout, s.web.SameOrigin)

	s.local.Mount(e)
	s.mountAdmin(e)
	return e
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// handleMetrics serves /metrics here unless METRICS_LISTEN gives it a listener of its own.
func (s *Server) handleMetrics(c echo.Context) error {
	if s.web.Site().Config.MetricsListen != "" {
		return echo.ErrNotFound
	}
	s.web.Metrics.ServeHTTP(c.Response(), c.Request())
	return nil
}

// handleJWKS publishes the keys of Remote-Assertion and of service tokens (RFC 7517 §5).
func (s *Server) handleJWKS(c echo.Context) error {
	if s.options.Signer == nil {
		return echo.ErrNotFound
	}
	keys, err := s.options.Signer.JWKS()
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "public, max-age=300")
	return c.Blob(http.StatusOK, "application/jwk-set+json", keys)
}

// cors lets pages of CORS_ORIGINS read the answers of the JSON flow. Cookies play no part in it, so no credentials.
func (s *Server) cors(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		s.allowOrigin(c)
		return next(c)
	}
}

func (s *Server) allowOrigin(c echo.Context) bool {
	h := c.Response().Header()
	h["Vary"] = []string{"Cookie, Authorization, Origin"} // a slice of its own: the shared one is read only
	origin := c.Request().Header.Get("Origin")
	for _, allowed := range s.web.Site().Config.CORSOrigins {
		if origin == string(allowed) {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Cross-Origin-Resource-Policy", "cross-origin")
			return true
		}
	}
	return false
}

func (s *Server) handlePreflight(c echo.Context) error {
	if s.allowOrigin(c) {
		h := c.Response().Header()
		h.Set("Access-Control-Allow-Methods", "GET, POST")
		h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, X-Metabase-Client, X-Metabase-Client-Version, "+
			"X-Metabase-Embedded, X-Metabase-SDK-JWT-Hash, X-Metabase-Session, X-Requested-With")
		h.Set("Access-Control-Max-Age", "600")
	}
	return c.NoContent(http.StatusNoContent)
}

// Routes lists method and path of every route, for tests that try them all. What answers GET answers HEAD, too.
func (s *Server) Routes() []string {
	var all []string
	for _, r := range s.echo.Routes() {
		if r.Method != http.MethodHead {
			all = append(all, r.Method+" "+r.Path)
		}
	}
	slices.Sort(all)
	return all
}

// serveOwn answers on one of the bridge's own routes, in time: what waits for a database or an identity provider fails with
// its own error when the time is over (SECURITY L8). Nothing here looks at what the handler returns.
func (s *Server) serveOwn(w http.ResponseWriter, r *http.Request, id string) {
	ctx, cancel := web.InTime(r.Context(), s.web.HandlerTimeout)
	defer cancel()
	ctx = web.WithInfo(ctx, id)
	s.echo.ServeHTTP(w, r.WithContext(ctx))
}
