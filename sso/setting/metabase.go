package setting

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso/nearest"
)

// A foreign name is one of Metabase's environment that has no meaning here.
type foreign struct {
	prefix string // of the names
	advice string // what to do instead
}

// foreigners are the names of Metabase that somebody who comes from there has most likely set. The first that fits counts.
func foreigners() []foreign {
	const (
		ways     = "people sign in through JWT_IDENTITY_PROVIDER_URI, or with a password"
		proxies  = "whose X-Forwarded-… headers are believed is said by TRUSTED_PROXIES"
		embedded = "the sites whose scripts may sign people in are named in CORS_ORIGINS"
	)
	return []foreign{
		{"MB_DB_", "the bridge keeps its own database: DATABASE_URL"},
		{"MB_JETTY_", "where the bridge listens is said by LISTEN, and TLS is for a proxy in front of it"},
		{"MB_ENCRYPTION_", "the bridge has a key of its own: SECRET_KEY"},
		{"MB_SETUP_", "the first administrator is made by ADMIN_EMAIL, or by the link in the log"},
		{"MB_PASSWORD_", "a password has 15 characters or more, and none that can be guessed is taken"},
		{"MB_MAX_SESSION_AGE", "Metabase and the bridge call it MAX_SESSION_AGE"},
		{"MB_SOURCE_ADDRESS_", proxies},
		{"MB_NOT_BEHIND_PROXY", proxies},
		{"MB_REDIRECT_ALL_REQUESTS_TO_HTTPS", "SITE_URL says that the site is https, and the proxy in front of it redirects"},
		{"MB_PROMETHEUS_", "metrics have a listener of their own with METRICS_LISTEN"},
		{"MB_EMBEDDING_", embedded},
		{"MB_ENABLE_EMBEDDING", embedded},
		{"MB_LDAP_", ways},
		{"MB_SAML_", ways},
		{"MB_GOOGLE_AUTH_", ways},
		{"MB_EMAIL_", "the bridge sends no mail"},
		{"MB_SEND_", "the bridge sends no mail"},
		{"MB_DISABLE_SESSION_THROTTLE", "guesses of passwords are always throttled"},
		{"MB_USE_TENANTS", "the bridge has no tenants; claims of the token become attributes"},
		{"MB_", "leave them out"},
	}
}

// ours are prefixes that Metabase uses for what the bridge does, too: a name with one of them that is no setting is a slip
// of the pen, or a promise that the bridge would not keep.
func ours() []string { return []string{"MB_JWT_", "MB_SESSION_", "MB_GROUP"} }

// metabase looks at the names of Metabase's environment: a fault for each that only looks like a setting, and one warning
// for each kind of those that mean nothing.
func (r *resolver) metabase() {
	aliases := aliasNames()
	found := map[string][]string{}
	for _, name := range sorted(r.env) {
		upper := strings.ToUpper(name)
		switch has := func(prefix string) bool { return strings.HasPrefix(upper, prefix) }; {
		case !has(aliasPrefix) || slices.Contains(aliases, name):
		case slices.ContainsFunc(ours(), has):
			r.strange(name, "environment", "is not a setting of the bridge", insteadOf(upper, aliases))
		default:
			advice := adviceOn(upper, aliases)
			found[advice] = append(found[advice], name)
		}
	}
	for _, advice := range sorted(found) {
		r.given.warnings = append(r.given.warnings, meaningless(found[advice], advice))
	}
}

// adviceOn says what to do about a name that means nothing. Two letters away from a setting it was meant to be that one.
func adviceOn(name string, aliases []string) string {
	i := slices.IndexFunc(aliases, func(alias string) bool { return nearest.Distance(name, alias) <= 2 })
	if i >= 0 {
		return "did you mean " + aliases[i] + "?"
	}
	all := foreigners()
	return all[slices.IndexFunc(all, func(f foreign) bool { return strings.HasPrefix(name, f.prefix) })].advice
}

// meaningless says of names of Metabase that they have no effect.
func meaningless(names []string, advice string) string {
	verb := "mean"
	if len(names) == 1 {
		verb, advice = "means", strings.ReplaceAll(advice, "them", "it")
	}
	return fmt.Sprintf("%s %s nothing here: %s", strings.Join(names, ", "), verb, advice)
}

// insteadOf says what to do about a name that looks like a setting.
func insteadOf(name string, aliases []string) string {
	switch {
	case strings.HasPrefix(name, "MB_JWT_ATTRIBUTE_TENANT"):
		return "the bridge has no tenants: leave it out; claims of the token become attributes"
	case name == "MB_SESSION_SECRET_KEY":
		return "the bridge has a key of its own, SECRET_KEY: leave it out"
	}
	return meant(name, aliases)
}

// aliasNames are Metabase's names of the settings that the bridge has, too.
func aliasNames() (names []string) {
	for _, s := range all.rows {
		if s.Alias == "" {
			continue
		}
		names = append(names, s.Alias)
		if s.Secret {
			names = append(names, s.Alias+fileSuffix)
		}
	}
	return names
}
