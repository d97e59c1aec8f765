package server_test

import (
	"strings"
	"testing"
)

// What ingress-nginx sends to auth-url, and where auth-signin leads with auth-signin-redirect-param: redirect. It hands on the
// client's own X-Forwarded-… but for Proto, which /auth/verify does not read.
func TestIngressNginx(t *testing.T) {
	b := start(t, "TRUSTED_PROXIES=127.0.0.1", "JWT_GROUP_SYNC=true")
	c := b.browser()
	ask := func(path string) response {
		return c.get(path, acceptPage, "X-Original-URL: "+b.url+"/a?b=1&c=2", "X-Original-Method: POST", "X-Sent-From: nginx-ingress-controller",
			"X-Auth-Request-Redirect: /a?b=1&c=2", "X-Real-IP: 192.0.2.7", "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Uri: /public", "X-Forwarded-Host: evil.example",
			"Remote-User: root@example.com")
	}
	if resp := ask("/auth/verify"); resp.StatusCode != 401 || resp.Header.Get("Location") != "" {
		t.Errorf("signed out: got %d to %q, want 401: a redirect is an error to auth_request", resp.StatusCode, resp.Header.Get("Location"))
	}
	// It writes scheme and host as they are, and escapes path and query.
	begin := c.get("/auth/sso?redirect=" + b.url + "%2Fa%3Fb%3D1%26c%3D2")
	if to := begin.Header.Get("Location"); begin.StatusCode != 302 || !strings.HasSuffix(to, "return_to=%2Fa%3Fb%3D1%26c%3D2") {
		t.Fatalf("auth-signin: got %d to %q", begin.StatusCode, to)
	}
	c.get("/auth/sso?return_to=%2Fa%3Fb%3D1%26c%3D2&jwt="+b.token(nil)).want(t, 302, "/a?b=1&c=2")
	if resp := ask("/auth/verify"); resp.StatusCode != 200 || resp.Header.Get("Remote-User") != "ann@example.com" {
		t.Errorf("signed in: got %d as %q", resp.StatusCode, resp.Header.Get("Remote-User"))
	}
	if resp := ask("/auth/verify?group=Sales"); resp.StatusCode != 403 {
		t.Errorf("another group: got %d", resp.StatusCode)
	}
	if resp := ask("/auth/forward"); resp.StatusCode != 403 { // SECURITY H4
		t.Errorf("forward: got %d", resp.StatusCode)
	}
}
