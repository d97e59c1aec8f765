package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/origin"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

// Site is what handlers derive from the settings once, not at each request.
type Site struct {
	Config   *setting.Config
	Bridge   *sso.Bridge
	Cookie   SessionCookie
	forms    []string // to which sites forms of ours may lead
	security []field  // headers of every answer
	Peer     echo.IPExtractor

	brand      templates.Brand
	brandFiles []brandFile
}

// Path is where a path of the bridge stands for browsers.
func (site *Site) Path(p string) string { return site.Config.Path(p) }

// SessionCookie is how the session cookie is written (CONTRACT 8).
type SessionCookie struct {
	Name     string
	domain   string
	Secure   bool
	SameSite http.SameSite
	maxAge   time.Duration // 0: the cookie dies with the browser
}

func newSite(cfg *setting.Config, bridge *sso.Bridge) *Site {
	n := &Site{Config: cfg, Bridge: bridge, Peer: peerExtractor(cfg.TrustedProxies)}
	n.Cookie = newCookieSpec(cfg)
	n.forms = formTargets(cfg, bridge)
	n.brand, n.brandFiles = brandOf(cfg), brandFiles(cfg)
	n.security = securityHeaders(contentSecurityPolicy(n.forms), n.Cookie.Secure)
	return n
}

func newCookieSpec(cfg *setting.Config) SessionCookie {
	c := SessionCookie{
		Name:     "ssobridge",
		domain:   cfg.CookieDomain,
		Secure:   https(cfg.SiteURL),
		SameSite: sameSite(cfg.SessionCookieSameSite),
	}
	if c.Secure {
		c.Name = "__Host-ssobridge" // draft-ietf-httpbis-rfc6265bis §4.1.3.2: no Domain, Path=/, Secure
		if c.domain != "" {
			c.Name = "__Secure-ssobridge"
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

// contentSecurityPolicy allows our own assets and forms, nothing else (SECURITY L1).
func contentSecurityPolicy(forms []string) string {
	return "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
		"form-action " + strings.Join(forms, " ") + "; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
}

// formTargets are the sites to which the answer to a form may redirect: where people return to, sign in or sign out. Browsers hold
// form-action against that, too. Only what is configured is among them. Where a provider says of itself that its pages are, the
// bridge does not know at each moment: see [Web.Leave].
func formTargets(cfg *setting.Config, bridge *sso.Bridge) []string {
	form := []string{"'self'"}
	for _, o := range cfg.AllowedOrigins {
		form = append(form, string(o))
	}
	for _, p := range bridge.Providers.Beginners() {
		form = append(form, siteOf(p.Beginner.Site()))
	}
	for _, p := range cfg.Providers {
		if p.LogoutURI != nil {
			form = append(form, siteOf(p.LogoutURI))
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(form)))
}

func siteOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// https says whether people reach the bridge over TLS. That is what SITE_URL says, never what a request says: a proxy may
// end TLS in front of us, and a client may claim anything (SECURITY B8).
func https(site origin.Origin) bool { return strings.HasPrefix(string(site), "https://") }

func sameSite(name string) http.SameSite {
	switch name {
	case setting.SameSiteStrict:
		return http.SameSiteStrictMode
	case setting.SameSiteNone:
		return http.SameSiteNoneMode
	}
	return http.SameSiteLaxMode
}

// SignInWith is where a sign-in with one provider begins that ends at to.
func (site *Site) SignInWith(provider, to string) string {
	return site.Path("/auth/sso?" + url.Values{"provider": {provider}, "redirect": {to}}.Encode())
}

// SignIn is where a sign-in begins that ends at to. Where there are several providers, the person chooses one there.
func (site *Site) SignIn(to string) string {
	if to == "/" {
		return site.Path("/auth/sso")
	}
	return site.Path("/auth/sso?redirect=" + url.QueryEscape(to))
}

// LoginPage is the page with all ways to sign in, after which a browser comes to to.
func LoginPage(site *Site, to string) string {
	return site.Path("/login?return_to=" + url.QueryEscape(to))
}

// AnotherURL is the page where somebody else signs in than the one who has a session at the identity provider.
func AnotherURL(site *Site, to string) string { return forAnother(site.Path("/login"), to) }

// forAnother is a page's address for somebody else, who comes to to afterwards; "" is nowhere in particular.
func forAnother(page, to string) string {
	q := url.Values{"another": {"yes"}}
	if to != "" {
		q.Set("return_to", to)
	}
	return page + "?" + q.Encode()
}

// SignInURL is where a sign-in begins that names no page; "" while there is no way in.
func (site *Site) SignInURL() string {
	switch beginners := site.Bridge.Providers.Beginners(); {
	case beginners.Sole() != nil:
		return site.Path("/auth/sso")
	case len(beginners) > 0, site.Config.EnablePasswordLogin, site.PasskeysPossible():
		return site.Path("/login")
	}
	return ""
}

// HostName is the host of an origin, without its port.
func HostName(origin string) string {
	_, host, _ := strings.Cut(origin, "://")
	return WithoutPort(host)
}

// WithoutPort is the name or address in a Host header, without brackets.
func WithoutPort(host string) string {
	if strings.HasPrefix(host, "[") {
		host, _, _ = strings.Cut(host[1:], "]")
		return host
	}
	host, _, _ = strings.Cut(host, ":")
	return host
}

// PasskeysPossible reports whether browsers would make and use passkeys here: SITE_URL is https or this machine, and not an
// IP address (WebAuthn §5.1.2: the RP ID is a domain). Whoever turns passwords off keeps them: they cannot be guessed, and
// are the way in when the identity provider does not work.
func (site *Site) PasskeysPossible() bool {
	host := site.RelyingParty()
	_, err := netip.ParseAddr(host)
	return err != nil && (site.Cookie.Secure || host == "localhost")
}

// RelyingParty is the RP ID: SITE_URL's host, so that no sibling site can ask for our passkeys.
func (site *Site) RelyingParty() string {
	u, err := url.Parse(string(site.Config.SiteURL))
	if err != nil {
		return ""
	}
	return u.Hostname()
}
