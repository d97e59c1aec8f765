package monitoring_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// promtool is the checker that comes with Prometheus.
func promtool(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("SSOBRIDGE_TEST_PROMTOOL"); path != "" {
		return path
	}
	return ssotest.Need(t, "promtool", "build it as .ci/run does, and set SSOBRIDGE_TEST_PROMTOOL to its path")
}

func runPromtool(t *testing.T, in io.Reader, args ...string) {
	t.Helper()
	cmd := exec.Command(promtool(t), args...)
	cmd.Stdin = in
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// What a bridge answers is as Prometheus wants it, and so are the rules.
func TestPromtoolChecks(t *testing.T) {
	promtool(t)
	text, err := io.ReadAll(start(t).get("/metrics", "").Body)
	if err != nil {
		t.Fatal(err)
	}
	runPromtool(t, bytes.NewReader(text), "check", "metrics")
	runPromtool(t, nil, "check", "rules", "--lint=all", "--lint-fatal", "alerts.yml")
}

// Prometheus evaluates the rules on good days and on bad ones.
func TestAlertsFireWhenTheyShould(t *testing.T) {
	promtool(t)
	rules, err := filepath.Abs("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(start(t).get("/metrics", "").Body)
	if err != nil {
		t.Fatal(err)
	}
	var read []*parser.VectorSelector
	for _, rule := range rulesOf(t) {
		read = append(read, selectors(t, rule.Expr)...)
	}
	calm := atRest(t, string(text), read)
	var tests []map[string]any
	for _, d := range days() {
		expected := []map[string]any{}
		for _, alert := range d.fires {
			name, labels, _ := strings.Cut(alert, "{")
			expected = append(expected, map[string]any{"labels": strings.Replace("{alertname=\""+name+"\","+labels, ",}", "}", 1), "value": 1})
		}
		// ALERTS is what Prometheus writes of its own alerts, minute by minute.
		fired := `group by (alertname, instance, provider) (last_over_time(ALERTS{alertstate="firing"}[3h]))`
		tests = append(tests, map[string]any{
			"name": d.name, "interval": "1m", "input_series": d.input(t, calm),
			"promql_expr_test": []map[string]any{{"expr": fired + " # " + d.name, "eval_time": "80m", "exp_samples": expected}},
		})
	}
	file := filepath.Join(t.TempDir(), "days.yml")
	out, err := yaml.Marshal(map[string]any{"rule_files": []string{rules}, "evaluation_interval": "1m", "tests": tests})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, out, 0o600); err != nil {
		t.Fatal(err)
	}
	runPromtool(t, nil, "test", "rules", file)
}

// Each alert has a day on which it fires, and one that is close to that. Both are held by [TestAlertsFireWhenTheyShould].
func TestEachAlertHasItsDays(t *testing.T) {
	fires, nearly := map[string]string{}, map[string]bool{}
	for _, d := range days() {
		for _, alert := range d.fires {
			name, labels, _ := strings.Cut(alert, "{")
			fires[name] = labels
			if name == d.nearly {
				t.Errorf("%s: %s fires", d.name, name)
			}
		}
		nearly[d.nearly] = true
	}
	used := regexp.MustCompile(`\$labels\.(\w+)`)
	for _, rule := range rulesOf(t) {
		labels, ok := fires[rule.Alert]
		if !ok || !nearly[rule.Alert] {
			t.Errorf("%s: fires on a day %v, nearly fires on one %v", rule.Alert, ok, nearly[rule.Alert])
		}
		for _, named := range used.FindAllStringSubmatch(rule.Annotations["summary"], -1) {
			if !strings.Contains(labels, named[1]+"=") {
				t.Errorf("%s: its summary names %s, which it does not have: %s", rule.Alert, named[1], labels)
			}
		}
		delete(fires, rule.Alert)
		delete(nearly, rule.Alert)
	}
	delete(nearly, "")
	for name := range maps.Keys(fires) {
		t.Errorf("a day has the alert %s, which does not exist", name)
	}
	for name := range nearly {
		t.Errorf("a day nearly has the alert %s, which does not exist", name)
	}
}

// sample is a line of what /metrics answers, without a time.
var sample = regexp.MustCompile(`(?m)^(\w+)(\{.*\})? (\S+)$`)

// atRest are the series of a bridge that has had nothing to do, as if it had just swept, by their names and labels.
func atRest(t *testing.T, text string, read []*parser.VectorSelector) map[string]string {
	t.Helper()
	series := map[string]string{key("up"): "1x120"}
	for _, line := range sample.FindAllStringSubmatch(text, -1) {
		name, labels, value := line[1], line[2], line[3]
		switch {
		case !slices.ContainsFunc(read, func(s *parser.VectorSelector) bool { return selects(s, name, labels) }):
			continue
		case name == "process_start_time_seconds":
			value = "-86400" // time begins at 0
		case name == "ssobridge_change_feed_age_seconds":
			value = "0.1" // the machine of the test may be busy for seconds
		case name == "ssobridge_sweep_success_timestamp_seconds":
			series[key(name)] = "1+60x120"
			continue
		case strings.Contains(value, "e"): // promtool takes no exponents
			value = "1"
		}
		series[key(name+labels)] = value + "x120"
	}
	if len(series) < 20 {
		t.Fatalf("only %d series were read", len(series))
	}
	return series
}

// selects reports whether a rule reads a series.
func selects(s *parser.VectorSelector, name, labels string) bool {
	has := map[string]string{"__name__": name, "job": "ssobridge"}
	for _, l := range label.FindAllStringSubmatch(labels, -1) {
		has[l[1]] = l[2]
	}
	for _, m := range s.LabelMatchers {
		if !m.Matches(has[m.Name]) {
			return false
		}
	}
	return true
}

var label = regexp.MustCompile(`(\w+)="([^"]*)"`)

// key is the name of a series with its labels in order.
func key(series string) string {
	name, labels, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
	all := label.FindAllString(labels, -1)
	slices.Sort(all)
	return name + "{" + strings.Join(all, ",") + "}"
}

// input are all series of a day, as promtool reads them.
func (d day) input(t *testing.T, calm map[string]string) (all []map[string]string) {
	t.Helper()
	values := map[string]string{}
	put := func(instance, series, v string) {
		values[key(strings.TrimSuffix(key(series), "}")+fmt.Sprintf(`,instance="%s",job="ssobridge"}`, instance))] = v
	}
	for series, v := range calm {
		put("one", series, v)
		if !d.alone {
			put("two", series, v)
		}
	}
	for series, v := range d.series {
		series, instance, _ := strings.Cut(series, "@")
		if instance == "" {
			instance = "one"
		}
		put(instance, series, v)
	}
	for _, series := range slices.Sorted(maps.Keys(values)) {
		all = append(all, map[string]string{"series": series, "values": values[series]})
	}
	return all
}
