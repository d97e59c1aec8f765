package server_test

import (
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
)

// asked are the headers of a proxy that was asked for a page of the bridge's own site.
func asked(b *bridge, method, uri string, more ...string) []string {
	return append([]string{
		"X-Forwarded-Method: " + method, "X-Forwarded-Proto: http", "X-Forwarded-Host: " + strings.TrimPrefix(b.url, "http://"), "X-Forwarded-Uri: " + uri,
	}, more...)
}

// replaced changes the value of one header; with "" it is left out.
func replaced(headers []string, name, value string) []string {
	var all []string
	for _, h := range headers {
		switch {
		case !strings.HasPrefix(h, name+": "):
			all = append(all, h)
		case value != "":
			all = append(all, name+": "+value)
		}
	}
	return all
}

const acceptPage = "Accept: text/html,*/*;q=0.8"

// SECURITY H4: each row breaks one thing in what the proxy says.
func TestForwardBelievesOnlyWhatIsClear(t *testing.T) {
	b := start(t, "TRUSTED_PROXIES=127.0.0.1", "ALLOWED_ORIGINS=http://app.example")
	c := b.browser()
	c.signIn(nil)
	good := asked(b, "GET", "/a/b%20c?x=1&y=%2F")
	tests := []struct {
		name    string
		headers []string
		reason  string // in the log
	}{
		{"no method", replaced(good, "X-Forwarded-Method", ""), "X-Forwarded-Method"},
		{"no proto", replaced(good, "X-Forwarded-Proto", ""), "X-Forwarded-Proto"},
		{"no host", replaced(good, "X-Forwarded-Host", ""), "X-Forwarded-Host"},
		{"no uri", replaced(good, "X-Forwarded-Uri", ""), "X-Forwarded-Uri"},
		{"two methods", append(good, "X-Forwarded-Method: GET"), "2 headers X-Forwarded-Method"},
		{"two uris", append(good, "X-Forwarded-Uri: /public"), "2 headers X-Forwarded-Uri"},
		{"another spelling", append(good, "X_Forwarded_Uri: /public"), "X_forwarded_uri came besides"},
		{"with dots", append(good, "x.forwarded.uri: /public"), "X.forwarded.uri came besides"},
		{"host in another spelling", append(good, "X-Forwarded_Host: app.example"), "came besides"},
		{"nginx's name", append(good, "X-Original-URI: /public"), "X-Original-Uri came besides"},
		{"IIS's name", append(good, "X-Original-URL: /public"), "X-Original-Url came besides"},
		{"Symfony's name", append(good, "X-Rewrite-Url: /public"), "X-Rewrite-Url came besides"},
		{"no path", replaced(good, "X-Forwarded-Uri", "public"), "not a path"},
		{"a whole URL", replaced(good, "X-Forwarded-Uri", "http://app.example/"), "not a path"},
		{"a list of hosts", replaced(good, "X-Forwarded-Host", "app.example, evil.example"), "which is no host"},
		{"a host with a path", replaced(good, "X-Forwarded-Host", "app.example/x"), "which is no host"},
		{"a user in the host", replaced(good, "X-Forwarded-Host", "app.example@evil.example"), "which is no host"},
		{"another scheme", replaced(good, "X-Forwarded-Proto", "javascript"), "must be http or https"},
	}
	for _, tt := range tests {
		resp := c.get("/auth/forward", tt.headers...)
		if resp.StatusCode != 403 || resp.Header.Get("Remote-User") != "" {
			t.Errorf("%s: got %d %v", tt.name, resp.StatusCode, resp.Header)
		}
		if !strings.Contains(lastLine(b), tt.reason) {
			t.Errorf("%s: logged %s, want %q", tt.name, lastLine(b), tt.reason)
		}
	}
	for name, headers := range map[string][]string{
		"as it should be": good, "WebSocket": replaced(good, "X-Forwarded-Proto", "ws"), "another site": replaced(good, "X-Forwarded-Host", "any.example"),
		"harmless others": append(good, "X-Forwarded-Port: 80", "X-Forwarded-Prefix: /x", "X-Forwarded-Server: a"),
	} {
		if resp := c.get("/auth/forward", headers...); resp.StatusCode != 200 || resp.Header.Get("Remote-User") != "ann@example.com" {
			t.Errorf("%s: got %d %v", name, resp.StatusCode, resp.Header)
		}
	}
	if got := c.send("POST", "/auth/forward", "", good...).StatusCode; got != 405 {
		t.Errorf("POST: got %d, want 405", got)
	}
	if resp := c.get("/auth/forward?group=%zz", good...); resp.StatusCode != 403 {
		t.Errorf("a broken query: got %d, want 403", resp.StatusCode)
	}
}

