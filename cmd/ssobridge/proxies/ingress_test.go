package proxies

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/sso/ssotest"
)

// ingressNginx is nginx with what ingress-nginx makes of the documented annotations.
func ingressNginx(t *testing.T, settings ...string) proxy {
	t.Helper()
	ssotest.InCI(t, "ingress-nginx")
	const escaper = "/usr/lib/nginx/modules/ngx_http_set_misc_module.so"
	if _, err := os.Stat(escaper); err != nil {
		ssotest.Missing(t, "nginx-set-misc", "apt-get install libnginx-mod-http-set-misc")
	}
	return proxy{
		name: "ingress-nginx", command: nginx, place: secure, files: map[string]string{"nginx.conf": documented(t, "ingress-nginx.conf")},
		main:     "load_module " + filepath.Dir(escaper) + "/ndk_http_module.so; load_module " + escaper + ";\n",
		settings: append([]string{"FORWARD_AUTH=false", "ACCESS_RULES="}, settings...),
		edit: func(text string) string { // the Service has an address here, and the site a port
			return strings.NewReplacer("ssobridge.default.svc.cluster.local:3000", "127.0.0.1:3000", "https://$host/", "https://$http_host/").Replace(text)
		},
	}
}

// The file that the test runs with is what the controller makes of the annotations that the documents show.
func TestIngressAnnotations(t *testing.T) {
	conf, err := os.ReadFile("testdata/ingress-nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^nginx\.ingress\.kubernetes\.io/([a-z-]+): (.*)$`).FindAllStringSubmatch(string(readme), -1) {
		found[m[1]] = m[2]
	}
	want := map[string]string{
		"auth-url":                   "set $target " + found["auth-url"] + ";",
		"auth-signin":                "return 302 " + found["auth-signin"] + "?",
		"auth-signin-redirect-param": "?" + found["auth-signin-redirect-param"] + "=$pass_access_scheme://$http_host$escaped_request_uri;",
		"auth-response-headers":      "",
		"proxy-buffer-size":          "proxy_buffer_size " + found["proxy-buffer-size"] + ";",
		"proxy-busy-buffers-size":    "proxy_busy_buffers_size " + found["proxy-busy-buffers-size"] + ";",
	}
	for name, value := range found {
		line, known := want[name]
		if !known || !strings.Contains(string(conf), line) {
			t.Errorf("%s: %s: want %q in the file", name, value, line)
		}
	}
	for name := range want {
		if found[name] == "" {
			t.Errorf("the documents have no %s", name)
		}
	}
	for name := range strings.SplitSeq(found["auth-response-headers"], ",") {
		if !strings.Contains(string(conf), "proxy_set_header '"+name+"' $authHeader") ||
			!strings.Contains(string(conf), "$upstream_http_"+strings.ToLower(strings.ReplaceAll(name, "-", "_"))+";") {
			t.Errorf("the file has no %s", name)
		}
	}
}

// A browser that asks for a page is sent to sign in and comes back to it; a script learns that nobody is signed in, and where
// to begin.
func TestIngressNginxSignsIn(t *testing.T) {
	for _, binding := range []string{"off", "state"} {
		t.Run(binding, func(t *testing.T) {
			t.Parallel()
			s := start(t, ingressNginx(t, "JWT_BINDING="+binding))
			get := func(target string, headers ...string) (*http.Response, string) {
				c := s.client()
				c.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
					if r.URL.Host == "idp.example" {
						return http.ErrUseLastResponse
					}
					return nil
				}
				req := bridgetest.NewRequest(t, "GET", target, "")
				for _, h := range headers {
					name, value, _ := strings.Cut(h, ": ")
					req.Header.Set(name, value)
				}
				return bridgetest.Do(t, c, req)
			}
			for _, page := range []string{"/question/1?x=1&y=%2F%2F&z=a+b", "/%C3%BC/a%20b?q=" + strings.Repeat("%C3%BC", 330)} {
				resp, body := get(s.site()+page, "Accept: text/html", "Sec-Fetch-Mode: navigate")
				if got := resp.Request.URL.String(); got != s.site()+page || !strings.Contains(body, "ann@example.com | Ann Lee") {
					t.Errorf("got to %.300s: %s %.300s", got, resp.Status, body)
				}
			}
			resp, body := get(s.site()+"/api/orders?x=1", "Accept: */*", "Sec-Fetch-Mode: cors", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Dest: empty")
			if resp.StatusCode != 401 || !strings.Contains(body, `"sign_in":"`+s.site()+`/auth/sso"`) || len(resp.Cookies()) > 0 {
				t.Errorf("fetch: got %s %s", resp.Status, body)
			}
		})
	}
}

