package setting

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/access"
	"github.com/ssobridge/ssobridge/sso/brand"
	"github.com/ssobridge/ssobridge/sso/origin"
)

// Values of LOG_FORMAT and SESSION_COOKIE_SAMESITE.
const (
	LogAuto, LogText, LogJSON                 = "auto", "text", "json"
	SameSiteLax, SameSiteStrict, SameSiteNone = "lax", "strict", "none"
)

// AssertionOff is ASSERTION where nothing is signed.
const AssertionOff = "off"

// A Config is one consistent set of settings, with the names of the table in Go's spelling. It is never changed after
// [Resolve] or [Config.WithSaved] made it. Optional URLs are nil, optional times 0 and optional texts "" when they are not set.
type Config struct {
	Listen         string // as net.Listen takes it
	SiteURL        origin.Origin
	PathPrefix     string // "" or a path without a slash at its end; see Path
	SiteName       string
	SiteLogo       *brand.Logo // nil: pages have that of the bridge
	siteLogoFile   string
	SiteAccent     brand.Accent
	DatabaseURL    string // sqlite:PATH or postgres://…; see SQLitePath
	SecretKey      []byte // nil: not set
	TrustedProxies []netip.Prefix
	AllowedOrigins []origin.Origin
	CookieDomain   string
	LogLevel       slog.Level
	LogFormat      string
	AdminEmail     string
	AdminPassword  string        // set if and only if AdminEmail is
	EventRetention time.Duration // 0: for ever
	MetricsListen  string
	DrainTime      time.Duration

	SessionsInMemory int

	BackupEvery time.Duration // 0: never
	BackupKeep  int
	BackupDir   string // "": the folder backups beside the database

	Upstream        *url.URL
	ForwardAuth     bool // implies that there are TrustedProxies
	AccessRules     access.Rules
	BearerHeader    string // in canonical form
	BearerParameter string
	Assertion       string // "ES256", "EdDSA" or [AssertionOff]

	ServiceKeyFile       string // "": the bridge makes its own keys
	ServicePublicKeyFile string
	ServiceKeyID         string
	ServiceKeyAlg        string
	ServiceIssuer        string // "": SiteURL
	SystemTokenFile      string // "": that of the folder of tokens

	// JWT is the provider of the settings JWT_…. It is never nil.
	JWT *Provider
	// Providers are all that are configured, whether they are on or not: JWT, then the others in the order of their names.
	Providers []*Provider

	LDAP LDAP // the directory with groups

	LinkPasswordAccounts bool

	EnablePasswordLogin   bool
	SessionCookies        bool
	SessionCookieSameSite string
	SessionTimeout        time.Duration // idle; 0: no limit
	MaxSessionAge         time.Duration
	CORSOrigins           []origin.Origin

	// Warnings are for an administrator: what works, but hardly as it was meant. They name no secret.
	Warnings []string

	declared []string // PROVIDERS
	table    *table   // nil: all
	given    *given
	port     uint16           // see WithListener
	values   map[string]value // by name; the default where it is missing
}

// A value is one setting as it was given.
type value struct {
	text   string
	source Source
}

// A SourceKind is where a value comes from. The higher one wins.
type SourceKind int

// The kinds of sources.
const (
	FromDefault SourceKind = iota
	FromSaved
	FromFile
	FromEnviron
	FromFlag
)

// A Source is where the value in force of one setting comes from.
type Source struct {
	Kind SourceKind
	Name string // the flag, the environment variable, or the file and its key
}

// Fixed reports whether the value was given outside the database, so that an administrator cannot change it in the UI.
func (s Source) Fixed() bool { return s.Kind > FromSaved }

// String names the source for people: "flag --listen", "SSOBRIDGE_LISTEN", "bridge.yaml: listen", "saved", "default".
func (s Source) String() string {
	switch s.Kind {
	case FromDefault:
		return "default"
	case FromSaved:
		return "saved"
	case FromFlag:
		return "flag " + s.Name
	}
	return s.Name
}

// Source says where the value in force of a setting comes from.
func (c *Config) Source(name string) Source { return c.values[name].source }

// Text is the value in force of a setting as it was written, or its default. For a secret it is the secret: use
// [Config.Effective] for what is shown.
func (c *Config) Text(name string) string {
	if v, ok := c.values[name]; ok {
		return v.text
	}
	if s := c.Find(name); s != nil {
		return c.Usual(s)
	}
	return ""
}

// Find returns the setting of that name, or nil.
func (c *Config) Find(name string) *Setting { return c.rows().byName[name] }

// Table returns every setting, section by section.
func (c *Config) Table() []*Setting { return slices.Clone(c.rows().rows) }

func (c *Config) rows() *table { return cmp.Or(c.table, all) }

// An Effective is one setting as it is shown to people: secrets are masked.
type Effective struct {
	Setting *Setting
	Value   string
	Source  Source
}

// Effective returns every setting with its value in force and where that comes from, in the order of [Config.Table].
func (c *Config) Effective() []Effective {
	var shown []Effective
	for _, s := range c.rows().rows {
		shown = append(shown, Effective{s, c.shown(s), c.Source(s.Name)})
	}
	return shown
}

// masked says that there is a secret, and nothing about it (SECURITY F3).
// Path is where a path of the bridge, such as /auth/sso, stands at its site: below PATH_PREFIX. Each link, redirect and form
// that leads to the bridge is made with it, or with [Config.URL].
func (c *Config) Path(path string) string { return c.PathPrefix + path }

// URL is where a path of the bridge stands for everyone.
func (c *Config) URL(path string) string { return string(c.SiteURL) + c.Path(path) }

const masked = "********"

func (c *Config) shown(s *Setting) string {
	text := c.Text(s.Name)
	switch {
	case s.show != nil:
		return s.show(c, text)
	case s.Secret && text != "":
		return masked
	}
	return text
}

// SQLitePath returns the database file; ok is false when the database is PostgreSQL.
func (c *Config) SQLitePath() (path string, ok bool) {
	path, ok = strings.CutPrefix(c.DatabaseURL, "sqlite:")
	return strings.TrimPrefix(path, "//"), ok
}

// Saved are the settings that an administrator saved, by name, and which version of them it is.
type Saved struct {
	Values  map[string]string
	Version int64
}

// ReadSaved reads from a store what is saved.
func ReadSaved(ctx context.Context, st interface {
	Settings(ctx context.Context) (rows map[string]sso.SavedSetting, version int64, err error)
}) (Saved, error) {
	rows, version, err := st.Settings(ctx)
	saved := Saved{Values: make(map[string]string, len(rows)), Version: version}
	for name, row := range rows {
		saved.Values[name] = row.Value
	}
	return saved, err
}

// WithSaved is the Config of the same flags, environment and file with what is saved below them: what is in force, what an
// administrator's change would lead to, and what another replica's change has led to. It reads nothing anew.
func (c *Config) WithSaved(saved Saved) (*Config, []Fault) { return c.given.with(saved, c.port) }

// WithListener returns a copy that knows the port it listens on, for LISTEN with port 0. It changes nothing when SITE_URL
// was given.
func (c *Config) WithListener(addr netip.AddrPort) *Config {
	next := *c
	if c.Text("SITE_URL") == "" {
		next.port = addr.Port()
		next.SiteURL = localSite(addr.Port())
	}
	return &next
}
