package setting

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/ssobridge/ssobridge/sso/origin"
	"github.com/ssobridge/ssobridge/sso/setting/parse"
)

// derive fills in what follows from several settings, and holds them against one another. Rules about a setting that is
// broken anyway are left out: they would only repeat the fault.
func (c *Config) derive(broken map[string]bool) []Fault {
	if c.SiteURL == "" {
		c.SiteURL = localSite(c.listenPort())
	}
	c.deriveEnabled()
	c.deriveBearer()
	c.deriveOpenID()
	if c.Text("FORWARD_AUTH") == "" {
		// With UPSTREAM TRUSTED_PROXIES name what does TLS. It hands on X-Forwarded-Uri as scripts of the app set it, and
		// with=cookies would tell them what is kept from scripts (SECURITY H4).
		c.ForwardAuth = len(c.TrustedProxies) > 0 && c.Upstream == nil
	}
	j := &judge{c: c, broken: broken}
	j.process()
	j.app()
	j.providers()
	j.cookies()
	return j.faults
}

// localSite is the origin under which a browser on this machine reaches the bridge.
func localSite(port uint16) origin.Origin {
	if port == 80 {
		return "http://localhost"
	}
	return origin.Origin("http://localhost:" + strconv.Itoa(int(port)))
}

func (c *Config) listenPort() uint16 {
	_, text, _ := net.SplitHostPort(c.Listen)
	n, _ := strconv.ParseUint(text, 10, 16)
	if n == 0 {
		return c.port
	}
	return uint16(n)
}

type judge struct {
	c      *Config
	broken map[string]bool
	faults []Fault
}

// fault adds a fault of setting name, unless it or one of others is broken already.
func (j *judge) fault(name, problem, hint string, others ...string) {
	for _, n := range append(others, name) {
		if j.broken[n] {
			return
		}
	}
	f := Fault{Name: name, Problem: problem, Hint: hint}
	if src := j.c.Source(name); src.Kind != FromDefault {
		f.Source = src.String()
	}
	j.faults = append(j.faults, f)
}

func (j *judge) warn(format string, args ...any) {
	j.c.Warnings = append(j.c.Warnings, fmt.Sprintf(format, args...))
}

func (j *judge) process() {
	c := j.c
	if _, sqlite := c.SQLitePath(); !sqlite && c.SecretKey == nil {
		j.fault("SECRET_KEY", "is not set, which it must be with PostgreSQL: every replica needs the same one",
			`set it to what "openssl rand -base64 33" prints`, "DATABASE_URL")
	}
	if _, sqlite := c.SQLitePath(); !sqlite && c.BackupEvery > 0 {
		j.fault("BACKUP_EVERY", "is for SQLite, and DATABASE_URL is a PostgreSQL database", "leave it out, and use pg_dump", "DATABASE_URL")
	}
	if c.AdminEmail != "" && c.AdminPassword == "" {
		j.fault("ADMIN_PASSWORD", "is not set, and ADMIN_EMAIL needs it", "name a file that holds it in "+envPrefix+"ADMIN_PASSWORD_FILE", "ADMIN_EMAIL")
	}
	if c.AdminPassword != "" && c.AdminEmail == "" {
		j.fault("ADMIN_EMAIL", "is not set, and ADMIN_PASSWORD needs it", "", "ADMIN_PASSWORD")
	}
	if c.AdminEmail != "" && !c.EnablePasswordLogin {
		j.warn("ADMIN_EMAIL's administrator has a password and nothing else, and ENABLE_PASSWORD_LOGIN is off: it cannot sign in")
	}
	if c.MetricsListen == c.Listen && c.listenPort() != 0 {
		j.fault("METRICS_LISTEN", "is the same as LISTEN", "take another port, or leave it out", "LISTEN")
	}
	if c.Text("SITE_URL") == "" && !j.listensHereOnly() {
		j.warn("LISTEN %s can be reached from other machines, but SITE_URL is not set: links lead to %s", c.Listen, c.SiteURL)
	}
}

