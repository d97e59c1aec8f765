package gate

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/access"
	"github.com/ssobridge/ssobridge/sso/origin"
)

// The headers in which a proxy says what it was asked for.
const (
	forwardedMethod = "X-Forwarded-Method"
	forwardedProto  = "X-Forwarded-Proto"
	forwardedHost   = "X-Forwarded-Host"
	forwardedURI    = "X-Forwarded-Uri"
)

// wanted is the request that a proxy asks about.
type wanted struct {
	method string
	origin origin.Origin
	host   string // without port
	uri    string // path and query as they were sent
}

// path is the path as it was sent.
func (o wanted) path() string {
	path, _, _ := strings.Cut(o.uri, "?")
	return path
}

// Forward answers GET /auth/forward for nginx, Traefik's forwardAuth and Caddy's forward_auth: as /auth/verify does, but by
// ACCESS_RULES too, and a browser that is not signed in is sent to sign in and comes back to the page it wanted.
//
// With ?with=cookies a 2xx also carries Cookie and Authorization as the app may see them, without what is ours: for
// proxies that can take headers from the answer and cannot edit them well (nginx, Traefik). A proxy that lets clients call this route
// themselves should not: scripts of its pages could read cookies that are kept from them.
//
// With ?with=sign_in the answer is as for no one, whatever ACCESS_RULES say: for nginx, whose auth_request knows no redirect,
// once its first question got 401. With ?with=forbidden it is never 2xx: for nginx once it got 403, of whose body it keeps
// nothing. No client gets more by either than by asking for the page.
func (g *Gate) Forward(w http.ResponseWriter, r *http.Request) {
	if !g.asksAsGet(w, r) {
		return
	}
	s := g.settings.Load()
	want, err := s.forwarded(r)
	if err != nil {
		g.refuseForward(w, r, s, want, err)
		return
	}
	asked, err := s.readAsks(r, &s.forward)
	if err != nil {
		if _, query, _ := strings.Cut(want.uri, "?"); query == r.URL.RawQuery {
			err = fmt.Errorf("the proxy hands on the query of the page (in a Caddyfile: write uri /auth/forward? with the question mark): %w", err)
		}
		g.logAsks(r, s, err)
		g.refuseForward(w, r, s, want, err)
		return
	}
	e, err := (*entry)(nil), error(sso.NotSignedIn)
	if asked.with != "sign_in" {
		e, err = g.admitForward(r, s, want, asked.groups)
	}
	if asked.with == "forbidden" && err == nil {
		if err = sso.NotSignedIn; e != nil {
			err = &outsider{e.account, "the proxy asked, and was told so; another line of this request_id says why"}
		}
	}
	if err != nil {
		g.refuseForward(w, r, s, want, err)
		return
	}
	g.setIdentity(w.Header(), e)
	if asked.with == "cookies" {
		s.handCredentials(w.Header(), r.Header)
	}
	g.answerVerify(w, http.StatusOK)
}

// admitForward is admit where the proxy may ask for groups, too.
func (g *Gate) admitForward(r *http.Request, s *settings, want wanted, groups []string) (*entry, error) {
	rule, err := s.decide(want.host, want.method, want.path(), r.Header)
	if err != nil {
		return nil, err
	}
	if len(groups) > 0 {
		rule.Public = false // the proxy asks for more
	}
	e, err := g.admit(r, s, rule)
	if err == nil && len(groups) > 0 && !e.inAny(groups) {
		return nil, notIn(e, groups)
	}
	return e, err
}

