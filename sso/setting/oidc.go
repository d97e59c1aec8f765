package setting

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/outbound"
	"github.com/ssobridge/ssobridge/sso/setting/parse"
)

// KindOIDC is an OpenID provider: a code, an ID token and the userinfo endpoint.
const KindOIDC Kind = "oidc"

// An OpenID is what the settings say besides of a provider of [KindOIDC].
type OpenID struct {
	DiscoveryURL  string // "": that which follows from the issuer
	ClientSecret  string // "": a public client
	ClientAuth    string // "auto", "basic" or "post"
	Scopes        []string
	Params        map[string]string
	Prompt        string
	MaxAuthAge    time.Duration // 0: not asked for
	CallbackPath  string        // "": that of CallbackPage
	VerifiedEmail bool
	Userinfo      string        // UserinfoAuto or UserinfoAlways
	RefreshEvery  time.Duration // 0: sessions are not refreshed
	RefreshGrace  time.Duration
}

// When the userinfo endpoint is asked.
const (
	UserinfoAuto   = "auto" // when the ID token lacks a claim that the settings read
	UserinfoAlways = "always"
)

// openIDMaxAge is how old an ID token may be, unless MAX_AGE says so: Entra gives an iat that is five minutes old.
const openIDMaxAge = 10 * time.Minute

