package admin

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/templates"
)

func (a *Admin) keyPages() []page {
	return []page{
		{http.MethodGet, "/key", a.keyPage},
		{http.MethodPost, "/key", a.keyForm},
	}
}

func (a *Admin) keyOperations() []operation {
	return []operation{
		op("GET", "/signing-key", "getSigningKey", "How many signing keys are accepted; never the keys", a.signingKey),
		op("POST", "/signing-key", "addSigningKey", "Put a new signing key in front; the ones before go on working", a.addKey),
		op("POST", "/signing-key/retire", "retireSigningKeys", "Accept the current signing key only", a.retireKeys),
	}
}

type signingKey struct {
	Version int64  `json:"version"`
	Keys    int    `json:"keys" doc:"the first is current; all are accepted"`
	Source  string `json:"source"`
	Fixed   bool   `json:"fixed"`
}

func (a *Admin) signingKey(c *call, _ nothing) (signingKey, error) {
	cfg, version, err := a.Settings.Current(c.Request().Context())
	if err != nil {
		return signingKey{}, err
	}
	source := cfg.Source(sharedSecret)
	return signingKey{version, len(cfg.JWTSharedSecrets), source.String(), source.Fixed()}, nil
}

type newKey struct {
	Version int64  `json:"version"`
	Secret  string `json:"secret,omitempty" doc:"the key; leave it out, and one is generated"`
	Replace bool   `json:"replace,omitempty" doc:"accept no key but this one, at once"`
}

type addedKey struct {
	Version   int64  `json:"version"`
	Keys      int    `json:"keys"`
	Generated string `json:"generated,omitempty" doc:"the generated key, this once and never again"`
}

// addKey puts a key in front. The ones before stay, so that no login fails while the identity provider changes to the new
// one (SECURITY F4).
func (a *Admin) addKey(c *call, in newKey) (addedKey, error) {
	out := addedKey{}
	if in.Secret == "" {
		out.Generated = generateSecret()
		in.Secret = out.Generated
	}
	cfg, _, err := a.Settings.Current(c.Request().Context())
	if err != nil {
		return out, err
	}
	secrets := []string{in.Secret}
	if !in.Replace {
		secrets = append(secrets, slices.DeleteFunc(slices.Clone(cfg.JWTSharedSecrets), func(s string) bool { return s == in.Secret })...)
	}
	out.Keys = len(secrets)
	out.Version, err = a.saveKeys(c, secrets, in.Version)
	return out, err
}

// generateSecret makes a key of 256 bits, which survives being copied by hand (SECURITY F1).
func generateSecret() string {
	var b [32]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

type atVersion struct {
	Version int64 `json:"version"`
}

// retireKeys keeps the first key only.
func (a *Admin) retireKeys(c *call, in atVersion) (addedKey, error) {
	cfg, _, err := a.Settings.Current(c.Request().Context())
	if err != nil {
		return addedKey{}, err
	}
	if len(cfg.JWTSharedSecrets) < 2 {
		return addedKey{}, &Refusal{Err: fmt.Errorf("there is no older key to remove: %w", sso.Invalid)}
	}
	version, err := a.saveKeys(c, cfg.JWTSharedSecrets[:1], in.Version)
	return addedKey{Version: version, Keys: 1}, err
}

func (a *Admin) saveKeys(c *call, secrets []string, version int64) (int64, error) {
	text, err := secretsText(secrets)
	if err != nil {
		return 0, err
	}
	return a.save(c, map[string]*string{sharedSecret: &text}, version)
}

func (a *Admin) keyPage(c *call) error {
	p, err := a.keyTemplate(c)
	if err != nil {
		return err
	}
	return c.render(http.StatusOK, p)
}

func (a *Admin) keyTemplate(c *call) (templates.AdminKey, error) {
	k, err := a.signingKey(c, nothing{})
	if err != nil {
		return templates.AdminKey{}, err
	}
	p := templates.AdminKey{AdminLayout: c.layout(templates.AdminSectionSignIn), Version: strconv.FormatInt(k.Version, 10), Keys: k.Keys}
	if k.Fixed {
		p.Source = k.Source
	}
	return p, nil
}

// keyForm is POST /admin/key. A generated key is shown in the answer itself: it is kept nowhere where it could be read
// again, so there is no page to redirect to.
func (a *Admin) keyForm(c *call) error {
	form, err := c.form()
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
		err = invalid(sharedSecret, "is empty")
	case action == "paste":
		added, err = a.addKey(c, newKey{Version: version, Secret: typed})
	case action == "retire":
		added, err = a.retireKeys(c, atVersion{version})
	default:
		return fmt.Errorf("no such action: %w", sso.RequestMalformed)
	}
	if sso.CodeOf(err) == sso.ProofNeeded {
		form.Del("secret") // a key waits nowhere
		return c.proveFirst(form)
	}
	if err != nil {
		return a.keyAgain(c, action, err)
	}
	switch {
	case action == "retire":
		return c.done("/key", "key-gone")
	case added.Generated == "" && added.Keys == 1:
		return c.done("/key", "key-first")
	case added.Generated == "":
		return c.done("/key", "key-added")
	}
	a.Host.Applied(c.Request())
	p, err := a.keyTemplate(c)
	if err != nil {
		return err
	}
	p.Generated = added.Generated
	return c.render(http.StatusOK, p)
}

// keyAgain shows the page with what was wrong. A key that was typed is not sent back.
func (a *Admin) keyAgain(c *call, action string, cause error) error {
	fields, told := fieldsOf(cause)
	conflict := errors.Is(cause, sso.Conflict)
	if !told && !conflict {
		return cause
	}
	p, err := a.keyTemplate(c)
	if err != nil {
		return err
	}
	if conflict {
		p.Alert = "Somebody else has saved settings meanwhile, so nothing was done. Look at the keys again."
		return c.render(http.StatusConflict, p)
	}
	if problem := fields[sharedSecret]; problem != "" && action == "paste" {
		p.SecretError = problem
	} else {
		p.Alert = sso.Reason(cause)
	}
	return c.render(http.StatusBadRequest, p)
}
