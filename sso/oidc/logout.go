package oidc

import (
	"context"
	"crypto/rand"
)

// LogoutURL is where a browser signs out of the provider, after it has signed out here (OpenID Connect RP-Initiated Logout 1.0
// §2); back is where the provider sends it afterwards, an address that it must know. hint is the ID token of the session, "" for
// none. The result is "" where the provider has no such page, or does not say now which it is: then the person is signed out here
// alone.
func (c *Client) LogoutURL(ctx context.Context, back, hint string) string {
	m, err := c.Discovery.Metadata(ctx)
	if err != nil || m.EndSessionEndpoint == nil {
		return ""
	}
	u := *m.EndSessionEndpoint
	q := u.Query()
	q.Set("client_id", c.ClientID)
	q.Set("post_logout_redirect_uri", back)
	q.Set("state", rand.Text()) // nothing depends on the answer: the page to which it leads does no more than say that it is done
	if hint != "" && len(u.String())+len(q.Encode())+len(hint) <= maxLogoutURL {
		q.Set("id_token_hint", hint)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// maxLogoutURL bounds an address with a hint, in bytes. Proxies such as nginx refuse an answer whose headers are longer than
// 4 KiB, and without the hint the provider asks the person at worst.
const maxLogoutURL = 3 << 10
