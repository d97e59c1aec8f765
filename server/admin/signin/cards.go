package signin

import (
	"slices"

	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

// A card is some settings of a provider that are saved together, as fields.
type card struct {
	id, title, help string
	fields          []string // as [setting.Setting.Field] has them, in their order; a provider may lack some
	rules           bool     // they refuse sign-ins
}

// The cards that do not stand under Rules.
const (
	productCard = "product"
	keysCard    = "published-keys"
	groupsCard  = "group-settings"
)

// cardsOf are the cards of a provider. What an OpenID provider cannot do without stands on the first one.
func cardsOf(p *setting.Provider) []card {
	all := cards()
	if p.Kind != setting.KindOIDC {
		return all
	}
	first := []string{"ISSUER", "CLIENT_ID", "CLIENT_SECRET", "SCOPES", "LABEL", "ENABLED"}
	for i := range all {
		all[i].fields = slices.DeleteFunc(all[i].fields, func(field string) bool { return slices.Contains(first, field) })
		if all[i].id == productCard {
			all[i].fields = append(first, all[i].fields...)
			all[i].help = "Make an entry for a web application at the provider, with these addresses. It shows three things to copy into this form: the issuer, the client id and the client secret. All else may stay as it is."
		}
	}
	return all
}

// cards are all of them. A field of no card is on the last one, so that none is forgotten.
func cards() []card {
	return []card{
		{productCard, "Product", "", []string{"KIND", "IDENTITY_PROVIDER_URI", "LABEL", "LOGOUT_URI", "ENABLED", "CLIENT_SECRET", "CLIENT_AUTH", "SCOPES", "DISCOVERY_URL", "PARAMS", "PROMPT"}, false},
		{keysCard, "Addresses of published keys", "A sign-in service publishes its public keys at an address, and changes them there by itself. Then nothing has to be copied.", []string{"JWKS_URL"}, false},
		{"who", "Who may come in", "", []string{"ALLOWED_DOMAINS", "ALLOWED_GROUPS", "REQUIRE", "REQUIRE_VERIFIED_EMAIL", "USER_PROVISIONING_ENABLED", "ACCOUNTS", "LINK_ACCOUNTS"}, true},
		{"claims", "What a token says of a person", "A token has named values, called claims. Say which of them is what.", []string{"CLAIM_EMAIL", "CLAIM_FIRST_NAME", "CLAIM_LAST_NAME",
			"CLAIM_NAME", "CLAIM_SUBJECT", "CLAIM_GROUPS", "CLAIM_PRINCIPAL", "PRINCIPAL_DOMAIN", "USERINFO"}, true},
		{"tokens", "Which tokens are accepted", "", []string{"PROFILE", "ISSUER", "AUDIENCE", "MAX_AGE", "LEEWAY", "MAX_LIFETIME", "MAX_AUTH_AGE"}, true},
		{"refresh", "How long a session lasts", "Whoever is switched off at the provider loses the session when the provider is next asked about it.", []string{"REFRESH_EVERY", "REFRESH_GRACE"}, false},
		{"binding", "How a sign-in is tied to its browser", "A sign-in that is tied to the browser which began it cannot be handed to somebody else.", []string{"BINDING", "TOKEN_URI", "CLIENT_ID"}, false},
		{"clients", "How clients present a token", "", []string{"BEARER", "BEARER_AUD", "HEADER", "PARAMETER", "VALIDATION_URL", "VALIDATION"}, false},
		{groupsCard, "Where groups come from", "", []string{"GROUP_SYNC", "GROUP_MAPPINGS", "GROUPS_ORDER", "GROUPS_ON_FAILURE", "GROUPS_ENDPOINT_URL", "GROUPS_ENDPOINT_TOKEN",
			"GROUPS_ENDPOINT_METHOD", "GROUPS_ENDPOINT_TIMEOUT", "GROUPS_ENDPOINT_CACHE", "GROUP_SEPARATOR", "GROUP_PREFIX"}, false},
		{"more", "More", "", nil, false},
	}
}

// idle are the fields that do nothing for a provider as it is. One that is set is shown all the same.
func idle(p *setting.Provider) (fields []string) {
	openID := []string{"CLIENT_SECRET", "CLIENT_AUTH", "SCOPES", "PARAMS", "PROMPT", "MAX_AUTH_AGE", "USERINFO", "REFRESH_EVERY", "REFRESH_GRACE"}
	switch p.Kind {
	case setting.KindBearer:
		return append(openID, "IDENTITY_PROVIDER_URI", "LOGOUT_URI", "USER_PROVISIONING_ENABLED", "LINK_ACCOUNTS", "PROFILE", "MAX_AGE", "BINDING", "TOKEN_URI", "CLIENT_ID", "GROUP_SYNC",
			"GROUPS_ON_FAILURE", "BEARER", "BEARER_AUD")
	case setting.KindOIDC:
		fields = []string{"IDENTITY_PROVIDER_URI", "PROFILE", "AUDIENCE", "MAX_LIFETIME", "BINDING", "TOKEN_URI"}
	default:
		fields = append(openID, "DISCOVERY_URL", "REQUIRE_VERIFIED_EMAIL")
	}
	if !p.Bearer.On {
		fields = append(fields, "BEARER_AUD", "ACCOUNTS", "HEADER", "PARAMETER")
		if p.Kind == setting.KindOIDC {
			fields = append(fields, "VALIDATION_URL", "VALIDATION")
		}
	}
	return fields
}

// settingsOfCard are the settings of a provider on one card, in their order.
func settingsOfCard(cfg *setting.Config, p *setting.Provider, c card) (on []*setting.Setting) {
	hidden := idle(p)
	var known []string
	for _, other := range cardsOf(p) {
		known = append(known, other.fields...)
	}
	for _, s := range settingsOn(cfg, setting.PageProvider) {
		field := s.Field()
		here := slices.Contains(c.fields, field) || c.fields == nil && !slices.Contains(known, field)
		if s.Provider == p.Name && here && (!slices.Contains(hidden, field) || cfg.Source(s.Name).Kind != setting.FromDefault) {
			on = append(on, s)
		}
	}
	slices.SortStableFunc(on, func(a, b *setting.Setting) int {
		return slices.Index(c.fields, a.Field()) - slices.Index(c.fields, b.Field())
	})
	return on
}

// cardOf is a card as the page shows it.
func cardOf(cfg *setting.Config, settings []*setting.Setting, id, title, help string, t attempt) templates.AdminCard {
	out := templates.AdminCard{ID: id, Title: title, Help: help}
	for _, s := range settings {
		f := t.field(cfg, s)
		out.Fields = append(out.Fields, f)
		out.Open = out.Open || f.Error != "" || f.Note != ""
		if cfg.Source(s.Name).Kind != setting.FromDefault && cfg.Text(s.Name) != cfg.Usual(s) {
			out.Changed = append(out.Changed, templates.AdminFact{Name: s.Label, Value: shownValue(cfg, s)})
		}
	}
	return out
}

// shownValue is the value in force as one looks at it.
func shownValue(cfg *setting.Config, s *setting.Setting) string {
	if s.Secret {
		return "set"
	}
	return inWords(s, cfg.Text(s.Name))
}
