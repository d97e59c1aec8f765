// Package metrics counts and times what the bridge does, for Prometheus.
//
// Labels have values of fixed sets only: never anything that a client sent (SECURITY K1).
package metrics

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/renewal"
)

// Metrics are those of one server. Make them with [New].
type Metrics struct {
	signIns        *prometheus.CounterVec
	refusals       *prometheus.CounterVec
	refusedSignIns *prometheus.CounterVec
	signInTime     *prometheus.HistogramVec
	stepTime       *prometheus.HistogramVec
	storeTime      *prometheus.HistogramVec

	// By status and read only, so that the hot path looks nothing up by label.
	verify     map[int]prometheus.Counter
	verifyTime prometheus.Histogram
	tokens     map[string]prometheus.Counter // by outcome, as verify
	logouts    *prometheus.CounterVec
	refreshes  *prometheus.CounterVec
	upstream   prometheus.Counter

	registry *prometheus.Registry
	handler  http.Handler
}

// Buckets, in seconds: a check of a session takes some 20 µs, a sign-in some milliseconds, a wait for a database up to ten
// seconds.
var (
	checkBuckets = []float64{10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 1e-3, 5e-3, 25e-3, 100e-3, 1}
	workBuckets  = []float64{0.5e-3, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 1, 2.5, 10}
)

// verifyStatuses are those that a proxy's question can get.
var verifyStatuses = [...]int{200, 302, 401, 403, 405, 503}

// tokenOutcomes are what can come of a token that an API client presents.
var tokenOutcomes = [...]string{"accepted", "remembered", "refused", "conflict", "unavailable"}

// steps are the parts of a sign-in that take time: the token endpoint, the token, those who are asked for groups, the transaction.
var steps = [...]string{StepRedeem, StepVerify, StepGroups, StepKeep}

// The steps of [Metrics.StepTook].
const (
	StepRedeem = "redeem"
	StepVerify = "verify"
	StepGroups = "groups"
	StepKeep   = "keep"
)

// New makes metrics of their own registry: two servers in one process do not meet.
func New(version string) *Metrics {
	registry := prometheus.NewRegistry()
	m := &Metrics{
		registry: registry,
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ssobridge_sign_ins_total", Help: "Accepted sign-ins by provider (or password, passkey) and outcome: new, known, reactivated, resumed.",
		}, []string{"provider", "outcome"}),
		refusedSignIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ssobridge_refused_sign_ins_total", Help: "Refused sign-ins by provider (empty: none was found) and code.",
		}, []string{"provider", "code"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ssobridge_refusals_total", Help: "Refused requests by code and status.",
		}, []string{"code", "status"}),
		signInTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ssobridge_sign_in_duration_seconds", Help: "How long sign-ins took, by outcome: those of ssobridge_sign_ins_total, and refused.",
			Buckets: workBuckets,
		}, []string{"outcome"}),
		stepTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ssobridge_sign_in_step_duration_seconds", Help: "How long the steps of sign-ins took, by provider and step: " + strings.Join(steps[:], ", ") + ".",
			Buckets: workBuckets,
		}, []string{"provider", "step"}),
		storeTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ssobridge_store_operation_duration_seconds", Help: "How long the database took, by kind (query, or transaction with its wait and its retries) and result (ok, refused, unavailable).",
			Buckets: workBuckets,
		}, []string{"kind", "result"}),
		verifyTime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ssobridge_verify_duration_seconds", Help: "How long answers of /auth/verify and /auth/forward took.",
			Buckets: checkBuckets,
		}),
		upstream: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ssobridge_upstream_errors_total", Help: "Requests that the app behind UPSTREAM did not answer.",
		}),
		verify: map[int]prometheus.Counter{},
		tokens: map[string]prometheus.Counter{},
	}
	tokens := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ssobridge_token_checks_total", Help: "Tokens that API clients presented, by outcome: " + strings.Join(tokenOutcomes[:], ", ") + ".",
	}, []string{"outcome"})
	logouts := []string{"ended", "no_session", "refused", "unavailable"}
	m.logouts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ssobridge_logout_tokens_total", Help: "Logout tokens of identity providers, by outcome: " + strings.Join(logouts, ", ") + ".",
	}, []string{"outcome"})
	for _, outcome := range logouts {
		m.logouts.WithLabelValues(outcome)
	}
	var outcomes []string
	for _, o := range renewal.Outcomes() {
		outcomes = append(outcomes, string(o))
	}
	m.refreshes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ssobridge_refreshes_total", Help: "Sessions about which their provider was asked again, by provider and outcome: " + strings.Join(outcomes, ", ") + ".",
	}, []string{"provider", "outcome"})
	for _, outcome := range outcomes {
		m.refreshes.WithLabelValues("", outcome) // so that it is there before the first one
	}
	for _, outcome := range tokenOutcomes {
		m.tokens[outcome] = tokens.WithLabelValues(outcome)
	}
	verifies := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ssobridge_verify_total", Help: "Answers of /auth/verify and /auth/forward by status.",
	}, []string{"status"})
	for _, status := range verifyStatuses {
		m.verify[status] = verifies.WithLabelValues(strconv.Itoa(status))
	}
	m.beginAtZero()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "ssobridge_build_info", Help: "1, with the version of the program.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	registry.MustRegister(m.signIns, m.refusedSignIns, m.refusals, m.signInTime, m.stepTime, m.storeTime, m.verifyTime, verifies, tokens, m.logouts, m.refreshes,
		m.upstream, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return m
}

