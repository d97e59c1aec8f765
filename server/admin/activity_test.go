package admin_test

import (
	"bufio"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

func (b *bridge) record(events ...sso.Event) {
	b.t.Helper()
	for _, e := range events {
		if err := b.store.Record(b.t.Context(), e); err != nil {
			b.t.Fatal(err)
		}
	}
}

// What somebody who was refused reads out on the telephone is found, explained, and says what to do.
func TestAFailureIsFoundByItsReference(t *testing.T) {
	b := start(t)
	c := b.admin()
	resp := b.browser().get("/auth/sso?jwt=" + b.token(secret, claims{"exp": b.now().Add(-time.Hour).Unix()}))
	_, after, _ := strings.Cut(resp.body, "reference: <code>")
	reference, _, _ := strings.Cut(after, "<")
	if resp.StatusCode != 401 || len(reference) != 8 {
		t.Fatalf("got %d and reference %q", resp.StatusCode, reference)
	}
	for _, typed := range []string{reference, strings.ToLower(reference), reference[:4] + "-" + reference[4:], " " + reference[:4] + " " + reference[4:] + " "} {
		contains(t, c.get("/admin/activity?reference="+url.QueryEscape(typed)), 200, "The token has expired", "token_expired", "sign a new token at each redirect", reference)
	}
	contains(t, c.get("/admin/activity?reference=NOTHING1"), 200, "Nothing like this has happened", "eight letters and digits")
	var list struct{ Events []map[string]any }
	c.call("GET", "/api/v1/activity?reference="+strings.ToLower(reference), nil, &list)
	if len(list.Events) != 1 || list.Events[0]["code"] != "token_expired" || list.Events[0]["advice"] == "" || list.Events[0]["why"] != "The token has expired" {
		t.Errorf("API: got %v", list.Events)
	}
}

func TestActivityFilters(t *testing.T) {
	b := start(t)
	c := b.admin()
	ann := b.account("ann@example.com")
	day := func(n int) time.Time { return time.Date(2026, 3, n, 12, 0, 0, 0, time.UTC) }
	b.record(
		sso.Event{At: day(1), Kind: sso.EventSignInRefused, Code: sso.ProvisioningOff, Email: "Ann@example.com", Detail: "d1"},
		sso.Event{At: day(2), Kind: sso.EventSignIn, AccountID: ann, Email: "ann@example.com", Detail: "d2"},
		sso.Event{At: day(3), Kind: sso.EventSignInRefused, Code: sso.TokenExpired, AccountID: ann, Email: "old@example.com", Detail: "d3"},
		sso.Event{At: day(4), Kind: sso.EventSetting, Actor: "root@example.com", Detail: "d4"},
		sso.Event{At: day(5), Kind: sso.EventSignInRefused, Code: sso.TokenExpired, Detail: "d5"},
	)
	all := "&until=2026-04-01"
	for _, tt := range []struct {
		name, query string
		want        string // details, newest first
	}{
		{"everything", "", "d5 d4 d3 d2 d1"},
		{"a kind", "kind=sign_in_refused", "d5 d3 d1"},
		{"a code", "code=token_expired", "d5 d3"},
		{"kind and code", "kind=sign_in_refused&code=provisioning_off", "d1"},
		{"kind and code that never meet", "kind=sign_in&code=token_expired", ""},
		{"a person, by e-mail", "person=ann%40example.com", "d3 d2 d1"},
		{"a person, by id", fmt.Sprint("person=", ann), "d3 d2 d1"},
		{"an e-mail without an account", "person=OLD%40example.com", "d3"},
		{"person and kind", "person=ann%40example.com&kind=sign_in", "d2"},
		{"person and code", "person=ann%40example.com&code=token_expired", "d3"},
		{"from a day", "from=2026-03-03", "d5 d4 d3"},
		{"a day with its end", "from=2026-03-02&until=2026-03-03", "d3 d2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			query := tt.query
			if !strings.Contains(query, "until=") {
				query += all
			}
			got := detailsOf(t, c.get("/admin/activity.jsonl?"+query).body)
			if diff := cmp.Diff(strings.Fields(tt.want), strings.Fields(got)); diff != "" {
				t.Errorf("file (-want +got):\n%s", diff)
			}
			page := c.get("/admin/activity?" + query)
			contains(t, page, 200)
			for _, d := range []string{"d1", "d2", "d3", "d4", "d5"} {
				if shown := strings.Contains(page.body, "<bdi>"+d+"</bdi>"); shown != strings.Contains(tt.want, d) {
					t.Errorf("page: %s is shown: %v", d, shown)
				}
			}
		})
	}
	for _, tt := range []struct{ query, want string }{
		{"person=ann", "neither an e-mail"}, {"person=99999", "no account with this id"}, {"from=yesterday", "Write a day as in 2026-01-31"},
		{"until=2026-13-01", "Write a day as in 2026-01-31"}, {"kind=dance", "nothing of this kind"}, {"code=nothing", "nothing of this kind"},
		{"after=x", "is not the beginning of a page"}, {"after=9223372036854775808.1", "is not the beginning of a page"},
	} {
		contains(t, c.get("/admin/activity?"+tt.query), 400, tt.want)
	}
	contains(t, c.get("/admin/activity?from=yesterday&person=ann%40example.com&kind=sign_in"), 400, `[value="yesterday"]`, `[value="ann@example.com"]`, `option[value="sign_in"][selected]`)
	for query, want := range map[string]int{
		"person=ann": 400, "kind=dance": 400, "code=nothing": 400, "since=yesterday": 400, "limit=x": 400, "since=2026-03-03T00:00:00Z": 200,
	} {
		if resp := c.call("GET", "/api/v1/activity?"+query, nil, nil); resp.StatusCode != want {
			t.Errorf("API %s: got %d, want %d", query, resp.StatusCode, want)
		}
	}
}

