package server_test

import (
	"crypto/rand"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What /metrics answers is Prometheus's text format, version 0.0.4, and counts what happened.
func TestMetrics(t *testing.T) {
	b := start(t)
	c := b.browser()
	c.signIn(nil)
	c.get("/auth/verify").want(t, 200, "")
	b.browser().get("/auth/verify").want(t, 401, "")
	c.get("/auth/sso?jwt=" + b.token(claims{"exp": 1, "iat": nil}))
	resp := b.browser().get("/metrics")
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || !strings.HasPrefix(got, "text/plain; version=0.0.4; charset=utf-8") {
		t.Errorf("got %d, %q", resp.StatusCode, got)
	}
	for _, want := range []string{
		"# HELP ssobridge_sign_ins_total Accepted sign-ins by provider (or password, passkey) and outcome: new, known, reactivated, resumed.", "# TYPE ssobridge_sign_ins_total counter",
		`ssobridge_sign_ins_total{outcome="new",provider="jwt"} 1`, `ssobridge_refusals_total{code="token_expired",status="401"} 1`,
		`ssobridge_refused_sign_ins_total{code="token_expired",provider="jwt"} 1`,
		`ssobridge_sign_in_duration_seconds_count{outcome="new"} 1`, `ssobridge_sign_in_duration_seconds_count{outcome="refused"} 1`,
		`ssobridge_verify_duration_seconds_count 2`,
		`ssobridge_verify_total{status="200"} 1`, `ssobridge_verify_total{status="401"} 1`, `ssobridge_verify_total{status="503"} 0`,
	} {
		if !strings.Contains(resp.body, want+"\n") {
			t.Errorf("no line %s in:\n%.1500s", want, resp.body)
		}
	}
	line := regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-zA-Z_]\w*="[^"\\]*"(,[a-zA-Z_]\w*="[^"\\]*")*\})? [-+0-9.eINa-nf]+|# (HELP|TYPE) \w+ .+)$`)
	seen := map[string]bool{}
	for l := range strings.Lines(resp.body) {
		l = strings.TrimSuffix(l, "\n")
		name, _, _ := strings.Cut(l, " ")
		if !line.MatchString(l) || !strings.HasPrefix(l, "#") && seen[name] {
			t.Errorf("not a line of the format, or twice: %q", l)
		}
		seen[name] = true
		if name == "process_resident_memory_bytes" || name == "process_start_time_seconds" || name == "go_memstats_sys_bytes" {
			if n, err := strconv.ParseFloat(l[len(name)+1:], 64); err != nil || n < 1<<20 {
				t.Errorf("%s is less than a million", l)
			}
		}
	}
	for _, want := range []string{"go_goroutines", "go_memstats_alloc_bytes", "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"} {
		if !seen[want] {
			t.Errorf("no %s", want)
		}
	}
}

// SECURITY K1: what clients send makes no new series, whatever they call providers, paths and codes.
func TestMetricsDoNotGrow(t *testing.T) {
	b := start(t)
	c := b.browser()
	names := regexp.MustCompile(`(?m)^[a-z_]+(\{[^}]*\})? `)
	series := func() []string { return names.FindAllString(b.browser().get("/metrics").body, -1) }
	junk := func() {
		name := rand.Text()
		for _, path := range []string{
			"/auth/sso?provider=" + name, "/auth/sso?provider=" + name + "&jwt=a.b.c", "/auth/sso?jwt=" + b.token(claims{"iss": name, "exp": 1, "iat": nil}),
			"/auth/oidc/" + name + "/callback?code=1&state=" + name, "/" + name, "/auth/verify?group=" + name, "/auth/verify?" + name + "=1",
			"/auth/sso?error=" + name,
		} {
			c.get(path)
		}
	}
	junk()
	before := series()
	for range 5 {
		junk()
	}
	if after := series(); len(after) != len(before) || len(before) < 50 {
		t.Errorf("%d series became %d:\n%v", len(before), len(after), after)
	}
}