func lastLine(b *bridge) string {
	lines := strings.Split(strings.TrimSpace(b.log.String()), "\n")
	return lines[len(lines)-1]
}

// SECURITY H4: whoever is not named does not speak for clients, signed in or not.
func TestForwardNeedsATrustedProxy(t *testing.T) {
	for _, tt := range []struct {
		settings []string
		reason   string
	}{
		{nil, "set TRUSTED_PROXIES"},
		{[]string{"TRUSTED_PROXIES=10.0.0.0/8"}, "127.0.0.1:"},
		{[]string{"TRUSTED_PROXIES=127.0.0.1", "FORWARD_AUTH=false"}, "FORWARD_AUTH is false"},
		{[]string{"TRUSTED_PROXIES=127.0.0.1", "UPSTREAM=http://127.0.0.1:9"}, "UPSTREAM is set, so that the bridge is the proxy itself: leave UPSTREAM out"},
		{[]string{"UPSTREAM=http://127.0.0.1:9"}, "leave UPSTREAM out, and set TRUSTED_PROXIES"},
	} {
		b := start(t, tt.settings...)
		c := b.browser()
		c.signIn(nil)
		if resp := c.get("/auth/forward", asked(b, "GET", "/")...); resp.StatusCode != 403 || resp.Header.Get("Remote-User") != "" || !strings.Contains(lastLine(b), tt.reason) {
			t.Errorf("%v: got %d, logged %s", tt.settings, resp.StatusCode, lastLine(b))
		}
		if got := c.get("/auth/verify", asked(b, "GET", "/")...).StatusCode; got != 200 {
			t.Errorf("%v: /auth/verify got %d, want 200", tt.settings, got)
		}
	}
}

