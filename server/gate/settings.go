package gate

import (
	"log"
	"net/http"
	"net/http/httputil"
	"sync/atomic"

	"github.com/ssobridge/ssobridge/server/web"
)

// settings are the settings in force, and what the gate makes of them once, not at each request.
type settings struct {
	*web.Site
	bearer string                 // BEARER_HEADER, plain
	proxy  *httputil.ReverseProxy // nil: no UPSTREAM
	hosts  []string               // those under which ACCESS_RULES know the app; nil: any
	// warnedOfRules: the log says that /auth/verify is asked, which does not follow the rules.
	warnedOfRules atomic.Bool
}

func newSettings(site *web.Site, transport http.RoundTripper, errorLog *log.Logger) *settings {
	n := &settings{Site: site, bearer: string(appendPlain(nil, site.Config.BearerHeader)), hosts: site.Config.RuleHosts()}
	if site.Config.Upstream != nil {
		n.proxy = newProxy(site.Config.Upstream, transport, errorLog)
	}
	return n
}
