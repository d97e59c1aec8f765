package setting

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso/brand"
	"github.com/ssobridge/ssobridge/sso/claim"
	"github.com/ssobridge/ssobridge/sso/setting/parse"
)

// all is the table of the default provider alone: made once, the same for ever.
var all = newTable(nil)

// A table has the settings in the order in which they are shown, and by name.
type table struct {
	rows   []*Setting
	byName map[string]*Setting
}

// newTable makes the table with the settings of these providers besides the default one.
func newTable(providers []string) *table {
	t := &table{byName: map[string]*Setting{}}
	rows := slices.Concat(processSettings(), appSettings(), defaultProviderSettings(), ldapSettings(), sessionSettings(), serviceSettings())
	for _, name := range providers {
		rows = append(rows, providerSettings(name)...)
	}
	for _, s := range rows {
		if s.Choices != nil {
			s.Type = inWords(s.Choices)
		}
		t.rows = append(t.rows, &s)
		t.byName[s.Name] = &s
	}
	return t
}

// inWords writes choices as `a`, `b` or `c`.
func inWords(choices []string) string {
	last := len(choices) - 1
	if last == 0 {
		return "`" + choices[0] + "`"
	}
	return "`" + strings.Join(choices[:last], "`, `") + "` or `" + choices[last] + "`"
}

func onOff() []string { return []string{"true", "false"} }