// openIDSettings are the fields of a provider that are for [KindOIDC] alone.
func openIDSettings(of func(string) string) []Setting {
	return []Setting{
		{Name: of("CLIENT_SECRET"), Section: SectionProvider, Type: "text", Secret: true, Changeable: true, SentTo: []string{of("ISSUER"), of("DISCOVERY_URL")},
			Label: "Client secret",
			Help:  "of kind `oidc`: what the provider gave with the client id; unset: a public client, which PKCE proves",
			set:   providerPlace(func(p *Provider) *string { return &p.OpenID.ClientSecret }, parse.Optional(parse.AnyText))},
		{Name: of("CLIENT_AUTH"), Section: SectionProvider, Choices: []string{"auto", "basic", "post"}, Default: "auto", Changeable: true,
			Label: "How the client secret is sent",
			Help:  "of kind `oidc`: how the client secret is sent to the token endpoint; `auto` is as the provider says",
			set:   providerChoiceText(func(p *Provider) *string { return &p.OpenID.ClientAuth })},
		{Name: of("SCOPES"), Section: SectionProvider, Type: "list of names", Default: "openid profile email", Changeable: true,
			Label: "Scopes",
			Help:  "of kind `oidc`: what the provider is asked for; many give groups only with `groups` among them",
			set:   providerPlace(func(p *Provider) *[]string { return &p.OpenID.Scopes }, parse.List)},
		{Name: of("DISCOVERY_URL"), Section: SectionProvider, Type: "URL", Changeable: true, LetsIn: true,
			Label: "Address of the discovery document",
			Help:  "where the provider describes itself; unset: of kind `oidc`, where that follows from ISSUER. Of kind `bearer` the keys that it names there are taken, beside those of other settings",
			set:   providerPlace(func(p *Provider) *string { return &p.OpenID.DiscoveryURL }, parse.Optional(askedURL))},
		{Name: of("PARAMS"), Section: SectionProvider, Type: "JSON object", Default: "{}", Changeable: true,
			Label: "More parameters of the sign-in",
			Help:  "of kind `oidc`: more parameters for the sign-in page of the provider, such as `{\"connector_id\":\"ldap\"}`",
			set:   providerPlace(func(p *Provider) *map[string]string { return &p.OpenID.Params }, openIDParams)},
		{Name: of("PROMPT"), Section: SectionProvider, Type: "text", Changeable: true,
			Label: "Prompt",
			Help:  "of kind `oidc`: what the provider should ask the person: `login`, `consent` or `select_account`",
			set:   providerPlace(func(p *Provider) *string { return &p.OpenID.Prompt }, parse.Optional(openIDPrompt))},
		{Name: of("MAX_AUTH_AGE"), Section: SectionToken, Type: "time", Changeable: true, LetsIn: true,
			Label: "Longest time since the person signed in at the provider",
			Help:  "of kind `oidc`: how long ago the person may have signed in at the provider (`max_age` of OpenID Connect); unset: it does not matter",
			set:   providerPlace(func(p *Provider) *duration { return &p.OpenID.MaxAuthAge }, parse.Optional(parse.Seconds(parse.SecondsMin, 30*parse.Day)))},
		{Name: of("USERINFO"), Section: SectionProvider, Choices: []string{UserinfoAuto, UserinfoAlways}, Default: UserinfoAuto, Changeable: true,
			Label: "When the userinfo endpoint is asked",
			Help:  "of kind `oidc`: `auto`: when the ID token lacks a claim that the settings read; `always`: at each sign-in, for a provider that sends attributes nowhere else",
			set:   providerChoiceText(func(p *Provider) *string { return &p.OpenID.Userinfo })},
		{Name: of("REFRESH_EVERY"), Section: SectionProvider, Type: "time", Default: "0", Changeable: true,
			Label: "How often the provider is asked whether a session is still good",
			Help:  "of kind `oidc`: after this time a session that is in use is confirmed by the provider, with the refresh token of its sign-in, or it ends; `0`: never. Most providers want `offline_access` among the SCOPES",
			set:   providerPlace(func(p *Provider) *duration { return &p.OpenID.RefreshEvery }, refreshEvery)},
		{Name: of("REFRESH_GRACE"), Section: SectionProvider, Type: "time", Default: "1h", Changeable: true,
			Label: "How long a session goes on while the provider does not answer",
			Help:  "of kind `oidc`: how long a session goes on that cannot be confirmed, because the provider does not answer or answers nonsense; after a pause that was longer than this and REFRESH_EVERY, nobody is let in before the provider has confirmed the session",
			set:   providerPlace(func(p *Provider) *duration { return &p.OpenID.RefreshGrace }, parse.Seconds(0, 30*parse.Day))},
		{Name: of("CALLBACK_PATH"), Section: SectionProvider, Type: "path",
			Help: "of kind `oidc`: another path of SITE_URL for the redirect URI, such as `/callback`, so that an entry at the provider which was made for another app needs no change",
			set:  providerPlace(func(p *Provider) *string { return &p.OpenID.CallbackPath }, parse.Optional(callbackPath))},
		{Name: of("REQUIRE_VERIFIED_EMAIL"), Section: SectionPeople, Choices: onOff(), Default: "true", Changeable: true, LetsIn: true,
			Label: "Only verified e-mail addresses",
			Help:  "of kind `oidc`: only people whose `email_verified` is true come in; of API clients: nobody whose `email_verified` is anything else; `false` only for a provider where nobody can choose an address, such as Entra, which has no such claim",
			set:   providerPlace(func(p *Provider) *bool { return &p.OpenID.VerifiedEmail }, parse.Boolean)},
	}
}

// refreshLeast is as often as a provider may be asked about one session.
const refreshLeast = time.Minute

// refreshEvery reads REFRESH_EVERY.
func refreshEvery(text string) (time.Duration, error) {
	every, err := parse.Seconds(0, 30*parse.Day)(text)
	if err == nil && every > 0 && every < refreshLeast {
		return 0, fmt.Errorf("is less than %v", refreshLeast)
	}
	return every, err
}

// offline warns where no refresh token can be expected. Google gives one for a parameter, the others for a scope (OpenID Connect Core §11).
func (j *judge) offline(p *Provider) {
	o := p.OpenID
	if o.RefreshEvery > 0 && !slices.Contains(o.Scopes, "offline_access") && o.Params["access_type"] != "offline" {
		j.warn("%s is set, but %s has no offline_access: most providers give a refresh token only with it, and a session without one is not refreshed", p.Setting("REFRESH_EVERY"), p.Setting("SCOPES"))
	}
}

// askedURL reads an address that the bridge asks.
func askedURL(text string) (string, error) {
	if _, err := outbound.ParseURL(text); err != nil {
		return "", fmt.Errorf("is refused: %w", err)
	}
	return text, nil
}

