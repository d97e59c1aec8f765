package server

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/web"
)

// handleHealth is /healthz: the process answers. It stays green while the database is down: a restart would not help.
func (s *Server) handleHealth(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"status": "ok", "version": s.options.Version})
}

// handleReady is /readyz: the database answers. That keys of a provider cannot be read anew makes nobody unready: sign-ins go
// on with the keys of before, and another replica would do no better. It is said beside it.
func (s *Server) handleReady(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), 3*time.Second)
	defer cancel()
	if err := s.options.Store.Ready(ctx); err != nil {
		s.web.Log.ErrorContext(ctx, "not ready", "error", err)
		c.Response().Header().Set("Retry-After", web.RetryAfter)
		return c.JSON(http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "database": "unavailable"})
	}
	keys := "ok"
	if len(s.web.Site().Bridge.Providers.KeyFaults()) > 0 {
		keys = "degraded"
	}
	return c.JSON(http.StatusOK, map[string]string{"status": "ok", "database": "ok", "keys": keys})
}
