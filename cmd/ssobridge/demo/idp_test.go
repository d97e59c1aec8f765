package demo

import (
	"encoding/json"
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

// elements counts the elements of a page by their names.
func elements(t *testing.T, page io.Reader) map[string]int {
	t.Helper()
	root, err := html.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			count[n.Data]++
		}
	}
	return count
}

// What the bridge sent must come back as it was, through the page and the form, which posts to the page's own address.
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
			"redirect_uri": {i.callback}, "client_id": {"x"}},
			url.Values{"state": {"s"}}, map[string]any{"nonce": "n", "code_challenge": "c"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address := "/login?" + tt.query.Encode()
			page := answerOf(i.handler(), httptest.NewRequest(http.MethodGet, address, nil))
			if n := elements(t, page.Body); page.StatusCode != http.StatusOK || n["form"] != 1 || n["input"]+n["script"]+n["img"] > 0 {
				t.Fatalf("GET /login: got %s with %v", page.Status, n)
			}
			resp := answerOf(i.handler(), formTo(address, url.Values{"person": {"grace"}}))
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
		{"a code for another client", http.MethodGet, "/login?response_type=code&client_id=x&code_challenge=c&code_challenge_method=S256&redirect_uri=http://localhost:3000/auth/sso", ""},
		{"a code without a challenge", http.MethodGet, "/login?response_type=code&client_id=ssobridge-demo&redirect_uri=http://localhost:3000/auth/sso", ""}, // SECURITY C6
		{"a code without redirect_uri", http.MethodGet, "/login?response_type=code&client_id=ssobridge-demo&code_challenge=c&code_challenge_method=S256", ""},
		{"another response_type", http.MethodGet, "/login?response_type=token", ""},
		{"an address that was changed", http.MethodPost, "/login?redirect_uri=http://evil.example/", "person=ada"},
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
	if n := elements(t, strings.NewReader(string(body))); n["script"] > 0 {
		t.Errorf("the page has a script\n%s", body)
	}
}

// SECURITY C6, the identity provider's half: each row breaks one thing.
func TestRedeem(t *testing.T) {
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636 Appendix B
	for _, tt := range []struct {
		name   string
		change func(i *idp, form url.Values)
		want   string // the error; "" for a token
	}{
		{"as it must be", func(*idp, url.Values) {}, ""},
		{"a minute later", func(i *idp, _ url.Values) { i.now = later(60) }, ""},
		{"later than that", func(i *idp, _ url.Values) { i.now = later(61) }, "invalid_grant"},
		{"no code", func(_ *idp, f url.Values) { f.Del("code") }, "invalid_grant"},
		{"another client", func(_ *idp, f url.Values) { f.Set("client_id", "x") }, "invalid_grant"},
		{"another redirect_uri", func(_ *idp, f url.Values) { f.Set("redirect_uri", "http://localhost:3000/") }, "invalid_grant"},
		{"no verifier", func(_ *idp, f url.Values) { f.Del("code_verifier") }, "invalid_grant"},
		{"another verifier", func(_ *idp, f url.Values) { f.Set("code_verifier", strings.Repeat("a", 43)) }, "invalid_grant"},
		{"plain", func(_ *idp, f url.Values) { f.Set("code_verifier", challenge) }, "invalid_grant"},
		{"42 characters", func(_ *idp, f url.Values) { f.Set("code_verifier", verifier[:42]) }, "invalid_grant"},
		{"129 characters", func(_ *idp, f url.Values) { f.Set("code_verifier", strings.Repeat("a", 129)) }, "invalid_grant"},
		{"another grant", func(_ *idp, f url.Values) { f.Set("grant_type", "password") }, "unsupported_grant_type"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := testIDP()
			request := url.Values{"response_type": {"code"}, "client_id": {clientID}, "redirect_uri": {i.callback},
				"state": {"s"}, "nonce": {"n"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}}
			to, err := answerOf(i.handler(), formTo("/login?"+request.Encode(), url.Values{"person": {"ada"}})).Location()
			if err != nil {
				t.Fatal(err)
			}
			if to.Query().Has("jwt") || to.Query().Get("state") != "s" {
				t.Errorf("sent back to %s", to)
			}
			form := url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "client_id": {clientID},
				"redirect_uri": {i.callback}, "code_verifier": {verifier}}
			code := form.Get("code")
			tt.change(i, form)
			var got struct{ JWT, Error string }
			resp := answerOf(i.handler(), formTo("/token", form))
			if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
				t.Fatal(err)
			}
			if ok := resp.StatusCode == http.StatusOK && got.JWT != ""; ok != (tt.want == "") || got.Error != tt.want {
				t.Errorf("got %s %+v, want error %q", resp.Status, got, tt.want)
			}
			// Whatever came of it, the code is used up.
			if form.Get("code") == code && tt.want != "unsupported_grant_type" {
				form.Set("code_verifier", verifier)
				if again := answerOf(i.handler(), formTo("/token", form)); again.StatusCode != http.StatusBadRequest {
					t.Errorf("a second time: got %s", again.Status)
				}
			}
		})
	}
}

func later(seconds int64) func() time.Time {
	return func() time.Time { return time.Unix(1_800_000_000+seconds, 0) }
}

func formTo(path string, form url.Values) *http.Request {
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}
