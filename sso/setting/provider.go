package setting

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/sso/claim"
	"github.com/ssobridge/ssobridge/sso/setting/parse"
	"github.com/ssobridge/ssobridge/sso/strictjson"
)

// DefaultProvider is the name of the provider whose settings are called JWT_….
const DefaultProvider = "jwt"

// A Kind says what a provider speaks.
type Kind string

// The kinds.
const (
	KindJWT Kind = "jwt" // the redirect protocol: a token, or a code at a token endpoint
)

// A Provider is what the settings say of one identity provider. It is never changed. Optional URLs are nil, and optional texts
// "", when they are not set.
type Provider struct {
	Name    string // see CheckProviderName
	Kind    Kind
	Label   string // for people; "": the name
	Enabled bool   // implies that there are a URI and a key

	IdentityProviderURI *url.URL
	SharedSecrets       []string // all verify, the first is current
	Keys                []Key
	JWKSURLs            []string
	JWKSFiles           []string // whole paths
	PublicKeyFiles      []string // whole paths
	Algorithms          []string // none, or one for each of PublicKeyFiles
	CAFile              string   // "": the authorities that the system trusts

	Claims                  claim.Mapping
	GroupSync               bool
	GroupMappings           sso.Mappings
	Groups                  Groups
	UserProvisioningEnabled bool
	LinkAccounts            bool
	Require                 []claim.Requirement
	AllowedDomains          []string // in the form of [address.Domain]; nil: any
	AllowedGroups           []string // nil: any

	Profile                     sso.Profile
	MaxAge, Leeway, MaxLifetime time.Duration // whole seconds
	Issuer, Audience            string
	Bearer                      Bearer
	OpenID                      OpenID

	Binding   sso.Binding
	TokenURI  *url.URL
	ClientID  string
	LogoutURI *url.URL
}

// Setting is the setting that holds a field of the provider, such as ISSUER.
func (p *Provider) Setting(field string) string { return p.Settings() + field }

// Settings is how the names of the provider's settings begin, such as "JWT_".
func (p *Provider) Settings() string { return settingsOf(p.Name) }

// providerPrefix begins the names of the settings of every provider but the default one.
const providerPrefix = "PROVIDER_"

func settingsOf(provider string) string {
	if provider == DefaultProvider {
		return "JWT_"
	}
	return providerPrefix + strings.ToUpper(strings.ReplaceAll(provider, "-", "_")) + "_"
}

var providerName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// Bounds of providers.
const (
	MaxProviders    = 20 // besides the default one, which administrators may bring up to it
	maxProviderName = 32
)

// CheckProviderName refuses what cannot name a provider: other than small letters, digits and single hyphens, what is too
// long, and what has a meaning of its own in addresses and commands.
func CheckProviderName(name string) error {
	switch {
	case !providerName.MatchString(name) || len(name) > maxProviderName:
		return fmt.Errorf("%q names no provider: a name has small letters, digits and hyphens, begins with a letter, and has at most %d bytes",
			sso.Truncate(sso.CleanText(name), 2*maxProviderName), maxProviderName)
	case slices.Contains([]string{sso.WayPassword, sso.WayPasskey, "service", "new"}, name):
		return fmt.Errorf("%q is reserved and names no provider", name)
	case strings.HasSuffix(name, "-user-provisioning"), strings.HasSuffix(name, "-link"): // with ENABLED or ACCOUNTS, that would be a setting of another provider
		return fmt.Errorf("%q names no provider: the names of its settings would be those of another one", name)
	}
	return nil
}

// providerNames reads PROVIDERS: the default provider is always there, and is named only for the sake of completeness.
func providerNames(text string) (names []string, err error) {
	if names, err = parse.List(text); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := CheckProviderName(name); err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == DefaultProvider })
	if len(names) > MaxProviders {
		return nil, fmt.Errorf("names more than %d providers", MaxProviders)
	}
	return names, nil
}

