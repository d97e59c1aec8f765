package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

// keyArea changes the keys of providers: their shared secrets, and the public keys that stand in the settings themselves.
type keyArea struct {
	settingArea
	log Store
}

// secrets is what may be done with the shared secrets of a provider; "" is the default one.
func (a keyArea) secrets(provider string) admin.Secrets {
	return admin.Secrets{Store: a.Store, Setting: a.setting(provider, "SHARED_SECRET"), Save: a.Settings.Save, Saved: func(ctx context.Context) ([]string, error) {
		p, _, _, err := a.provider(ctx, provider)
		if err != nil {
			return nil, err
		}
		return p.SharedSecrets, nil
	}}
}

// public is what may be done with the public keys of a provider.
func (a keyArea) public(provider string) admin.PublicKeys {
	return admin.PublicKeys{Store: a.Store, Setting: a.setting(provider, "KEYS"), Read: a.Settings.KeysIn, Save: a.Settings.Save, Saved: func(ctx context.Context) ([]setting.Key, error) {
		p, _, _, err := a.provider(ctx, provider)
		if err != nil {
			return nil, err
		}
		return p.Keys, nil
	}}
}

// provider is what is saved of a provider at this moment; "" is the default one.
func (a settingArea) provider(ctx context.Context, name string) (p *setting.Provider, cfg *setting.Config, version int64, err error) {
	if cfg, version, err = a.Settings.Current(ctx); err != nil {
		return nil, nil, 0, err
	}
	if name == "" {
		return cfg.JWT, cfg, version, nil
	}
	if p = cfg.Provider(name); p == nil {
		return nil, nil, 0, &admin.Refusal{Err: fmt.Errorf("there is no provider %q: %w", sso.Shorten(sso.CleanText(name), 50), sso.NotFound)}
	}
	return p, cfg, version, nil
}

func (a keyArea) setting(provider, field string) string {
	if provider == "" {
		provider = setting.DefaultProvider
	}
	return (&setting.Provider{Name: provider}).Setting(field)
}

func (a keyArea) pages() []area.Page {
	return []area.Page{
		area.Get("/key", func(c *area.Call) error { // where the shared secret was before there was more than one provider
			return c.Redirect(http.StatusFound, c.Link(area.PagesPrefix+ProviderPath(setting.DefaultProvider)+"#keys"))
		}),
		area.Post("/providers/:name/keys", a.keyForm),
	}
}

func (a keyArea) operations() []area.Operation {
	return []area.Operation{
		openapi.Op("GET", "/signing-key", "getSigningKey", "How many shared secrets are accepted; never the secrets", a.signingKey),
		openapi.Op("POST", "/signing-key", "addSigningKey", "Put a new shared secret in front; the ones before go on working", a.addKey),
		openapi.Op("POST", "/signing-key/retire", "retireSigningKeys", "Accept the current shared secret only", a.retireKeys),
		openapi.Op("DELETE", "/signing-key/{key}", "removeSigningKey", "Accept one of the shared secrets no more", a.removeKey),
		openapi.Op("POST", "/providers/{name}/public-keys", "addPublicKey", "Accept one public key more", a.addPublicKey),
		openapi.Op("DELETE", "/providers/{name}/public-keys/{fingerprint}", "removePublicKey", "Accept a public key of the settings no more", a.removePublicKey),
	}
}

type ofProvider struct {
	Provider string `query:"provider" doc:"its name; left out: the one of the settings JWT_…"`
}

type signingKey struct {
	Version int64    `json:"version"`
	Keys    int      `json:"keys" doc:"how many are accepted"`
	Source  string   `json:"source"`
	Fixed   bool     `json:"fixed"`
	Secrets []oneKey `json:"secrets" doc:"what is known of each; the first is current"`
}

type oneKey struct {
	ID       string     `json:"id" doc:"the first eight digits of its SHA-256"`
	SignIns  int        `json:"sign_ins" doc:"by it in the last 24 hours"`
	LastUsed *time.Time `json:"last_used" doc:"null: the trail has no sign-in by it"`
	MadeAt   *time.Time `json:"made_at" doc:"null: not known"`
	MadeBy   string     `json:"made_by"`
	Days     []int      `json:"days" doc:"sign-ins by it on each of the last 14 days (UTC), today last; 5,000 is the most that is counted of a day"`
}

// daysShown is on how many days the use of a key is shown.
const daysShown = 14

// days is how keys were used on the last days, and the first of these.
func (a keyArea) days(ctx context.Context, ids []string) (days map[string][]int, first time.Time, err error) {
	first = a.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1-daysShown)
	days, err = a.log.KeyDays(ctx, ids, first, daysShown)
	return days, first, err
}

