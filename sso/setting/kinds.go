package setting

import (
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/access"
	"github.com/ssobridge/ssobridge/sso/origin"
)

// Short names for the table.
type (
	siteURL  = origin.Origin
	origins  = []origin.Origin
	prefixes = []netip.Prefix
	urlPtr   = *url.URL
	level    = slog.Level
	mappings = sso.Mappings
	profile  = sso.Profile
	binding  = sso.Binding
	duration = time.Duration

	accessRules = access.Rules
)

func parseProfile(text string) (sso.Profile, error) { return sso.ParseProfile(strings.ToLower(text)) }
func parseBinding(text string) (sso.Binding, error) { return sso.ParseBinding(strings.ToLower(text)) }

func parseMappings(text string) (sso.Mappings, error) {
	if strings.TrimSpace(text) == "null" {
		return sso.Mappings{}, nil
	}
	return sso.ParseMappings(text)
}

func parseAccessRules(text string) (access.Rules, error) { return access.Parse(text) }

// maskDatabaseURL hides the password of a database URL. libpq also takes passwords as parameters.
func maskDatabaseURL(text string) string {
	if strings.HasPrefix(text, "sqlite:") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" && u.User == nil && u.RawQuery == "" {
		return masked
	}
	if q, err := url.ParseQuery(u.RawQuery); err != nil || q.Has("password") || q.Has("sslpassword") {
		u.RawQuery = ""
	}
	return u.Redacted()
}
