package setting

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting/parse"
)

// KindBearer is a provider with which nobody signs in: it judges the tokens that API clients present with each request.
const KindBearer Kind = "bearer"

// A Bearer is what the settings say besides of a provider of [KindBearer].
type Bearer struct {
	Accounts          string // "none", "existing" or "provision"
	Header, Parameter string // "": BEARER_HEADER and BEARER_PARAMETER
	Audiences         []string
	AnyAudience       bool
	ValidationURL     string // "": the keys alone decide
	ValidateAll       bool   // VALIDATION is all
}

// anyAudience is the AUDIENCE of who takes tokens for anyone.
const anyAudience = "any"

// bearerSettings are the fields of a provider that are for [KindBearer] alone.
func bearerSettings(of func(string) string) []Setting {
	return []Setting{
		{Name: of("ACCOUNTS"), Section: SectionPeople, Choices: []string{"none", "existing", "provision"}, Default: "none", Changeable: true, LetsIn: true,
			Label: "Accounts for API clients",
			Help:  "of kind `bearer`: with `none` the token is enough; with `existing` it must be that of an active account, by subject or e-mail; with `provision` the first sight makes one",
			set:   providerChoiceText(func(p *Provider) *string { return &p.Bearer.Accounts })},
		{Name: of("HEADER"), Section: SectionToken, Type: "header name", Changeable: true, LetsIn: true,
			Label: "Header with the token",
			Help:  "of kind `bearer`: the header in which API clients send the token, after `Bearer` or, if it is not Authorization, alone; unset: BEARER_HEADER",
			set:   providerPlace(func(p *Provider) *string { return &p.Bearer.Header }, parse.Optional(parse.BearerHeader))},
		{Name: of("PARAMETER"), Section: SectionToken, Type: "parameter name", Changeable: true, LetsIn: true,
			Label: "URL parameter with the token",
			Help:  "of kind `bearer`: the URL parameter in which API clients may send it; unset: BEARER_PARAMETER",
			set:   providerPlace(func(p *Provider) *string { return &p.Bearer.Parameter }, parse.Optional(parse.ParameterName))},
		{Name: of("VALIDATION_URL"), Section: SectionToken, Type: "URL", Changeable: true, LetsIn: true,
			Label: "Server that says whether a token is good",
			Help:  "of kind `bearer`: a server of the provider that is asked about each token before the keys: POST with the token as bearer, and 200 with a JSON object that has a `sub` means that it is good; https except on this machine",
			show:  shownURLs,
			set:   providerPlace(func(p *Provider) *string { return &p.Bearer.ValidationURL }, parse.Optional(validationURL))},
		{Name: of("VALIDATION"), Section: SectionToken, Choices: []string{"any", "all"}, Default: "any", Changeable: true, LetsIn: true,
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
	return []string{"IDENTITY_PROVIDER_URI", "SHARED_SECRET", "USER_PROVISIONING_ENABLED", "PROFILE", "MAX_AGE", "BINDING", "TOKEN_URI", "CLIENT_ID", "LOGOUT_URI"}
}

// loginRules says which fields of a provider with which people sign in are for API clients alone, or out of bounds.
func (j *judge) loginRules(p *Provider) {
	for _, field := range []string{"ACCOUNTS", "HEADER", "PARAMETER", "VALIDATION_URL", "VALIDATION"} {
		if name := p.Setting(field); j.c.Find(name) != nil && j.c.Source(name).Kind != FromDefault {
			j.warn("%s has no effect: it is for providers of kind bearer", name)
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
			continue
		}
		if c.Text(p.Setting("MAX_LIFETIME")) == c.Find(p.Setting("MAX_LIFETIME")).Default {
			p.MaxLifetime = bearerLifetime
		}
		p.Claims.EmailOptional = p.Bearer.Accounts == "none"
		if p.Claims.Subject == "" && p.Claims.EmailOptional {
			p.Claims.Subject = "sub"
		}
		if p.Audience == anyAudience {
			p.Bearer.AnyAudience = true
		} else {
			p.Bearer.Audiences, _ = parse.List(p.Audience) // a fault of it is told by j.bearer
		}
	}
}

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
	switch {
	case p.HasKeys():
	case p.Bearer.ValidateAll:
		j.fault(of("VALIDATION"), "is all, and there is no key that could take a token besides "+of("VALIDATION_URL"), "set a key, or VALIDATION to any", of("KEYS"))
	case p.Enabled && p.Bearer.ValidationURL == "":
		j.fault(of("KEYS"), "is not set, and the provider "+p.Name+" needs a key", "set it, or "+of("JWKS_URL")+", "+of("JWKS_FILE")+", "+of("PUBLIC_KEY")+" or "+of("VALIDATION_URL"),
			of("ENABLED"), of("JWKS_URL"), of("JWKS_FILE"), of("PUBLIC_KEY"), of("VALIDATION_URL"))
	}
	j.keys(p)
	j.bearerAudience(p)
	for key, refs := range p.GroupMappings {
		if slices.ContainsFunc(refs, func(r sso.GroupRef) bool { return r.ID == sso.Administrators }) {
			j.fault(of("GROUP_MAPPINGS"), fmt.Sprintf("leads from %q to Administrators, and no API client is ever an administrator", key), "leave it out")
			break
		}
	}
	if p.Bearer.Header == j.c.BearerHeader {
		p.Bearer.Header = ""
	}
}

// calls reports whether servers of the provider are called, whose certificates CA_FILE is about.
func (p *Provider) calls() bool { return len(p.JWKSURLs) > 0 || p.Bearer.ValidationURL != "" }

func (j *judge) bearerAudience(p *Provider) {
	of := p.Setting
	if p.Bearer.AnyAudience {
		j.warn("%s is any: every token that the identity provider signs for anyone is taken from API clients, those for signing in to other apps, too", of("AUDIENCE"))
		return
	}
	audiences, err := parse.List(p.Audience)
	switch {
	case err != nil:
		j.fault(of("AUDIENCE"), err.Error(), "")
	case p.Enabled && (len(audiences) == 0 || slices.Contains(audiences, "")):
		j.fault(of("AUDIENCE"), "is not set, and a provider of kind bearer needs it", "set it to the aud that tokens for this API have, or several; any takes each", of("ENABLED"))
	}
}

// tellApart holds the providers of API clients against one another: by its iss a token says whose it is.
func (j *judge) tellApart() {
	var open *Provider
	for _, p := range j.c.EnabledProviders() {
		if p.Kind != KindBearer || p.Issuer != "" {
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
	return slices.DeleteFunc(c.EnabledProviders(), func(p *Provider) bool { return p.Kind == KindBearer })
}

// audiences are those that a provider's tokens may have; nil: it does not look.
func (p *Provider) audiences() []string {
	switch {
	case p.Kind == KindBearer:
		return p.Bearer.Audiences
	case p.Audience == "" || p.Profile == sso.Metabase:
		return nil
	}
	return []string{p.Audience}
}