func processSettings() []Setting {
	return []Setting{
		{Name: "LISTEN", AtStart: true, Section: SectionProcess, Type: "address and port", Default: "127.0.0.1:3000",
			Help: "where the bridge listens; `:3000` listens on all addresses, port 0 takes a free one",
			set:  field(func(c *Config) *string { return &c.Listen }, parse.ListenAddress)},
		{Name: "SITE_URL", AtStart: true, Alias: "MB_SITE_URL", Section: SectionProcess, Type: "origin",
			Help: "how browsers reach the bridge: scheme, host and port, https except on this machine; unset: `http://localhost:` and the port of LISTEN",
			show: func(c *Config, _ string) string { return string(c.SiteURL) },
			set:  field(func(c *Config) *siteURL { return &c.SiteURL }, parse.Optional(parse.OriginURL))},
		{Name: "PATH_PREFIX", AtStart: true, Section: SectionProcess, Type: "path",
			Help: "moves every path of the bridge below one, such as `/_sso`, so that an app at the same address keeps `/admin`, `/login` and the like; unset: they stand at the root",
			set:  field(func(c *Config) *string { return &c.PathPrefix }, parse.Optional(parse.PathPrefix))},
		{Name: "SITE_NAME", Alias: "MB_SITE_NAME", Section: SectionProcess, Type: "text", Default: "ssobridge", Changeable: true, WithoutProof: true,
			Label: "Name of this site",
			Help:  "the name of the site, as pages and messages call it",
			set:   field(func(c *Config) *string { return &c.SiteName }, parse.NonEmpty(parse.PlainText))},
		{Name: "SITE_LOGO", Section: SectionProcess, Type: "file",
			Help: "the picture at the top of the pages that people meet: SVG, PNG or JPEG, at most 100 kB; one more than twice as wide as high stands there without SITE_NAME",
			show: shownFile,
			set:  field(func(c *Config) *string { return &c.siteLogoFile }, parse.Optional(fileName))},
		{Name: "SITE_ACCENT", Section: SectionProcess, Type: "colour", Changeable: true, WithoutProof: true,
			Label: "Colour of this site",
			Help:  "the colour of buttons and links on the pages that people meet, such as `#0a7d55`; where it could not be read, it is made darker or lighter",
			set:   field(func(c *Config) *brand.Accent { return &c.SiteAccent }, brand.ParseAccent)},
		{Name: "DATABASE_URL", AtStart: true, Section: SectionProcess, Type: "URL", Default: "sqlite:ssobridge.db", Secret: true,
			Help: "where everything is kept: `sqlite:PATH` or `postgres://…`",
			show: func(_ *Config, text string) string { return maskDatabaseURL(text) },
			set:  field(func(c *Config) *string { return &c.DatabaseURL }, parse.DatabaseURL)},
		{Name: "SECRET_KEY", AtStart: true, Section: SectionProcess, Type: "text of 32 bytes or more", Secret: true,
			Help: "encrypts keys at rest and signs cookies; its text is used as it is. Unset with SQLite: generated once into a file beside the database; needed with PostgreSQL",
			set:  field(func(c *Config) *[]byte { return &c.SecretKey }, parse.SecretKey)},
		{Name: "TRUSTED_PROXIES", Section: SectionProcess, Type: "list of networks",
			Help: "the proxies whose X-Forwarded-… headers are believed, such as `10.0.0.0/8, ::1`",
			set:  field(func(c *Config) *prefixes { return &c.TrustedProxies }, parse.Networks)},
		{Name: "ALLOWED_ORIGINS", Section: SectionProcess, Type: "list of origins",
			Help: "where `return_to` may lead besides SITE_URL",
			set:  field(func(c *Config) *origins { return &c.AllowedOrigins }, parse.OriginList)},
		{Name: "COOKIE_DOMAIN", Section: SectionProcess, Type: "domain",
			Help: "shares the session with sub-domains, such as `example.com`; unset: the cookie is for SITE_URL's host alone, which is safer",
			set:  field(func(c *Config) *string { return &c.CookieDomain }, parse.Optional(parse.Domain))},
		{Name: "LOG_LEVEL", AtStart: true, Section: SectionProcess, Choices: []string{"debug", "info", "warn", "error"}, Default: "info",
			Help: "what is worth a line in the log",
			set:  field(func(c *Config) *level { return &c.LogLevel }, parse.LogLevel)},
		{Name: "LOG_FORMAT", AtStart: true, Section: SectionProcess, Choices: []string{LogAuto, LogText, LogJSON}, Default: LogAuto,
			Help: "`auto` is text on a terminal and JSON elsewhere",
			set:  choice(func(c *Config) *string { return &c.LogFormat })},
		{Name: "ADMIN_EMAIL", AtStart: true, Section: SectionProcess, Type: "e-mail address",
			Help: "the administrator who is made at the start, with ADMIN_PASSWORD, if there is no account of that address; an account that is there stays as it is",
			set:  field(func(c *Config) *string { return &c.AdminEmail }, parse.Optional(parse.EmailAddress))},
		{Name: "ADMIN_PASSWORD", AtStart: true, Section: SectionProcess, Type: "text of 15 characters or more", Secret: true,
			Help: "that administrator's first password; it is changed at `/auth/password`, and here it may go once the account is made",
			set:  field(func(c *Config) *string { return &c.AdminPassword }, parse.Optional(parse.AnyText))},
		// Not Changeable: an administrator could make the trail forget what administrators did.
		{Name: "EVENT_RETENTION", Section: SectionProcess, Type: "days, or time", Default: "400",
			Help: "how long the trail of events is kept, at least a day; `0` is for ever. The numbers for each day stay",
			set:  field(func(c *Config) *duration { return &c.EventRetention }, parse.Retention)},
		{Name: "METRICS_LISTEN", AtStart: true, Section: SectionProcess, Type: "address and port",
			Help: "a listener of its own for `/metrics`; unset: it is served with the rest",
			set:  field(func(c *Config) *string { return &c.MetricsListen }, parse.Optional(parse.ListenAddress))},
		{Name: "DRAIN_TIME", Section: SectionProcess, Type: "time", Default: "5s",
			Help: "how long the bridge goes on answering after SIGTERM, while `/readyz` says no, so that a proxy asks another replica; `0` is not at all",
			set:  field(func(c *Config) *duration { return &c.DrainTime }, parse.Seconds(0, 10*time.Minute))},
		{Name: "SESSIONS_IN_MEMORY", Section: SectionProcess, Type: "number", Default: "50000",
			Help: "how many sessions a replica keeps in memory, so that checking them asks no database; about 1 kB each, and 2 kB on average at most",
			set:  field(func(c *Config) *int { return &c.SessionsInMemory }, parse.Count(100, 10_000_000))},
		{Name: "BACKUP_EVERY", Section: SectionProcess, Type: "time",
			Help: "how often the SQLite database is copied into BACKUP_DIR, such as `24h`; unset: never",
			set:  field(func(c *Config) *duration { return &c.BackupEvery }, parse.Optional(parse.Seconds(time.Minute, 366*parse.Day)))},
		{Name: "BACKUP_KEEP", Section: SectionProcess, Type: "number", Default: "7",
			Help: "how many of these copies are kept; the oldest ones are deleted after a new one was written",
			set:  field(func(c *Config) *int { return &c.BackupKeep }, parse.Count(1, 10_000))},
		{Name: "BACKUP_DIR", Section: SectionProcess, Type: "folder", show: shownFile,
			Help: "where these copies are; unset: the folder `backups` beside the database. It is made if it is not there",
			set:  field(func(c *Config) *string { return &c.BackupDir }, parse.Optional(folderName))},
	}
}

