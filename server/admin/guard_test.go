package admin_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/server/admin"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// An administrator's session beside the token of somebody else is nobody's, as at every other door; beside a token that no provider
// takes it is the administrator's. SECURITY J5
func TestTwoCallersAreNoAdministrator(t *testing.T) {
	const apiSecret = "Vq8s0Zk3mX1tY7rB5nD2fG9hJ4wL6pC8"
	b := start(t, "PROVIDERS=acme", "PROVIDER_ACME_KIND=bearer", "PROVIDER_ACME_ISSUER=https://acme.example", "PROVIDER_ACME_AUDIENCE=bi",
		"PROVIDER_ACME_SHARED_SECRET="+apiSecret, "PROVIDER_ACME_ACCOUNTS=existing", "LINK_PASSWORD_ACCOUNTS=true")
	boss := b.admin()
	token := func(iss, email string) string {
		return "Authorization: Bearer " + b.token(apiSecret, claims{"iss": iss, "aud": "bi", "sub": email, "email": email, "iat": b.now().Unix(), "exp": b.now().Unix() + 600})
	}
	b.account("ann@example.com")
	own, others := token("https://acme.example", "root@example.com"), token("https://acme.example", "ann@example.com")
	for _, tt := range []struct {
		name    string
		headers []string
		want    int
	}{
		{"nothing", nil, 200},
		{"of the same account", []string{own}, 200},
		{"of another account", []string{others}, 401},
		{"not good", []string{others[:len(others)-4] + "AAAA"}, 401},
		{"that no provider takes", []string{token("https://app.example", "ann@example.com")}, 200},
		{"Basic", []string{"Authorization: Basic YTpi"}, 200},
	} {
		for _, path := range []string{"/admin", "/api/v1/people"} {
			if resp := boss.get(path, append(tt.headers, "Accept: application/json")...); resp.StatusCode != tt.want {
				t.Errorf("a token %s at %s: got %d %s, want %d", tt.name, path, resp.StatusCode, resp.body, tt.want)
			}
		}
	}
	for _, header := range []string{own, others} {
		b.browser().get("/api/v1/people", header, "Accept: application/json").want(t, http.StatusUnauthorized, "")
	}
}

// Whoever is no administrator sees nothing of any path, however it is written and asked for.
//
// SECURITY G2
func TestGuard(t *testing.T) {
	b := start(t)
	boss := b.admin()
	people := map[string]*browser{"nobody": b.browser(), "a plain user": b.as("plain@example.com")}
	var paths []string
	for _, route := range b.srv.Routes() {
		_, path, _ := strings.Cut(route, " ")
		if path == admin.KeySetPath { // public keys are for anyone
			continue
		}
		if strings.HasPrefix(path, "/admin") || strings.HasPrefix(path, "/api/v1") {
			paths = append(paths, strings.NewReplacer(":id", "1", ":name", "JWT_PROFILE", ":ref", "aa").Replace(path))
		}
	}
	for _, p := range []string{"/admin", "/api/v1/overview"} {
		paths = append(paths, "/"+p, p+"/", strings.ToUpper(p), "/%2e"+p, "/x/.."+p, "/x%2f.."+p, strings.Replace(p, "a", "%61", 1),
			p+";x", p+"%2f", p+"/.", p+"?x=1", p+"%00", "/."+p, p+"/nothing", p+"//x", strings.Replace(p, "/", `/\`, 1))
	}
	paths = append(paths, "/api/admin", "/api/admin/x", "/api//v1/overview", "/api/v1%2foverview")
	for name, c := range people {
		for _, path := range paths {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
				for _, accept := range []string{"text/html", "application/json", "*/*"} {
					for _, override := range []string{"", "X-HTTP-Method-Override: GET"} {
						headers := []string{"Accept: " + accept}
						if override != "" {
							headers = append(headers, override)
						}
						resp := c.send(method, path, "", headers...)
						switch resp.StatusCode {
						case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusBadRequest:
						case http.StatusFound:
							if name == "nobody" && strings.HasPrefix(resp.Header.Get("Location"), "/login?return_to=%2F") {
								continue
							}
							fallthrough
						default:
							t.Fatalf("%s as %s, %s: got %d to %q, want refused", method+" "+path, name, accept, resp.StatusCode, resp.Header.Get("Location"))
						}
						if strings.Contains(resp.body, "administrators\":") || strings.Contains(resp.body, "sections") {
							t.Fatalf("%s as %s: got content %q", method+" "+path, name, resp.body)
						}
					}
				}
			}
		}
	}
	at, _ := url.Parse(b.url)
	if resp := b.browser().get("/api/v1/overview", "Authorization: Bearer "+boss.Jar.Cookies(at)[0].Value); resp.StatusCode != http.StatusOK {
		t.Errorf("with an administrator's session as bearer: got %d, want 200", resp.StatusCode)
	}
	if resp := boss.get("/admin"); resp.StatusCode != http.StatusOK || !slices.Equal(dom.Text(resp.body, "h1"), []string{"Overview"}) {
		t.Errorf("/admin as an administrator: got %d %q", resp.StatusCode, resp.body)
	}
	b.browser().get("/admin/mapping?x=1").want(t, http.StatusFound, "/login?return_to=%2Fadmin%2Fmapping%3Fx%3D1")
	b.browser().get("/api/v1/overview", "Accept: text/html").want(t, http.StatusUnauthorized, "")
	for _, script := range []string{"Sec-Fetch-Mode: cors", "X-Requested-With: XMLHttpRequest"} { // which would follow to a form
		b.browser().get("/admin/mapping", script).want(t, http.StatusUnauthorized, "")
	}
}

// SECURITY G1
func TestCrossSite(t *testing.T) {
	b := start(t)
	c := b.admin()
	for _, tt := range []struct {
		name, path, body string
		headers          []string
		want             int
	}{
		{"a form of another site", "/admin/sign-in", "application/x-www-form-urlencoded\nx=1", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"of a sibling host", "/admin/sign-in", "application/x-www-form-urlencoded\nx=1", []string{"Sec-Fetch-Site: same-site"}, 403},
		{"from an old browser", "/admin/sign-in", "application/x-www-form-urlencoded\nx=1", []string{"Origin: https://evil.example"}, 403},
		{"with plain http of our host", "/admin/sign-in", "application/x-www-form-urlencoded\nx=1", []string{"Origin: null"}, 403},
		{"JSON to a page", "/admin/sign-in", "application/json\n{}", nil, 400},
		{"a form to the API", "/api/v1/explain", "application/x-www-form-urlencoded\nx=1", nil, 400},
		{"text to the API", "/api/v1/explain", "text/plain\n{}", nil, 400},
		{"nothing said about the body", "/api/v1/explain", "\n{}", nil, 400},
		{"JSON of another site", "/api/v1/explain", "application/json\n{}", []string{"Sec-Fetch-Site: cross-site"}, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := c.send("POST", tt.path, tt.body, tt.headers...)
			if resp.StatusCode != tt.want {
				t.Errorf("got %d, want %d; %s", resp.StatusCode, tt.want, sso.Truncate(resp.body, 200))
			}
		})
	}
}