// beginAtZero has counters there before the first time: Prometheus does not see a counter grow that begins with 1.
func (m *Metrics) beginAtZero() {
	for _, code := range sso.Codes() {
		m.refusals.WithLabelValues(string(code), strconv.Itoa(code.Status()))
	}
	for _, kind := range []string{"query", "transaction"} {
		for _, result := range []string{"ok", "refused", "unavailable"} {
			m.storeTime.WithLabelValues(kind, result)
		}
	}
}

// ServeHTTP answers with all of them, in Prometheus's text format.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.handler.ServeHTTP(w, r) }

// Verified counts an answer to a proxy's question.
func (m *Metrics) Verified(status int) {
	if c := m.verify[status]; c != nil {
		c.Inc()
	}
}

// TokenChecked counts a token that an API client presented.
func (m *Metrics) TokenChecked(outcome string) {
	if c := m.tokens[outcome]; c != nil {
		c.Inc()
	}
}

// LoggedOut counts a logout token, which ended so many sessions or was refused.
func (m *Metrics) LoggedOut(sessions int, err error) {
	outcome := "ended"
	switch {
	case err != nil && sso.CodeOf(err).Status() >= http.StatusInternalServerError:
		outcome = "unavailable"
	case err != nil:
		outcome = "refused"
	case sessions == 0:
		outcome = "no_session"
	}
	m.logouts.WithLabelValues(outcome).Inc()
}

// RefreshedSession counts a session about which its provider was asked again.
func (m *Metrics) RefreshedSession(provider string, outcome renewal.Outcome) {
	m.refreshes.WithLabelValues(provider, string(outcome)).Inc()
}

// VerifyTook times one.
func (m *Metrics) VerifyTook(took time.Duration) { m.verifyTime.Observe(took.Seconds()) }

// Refused counts a refusal.
func (m *Metrics) Refused(code sso.Code) {
	m.refusals.WithLabelValues(string(code), strconv.Itoa(code.Status())).Inc()
}

// UpstreamFailed counts a request that the app behind the bridge did not answer.
func (m *Metrics) UpstreamFailed() { m.upstream.Inc() }

// SignedIn counts a sign-in that was accepted.
func (m *Metrics) SignedIn(login *sso.Login, took time.Duration) {
	outcome := outcomeOf(login)
	m.signIns.WithLabelValues(login.Session.Provider, outcome).Inc()
	m.signInTime.WithLabelValues(outcome).Observe(took.Seconds())
}

// SignInRefused counts one that was not. provider is the name of one that is configured; "" when none was found.
func (m *Metrics) SignInRefused(provider string, code sso.Code, took time.Duration) {
	m.refusedSignIns.WithLabelValues(provider, string(code)).Inc()
	m.signInTime.WithLabelValues("refused").Observe(took.Seconds())
}

// SignedInHere counts a sign-in without an identity provider: by is "password", "passkey" or "setup".
func (m *Metrics) SignedInHere(by string) { m.signIns.WithLabelValues(by, "known").Inc() }

// StepTook times one step of a sign-in. A step that is not asked of anyone is not counted.
func (m *Metrics) StepTook(provider, step string, took time.Duration) {
	m.stepTime.WithLabelValues(provider, step).Observe(took.Seconds())
}

func outcomeOf(login *sso.Login) string {
	if login.Resumed {
		return "resumed"
	}
	switch login.SignedIn.Admitted {
	case sso.AdmittedNew:
		return "new"
	case sso.AdmittedReactivated:
		return "reactivated"
	}
	return "known"
}

// Stored times what the database did: kind is "query" or "transaction". An error with a code other than
// [sso.StoreUnavailable] is a refusal that the transaction came to.
func (m *Metrics) Stored(kind string, took time.Duration, err error) {
	result := "ok"
	switch {
	case err == nil:
	case sso.CodeOf(err) == sso.StoreUnavailable || sso.CodeOf(err) == sso.Internal:
		result = "unavailable"
	default:
		result = "refused"
	}
	m.storeTime.WithLabelValues(kind, result).Observe(took.Seconds())
}