// None of these is Changeable: who may reach the app, and whose word counts, is for whoever runs the bridge.
func appSettings() []Setting {
	return []Setting{
		{Name: "UPSTREAM", Section: SectionApp, Type: "URL",
			Help: "the app behind the bridge: with it the bridge is the reverse proxy in front of the app",
			set:  field(func(c *Config) *urlPtr { return &c.Upstream }, parse.Optional(parse.UpstreamURL))},
		{Name: "FORWARD_AUTH", Section: SectionApp, Choices: onOff(),
			Help: "`/auth/forward` answers the proxies of TRUSTED_PROXIES; unset: on once TRUSTED_PROXIES is set, without UPSTREAM",
			show: func(c *Config, text string) string { return cmp.Or(text, strconv.FormatBool(c.ForwardAuth)) },
			set:  field(func(c *Config) *bool { return &c.ForwardAuth }, parse.Optional(parse.Boolean))},
		{Name: "ACCESS_RULES", Section: SectionApp, Type: "list of rules",
			Help: "who may reach what with UPSTREAM and `/auth/forward`; the first rule that matches decides, the rest needs a sign-in: `[{\"path\":\"/health\",\"allow\":\"public\"},{\"path\":\"/reports\",\"methods\":[\"POST\"],\"allow\":[\"Sales\"]}]`",
			set:  field(func(c *Config) *accessRules { return &c.AccessRules }, parseAccessRules)},
		{Name: "BEARER_HEADER", Section: SectionApp, Type: "header name", Default: "Authorization",
			Help: "the header in which API clients send a session token, after `Bearer` or alone",
			set:  field(func(c *Config) *string { return &c.BearerHeader }, parse.BearerHeader)},
		{Name: "BEARER_PARAMETER", Section: SectionApp, Type: "parameter name",
			Help: "the URL parameter in which API clients may send it to UPSTREAM and `/auth/verify`; unset: none, which is safer, since URLs are logged on their way",
			set:  field(func(c *Config) *string { return &c.BearerParameter }, parse.Optional(parse.ParameterName))},
		{Name: "ASSERTION", AtStart: true, Section: SectionApp, Choices: []string{"ES256", "EdDSA", "off"}, Default: "ES256",
			Help: "how `Remote-Assertion` is signed. `EdDSA` (Ed25519) takes less time, and every app must know it; `off` is for apps that do not read the header, which is then `-`",
			set:  choice(func(c *Config) *string { return &c.Assertion })},
	}
}

