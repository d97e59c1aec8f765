package server

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/origin"
	"github.com/ssobridge/ssobridge/sso/setting"
)

// checkLoad refuses a sign-in that no person chose to follow and no program asked for: an image or a script of some page,
// or what a script loads and may not read (SECURITY C7, C8). It would use the token up for nothing. A fetch with no-cors
// may send "Accept: application/json" as a program does, so it is the mode that counts.
func checkLoad(site *web.Site, r *http.Request) error {
	mode, dest := r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Dest")
	switch {
	case mode == "":
		if !acceptsAsset(r.Header.Get("Accept")) { // a program, or a browser of before 2023
			return nil
		}
	case web.Navigates(mode):
		switch dest {
		case "", "document", "iframe", "frame", "empty": // a service worker that hands a page on says empty
			return nil
		}
	case mode == "cors", mode == "same-origin": // Node's fetch says cors, too
		if web.ReaderOf(r).Client && mayRead(site, r) {
			return nil
		}
	}
	return fmt.Errorf("no page and no program loads a sign-in in this way (Sec-Fetch-Mode %q, Sec-Fetch-Dest %q): %w",
		sso.Truncate(sso.CleanText(mode), 20), sso.Truncate(sso.CleanText(dest), 20), sso.CrossOrigin)
}

// checkScript is checkLoad for a route that programs and scripts use, and no page leads to.
func checkScript(site *web.Site, r *http.Request) error {
	switch mode := r.Header.Get("Sec-Fetch-Mode"); {
	case mode == "", (mode == "cors" || mode == "same-origin") && mayRead(site, r):
		return nil
	default:
		return fmt.Errorf("no script that could read the answer made this request (Sec-Fetch-Mode %q): %w",
			sso.Truncate(sso.CleanText(mode), 20), sso.CrossOrigin)
	}
}

// mayRead reports whether the script that makes a request gets to see the answer.
func mayRead(site *web.Site, r *http.Request) bool {
	for _, from := range web.HeaderValues(r.Header, "Origin") {
		if !slices.Contains(site.Config.CORSOrigins, origin.Origin(from)) && !site.OwnOrigin(from, r.Host) {
			return false
		}
	}
	return true
}

// acceptsAsset reports whether a browser without Sec-Fetch-Mode loads an image, a film or a style sheet.
func acceptsAsset(accept string) bool {
	for _, kind := range []string{"image/", "video/", "audio/", "text/css"} {
		if strings.HasPrefix(accept, kind) {
			return !strings.Contains(accept, "text/html")
		}
	}
	return false
}

// plainSignIn is r, with the path of /auth/sso where its own is that but for slashes: some products write one at the end,
// or two at the beginning after an address that ends with one.
func plainSignIn(cfg *setting.Config, r *http.Request) *http.Request {
	path := cfg.PathPrefix + "/auth/sso"
	if r.URL.Path == path || !strings.HasSuffix(strings.TrimRight(r.URL.Path, "/"), "/sso") {
		return r
	}
	segments := strings.FieldsFunc(r.URL.Path, func(c rune) bool { return c == '/' })
	if "/"+strings.Join(segments, "/") != path || r.URL.Path[0] != '/' {
		return r
	}
	return withPath(r, path)
}

// openIDCallback is r, with the path of a provider's callback where its own is the CALLBACK_PATH of that provider.
func openIDCallback(cfg *setting.Config, r *http.Request) *http.Request {
	for _, p := range cfg.Providers {
		if p.OpenID.CallbackPath != "" && p.OpenID.CallbackPath == r.URL.Path && p.Kind == setting.KindOIDC && p.Enabled {
			return withPath(r, cfg.Path(p.CallbackPage()))
		}
	}
	return r
}

// withPath is r with another path.
func withPath(r *http.Request, path string) *http.Request {
	to := *r.URL
	to.Path, to.RawPath = path, ""
	r = r.WithContext(r.Context())
	r.URL = &to
	return r
}
