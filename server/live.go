package server

import (
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// live is what handlers derive from the settings once, not at each request.
type live struct {
	cfg      *setting.Config
	bridge   *sso.Bridge
	cookie   cookieSpec
	bearer   string                 // BEARER_HEADER, plain
	proxy    *httputil.ReverseProxy // nil: no UPSTREAM
	hosts    []string               // those under which ACCESS_RULES know the app; nil: any
	security []field                // headers of every answer
	peer     echo.IPExtractor
	// deaf: it was said that /auth/verify is asked, which does not follow the rules.
	deaf atomic.Bool
}

// path is where a path of the bridge stands for browsers.
func (l *live) path(p string) string { return l.cfg.Path(p) }

// cookieSpec is how the session cookie is written (CONTRACT 8).
type cookieSpec struct {
	name     string
	domain   string
	secure   bool
	sameSite http.SameSite
	maxAge   time.Duration // 0: the cookie dies with the browser
}

func newLive(l Live, transport http.RoundTripper, errorLog *log.Logger) *live {
	n := &live{cfg: l.Config, bridge: l.Bridge, peer: peerExtractor(l.Config.TrustedProxies)}
	n.cookie = newCookieSpec(l.Config)
	n.bearer = string(appendPlain(nil, l.Config.BearerHeader))
	n.hosts = l.Config.RuleHosts()
	n.security = securityHeaders(contentSecurityPolicy(l), n.cookie.secure)
	if l.Config.Upstream != nil {
		n.proxy = newProxy(l.Config.Upstream, transport, errorLog)
	}
	return n
}

func newCookieSpec(cfg *setting.Config) cookieSpec {
	c := cookieSpec{
		name:     "ssobridge",
		domain:   cfg.CookieDomain,
		secure:   https(cfg.SiteURL),
		sameSite: sameSite(cfg.SessionCookieSameSite),
	}
	if c.secure {
		c.name = "__Host-ssobridge" // draft-ietf-httpbis-rfc6265bis §4.1.3.2: no Domain, Path=/, Secure
		if c.domain != "" {
			c.name = "__Secure-ssobridge"
		}
	}
	if !cfg.SessionCookies {
		c.maxAge = cfg.MaxSessionAge
	}
	return c
}

// peerExtractor returns the client's address: the nearest one in X-Forwarded-For that is no trusted proxy. Without
// trusted proxies the header is not read at all (SECURITY 0.6: echo's default believes anyone).
func peerExtractor(trusted []netip.Prefix) echo.IPExtractor {
	if len(trusted) == 0 {
		return echo.ExtractIPDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range trusted {
		_, ipnet, err := net.ParseCIDR(p.Masked().String())
		if err == nil {
			options = append(options, echo.TrustIPRange(ipnet))
		}
	}
	return echo.ExtractIPFromXFFHeader(options...)
}

// contentSecurityPolicy allows our own assets and forms, nothing else (SECURITY L1). A form may be answered by a redirect
// to where people return to or sign in, and browsers hold form-action against that, too.
func contentSecurityPolicy(l Live) string {
	form := []string{"'self'"}
	for _, o := range l.Config.AllowedOrigins {
		form = append(form, string(o))
	}
	if l.Bridge.Provider != nil {
		form = append(form, origin(l.Bridge.Provider.URI))
	}
	if u := l.Config.JWTLogoutURI; u != nil {
		form = append(form, origin(u))
	}
	return "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
		"form-action " + strings.Join(form, " ") + "; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// https says whether people reach the bridge over TLS. That is what SITE_URL says, never what a request says: a proxy may
// end TLS in front of us, and a client may claim anything (SECURITY B8).
func https(site sso.Origin) bool { return strings.HasPrefix(string(site), "https://") }

func sameSite(name string) http.SameSite {
	switch name {
	case setting.SameSiteStrict:
		return http.SameSiteStrictMode
	case setting.SameSiteNone:
		return http.SameSiteNoneMode
	}
	return http.SameSiteLaxMode
}