// openIDParams reads PARAMS. What the bridge sends itself is not among them.
func openIDParams(text string) (map[string]string, error) {
	raw, err := jsonObject(text)
	if err != nil {
		return nil, errors.New(`is no JSON object of texts such as {"connector_id":"ldap"}`)
	}
	params := map[string]string{}
	for name, value := range raw {
		text, ok := value.(string)
		if !ok {
			return nil, fmt.Errorf("the parameter %q is no text", sso.Shorten(name, 60))
		}
		if slices.Contains(ownParams(), name) {
			return nil, fmt.Errorf("has the parameter %s, which the bridge sends itself", name)
		}
		params[name] = text
	}
	return params, nil
}

// ownParams are those of the authentication request that are not to be chosen.
func ownParams() []string {
	return []string{"response_type", "response_mode", "client_id", "client_secret", "redirect_uri", "scope", "state", "nonce", "code_challenge",
		"code_challenge_method", "prompt", "max_age", "login_hint", "request", "request_uri"}
}

func openIDPrompt(text string) (string, error) {
	return text, func() error {
		if text == "none" {
			return errors.New("is none, with which nobody could sign in anew")
		}
		_, err := parse.PlainText(text)
		return err
	}()
}

// callbackPath reads CALLBACK_PATH.
func callbackPath(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Path != text || !strings.HasPrefix(text, "/") || strings.HasSuffix(text, "/") || strings.ContainsAny(text, "\\;%") || strings.Contains(text, "//") || strings.Contains(text, "/.") {
		return "", errors.New("is no path such as /callback")
	}
	first, _, _ := strings.Cut(text[1:], "/")
	if slices.Contains([]string{"auth", "admin", "api", "login", "static", "setup", "healthz", "readyz", "metrics", ".well-known"}, first) {
		return "", fmt.Errorf("begins with /%s, where the bridge has pages of its own", first)
	}
	return text, nil
}

// CallbackPage is the path to which the provider sends browsers back, below PATH_PREFIX.
func (p *Provider) CallbackPage() string { return "/auth/oidc/" + p.Name + "/callback" }

// RedirectURI is what the provider must know as redirect URI of the bridge.
func (c *Config) RedirectURI(p *Provider) string {
	switch {
	case p.Kind != KindOIDC:
		return c.URL("/auth/sso")
	case p.OpenID.CallbackPath != "":
		return string(c.SiteURL) + p.OpenID.CallbackPath
	}
	return c.URL(p.CallbackPage())
}

// openIDUsual is the default of a field where it is another one than for other kinds.
func openIDUsual(field string) (usual string, ok bool) {
	switch field {
	case "CLAIM_FIRST_NAME":
		return "given_name", true
	case "CLAIM_LAST_NAME":
		return "family_name", true
	case "CLAIM_NAME":
		return "name", true
	case "CLAIM_SUBJECT":
		return "sub", true
	case "MAX_AGE":
		return strconv.Itoa(int(openIDMaxAge/time.Second)) + "s", true
	}
	return "", false
}

// Usual is the default of a setting for the kind of its provider.
func (c *Config) Usual(s *Setting) string {
	p := c.Provider(s.Provider)
	switch {
	case p == nil:
	case p.Kind == KindOIDC:
		if usual, ok := openIDUsual(s.Field()); ok {
			return usual
		}
	case p.Kind == KindBearer && s.Field() == "MAX_LIFETIME":
		return "24h"
	}
	return s.Default
}

// deriveOpenID fills in what follows from a kind. An ID token is judged in one way: strictly.
func (c *Config) deriveOpenID() {
	for _, p := range c.Providers {
		if p.Kind != KindOIDC {
			continue
		}
		p.Profile, p.Binding, p.Audience = sso.Strict, sso.BindingPKCE, p.ClientID
		given := func(field string) bool { return c.Source(p.Setting(field)).Kind != FromDefault }
		for field, place := range map[string]*string{"CLAIM_FIRST_NAME": &p.Claims.FirstName, "CLAIM_LAST_NAME": &p.Claims.LastName,
			"CLAIM_NAME": &p.Claims.Name, "CLAIM_SUBJECT": &p.Claims.Subject} {
			if usual, _ := openIDUsual(field); !given(field) {
				*place = usual
			}
		}
		if p.Claims.Subject == "" { // an address can change hands
			p.Claims.Subject = "sub"
		}
		if !given("MAX_AGE") {
			p.MaxAge = openIDMaxAge
		}
	}
}

