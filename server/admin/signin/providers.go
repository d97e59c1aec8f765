package signin

import (
	"net/http"
	"time"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
	"github.com/ssobridge/ssobridge/templates"
)

// providerArea shows the identity providers and their keys.
type providerArea struct {
	area.Options
}

func (a providerArea) pages() []area.Page { return []area.Page{area.Get("/providers", a.page)} }

func (a providerArea) operations() []area.Operation {
	return []area.Operation{
		openapi.Op("GET", "/providers", "listProviders", "The identity providers, and what is known of their public keys", a.list),
	}
}

type providerList struct {
	Providers []oneProvider `json:"providers"`
}

type oneProvider struct {
	Name        string      `json:"name" doc:"in sessions, events and ?provider="`
	Label       string      `json:"label" doc:"on the sign-in page"`
	Kind        string      `json:"kind"`
	Enabled     bool        `json:"enabled"`
	Issuer      string      `json:"issuer" doc:"the iss of its tokens; empty: it is not checked"`
	Secrets     int         `json:"secrets" doc:"how many shared secrets it has"`
	RedirectURI string      `json:"redirect_uri" doc:"what an OpenID provider must know as the redirect URI of the bridge; empty: it is of another kind"`
	Discovery   discovery   `json:"discovery" doc:"what is known of the discovery document of an OpenID provider"`
	Sources     []keySource `json:"key_sources" doc:"where its public keys come from; empty while it is off"`
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

func (a providerArea) list(*area.Call, openapi.Nothing) (providerList, error) {
	out := providerList{Providers: []oneProvider{}}
	cfg := a.Host.Config()
	for _, p := range cfg.Providers {
		live := a.Host.Bridge().Providers.Named(p.Name)
		one := oneProvider{Discovery: newDiscovery(live.Described()), Name: p.Name, Label: p.Label, Kind: string(p.Kind), Enabled: p.Enabled, Issuer: p.Issuer, Secrets: len(p.SharedSecrets), Sources: []keySource{}}
		if p.Kind == setting.KindOIDC {
			one.RedirectURI = cfg.RedirectURI(p)
		}
		for _, s := range live.PublicKeys() {
			one.Sources = append(one.Sources, newKeySource(s))
		}
		out.Providers = append(out.Providers, one)
	}
	return out, nil
}

func newKeySource(s sso.KeySource) keySource {
	out := keySource{Origin: s.Origin, LastSuccess: area.TimeOrNull(s.LastSuccess), Fault: s.Fault, LeftOut: append([]string{}, s.LeftOut...), Keys: []publicKey{}}
	for _, k := range s.Keys {
		out.Keys = append(out.Keys, publicKey{k.ID, k.Algorithm, k.Fingerprint, area.TimeOrNull(k.NotAfter), area.TimeOrNull(k.LastUsed)})
	}
	return out
}

func (a providerArea) page(c *area.Call) error {
	page := templates.AdminProviders{AdminLayout: c.Layout(templates.AdminSectionSignIn), Now: a.Now()}
	cfg := a.Host.Config()
	for _, p := range cfg.Providers {
		live := a.Host.Bridge().Providers.Named(p.Name)
		row := templates.AdminProviderRow{Name: p.Name, Label: p.Label, On: p.Enabled, Issuer: p.Issuer, Secrets: len(p.SharedSecrets), Sources: live.PublicKeys()}
		if p.Kind == setting.KindOIDC {
			row.RedirectURI, row.Discovery = cfg.RedirectURI(p), live.Described()
		}
		page.Providers = append(page.Providers, row)
	}
	return c.Show(http.StatusOK, page)
}