// decide returns the rule for a request. Where that hangs on the method, a request that names another one besides is
// refused: to an app that honours it, it is that other one (SECURITY H4). So is "post": methods have a case (RFC 9110 §9.1),
// which some apps do not look at. TRACE, and TRACK of IIS, would show what we added (RFC 9110 §9.3.8).
//
// While rules name hosts, one that is not known is refused: of an app that gets all hosts, or does not look at Host, a
// client could name any other to slip past a rule that names one.
func (s *settings) decide(host, method, path string, h http.Header) (access.Rule, error) {
	switch strings.ToUpper(method) { // apps take "trace" for TRACE
	case http.MethodTrace, "TRACK", http.MethodConnect:
		return access.Rule{}, sso.MethodNotAllowed
	}
	rule, byMethod, err := s.Config.AccessRules.Decide(host, method, path)
	if err != nil {
		return access.Rule{}, err
	}
	if byMethod {
		if method != strings.ToUpper(method) {
			return access.Rule{}, fmt.Errorf("ACCESS_RULES name methods for this path, and the app may take %q for another: %w",
				sso.Truncate(method, 20), sso.Forbidden)
		}
		for name := range h {
			if s.kindOf(name) == override {
				return access.Rule{}, fmt.Errorf("ACCESS_RULES name methods for this path, and %s may make the app take another than %q: %w",
					name, sso.Truncate(method, 20), sso.Forbidden)
			}
		}
	}
	if s.hosts != nil && !slices.Contains(s.hosts, strings.TrimSuffix(strings.ToLower(host), ".")) {
		return access.Rule{}, fmt.Errorf("ACCESS_RULES name hosts, and %q is neither among them nor in SITE_URL or ALLOWED_ORIGINS: %w",
			sso.Truncate(host, 100), sso.ProxyRefused)
	}
	return rule, nil
}

// admit decides whether a request may pass. A nil entry without an error is anyone, on a public path.
func (g *Gate) admit(r *http.Request, s *settings, rule access.Rule) (*entry, error) {
	e, err := g.check(r, s)
	switch {
	case err != nil && actsForNone(err) && rule.Public:
		return nil, nil
	case err != nil:
		return nil, err
	case len(rule.Groups) > 0 && !e.inAny(rule.Groups):
		return nil, notIn(e, rule.Groups)
	}
	return e, nil
}

// outsider is the error of an account that is in none of the groups, which are of a rule or of the proxy's own query.
type outsider struct {
	account int64
	reason  string
}

func notIn(e *entry, groups []string) error {
	return &outsider{e.account, "in none of the groups " + sso.Truncate(fmt.Sprintf("%q", groups), 500)}
}

func (o *outsider) Error() string { return fmt.Sprintf("%s: %v", o.reason, sso.Forbidden) }

// Account is whose request it was.
func (o *outsider) Account() int64 { return o.account }

func (o *outsider) Unwrap() error { return sso.Forbidden }

// turnsForwardOn says which setting keeps /auth/forward off, and what to do about it.
func (s *settings) turnsForwardOn(peer string) string {
	switch {
	case s.Config.Text("FORWARD_AUTH") == "" && s.Config.Upstream != nil:
		return fmt.Sprintf("UPSTREAM is set, so that the bridge is the proxy itself: leave UPSTREAM out, and set TRUSTED_PROXIES to the proxy's address if %s is it", peer)
	case len(s.Config.TrustedProxies) > 0:
		return "FORWARD_AUTH is false: set it to true or not at all"
	}
	return fmt.Sprintf("set TRUSTED_PROXIES to the proxy's address if %s is it, and FORWARD_AUTH to true or not at all", peer)
}

// forwarded reads what a proxy says that it was asked for. It is believed from trusted proxies only, and only when each
// header is there once, in one spelling: a second one is a client's (SECURITY H4, CVE-2026-40575).
func (s *settings) forwarded(r *http.Request) (want wanted, err error) {
	refuse := func(format string, args ...any) (wanted, error) {
		return wanted{}, fmt.Errorf(format+": %w", append(args, sso.ProxyRefused)...)
	}
	if !s.Config.ForwardAuth {
		return refuse("/auth/forward is off: %s", s.turnsForwardOn(r.RemoteAddr))
	}
	if !s.fromTrustedProxy(r) {
		return refuse("%s is not in TRUSTED_PROXIES: add it there if it is the proxy", r.RemoteAddr)
	}
	for name := range r.Header {
		if s.posesAsForwarded(name) {
			return refuse("%s came besides the headers of the proxy: a client sent it, or the proxy must be told to remove it", name)
		}
	}
	var values [4]string
	for i, name := range []string{forwardedMethod, forwardedProto, forwardedHost, forwardedURI} {
		v := r.Header[name]
		if len(v) != 1 || v[0] == "" {
			return refuse("the proxy sent %d headers %s: have it set this header, exactly once", len(v), name)
		}
		values[i] = v[0]
	}
	want.method, want.uri = values[0], values[3]
	if want.uri[0] != '/' {
		return refuse("%s is not a path", forwardedURI)
	}
	scheme := strings.Replace(values[1], "ws", "http", 1) // of WebSockets some proxies say ws or wss
	if scheme != "http" && scheme != "https" {
		return refuse("%s from %s is %q: it must be http or https alone. Where two proxies write it, have the inner one set it anew, or leave "+
			"it as the outer one wrote it", forwardedProto, r.RemoteAddr, sso.Truncate(values[1], 50))
	}
	if want.origin, want.host, err = s.sites.read(scheme, values[2]); err != nil {
		return refuse("%s from %s is %q, which is no host: %v", forwardedHost, r.RemoteAddr, sso.Truncate(values[2], 100), err)
	}
	return want, nil
}

