package server_test

import (
	"html"
	"strings"
	"testing"
)

// Two slashes in front of a page are a slip that apps forgive. Whoever is signed out signs in and lands;
// what begins with two slashes stays refused as a return path (SECURITY B1).
func TestSignedOutWithTwoSlashes(t *testing.T) {
	b := start(t, "UPSTREAM="+app(t).URL, "JWT_BINDING=state")
	for _, target := range []string{"//dashboard", "///dashboard", "//dashboard?x=%2F%2Fy", "/dashboard"} {
		c := b.browser()
		resp, conn, _ := b.raw("GET %s HTTP/1.1\nHost: x\nAccept: text/html\n\n", target)
		conn.Close()
		want := "/" + strings.TrimLeft(target, "/")
		if resp.StatusCode != 302 {
			t.Fatalf("%s: got %d, want 302", target, resp.StatusCode)
		}
		idp, err := c.get(resp.Header.Get("Location")).Location()
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		c.back("jwt", b.token(claims{"jti": target, "nonce": idp.Query().Get("nonce")}), "state", idp.Query().Get("state")).want(t, 302, want)
	}
	b.browser().get("/auth/sso?redirect=//dashboard").want(t, 400, "")
}

// /login?redirect= means /login?return_to=, through the password, the passkey's script and the identity provider.
func TestLoginKeepsTheWay(t *testing.T) {
	b := start(t)
	b.root()
	for _, name := range []string{"redirect", "return_to"} {
		resp := b.browser().get("/login?"+name+"=%2Fx%3Fa%3D1", page)
		for what, part := range map[string]string{
			"the password's form": `name="return_to" value="/x?a=1"`, "the identity provider's button": `/auth/sso?return_to=%2fx%3fa%3d1`,
		} {
			if !strings.Contains(strings.ToLower(html.UnescapeString(resp.body)), part) {
				t.Errorf("%s: %s does not lead back: no %s in %s", name, what, part, resp.body)
			}
		}
		b.browser().send("POST", "/login", form("email", "root@example.com", "password", goodPassword, name, "/x?a=1")).want(t, 303, "/x?a=1")
		signedIn := b.browser()
		signedIn.password("root@example.com", goodPassword)
		signedIn.get("/auth/confirm?"+name+"=/x").want(t, 302, "/x")
		b.browser().get("/login?"+name+"=//evil.example").want(t, 400, "")
		b.browser().get("/login?"+name+"=https://evil.example/").want(t, 400, "")
	}
	b.browser().get("/login?redirect=/x&return_to=/x").want(t, 400, "") // SECURITY B4
	b.browser().get("/login?redirect=/x&redirect=/y").want(t, 400, "")
	b.browser().send("POST", "/login", form("email", "root@example.com", "password", goodPassword, "return_to", "/x", "redirect", "/y")).want(t, 400, "")
	off := start(t, "ENABLE_PASSWORD_LOGIN=false")
	off.browser().get("/login?redirect=/x").want(t, 302, "/auth/sso?redirect=%2Fx")
}