func (j *judge) app() {
	c := j.c
	if c.Upstream != nil {
		const forEver, hint = "the bridge would ask itself for ever", "name the address of the app behind it"
		if up, err := origin.Parse(c.Upstream.Scheme + "://" + c.Upstream.Host); err == nil && up == c.SiteURL {
			j.fault("UPSTREAM", "is SITE_URL: "+forEver, hint, "SITE_URL")
		} else if listensAt(c.Listen, c.Upstream) {
			j.fault("UPSTREAM", "is LISTEN: "+forEver, hint, "LISTEN")
		}
	}
	if c.ForwardAuth && len(c.TrustedProxies) == 0 { // SECURITY H4: anyone could say what they asked for
		j.fault("FORWARD_AUTH", "is true, but TRUSTED_PROXIES is not set: /auth/forward believes headers, and must know from whom",
			"set TRUSTED_PROXIES to the address of the proxy, such as 127.0.0.1", "TRUSTED_PROXIES")
	}
	if hosts := c.RuleHosts(); c.Upstream != nil && len(hosts) > 1 { // SECURITY H4
		j.fault("ACCESS_RULES", "names a host, and UPSTREAM is one app under each of "+strings.Join(hosts, ", ")+": who asks for it under another would slip past the rule",
			"leave host out, so that the rule is about the app under all its names", "UPSTREAM", "SITE_URL", "ALLOWED_ORIGINS")
	}
	shadowed := c.AccessRules.Shadowed()
	for _, i := range slices.Sorted(maps.Keys(shadowed)) {
		j.warn("ACCESS_RULES: rule %d never acts: rule %d stands before it and decides all that it is about", i+1, shadowed[i]+1)
	}
	doubled := c.AccessRules.Doubled()
	for _, i := range slices.Sorted(maps.Keys(doubled)) {
		j.warn("ACCESS_RULES: to some apps rules %d and %d are for the same path (they do not look at case or at the end of a name): "+
			"only who may pass by both gets in", doubled[i]+1, i+1)
	}
	if len(c.AccessRules) > 0 && !c.ForwardAuth && c.Upstream == nil {
		j.warn("ACCESS_RULES has no effect: it acts on UPSTREAM and on /auth/forward, and neither is set up; /auth/verify is not told the path")
	}
}

// listensAt reports whether a URL leads to a listener, as far as that can be told without looking names up.
func listensAt(listen string, u *url.URL) bool {
	host, port, _ := net.SplitHostPort(listen)
	to := strings.ToLower(u.Hostname())
	if cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme]) != port {
		return false
	}
	here := strings.ToLower(host)
	at, _ := netip.ParseAddr(here)
	asked, _ := netip.ParseAddr(to)
	at, asked = at.Unmap(), asked.Unmap()
	switch all := here == "" || at.IsUnspecified(); {
	case here == to || at.IsValid() && at == asked:
		return true
	case asked.IsUnspecified(): // the system takes it for this machine
		return all || parse.Loopback(here)
	case all, !at.IsValid(): // a name such as localhost may be any address of this machine
		return parse.Loopback(to) && (all || parse.Loopback(here))
	}
	return at.IsLoopback() && !asked.IsValid() && parse.Loopback(to)
}

// RuleHosts are the hosts under which ACCESS_RULES know the app: those that rules name, and those of SITE_URL and
// ALLOWED_ORIGINS, each once. nil where no rule names a host.
func (c *Config) RuleHosts() []string {
	hosts := c.AccessRules.Hosts()
	if hosts == nil {
		return nil
	}
	for _, o := range append([]origin.Origin{c.SiteURL}, c.AllowedOrigins...) {
		if _, host := parse.SplitOrigin(o); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// listensHereOnly reports whether only this machine can reach the bridge.
func (j *judge) listensHereOnly() bool {
	host, _, _ := net.SplitHostPort(j.c.Listen)
	return parse.Loopback(strings.ToLower(host))
}

func (j *judge) cookies() {
	c := j.c
	scheme, host := parse.SplitOrigin(c.SiteURL)
	if c.SessionCookieSameSite == SameSiteNone && scheme != "https" { // RFC 6265bis §5.7: browsers drop such a cookie
		j.fault("SESSION_COOKIE_SAMESITE", "is none, which browsers accept only from https sites", "make SITE_URL https", "SITE_URL")
	}
	if c.CookieDomain == "" {
		return
	}
	if suffix, _ := publicsuffix.PublicSuffix(c.CookieDomain); suffix == c.CookieDomain { // RFC 6265 §5.3, step 5
		j.fault("COOKIE_DOMAIN", "is "+suffix+", under which anyone may have a name: browsers keep no shared cookie for it", "name your own domain below it", "SITE_URL")
	}
	if scheme != "https" {
		j.fault("COOKIE_DOMAIN", "needs a SITE_URL with https", "", "SITE_URL")
	}
	if _, err := netip.ParseAddr(host); err == nil || host != c.CookieDomain && !strings.HasSuffix(host, "."+c.CookieDomain) { // RFC 6265 §5.1.3
		j.fault("COOKIE_DOMAIN", fmt.Sprintf("is %s, which does not cover SITE_URL's host %s: browsers would drop the cookie", c.CookieDomain, host), "", "SITE_URL")
	}
}