// SECURITY H1, H2, H3, H5: nobody reaches the app without a session, and what a client says about itself does not either.
func TestIngressNginxHoldsAttacks(t *testing.T) {
	s := start(t, ingressNginx(t))
	session := s.signIn(map[string]any{"first_name": "Zoë\r\nRemote-User: root", "last_name": "名", "note": strings.Repeat("n", 4000)})
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			s := *s
			s.t = t
			before := s.app.got.Load()
			if resp := a.send(&s); s.app.got.Load() != before || resp.StatusCode/100 == 2 {
				t.Errorf("signed out: got %s %.300s", resp.Status, resp.body)
			}
			resp := a.send(&s, "Cookie: "+s.proxy.cookieName()+"="+session)
			if s.app.got.Load() == before {
				if !a.maybe && !a.public || resp.StatusCode/100 == 2 {
					t.Errorf("signed in: the app was not asked: %s %.300s", resp.Status, resp.body)
				}
				return
			}
			if a.method == "HEAD" || a.public && a.maybe { // X-Metabase-Session does arrive, as the session's cookie does
				return
			}
			s.identity(resp, map[string]string{
				"Remote-User": "ann@example.com", "Remote-Email": "ann@example.com", "Remote-Name": "Zo%C3%AB  Remote-User: root %E5%90%8D",
				"Remote-Groups": "All Users", "Remote-Id": "", "Remote-Assertion": "",
			})
			var got report
			if err := json.Unmarshal([]byte(resp.body), &got); err != nil {
				t.Fatal(err)
			}
			_, host, _ := strings.Cut(s.site(), "://")
			for name, want := range map[string]string{"X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1"} {
				if v := got.Header[name]; len(v) != 1 || v[0] != want {
					t.Errorf("the app got %s %q, want %q", name, v, want)
				}
			}
			if v := got.Header.Get("X-Forwarded-Host"); v != host && !strings.HasPrefix(a.target, "http:") {
				t.Errorf("the app got X-Forwarded-Host %q, want %q", v, host)
			}
		})
	}
}

// The second Ingress leads /auth to clients, who must not get from /auth/forward what scripts may not read.
func TestIngressNginxShowsNoCookies(t *testing.T) {
	s := start(t, ingressNginx(t))
	resp := s.send("GET", "/auth/forward?with=cookies", "Cookie: app=secret; "+s.proxy.cookieName()+"="+s.signIn(nil), "X-Forwarded-Uri: /", "X-Forwarded-Method: GET")
	if resp.StatusCode != 403 || resp.Header.Get("Cookie") != "" || resp.Header.Get("Remote-User") != "" {
		t.Errorf("got %s %v", resp.Status, resp.Header)
	}
}

// Another group gets 403, and while the bridge is down nobody gets in. The pages are nginx's own, as the documents say.
func TestIngressNginxRefuses(t *testing.T) {
	p := ingressNginx(t)
	edit := p.edit
	p.edit = func(text string) string {
		return strings.ReplaceAll(edit(text), "/auth/verify", "/auth/verify?group=Sales")
	}
	s := start(t, p)
	session := "Cookie: " + p.cookieName() + "=" + s.signIn(nil)
	if resp := s.send("GET", "/page", "Accept: text/html", session); resp.StatusCode != 403 || s.app.got.Load() != 0 {
		t.Errorf("another group: got %s", resp.Status)
	}
	s.stop()
	if resp := s.send("GET", "/page", "Accept: text/html", session); resp.StatusCode != 500 || s.app.got.Load() != 0 {
		t.Errorf("the bridge is down: got %s", resp.Status)
	}
}