func (a keyArea) signingKey(c *area.Call, in ofProvider) (signingKey, error) {
	ctx := c.Request().Context()
	p, cfg, version, err := a.provider(ctx, in.Provider)
	if err != nil {
		return signingKey{}, err
	}
	source := cfg.Source(p.Setting("SHARED_SECRET"))
	k := signingKey{version, len(p.SharedSecrets), source.String(), source.Fixed(), []oneKey{}}
	uses, err := a.Store.KeyUses(ctx, secretIDs(p), a.Now().Add(-admin.InUse))
	if err != nil {
		return signingKey{}, err
	}
	days, _, err := a.days(ctx, secretIDs(p))
	if err != nil {
		return signingKey{}, err
	}
	for _, secret := range p.SharedSecrets {
		id := sso.SecretID(secret)
		use := uses[id]
		k.Secrets = append(k.Secrets, oneKey{admin.SecretName(secret), use.SignIns, area.TimeOrNull(use.LastUsed), area.TimeOrNull(use.MadeAt), use.MadeBy, days[id]})
	}
	return k, nil
}

// secretIDs are the shared secrets of a provider, as events name them.
func secretIDs(p *setting.Provider) (ids []string) {
	for _, secret := range p.SharedSecrets {
		ids = append(ids, sso.SecretID(secret))
	}
	return ids
}

type newKey struct {
	Provider string `query:"provider" doc:"as in getSigningKey"`
	Version  int64  `json:"version"`
	Secret   string `json:"secret,omitempty" doc:"the secret; leave it out, and one is generated"`
	Replace  bool   `json:"replace,omitempty" doc:"accept no secret but this one, at once"`
	SignIns  int    `json:"sign_ins,omitempty" doc:"with replace: how many sign-ins of the last 24 hours may have used the ones before"`
}

type addedKey struct {
	Version   int64  `json:"version"`
	Keys      int    `json:"keys"`
	Generated string `json:"generated,omitempty" doc:"the generated secret, this once and never again"`
}

func (a keyArea) addKey(c *area.Call, in newKey) (out addedKey, err error) {
	if in.Secret == "" {
		out.Generated = admin.GenerateSecret()
		in.Secret = out.Generated
	}
	out.Keys, out.Version, err = a.secrets(in.Provider).Add(c.Request().Context(), c.Actor(), in.Secret, in.Replace, admin.SecretEdit{Version: in.Version, SignIns: in.SignIns})
	return out, err
}

type retiredKeys struct {
	Provider string `query:"provider" doc:"as in getSigningKey"`
	Version  int64  `json:"version"`
	SignIns  int    `json:"sign_ins,omitempty" doc:"how many sign-ins of the last 24 hours may have used the older ones; more are refused"`
}

func (a keyArea) retireKeys(c *area.Call, in retiredKeys) (addedKey, error) {
	version, err := a.secrets(in.Provider).Retire(c.Request().Context(), c.Actor(), admin.SecretEdit{Version: in.Version, SignIns: in.SignIns})
	return addedKey{Version: version, Keys: 1}, err
}

type removedKey struct {
	Provider string `query:"provider" doc:"as in getSigningKey"`
	Key      string `path:"key" doc:"its id"`
	Version  int64  `query:"version"`
	SignIns  int    `query:"sign_ins" doc:"how many sign-ins of the last 24 hours may have used it; more are refused"`
}

func (a keyArea) removeKey(c *area.Call, in removedKey) (addedKey, error) {
	n, version, err := a.secrets(in.Provider).Remove(c.Request().Context(), c.Actor(), in.Key, admin.SecretEdit{Version: in.Version, SignIns: in.SignIns})
	return addedKey{Version: version, Keys: n}, err
}

type newPublicKey struct {
	Name      string `path:"name" doc:"of the provider"`
	Version   int64  `json:"version"`
	Key       string `json:"key" doc:"PEM, a certificate, a JWK or a JWK Set; or DER in base64"`
	Algorithm string `json:"algorithm,omitempty" doc:"left out: that of the JWK, or the first one that such a key can have"`
	KeyID     string `json:"kid,omitempty" doc:"left out: that of the JWK, or none"`
}

func (a keyArea) addPublicKey(c *area.Call, in newPublicKey) (savedVersion, error) {
	key := setting.Key{Data: strings.TrimSpace(in.Key), Alg: strings.TrimSpace(in.Algorithm), Kid: strings.TrimSpace(in.KeyID)}
	if key.Data == "" {
		return savedVersion{}, admin.Invalid(a.setting(in.Name, "KEYS"), "is empty: paste a public key")
	}
	version, err := a.public(in.Name).Add(c.Request().Context(), c.Actor(), key, in.Version)
	return savedVersion{version}, err
}

