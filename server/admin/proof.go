package admin

import (
	"net/http"
	"net/url"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// needsProof reports whether these settings include one that must not be changed, nor unset, without a recent proof. What
// is not known here is a setting of some provider, or none, which is refused later with words.
func needsProof(values map[string]*string) bool {
	for name := range values {
		if s := setting.Find(name); s == nil || !s.WithoutProof {
			return true
		}
	}
	return false
}

// notRecent refuses what needs a recent proof of who the person is.
func (c *call) notRecent() error {
	if c.a.Host.Recent == nil || c.a.Host.Recent(c.Request()) {
		return nil
	}
	return c.a.proofNeeded()
}

// proofNeeded says where the proof is given.
func (a *Admin) proofNeeded() error {
	at := a.path("/auth/confirm")
	return &Refusal{Err: sso.ProofNeeded.About(at, "this needs a recent proof of who you are: sign in again, or confirm it at %s, and repeat the request", at)}
}

// proveFirst answers a form that needs a recent proof: the form waits until the person has given one.
func (c *call) proveFirst(form url.Values) error {
	location, err := c.a.Host.KeepForm(c.Request(), form)
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, location)
}
