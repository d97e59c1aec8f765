// Package monitoring_test holds the alerts and the dashboard of this folder against what /metrics answers.
package monitoring_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/ssobridge/ssobridge/server/ssobridge"
	"github.com/ssobridge/ssobridge/sso/keyset"
)

// values are the labels that a metric has, with the values that were seen.
type values map[string][]string

// A bridge is a running one with a provider, an app and an API client.
type bridge struct {
	url   string
	token string // for a sign-in
	get   func(path, cookie string) *http.Response
}

func start(t *testing.T) bridge {
	t.Helper()
	secret := rand.Text() + rand.Text()
	dead := httptest.NewServer(nil)
	dead.Close()
	key, err := keyset.GenerateSigningKey("ES256")
	if err != nil {
		t.Fatal(err)
	}
	published, err := keyset.PublicJWKS(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(keys, published, 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := ssobridge.Open(t.Context(), map[string]string{
		"SITE_URL": "http://localhost", "DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "m.db"),
		"SECRET_KEY": strings.Repeat("k", 40), "JWT_SHARED_SECRET": secret, "JWT_IDENTITY_PROVIDER_URI": "https://product.example.com/sso",
		"JWT_JWKS_FILE": keys, "UPSTREAM": dead.URL, "BACKUP_EVERY": "24h",
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	front := httptest.NewServer(b)
	t.Cleanup(front.Close)
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"email": "ada@example.com", "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix(),
	}).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(path, cookie string) *http.Response {
		req, err := http.NewRequest("GET", front.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Cookie", cookie)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	return bridge{front.URL, token, get}
}

// scraped are its metrics, after each of them had something to do.
func scraped(t *testing.T) map[string]values {
	t.Helper()
	b := start(t)
	in := b.get("/auth/sso?jwt="+url.QueryEscape(b.token), "")
	if in.StatusCode != http.StatusFound {
		body, _ := io.ReadAll(in.Body)
		t.Fatalf("the sign-in: got %d\n%s", in.StatusCode, body)
	}
	b.get("/auth/sso?jwt=x.y.z", "")
	b.get("/auth/verify", "")
	for _, c := range in.Cookies() {
		b.get("/the-app", c.Name+"="+c.Value)
	}
	return families(t, b.get("/metrics", "").Body)
}

func families(t *testing.T, text io.Reader) map[string]values {
	t.Helper()
	read := expfmt.NewTextParser(model.UTF8Validation)
	found, err := read.TextToMetricFamilies(text)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]values{}
	for name, family := range found {
		seen := values{}
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				seen[l.GetName()] = append(seen[l.GetName()], l.GetValue())
			}
		}
		all[name] = seen
		if family.GetType().String() == "HISTOGRAM" {
			for _, suffix := range []string{"_count", "_sum"} {
				all[name+suffix] = seen
			}
			buckets := values{"le": nil}
			for l, v := range seen {
				buckets[l] = v
			}
			all[name+"_bucket"] = buckets
		}
	}
	return all
}

// ofPrometheus are labels and metrics that Prometheus itself adds.
var ofPrometheus = []string{"job", "instance", "up", "__name__"}

// check holds a query against the metrics that exist: each name, each label, and each code and status that it asks for.
func check(t *testing.T, metrics map[string]values, where, query string) {
	t.Helper()
	query = strings.NewReplacer("$__rate_interval", "5m", "$__range", "1d", "$instance", ".*").Replace(query)
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		t.Errorf("%s: %v in %s", where, err, query)
		return
	}
	var seen []string // labels of the metrics that the query reads
	parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			seen = append(seen, checkSelector(t, metrics, where, s)...)
		}
		return nil
	})
	parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
		a, ok := node.(*parser.AggregateExpr)
		if !ok {
			return nil
		}
		for _, label := range a.Grouping {
			if !slices.Contains(seen, label) && !slices.Contains(ofPrometheus, label) {
				t.Errorf("%s: by %s, which no metric of the query has: %s", where, label, query)
			}
		}
		return nil
	})
}

func checkSelector(t *testing.T, metrics map[string]values, where string, s *parser.VectorSelector) (seen []string) {
	t.Helper()
	has, known := metrics[s.Name]
	if !known && !slices.Contains(ofPrometheus, s.Name) {
		t.Errorf("%s: /metrics has no %s", where, s.Name)
	}
	for label := range has {
		seen = append(seen, label)
	}
	for _, m := range s.LabelMatchers {
		if slices.Contains(ofPrometheus, m.Name) {
			continue
		}
		if _, ok := has[m.Name]; !ok {
			t.Errorf("%s: %s has no label %s", where, s.Name, m.Name)
		} else if m.Type == labels.MatchEqual && !slices.Contains(has[m.Name], m.Value) {
			t.Errorf("%s: %s is never of %s %q", where, s.Name, m.Name, m.Value)
		}
	}
	return seen
}