// openID is what a provider of [KindOIDC] needs.
func (j *judge) openID(p *Provider) {
	of := p.Setting
	if issuer, document := strings.CutSuffix(p.Issuer, "/.well-known/openid-configuration"); document {
		j.fault(of("ISSUER"), "is the address of the discovery document; the issuer is what stands before it: "+issuer, "", of("KIND"))
	}
	if p.Enabled {
		if p.Issuer == "" {
			j.fault(of("ISSUER"), "is not set, and the kind oidc needs it", "set it to the address of the provider, as its discovery document has it, such as https://login.example.com", of("ENABLED"), of("KIND"))
		} else if _, err := outbound.ParseURL(p.Issuer); err != nil {
			j.fault(of("ISSUER"), "is no address of a provider: "+err.Error(), "", of("KIND"))
		}
		if p.ClientID == "" {
			j.fault(of("CLIENT_ID"), "is not set, and the kind oidc needs it", "make an entry for the bridge at the provider, with the redirect URI "+j.c.RedirectURI(p)+", and set it to the client id", of("ENABLED"), of("KIND"))
		}
	}
	if !slices.Contains(p.OpenID.Scopes, "openid") {
		j.fault(of("SCOPES"), "has no openid, without which there is no ID token", "write openid profile email", of("KIND"))
	}
	if prefix := j.c.PathPrefix; prefix != "" && strings.HasPrefix(p.OpenID.CallbackPath+"/", prefix+"/") {
		j.fault(of("CALLBACK_PATH"), "is below PATH_PREFIX, where the bridge has pages of its own", "take a path that is not below "+prefix, "PATH_PREFIX")
	}
	j.offline(p)
	j.keys(p)
	j.withoutEffect(p, "the kind is oidc", "IDENTITY_PROVIDER_URI", "SHARED_SECRET", "TOKEN_URI", "BINDING", "PROFILE", "AUDIENCE", "MAX_LIFETIME")
	j.mapping(p)
	for _, q := range j.c.Providers {
		if q != p && p.OpenID.CallbackPath != "" && q.OpenID.CallbackPath == p.OpenID.CallbackPath {
			j.fault(of("CALLBACK_PATH"), "is that of the provider "+q.Name+", too", "each provider has a redirect URI of its own", q.Setting("CALLBACK_PATH"))
		}
	}
}

// notOpenID says which fields of another kind are for [KindOIDC] alone.
func (j *judge) notOpenID(p *Provider) {
	if p.Name == DefaultProvider { // it has none of them
		return
	}
	j.withoutEffect(p, "the kind is not oidc", "CLIENT_SECRET", "CLIENT_AUTH", "SCOPES", "PARAMS", "PROMPT", "MAX_AUTH_AGE", "USERINFO", "CALLBACK_PATH", "REFRESH_EVERY", "REFRESH_GRACE")
	if p.Kind != KindBearer {
		j.withoutEffect(p, "the kind is neither oidc nor bearer", "DISCOVERY_URL", "REQUIRE_VERIFIED_EMAIL")
	}
}

func (j *judge) withoutEffect(p *Provider, because string, fields ...string) {
	for _, field := range fields {
		if name := p.Setting(field); j.c.Source(name).Kind != FromDefault && !j.broken[p.Setting("KIND")] {
			j.warn("%s has no effect: %s", name, because)
		}
	}
}

// mapping warns of groups that are mapped in vain.
func (j *judge) mapping(p *Provider) {
	if len(p.GroupMappings) > 0 && !p.GroupSync {
		j.warn("%s is set, but %s is off: groups are not synced", p.Setting("GROUP_MAPPINGS"), p.Setting("GROUP_SYNC"))
	}
}
