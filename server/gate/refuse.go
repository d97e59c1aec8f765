package gate

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/templates"
)

// refuseApp answers whoever asked for the app and may not pass: the same at UPSTREAM as through a proxy, which hands the
// answer on under the app's address. A form that came without a session gets a page which says that nothing was saved, and
// somebody who is in none of the groups one that names the account; programs get application/problem+json, also those that
// take anything.
func (g *Gate) refuseApp(w http.ResponseWriter, r *http.Request, s *settings, want wanted, err error) {
	shown := r.Clone(r.Context())
	if want.method != "" {
		shown.Method = want.method
	}
	if u, parseErr := url.ParseRequestURI(want.uri); parseErr == nil {
		shown.URL = u
	}
	if !web.ReaderOf(r).Page {
		g.web.RefuseProgram(w, shown, err)
		return
	}
	web.SetChallenge(w.Header(), r, err)
	g.web.ServeRefusal(w, shown, g.explained(r, s, want, err))
}

// wantedHere is what a request asks of the app behind UPSTREAM.
func (s *settings) wantedHere(r *http.Request) wanted {
	return wanted{method: r.Method, origin: s.Config.SiteURL, host: web.HostName(string(s.Config.SiteURL)), uri: r.URL.RequestURI()}
}

// explained says on the page of a refusal what its code alone does not.
func (g *Gate) explained(r *http.Request, s *settings, want wanted, err error) error {
	e := &web.Explained{Err: err}
	if want.origin != s.Config.SiteURL {
		e.At = string(s.Config.SiteURL)
	}
	if sso.CodeOf(err) == sso.NotSignedIn {
		e.Page = func(p *templates.Refusal) { nothingSaved(p, e.At+s.SignInURL()) }
	}
	if _, ok := errors.AsType[*outsider](err); ok {
		if who, err := g.check(r, s); err == nil { // a look into memory
			e.Account, e.Wanted = fromHeader(who.answer.values[valueEmail]), "/"
			if to, err := s.Bridge.Return.Parse(string(want.origin) + want.uri); err == nil && want.method == http.MethodGet {
				e.Wanted = to
			}
		}
	}
	return e
}

// nothingSaved is the page of a form that was posted without a session. The browser still has what was typed.
func nothingSaved(p *templates.Refusal, signIn string) {
	p.Title, p.Message = "Nothing was saved", "Your session was over when this form arrived, so it went no further."
	p.Button = templates.Button{Label: "Sign in (new tab)", URL: signIn, NewTab: true}
	p.Advice = []string{
		"Sign in in a new tab, with the button below.",
		"Then come back to this tab and reload it. Your browser asks whether to send the form again: say yes, and what you typed is sent.",
		"Or go back one page: most browsers still have what you typed.",
	}
}