// Prometheus's own checker reads the rules, and each of them is about metrics that exist.
func TestAlerts(t *testing.T) {
	metrics := scraped(t)
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	// Prometheus does not see a counter grow that begins with 1.
	zero := families(t, start(t).get("/metrics", "").Body)
	rules := rulesOf(t)
	for _, rule := range rules {
		check(t, metrics, rule.Alert, rule.Expr)
		for _, s := range selectors(t, rule.Expr) {
			for _, m := range s.LabelMatchers {
				if m.Type == labels.MatchEqual && !slices.Contains(ofPrometheus, m.Name) && !slices.Contains(zero[s.Name][m.Name], m.Value) {
					t.Errorf("%s: before the first one /metrics has no %s of %s %q", rule.Alert, s.Name, m.Name, m.Value)
				}
			}
		}
		if !strings.Contains(string(readme), "\n### "+rule.Alert+"\n") {
			t.Errorf("README.md does not say what to do at %s", rule.Alert)
		}
		longest := rangeOf(t, rule.Expr)
		if rule.Labels["severity"] == "page" && rule.For > 0 && time.Duration(rule.For) <= longest {
			t.Errorf("%s looks back %v for %v: it would wake somebody for what is over", rule.Alert, longest, rule.For)
		}
		if severity := rule.Labels["severity"]; severity != "page" && severity != "ticket" {
			t.Errorf("%s: severity %q, want page or ticket", rule.Alert, severity)
		}
	}
	for _, query := range regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllSubmatch(readme, -1) {
		check(t, metrics, "README.md", string(query[1]))
	}
	if headings := regexp.MustCompile(`(?m)^### SSOBridge`).FindAll(readme, -1); len(rules) < 10 || len(headings) != len(rules) {
		t.Errorf("README.md has %d alerts, and alerts.yml %d", len(headings), len(rules))
	}
}

// rulesOf are the rules of alerts.yml, as Prometheus reads them.
func rulesOf(t *testing.T) (rules []rulefmt.Rule) {
	t.Helper()
	file, faults := rulefmt.ParseFile("alerts.yml", false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, err := range faults {
		t.Error(err)
	}
	for _, group := range file.Groups {
		rules = append(rules, group.Rules...)
	}
	return rules
}

// selectors are the metrics that a query reads.
func selectors(t *testing.T, query string) (all []*parser.VectorSelector) {
	t.Helper()
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		t.Fatal(err)
	}
	parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			all = append(all, s)
		}
		return nil
	})
	return all
}

// rangeOf is how far a query looks back at most.
func rangeOf(t *testing.T, query string) (longest time.Duration) {
	t.Helper()
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		t.Fatal(err)
	}
	parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
		if m, ok := node.(*parser.MatrixSelector); ok {
			longest = max(longest, m.Range)
		}
		return nil
	})
	return longest
}

// A dashboard is what this test reads of Grafana's format.
type dashboard struct {
	Title  string
	Panels []struct {
		Title, Type, Description string
		GridPos                  struct{ X, Y, W, H int }
		Targets                  []struct{ Expr string }
	}
}

func TestDashboard(t *testing.T) {
	metrics := scraped(t)
	data, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	taken := map[string]string{}
	for _, p := range d.Panels {
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				place := fmt.Sprint(x, ",", y)
				if other := taken[place]; other != "" || x >= 24 {
					t.Errorf("the panels %q and %q overlap, or reach over the edge", p.Title, other)
				}
				taken[place] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("the panel %q needs a title, a description and a query", p.Title)
		}
		for _, target := range p.Targets {
			check(t, metrics, p.Title, target.Expr)
		}
	}
	if len(d.Panels) < 10 {
		t.Errorf("only %d panels were read", len(d.Panels))
	}
}

// Each metric of the bridge stands in the README's table, and the table has no other.
func TestTable(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(ssobridge_\\w+)` \\|").FindAllSubmatch(readme, -1) {
		told = append(told, string(m[1]))
	}
	metrics := scraped(t)
	for name := range metrics {
		base := name
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			base = strings.TrimSuffix(base, suffix)
		}
		if strings.HasPrefix(name, "ssobridge_") && !slices.Contains(told, base) {
			t.Errorf("the table has no %s", name)
		}
	}
	for _, name := range append(told, documented(t)...) {
		if _, ok := metrics[name]; !ok {
			t.Errorf("/metrics has no %s", name)
		}
	}
}

// documented are the metrics that any document names.
func documented(t *testing.T) (names []string) {
	t.Helper()
	quoted := regexp.MustCompile("`(ssobridge_[a-z_]+)`")
	err := filepath.WalkDir("../../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".md" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range quoted.FindAllSubmatch(text, -1) {
			names = append(names, string(m[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
