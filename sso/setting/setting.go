// Package setting holds the table of settings (CONTRACT 2): each is defined once, in [Table], and from that line come its
// environment names, flag, key in the configuration file, place in the README, field in the admin pages and in the output
// of "ssobridge check".
//
// [Resolve] turns what was given, wherever it was given, into one [Config] and the list of all faults. A Config with
// faults is for showing only; a program that goes on with one is wrong.
package setting

import (
	"strings"
)

// A Setting is one configurable value.
type Setting struct {
	Name       string // such as JWT_SHARED_SECRET
	Alias      string // the environment name under which Metabase knows it; "" where it has none
	Section    string // heading in the README and the admin pages
	Type       string // what may be written, in words
	Default    string // as it would be written; "" is described by Help
	Secret     bool   // shown masked; also has a _FILE form
	Changeable bool   // an administrator may change it while the bridge runs
	Help       string // one line

	set func(c *Config, text string) error
}

// The sections, in the order in which they are shown.
const (
	SectionProcess  = "Process"
	SectionApp      = "The app behind the bridge"
	SectionProvider = "Identity provider"
	SectionPeople   = "People and groups"
	SectionToken    = "Tokens"
	SectionBinding  = "Binding"
	SectionSession  = "Sessions"
)

// Env is the setting's environment variable.
func (s *Setting) Env() string { return envPrefix + s.Name }

// Flag is the setting's command-line flag, without the dashes before it.
func (s *Setting) Flag() string { return strings.ToLower(strings.ReplaceAll(s.Name, "_", "-")) }

// Key is the setting's key in the configuration file.
func (s *Setting) Key() string { return strings.ToLower(s.Name) }

// Parse reports what is wrong with a value, looked at alone. The error never contains the value of a secret.
func (s *Setting) Parse(text string) error { return s.set(&Config{}, text) }

