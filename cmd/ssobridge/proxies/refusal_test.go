package proxies

import (
	"strings"
	"testing"
)

// What the bridge says to somebody who may not pass arrives, whichever proxy stands between; and while the bridge is down, the
// proxy shows a page of ours.
func TestRefusalsArrive(t *testing.T) {
	const html = "Accept: text/html,*/*;q=0.8"
	for _, p := range append(at(plain), at(apart)...) {
		if p.name == "traefik" && p.place == apart {
			continue
		}
		p.settings = []string{"JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"sales":["Sales"]}`, `ACCESS_RULES=[{"path":"/sales","allow":["Sales"]}]`}
		t.Run(map[place]string{plain: "plain/", apart: "two hosts/"}[p.place]+p.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, p)
			session := "Cookie: " + p.cookieName() + "=" + s.signIn(map[string]any{"groups": []string{}})
			for _, tt := range []struct {
				what, method, target string
				headers              []string
				status               int
				kind                 string
				has                  []string
			}{
				{"a form", "POST", "/orders", []string{html, "Sec-Fetch-Mode: navigate", "Content-Length: 0"}, 401, "text/html", []string{"Nothing was saved", "/auth/sso\" target=\"_blank\""}},
				{"fetch", "GET", "/api/orders", []string{"Accept: */*", "Sec-Fetch-Mode: cors"}, 401, "application/problem+json", []string{`"code":"not_signed_in"`, `"reference":"`, `"sign_in":"` + s.bridgeSite() + `/auth/sso"`}},
				{"fetch, POST", "POST", "/api/orders", []string{"Accept: application/json", "Content-Length: 0"}, 401, "application/problem+json", []string{`"sign_in":"`}},
				{"jQuery", "GET", "/part", []string{"Accept: text/html, */*; q=0.01", "X-Requested-With: XMLHttpRequest"}, 401, "application/problem+json", []string{`"sign_in":"`}},
				{"another group", "GET", "/sales?x=1", []string{html, session}, 403, "text/html", []string{"ann@example.com", "Use another account", "/auth/logout?return_to="}},
				{"another group, a program", "GET", "/sales", []string{"Accept: */*", session}, 403, "application/problem+json", []string{`"code":"forbidden"`}},
			} {
				resp := s.send(tt.method, tt.target, tt.headers...)
				ok := resp.StatusCode == tt.status && strings.HasPrefix(resp.Header.Get("Content-Type"), tt.kind) && resp.Header.Get("Cache-Control") == "no-store"
				for _, want := range tt.has {
					ok = ok && strings.Contains(resp.body, want)
				}
				if !ok || resp.Header.Get("Remote-User") != "" {
					t.Errorf("%s: got %s %v %.900s, want %d with %q", tt.what, resp.Status, resp.Header, resp.body, tt.status, tt.has)
				}
			}
			if resp := s.send("GET", "/sales", html); resp.StatusCode != 302 {
				t.Errorf("a page: got %s, want 302 to sign in", resp.Status)
			}
			// Nobody reaches by address what nginx asks for itself.
			for _, target := range []string{"/auth/forward?with=forbidden", "/ssobridge-down.html", "/@forbidden"} {
				if resp := s.send("GET", target, "Accept: */*", session); strings.Contains(resp.body, "ann@example.com") && resp.StatusCode != 200 {
					t.Errorf("%s: got %s %.300s", target, resp.Status, resp.body)
				}
			}
			if p.name == "traefik" { // it has no page of its own
				return
			}
			s.stop()
			for _, who := range []string{session, "X: y"} {
				page, program := s.send("POST", "/orders", html, who, "Content-Length: 0"), s.send("GET", "/api/orders", "Accept: */*", who)
				if page.StatusCode < 500 || !strings.Contains(page.body, "Please try again in a moment") || page.Header.Get("Retry-After") == "" {
					t.Errorf("without a bridge: got %s %.300s", page.Status, page.body)
				}
				if program.StatusCode < 500 || !strings.Contains(program.body, `"code":"bridge_unavailable"`) || program.Header.Get("Content-Type") != "application/problem+json" {
					t.Errorf("without a bridge, a program: got %s %v %.300s", program.Status, program.Header, program.body)
				}
			}
		})
	}
}
