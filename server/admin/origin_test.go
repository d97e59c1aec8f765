package admin_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// code is that of an answer in JSON, "" where it has none.
func (r response) code() string {
	var answer struct{ Code string }
	_ = json.Unmarshal([]byte(r.body), &answer)
	return answer.Code
}

// stateChanging are the routes that change something, as "POST /path". What vouches for those of the sign-in is the token.
func (b *bridge) stateChanging(t *testing.T) (all []string) {
	t.Helper()
	for _, route := range b.srv.Routes() {
		method, path, _ := strings.Cut(route, " ")
		switch method {
		case "GET", "HEAD", "OPTIONS":
			continue
		}
		switch path {
		case "/auth/sso", "/auth/sso/to_session", "/auth/sso/backchannel-logout", "/auth/oidc/:provider/backchannel-logout":
			continue
		}
		all = append(all, method+" "+strings.NewReplacer(":id", "1", ":name", "JWT_PROFILE", ":ref", "aa", ":key", "aa").Replace(path))
	}
	if len(all) < 30 {
		t.Fatalf("got %d routes that change something, want those of pages and API", len(all))
	}
	return all
}

// A page of another origin changes nothing, whatever the route. Origin is compared whole: scheme, host and port.
//
// SECURITY G1, G7
func TestOtherOriginsChangeNothing(t *testing.T) {
	b := start(t, "SITE_URL=https://bridge.example.com", "COOKIE_DOMAIN=", "ALLOWED_ORIGINS=https://app.example.com",
		"CORS_ORIGINS=https://spa.example.com")
	admin := b.admin()
	at, _ := url.Parse(b.url)
	session := "Cookie: __Host-ssobridge=" + admin.Jar.Cookies(at)[0].Value
	for name, headers := range map[string][]string{
		"http of our host":         {"Origin: http://bridge.example.com"},
		"http, its port":           {"Origin: http://bridge.example.com:80"},
		"http on our port":         {"Origin: http://bridge.example.com:443"},
		"another port":             {"Origin: https://bridge.example.com:8443"},
		"a sibling":                {"Origin: https://app2.example.com"},
		"the parent":               {"Origin: https://example.com"},
		"a host below":             {"Origin: https://x.bridge.example.com"},
		"a trailing dot":           {"Origin: https://bridge.example.com."},
		"our name in front":        {"Origin: https://bridge.example.com.evil.example"},
		"our name as user":         {"Origin: https://bridge.example.com@evil.example"},
		"another scheme":           {"Origin: ftp://bridge.example.com"},
		"no scheme":                {"Origin: bridge.example.com"},
		"a sandboxed frame":        {"Origin: null"},
		"an origin of ours to go":  {"Origin: https://app.example.com"},
		"an origin of the API":     {"Origin: https://spa.example.com"},
		"as Host says":             {"Origin: http://" + at.Host},
		"as Host says, over TLS":   {"Origin: https://" + at.Host},
		"sec-fetch: a sibling":     {"Sec-Fetch-Site: same-site", "Origin: https://bridge.example.com"},
		"sec-fetch: another site":  {"Sec-Fetch-Site: cross-site", "Origin: https://bridge.example.com"},
		"sec-fetch: a new word":    {"Sec-Fetch-Site: cross-galaxy"},
		"sec-fetch: in upper case": {"Sec-Fetch-Site: CROSS-SITE"},
	} {
		for _, route := range b.stateChanging(t) {
			method, path, _ := strings.Cut(route, " ")
			resp := admin.send(method, path, "application/x-www-form-urlencoded\nscope=others", append(headers, session, "Accept: application/json")...)
			if resp.StatusCode != 403 || resp.code() != "cross_origin" {
				t.Errorf("%s, from %s: got %d %s, want 403 cross_origin", route, name, resp.StatusCode, resp.body)
			}
		}
	}
	if resp := admin.get("/api/v1/overview", session); resp.StatusCode != 200 {
		t.Errorf("afterwards: got %d, want the session to live on", resp.StatusCode)
	}
	if !strings.Contains(b.log.String(), `Origin is \"http://bridge.example.com\", and SITE_URL https://bridge.example.com`) {
		t.Error("the log does not say what differs")
	}
}

// Our own pages, and programs, are let through on each route: the check is no dead end. A browser that sends no
// Sec-Fetch-Site works behind a proxy that writes Host anew.
func TestOwnOriginPasses(t *testing.T) {
	b := start(t, "SITE_URL=https://bridge.example.com")
	for name, headers := range map[string][]string{
		"a program":                  nil,
		"a browser":                  {"Sec-Fetch-Site: same-origin", "Origin: https://bridge.example.com"},
		"a browser, no-referrer":     {"Sec-Fetch-Site: same-origin", "Origin: null"},
		"typed into the bar":         {"Sec-Fetch-Site: none"},
		"an old browser":             {"Origin: https://bridge.example.com"},
		"an old one, the port named": {"Origin: https://bridge.example.com:443"},
		"an old one, in upper case":  {"Origin: HTTPS://BRIDGE.EXAMPLE.COM"},
		"a proxy blanks the headers": {"Sec-Fetch-Site: ", "Origin: "},
	} {
		for _, route := range b.stateChanging(t) {
			method, path, _ := strings.Cut(route, " ")
			resp := b.browser().send(method, path, "application/x-www-form-urlencoded\n", append(headers, "Accept: application/json")...)
			if resp.code() == "cross_origin" {
				t.Errorf("%s, from %s: got %d %s", route, name, resp.StatusCode, resp.body)
			}
		}
	}
}
