package signin

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/service"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/sso/tokenlog"
	"github.com/ssobridge/ssobridge/templates"
)

// providerArea shows the identity providers and changes what is set of them.
type providerArea struct {
	settingArea
	keys keyArea
}

func (a providerArea) pages() []area.Page {
	return []area.Page{
		area.Get("/providers", a.listPage),
		area.Get("/providers/:name", func(c *area.Call) error {
			return a.show(c, c.Param("name"), attempt{status: http.StatusOK}, templates.AdminKeys{})
		}),
		area.Post("/providers/:name", a.saveCard),
		area.Post("/providers", a.addForm),
		area.Post("/providers/:name/remove", a.removeForm),
	}
}

// ProviderPath is the page of a provider, below /admin.
func ProviderPath(name string) string { return "/providers/" + url.PathEscape(name) }

func (a providerArea) operations() []area.Operation {
	return []area.Operation{
		openapi.Op("GET", "/providers", "listProviders", "The identity providers, how they are doing, and what is known of their public keys", a.list),
		openapi.Op("POST", "/providers", "addProvider", "Make a provider, which is off until it is set up", a.add),
		openapi.Op("POST", "/providers/{name}/rehearsal", "rehearseRules", "What rules would have done to the last sign-ins, before they are saved", a.rehearse),
		openapi.Op("DELETE", "/providers/{name}", "removeProvider", "Forget a provider that was made here", a.remove),
	}
}

type providerList struct {
	Providers []oneProvider `json:"providers"`
}

type oneProvider struct {
	Name      string     `json:"name" doc:"in sessions, events and ?provider="`
	Label     string     `json:"label" doc:"on the sign-in page"`
	Kind      string     `json:"kind"`
	Enabled   bool       `json:"enabled"`
	State     string     `json:"state" doc:"how it is doing, in words"`
	Attention bool       `json:"attention" doc:"something is to be done"`
	LastUsed  *time.Time `json:"last_used" doc:"when one of its keys was used last; null: never"`
	Issuer    string     `json:"issuer" doc:"the iss of its tokens; empty: it is not checked"`
	Secrets   int        `json:"secrets" doc:"how many shared secrets it has"`

	RedirectURI string    `json:"redirect_uri" doc:"what an OpenID provider must know as the redirect URI of the bridge; empty: it is of another kind"`
	Discovery   discovery `json:"discovery" doc:"what is known of the discovery document of an OpenID provider"`

	Sources []keySource `json:"key_sources" doc:"where its public keys come from; empty while it is off"`
}

type discovery struct {
	Address     string            `json:"address" doc:"empty: there is none"`
	LastSuccess *time.Time        `json:"last_success" doc:"when it was last read; null: never"`
	Fault       string            `json:"fault" doc:"why it could not be read lately"`
	Endpoints   map[string]string `json:"endpoints" doc:"by their names in the document"`
}

func newDiscovery(d sso.Discovery) discovery {
	out := discovery{d.Address, area.TimeOrNull(d.LastSuccess), d.Fault, map[string]string{}}
	for _, e := range d.Endpoints {
		out.Endpoints[e.Name] = e.URL
	}
	return out
}

type keySource struct {
	Origin      string      `json:"origin"`
	LastSuccess *time.Time  `json:"last_success" doc:"when it was last read; null: never, or it is read once"`
	Due         *time.Time  `json:"due" doc:"when it is read again, if a token comes; null: when it changes, or never"`
	Fault       string      `json:"fault" doc:"why it could not be read lately; the keys of before are in force"`
	LeftOut     []string    `json:"left_out" doc:"keys of it that cannot be used, and why"`
	Keys        []publicKey `json:"keys"`
}

type publicKey struct {
	ID          string     `json:"id"`
	Algorithm   string     `json:"algorithm"`
	Fingerprint string     `json:"fingerprint" doc:"JWK thumbprint, RFC 7638"`
	NotAfter    *time.Time `json:"not_after"`
	LastUsed    *time.Time `json:"last_used" doc:"by this replica since it started"`
}

