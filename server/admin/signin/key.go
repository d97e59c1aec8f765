package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/server/admin/area"
	"github.com/ssobridge/ssobridge/server/openapi"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/templates"
)

// keyArea shows and changes the shared secrets.
type keyArea struct {
	area.Options
	Store admin.SecretStore
}

// domain is what may be done.
func (a keyArea) domain() admin.Secrets {
	return admin.Secrets{Store: a.Store, Save: a.Settings.Save, Saved: func(ctx context.Context) ([]string, error) {
		cfg, _, err := a.Settings.Current(ctx)
		if err != nil {
			return nil, err
		}
		return cfg.JWT.SharedSecrets, nil
	}}
}

func (a keyArea) pages() []area.Page {
	return []area.Page{
		area.Get("/key", a.keyPage),
		area.Post("/key", a.keyForm),
	}
}

func (a keyArea) operations() []area.Operation {
	return []area.Operation{
		openapi.Op("GET", "/signing-key", "getSigningKey", "How many shared secrets are accepted; never the secrets", a.signingKey),
		openapi.Op("POST", "/signing-key", "addSigningKey", "Put a new shared secret in front; the ones before go on working", a.addKey),
		openapi.Op("POST", "/signing-key/retire", "retireSigningKeys", "Accept the current shared secret only", a.retireKeys),
		openapi.Op("DELETE", "/signing-key/{key}", "removeSigningKey", "Accept one of the shared secrets no more", a.removeKey),
	}
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
}

func (a keyArea) signingKey(c *area.Call, _ openapi.Nothing) (signingKey, error) {
	ctx := c.Request().Context()
	cfg, version, err := a.Settings.Current(ctx)
	if err != nil {
		return signingKey{}, err
	}
	source := cfg.Source(admin.SharedSecret)
	k := signingKey{version, len(cfg.JWT.SharedSecrets), source.String(), source.Fixed(), []oneKey{}}
	for _, secret := range cfg.JWT.SharedSecrets {
		use, err := a.Store.KeyUse(ctx, sso.SecretID(secret), a.Now().Add(-admin.InUse))
		if err != nil {
			return signingKey{}, err
		}
		k.Secrets = append(k.Secrets, oneKey{admin.SecretName(secret), use.SignIns, area.TimeOrNull(use.LastUsed), area.TimeOrNull(use.MadeAt), use.MadeBy})
	}
	return k, nil
}

type newKey struct {
	Version int64  `json:"version"`
	Secret  string `json:"secret,omitempty" doc:"the secret; leave it out, and one is generated"`
	Replace bool   `json:"replace,omitempty" doc:"accept no secret but this one, at once"`
	SignIns int    `json:"sign_ins,omitempty" doc:"with replace: how many sign-ins of the last 24 hours may have used the ones before"`
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
	out.Keys, out.Version, err = a.domain().Add(c.Request().Context(), c.Actor(), in.Secret, in.Replace, admin.SecretEdit{Version: in.Version, SignIns: in.SignIns})
	return out, err
}

type retiredKeys struct {
	Version int64 `json:"version"`
	SignIns int   `json:"sign_ins,omitempty" doc:"how many sign-ins of the last 24 hours may have used the older ones; more are refused"`
}

func (a keyArea) retireKeys(c *area.Call, in retiredKeys) (addedKey, error) {
	version, err := a.domain().Retire(c.Request().Context(), c.Actor(), admin.SecretEdit{Version: in.Version, SignIns: in.SignIns})
	return addedKey{Version: version, Keys: 1}, err
}

type removedKey struct {
	Key     string `path:"key" doc:"its id"`
	Version int64  `query:"version"`
	SignIns int    `query:"sign_ins" doc:"how many sign-ins of the last 24 hours may have used it; more are refused"`
}

func (a keyArea) removeKey(c *area.Call, in removedKey) (addedKey, error) {
	n, version, err := a.domain().Remove(c.Request().Context(), c.Actor(), in.Key, admin.SecretEdit{Version: in.Version, SignIns: in.SignIns})
	return addedKey{Version: version, Keys: n}, err
}

