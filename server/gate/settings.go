package gate

import (
	"log"
	"net/http"
	"net/http/httputil"
	"sync/atomic"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso/origin"
)

// settings are the settings in force, and what the gate makes of them once, not at each request.
type settings struct {
	*web.Site
	bearers *bearers               // nil: no provider takes tokens
	headers []string               // in which credentials come, beside Authorization and the cookie
	secret  []string               // the same, plain
	proxy   *httputil.ReverseProxy // nil: no UPSTREAM
	hosts   []string               // those under which ACCESS_RULES know the app; nil: any
	sites   sites                  // SITE_URL and ALLOWED_ORIGINS
	verify  route
	forward route
	// warnedOfRules: the log says that /auth/verify is asked, which does not follow the rules.
	warnedOfRules atomic.Bool
}

func newSettings(site *web.Site, transport http.RoundTripper, errorLog *log.Logger) *settings {
	n := &settings{Site: site, hosts: site.Config.RuleHosts(), sites: newSites(append([]origin.Origin{site.Config.SiteURL}, site.Config.AllowedOrigins...))}
	if site.Bridge != nil {
		n.bearers = newBearers(site.Bridge.Providers, site.Config.BearerHeader, site.Config.BearerParameter)
	}
	n.forward.with = []string{"cookies", "sign_in", "forbidden"}
	n.headers = n.headersOf()
	for _, name := range n.headers {
		n.secret = append(n.secret, string(appendPlain(nil, name)))
	}
	if site.Config.Upstream != nil {
		n.proxy = newProxy(site.Config.Upstream, transport, errorLog)
	}
	return n
}