type removedPublicKey struct {
	Name        string `path:"name" doc:"of the provider"`
	Fingerprint string `path:"fingerprint" doc:"of the key; a set that it came with goes as a whole"`
	Version     int64  `query:"version"`
	SignIns     int    `query:"sign_ins" doc:"as in removeSigningKey"`
}

func (a keyArea) removePublicKey(c *area.Call, in removedPublicKey) (savedVersion, error) {
	version, err := a.public(in.Name).Remove(c.Request().Context(), c.Actor(), in.Fingerprint, admin.SecretEdit{Version: in.Version, SignIns: in.SignIns})
	return savedVersion{version}, err
}

// rows are the keys of a provider that are known, shared secrets first: those of the settings, and those that were read from
// files and addresses.
func (a keyArea) rows(ctx context.Context, cfg *setting.Config, p *setting.Provider, live *sso.Provider) (rows []templates.AdminKeyRow, err error) {
	rows, ids := a.known(cfg, p, live)
	now := a.Now()
	uses, err := a.Store.KeyUses(ctx, ids, now.Add(-admin.InUse))
	if err != nil {
		return nil, err
	}
	days, first, err := a.days(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		row, use := &rows[i], uses[ids[i]]
		row.Use.Label = "Sign-ins"
		for n, count := range days[ids[i]] {
			row.Use.Days = append(row.Use.Days, templates.ChartDay{Day: first.AddDate(0, 0, n), Count: count})
		}
		row.SignIns, row.MadeAt, row.MadeBy = use.SignIns, use.MadeAt, use.MadeBy
		if use.LastUsed.After(row.LastUsed) {
			row.LastUsed = use.LastUsed
		}
		row.Expired = !row.NotAfter.IsZero() && !now.Before(row.NotAfter)
	}
	return rows, nil
}

// known are the rows without what the trail knows of the keys, and how events name each.
func (a keyArea) known(cfg *setting.Config, p *setting.Provider, live *sso.Provider) (rows []templates.AdminKeyRow, ids []string) {
	add := func(row templates.AdminKeyRow, id string, seen time.Time) {
		row.LastUsed = seen
		rows, ids = append(rows, row), append(ids, id)
	}
	fixed := cfg.Source(p.Setting("SHARED_SECRET")).Fixed()
	for i, secret := range p.SharedSecrets {
		name := admin.SecretName(secret)
		row := templates.AdminKeyRow{ID: name, Fingerprint: name, Secret: true, Current: i == 0 && len(p.SharedSecrets) > 1, Removable: !fixed && len(p.SharedSecrets) > 1}
		if fixed {
			row.Origin = cfg.Source(p.Setting("SHARED_SECRET")).String()
		}
		add(row, sso.SecretID(secret), time.Time{})
	}
	used := lastUses(live)
	source := cfg.Source(p.Setting("KEYS"))
	for _, entry := range p.Keys {
		keys := a.Settings.KeysIn(entry)
		for i, k := range keys {
			row := templates.AdminKeyRow{ID: k.ID, Fingerprint: k.Fingerprint, Algorithm: k.Algorithm, NotAfter: k.NotAfter, Removable: !source.Fixed() && i == 0}
			if source.Fixed() {
				row.Origin = source.String()
			}
			if len(keys) > 1 {
				row.With = len(keys)
			}
			add(row, k.ID, used[k.Fingerprint])
			delete(used, k.Fingerprint)
		}
	}
	for _, s := range live.PublicKeys() {
		for _, k := range s.Keys {
			seen, elsewhere := used[k.Fingerprint]
			if !elsewhere { // it stands above
				continue
			}
			add(templates.AdminKeyRow{ID: k.ID, Fingerprint: k.Fingerprint, Algorithm: k.Algorithm, Origin: s.Origin, NotAfter: k.NotAfter}, k.ID, seen)
		}
	}
	return rows, ids
}

// lastUses says when this replica used each public key, by its fingerprint.
func lastUses(live *sso.Provider) map[string]time.Time {
	used := map[string]time.Time{}
	for _, s := range live.PublicKeys() {
		for _, k := range s.Keys {
			used[k.Fingerprint] = k.LastUsed
		}
	}
	return used
}

