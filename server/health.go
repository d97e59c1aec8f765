package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ssobridge/ssobridge/sso"
)

// handleHealth is /healthz: the process answers. It stays green while the database is down: a restart would not help.
func (s *Server) handleHealth(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"status": "ok", "version": s.Version})
}

// handleReady is /readyz: the database answers.
func (s *Server) handleReady(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), 3*time.Second)
	defer cancel()
	if err := s.Store.Ready(ctx); err != nil {
		s.Log.ErrorContext(ctx, "not ready", "error", err)
		c.Response().Header().Set("Retry-After", retryAfter)
		return c.JSON(http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "database": "unavailable"})
	}
	return c.JSON(http.StatusOK, map[string]string{"status": "ok", "database": "ok"})
}

// metrics counts, under labels from fixed sets only: never anything that a client sent (SECURITY K1).
type metrics struct {
	registry *prometheus.Registry
	signIns  *prometheus.CounterVec
	refusals *prometheus.CounterVec
	verify   map[int]prometheus.Counter // read only: the hot path looks nothing up by label
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ssobridge_sign_ins_total", Help: "Accepted sign-ins by outcome: new, known, reactivated, resumed."}, []string{"outcome"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ssobridge_refusals_total", Help: "Refused requests by code."}, []string{"code"}),
		verify: map[int]prometheus.Counter{},
	}
	verify := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ssobridge_verify_total", Help: "Answers of /auth/verify and /auth/forward by status."}, []string{"status"})
	for _, status := range []int{200, 302, 401, 403, 405, 503} {
		m.verify[status] = verify.WithLabelValues(strconv.Itoa(status))
	}
	m.registry.MustRegister(m.signIns, m.refusals, verify,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) verified(status int) {
	if c := m.verify[status]; c != nil {
		c.Inc()
	}
}

func (m *metrics) refused(code sso.Code) { m.refusals.WithLabelValues(string(code)).Inc() }

func (m *metrics) signedIn(login *sso.Login) {
	outcome := "resumed"
	if !login.Resumed {
		outcome = map[sso.Admission]string{
			sso.AdmitKnown: "known", sso.AdmitNew: "new", sso.AdmitReactivated: "reactivated",
		}[login.SignedIn.Admission]
	}
	m.signIns.WithLabelValues(outcome).Inc()
}
