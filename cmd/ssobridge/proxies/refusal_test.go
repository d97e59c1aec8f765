package proxies

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
	"github.com/ssobridge/ssobridge/sso"
)

// What the bridge says to somebody who may not pass arrives, whichever proxy stands between; and while the bridge is down, the
// proxy shows a page of ours.
func TestRefusalsArrive(t *testing.T) {
	const html = "Accept: text/html,*/*;q=0.8"
	for _, p := range append(at(t, plain), at(t, apart)...) {
		if p.name == "traefik" && p.place == apart {
			continue
		}
		p.settings = []string{"JWT_GROUP_SYNC=true", `JWT_GROUP_MAPPINGS={"sales":["Sales"]}`, `ACCESS_RULES=[{"path":"/sales","allow":["Sales"]}]`}
		t.Run(map[place]string{plain: "plain/", apart: "two hosts/"}[p.place]+p.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, p)
			session := "Cookie: " + p.cookieName() + "=" + s.signIn(map[string]any{"groups": []string{}})
			another := `name="return_to" value="/sales?x=1"` // a form of our own page; on another host a link to one that asks first
			if p.place == apart {
				another = s.bridgeSite() + "/auth/logout?another=yes&amp;return_to="
			}
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
				{"another group", "GET", "/sales?x=1", []string{html, session}, 403, "text/html", []string{"ann@example.com", "in none of the groups that may", "Use another account", another}},
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
			s.oneRequest(session)
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
				s.stop()
				before := s.app.got.Load()
				if resp := s.send("GET", "/orders", html, session); resp.StatusCode != 500 || resp.body != "" || s.app.got.Load() != before {
					t.Errorf("without a bridge: got %s %.300s, want a bare 500", resp.Status, resp.body)
				}
				return
			}
			s.bridgeDown(session)
		})
	}
}

// oneRequest checks that the reference on a page leads to all lines of the log about it: a proxy may have asked twice, and the
// second question does not know what the first one wanted.
func (s *stack) oneRequest(session string) {
	t := s.t
	t.Helper()
	page := s.send("GET", "/sales/other", "Accept: text/html", session)
	id := page.Header.Get("X-Request-Id")
	asked := 0
	for line := range strings.SplitSeq(s.log.String(), "\n") {
		if !strings.Contains(line, "path=/sales/other") {
			continue
		}
		asked++
		if id == "" || !strings.Contains(line, "request_id="+id) {
			t.Errorf("the page's request is %q, the log has %s", id, line)
		}
	}
	if want := map[bool]int{true: 2, false: 1}[s.proxy.name == "nginx"]; asked != want {
		t.Errorf("got %d lines about it, want %d", asked, want)
	}
}

// bridgeDown checks what clients see while the bridge does not answer.
func (s *stack) bridgeDown(session string) {
	const code = sso.BridgeDown
	t := s.t
	t.Helper()
	s.stop()
	for _, who := range []string{session, "X: y"} {
		page, program := s.send("POST", "/orders", "Accept: text/html,*/*;q=0.8", who, "Content-Length: 0"), s.send("GET", "/api/orders", "Accept: */*", who)
		if page.StatusCode < 500 || !strings.Contains(page.body, "Please try again in a moment") || page.Header.Get("Retry-After") == "" ||
			!strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: got %s %v %.300s", code, page.Status, page.Header, page.body)
		}
		var got struct {
			Status        int
			Code, Message string
		}
		if err := json.Unmarshal([]byte(program.body), &got); err != nil || program.StatusCode != code.Status() || got.Status != code.Status() ||
			got.Code != string(code) || got.Message != sso.Message(code) || program.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s, a program: got %s %v %.300s", code, program.Status, program.Header, program.body)
		}
	}
}

// While the app does not answer, Caddy with these files says that it is the app.
func TestTheAppIsDown(t *testing.T) {
	for _, p := range append(at(t, plain), at(t, apart)...) {
		if !strings.HasPrefix(p.name, "caddy") {
			continue
		}
		t.Run(map[place]string{plain: "plain/", apart: "two hosts/"}[p.place]+p.name, func(t *testing.T) {
			t.Parallel()
			l, address := bridgetest.Listen(t)
			s := startWith(t, p, &app{addr: address})
			session := "Cookie: " + p.cookieName() + "=" + s.signIn(nil)
			l.Close()
			for _, accept := range []string{"text/html", "*/*"} {
				resp := s.send("GET", "/page", "Accept: "+accept, session)
				want := map[string]string{"text/html": "Please try again in a moment", "*/*": `"code":"` + string(sso.UpstreamDown) + `"`}[accept]
				if resp.StatusCode != 502 || !strings.Contains(resp.body, want) {
					t.Errorf("%s: got %s %.300s, want %q", accept, resp.Status, resp.body, want)
				}
			}
		})
	}
}