func (a providerArea) list(c *area.Call, _ openapi.Nothing) (providerList, error) {
	out, cfg := providerList{Providers: []oneProvider{}}, a.Host.Config()
	for _, p := range cfg.Providers {
		v, err := a.view(c, cfg, p)
		if err != nil {
			return out, err
		}
		one := oneProvider{Name: p.Name, Label: p.Label, Kind: string(p.Kind), Enabled: p.Enabled, State: v.state.Word, Attention: v.state.Attention,
			LastUsed: area.TimeOrNull(v.lastUsed), Issuer: p.Issuer, Secrets: len(p.SharedSecrets), Discovery: newDiscovery(v.live.Described()), Sources: []keySource{}}
		if p.Kind == setting.KindOIDC {
			one.RedirectURI = cfg.RedirectURI(p)
		}
		if v.state.Text != "" {
			one.State += ": " + v.state.Text
		}
		for _, s := range v.live.PublicKeys() {
			one.Sources = append(one.Sources, newKeySource(s))
		}
		out.Providers = append(out.Providers, one)
	}
	return out, nil
}

func newKeySource(s sso.KeySource) keySource {
	out := keySource{Origin: s.Origin, LastSuccess: area.TimeOrNull(s.LastSuccess), Due: area.TimeOrNull(s.Due), Fault: s.Fault, LeftOut: append([]string{}, s.LeftOut...), Keys: []publicKey{}}
	for _, k := range s.Keys {
		out.Keys = append(out.Keys, publicKey{k.ID, k.Algorithm, k.Fingerprint, area.TimeOrNull(k.NotAfter), area.TimeOrNull(k.LastUsed)})
	}
	return out
}

// A view is what is found out about a provider.
type view struct {
	live     *sso.Provider // nil: it is off
	keys     []templates.AdminKeyRow
	lastUsed time.Time
	state    templates.AdminState
	outside  string // where it is named
}

func (a providerArea) view(c *area.Call, cfg *setting.Config, p *setting.Provider) (v view, err error) {
	v.live = a.Host.Bridge().Providers.Named(p.Name)
	if v.keys, err = a.keys.rows(c.Request().Context(), cfg, p, v.live); err != nil {
		return v, err
	}
	for _, k := range v.keys {
		if k.LastUsed.After(v.lastUsed) {
			v.lastUsed = k.LastUsed
		}
	}
	v.state = stateOf(p, v.live, v.keys, v.lastUsed, a.Now())
	if v.live != nil && v.live.Redeemer != nil && !v.state.Attention {
		refused, err := a.refusedBridge(c.Request().Context(), p.Name, v.lastUsed)
		if err != nil {
			return v, err
		}
		if !refused.IsZero() {
			v.state = refusedBridgeState(refused)
		}
	}
	if cfg.Declared(p.Name) {
		v.outside = cfg.Source("PROVIDERS").String()
	}
	return v, nil
}

// showList answers with the list of providers; of the form for a new one, what was typed and what was wrong.
func (a providerArea) showList(c *area.Call, status int, page templates.AdminProviders) error {
	cfg, version, err := a.Settings.Current(c.Request().Context())
	if err != nil {
		return err
	}
	page.AdminLayout, page.Now, page.Version = c.Layout(templates.AdminSectionSignIn), a.Now(), strconv.FormatInt(version, 10)
	page.OwnKeySet, page.Own = cfg.URL("/.well-known/jwks.json"), a.Host.Bridge().Providers.Named(service.Provider).PublicKeys()
	page.Kinds = kindOptions(page.NewKind)
	for _, p := range cfg.Providers {
		v, err := a.view(c, cfg, p)
		if err != nil {
			return err
		}
		page.Providers = append(page.Providers, templates.AdminProviderRow{Name: p.Name, Label: area.LabelOf(p), Kind: kindInWords(p.Kind), State: v.state,
			Keys: len(v.keys), LastUsed: v.lastUsed, Outside: v.outside})
	}
	return c.Show(status, page)
}

