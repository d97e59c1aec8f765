package server

import (
	"log"
	"net/http"
	"net/http/httputil"
	"sync/atomic"
)

// settings are the settings in force, and what the gate makes of them once, not at each request.
type settings struct {
	*live
	bearer string                 // BEARER_HEADER, plain
	proxy  *httputil.ReverseProxy // nil: no UPSTREAM
	hosts  []string               // those under which ACCESS_RULES know the app; nil: any
	// deaf: it was said that /auth/verify is asked, which does not follow the rules.
	deaf atomic.Bool
}

func newSettings(l *live, transport http.RoundTripper, errorLog *log.Logger) *settings {
	n := &settings{live: l, bearer: string(appendPlain(nil, l.cfg.BearerHeader)), hosts: l.cfg.RuleHosts()}
	if l.cfg.Upstream != nil {
		n.proxy = newProxy(l.cfg.Upstream, transport, errorLog)
	}
	return n
}