// keyForm is POST /admin/providers/NAME/keys. A generated secret is shown in the answer itself: it is kept nowhere where it
// could be read again, so there is no page to redirect to.
func (a keyArea) keyForm(c *area.Call) error {
	form, version, err := c.VersionedForm()
	if err != nil {
		return err
	}
	name := c.Param("name")
	if _, _, _, err := a.provider(c.Request().Context(), name); err != nil {
		return err
	}
	generated, notice, err := a.keyAction(c, name, version, form)
	switch {
	case sso.CodeOf(err) == sso.ProofNeeded:
		form.Del("secret") // a secret waits nowhere
		form.Set("public", publicText(form.Get("public")))
		return c.ProveFirst(form)
	case err != nil:
		return a.keyAgain(c, name, form, err)
	case generated == "":
		return c.Done(ProviderPath(name), notice)
	}
	c.Applied()
	return providerArea{a.settingArea, a}.show(c, name, attempt{status: http.StatusOK}, templates.AdminKeys{Generated: generated})
}

// keyAction does what a form of keys asks for.
func (a keyArea) keyAction(c *area.Call, name string, version int64, form url.Values) (generated, notice string, err error) {
	var added addedKey
	typed := strings.TrimSpace(form.Get("secret"))
	switch action := form.Get("action"); {
	case action == "generate":
		added, err = a.addKey(c, newKey{Provider: name, Version: version})
	case action == "paste" && typed == "":
		err = admin.Invalid(a.setting(name, "SHARED_SECRET"), "is empty")
	case action == "paste":
		added, err = a.addKey(c, newKey{Provider: name, Version: version, Secret: typed})
		notice = "key-added"
		if added.Keys == 1 {
			notice = "key-first"
		}
	case action == "retire":
		_, err = a.retireKeys(c, retiredKeys{name, version, confirmedSignIns(form)})
		notice = "key-gone"
	case action == "remove":
		_, err = a.removeKey(c, removedKey{name, form.Get("key"), version, confirmedSignIns(form)})
		notice = "key-removed"
	case action == "add":
		_, err = a.addPublicKey(c, newPublicKey{name, version, form.Get("public"), form.Get("algorithm"), form.Get("kid")})
		notice = "public-added"
	case action == "remove-public":
		_, err = a.removePublicKey(c, removedPublicKey{name, form.Get("key"), version, confirmedSignIns(form)})
		notice = "public-removed"
	default:
		err = fmt.Errorf("no such action: %w", sso.RequestMalformed)
	}
	return added.Generated, notice, err
}

// confirmedSignIns is the number that the page showed and the administrator ticked, with room for those who have signed in
// since.
func confirmedSignIns(form url.Values) int {
	n, err := strconv.Atoi(form.Get("sign_ins"))
	if err != nil {
		return 0
	}
	return n + n/10 + 10
}

// keyAgain shows the page with what was wrong. A secret that was typed is not sent back; a public key is.
func (a keyArea) keyAgain(c *area.Call, name string, form url.Values, cause error) error {
	fields, readable := area.FieldsOf(cause)
	conflict := errors.Is(cause, sso.Conflict)
	if !readable && !conflict {
		return cause
	}
	t := attempt{status: http.StatusBadRequest}
	k := templates.AdminKeys{Public: publicText(form.Get("public")), Kid: form.Get("kid"), Algorithm: form.Get("algorithm")}
	secret, public := fields[a.setting(name, "SHARED_SECRET")], fields[a.setting(name, "KEYS")]
	switch action := form.Get("action"); {
	case conflict:
		t.status, t.alerts = http.StatusConflict, []string{"Somebody else has saved settings meanwhile, so nothing was done. Look at the keys again."}
	case secret != "" && action == "paste":
		k.SecretError = secret
	case public != "" && action == "add":
		k.PublicError = area.Sentence(public)
	case errors.Is(cause, admin.ErrNotConfirmed):
		t.alerts = []string{"Nothing was changed: that key is in use. Tick the box beside it if your product has changed its key since."}
	default:
		t.alerts = []string{area.Sentence(sso.Reason(cause))}
	}
	return providerArea{a.settingArea, a}.show(c, name, t, k)
}

// publicText is what was pasted as a public key, unless it may be a private one.
func publicText(text string) string {
	if strings.Contains(text, "PRIVATE") || strings.Contains(text, `"d"`) || strings.Contains(text, `"k"`) {
		return ""
	}
	return text
}

// sourcesOf are the files and addresses from which a provider's keys come.
func sourcesOf(p *setting.Provider, live *sso.Provider) (all []templates.AdminKeySource) {
	for _, s := range live.PublicKeys() {
		address := slices.Contains(p.JWKSURLs, s.Origin)
		if !address && s.LastSuccess.IsZero() && s.Fault == "" { // of the settings
			continue
		}
		all = append(all, templates.AdminKeySource{Origin: s.Origin, LastSuccess: s.LastSuccess, Due: s.Due, Fault: s.Fault, FaultSince: s.FaultSince,
			LeftOut: s.LeftOut, Keys: len(s.Keys), Address: address})
	}
	return all
}