// show answers with the page of one provider; of keys, what was typed and what came of it.
func (a providerArea) show(c *area.Call, name string, t attempt, keys templates.AdminKeys) error {
	p, cfg, version, err := a.provider(c.Request().Context(), name)
	if err != nil {
		return err
	}
	v, err := a.view(c, cfg, p)
	if err != nil {
		return err
	}
	t.elsewhere(cfg, settingsOn(cfg, setting.PageProvider))
	page := templates.AdminProvider{
		AdminLayout: c.Layout(templates.AdminSectionSignIn), Name: p.Name, Label: area.LabelOf(p), Kind: kindInWords(p.Kind), URL: c.Link(area.PagesPrefix + ProviderPath(p.Name)),
		Outside: v.outside, State: v.state, Now: a.Now(), Version: strconv.FormatInt(version, 10), Alerts: t.alerts, Addresses: Addresses(cfg, p), Keys: keys, Discovery: v.live.Described(),
		Syncs: p.GroupSync || p.Kind == setting.KindBearer, Mapping: c.Link(area.PagesPrefix + "/mapping?provider=" + url.QueryEscape(p.Name)), LooksUp: p.Groups.Asks(),
		Testable: v.live != nil && v.live.Beginner != nil, BeginURL: c.Link(TrialPath),
	}
	if p.Kind != setting.KindBearer {
		page.LiveURL = c.Link(LivePath + "?" + url.Values{"provider": {p.Name}}.Encode())
	}
	for _, k := range v.keys {
		page.SignIns += k.SignIns
	}
	page.Removable = removable(cfg, p)
	past, err := a.keys.log.TokenLog(c.Request().Context(), p.Name)
	if err != nil {
		return err
	}
	page.Tokens = tokensOf(past)
	if t.info != "" {
		page.Notice = t.info
	}
	a.fillKeys(&page.Keys, cfg, p, v)
	a.fillCards(&page, cfg, p, t, past)
	return c.Show(t.status, page)
}

func (a providerArea) fillKeys(k *templates.AdminKeys, cfg *setting.Config, p *setting.Provider, v view) {
	k.Rows, k.Sources, k.Secrets, k.SharesNone = v.keys, sourcesOf(p, v.live), len(p.SharedSecrets), p.Kind == setting.KindOIDC
	if source := cfg.Source(p.Setting("SHARED_SECRET")); source.Fixed() {
		k.SecretFixed = source.String()
	}
	if source := cfg.Source(p.Setting("KEYS")); source.Fixed() {
		k.PublicFixed = source.String()
	}
}

func (a providerArea) fillCards(page *templates.AdminProvider, cfg *setting.Config, p *setting.Provider, t attempt, past []tokenlog.Entry) {
	for _, c := range cardsOf(p) {
		settings := settingsOfCard(cfg, p, c)
		made := cardOf(cfg, settings, c.id, c.title, c.help, t)
		made.URL, made.Version, made.Main = page.URL, page.Version, c.id == productCard
		made.Rehearsable = len(past) > 0 && c.rules
		if t.outcome != nil && t.card == c.id {
			made.Outcome, made.Open = t.outcome, true
		}
		for i, s := range settings {
			made.Fields[i].Seen = seenIn(s, made.Fields[i].Value, past)
		}
		switch {
		case c.id == productCard:
			page.Product = made
		case c.id == keysCard:
			page.Keys.Card = made
		case c.id == groupsCard:
			page.Groups = made
		case len(settings) > 0:
			page.Rules = append(page.Rules, made)
		}
	}
}

// Addresses are those of the bridge that the product has to know.
func Addresses(cfg *setting.Config, p *setting.Provider) []templates.AdminAddress {
	if p.Kind == setting.KindBearer {
		return nil
	}
	if p.Kind == setting.KindOIDC {
		return []templates.AdminAddress{
			{Label: "Redirect URI, for the entry at the provider", Value: cfg.RedirectURI(p)},
			{Label: "Post-logout redirect URI, where people come back after a sign-out", Value: cfg.URL("/auth/logout")},
			{Label: "Back-channel logout URI, which the provider tells of a sign-out there", Value: cfg.URL("/auth/oidc/" + p.Name + "/backchannel-logout")},
		}
	}
	callback := cfg.URL("/auth/sso")
	if p.Name != setting.DefaultProvider && p.Issuer == "" && p.Binding == sso.BindingOff {
		callback += "?provider=" + p.Name // neither the token nor the browser says whose it is
	}
	return []templates.AdminAddress{{Label: "Where your product sends people back, with the token", Value: callback}}
}

// saveCard saves the fields of one card.
func (a providerArea) saveCard(c *area.Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	name := c.Param("name")
	p, cfg, _, err := a.provider(c.Request().Context(), name)
	if err != nil {
		return err
	}
	var settings []*setting.Setting
	for _, s := range settingsOn(cfg, setting.PageProvider) {
		if s.Provider == p.Name {
			settings = append(settings, s)
		}
	}
	path := ProviderPath(name)
	if form.Get("from") == "overview" {
		path = ""
	}
	t, show, err := a.rehearseForm(c, form, settings, p.Name)
	if err == nil && !show {
		var done bool
		if t, done, err = a.saveForm(c, form, settings, path); done {
			return err
		}
	}
	if err != nil {
		return err
	}
	return a.show(c, name, t, templates.AdminKeys{})
}