func (a keyArea) keyPage(c *area.Call) error {
	p, err := a.keyTemplate(c)
	if err != nil {
		return err
	}
	return c.Show(http.StatusOK, p)
}

func (a keyArea) keyTemplate(c *area.Call) (templates.AdminKey, error) {
	k, err := a.signingKey(c, openapi.Nothing{})
	if err != nil {
		return templates.AdminKey{}, err
	}
	p := templates.AdminKey{AdminLayout: c.Layout(templates.AdminSectionSignIn), Version: strconv.FormatInt(k.Version, 10), Keys: k.Keys}
	if k.Fixed {
		p.Source = k.Source
	}
	p.Now = a.Now()
	for i, one := range k.Secrets {
		row := templates.AdminKeyRow{ID: one.ID, Current: i == 0, SignIns: one.SignIns, MadeBy: one.MadeBy, Last: len(k.Secrets) == 1}
		if one.LastUsed != nil {
			row.LastUsed = *one.LastUsed
		}
		if one.MadeAt != nil {
			row.MadeAt = *one.MadeAt
		}
		p.Secrets = append(p.Secrets, row)
	}
	return p, nil
}

// keyForm is POST /admin/key. A generated key is shown in the answer itself: it is kept nowhere where it could be read
// again, so there is no page to redirect to.
func (a keyArea) keyForm(c *area.Call) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	version, err := strconv.ParseInt(form.Get("version"), 10, 64)
	if err != nil {
		return fmt.Errorf("the form has no version: %w", sso.RequestMalformed)
	}
	var added addedKey
	typed := strings.TrimSpace(form.Get("secret"))
	action := form.Get("action")
	switch {
	case action == "generate":
		added, err = a.addKey(c, newKey{Version: version})
	case action == "paste" && typed == "":
		err = admin.Invalid(admin.SharedSecret, "is empty")
	case action == "paste":
		added, err = a.addKey(c, newKey{Version: version, Secret: typed})
	case action == "retire":
		added, err = a.retireKeys(c, retiredKeys{version, confirmedSignIns(form)})
	case action == "remove":
		added, err = a.removeKey(c, removedKey{form.Get("key"), version, confirmedSignIns(form)})
	default:
		return fmt.Errorf("no such action: %w", sso.RequestMalformed)
	}
	if sso.CodeOf(err) == sso.ProofNeeded {
		form.Del("secret") // a key waits nowhere
		return c.ProveFirst(form)
	}
	if err != nil {
		return a.keyAgain(c, action, err)
	}
	switch {
	case action == "retire":
		return c.Done("/key", "key-gone")
	case action == "remove":
		return c.Done("/key", "key-removed")
	case added.Generated == "" && added.Keys == 1:
		return c.Done("/key", "key-first")
	case added.Generated == "":
		return c.Done("/key", "key-added")
	}
	a.Host.Applied(c.Request())
	p, err := a.keyTemplate(c)
	if err != nil {
		return err
	}
	p.Generated = added.Generated
	return c.Show(http.StatusOK, p)
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

// keyAgain shows the page with what was wrong. A key that was typed is not sent back.
func (a keyArea) keyAgain(c *area.Call, action string, cause error) error {
	fields, readable := area.FieldsOf(cause)
	conflict := errors.Is(cause, sso.Conflict)
	if !readable && !conflict {
		return cause
	}
	p, err := a.keyTemplate(c)
	if err != nil {
		return err
	}
	if conflict {
		p.Alert = "Somebody else has saved settings meanwhile, so nothing was done. Look at the secrets again."
		return c.Show(http.StatusConflict, p)
	}
	if problem := fields[admin.SharedSecret]; problem != "" && action == "paste" {
		p.SecretError = problem
	} else {
		p.Alert = area.Sentence(sso.Reason(cause))
		if errors.Is(cause, admin.ErrNotConfirmed) {
			p.Alert = "Nothing was changed: that secret is in use. Tick the box beside it if your product has changed its secret since."
		}
	}
	return c.Show(http.StatusBadRequest, p)
}