// detailsOf reads the details of JSON lines.
func detailsOf(t *testing.T, lines string) string {
	t.Helper()
	var all []string
	for line := range strings.Lines(lines) {
		var e struct{ Detail string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		all = append(all, e.Detail)
	}
	return strings.Join(all, " ")
}

// More events than one page holds, whole and each once, in both forms.
func TestExport(t *testing.T) {
	b := start(t)
	c := b.admin()
	const n = 1203
	formulas := []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "a,b\"c", "fine"}
	for i := range n {
		if i < len(formulas) {
			b.record(sso.Event{Kind: sso.EventWarning, Email: formulas[i], Actor: formulas[i], Detail: formulas[i]})
		} else if i%100 == 0 {
			b.record(sso.Event{Kind: sso.EventWarning, Detail: fmt.Sprint("event ", i)})
		}
	}
	raw := make([]sso.Event, 0, n)
	for i := range n {
		raw = append(raw, sso.Event{Kind: sso.EventWarning, Detail: fmt.Sprint("event ", i), At: b.now().Add(-time.Duration(i) * time.Second)})
	}
	b.recordAtOnce(raw)
	resp := c.get("/admin/activity.jsonl?kind=warning")
	contains(t, resp, 200)
	if got := resp.Header.Get("Content-Disposition"); got != `attachment; filename="activity.jsonl"` {
		t.Errorf("Content-Disposition: got %q", got)
	}
	seen := map[float64]bool{}
	lines := bufio.NewScanner(strings.NewReader(resp.body))
	for lines.Scan() {
		var e map[string]any
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		seen[e["id"].(float64)] = true
	}
	want := n + len(formulas) + n/100
	if len(seen) != want {
		t.Errorf("JSON lines: got %d events, want %d", len(seen), want)
	}

	resp = c.get("/admin/activity.csv?kind=warning")
	rows, err := csv.NewReader(strings.NewReader(resp.body)).ReadAll()
	if err != nil || len(rows) != want+1 {
		t.Fatalf("CSV: got %d rows, %v, want %d", len(rows), err, want+1)
	}
	if got := resp.Header.Get("Content-Type"); got != "text/csv; charset=utf-8" || rows[0][1] != "at" {
		t.Errorf("CSV: got %q and head %v", got, rows[0])
	}
	for _, row := range rows[1:] {
		for i, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") || strings.HasPrefix(cell, "＝") {
				t.Errorf("column %s: got %q, which a spreadsheet would run", rows[0][i], cell)
			}
		}
	}
	if !strings.Contains(resp.body, "'=1+1") || !strings.Contains(resp.body, `"a,b""c"`) {
		t.Error("CSV: got texts changed")
	}
	for format, kind := range map[string]string{"": "application/jsonl", "jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"} {
		resp := c.call("GET", "/api/v1/activity/export?kind=warning&format="+format, nil, nil)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != kind || strings.Count(resp.body, "\n") < want {
			t.Errorf("API %q: got %d, %s", format, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
	}
	for _, path := range []string{"/api/v1/activity/export?format=xml", "/api/v1/activity/export?person=x", "/admin/activity.csv?from=x", "/admin/activity.csv?person=x"} {
		if resp := c.get(path); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: got %d, want 400", path, resp.StatusCode)
		}
	}
}