func TestForwardSendsBrowsersToSignIn(t *testing.T) {
	b := start(t, "TRUSTED_PROXIES=127.0.0.1", "ALLOWED_ORIGINS=http://app.example,http://127.0.0.1:1")
	c := b.browser()
	good := asked(b, "GET", "/a/b%20c?x=1&y=%2F", acceptPage)
	resp := c.get("/auth/forward", good...)
	resp.want(t, 302, b.url+"/auth/sso?redirect=%2Fa%2Fb%2520c%3Fx%3D1%26y%3D%252F")
	if resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Referrer-Policy") != "no-referrer" { // SECURITY B5, H6
		t.Errorf("redirect: got %v", resp.Header)
	}
	c.get("/auth/forward?with=sign_in", good...).want(t, 302, resp.Header.Get("Location"))
	// Cookies know no port.
	c.get("/auth/forward", replaced(good, "X-Forwarded-Host", "127.0.0.1:1")...).
		want(t, 302, b.url+"/auth/sso?redirect=http%3A%2F%2F127.0.0.1%3A1%2Fa%2Fb%2520c%3Fx%3D1%26y%3D%252F")
	for name, headers := range map[string][]string{
		"program": asked(b, "GET", "/", "Accept: */*"), "POST": asked(b, "POST", "/", acceptPage), "script": asked(b, "GET", "/", acceptPage, "Sec-Fetch-Mode: cors"),
		"another site's program": replaced(asked(b, "GET", "/"), "X-Forwarded-Host", "evil.example"),
	} {
		if resp := c.get("/auth/forward", headers...); resp.StatusCode != 401 || resp.Header.Get("Www-Authenticate") == "" {
			t.Errorf("%s: got %d %v", name, resp.StatusCode, resp.Header)
		}
	}
	for name, tt := range map[string]struct {
		headers []string
		status  int
		reason  string
	}{
		"another site":             {replaced(good, "X-Forwarded-Host", "evil.example"), 403, "ALLOWED_ORIGINS"},
		"another port":             {replaced(good, "X-Forwarded-Host", "127.0.0.1:2"), 403, "ALLOWED_ORIGINS"},
		"another scheme":           {replaced(good, "X-Forwarded-Proto", "https"), 403, "ALLOWED_ORIGINS"},
		"no cookie would reach it": {replaced(good, "X-Forwarded-Host", "app.example"), 403, "COOKIE_DOMAIN"},
		"two slashes":              {replaced(good, "X-Forwarded-Uri", "//evil.example/"), 400, "two slashes"},
		"a backslash":              {replaced(good, "X-Forwarded-Uri", `/\evil.example/`), 400, "backslash"},
	} {
		resp := c.get("/auth/forward", tt.headers...)
		if resp.StatusCode != tt.status || resp.Header.Get("Location") != "" || !strings.Contains(lastLine(b), tt.reason) {
			t.Errorf("%s: got %d to %q, logged %s", name, resp.StatusCode, resp.Header.Get("Location"), lastLine(b))
		}
	}

	// SECURITY B5: a token in the page's query goes into no URL of ours.
	bearer := start(t, "TRUSTED_PROXIES=127.0.0.1", "BEARER_PARAMETER=access_token")
	for uri, want := range map[string]string{
		"/a?access_token=old&x=1": "%2Fa%3Fx%3D1", "/a?access_token=old": "%2Fa", "/a?access%5Ftoken=old&y=%2F": "%2Fa%3Fy%3D%252F", "/a?": "%2Fa",
	} {
		bearer.browser().get("/auth/forward", asked(bearer, "GET", uri, acceptPage)...).want(t, 302, bearer.url+"/auth/sso?redirect="+want)
	}
	// SECURITY L1, H4: an app that answers TRACE shows the assertion that was added.
	c.signIn(nil)
	for _, method := range []string{"TRACE", "trace", "TRACK", "CONNECT"} {
		if resp := c.get("/auth/forward", asked(b, method, "/")...); resp.StatusCode != 405 || resp.Header.Get("Remote-Assertion") != "" {
			t.Errorf("%s: got %d, want 405 and no identity", method, resp.StatusCode)
		}
	}

	domain := start(t, "SITE_URL=https://auth.example.com", "COOKIE_DOMAIN=example.com", "TRUSTED_PROXIES=127.0.0.1",
		"ALLOWED_ORIGINS=https://app.example.com,https://example.com,https://app.badexample.com")
	for host, want := range map[string]string{
		"app.example.com": "https://auth.example.com/auth/sso?redirect=https%3A%2F%2Fapp.example.com%2Fx", "APP.example.com": "https://auth.example.com/auth/sso?redirect=https%3A%2F%2Fapp.example.com%2Fx",
		"example.com": "https://auth.example.com/auth/sso?redirect=https%3A%2F%2Fexample.com%2Fx", "auth.example.com": "https://auth.example.com/auth/sso?redirect=%2Fx",
		"app.badexample.com": "", // CVE-2021-21291: a suffix is no domain
	} {
		headers := replaced(replaced(asked(domain, "GET", "/x", acceptPage), "X-Forwarded-Proto", "https"), "X-Forwarded-Host", host)
		if resp := domain.browser().get("/auth/forward", headers...); resp.Header.Get("Location") != want {
			t.Errorf("%s: got %d to %q, want %q", host, resp.StatusCode, resp.Header.Get("Location"), want)
		}
	}
}

