package oidc

import (
	"context"
	"crypto/rand"
)

// LogoutURL is where a browser signs out of the provider, after it has signed out here (OpenID Connect RP-Initiated Logout 1.0
// §2); back is where the provider sends it afterwards, an address that it must know. "" where the provider has no such page, or
// does not say now which it is: then the person is signed out here alone.
func (c *Client) LogoutURL(ctx context.Context, back string) string {
	m, err := c.Discovery.Metadata(ctx)
	if err != nil || m.EndSessionEndpoint == nil {
		return ""
	}
	u := *m.EndSessionEndpoint
	q := u.Query()
	q.Set("client_id", c.ClientID)
	q.Set("post_logout_redirect_uri", back)
	q.Set("state", rand.Text()) // nothing depends on the answer: the page to which it leads does no more than say that it is done
	u.RawQuery = q.Encode()
	return u.String()
}
