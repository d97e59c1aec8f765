package server

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/singleflight"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
)

// handleHealth is /healthz: the process answers. It stays green while the database is down: a restart would not help.
func (s *Server) handleHealth(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"status": "ok", "version": s.options.Version})
}

// handleReady is /readyz: a sign-in can be kept, and the process does not end soon. That keys of a provider cannot be read anew makes nobody unready: sign-ins go
// on with the keys of before, and another replica would do no better. It is said beside it.
func (s *Server) handleReady(c echo.Context) error {
	ctx := c.Request().Context()
	if s.web.Drain.Begun() {
		c.Response().Header().Set("Connection", "close") // the end may have begun since this request did; see package drain
		c.Response().Header().Set("Retry-After", web.RetryAfter)
		return c.JSON(http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "cause": "ending"})
	}
	if err := s.ready.ask(ctx); err != nil {
		cause := cmp.Or(sso.CauseOf(err), "unavailable")
		s.web.Log.ErrorContext(ctx, "not ready", "cause", cause, "error", err)
		c.Response().Header().Set("Retry-After", web.RetryAfter)
		return c.JSON(http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "database": "unavailable", "cause": cause})
	}
	keys := "ok"
	if len(s.web.Site().Bridge.Providers.KeyFaults()) > 0 {
		keys = "degraded"
	}
	return c.JSON(http.StatusOK, map[string]string{"status": "ok", "database": "ok", "keys": keys})
}

// A readiness asks the store whether a sign-in can be kept. However many ask, one question runs at a time, and nobody waits for a
// second: who asks for readiness gives up soon, and would learn nothing.
type readiness struct {
	store   interface{ Ready(context.Context) error }
	running singleflight.Group
}

const (
	readyQuestion = 800 * time.Millisecond // the store has this long
	readyAnswer   = 900 * time.Millisecond // and then it is not ready
)

func (r *readiness) ask(ctx context.Context) error {
	asked := r.running.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyQuestion)
		defer cancel()
		return nil, r.store.Ready(ctx)
	})
	select {
	case result := <-asked:
		return result.Err
	case <-time.After(readyAnswer):
		return noAnswer{}
	}
}

// noAnswer is the error of a database that is still busy with the question when nobody waits any more.
type noAnswer struct{}

func (noAnswer) Error() string { return "the database has not answered within a second" }
func (noAnswer) Cause() string { return "no_answer" }
