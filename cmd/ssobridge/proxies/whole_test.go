package proxies

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/bridgetest"
)

// fronts are files of proxies that hand everything to a bridge with UPSTREAM.
var fronts = map[string]string{
	"nginx.conf": `server {
	listen 8080;
	client_max_body_size 0;
	location / {
		proxy_pass http://127.0.0.1:3000;
		proxy_http_version 1.1;
		proxy_request_buffering off; # else the app sees no request that is still under way
		proxy_set_header Host $http_host;
		proxy_set_header X-Forwarded-For $remote_addr;
	}
}
`,
	"Caddyfile":   ":8080 {\n\treverse_proxy 127.0.0.1:3000\n}\n",
	"dynamic.yml": "http:\n  routers: {all: {rule: PathPrefix(`/`), service: bridge}}\n  services: {bridge: {loadBalancer: {servers: [{url: http://127.0.0.1:3000}]}}}\n",
}

// lastProxy is what hands on to the app, or to the bridge in front of it.
var lastProxy = regexp.MustCompile(`(?m)^(\treverse_proxy 127\.0\.0\.1:3000|\t\treverse_proxy 127\.0\.0\.1:8000)\n`)

// CONTRACT 7: behind each proxy, and through it, an answer that begins before the request has ended arrives whole.
func TestAnswersAreWholeBehindProxies(t *testing.T) {
	for _, asks := range []bool{true, false} {
		for _, p := range at(t, plain) {
			a := &app{addr: strings.TrimPrefix(bridgetest.EarlyApp(t), "http://")}
			p.settings = []string{"ACCESS_RULES="}
			if !asks {
				p.files, p.settings = fronts, append(p.settings, "UPSTREAM=http://"+a.addr)
			}
			switch p.name {
			case "caddy 2.11":
				p.global = "\tservers {\n\t\tenable_full_duplex\n\t}\n"
			case "caddy of Debian":
				p.edit = func(text string) string { return lastProxy.ReplaceAllString(text, "$1 {\n\tbuffer_requests\n}\n") }
			}
			t.Run(map[bool]string{true: "it asks/", false: "in front of UPSTREAM/"}[asks]+p.name, func(t *testing.T) {
				s := startWith(t, p, a)
				cookie := p.cookieName() + "=" + s.signIn(nil)
				for _, chunked := range []bool{false, true} {
					t.Run(fmt.Sprintf("chunked %v", chunked), func(t *testing.T) {
						bridgetest.WholeAnswers(t, s.site()+"/x", cookie, bridgetest.Repetitions(t, 100), chunked)
					})
				}
			})
		}
	}
}
