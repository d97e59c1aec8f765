package web

import (
	"net/http"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/urltext"
	"github.com/ssobridge/ssobridge/templates"
)

// act gives the page of a refusal its buttons: they do what its advice says, and lead on to the page that was wanted. None of
// them carries a token.
func act(page *templates.Refusal, r *http.Request, site *Site, code sso.Code) {
	wanted := urltext.PageWithoutTokens(WantedPath(r, site))
	again := templates.Button{Label: "Sign in again", URL: again(r, site, wanted)}
	switch templates.ReasonOf(code).Action {
	case templates.SignInAgain:
		page.Button = again
		if code == sso.NotSignedIn {
			page.Button = templates.Button{Label: "Sign in", URL: signInForPage(r, site, wanted)}
		}
	case templates.SignInOtherwise:
		page.Button = again
		if site.Config.EnablePasswordLogin || site.PasskeysPossible() {
			page.Button = templates.Button{Label: "Sign in another way", URL: LoginPage(site, wanted)}
		} else if code == sso.LinkRefused {
			page.Ask = true
		}
	case templates.UseAnother:
		offerAnother(page, site, "", wanted)
	case templates.AskAgain:
		page.Button = templates.Button{Label: "Try again", URL: askAgain(r, site, wanted)}
	case templates.GoToStart:
		page.Button = templates.Button{Label: "Go to the start page", URL: start(site, code)}
	case templates.ProveAgain:
		page.Button = templates.Button{Label: "Confirm that it is you", URL: site.Path("/auth/confirm")}
	default:
		page.Ask, page.Button = true, again
		switch code {
		case sso.Disabled, sso.Internal, sso.Forbidden, sso.ProxyRefused:
			page.Button = templates.Button{Label: "Go to the start page", URL: start(site, code)}
		}
	}
}

// offerAnother has a page offer to sign out here, and in as somebody else.
func offerAnother(page *templates.Refusal, site *Site, account, wanted string) {
	page.Account, page.Another, page.Ask, page.Button = account, site.Path("/auth/logout"), true, templates.Button{}
	if wanted != "/" {
		page.ReturnTo = wanted
	}
}

// again is where a sign-in begins anew: with the provider that refused, else where people choose one.
func again(r *http.Request, site *Site, wanted string) string {
	if info := infoOf(r); info != nil && info.provider != "" && len(site.Bridge.Providers.Beginners()) > 1 {
		if p := site.Bridge.Providers.Named(info.provider); p != nil && p.Beginner != nil {
			return site.SignInWith(p.Name, wanted)
		}
	}
	if r.URL.Path == "/login" || site.Bridge.Providers.Beginners() == nil {
		return LoginPage(site, wanted)
	}
	return site.SignIn(wanted)
}

// start is the first page, of the app or of the bridge.
func start(site *Site, code sso.Code) string {
	if code == sso.NotFound || code == sso.MethodNotAllowed {
		return site.Path("/")
	}
	return "/"
}

// signInForPage begins a sign-in that ends at the page which was asked for without one.
func signInForPage(r *http.Request, site *Site, wanted string) string {
	if to := urltext.PageWithoutTokens(wantedHere(r, site)); to != "/" && r.URL.Path != "/auth/sso" {
		return site.SignIn(to)
	}
	return site.SignIn(wanted)
}

// askAgain is the page that a request asked for, or to which the form belongs that it sent. The address of a sign-in may have a
// token, so that one begins anew there.
func askAgain(r *http.Request, site *Site, wanted string) string {
	switch path := r.URL.Path; {
	case path == "/auth/sso" || strings.HasPrefix(path, "/auth/oidc/"):
		return again(r, site, wanted)
	case r.Method == http.MethodPost && (path == "/login" || path == "/auth/passkeys" || path == "/auth/password" || path == "/auth/account"):
		return site.Path(path)
	}
	return urltext.PageWithoutTokens(wantedHere(r, site))
}

// wantedHere is the page that a request asked for itself.
func wantedHere(r *http.Request, site *Site) string {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || strings.HasPrefix(r.URL.Path, "/api/") {
		return "/"
	}
	to, err := site.Bridge.Return.Parse(asked(r).RequestURI())
	if err != nil {
		return "/"
	}
	return to
}

// NotAllowed is the refusal of somebody who is signed in and may not. Its page offers to use another account.
func NotAllowed(err error, account string) error { return &Explained{Err: err, Account: account} }