// Find returns the setting of that name, or nil.
func Find(name string) *Setting {
	for _, s := range Table() {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Table returns every setting, section by section. The table is made anew at each call and belongs to the caller.
func Table() []*Setting {
	table := []*Setting{
		{Name: "LISTEN", Section: SectionProcess, Type: "address and port", Default: "127.0.0.1:3000",
			Help: "where the bridge listens; `:3000` listens on all addresses, port 0 takes a free one",
			set:  field(func(c *Config) *string { return &c.Listen }, listenAddress)},
		{Name: "SITE_URL", Alias: "MB_SITE_URL", Section: SectionProcess, Type: "origin",
			Help: "how browsers reach the bridge: scheme, host and port, https except on this machine; unset: `http://localhost:` and the port of LISTEN",
			set:  field(func(c *Config) *origin { return &c.SiteURL }, optional(originURL))},
		{Name: "SITE_NAME", Alias: "MB_SITE_NAME", Section: SectionProcess, Type: "text", Default: "ssobridge", Changeable: true,
			Help: "the name of the site, as pages and messages call it",
			set:  field(func(c *Config) *string { return &c.SiteName }, nonEmpty(plainText))},
		{Name: "DATABASE_URL", Section: SectionProcess, Type: "URL", Default: "sqlite:ssobridge.db", Secret: true,
			Help: "where everything is kept: `sqlite:PATH` or `postgres://…`",
			set:  field(func(c *Config) *string { return &c.DatabaseURL }, databaseURL)},
		{Name: "SECRET_KEY", Section: SectionProcess, Type: "text of 32 bytes or more", Secret: true,
			Help: "encrypts keys at rest and signs cookies; its text is used as it is. Unset with SQLite: generated once into a file beside the database; needed with PostgreSQL",
			set:  field(func(c *Config) *[]byte { return &c.SecretKey }, secretKey)},
		{Name: "TRUSTED_PROXIES", Section: SectionProcess, Type: "list of networks",
			Help: "the proxies whose X-Forwarded-… headers are believed, such as `10.0.0.0/8, ::1`",
			set:  field(func(c *Config) *prefixes { return &c.TrustedProxies }, networks)},
		{Name: "ALLOWED_ORIGINS", Section: SectionProcess, Type: "list of origins",
			Help: "where `return_to` may lead besides SITE_URL",
			set:  field(func(c *Config) *origins { return &c.AllowedOrigins }, originList)},
		{Name: "COOKIE_DOMAIN", Section: SectionProcess, Type: "domain",
			Help: "shares the session with sub-domains, such as `example.com`; unset: the cookie is for SITE_URL's host alone, which is safer",
			set:  field(func(c *Config) *string { return &c.CookieDomain }, optional(domain))},
		{Name: "LOG_LEVEL", Section: SectionProcess, Type: "`debug`, `info`, `warn` or `error`", Default: "info",
			Help: "what is worth a line in the log",
			set:  field(func(c *Config) *level { return &c.LogLevel }, logLevel)},
		{Name: "LOG_FORMAT", Section: SectionProcess, Type: "`auto`, `text` or `json`", Default: LogAuto,
			Help: "`auto` is text on a terminal and JSON elsewhere",
			set:  field(func(c *Config) *string { return &c.LogFormat }, oneOf(LogAuto, LogText, LogJSON))},
		{Name: "ADMIN_EMAIL", Section: SectionProcess, Type: "e-mail address",
			Help: "the administrator who is made at the start, with ADMIN_PASSWORD, if there is no account of that address; an account that is there stays as it is",
			set:  field(func(c *Config) *string { return &c.AdminEmail }, optional(emailAddress))},
		{Name: "ADMIN_PASSWORD", Section: SectionProcess, Type: "text of 15 characters or more", Secret: true,
			Help: "that administrator's first password; it is changed at `/auth/password`, and here it may go once the account is made",
			set:  field(func(c *Config) *string { return &c.AdminPassword }, optional(anyText))},
		// Not Changeable: an administrator could make the trail forget what administrators did.
		{Name: "EVENT_RETENTION", Section: SectionProcess, Type: "days, or time", Default: "400",
			Help: "how long the trail of events is kept, at least a day; `0` is for ever. The numbers for each day stay",
			set:  field(func(c *Config) *duration { return &c.EventRetention }, retention)},
		{Name: "METRICS_LISTEN", Section: SectionProcess, Type: "address and port",
			Help: "a listener of its own for `/metrics`; unset: it is served with the rest",
			set:  field(func(c *Config) *string { return &c.MetricsListen }, optional(listenAddress))},
	}
	table = append(table, appTable()...)
	table = append(table, providerTable()...)
	return append(table, sessionTable()...)
}

// None of these is Changeable: who may reach the app, and whose word counts, is for whoever runs the bridge.
func appTable() []*Setting {
	return []*Setting{
		{Name: "UPSTREAM", Section: SectionApp, Type: "URL",
			Help: "the app behind the bridge: with it the bridge is the reverse proxy in front of the app",
			set:  field(func(c *Config) *urlPtr { return &c.Upstream }, optional(upstreamURL))},
		{Name: "FORWARD_AUTH", Section: SectionApp, Type: "`true` or `false`",
			Help: "`/auth/forward` answers the proxies of TRUSTED_PROXIES; unset: on once TRUSTED_PROXIES is set, without UPSTREAM",
			set:  field(func(c *Config) *bool { return &c.ForwardAuth }, optional(boolean))},
		{Name: "ACCESS_RULES", Section: SectionApp, Type: "list of rules",
			Help: "who may reach what with UPSTREAM and `/auth/forward`; the first rule that matches decides, the rest needs a sign-in: `[{\"path\":\"/health\",\"allow\":\"public\"},{\"path\":\"/reports\",\"methods\":[\"POST\"],\"allow\":[\"Sales\"]}]`",
			set:  field(func(c *Config) *accessRules { return &c.AccessRules }, parseAccessRules)},
		{Name: "BEARER_HEADER", Section: SectionApp, Type: "header name", Default: "Authorization",
			Help: "the header in which API clients send a session token, after `Bearer` or alone",
			set:  field(func(c *Config) *string { return &c.BearerHeader }, bearerHeader)},
		{Name: "BEARER_PARAMETER", Section: SectionApp, Type: "parameter name",
			Help: "the URL parameter in which API clients may send it to UPSTREAM and `/auth/verify`; unset: none, which is safer, since URLs are logged on their way",
			set:  field(func(c *Config) *string { return &c.BearerParameter }, optional(parameterName))},
	}
}

func providerTable() []*Setting {
	table := []*Setting{
		{Name: "JWT_ENABLED", Section: SectionProvider, Type: "`true` or `false`",
			Help: "sign-in through the identity provider; unset: on once JWT_IDENTITY_PROVIDER_URI and JWT_SHARED_SECRET are set",
			set:  field(func(c *Config) *bool { return &c.JWTEnabled }, optional(boolean))},
		{Name: "JWT_IDENTITY_PROVIDER_URI", Section: SectionProvider, Type: "URL",
			Help: "the page of your product where people sign in",
			set:  field(func(c *Config) *urlPtr { return &c.JWTIdentityProviderURI }, optional(providerURL))},
		{Name: "JWT_SHARED_SECRET", Section: SectionProvider, Type: "text, or a JSON list of texts", Secret: true,
			Help: "signs the tokens; the bytes of its text are the key (hexadecimal is not decoded). Of a list all verify, for a change of secret, and the first is current",
			set:  field(func(c *Config) *[]string { return &c.JWTSharedSecrets }, sharedSecrets)},
		{Name: "JWT_ATTRIBUTE_EMAIL", Section: SectionPeople, Type: "claim", Default: "email",
			Help: "the claim with the e-mail address",
			set:  field(func(c *Config) *string { return &c.JWTClaims.Email }, nonEmpty(plainText))},
		{Name: "JWT_ATTRIBUTE_FIRSTNAME", Section: SectionPeople, Type: "claim", Default: "first_name",
			Help: "the claim with the first name",
			set:  field(func(c *Config) *string { return &c.JWTClaims.FirstName }, plainText)},
		{Name: "JWT_ATTRIBUTE_LASTNAME", Section: SectionPeople, Type: "claim", Default: "last_name",
			Help: "the claim with the last name",
			set:  field(func(c *Config) *string { return &c.JWTClaims.LastName }, plainText)},
		{Name: "JWT_ATTRIBUTE_GROUPS", Section: SectionPeople, Type: "claim", Default: "groups",
			Help: "the claim with the groups: a list of names, or one name",
			set:  field(func(c *Config) *string { return &c.JWTClaims.Groups }, plainText)},
		{Name: "JWT_ATTRIBUTE_SUBJECT", Section: SectionPeople, Type: "claim",
			Help: "the claim that identifies a person for ever, such as `sub`; unset: the e-mail address does",
			set:  field(func(c *Config) *string { return &c.JWTClaims.Subject }, plainText)},
		{Name: "JWT_GROUP_SYNC", Section: SectionPeople, Type: "`true` or `false`", Default: "false",
			Help: "each sign-in sets the person's groups from the token",
			set:  field(func(c *Config) *bool { return &c.JWTGroupSync }, boolean)},
		{Name: "JWT_GROUP_MAPPINGS", Section: SectionPeople, Type: "JSON object", Default: "{}",
			Help: "group of the identity provider → groups of the bridge, by id or name: `{\"extHR\":[7],\"extSales\":[\"Sales\",4]}`; empty: groups are matched by name",
			set:  field(func(c *Config) *mappings { return &c.JWTGroupMappings }, parseMappings)},
		{Name: "JWT_USER_PROVISIONING_ENABLED", Section: SectionPeople, Type: "`true` or `false`", Default: "true",
			Help: "a first sign-in makes an account",
			set:  field(func(c *Config) *bool { return &c.JWTUserProvisioningEnabled }, boolean)},
		{Name: "LINK_PASSWORD_ACCOUNTS", Section: SectionPeople, Type: "`true` or `false`", Default: "false",
			Help: "a token may sign in to an account that has a password: only if the identity provider has verified every e-mail address",
			set:  field(func(c *Config) *bool { return &c.LinkPasswordAccounts }, boolean)},
		{Name: "JWT_PROFILE", Section: SectionToken, Type: "`metabase`, `standard` or `strict`", Default: "standard",
			Help: "how strictly tokens are judged",
			set:  field(func(c *Config) *profile { return &c.JWTProfile }, parseProfile)},
		{Name: "JWT_MAX_AGE", Section: SectionToken, Type: "time", Default: "180s",
			Help: "how old a token's `iat` may be",
			set:  field(func(c *Config) *duration { return &c.JWTMaxAge }, seconds(secondsMin, day))},
		{Name: "JWT_LEEWAY", Section: SectionToken, Type: "time", Default: "30s",
			Help: "how far clocks may differ, at most 60s; the profile `metabase` has none",
			set:  field(func(c *Config) *duration { return &c.JWTLeeway }, seconds(0, maxLeeway))},
		{Name: "JWT_MAX_LIFETIME", Section: SectionToken, Type: "time", Default: "10m",
			Help: "how far ahead `exp` may be in a token without `iat`",
			set:  field(func(c *Config) *duration { return &c.JWTMaxLifetime }, seconds(secondsMin, day))},
		{Name: "JWT_ISSUER", Section: SectionToken, Type: "text",
			Help: "what `iss` must be; unset: not checked",
			set:  field(func(c *Config) *string { return &c.JWTIssuer }, plainText)},
		{Name: "JWT_AUDIENCE", Section: SectionToken, Type: "text",
			Help: "what `aud` must contain; unset: not checked",
			set:  field(func(c *Config) *string { return &c.JWTAudience }, plainText)},
		{Name: "JWT_BINDING", Section: SectionBinding, Type: "`off`, `state` or `pkce`", Default: "off",
			Help: "how a sign-in is tied to the browser that began it",
			set:  field(func(c *Config) *binding { return &c.JWTBinding }, parseBinding)},
		{Name: "JWT_TOKEN_URI", Section: SectionBinding, Type: "URL",
			Help: "where the bridge exchanges a code for a token (binding `pkce`); https except on this machine",
			set:  field(func(c *Config) *urlPtr { return &c.JWTTokenURI }, optional(tokenURL))},
		{Name: "JWT_CLIENT_ID", Section: SectionBinding, Type: "text",
			Help: "how the identity provider knows the bridge (binding `pkce`)",
			set:  field(func(c *Config) *string { return &c.JWTClientID }, plainText)},
		{Name: "JWT_LOGOUT_URI", Section: SectionBinding, Type: "URL",
			Help: "where a browser goes after signing out, to sign out of your product too",
			set:  field(func(c *Config) *urlPtr { return &c.JWTLogoutURI }, optional(webURL))},
	}
	for _, s := range table {
		s.Changeable = true
		switch s.Name {
		// Metabase has no setting of these.
		case "JWT_ATTRIBUTE_SUBJECT", "LINK_PASSWORD_ACCOUNTS", "JWT_PROFILE", "JWT_MAX_AGE", "JWT_LEEWAY", "JWT_MAX_LIFETIME",
			"JWT_ISSUER", "JWT_AUDIENCE", "JWT_BINDING", "JWT_TOKEN_URI", "JWT_CLIENT_ID", "JWT_LOGOUT_URI":
		default:
			s.Alias = aliasPrefix + s.Name
		}
	}
	return table
}

func sessionTable() []*Setting {
	table := []*Setting{
		{Name: "ENABLE_PASSWORD_LOGIN", Alias: "MB_ENABLE_PASSWORD_LOGIN", Section: SectionSession, Type: "`true` or `false`", Default: "true",
			Help: "people who have a password may sign in with it",
			set:  field(func(c *Config) *bool { return &c.EnablePasswordLogin }, boolean)},
		{Name: "SESSION_COOKIES", Alias: "MB_SESSION_COOKIES", Section: SectionSession, Type: "`true` or `false`", Default: "false",
			Help: "the session's cookie goes when the browser is closed",
			set:  field(func(c *Config) *bool { return &c.SessionCookies }, boolean)},
		{Name: "SESSION_COOKIE_SAMESITE", Alias: "MB_SESSION_COOKIE_SAMESITE", Section: SectionSession, Type: "`lax`, `strict` or `none`", Default: SameSiteLax,
			Help: "whether requests from other sites carry the session: `none` is for apps shown in frames of other sites, and needs https",
			set:  field(func(c *Config) *string { return &c.SessionCookieSameSite }, oneOf(SameSiteLax, SameSiteStrict, SameSiteNone))},
		{Name: "SESSION_TIMEOUT", Alias: "MB_SESSION_TIMEOUT", Section: SectionSession, Type: "time, or `{\"amount\":120,\"unit\":\"minutes\"}`",
			Help: "a session ends when it was not used for so long, at least 60s; unset: it does not",
			set:  field(func(c *Config) *duration { return &c.SessionTimeout }, optional(idleTimeout))},
		// Metabase reads this one without its prefix.
		{Name: "MAX_SESSION_AGE", Alias: "MAX_SESSION_AGE", Section: SectionSession, Type: "minutes, or time", Default: "20160",
			Help: "a session ends so long after the sign-in, whatever happens; a plain number is minutes",
			set:  field(func(c *Config) *duration { return &c.MaxSessionAge }, sessionAge)},
		{Name: "CORS_ORIGINS", Section: SectionSession, Type: "list of origins",
			Help: "the sites whose scripts may call the JSON sign-in of embedding clients",
			set:  field(func(c *Config) *origins { return &c.CORSOrigins }, originList)},
	}
	for _, s := range table {
		s.Changeable = true
	}
	return table
}

// field ties a parser to the place in Config that it fills. A value that cannot be parsed leaves the place alone.
func field[T any](place func(*Config) *T, parse func(string) (T, error)) func(*Config, string) error {
	return func(c *Config, text string) error {
		v, err := parse(text)
		if err == nil {
			*place(c) = v
		}
		return err
	}
}
