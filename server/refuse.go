package server

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/templates"
)

// refuseApp answers whoever asked for the app and may not pass: the same at UPSTREAM as through a proxy, which hands the
// answer on under the app's address. A form that came without a session gets a page which says that nothing was saved, and
// somebody who is in none of the groups one that names the account; programs get application/problem+json, also those that
// take anything.
func (g *gate) refuseApp(w http.ResponseWriter, r *http.Request, l *settings, want wanted, err error) {
	shown := r.Clone(r.Context())
	if want.method != "" {
		shown.Method = want.method
	}
	if u, parseErr := url.ParseRequestURI(want.uri); parseErr == nil {
		shown.URL = u
	}
	if !readAsPage(r.Header) {
		g.refuseProgram(w, shown, err)
		return
	}
	challenge(w.Header(), r, err)
	shown.Header.Set("Accept", "text/html")
	g.serveRefusal(w, shown, g.explained(r, l, want, err))
}

// refuseProgram answers with application/problem+json, whatever the program says that it takes.
func (web *web) refuseProgram(w http.ResponseWriter, r *http.Request, err error) {
	challenge(w.Header(), r, err)
	r = r.Clone(r.Context())
	r.Header.Set("Accept", "application/json")
	web.serveRefusal(w, r, err)
}

// challenge says how a request proves who it is (RFC 9110 §15.5.2).
func challenge(h http.Header, r *http.Request, err error) {
	if sso.CodeOf(err) == sso.NotSignedIn && len(r.Header["Authorization"]) == 0 {
		h["Www-Authenticate"] = bearer
	}
}

// wantedHere is what a request asks of the app behind UPSTREAM.
func (l *settings) wantedHere(r *http.Request) wanted {
	return wanted{method: r.Method, origin: l.cfg.SiteURL, host: hostName(string(l.cfg.SiteURL)), uri: r.URL.RequestURI()}
}

// An explainedRefusal is an error of someone who asked for the app, with what the page says about it.
type explainedRefusal struct {
	error
	page func(*templates.Refusal)
	at   string // where the bridge's own paths stand, if not at this site
}

func (e *explainedRefusal) Unwrap() error { return e.error }

// explained says on the page of a refusal what its code alone does not.
func (g *gate) explained(r *http.Request, l *settings, want wanted, err error) error {
	e := &explainedRefusal{error: err, page: func(*templates.Refusal) {}}
	if want.origin != l.cfg.SiteURL {
		e.at = string(l.cfg.SiteURL)
	}
	if sso.CodeOf(err) == sso.NotSignedIn {
		e.page = func(p *templates.Refusal) { nothingSaved(p, e.at+l.signInURL()) }
	}
	if _, ok := errors.AsType[*outsider](err); ok {
		if who, err := g.check(r, l); err == nil { // a look into memory
			e.page = func(p *templates.Refusal) {
				p.Account = fromHeader(who.answer.values[valueEmail])
				p.TryAgain, p.Another = "", e.at+l.path("/auth/logout")
				if to, err := l.bridge.Return.Parse(string(want.origin) + want.uri); err == nil && want.method == http.MethodGet {
					p.Another += "?return_to=" + url.QueryEscape(to)
				}
			}
		}
	}
	return e
}

// nothingSaved is the page of a form that was posted without a session. The browser still has what was typed.
func nothingSaved(p *templates.Refusal, signIn string) {
	p.Title, p.Message = "Nothing was saved", "Your session was over when this form arrived, so it went no further."
	p.SignIn, p.TryAgain = signIn, ""
	p.Advice = []string{
		"Sign in in a new tab, with the button below.",
		"Then come back to this tab and reload it. Your browser asks whether to send the form again: say yes, and what you typed is sent.",
		"Or go back one page: most browsers still have what you typed.",
	}
}
