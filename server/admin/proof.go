package admin

import (
	"net/http"
	"net/url"

	"github.com/ssobridge/ssobridge/sso"
)

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