// recordAtOnce records many events, which the store writes together.
func (b *bridge) recordAtOnce(events []sso.Event) {
	b.t.Helper()
	for len(events) > 0 {
		some := events[:min(200, len(events))]
		events = events[len(some):]
		errs := make(chan error, len(some))
		for _, e := range some {
			go func() { errs <- b.store.Record(b.t.Context(), e) }()
		}
		for range some {
			if err := <-errs; err != nil {
				b.t.Fatal(err)
			}
		}
	}
}

func TestChartOfDays(t *testing.T) {
	b := start(t)
	c := b.admin()
	today := b.now().UTC().Truncate(24 * time.Hour)
	for range 3 {
		b.record(sso.Event{At: today.AddDate(0, 0, -1).Add(time.Hour), Kind: sso.EventSignInRefused, Code: sso.TokenExpired})
	}
	b.record(sso.Event{At: today.AddDate(0, 0, -29).Add(time.Hour), Kind: sso.EventSignIn}, sso.Event{At: today.AddDate(0, 0, -30).Add(time.Hour), Kind: sso.EventSignIn})
	page := c.get("/admin/activity")
	contains(t, page, 200, "Refusals: 3 in 30 days, at most 3 on a day", "<svg", "As a table")
	if strings.Contains(c.get("/admin/activity?kind=sign_in").body, "<svg viewBox=\"0 0 300") {
		t.Error("a filtered list has the chart of everything")
	}
	var list struct {
		Days []struct {
			Day      string
			SignIns  int `json:"sign_ins"`
			Refusals int
		}
	}
	c.call("GET", "/api/v1/activity/days", nil, &list)
	if len(list.Days) != 30 || list.Days[28].Refusals != 3 || list.Days[0].SignIns != 1 || list.Days[29].Day != today.Format(time.DateOnly) || list.Days[29].SignIns != 1 {
		t.Errorf("days: got %+v", list.Days)
	}
	for days, want := range map[string]int{"1": 200, "366": 200, "367": 400, "-1": 400, "x": 400} {
		if resp := c.call("GET", "/api/v1/activity/days?days="+days, nil, nil); resp.StatusCode != want {
			t.Errorf("days=%s: got %d, want %d", days, resp.StatusCode, want)
		}
	}
}

