package server

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
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
	security []field // headers of every answer
	peer     echo.IPExtractor
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

func newLive(l Live) *live {
	n := &live{cfg: l.Config, bridge: l.Bridge, peer: peerExtractor(l.Config.TrustedProxies)}
	n.cookie = newCookieSpec(l.Config)
	n.security = securityHeaders(contentSecurityPolicy(l), n.cookie.secure)
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
	for _, p := range l.Bridge.Providers {
		if p.Beginner != nil {
			form = append(form, origin(p.Beginner.Site()))
		}
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

// signIn is where a sign-in begins that ends at to.
func (l *live) signIn(to string) string {
	if to == "/" {
		return l.path("/auth/sso")
	}
	return l.path("/auth/sso?redirect=" + url.QueryEscape(to))
}

// loginPage is the page with all ways to sign in, after which a browser comes to to.
func loginPage(l *live, to string) string { return l.path("/login?return_to=" + url.QueryEscape(to)) }

func (l *live) signInURL() string {
	switch {
	case l.bridge.Providers.Sole() != nil:
		return l.path("/auth/sso")
	case len(l.bridge.Providers) > 0, l.cfg.EnablePasswordLogin, l.passkeysPossible():
		return l.path("/login")
	}
	return ""
}

func hostName(origin string) string {
	_, host, _ := strings.Cut(origin, "://")
	return withoutPort(host)
}

// withoutPort is the name or address in a Host header, without brackets.
func withoutPort(host string) string {
	if strings.HasPrefix(host, "[") {
		host, _, _ = strings.Cut(host[1:], "]")
		return host
	}
	host, _, _ = strings.Cut(host, ":")
	return host
}

// passkeysPossible reports whether browsers would make and use passkeys here: SITE_URL is https or this machine, and not an
// IP address (WebAuthn §5.1.2: the RP ID is a domain). Whoever turns passwords off keeps them: they cannot be guessed, and
// are the way in when the identity provider does not work.
func (l *live) passkeysPossible() bool {
	host := l.relyingParty()
	_, err := netip.ParseAddr(host)
	return err != nil && (l.cookie.secure || host == "localhost")
}

// relyingParty is the RP ID: SITE_URL's host, so that no sibling site can ask for our passkeys.
func (l *live) relyingParty() string {
	u, err := url.Parse(string(l.cfg.SiteURL))
	if err != nil {
		return ""
	}
	return u.Hostname()
}
