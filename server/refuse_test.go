package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/dom"
)

// A way to the app: through a proxy that asks, through UPSTREAM, in front of a Go handler.
type way func(c *browser, method, uri string, headers ...string) response

func waysToTheApp(t *testing.T, settings ...string) map[string]struct {
	b   *bridge
	ask way
} {
	settings = append([]string{"JWT_GROUP_SYNC=true", `ACCESS_RULES=[{"path":"/sales","allow":["Sales"]}]`}, settings...)
	proxied := start(t, append(settings, "TRUSTED_PROXIES=127.0.0.1")...)
	upstream := start(t, append(settings, "UPSTREAM="+app(t).URL)...)
	for _, b := range []*bridge{proxied, upstream} {
		if _, err := b.store.EnsureGroups(t.Context(), []string{"Sales"}, sso.Event{Actor: "cli"}); err != nil {
			t.Fatal(err)
		}
	}
	return map[string]struct {
		b   *bridge
		ask way
	}{
		"proxy": {proxied, func(c *browser, method, uri string, headers ...string) response {
			return c.get("/auth/forward?with=cookies", asked(c.b, method, uri, headers...)...)
		}},
		"upstream": {upstream, func(c *browser, method, uri string, headers ...string) response {
			return c.send(method, uri, "", headers...)
		}},
	}
}

// Who is not signed in is told so in the form that they read, whichever way leads to the app. What matters to a script is in
// JSON, and a person whose form was lost learns that.
func TestSignedOutAtTheApp(t *testing.T) {
	const jquery = "X-Requested-With: XMLHttpRequest"
	for name, at := range waysToTheApp(t) {
		for _, tt := range []struct {
			what, method string
			headers      []string
			want         string // redirect, form or problem
		}{
			{"a page", "GET", []string{acceptPage}, "redirect"},
			{"a page of a browser of today", "GET", []string{acceptPage, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}, "redirect"},
			{"a page in an Android app", "GET", []string{acceptPage, "X-Requested-With: com.example.app"}, "redirect"},
			{"a page that says it is a script", "GET", []string{acceptPage, "Sec-Fetch-Mode: navigate", jquery}, "redirect"},
			{"fetch", "GET", []string{"Accept: */*", "Sec-Fetch-Mode: cors"}, "problem"},
			{"fetch of an old browser", "GET", []string{"Accept: */*"}, "problem"},
			{"jQuery", "GET", []string{"Accept: text/html, */*; q=0.01", jquery}, "problem"},
			{"jQuery, POST", "POST", []string{"Accept: text/html, */*; q=0.01", jquery}, "problem"},
			{"a script with a name of its own", "GET", []string{acceptPage, "X-Requested-With: fetch"}, "problem"},
			{"fetch of HTML", "GET", []string{acceptPage, "Sec-Fetch-Mode: same-origin"}, "problem"},
			{"JSON", "PUT", []string{"Accept: application/json"}, "problem"},
			{"plain text", "GET", []string{"Accept: text/plain"}, "problem"},
			{"no Accept", "DELETE", nil, "problem"},
			{"a picture", "GET", []string{"Accept: image/avif,image/*", "Sec-Fetch-Mode: no-cors"}, "problem"},
			{"a WebSocket", "GET", []string{acceptPage, "Upgrade: websocket"}, "problem"},
			{"a bearer token", "GET", []string{"Accept: */*", "Authorization: Bearer " + sso.NewSessionID()}, "problem"},
			{"a form", "POST", []string{acceptPage, "Content-Type: application/x-www-form-urlencoded"}, "form"},
			{"a form of a browser of today", "POST", []string{acceptPage, "Sec-Fetch-Mode: navigate"}, "form"},
		} {
			resp := at.ask(at.b.browser(), tt.method, "/orders/new?x=1", tt.headers...)
			var p struct{ Code, Message, Reference, SignIn string }
			_ = json.Unmarshal([]byte(strings.Replace(resp.body, "sign_in", "signIn", 1)), &p)
			kind := resp.Header.Get("Content-Type")
			ok := false
			switch tt.want {
			case "redirect":
				ok = resp.StatusCode == 302 && strings.HasSuffix(resp.Header.Get("Location"), "/auth/sso?redirect="+url.QueryEscape("/orders/new?x=1"))
			case "problem":
				ok = resp.StatusCode == 401 && kind == "application/problem+json" && p.Code == "not_signed_in" && p.Message != "" && len(p.Reference) == 8 &&
					p.SignIn == at.b.url+"/auth/sso" && strings.HasPrefix(resp.Header.Get("Www-Authenticate"), "Bearer")
			case "form":
				ok = resp.StatusCode == 401 && strings.HasPrefix(kind, "text/html") && strings.Contains(resp.body, "Nothing was saved") &&
					dom.Has(resp.body, `[href="/auth/sso"][target="_blank"]`) && !strings.Contains(resp.body, "Try again")
			}
			if !ok || !strings.Contains(resp.Header.Get("Cache-Control"), "no-store") {
				t.Errorf("%s: %s: got %d %q to %q, %.200s; want a %s", name, tt.what, resp.StatusCode, kind, resp.Header.Get("Location"), resp.body, tt.want)
			}
		}
	}
}