// SECURITY H1, H2: rules and groups of /auth/forward.
func TestForwardFollowsAccessRules(t *testing.T) {
	b := start(t, "JWT_GROUP_SYNC=true", "TRUSTED_PROXIES=127.0.0.1",
		`ACCESS_RULES=[{"path":"/public","allow":"public"},{"path":"/admin-pages","methods":["POST"],"allow":["Administrators"]},{"path":"/sales","allow":["Sales"]},{"host":"open.example","allow":"public"}]`)
	if _, err := b.store.EnsureGroups(t.Context(), []string{"Sales"}, sso.Event{Actor: "cli"}); err != nil {
		t.Fatal(err)
	}
	ann, anyone := b.browser(), b.browser()
	ann.signIn(claims{"groups": []string{"Sales"}})
	for _, tt := range []struct {
		method, uri, query, host string
		ann, anyone              int
	}{
		{"GET", "/page", "", "", 200, 401},
		{"GET", "/public/x?y", "", "", 200, 200},
		{"GET", "/public/x", "?group=Sales", "", 200, 401}, // the proxy asks for more
		{"GET", "/public/x", "?group=Other", "", 403, 401},
		{"GET", "/public/x", "?with=sign_in", "", 401, 401},
		{"GET", "/public/..%2fadmin-pages", "", "", 403, 403},
		{"GET", "/public/../page", "", "", 403, 403},
		{"GET", "/publicity", "", "", 200, 401},
		{"GET", "/page?/public/", "", "", 200, 401},
		{"GET", "/page#/../public", "", "", 403, 403},
		{"GET", "/sales", "", "", 200, 401},
		{"GET", "/sales", "?group=Sales", "", 200, 401},
		{"GET", "/sales", "?group=Other", "", 403, 401},
		{"GET", "/admin-pages", "", "", 200, 401},
		{"POST", "/admin-pages", "", "", 403, 401},
		{"GET", "/page", "", "open.example:8080", 200, 200},
		{"GET", "/page", "", "OPEN.example.", 200, 200},
		{"GET", "/page", "", "notopen.example", 403, 403}, // some proxies send all hosts to one app
		{"GET", "/sales", "", "notopen.example", 403, 403},
	} {
		headers := asked(b, tt.method, tt.uri)
		if tt.host != "" {
			headers = replaced(headers, "X-Forwarded-Host", tt.host)
		}
		for who, c := range map[string]*browser{"ann@example.com": ann, "-": anyone} {
			resp, want := c.get("/auth/forward"+tt.query, headers...), tt.ann
			if who == "-" {
				want = tt.anyone
			}
			if resp.StatusCode != want {
				t.Errorf("%s %s%s %s as %s: got %d, want %d", tt.method, tt.host, tt.uri, tt.query, who, resp.StatusCode, want)
			}
			for _, name := range identityHeaders {
				if v := resp.Header[name]; want == 200 && (len(v) != 1 || v[0] == "" || who == "-" && v[0] != "-") || want != 200 && len(v) > 0 {
					t.Errorf("%s %s as %s: %s is %q", tt.method, tt.uri, who, name, v)
				}
			}
			if want == 200 && resp.Header.Get("Remote-User") != who {
				t.Errorf("%s %s: got %s, want %s", tt.method, tt.uri, resp.Header.Get("Remote-User"), who)
			}
		}
	}
	b.store.Close() // SECURITY L4
	if got := b.browser().get("/auth/forward", asked(b, "GET", "/public/x", "Authorization: Bearer "+sso.NewSessionID())...).StatusCode; got != 503 {
		t.Errorf("without a database: got %d, want 503", got)
	}
}

// SECURITY H6: what a proxy hands on is the app's alone.
func TestForwardReturnsCookiesOfTheApp(t *testing.T) {
	b := start(t, "TRUSTED_PROXIES=127.0.0.1", "BEARER_HEADER=X-Api-Key")
	c := b.browser()
	c.signIn(nil)
	id := c.cookie()
	for _, tt := range []struct{ cookie, authorization, wantCookie, wantAuthorization string }{
		{"ssobridge=" + id, "", "", ""},
		{"a=1; ssobridge=" + id + "; ssobridge-flow-x=y; b=2", "Basic YTpi", "a=1; b=2", "Basic YTpi"},
		{"ssobridge=" + id, "Bearer " + id, "", ""},
		{"ssobridge=" + id, "Bearer of.the.app", "", "Bearer of.the.app"},
	} {
		headers := asked(b, "GET", "/", "Cookie: "+tt.cookie)
		if tt.authorization != "" {
			headers = append(headers, "Authorization: "+tt.authorization)
		}
		resp := b.browser().get("/auth/forward?with=cookies", headers...)
		if resp.StatusCode != 200 || resp.Header.Get("Cookie") != tt.wantCookie || resp.Header.Get("Authorization") != tt.wantAuthorization {
			t.Errorf("%s, %s: got %d, %q, %q", tt.cookie, tt.authorization, resp.StatusCode, resp.Header.Get("Cookie"), resp.Header.Get("Authorization"))
		}
	}
	if resp := c.get("/auth/forward", asked(b, "GET", "/")...); resp.Header.Get("Cookie") != "" {
		t.Error("cookies without having been asked for them")
	}
	if resp := b.browser().get("/auth/forward?with=cookies", asked(b, "GET", "/", "Cookie: a=1")...); resp.StatusCode != 401 || resp.Header.Get("Cookie") != "" {
		t.Errorf("signed out: got %d %v", resp.StatusCode, resp.Header)
	}
}