// providerSettings are the fields of a provider, as the settings of one of them. The default provider has the names that
// Metabase knows.
func providerSettings(provider string) []Setting {
	of := func(name string) string { return settingsOf(provider) + name }
	fields := []Setting{
		{Name: of("LABEL"), Section: SectionProvider, Type: "text", Changeable: true,
			Label: "Name on the sign-in page",
			Help:  "how the sign-in page calls the provider: “Continue with …”; unset: its name, where there are several",
			set:   providerPlace(func(p *Provider) *string { return &p.Label }, parse.PlainText)},
		{Name: of("ENABLED"), Alias: "MB_JWT_ENABLED", Section: SectionProvider, Choices: onOff(), Changeable: true,
			Label: "Sign-in through the identity provider",
			Help:  "sign-in through the identity provider; unset: on once JWT_IDENTITY_PROVIDER_URI and JWT_SHARED_SECRET, or a key, are set",
			show:  enabledText(provider),
			set:   providerPlace(func(p *Provider) *bool { return &p.Enabled }, parse.Optional(parse.Boolean))},
		{Name: of("IDENTITY_PROVIDER_URI"), Alias: "MB_JWT_IDENTITY_PROVIDER_URI", Section: SectionProvider, Type: "URL", Changeable: true, LetsIn: true,
			Label: "Sign-in page of your product",
			Help:  "the page of your product where people sign in",
			set:   providerPlace(func(p *Provider) *urlPtr { return &p.IdentityProviderURI }, parse.Optional(parse.ProviderURL))},
		{Name: of("SHARED_SECRET"), Alias: "MB_JWT_SHARED_SECRET", Section: SectionProvider, Type: "text, or a JSON list of texts", Secret: true, Changeable: true, Page: PageKeys,
			Label: "Shared secret",
			Help:  "signs the tokens; the bytes of its text are the key (hexadecimal is not decoded). Of a list all verify, for a change of secret, and the first is current",
			set:   providerPlace(func(p *Provider) *[]string { return &p.SharedSecrets }, parse.SharedSecrets)},
		{Name: of("KEYS"), Section: SectionProvider, Type: "a key, or a JSON list of objects", Secret: true, Changeable: true, LetsIn: true, Page: PageKeys,
			Label: "Public keys",
			Help:  "verify tokens that the provider signs with a private key: PEM, base64, a JWK or a JWK Set; or a list such as `[{\"file\":\"/etc/ssobridge/idp.pem\",\"alg\":\"RS256\"},{\"key\":\"…\",\"alg\":\"ES256\",\"kid\":\"2026\",\"not_after\":\"2027-01-01T00:00:00Z\"}]`",
			show:  func(c *Config, _ string) string { return shownKeys(c.Provider(provider).Keys) },
			set:   providerPlace(func(p *Provider) *[]Key { return &p.Keys }, keyList)},
		{Name: of("JWKS_URL"), Section: SectionProvider, Type: "list of URLs", Changeable: true, LetsIn: true,
			Label: "Addresses of published keys (JWKS)",
			Help:  "where the provider publishes its keys as a JWK Set; https except on this machine. They are fetched when a token needs them",
			show:  shownURLs,
			set:   providerPlace(func(p *Provider) *[]string { return &p.JWKSURLs }, keyURLs)},
		{Name: of("JWKS_FILE"), Section: SectionProvider, Type: "list of files",
			Help: "files with a JWK Set each; they are read again when they change",
			show: shownFiles,
			set:  providerPlace(func(p *Provider) *[]string { return &p.JWKSFiles }, fileList)},
		{Name: of("PUBLIC_KEY"), Section: SectionProvider, Type: "list of files",
			Help: "files with a public key each (PEM, DER, a certificate or a JWK); they are read again when they change",
			show: shownFiles,
			set:  providerPlace(func(p *Provider) *[]string { return &p.PublicKeyFiles }, fileList)},
		{Name: of("ALGORITHM"), Section: SectionProvider, Type: "list of algorithms",
			Help: "the algorithm of each file of PUBLIC_KEY, in the same order, such as `RS256, ES256`; unset: the first one that such a key can have",
			set:  providerPlace(func(p *Provider) *[]string { return &p.Algorithms }, algorithmList)},
		{Name: of("CA_FILE"), Section: SectionProvider, Type: "file",
			show: shownFile,
			Help: "certificates of the authorities that are trusted for JWKS_URL, TOKEN_URI and GROUPS_ENDPOINT_URL; unset: those of the system",
			set:  providerPlace(func(p *Provider) *string { return &p.CAFile }, parse.Optional(fileName))},
		{Name: of("ATTRIBUTE_EMAIL"), Alias: "MB_JWT_ATTRIBUTE_EMAIL", Section: SectionPeople, Type: "claim", Default: "email", Changeable: true, LetsIn: true,
			Label: "Claim with the e-mail",
			Help:  "the claim with the e-mail address",
			set:   providerPlace(func(p *Provider) *string { return &p.Claims.Email }, claimPath)},
		{Name: of("ATTRIBUTE_FIRSTNAME"), Alias: "MB_JWT_ATTRIBUTE_FIRSTNAME", Section: SectionPeople, Type: "claim", Default: "first_name", Changeable: true,
			Label: "Claim with the first name",
			Help:  "the claim with the first name",
			set:   providerPlace(func(p *Provider) *string { return &p.Claims.FirstName }, parse.Optional(claimPath))},
		{Name: of("ATTRIBUTE_LASTNAME"), Alias: "MB_JWT_ATTRIBUTE_LASTNAME", Section: SectionPeople, Type: "claim", Default: "last_name", Changeable: true,
			Label: "Claim with the last name",
			Help:  "the claim with the last name",
			set:   providerPlace(func(p *Provider) *string { return &p.Claims.LastName }, parse.Optional(claimPath))},
		{Name: of("ATTRIBUTE_GROUPS"), Alias: "MB_JWT_ATTRIBUTE_GROUPS", Section: SectionPeople, Type: "claim", Default: "groups", Changeable: true, LetsIn: true,
			Label: "Claim with the groups",
			Help:  "the claim with the groups: a list of names, or one name",
			set:   providerPlace(func(p *Provider) *string { return &p.Claims.Groups }, parse.Optional(claimPath))},
		{Name: of("ATTRIBUTE_SUBJECT"), Section: SectionPeople, Type: "claim", Changeable: true, LetsIn: true,
			Label: "Claim that identifies a person for ever",
			Help:  "the claim that identifies a person for ever, such as `sub`; unset: the e-mail address does",
			set:   providerPlace(func(p *Provider) *string { return &p.Claims.Subject }, parse.Optional(claimPath))},
		{Name: of("ATTRIBUTE_NAME"), Section: SectionPeople, Type: "claim", Changeable: true,
			Label: "Claim with the whole name",
			Help:  "the claim with the whole name, for tokens that have neither a first nor a last name",
			set:   providerPlace(func(p *Provider) *string { return &p.Claims.Name }, parse.Optional(claimPath))},
		{Name: of("ATTRIBUTE_PRINCIPAL"), Section: SectionPeople, Type: "list of claims", Changeable: true, LetsIn: true,
			Label: "Claims that may say who it is, in their order",
			Help:  "in the place of the claim with the e-mail: the first of these that is there says who it is, such as `email, preferred_username, sub`",
			set:   providerPlace(func(p *Provider) *string { return &p.Claims.Principal }, parse.Optional(claimPaths))},
		{Name: of("PRINCIPAL_DOMAIN"), Section: SectionPeople, Type: "domain", Changeable: true, LetsIn: true,
			Label: "Domain of names without an @",
			Help:  "makes an e-mail address of a name that has no @: `ada` becomes `ada@example.com`",
			set:   providerPlace(func(p *Provider) *string { return &p.Claims.Domain }, parse.Optional(principalDomain))},
		{Name: of("ALLOWED_DOMAINS"), Section: SectionPeople, Type: "list of domains", Changeable: true, LetsIn: true,
			Label: "Domains of those who may come in",
			Help:  "only people with an e-mail address at one of these domains may come in; a sub-domain is another one; unset: any",
			set:   providerPlace(func(p *Provider) *[]string { return &p.AllowedDomains }, domains)},
		{Name: of("ALLOWED_GROUPS"), Section: SectionPeople, Type: "list of names", Changeable: true, LetsIn: true,
			Label: "Groups of those who may come in",
			Help:  "only people in one of these groups of the provider may come in, named as it sends them (as a JSON list where a name has a space); unset: anyone",
			set:   providerPlace(func(p *Provider) *[]string { return &p.AllowedGroups }, parse.List)},
		{Name: of("REQUIRE"), Section: SectionPeople, Type: "JSON list", Changeable: true, LetsIn: true,
			Label: "Claims that must have a value",
			Help:  "claims that a token must have with one of these values: `[{\"claim\":\"azp\",\"values\":[\"bi\",\"etl\"]}]`",
			set:   providerPlace(func(p *Provider) *[]claim.Requirement { return &p.Require }, requirements)},
		{Name: of("GROUP_SEPARATOR"), Section: SectionPeople, Type: "text", Changeable: true, LetsIn: true,
			Label: "Separator of group names",
			Help:  "what stands between the names in a groups claim that is one text, such as `,`; unset: such a text is one name",
			set:   providerPlace(func(p *Provider) *string { return &p.Claims.GroupSeparator }, parse.PlainText)},
		{Name: of("GROUP_PREFIX"), Section: SectionPeople, Type: "text", Changeable: true, LetsIn: true,
			Label: "What is put before group names",
			Help:  "is put before each name of a group that the provider sends, so that equal names of two providers are two groups",
			set:   providerPlace(func(p *Provider) *string { return &p.Claims.GroupPrefix }, parse.PlainText)},
		{Name: of("GROUP_SYNC"), Alias: "MB_JWT_GROUP_SYNC", Section: SectionPeople, Choices: onOff(), Default: "false", Changeable: true, Page: PageMapping,
			Label: "Groups from the identity provider",
			Help:  "each sign-in sets the person's groups from the token, or where GROUPS_ORDER says",
			set:   providerPlace(func(p *Provider) *bool { return &p.GroupSync }, parse.Boolean)},
		{Name: of("GROUP_MAPPINGS"), Alias: "MB_JWT_GROUP_MAPPINGS", Section: SectionPeople, Type: "JSON object", Default: "{}", Changeable: true, Page: PageMapping,
			Label: "Mapping of groups",
			Help:  "group of the identity provider → groups of the bridge, by id or name: `{\"extHR\":[7],\"extSales\":[\"Sales\",4]}`; empty: groups are matched by name",
			set:   providerPlace(func(p *Provider) *mappings { return &p.GroupMappings }, parseMappings)},
		{Name: of("USER_PROVISIONING_ENABLED"), Alias: "MB_JWT_USER_PROVISIONING_ENABLED", Section: SectionPeople, Choices: onOff(), Default: "true", Changeable: true,
			Label: "Make accounts at the first sign-in",
			Help:  "a first sign-in makes an account",
			set:   providerPlace(func(p *Provider) *bool { return &p.UserProvisioningEnabled }, parse.Boolean)},
		{Name: of("LINK_ACCOUNTS"), Section: SectionPeople, Choices: onOff(), Default: "false", Changeable: true, LetsIn: true,
			Label: "Tokens may sign in to accounts of other providers",
			Help:  "a token may sign in to an account of another provider that has the same e-mail: only if this provider has verified every e-mail address",
			set:   providerPlace(func(p *Provider) *bool { return &p.LinkAccounts }, parse.Boolean)},
		{Name: of("PROFILE"), Section: SectionToken, Choices: []string{"metabase", "standard", "strict"}, Default: "standard", Changeable: true, LetsIn: true,
			Label: "How strictly tokens are judged",
			Help:  "how strictly tokens are judged",
			set:   providerPlace(func(p *Provider) *profile { return &p.Profile }, parseProfile)},
		{Name: of("MAX_AGE"), Section: SectionToken, Type: "time", Default: "180s", Changeable: true, LetsIn: true,
			Label: "Greatest age of a token",
			Help:  "how old a token's `iat` may be",
			set:   providerPlace(func(p *Provider) *duration { return &p.MaxAge }, parse.Seconds(parse.SecondsMin, parse.Day))},
		{Name: of("LEEWAY"), Section: SectionToken, Type: "time", Default: "30s", Changeable: true, LetsIn: true,
			Label: "Difference of clocks that is forgiven",
			Help:  "how far clocks may differ, at most 60s; the profile `metabase` has none",
			set:   providerPlace(func(p *Provider) *duration { return &p.Leeway }, parse.Seconds(0, parse.MaxLeeway))},
		{Name: of("MAX_LIFETIME"), Section: SectionToken, Type: "time", Default: "10m", Changeable: true, LetsIn: true,
			Label: "Longest life of a token",
			Help:  "how far ahead `exp` may be in a token without `iat`; of kind `bearer`: how far after `iat`, 24h unless it is set",
			set:   providerPlace(func(p *Provider) *duration { return &p.MaxLifetime }, parse.Seconds(parse.SecondsMin, parse.MaxAge))},
		{Name: of("ISSUER"), Section: SectionToken, Type: "text", Changeable: true, LetsIn: true,
			Label: "Issuer (iss)",
			Help:  "what `iss` must be; unset: not checked. Of kind `oidc`: the address of the provider, exactly as it writes it, such as https://login.example.com/realms/company of Keycloak",
			set:   providerPlace(func(p *Provider) *string { return &p.Issuer }, parse.PlainText)},
		{Name: of("AUDIENCE"), Section: SectionToken, Type: "text", Changeable: true, LetsIn: true,
			Label: "Audience (aud)",
			Help:  "what `aud` must contain; unset: not checked. Of kind `bearer`: a list of which `aud` must contain one",
			set:   providerPlace(func(p *Provider) *string { return &p.Audience }, parse.PlainText)},
		{Name: of("BINDING"), Section: SectionBinding, Choices: []string{"off", "state", "pkce"}, Default: "off", Changeable: true, LetsIn: true,
			Label: "Tie sign-ins to the browser that began them",
			Help:  "how a sign-in is tied to the browser that began it",
			set:   providerPlace(func(p *Provider) *binding { return &p.Binding }, parseBinding)},
		{Name: of("TOKEN_URI"), Section: SectionBinding, Type: "URL", Changeable: true, LetsIn: true,
			Label: "Token endpoint",
			Help:  "where the bridge exchanges a code for a token (binding `pkce`); https except on this machine",
			set:   providerPlace(func(p *Provider) *urlPtr { return &p.TokenURI }, parse.Optional(parse.TokenURL))},
		{Name: of("CLIENT_ID"), Section: SectionBinding, Type: "text", Changeable: true, LetsIn: true,
			Label: "Client id",
			Help:  "how the identity provider knows the bridge (binding `pkce`, or kind `oidc`)",
			set:   providerPlace(func(p *Provider) *string { return &p.ClientID }, parse.PlainText)},
		{Name: of("LOGOUT_URI"), Section: SectionBinding, Type: "URL", Changeable: true,
			Label: "Page after signing out",
			Help:  "where a browser goes after signing out, to sign out of your product too",
			set:   providerPlace(func(p *Provider) *urlPtr { return &p.LogoutURI }, parse.Optional(parse.WebURL))},
	}
	sync := slices.IndexFunc(fields, func(s Setting) bool { return s.Name == of("GROUP_SYNC") })
	fields = slices.Insert(fields, sync, groupSettings(of)...)
	fields = append(fields, bearerSettings(of)...)
	if provider != DefaultProvider {
		fields = slices.Insert(fields, 0, Setting{Name: of("KIND"), Section: SectionProvider, Choices: []string{string(KindJWT), string(KindOIDC), string(KindBearer)}, Default: string(KindJWT), Changeable: true,
			Label: "Kind",
			Help:  "what the provider speaks: `jwt` is a redirect with a token, or with a code; `oidc` is OpenID Connect; with `bearer` nobody signs in, and its tokens come from API clients with each request",
			set:   providerChoice(func(p *Provider) *Kind { return &p.Kind })})
		fields = append(fields, openIDSettings(of)...)
	}
	for i := range fields {
		f := &fields[i]
		f.Provider = provider
		if f.Changeable && f.Page == "" {
			f.Page = PageProvider
		}
		if provider != DefaultProvider {
			fields[i] = f.elsewhere()
		}
	}
	return fields
}