// An export that the database breaks off does not look whole.
func TestHalfAnExportIsNoFile(t *testing.T) {
	b := start(t)
	c := b.admin()
	raw, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(b.db, "sqlite:")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.ExecContext(t.Context(), `INSERT INTO events (at, kind, code, reference, provider, account_id, email, email_key, actor, peer, detail, key_id, proof)
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
		SELECT i, 'warning', '', '', '', 0, '', '', '', '', printf('%01000d', i), '', '' FROM n`); err != nil {
		t.Fatal(err)
	}
	resp, err := c.Get(b.url + "/admin/activity.jsonl") // 20 MB: more than the connection takes by itself
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 1000)); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("the beginning: got %d, %v", resp.StatusCode, err)
	}
	if _, err := raw.ExecContext(t.Context(), "ALTER TABLE events RENAME TO events_gone"); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("got a whole answer of %d bytes, want the connection to break", n)
	}
	if !strings.Contains(b.log.String(), "failed after the answer had begun") {
		t.Error("the log does not say so")
	}
	if _, err := raw.ExecContext(t.Context(), "ALTER TABLE events_gone RENAME TO events"); err != nil {
		t.Fatal(err)
	}
}

// What somebody did is found by who did it, of the days that are asked for; what happened again and again is one line; and of a
// mapping that changed, the difference is told.
func TestActivityOfSomebody(t *testing.T) {
	b := start(t, "JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS=`)
	c := b.admin()
	c.mustSave(`JWT_GROUP_MAPPINGS={"keep":["Sales"],"extHR":["HR"]}`)
	c.mustSave(`JWT_GROUP_MAPPINGS={"keep":["Sales"],"extHR":["HR","Staff"]}`)
	b.record(sso.Event{At: b.now().AddDate(0, 0, -20), Kind: sso.EventGroup, Actor: "root@example.com", Detail: "long-ago"},
		sso.Event{At: b.now(), Kind: sso.EventGroup, Actor: "cli", Detail: "by-the-shell"})
	for i := range 5 {
		b.record(sso.Event{At: b.now(), Kind: sso.EventSignInRefused, Code: sso.TokenExpired, Email: "zoe@example.com", Reference: fmt.Sprintf("AAAABBB%d", i+2), Detail: fmt.Sprint("late by ", i)})
	}
	page := c.get("/admin/activity?actor=ROOT@example.com").body
	for _, want := range []string{"long-ago", `JWT_GROUP_MAPPINGS: &#34;extHR&#34;: [&#34;HR&#34;] → [&#34;HR&#34;,&#34;Staff&#34;]<`} {
		if !strings.Contains(page, want) {
			t.Errorf("got no %q", want)
		}
	}
	if strings.Contains(page, "by-the-shell") || strings.Contains(page, "late by") {
		t.Error("got what somebody else did")
	}
	contains(t, c.get("/admin/activity?actor=cli"), 200, "by-the-shell")
	week := ""
	for i, label := range dom.Text(page, ".presets a") {
		if label == "7 days" {
			week = dom.Attr(page, ".presets a", "href")[i]
		}
	}
	if body := c.get(week).body; strings.Contains(body, "long-ago") || !strings.Contains(body, "JWT_GROUP_MAPPINGS") || !dom.Has(body, `.presets [aria-current]`) {
		t.Errorf("7 days, %s: got what is older, or not what is newer", week)
	}
	all := c.get("/admin/activity?person=zoe@example.com").body
	if rows := dom.Text(all, ".events > li"); len(rows) != 1 || !strings.Contains(rows[0], "5 times since") || !strings.Contains(rows[0], "AAAABBB2") {
		t.Errorf("got the rows %q, want one", rows)
	}
	var list struct{ Events []struct{ Detail string } }
	c.call("GET", "/api/v1/activity?actor=cli", nil, &list)
	if len(list.Events) != 1 {
		t.Errorf("API: got %+v", list)
	}
	if got := strings.Count(c.get("/admin/activity.csv?actor=cli").body, "\r\n"); got != 2 {
		t.Errorf("CSV: got %d lines, want the head and one", got)
	}
}
