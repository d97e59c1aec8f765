package server

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/static"
	"github.com/ssobridge/ssobridge/templates"
)

// routes has every route and its guard. /auth/verify and the reverse proxy stand before it, in [Server.ServeHTTP].
func (s *Server) routes() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.handleError
	e.IPExtractor = func(r *http.Request) string { return s.live.Load().peer(r) }
	e.Logger.SetOutput(discard{}) // echo's own logger; ours is slog

	// HEAD answers as GET does (RFC 9110 §9.3.2); net/http leaves the content out.
	get := func(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) {
		e.Match([]string{http.MethodGet, http.MethodHead}, path, h, m...)
	}

	// Anyone.
	get("/healthz", s.handleHealth)
	get("/readyz", s.handleReady)
	get("/metrics", s.handleMetrics)
	get("/.well-known/jwks.json", s.handleJWKS)
	get(static.Prefix+"*", echo.WrapHandler(static.Handler()))
	get("/", s.handleHome)

	// Sign-in. What vouches for these is the token, so they may come from other sites.
	e.Match([]string{http.MethodGet, http.MethodHead, http.MethodPost}, "/auth/sso", s.handleSSO, s.cors)
	e.POST("/auth/sso/to_session", s.handleToSession, s.cors)
	get("/api/user/current", s.handleCurrentUser, s.cors)
	for _, path := range []string{"/auth/sso", "/auth/sso/to_session", "/api/user/current"} {
		e.OPTIONS(path, s.handlePreflight)
	}

	// What changes something comes from our own pages only.
	get("/login", s.handleLogin)
	e.POST("/login", s.handlePassword, s.sameOrigin)
	get("/auth/logout", s.handleLogoutPage)
	e.POST("/auth/logout", s.handleLogout, s.sameOrigin)
	e.POST("/auth/sso/logout", s.handleLogout, s.sameOrigin)

	// The way in without an identity provider, and the proofs of who someone is.
	get("/auth/setup", s.handleSetupPage)
	e.POST("/auth/setup", s.handleSetup, s.sameOrigin)
	e.POST("/auth/setup/passkey", s.handleSetupPasskey, s.sameOrigin)
	e.POST("/auth/setup/passkey/add", s.handleSetupPasskeyAdd, s.sameOrigin)
	get("/auth/confirm", s.handleConfirmPage)
	e.POST("/auth/confirm", s.handleConfirm, s.sameOrigin)
	get("/auth/confirm/resume", s.handleResume)
	e.POST("/auth/confirm/passkey", s.handlePasskeyConfirm, s.sameOrigin)
	get("/auth/password", s.handlePasswordPage)
	e.POST("/auth/password", s.handlePasswordChange, s.sameOrigin)
	get("/auth/passkeys", s.handlePasskeysPage)
	e.POST("/auth/passkeys", s.handlePasskeyChange, s.sameOrigin)
	e.POST("/auth/passkeys/create", s.handlePasskeyCreate, s.sameOrigin)
	e.POST("/auth/passkeys/add", s.handlePasskeyAdd, s.sameOrigin)
	e.POST("/auth/passkeys/ask", s.handlePasskeyAsk, s.sameOrigin)
	e.POST("/auth/passkeys/sign-in", s.handlePasskeySignIn, s.sameOrigin)

	s.mountAdmin(e)
	return e
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// handleMetrics serves /metrics here unless METRICS_LISTEN gives it a listener of its own.
func (s *Server) handleMetrics(c echo.Context) error {
	if s.live.Load().cfg.MetricsListen != "" {
		return echo.ErrNotFound
	}
	s.metrics.ServeHTTP(c.Response(), c.Request())
	return nil
}

// handleJWKS publishes the keys of Remote-Assertion (RFC 7517 §5).
func (s *Server) handleJWKS(c echo.Context) error {
	if s.Signer == nil {
		return echo.ErrNotFound
	}
	keys, err := s.Signer.JWKS()
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
	for _, allowed := range s.live.Load().cfg.CORSOrigins {
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

// page renders one page and answers with it.
func (s *Server) page(w http.ResponseWriter, status int, page templates.Page) error {
	return s.pages.Render(&pageWriter{w, status}, page)
}

// pageWriter writes the head of the answer once the page is made.
type pageWriter struct {
	http.ResponseWriter
	status int
}

func (p *pageWriter) Write(b []byte) (int, error) {
	p.Header().Set("Content-Type", "text/html; charset=utf-8")
	p.WriteHeader(p.status)
	return p.ResponseWriter.Write(b)
}

func (s *Server) layout(l *live) templates.Layout {
	return templates.Layout{Site: l.cfg.SiteName}
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