// elsewhere is a field of the default provider as that of another one.
func (s Setting) elsewhere() Setting {
	s.Name = settingsOf(s.Provider) + s.Field()
	s.Alias, s.Section = "", "Provider "+s.Provider
	if s.Page == PageMapping { // which has those of the default provider alone
		s.Page = PageProvider
	}
	if strings.HasSuffix(s.Name, "_ENABLED") && s.Default == "" {
		s.Default, s.Help = "true", "sign-in through this provider"
	}
	return s
}

// defaultProviderSettings are those of the default provider, with what is about all providers beside them.
func defaultProviderSettings() []Setting {
	fields := providerSettings(DefaultProvider)
	i := slices.IndexFunc(fields, func(s Setting) bool { return s.Section == SectionToken })
	fields = slices.Insert(fields, i, Setting{Name: "LINK_PASSWORD_ACCOUNTS", Section: SectionPeople, Choices: onOff(), Default: "false", Changeable: true, LetsIn: true,
		Label: "Tokens may sign in to accounts with a password",
		Help:  "a token may sign in to an account that has a password: only if the identity provider has verified every e-mail address",
		set:   field(func(c *Config) *bool { return &c.LinkPasswordAccounts }, parse.Boolean)})
	return append([]Setting{
		{Name: "PROVIDERS", Section: SectionProvider, Type: "list of names, or a JSON object",
			Help: "the identity providers besides that of the settings `JWT_…`; each has settings of its own, see below",
			set:  field(func(c *Config) *[]string { return &c.declared }, providerNames)},
	}, fields...)
}

