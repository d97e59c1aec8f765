package setting

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/claim"
	"github.com/ssobridge/ssobridge/sso/setting/parse"
)

// KindBearer is a provider with which nobody signs in: it judges the tokens that API clients present with each request.
const KindBearer Kind = "bearer"

// A Bearer is what the settings say of the tokens that API clients present.
type Bearer struct {
	On                bool   // always of [KindBearer]
	Accounts          string // "none", "existing" or "provision"
	Header, Parameter string // "": BEARER_HEADER and BEARER_PARAMETER
	For               string // BEARER_AUD
	Audiences         []string
	AnyAudience       bool
	ValidationURL     string // "": the keys alone decide
	ValidateAll       bool   // VALIDATION is all
}

// anyAudience is the AUDIENCE of who takes tokens for anyone.
const anyAudience = "any"

// bearerSettings are the fields of a provider that are about tokens of API clients.
func bearerSettings(of func(string) string) []Setting {
	return []Setting{
		{Name: of("BEARER"), Section: SectionBearer, Choices: onOff(), Default: "false", Changeable: true,
			Label: "API clients may present tokens, too",
			Help:  "API clients may present tokens of the provider with each request, besides that people sign in; a provider of kind `bearer` is for nothing else",
			set:   providerPlace(func(p *Provider) *bool { return &p.Bearer.On }, parse.Boolean)},
		// No field may be called X_AUDIENCE: that is the AUDIENCE of a provider whose name ends in X.
		{Name: of("BEARER_AUD"), Section: SectionBearer, Type: "list of texts", Changeable: true,
			Label: "Audiences (aud) of API clients",
			Help:  "with BEARER: the `aud` of a token of an API client contains one of these; `any` takes each. Where it is that of sign-ins, too, the token's `typ` must be `at+jwt`",
			set:   providerPlace(func(p *Provider) *string { return &p.Bearer.For }, parse.PlainText)},
		{Name: of("ACCOUNTS"), Section: SectionBearer, Choices: []string{"none", "existing", "provision"}, Default: "none", Changeable: true,
			Label: "Accounts for API clients",
			Help:  "of API clients: with `none` the token is enough; with `existing` it must be that of an active account, by subject or e-mail; with `provision` the first sight makes one",
			set:   providerChoiceText(func(p *Provider) *string { return &p.Bearer.Accounts })},
		{Name: of("HEADER"), Section: SectionBearer, Type: "header name", Changeable: true,
			Label: "Header with the token",
			Help:  "the header in which API clients send a token of the provider, after `Bearer` or, if it is not Authorization, alone; unset: BEARER_HEADER",
			set:   providerPlace(func(p *Provider) *string { return &p.Bearer.Header }, parse.Optional(parse.BearerHeader))},
		{Name: of("PARAMETER"), Section: SectionBearer, Type: "parameter name", Changeable: true,
			Label: "URL parameter with the token",
			Help:  "the URL parameter in which API clients may send it; unset: BEARER_PARAMETER",
			set:   providerPlace(func(p *Provider) *string { return &p.Bearer.Parameter }, parse.Optional(parse.ParameterName))},
		{Name: of("VALIDATION_URL"), Section: SectionBearer, Type: "URL", Changeable: true, LetsIn: true,
			Label: "Server that says whether a token is good",
			Help:  "a server of the provider that is asked about each token before the keys: POST with the token as bearer, and 200 with a JSON object that has a `sub` means that it is good; https except on this machine",
			show:  shownURLs,
			set:   providerPlace(func(p *Provider) *string { return &p.Bearer.ValidationURL }, parse.Optional(validationURL))},
		{Name: of("VALIDATION"), Section: SectionBearer, Choices: []string{"any", "all"}, Default: "any", Changeable: true, LetsIn: true,
			Label: "What a token needs, that server or a key",
			Help:  "with VALIDATION_URL: `any` takes a token that the server or a key takes, so that one which the server has revoked still passes by its signature; with `all` both must take it",
			set:   providerValidation},
	}
}

// validationURL reads VALIDATION_URL, which is one address.
func validationURL(text string) (string, error) {
	all, err := keyURLs(text)
	if err != nil || len(all) != 1 {
		return "", cmp.Or(err, errors.New("is not one address"))
	}
	return all[0], nil
}