// Somebody who is in none of the groups sees as whom they are signed in, and can become somebody else and come back.
func TestForbiddenAtTheApp(t *testing.T) {
	for name, at := range waysToTheApp(t) {
		c := at.b.browser()
		c.signIn(nil)
		resp := at.ask(c, "GET", "/sales?x=1", acceptPage)
		if resp.StatusCode != 403 || !strings.Contains(resp.body, "ann@example.com") || !dom.Has(resp.body, `form[action="/auth/logout"] input[name="return_to"][value="/sales?x=1"]`) {
			t.Errorf("%s: got %d %s", name, resp.StatusCode, resp.body)
		}
		if resp := at.ask(c, "GET", "/sales", "Accept: */*"); resp.StatusCode != 403 || !strings.Contains(resp.body, `"code":"forbidden"`) || strings.Contains(resp.body, "sign_in") {
			t.Errorf("%s: a program: got %d %s", name, resp.StatusCode, resp.body)
		}
		// An address that is written in an odd way is nothing that another account could mend.
		if resp := at.ask(c, "GET", "/sales/%2e%2e/x", acceptPage); resp.StatusCode != 403 || strings.Contains(resp.body, "ann@example.com") {
			t.Errorf("%s: an odd address: got %d %s", name, resp.StatusCode, resp.body)
		}
		out := c.get("/auth/logout?return_to=%2Fsales%3Fx%3D1", page)
		if !dom.Has(out.body, `[name="return_to"][value="/sales?x=1"]`) {
			t.Errorf("%s: sign out: got %s", name, out.body)
		}
		if evil := c.get("/auth/logout?return_to=https%3A%2F%2Fevil.example", page); evil.StatusCode != 200 || strings.Contains(evil.body, "evil") { // SECURITY B1
			t.Errorf("%s: sign out to elsewhere: got %d %s", name, evil.StatusCode, evil.body)
		}
		if done := c.send("POST", "/auth/logout", form("return_to", "/sales?x=1"), page); !dom.Has(done.body, `[href="/auth/sso?return_to=%2Fsales%3Fx%3D1"]`) {
			t.Errorf("%s: signed out: got %s", name, done.body)
		}
	}
}

// nginx drops what the bridge says with its 403, and asks once more. By that no one gets in, and nobody learns more than by
// asking for the page.
func TestForbiddenIsNeverYes(t *testing.T) {
	at := waysToTheApp(t)["proxy"]
	b, c := at.b, at.b.browser()
	c.signIn(nil)
	for _, tt := range []struct {
		who  *browser
		uri  string
		want int
	}{{c, "/page", 403}, {c, "/sales", 403}, {b.browser(), "/page", 302}, {b.browser(), "/a/../b", 403}} {
		resp := tt.who.get("/auth/forward?with=forbidden", asked(b, "GET", tt.uri, acceptPage)...)
		if resp.StatusCode != tt.want || strings.Contains(resp.body, "ann@example.com") != (tt.who == c && tt.want == 403) || resp.Header.Get("Remote-User") != "" {
			t.Errorf("%s: got %d %s, want %d", tt.uri, resp.StatusCode, resp.body, tt.want)
		}
	}
}

// Under the address of an app a page finds its style sheet and its links at SITE_URL.
func TestRefusalUnderAnotherHost(t *testing.T) {
	b := start(t, "PATH_PREFIX=/_sso", "SITE_URL=https://auth.example.com", "COOKIE_DOMAIN=example.com", "ALLOWED_ORIGINS=https://app.example.com", "TRUSTED_PROXIES=127.0.0.1")
	c := b.browser()
	headers := replaced(replaced(asked(b, "POST", "/x", acceptPage), "X-Forwarded-Host", "app.example.com"), "X-Forwarded-Proto", "https")
	resp := c.get("/_sso/auth/forward", headers...)
	for _, want := range []string{`[href^="https://auth.example.com/_sso/auth/static/app."]`, `[href="https://auth.example.com/_sso/auth/sso"][target="_blank"]`, `[href="https://auth.example.com/_sso/"]`} {
		if resp.StatusCode != 401 || !dom.Has(resp.body, want) {
			t.Errorf("got %d %s, want %s in it", resp.StatusCode, resp.body, want)
		}
	}
	if strings.Contains(resp.body, `="/`) {
		t.Errorf("a link of the page leads to the app: %s", resp.body)
	}
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "style-src 'self' https://auth.example.com;") || !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("Content-Security-Policy: got %q", csp)
	}
	asset := strings.TrimPrefix(dom.Attr(resp.body, `link[rel="stylesheet"]`, "href")[0], "https://auth.example.com")
	if got := c.get(asset).Header.Get("Cross-Origin-Resource-Policy"); got != "cross-origin" {
		t.Errorf("%s: Cross-Origin-Resource-Policy %q, want one with which the app's page may load it", asset, got)
	}
}

// X-Forwarded-Proto of two proxies.
func TestTwoSchemes(t *testing.T) {
	b := start(t, "TRUSTED_PROXIES=127.0.0.1")
	for _, proto := range []string{"https,http", "https, https", "http:", "ftp", "HTTPS"} {
		resp := b.browser().get("/auth/forward", replaced(asked(b, "GET", "/", acceptPage), "X-Forwarded-Proto", proto)...)
		if line := lastLine(b); resp.StatusCode != 403 || !strings.Contains(line, `X-Forwarded-Proto from 127.0.0.1`) || !strings.Contains(line, proto) {
			t.Errorf("%s: got %d, and the log says %s", proto, resp.StatusCode, line)
		}
	}
}

// A Go program that mounts the bridge hands on the same answers.
func TestSignedOutAtAHandler(t *testing.T) {
	b := start(t)
	w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/orders", strings.NewReader("a=b"))
	r.Header.Set("Accept", "text/html")
	b.srv.RequireSignIn()(http.NotFoundHandler()).ServeHTTP(w, r)
	if w.Code != 401 || !strings.Contains(w.Body.String(), "Nothing was saved") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}
