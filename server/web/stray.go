package web

import (
	"net/http"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/urltext"
)

// WarnStrayToken says in the log, about once a minute, that a token came to a page that takes none: the product sends
// browsers to the front page, say, where it has to send them to /auth/sso. The line has names and no values (SECURITY K1).
func (web *Web) WarnStrayToken(r *http.Request, path, query string) {
	if urltext.WithoutToken(query) == query || !web.warned.Add("stray token", 1, web.Now()) {
		return
	}
	cb, _ := sso.ParseCallback(query, "", nil)
	site := web.Site()
	web.Log.WarnContext(r.Context(), "a token came to a page that takes none, and signed nobody in: let the identity provider send browsers to the address",
		"address", site.Config.URL("/auth/sso"), "path", urltext.ShownPath(path), "parameters", strings.Join(cb.Sent, ", "), "peer", site.Peer(r))
}
