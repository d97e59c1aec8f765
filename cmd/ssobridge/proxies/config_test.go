package proxies

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
)

// Each header that says what a client wanted, and under which name, is the proxy's or nobody's: apps build addresses and
// choose pages by them (SECURITY B8, H4).
func TestTheAppBelievesNoClient(t *testing.T) {
	everywhere(t, func(t *testing.T, p proxy) {
		s := start(t, p)
		cookie := "Cookie: " + p.cookieName() + "=" + s.signIn(nil)
		for _, name := range []string{
			"X-Forwarded-Uri", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Method", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Prefix",
			"X-Forwarded-Server", "X-Original-URL", "X-Original-URI", "X-Original-Host", "X-Original-Method", "X-Rewrite-URL", "X-Real-IP", "Forwarded",
			"X_Forwarded_Uri", "X_Forwarded_Host", "X.Forwarded.Host", "X_Forwarded_For", "X_Real_IP", "X.Real.IP", "X_Original_URL", "X_Rewrite_URL",
		} {
			before := s.app.got.Load()
			resp := s.send("GET", "/page", cookie, name+": /planted")
			if strings.Contains(resp.body, "/planted") {
				t.Errorf("%s reached the app: %s", name, resp.body)
			}
			if s.app.got.Load() == before {
				if resp.StatusCode != 403 {
					t.Errorf("%s: got %s", name, resp.Status)
				}
				continue
			}
			var got report
			if err := json.Unmarshal([]byte(resp.body), &got); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			scheme, host, _ := strings.Cut(s.site(), "://")
			for header, want := range map[string]string{"X-Forwarded-Host": host, "X-Forwarded-Proto": scheme, "X-Forwarded-For": "127.0.0.1"} {
				if v := got.Header[header]; len(v) != 1 || v[0] != want {
					t.Errorf("%s: the app got %s %q, want %q", name, header, v, want)
				}
			}
			if got.URI != "/page" || got.Host != host {
				t.Errorf("%s: the app got %s of %s", name, got.URI, got.Host)
			}
		}
	})
}

// SECURITY H6: what BEARER_HEADER names is taken away by the line that the files have for it. BEARER_PARAMETER signs nobody
// in behind a proxy that asks.
func TestBearerHeader(t *testing.T) {
	line := regexp.MustCompile(`(?m)^(\s*)# ((?:proxy_set_header |request_header -|)X-Api-Key.*)$`)
	for _, p := range at(t, plain) {
		p.settings = []string{"BEARER_HEADER=X-Api-Key", "BEARER_PARAMETER=access_token"}
		p.edit = func(text string) string { return line.ReplaceAllString(text, "$1$2") }
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, p)
			id := s.signIn(nil)
			for _, header := range []string{"X-Api-Key: " + id, "x-api-key: Bearer " + id} {
				resp := s.send("GET", "/page", header)
				if resp.StatusCode != 200 || strings.Contains(resp.body, id) || !strings.Contains(resp.body, "ann@example.com") {
					t.Errorf("%s: got %s %s", header, resp.Status, resp.body)
				}
			}
			for _, target := range []string{"/page?access_token=" + id, "/page?with=cookies&access_token=" + id} {
				if resp := s.send("GET", target); resp.StatusCode != 401 {
					t.Errorf("%s: got %s, want 401", target, resp.Status)
				}
			}
		})
	}
}

// SECURITY H1: the group that a file's comment adds is asked for, of the whole app or, in nginx, of a location.
func TestGroups(t *testing.T) {
	for _, p := range at(t, plain) {
		p.settings = []string{"JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"sales":["Sales"]}`, "ACCESS_RULES="}
		all := p
		all.edit = func(text string) string {
			return strings.NewReplacer("forward?with=cookies", "forward?with=cookies&group=Sales").Replace(text)
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, all)
			s.group("/page", 403)
		})
		if p.name != "nginx" {
			continue
		}
		p.edit = func(text string) string {
			return strings.Replace(text, "    # May this request pass", documented(t, "nginx-groups.conf")+"\n    # May this request pass", 1)
		}
		t.Run("nginx, a location", func(t *testing.T) {
			t.Parallel()
			s := start(t, p)
			s.group("/page", 200)
			s.group("/sales/report?x=1", 403)
			s.group("/x/../sales/report", 403)
			for _, target := range []string{"/Sales/report", "/sales;x/report"} { // as the documents say: rules look more closely
				s.group(target, 200)
			}
		})
	}
}

// With two replicas, of which one takes no connection, everything is answered by the other.
func TestReplicas(t *testing.T) {
	s := start(t, proxy{name: "nginx", command: nginx, place: plain, edit: func(text string) string {
		if !strings.Contains(text, "\nserver {") {
			return text
		}
		replicas := strings.Replace(documented(t, "nginx-replicas.conf"), "server 127.0.0.1:3001", "server 127.0.0.1:1", 1)
		return strings.ReplaceAll(text, "http://127.0.0.1:3000", "http://bridges") + replicas
	}})
	for range 10 {
		s.group("/page", 200)
	}
}