func sessionSettings() []Setting {
	return []Setting{
		{Name: "ENABLE_PASSWORD_LOGIN", Alias: "MB_ENABLE_PASSWORD_LOGIN", Section: SectionSession, Choices: onOff(), Default: "true", Changeable: true,
			Label: "Sign-in with a password",
			Help:  "people who have a password may sign in with it; passkeys work in any case",
			set:   field(func(c *Config) *bool { return &c.EnablePasswordLogin }, parse.Boolean)},
		{Name: "SESSION_COOKIES", Alias: "MB_SESSION_COOKIES", Section: SectionSession, Choices: onOff(), Default: "false", Changeable: true,
			Label: "End sessions with the browser",
			Help:  "the session's cookie goes when the browser is closed",
			set:   field(func(c *Config) *bool { return &c.SessionCookies }, parse.Boolean)},
		{Name: "SESSION_COOKIE_SAMESITE", Alias: "MB_SESSION_COOKIE_SAMESITE", Section: SectionSession, Choices: []string{SameSiteLax, SameSiteStrict, SameSiteNone}, Default: SameSiteLax, Changeable: true,
			Label: "Requests from other sites carry the session",
			Help:  "whether requests from other sites carry the session: `none` is for apps shown in frames of other sites, and needs https",
			set:   choice(func(c *Config) *string { return &c.SessionCookieSameSite })},
		{Name: "SESSION_TIMEOUT", Alias: "MB_SESSION_TIMEOUT", Section: SectionSession, Type: "time, or `{\"amount\":120,\"unit\":\"minutes\"}`", Changeable: true,
			Label: "End sessions that are not used",
			Help:  "a session ends when it was not used for so long, such as 8h; at least 60s; unset: it does not",
			set:   field(func(c *Config) *duration { return &c.SessionTimeout }, parse.Optional(parse.IdleTimeout))},
		// Metabase reads this one without its prefix.
		{Name: "MAX_SESSION_AGE", Alias: "MAX_SESSION_AGE", Section: SectionSession, Type: "minutes, or time", Default: "20160", Changeable: true,
			Label: "End sessions after",
			Help:  "a session ends so long after the sign-in, whatever happens, such as 336h for 14 days; a plain number is minutes",
			set:   field(func(c *Config) *duration { return &c.MaxSessionAge }, parse.SessionAge)},
		{Name: "CORS_ORIGINS", Section: SectionSession, Type: "list of origins", Changeable: true,
			Label: "Sites whose scripts may sign people in",
			Help:  "the sites whose scripts may call the JSON sign-in of embedding clients",
			set:   field(func(c *Config) *origins { return &c.CORSOrigins }, parse.OriginList)},
	}
}

// field ties a parser to the place in Config that it fills. A value that cannot be parsed leaves the place alone.
func field[T any](place func(*Config) *T, parse func(string) (T, error)) func(*Setting, *Config, string) error {
	return func(_ *Setting, c *Config, text string) error {
		v, err := parse(text)
		if err == nil {
			*place(c) = v
		}
		return err
	}
}

// choice is field for one of the setting's Choices.
func choice(place func(*Config) *string) func(*Setting, *Config, string) error {
	return func(s *Setting, c *Config, text string) error {
		return field(place, parse.OneOf(s.Choices...))(s, c, text)
	}
}