// sites are origins that are read already: most questions are about one of them.
type sites []readSite

type readSite struct {
	scheme, authority string // as the origin has them
	origin            origin.Origin
	host              string
}

// newSites leaves those out that would be read as another text than they are.
func newSites(known []origin.Origin) (all sites) {
	for _, o := range known {
		scheme, authority, _ := strings.Cut(string(o), "://")
		if read, host, err := sites(nil).read(scheme, authority); err == nil && read == o {
			all = append(all, readSite{scheme, authority, o, host})
		}
	}
	return all
}

// read is [origin.Parse] and the host of what it returns.
func (known sites) read(scheme, authority string) (o origin.Origin, host string, err error) {
	for i := range known {
		if k := &known[i]; k.authority == authority && k.scheme == scheme {
			return k.origin, k.host, nil
		}
	}
	o, err = origin.Parse(scheme + "://" + authority)
	return o, web.HostName(string(o)), err
}

func (s *settings) fromTrustedProxy(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr := peer.Addr().Unmap()
	return slices.ContainsFunc(s.Config.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// posesAsForwarded reports whether a header is another way to say what the X-Forwarded-… headers say, or another spelling
// of one of them.
func (s *settings) posesAsForwarded(name string) bool {
	switch name {
	case "", forwardedMethod, forwardedProto, forwardedHost, forwardedURI:
		return false
	}
	return name[0]|0x20 == 'x' && s.kindOf(name) == target // all such names begin with that
}

// sendToSignIn redirects a browser to sign in and back. Where its session would not reach, it would come back signed out
// for ever, so that is refused.
func (g *Gate) sendToSignIn(w http.ResponseWriter, r *http.Request, s *settings, want wanted) {
	site, domain := s.Config.SiteURL, s.Config.CookieDomain
	var err error
	switch {
	case want.origin != site && !slices.Contains(s.Config.AllowedOrigins, want.origin):
		err = fmt.Errorf("%s is neither SITE_URL nor in ALLOWED_ORIGINS: add it there: %w", want.origin, sso.ProxyRefused)
	case want.host != web.HostName(string(site)) && (domain == "" || want.host != domain && !strings.HasSuffix(want.host, "."+domain)):
		err = fmt.Errorf("sessions of %s do not reach %s: set COOKIE_DOMAIN to a domain of both: %w", site, want.host, sso.ProxyRefused)
	}
	if err != nil {
		g.refuseForward(w, r, s, want, err)
		return
	}
	path, query, asks := strings.Cut(want.uri, "?")
	g.web.WarnStrayToken(r, path, query)
	if query = s.withoutBearer(query); asks && query != "" { // SECURITY B5
		path += "?" + query
	}
	to, err := s.Bridge.Return.Parse(string(want.origin) + path)
	if err != nil {
		g.refuseForward(w, r, s, want, err)
		return
	}
	w.Header().Set("Location", s.Config.URL("/auth/sso?redirect="+url.QueryEscape(to)))
	g.answerVerify(w, http.StatusFound)
}

// refuseForward answers a proxy's question with no.
func (g *Gate) refuseForward(w http.ResponseWriter, r *http.Request, s *settings, want wanted, err error) {
	if sso.CodeOf(err) == sso.NotSignedIn && web.ReaderOf(r).CanSignIn(want.method) {
		g.sendToSignIn(w, r, s, want)
		return
	}
	g.refuseApp(w, r, s, want, err)
	g.web.Metrics.Verified(sso.CodeOf(err).Status())
}