func providerValidation(s *Setting, c *Config, text string) error {
	word, err := parse.OneOf(s.Choices...)(text)
	if err == nil {
		c.Provider(s.Provider).Bearer.ValidateAll = word == "all"
	}
	return err
}

func providerChoiceText(place func(*Provider) *string) func(*Setting, *Config, string) error {
	return func(s *Setting, c *Config, text string) error {
		return providerPlace(place, parse.OneOf(s.Choices...))(s, c, text)
	}
}

// loginOnly are the fields that mean nothing for API clients.
func loginOnly() []string {
	return []string{"IDENTITY_PROVIDER_URI", "SHARED_SECRET", "USER_PROVISIONING_ENABLED", "PROFILE", "MAX_AGE", "BINDING", "TOKEN_URI", "CLIENT_ID", "LOGOUT_URI", "BEARER", "BEARER_AUD"}
}

// loginRules judges what a provider with which people sign in says of API clients, and what is out of bounds for it.
func (j *judge) loginRules(p *Provider) {
	if p.Bearer.On {
		j.bearerPlaces(p)
		j.bearerAudience(p, "BEARER_AUD")
	} else {
		fields := []string{"BEARER_AUD", "ACCOUNTS", "HEADER", "PARAMETER"}
		if p.Kind != KindJWT { // whose login tokens a server can judge as well
			fields = append(fields, "VALIDATION_URL", "VALIDATION")
		}
		for _, field := range fields {
			if name := p.Setting(field); j.c.Source(name).Kind != FromDefault && !j.broken[p.Setting("BEARER")] {
				j.warn("%s has no effect: %s is off", name, p.Setting("BEARER"))
			}
		}
	}
	if p.MaxLifetime > parse.Day {
		j.fault(p.Setting("MAX_LIFETIME"), "is longer than a day, which only a provider of kind bearer may allow", "make it shorter", p.Setting("KIND"))
	}
}

// deriveBearer fills in what of a provider's fields means something else for API clients.
func (c *Config) deriveBearer() {
	for _, p := range c.Providers {
		if p.Kind != KindBearer {
			p.Bearer.takeFor(p.Bearer.For)
			continue
		}
		p.Bearer.On = true
		if c.Source(p.Setting("MAX_LIFETIME")).Kind == FromDefault {
			p.MaxLifetime = bearerLifetime
		}
		p.Claims = p.BearerClaims()
		p.Bearer.takeFor(p.Audience)
	}
}

func (b *Bearer) takeFor(text string) {
	if text == anyAudience {
		b.AnyAudience = true
	} else {
		b.Audiences, _ = parse.List(text) // a fault of it is told by judge.bearerAudience
	}
}

// BearerClaims is the mapping for tokens of API clients, which need no e-mail where no account is looked for.
func (p *Provider) BearerClaims() claim.Mapping {
	m := p.Claims
	if p.Bearer.Accounts == "none" {
		m.EmailOptional = true
		m.Subject = cmp.Or(m.Subject, "sub")
	}
	return m
}

// BearerLifetime is how long a token of an API client may live. MAX_LIFETIME of a provider with which people sign in is about
// their tokens.
func (p *Provider) BearerLifetime() time.Duration {
	if p.Kind == KindBearer {
		return p.MaxLifetime
	}
	return bearerLifetime
}

// AccessTokensOnly reports whether only their typ tells tokens of API clients from those of logins (RFC 9068 §2.1).
func (p *Provider) AccessTokensOnly() bool {
	login := p.loginAudience()
	return p.SignsIn() && (login == "" || p.Bearer.AnyAudience || slices.Contains(p.Bearer.Audiences, login))
}

// SignsIn reports whether people sign in with the provider.
func (p *Provider) SignsIn() bool { return p.Kind != KindBearer }

// bearerLifetime is MAX_LIFETIME of API clients, unless it is set.
const bearerLifetime = parse.Day

