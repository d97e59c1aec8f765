// Package origin reads the origins of sites, so that every reader of a URL reads the same host.
package origin

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// An Origin is scheme, host and port of a site (RFC 6454), written as browsers write it: lower case, no default port.
type Origin string

// Parse reads an origin such as https://app.example.com or http://localhost:3000. Path, query, user or a scheme
// other than http and https are errors, and so is a host that browsers would write differently (RFC 6454 §4).
func Parse(text string) (Origin, error) {
	if !strings.Contains(text, "://") {
		if o, err := Parse("https://" + text); err == nil {
			return "", fmt.Errorf("%q lacks the scheme: write %s", text, o.likely())
		}
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", fmt.Errorf("%q is not a URL", text)
	}
	if u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(text, "#") {
		return "", fmt.Errorf("%q has more than scheme, host and port", text)
	}
	return Of(u)
}

// likely is a https origin as it was probably meant: on this machine plain http is usual.
func (o Origin) likely() Origin {
	host := strings.TrimPrefix(string(o), "https://")
	name := host
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name = host[:i]
	}
	if a, err := netip.ParseAddr(strings.Trim(name, "[]")); name == "localhost" || err == nil && a.IsLoopback() {
		return Origin("http://" + host)
	}
	return o
}

// Of is the origin of a URL, or an error that says why it has none.
func Of(u *url.URL) (Origin, error) {
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	if scheme != "http" && scheme != "https" {
		return "", fmt.Errorf("%q does not begin with http:// or https://", u.Redacted())
	}
	if !PlainHost(host) {
		return "", fmt.Errorf("%q has no host that is a plain name or address", u.Redacted())
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == "" || scheme == "http" && port == "80" || scheme == "https" && port == "443" {
		return Origin(scheme + "://" + host), nil
	}
	return Origin(scheme + "://" + host + ":" + port), nil
}

// PlainHost accepts only hosts that every URL parser reads alike: ASCII names (IDNs as xn--…) and IP addresses.
func PlainHost(host string) bool {
	if strings.Contains(host, ":") {
		a, err := netip.ParseAddr(host)
		return err == nil && a.Zone() == "" && a.String() == host
	}
	for i := range len(host) {
		c := host[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_') {
			return false
		}
	}
	return host != ""
}
