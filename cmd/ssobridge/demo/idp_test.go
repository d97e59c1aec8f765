package demo

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

const testSecret = "kP2vXq8dJm4tYw7nRb3gHs6fLc9zQe5aTu1oViWxEyM"

func testIDP() *idp {
	return &idp{
		callback: "http://localhost:3000/auth/sso", secret: testSecret, log: slog.New(slog.DiscardHandler),
		now: func() time.Time { return time.Unix(1_800_000_000, 0) },
	}
}

func answerOf(h http.Handler, req *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w.Result()
}

// inputs reads the hidden fields of a page as a browser does.
func inputs(t *testing.T, page io.Reader) map[string]string {
	t.Helper()
	root, err := html.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode || n.Data != "input" && n.Data != "script" && n.Data != "img" {
			continue
		}
		if n.Data != "input" {
			t.Errorf("the page has a %s", n.Data)
		}
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		fields[attr["name"]] = attr["value"]
	}
	return fields
}

// What the bridge sent must come back as it was, through the page and the form.
func TestLoginKeepsTheRequest(t *testing.T) {
	i := testIDP()
	for _, tt := range []struct {
		name  string
		query url.Values
		back  url.Values     // besides jwt
		extra map[string]any // claims
	}{
		{"nothing", url.Values{}, url.Values{}, nil},
		{"return_to", url.Values{"return_to": {"/q?x=1&y=%2F%2F#f"}}, url.Values{"return_to": {"/q?x=1&y=%2F%2F#f"}}, nil},
		{"a hostile return_to", url.Values{"return_to": {`"><script>alert(1)</script><img src=x onerror=alert(1)>&amp;'`}},
			url.Values{"return_to": {`"><script>alert(1)</script><img src=x onerror=alert(1)>&amp;'`}}, nil},
		{"state and nonce", url.Values{"state": {"s&=#"}, "nonce": {"n"}, "x": {"other"}}, url.Values{"state": {"s&=#"}},
			map[string]any{"nonce": "n"}},
		{"a challenge", url.Values{"state": {"s"}, "nonce": {"n"}, "code_challenge": {"c"}, "code_challenge_method": {"S256"},
			"redirect_uri": {i.callback}, "response_type": {"code"}, "client_id": {"x"}},
			url.Values{"state": {"s"}}, map[string]any{"nonce": "n", "code_challenge": "c"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			page := answerOf(i.handler(), httptest.NewRequest(http.MethodGet, "/login?"+tt.query.Encode(), nil))
			if page.StatusCode != http.StatusOK {
				t.Fatalf("GET /login: got %s", page.Status)
			}
			form := url.Values{"person": {"grace"}}
			for name, value := range inputs(t, page.Body) {
				form.Set(name, value)
			}
			req := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(form.Encode()))
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			resp := answerOf(i.handler(), req)
			to, err := resp.Location()
			if err != nil || resp.StatusCode != http.StatusSeeOther {
				t.Fatalf("POST /login: got %s, %v; want 303", resp.Status, err)
			}
			back := to.Query()
			token := back.Get("jwt")
			back.Del("jwt")
			if diff := cmp.Diff(tt.back, back); diff != "" || !strings.HasPrefix(to.String(), i.callback+"?") {
				t.Errorf("sent back to %s (-want +got):\n%s", to, diff)
			}
			want := jwt.MapClaims{"email": "grace@example.com", "first_name": "Grace", "last_name": "Hopper",
				"groups": []any{"it-admins", "staff"}, "department": "Operations", "iat": 1.8e9, "exp": 1.8e9 + 60}
			for name, value := range tt.extra {
				want[name] = value
			}
			got := jwt.MapClaims{}
			if _, err := jwt.ParseWithClaims(token, got, func(*jwt.Token) (any, error) { return []byte(testSecret), nil },
				jwt.WithTimeFunc(i.now), jwt.WithValidMethods([]string{"HS256"})); err != nil {
				t.Fatal(err)
			}
			if id, _ := got["jti"].(string); len(id) < 20 {
				t.Errorf("jti: got %q, want a random one", id)
			}
			delete(got, "jti")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIDPRefuses(t *testing.T) {
	i := testIDP()
	for _, tt := range []struct{ name, method, target, form string }{
		{"another redirect_uri", http.MethodGet, "/login?redirect_uri=http://evil.example/", ""},
		{"a longer redirect_uri", http.MethodGet, "/login?redirect_uri=http://localhost:3000/auth/sso/x", ""},
		{"plain", http.MethodGet, "/login?code_challenge=c&code_challenge_method=plain", ""},
		{"a challenge without a method", http.MethodGet, "/login?code_challenge=c", ""}, // RFC 7636 §4.3: plain is the default
		{"an unknown person", http.MethodPost, "/login", "person=mallory"},
		{"no one", http.MethodPost, "/login", "return_to=/"},
		{"a form that is none", http.MethodPost, "/login", "%zz"},
		{"a form without end", http.MethodPost, "/login", "person=" + strings.Repeat("a", 1<<20)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := httptest.NewRequest(tt.method, tt.target, strings.NewReader(tt.form))
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if resp := answerOf(i.handler(), req); resp.StatusCode != http.StatusBadRequest || resp.Header.Get("Location") != "" {
				t.Errorf("got %s, Location %q; want 400 and none", resp.Status, resp.Header.Get("Location"))
			}
		})
	}
}

func TestApp(t *testing.T) {
	h := (&app{site: "http://localhost:3000", log: slog.New(slog.DiscardHandler)}).handler()

	direct := answerOf(h, httptest.NewRequest(http.MethodGet, "/reports/7", nil))
	if body, _ := io.ReadAll(direct.Body); direct.StatusCode != http.StatusForbidden || !strings.Contains(string(body), "http://localhost:3000") {
		t.Errorf("without identity headers: got %s %q, want 403 and the way in", direct.Status, body)
	}

	req := httptest.NewRequest(http.MethodGet, "/reports/7?tab=%22%3E%3Cscript%3E", nil)
	req.Header.Set("Remote-User", "zoe@example.com")
	req.Header.Set("Remote-Name", "Zo%C3%AB %3Cscript%3Ealert(1)%3C/script%3E")
	resp := answerOf(h, req)
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "Hello, Zoë &lt;script&gt;") {
		t.Errorf("got %s\n%s", resp.Status, body)
	}
	inputs(t, strings.NewReader(string(body))) // no script came of it
}