// group asks for a page as no one, as one of Sales, and as another, who gets a status of their own.
func (s *stack) group(target string, other int) {
	t := s.t
	t.Helper()
	for who, tt := range map[string]struct {
		groups []string
		want   int
	}{"sales": {[]string{"sales"}, 200}, "another": {[]string{}, other}} {
		resp := s.send("GET", target, "Cookie: ssobridge="+s.signIn(map[string]any{"groups": tt.groups}))
		if resp.StatusCode != tt.want || tt.want != 200 && strings.Contains(resp.body, "ann@example.com") {
			t.Errorf("%s: %s: got %s, want %d", target, who, resp.Status, tt.want)
		}
	}
	if resp := s.send("GET", target); resp.StatusCode != 401 {
		t.Errorf("%s: no one: got %s, want 401", target, resp.Status)
	}
	if resp := s.send("GET", target, "Accept: text/html"); resp.StatusCode != 302 || !strings.HasPrefix(resp.Header.Get("Location"), s.site()+"/auth/sso?redirect=") {
		t.Errorf("%s: a browser: got %s to %q", target, resp.Status, resp.Header.Get("Location"))
	}
}

// An upload of more than nginx's 1 MB passes, and a WebSocket lives on though it is silent for longer than its time-out
// (here two seconds in place of a minute).
func TestLargeAndLong(t *testing.T) {
	for _, p := range doors(t) {
		p.http = "proxy_read_timeout 2s; proxy_send_timeout 2s;"
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, p)
			cookie := p.cookieName() + "=" + s.signIn(nil)
			req, err := http.NewRequestWithContext(t.Context(), "POST", s.site()+"/upload", strings.NewReader(strings.Repeat("u", 2<<20)))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Cookie", cookie)
			resp, err := s.client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || !strings.Contains(string(body), `"Size":2097152`) {
				t.Errorf("2 MB: got %s %.300s", resp.Status, body)
			}
			s.webSocketAfter("Cookie: "+cookie, 2500*time.Millisecond)
		})
	}
}

// The app and the bridge have names of their own: a person is sent from one to the other and comes back, is known to the
// app, signs out at the bridge, and is known no more (SECURITY B1, D1, D4).
func TestTwoHosts(t *testing.T) {
	for _, p := range at(t, apart) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, p)
			c := s.client()
			get := func(target string, follow bool) (*http.Response, string) {
				t.Helper()
				c.CheckRedirect = func(*http.Request, []*http.Request) error {
					if follow {
						return nil
					}
					return http.ErrUseLastResponse
				}
				req, err := http.NewRequestWithContext(t.Context(), "GET", target, nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Accept", "text/html")
				return bridgetest.Do(t, c, req)
			}
			const page = "https://app.example.com/question/1?x=1&y=%2F%2F"
			resp, _ := get(page, false)
			if want := "https://auth.example.com/auth/sso?redirect=" + url.QueryEscape(page); resp.StatusCode != 302 || resp.Header.Get("Location") != want {
				t.Fatalf("got %s to %q, want 302 to %q", resp.Status, resp.Header.Get("Location"), want)
			}
			resp, body := get(page, true)
			if resp.Request.URL.String() != page || !strings.Contains(body, "ann@example.com | Ann Lee") {
				t.Fatalf("got to %s: %s %s", resp.Request.URL, resp.Status, body)
			}
			if _, body := get("https://auth.example.com/auth/logout", false); !strings.Contains(body, "<form") {
				t.Errorf("the page to sign out: got %s", body)
			}
			out, err := http.NewRequestWithContext(t.Context(), "POST", "https://auth.example.com/auth/logout", nil)
			if err != nil {
				t.Fatal(err)
			}
			out.Header.Set("Origin", "https://auth.example.com")
			out.Header.Set("Sec-Fetch-Site", "same-origin")
			if resp, err = c.Do(out); err != nil || resp.StatusCode >= 400 {
				t.Fatalf("sign-out: got %v, %v", resp, err)
			}
			resp.Body.Close()
			if resp, _ := get(page, false); resp.StatusCode != 302 {
				t.Errorf("signed out: got %s, want 302", resp.Status)
			}
			// The app has the paths of the bridge for itself, but for the two that its proxy asks.
			s.t = t
			if got := s.send("GET", "/auth/sso?jwt=x", "Cookie: "+p.cookieName()+"="+s.signIn(nil)); !strings.Contains(got.body, `"/auth/sso?jwt=x"`) {
				t.Errorf("/auth/sso of the app: got %s %s", got.Status, got.body)
			}
		})
	}
}
