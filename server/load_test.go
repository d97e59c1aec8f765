package server_test

import (
	"net/url"
	"strings"
	"testing"
)

// SECURITY C7, C8: what is no navigation, and no program's or script's request whose answer somebody reads, spends no token.
func TestLoadsThatSpendNoToken(t *testing.T) {
	b := start(t, "CORS_ORIGINS=https://app.example")
	path := "/auth/sso?jwt=" + b.token(nil)
	const asJSON, sdk, elsewhere = "Accept: application/json", "X-Metabase-Client: embedding-sdk-react", "Sec-Fetch-Site: cross-site"
	c := b.browser()
	for name, headers := range map[string][]string{
		"no-cors with a safelisted Accept":      {asJSON, elsewhere, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: empty"},
		"no-cors of our own page":               {asJSON, "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: empty"},
		"no-cors as an embedding client":        {sdk, elsewhere, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: empty"},
		"cors of a page that may not read":      {asJSON, elsewhere, "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Origin: https://evil.example"},
		"cors without an origin":                {asJSON, elsewhere, "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Origin: null"},
		"a WebSocket":                           {asJSON, elsewhere, "Sec-Fetch-Mode: websocket", "Sec-Fetch-Dest: websocket"},
		"an object":                             {"Accept: text/html", elsewhere, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: object"},
		"an embed":                              {"Accept: text/html", elsewhere, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: embed"},
		"an image":                              {"Accept: image/avif,image/webp,*/*", elsewhere, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"},
		"an image of an old browser":            {"Accept: image/webp,image/png,*/*;q=0.8"},
		"a style sheet of an old browser":       {"Accept: text/css,*/*;q=0.1"},
		"cors of our own page that reads pages": {"Accept: text/html", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"},
	} {
		if resp := c.get(path, headers...); resp.StatusCode != 403 || len(resp.Cookies()) > 0 {
			t.Errorf("%s: got %d, want 403", name, resp.StatusCode)
		}
	}
	body := form("jwt", strings.TrimPrefix(path, "/auth/sso?jwt="))
	for _, mode := range []string{"no-cors", "navigate"} {
		if resp := c.send("POST", "/auth/sso/to_session", body, elsewhere, "Sec-Fetch-Mode: "+mode); resp.StatusCode != 403 {
			t.Errorf("to_session, %s: got %d, want 403", mode, resp.StatusCode)
		}
	}
	if b.sessions() != 0 {
		t.Fatalf("got %d sessions, want none", b.sessions())
	}
	for name, headers := range map[string][]string{
		"a page":                        {"Accept: text/html", elsewhere, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"},
		"a frame":                       {"Accept: text/html", elsewhere, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"},
		"a page through a worker":       {"Accept: text/html", elsewhere, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: empty"},
		"a page of an old browser":      {"Accept: text/html,application/xhtml+xml,image/webp,*/*;q=0.8"},
		"the SDK on a site that may":    {sdk, elsewhere, "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty", "Origin: https://app.example"},
		"the SDK on our own site":       {sdk, "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"},
		"a program on Node":             {asJSON, "Sec-Fetch-Mode: cors"},
		"a program that says nothing":   {},
		"a program that takes anything": {"Accept: */*"},
	} {
		resp := b.browser().get("/auth/sso?jwt="+b.token(claims{"n": name}), headers...)
		if resp.StatusCode != 302 && resp.StatusCode != 200 {
			t.Errorf("%s: got %d %s, want to be signed in", name, resp.StatusCode, resp.body)
		}
	}
}

// A proxy that redirects all who are not signed in leads scripts and pictures of the app to the sign-in, too. They are told
// that nobody is signed in, and a script where to begin. Nothing is begun by it (SECURITY C5, C8).
func TestScriptsLedToTheSignIn(t *testing.T) {
	const same, json = "Sec-Fetch-Site: same-origin", "Accept: application/json"
	for _, binding := range []string{"off", "state"} {
		b := start(t, "JWT_BINDING="+binding)
		for name, headers := range map[string][]string{
			"fetch":                    {"Accept: */*", same, "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"},
			"fetch within the site":    {"Accept: */*", same, "Sec-Fetch-Mode: same-origin", "Sec-Fetch-Dest: empty"},
			"fetch of a part":          {"Accept: text/html", same, "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"},
			"jQuery":                   {"Accept: text/html, */*; q=0.01", "X-Requested-With: XMLHttpRequest", same, "Sec-Fetch-Mode: cors"},
			"jQuery in an old browser": {"Accept: text/html, */*; q=0.01", "X-Requested-With: XMLHttpRequest"},
			"a script of another site": {json, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Origin: https://evil.example"},
			"an image":                 {"Accept: image/avif,image/webp,*/*", same, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"},
			"an image, an old browser": {"Accept: image/webp,image/png,*/*;q=0.8"},
		} {
			for _, method := range []string{"GET", "POST"} {
				resp := b.browser().send(method, "/auth/sso?redirect=%2Fapi%2Forders%3Fx%3D1", "", headers...)
				if resp.StatusCode != 401 || !strings.Contains(resp.body, `"code":"not_signed_in"`) || resp.Header.Get("Content-Type") != "application/problem+json" ||
					!strings.Contains(resp.body, `"sign_in":"`+b.url+`/auth/sso"`) {
					t.Errorf("%s, %s, %s: got %d %s", binding, name, method, resp.StatusCode, resp.body)
				}
				if resp.Header.Get("Set-Cookie") != "" || resp.Header.Get("Location") != "" {
					t.Errorf("%s, %s, %s: something was begun: %v", binding, name, method, resp.Header)
				}
			}
		}
		if b.sessions() != 0 {
			t.Errorf("%s: got %d sessions, want none", binding, b.sessions())
		}
	}
}

// Products write the address with a slash too many.
func TestSlashesAroundTheAddress(t *testing.T) {
	for name, settings := range map[string][]string{"alone": nil, "in front of an app": {"UPSTREAM=" + app(t).URL}} {
		t.Run(name, func(t *testing.T) {
			b := start(t, settings...)
			for i, path := range []string{"/auth/sso/", "//auth/sso", "//auth/sso//", "/auth//sso", "///auth/sso"} {
				b.browser().get(path+"?return_to=/a&jwt="+b.token(claims{"n": i})).want(t, 302, "/a")
				b.browser().get(path+"?redirect=/a").want(t, 302, "https://idp.example/login?from=bridge&return_to=%2Fa")
				b.browser().send("POST", path, form("jwt", b.token(claims{"n": -i - 1}), "return_to", "/a"), "Sec-Fetch-Site: same-origin").want(t, 303, "/a")
			}
			for _, path := range []string{"/auth/sso/x", "/auth/ssox", "/x/auth/sso", "/authsso", "/Auth/SSO/"} {
				if resp := b.browser().get(path + "?jwt=" + b.token(claims{"n": path})); resp.StatusCode == 302 && resp.Header.Get("Location") == "/" {
					t.Errorf("%s: signed in", path)
				}
			}
		})
	}
	b := start(t, "PATH_PREFIX=/_sso/x", "UPSTREAM="+app(t).URL)
	for i, path := range []string{"/_sso/x/auth/sso/", "//_sso/x//auth/sso"} {
		b.browser().get(path+"?return_to=/a&jwt="+b.token(claims{"n": i})).want(t, 302, "/a")
	}
	if resp := b.browser().get("//auth/sso?jwt="+b.token(nil), "Accept: text/html"); resp.Header.Get("Location") == "/" {
		t.Error("without the prefix: signed in")
	}
}

// SECURITY B5: a token that came to a page is not carried on in the return path.
func TestTokensAreNotCarriedOn(t *testing.T) {
	b := start(t, "UPSTREAM="+app(t).URL)
	tok := b.token(nil)
	for path, want := range map[string]string{
		"/?jwt=" + tok:                  "/",
		"/page?a=1&jwt=" + tok + "&b=2": "/page?a=1&b=2",
		"/page?j%77t=" + tok:            "/page",
		"/page?a=%3B;b":                 "/page?a=%3B;b",
		"/page?ajwt=1":                  "/page?ajwt=1",
	} {
		resp := b.browser().get(path, "Accept: text/html")
		resp.want(t, 302, "/auth/sso?redirect="+url.QueryEscape(want))
	}
	for value, want := range map[string]string{
		"/a?jwt=" + tok + "&x=1": "/a?x=1", "/a?x=1#jwt=" + tok: "/a?x=1", "/a#/b?c=1&jwt=" + tok: "/a#/b?c=1", "/a#/b?jwt=" + tok: "/a#/b",
		"/a?jwt": "/a?jwt", "/a?": "/a?", "/a#": "/a#", "/a#jwt": "/a#jwt", b.url + "/?jwt=" + tok: "/",
	} {
		b.browser().get("/auth/sso?redirect="+url.QueryEscape(value)).want(t, 302, "https://idp.example/login?from=bridge&return_to="+strings.ReplaceAll(url.QueryEscape(want), "+", "%20"))
	}
}
