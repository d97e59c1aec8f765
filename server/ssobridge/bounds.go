package ssobridge

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/setting/parse"
)

// withinBounds refuses what only whoever starts the bridge may set: addresses of its own machine, and more providers than anybody
// reads through.
func (r *Runtime) withinBounds(next setting.Saved, changes map[string]*string) error {
	before := r.Live().Config
	cfg, _ := before.WithSaved(next)
	_, site := parse.SplitOrigin(cfg.SiteURL)
	fields := map[string]string{}
	for name, value := range changes {
		s := cfg.Find(name)
		if s == nil || value == nil {
			continue
		}
		if !parse.Loopback(site) && asked(cfg, s) && leadsHere(*value) && before.Text(name) != *value { // SECURITY G5
			fields[name] = "leads to this machine itself, which only whoever starts the bridge may have it ask: set it as " + s.Env()
		}
		if n := len(cfg.Providers); strings.HasSuffix(name, "_KIND") && before.Provider(s.Provider) == nil && n-1 > setting.MaxProviders {
			fields[name] = fmt.Sprintf("would make a provider more than there can be, %d: delete one first", setting.MaxProviders)
		}
	}
	if len(fields) == 0 {
		return nil
	}
	name := slices.Sorted(maps.Keys(fields))[0]
	return &admin.Refusal{Err: fmt.Errorf("%s %s: %w", name, fields[name], sso.Invalid), Fields: fields}
}

// asked reports whether the bridge asks the addresses of a setting.
func asked(cfg *setting.Config, s *setting.Setting) bool {
	if p := cfg.Provider(s.Provider); p != nil && s.Name == p.Setting("ISSUER") {
		return p.Kind == setting.KindOIDC
	}
	return slices.ContainsFunc([]string{"_JWKS_URL", "_VALIDATION_URL", "_TOKEN_URI", "_GROUPS_ENDPOINT_URL", "_DISCOVERY_URL", "LDAP_URL"},
		func(end string) bool { return strings.HasSuffix(s.Name, end) })
}

// leadsHere reports whether one of the addresses in a text is on this machine.
func leadsHere(text string) bool {
	addresses, err := parse.List(text)
	if err != nil {
		addresses = []string{text}
	}
	return slices.ContainsFunc(addresses, func(address string) bool {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" {
			return false
		}
		host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
		if a, err := netip.ParseAddr(host); err == nil {
			return a.Unmap().IsLoopback() || a.IsUnspecified()
		}
		return parse.Loopback(host)
	})
}
