package server

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/templates"
)

// wantsPage reports whether a browser is loading a page, as against an API client, a script or an image: only a page may
// be answered with a redirect to sign in.
func wantsPage(method string, h http.Header) bool {
	return (method == http.MethodGet || method == http.MethodHead) && readAsPage(h)
}

// readAsPage reports whether a person sees the answer as a page, also that of a form.
func readAsPage(h http.Header) bool {
	if h.Get("Upgrade") != "" || !strings.Contains(h.Get("Accept"), "text/html") {
		return false
	}
	if mode := h.Get("Sec-Fetch-Mode"); mode != "" {
		return navigates(mode)
	}
	return !byScript(h)
}

// byScript reports whether a script names itself by X-Requested-With, as jQuery does with "Accept: text/html, */*". What has
// a dot in it is the name of an Android app, which its WebView sends with each page.
func byScript(h http.Header) bool {
	by := h.Get("X-Requested-With")
	return by != "" && !strings.Contains(by, ".")
}

// refuseApp answers whoever asked for the app and may not pass: the same at UPSTREAM as through a proxy, which hands the
// answer on under the app's address. A form that came without a session gets a page which says that nothing was saved, and
// somebody who is in none of the groups one that names the account; programs get application/problem+json, also those that
// take anything.
func (s *Server) refuseApp(w http.ResponseWriter, r *http.Request, l *live, want wanted, err error) {
	if sso.CodeOf(err) == sso.NotSignedIn && len(r.Header["Authorization"]) == 0 {
		w.Header()["Www-Authenticate"] = bearer // RFC 9110 §15.5.2
	}
	shown := r.Clone(r.Context())
	if want.method != "" {
		shown.Method = want.method
	}
	if u, parseErr := url.ParseRequestURI(want.uri); parseErr == nil {
		shown.URL = u
	}
	shown.Header.Set("Accept", "application/json")
	if !readAsPage(r.Header) {
		s.serveRefusal(w, shown, err)
		return
	}
	shown.Header.Set("Accept", "text/html")
	s.serveRefusal(w, shown, s.explained(r, l, want, err))
}

// wantedHere is what a request asks of the app behind UPSTREAM.
func (l *live) wantedHere(r *http.Request) wanted {
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
func (s *Server) explained(r *http.Request, l *live, want wanted, err error) error {
	e := &explainedRefusal{error: err, page: func(*templates.Refusal) {}}
	if want.origin != l.cfg.SiteURL {
		e.at = string(l.cfg.SiteURL)
	}
	if sso.CodeOf(err) == sso.NotSignedIn {
		e.page = func(p *templates.Refusal) { nothingSaved(p, e.at+s.signInURL(l)) }
	}
	if _, ok := errors.AsType[*outsider](err); ok {
		if who, err := s.check(r, l); err == nil { // a look into memory
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