// bearer judges a provider of [KindBearer].
func (j *judge) bearer(p *Provider) {
	of := p.Setting
	for _, field := range loginOnly() {
		if j.c.Source(of(field)).Kind != FromDefault {
			j.warn("%s has no effect: with a provider of kind bearer nobody signs in", of(field))
		}
	}
	if p.Enabled && !p.canJudge() && !p.Bearer.ValidateAll {
		j.fault(of("KEYS"), "is not set, and the provider "+p.Name+" needs a key", "set it, or "+of("JWKS_URL")+", "+of("DISCOVERY_URL")+", "+of("JWKS_FILE")+", "+of("PUBLIC_KEY")+" or "+of("VALIDATION_URL"),
			of("ENABLED"), of("JWKS_URL"), of("DISCOVERY_URL"), of("JWKS_FILE"), of("PUBLIC_KEY"), of("VALIDATION_URL"))
	}
	if p.DescribesKeys() && p.Issuer == "" {
		j.fault(of("DISCOVERY_URL"), "is set, and "+of("ISSUER")+" is not: a document that names another issuer is not believed", "set "+of("ISSUER")+" to the iss of the tokens", of("ISSUER"))
	}
	j.validation(p)
	j.keys(p)
	j.bearerAudience(p, "AUDIENCE")
	for key, refs := range p.GroupMappings {
		if slices.ContainsFunc(refs, func(r sso.GroupRef) bool { return r.ID == sso.Administrators }) {
			j.fault(of("GROUP_MAPPINGS"), fmt.Sprintf("leads from %q to Administrators, and no API client is ever an administrator", key), "leave it out")
			break
		}
	}
	j.bearerPlaces(p)
}

func (j *judge) bearerPlaces(p *Provider) {
	if p.Bearer.Header == j.c.BearerHeader {
		p.Bearer.Header = ""
	}
}

// canJudge reports whether a key or a server can say of a login token whether it is good.
func (p *Provider) canJudge() bool { return p.HasKeys() || p.Bearer.ValidationURL != "" }

// validation judges whether a server and the keys can both be asked.
func (j *judge) validation(p *Provider) {
	if p.Bearer.ValidateAll && !p.HasKeys() {
		j.fault(p.Setting("VALIDATION"), "is all, and there is no key that could take a token besides "+p.Setting("VALIDATION_URL"),
			"set a key, or VALIDATION to any", p.Setting("KEYS"))
	}
}

// calls reports whether servers of the provider are called, whose certificates CA_FILE is about.
func (p *Provider) calls() bool {
	return len(p.JWKSURLs) > 0 || p.Bearer.ValidationURL != "" || p.DescribesKeys()
}

// bearerAudience judges the field that says for whom tokens of API clients are.
func (j *judge) bearerAudience(p *Provider, field string) {
	name := p.Setting(field)
	if p.Bearer.AnyAudience {
		j.warn("%s is any: every token that the identity provider signs for anyone is taken from API clients, those for signing in to other apps, too", name)
		return
	}
	audiences, err := parse.List(j.c.Text(name))
	switch {
	case err != nil:
		j.fault(name, err.Error(), "")
	case p.Enabled && (len(audiences) == 0 || slices.Contains(audiences, "")):
		because := "a provider of kind bearer needs it"
		if p.SignsIn() {
			because = p.Setting("BEARER") + " needs it"
		}
		j.fault(name, "is not set, and "+because, "set it to the aud that tokens for this API have, or several; any takes each", p.Setting("ENABLED"), p.Setting("BEARER"))
	}
}

// tellApart holds the providers of API clients against one another: by its iss a token says whose it is.
func (j *judge) tellApart() {
	var open *Provider
	for _, p := range j.c.EnabledProviders() {
		if !p.Bearer.On || p.Issuer != "" {
			continue
		}
		if open != nil {
			j.fault(p.Setting("ISSUER"), "is not set, and neither is "+open.Setting("ISSUER")+": nobody could tell whose a token is",
				"set it to the iss of the tokens", open.Setting("ISSUER"))
		}
		open = p
	}
}

// LoginProviders are those that are on and with which people sign in.
func (c *Config) LoginProviders() []*Provider {
	return slices.DeleteFunc(c.EnabledProviders(), func(p *Provider) bool { return !p.SignsIn() })
}

// audiences are those that a provider's tokens may have; nil: it does not look.
func (p *Provider) audiences() []string {
	var all []string
	if p.SignsIn() {
		login := p.loginAudience()
		if login == "" {
			return nil
		}
		all = append(all, login)
	}
	if !p.Bearer.On {
		return all
	}
	if p.Bearer.AnyAudience {
		return nil
	}
	return append(all, p.Bearer.Audiences...)
}

// loginAudience is what the aud of a login token must contain; "": it is not looked at.
func (p *Provider) loginAudience() string {
	if p.Profile == sso.Metabase {
		return ""
	}
	return p.Audience
}