// savedProviders are the providers that an administrator made: each has a saved kind.
func savedProviders(saved map[string]string) (names []string) {
	for name := range saved {
		middle, ok := strings.CutPrefix(name, providerPrefix)
		middle, kind := strings.CutSuffix(middle, "_KIND")
		if of := strings.ToLower(strings.ReplaceAll(middle, "_", "-")); ok && kind && CheckProviderName(of) == nil && of != DefaultProvider {
			names = append(names, of)
		}
	}
	return names
}

// Provider is the provider of that name, or nil.
func (c *Config) Provider(name string) *Provider {
	for _, p := range c.Providers {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Declared reports whether a provider is named outside the database.
func (c *Config) Declared(provider string) bool { return slices.Contains(c.given.declared, provider) }

// providerPlace ties a parser to the place in a provider that it fills.
func providerPlace[T any](place func(*Provider) *T, parse func(string) (T, error)) func(*Setting, *Config, string) error {
	return func(s *Setting, c *Config, text string) error {
		return field(func(c *Config) *T { return place(c.Provider(s.Provider)) }, parse)(s, c, text)
	}
}

func providerChoice(place func(*Provider) *Kind) func(*Setting, *Config, string) error {
	return func(s *Setting, c *Config, text string) error {
		word, err := parse.OneOf(s.Choices...)(text)
		if err == nil {
			*place(c.Provider(s.Provider)) = Kind(word)
		}
		return err
	}
}

// deriveEnabled: the default provider is on once there are a URI and a secret, unless JWT_ENABLED says otherwise. Another one
// is on since it is named.
func (c *Config) deriveEnabled() {
	if c.Text("JWT_ENABLED") == "" {
		c.JWT.Enabled = c.JWT.IdentityProviderURI != nil && c.JWT.canJudge()
	}
}

func (j *judge) providers() {
	c := j.c
	for _, p := range c.Providers {
		if p.Name == DefaultProvider {
			j.defaultProvider()
		}
		switch p.Kind {
		case KindBearer:
			j.bearer(p)
			j.groups(p)
		case KindOIDC:
			j.openID(p)
			j.loginRules(p)
			j.groups(p)
		default:
			j.provider(p)
			j.loginRules(p)
			j.notOpenID(p)
			j.binding(p)
			j.groups(p)
		}
	}
	j.apart()
	j.tellApart()
	j.apartFromOwn()
	j.directory()
	if len(c.LoginProviders()) == 0 && !c.EnablePasswordLogin {
		j.warn("no one can sign in without a passkey: sign-in through the identity provider is off, and so is ENABLE_PASSWORD_LOGIN")
	}
}

// EnabledProviders are those that are on.
func (c *Config) EnabledProviders() (on []*Provider) {
	for _, p := range c.Providers {
		if p.Enabled {
			on = append(on, p)
		}
	}
	return on
}

// SignInOff begins or ends each warning that a product is not connected yet. To who follows the steps they say nothing new.
const SignInOff = "sign-in through the identity provider is off"

// defaultProvider says what is missing for the default provider to be on, while nobody has said whether it should be.
func (j *judge) defaultProvider() {
	c, p := j.c, j.c.JWT
	uri, secret := p.IdentityProviderURI != nil, p.canJudge()
	if p.Enabled || c.Text("JWT_ENABLED") != "" || j.broken["JWT_SHARED_SECRET"] || j.broken["JWT_IDENTITY_PROVIDER_URI"] {
		return
	}
	const off, page, key = SignInOff, "JWT_IDENTITY_PROVIDER_URI, or as administrator at /admin/providers/jwt", "JWT_SHARED_SECRET, or as administrator at /admin/providers/jwt"
	switch {
	case !uri && !secret && len(c.LoginProviders()) > 0: // another one is meant
	case !uri && !secret:
		j.warn("%s: set JWT_IDENTITY_PROVIDER_URI and JWT_SHARED_SECRET, or do so as administrator at /admin/providers/jwt", off)
	case !uri:
		what := "JWT_SHARED_SECRET"
		if len(p.SharedSecrets) == 0 {
			what = "a key"
		}
		j.warn("%s is set and JWT_IDENTITY_PROVIDER_URI is not: %s; set %s", what, off, page)
	default:
		j.warn("JWT_IDENTITY_PROVIDER_URI is set and JWT_SHARED_SECRET is not: %s; set %s", off, key)
	}
}

func (j *judge) provider(p *Provider) {
	of := p.Setting
	if p.Enabled {
		because := "is not set, but " + of("ENABLED") + " is true"
		if j.c.Source(of("ENABLED")).Kind == FromDefault {
			because = "is not set, and the provider " + p.Name + " needs it"
		}
		if p.IdentityProviderURI == nil {
			j.fault(of("IDENTITY_PROVIDER_URI"), because, "set it to the sign-in page of your product", of("ENABLED"))
		}
		if !p.canJudge() {
			j.fault(of("SHARED_SECRET"), because, `set it to what "openssl rand -hex 32" prints, here and at the identity provider`, of("ENABLED"), of("KEYS"), of("JWKS_URL"), of("JWKS_FILE"), of("PUBLIC_KEY"), of("VALIDATION_URL"))
		}
	}
	j.keys(p)
	j.validation(p)
	if p.Enabled && p.loginAudience() == "" && (len(p.JWKSURLs) > 0 || p.Bearer.ValidationURL != "") {
		j.warn("%s is not set, or not looked at: whoever has a token that the identity provider made for another app can sign in with it", of("AUDIENCE"))
	}
	if p.Profile == sso.Strict {
		because := "is not set, and " + of("PROFILE") + " strict needs it"
		if p.Issuer == "" {
			j.fault(of("ISSUER"), because, "set it to the iss of the tokens", of("PROFILE"))
		}
		if p.Audience == "" {
			j.fault(of("AUDIENCE"), because, "set it to the aud of the tokens", of("PROFILE"))
		}
		if p.Binding == sso.BindingOff {
			j.fault(of("BINDING"), "is off, and "+of("PROFILE")+" strict needs state or pkce", "set it to pkce if the identity provider can, else to state", of("PROFILE"))
		}
	}
	j.mapping(p)
}

func (j *judge) binding(p *Provider) {
	of := p.Setting
	if p.Binding == sso.BindingPKCE {
		if p.ClientID == "" {
			j.fault(of("CLIENT_ID"), "is not set, and "+of("BINDING")+" pkce needs it", "set it to the name under which the identity provider knows the bridge", of("BINDING"))
		}
		return
	}
	for _, name := range []string{of("TOKEN_URI"), of("CLIENT_ID")} {
		if j.c.Text(name) != "" && !j.broken[of("BINDING")] {
			j.warn("%s has no effect: %s is %s, not pkce", name, of("BINDING"), p.Binding)
		}
	}
}

// apart holds the providers against one another: what belongs to two of them says nothing about whose a token is.
func (j *judge) apart() {
	on := j.c.EnabledProviders()
	for i, p := range on {
		if p.SignsIn() && len(j.c.LoginProviders()) > 1 && p.Issuer == "" && p.Binding == sso.BindingOff {
			j.warn("%s is not set, and there are several providers: the page of the provider %s must add provider=%s to what it sends to /auth/sso",
				p.Setting("ISSUER"), p.Name, p.Name)
		}
		for _, q := range on[:i] {
			if p.Issuer != "" && p.Issuer == q.Issuer && (p.SignsIn() && q.SignsIn() || p.Bearer.On && q.Bearer.On) {
				j.fault(p.Setting("ISSUER"), "is that of the provider "+q.Name+", too", "each provider has an issuer of its own", q.Setting("ISSUER"))
			}
			shared := slices.ContainsFunc(p.SharedSecrets, func(secret string) bool { return slices.Contains(q.SharedSecrets, secret) })
			if shared && !p.OtherAudience(q) {
				j.fault(p.Setting("SHARED_SECRET"), "is that of the provider "+q.Name+", too: each could sign for the other",
					"make another one", q.Setting("SHARED_SECRET"))
			}
		}
	}
}

// OtherAudience reports whether neither provider takes a token that is for the audience of the other one.
func (p *Provider) OtherAudience(q *Provider) bool {
	mine, other := p.audiences(), q.audiences()
	both := func(audience string) bool { return slices.Contains(other, audience) }
	return len(mine) > 0 && len(other) > 0 && !slices.ContainsFunc(mine, both)
}

// OtherIssuer reports whether neither provider takes a token of the other one's issuer.
// A claim that one of them does not look at keeps nothing apart.
func (p *Provider) OtherIssuer(q *Provider) bool {
	return p.Issuer != "" && q.Issuer != "" && p.Issuer != q.Issuer && p.Profile != sso.Metabase && q.Profile != sso.Metabase
}

// A document holds settings by their keys: the configuration file, or the JSON object in SSOBRIDGE_PROVIDERS.
type document struct {
	kind SourceKind
	name string // of the file, or of the variable
	keys map[string]branch
}

// A branch is one value of a document.
type branch struct {
	raw  any
	path string // as people read it: listen, or providers.dex.issuer
}

// at is where a value stands.
func (d document) at(b branch) string { return d.name + ": " + b.path }

// declare finds out which providers there are. Each source may name some, and each may write their settings in the nested form.
func (r *resolver) declare() {
	setting := Find("PROVIDERS")
	r.file = document{FromFile, r.in.FileName, map[string]branch{}}
	for key, raw := range r.in.File {
		if tree, ok := jsonable(raw).(map[string]any); ok && key == setting.Key() {
			raw = r.nested(setting, &r.file, tree)
		}
		if tree, ok := jsonable(raw).(map[string]any); ok && key == "ldap" {
			for inner, b := range within(key, branch{tree, key}) {
				r.put(setting, &r.file, inner, b)
			}
			continue
		}
		r.file.keys[key] = branch{raw, key}
	}
	r.object = document{FromEnviron, setting.Env(), map[string]branch{}}
	if text := r.env[setting.Env()]; strings.HasPrefix(strings.TrimSpace(text), "{") {
		tree, err := jsonObject(text)
		if err != nil {
			r.fault(setting, setting.Env(), "is no JSON object of providers: "+err.Error(), "")
		}
		r.env[setting.Env()] = r.nested(setting, &r.object, tree)
	}
	faults := maps.Clone(r.given.faults)
	for _, look := range []func(*Setting) (value, bool){
		r.fromFlag, r.fromEnviron, func(s *Setting) (value, bool) { return r.from(r.file, s) },
	} {
		if v, ok := look(setting); ok {
			names, _ := providerNames(v.text) // a fault of the setting is told where it is parsed
			r.given.declared = append(r.given.declared, names...)
		}
	}
	slices.Sort(r.given.declared)
	r.given.declared = slices.Compact(r.given.declared)
	r.given.faults = faults // the others are found again
	r.given.table = all
	if len(r.given.declared) > 0 {
		r.given.table = newTable(r.given.declared)
	}
}

// nested takes in the nested form of providers, and returns their names as a list.
func (r *resolver) nested(s *Setting, d *document, tree map[string]any) string {
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		fields, ok := tree[name].(map[string]any)
		if !ok && tree[name] != nil {
			r.strange("providers."+name, d.name, "is not a mapping of settings to values", "")
			delete(tree, name)
		}
		for _, field := range slices.Sorted(maps.Keys(fields)) {
			raw := fields[field]
			path := "providers." + name + "." + field
			for inner, b := range within(field, branch{raw, path}) {
				r.put(s, d, settingKey(name, inner), b)
			}
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(tree)), ",")
}

// within yields the settings of a block such as groups, in which endpoint is another one: groups_order, groups_endpoint_url.
// What is no block is one setting.
func within(field string, b branch) iter.Seq2[string, branch] {
	return func(yield func(string, branch) bool) {
		prefix := map[string]string{"claims": "claim", "groups": "groups", "groups_endpoint": "groups_endpoint", "ldap": "ldap"}[field]
		block, isMap := b.raw.(map[string]any)
		if prefix == "" || !isMap {
			yield(field, b)
			return
		}
		for _, name := range slices.Sorted(maps.Keys(block)) {
			for inner, value := range within(prefix+"_"+name, branch{block[name], b.path + "." + name}) {
				if !yield(inner, value) {
					return
				}
			}
		}
	}
}

// maxDepth bounds how deep objects and lists may nest in a setting; a JWK Set among KEYS of PROVIDERS is eight deep.
const maxDepth = 16

func jsonObject(text string) (map[string]any, error) {
	return strictjson.Object([]byte(text), maxDepth)
}

// put keeps a value of the nested form. The flat form may say the same.
func (r *resolver) put(s *Setting, d *document, key string, b branch) {
	if flat, ok := r.in.File[key]; ok && d.kind == FromFile && !reflect.DeepEqual(jsonable(flat), b.raw) {
		r.strange(b.path, d.name, "differs from "+key+", which is the same setting", "leave one out")
		return
	}
	if other, twice := d.keys[key]; twice && other.path != key {
		r.strange(b.path, d.name, "is the same setting as "+other.path, "leave one out")
		return
	}
	d.keys[key] = b
}

// settingKey is the key that a field of the nested form has in the flat one.
func settingKey(provider, field string) string {
	key := strings.ToLower(settingsOf(provider) + field)
	if provider == DefaultProvider {
		key = strings.NewReplacer("jwt_claim_first_name", "jwt_attribute_firstname", "jwt_claim_last_name", "jwt_attribute_lastname",
			"jwt_claim_", "jwt_attribute_").Replace(key)
	}
	return key
}

// addProviders gives a Config the providers that are declared outside or saved.
func (c *Config) addProviders(g *given, saved Saved) {
	names := g.declared
	c.table = g.table
	if more := savedProviders(saved.Values); len(more) > 0 {
		names = slices.Concat(names, more)
		slices.Sort(names)
		names = slices.Compact(names)
		c.table = newTable(names)
	}
	c.JWT = &Provider{Name: DefaultProvider, Kind: KindJWT}
	c.Providers = []*Provider{c.JWT}
	for _, name := range names {
		c.Providers = append(c.Providers, &Provider{Name: name})
	}
}

// domains reads ALLOWED_DOMAINS.
func domains(text string) ([]string, error) {
	all, err := parse.List(text)
	if err != nil {
		return nil, err
	}
	for i, domain := range all {
		if err := address.Check("a@" + domain); err != nil {
			return nil, fmt.Errorf("%q is no domain such as example.com", sso.Shorten(domain, 100))
		}
		all[i] = address.Domain("a@" + domain)
	}
	return all, nil
}

// requirements reads REQUIRE: a list of {"claim": path, "values": texts}, each claim at most once.
func requirements(text string) (all []claim.Requirement, err error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	const form = `is no list such as [{"claim":"azp","values":["bi","etl"]}]`
	var entries []struct {
		Claim  string   `json:"claim"`
		Values []string `json:"values"`
	}
	if err := parse.StrictJSON(text, &entries); err != nil {
		return nil, errors.New(form)
	}
	for _, e := range entries {
		path, err := claim.ParsePath(e.Claim)
		if err != nil {
			return nil, fmt.Errorf("the claim %q: %w", sso.Shorten(e.Claim, 100), err)
		}
		if len(e.Values) == 0 {
			return nil, fmt.Errorf("the claim %q has no values: name those that it may have", sso.Shorten(e.Claim, 100))
		}
		all = append(all, claim.Requirement{Claim: path, Values: e.Values})
	}
	return all, nil
}

// claimPath reads the path of a claim; claimPaths several.
func claimPath(text string) (string, error) {
	_, err := claim.ParsePath(text)
	return text, err
}

func claimPaths(text string) (string, error) {
	_, err := claim.ParsePaths(text)
	return text, err
}

// principalDomain reads PRINCIPAL_DOMAIN.
func principalDomain(text string) (string, error) {
	all, err := domains(text)
	if err != nil || len(all) != 1 {
		return "", fmt.Errorf("%q is no domain such as example.com", sso.Shorten(text, 100))
	}
	return all[0], nil
}

func enabledText(provider string) func(c *Config, text string) string {
	return func(c *Config, text string) string {
		return cmp.Or(text, strconv.FormatBool(c.Provider(provider).Enabled))
	}
}
