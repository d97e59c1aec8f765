package proxies

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The host that the rules see is the one by which the proxy chose the app, and the one that the app sees. Of a request
// target that is a whole URL that is the URL's, whatever Host says (RFC 9112 §3.2.2; SECURITY H4).
func TestNoOtherHost(t *testing.T) {
	everywhere(t, func(t *testing.T, p proxy) {
		own := map[place]string{plain: "localhost", secure: "localhost", apart: "app.example.com"}[p.place]
		others := []string{"www.example.com", "auth.example.com", "evil.example.net"}
		rules := fmt.Sprintf(`{"host":%q,"path":"/things","allow":["Sales"]}`, own)
		if p.command != nil { // with UPSTREAM a rule about another host is refused at the start
			rules += `,{"host":"www.example.com","path":"/","allow":"public"}`
		}
		p.settings = []string{"ACCESS_RULES=[" + rules + "]"}
		s := start(t, p)
		scheme, host, _ := strings.Cut(s.site(), "://")
		port := ""
		if _, number, err := net.SplitHostPort(host); err == nil {
			port = ":" + number
		}
		cookie := "Cookie: " + p.cookieName() + "=" + s.signIn(nil)
		for _, other := range others {
			for _, named := range [][]string{
				{other}, {other + port}, {strings.ToUpper(other)}, {other + "."}, {other + ":443@" + host}, {host + "@" + other}, {host, other}, {other, host}, {host + ", " + other},
			} {
				var headers []string
				for _, name := range named {
					headers = append(headers, "Host: "+name)
				}
				for _, target := range []string{s.site(), "http://" + host, "https://" + host, strings.ToUpper(scheme) + "://" + strings.ToUpper(host), s.site() + "."} {
					for _, line := range []string{"GET %s HTTP/1.1", "POST %s HTTP/1.1", "GET %s HTTP/1.0"} {
						before := s.app.got.Load()
						line = fmt.Sprintf(line, target+"/things")
						for who, more := range map[string]string{"no one": "Content-Length: 0", "not one of Sales": cookie} {
							if resp := s.sendLines(s.site(), line, append(headers, more)...); s.app.got.Load() != before { // Caddy says 200 of a host that it does not know
								t.Fatalf("%s, %q, %s: got %s %s", line, headers, who, resp.Status, resp.body)
							}
						}
					}
				}
			}
		}
		// Honest ones, and what the app learns.
		for _, tt := range []struct{ target, host string }{
			{"", host}, {"", strings.ToUpper(host)}, {s.site(), host}, {s.site(), strings.ToUpper(host)}, {s.site(), "www.example.com" + port},
		} {
			resp := s.sendLines(s.site(), "GET "+tt.target+"/page?x=1 HTTP/1.1", "Host: "+tt.host, cookie)
			var got report
			if err := json.Unmarshal([]byte(resp.body), &got); err != nil {
				t.Errorf("%+v: got %s %s", tt, resp.Status, resp.body)
				continue
			}
			if !strings.EqualFold(got.Host, host) || !strings.EqualFold(got.Header.Get("X-Forwarded-Host"), host) || got.URI != "/page?x=1" {
				t.Errorf("%+v: the app got %s of %s, X-Forwarded-Host %q", tt, got.URI, got.Host, got.Header["X-Forwarded-Host"])
			}
		}
		s.ports(host)
	})
}

// ports checks that a browser comes back to the port that it named if that is the site's, and to no other.
func (s *stack) ports(host string) {
	t := s.t
	t.Helper()
	name, _, _ := strings.Cut(host, ":")
	for named, back := range map[string]bool{host: true, strings.ToUpper(host): true, name + ":1": false, name + ":99999999999": false, name + ":x": false} {
		before := s.app.got.Load()
		resp := s.sendLines(s.site(), "GET /page?x=1 HTTP/1.1", "Host: "+named, "Accept: text/html")
		to := resp.Header.Get("Location")
		if resp.StatusCode/100 == 2 || s.app.got.Load() != before {
			t.Errorf("Host: %s: got %s %s", named, resp.Status, resp.body)
		}
		page := "/page?x=1"
		if s.proxy.place == apart {
			page = s.site() + page
		}
		if want := "/auth/sso?redirect=" + url.QueryEscape(page); back && (resp.StatusCode != http.StatusFound || strings.TrimPrefix(to, s.bridgeSite()) != want) ||
			strings.Contains(to, "99999999999") || strings.Contains(to, "%3A1%2F") || strings.Contains(to, ":1/") {
			t.Errorf("Host: %s: got %s to %q", named, resp.Status, to)
		}
	}
}
