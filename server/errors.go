package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/admin"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/templates"
)

// retryAfter is in seconds: what is down now is often back soon, and browsers ask again by themselves.
const retryAfter = "5"

// problem is application/problem+json (RFC 9457) with the members of CONTRACT 3.
type problem struct {
	Status    int      `json:"status"`
	Code      sso.Code `json:"code"`
	Message   string   `json:"message"`
	Reference string   `json:"reference"`
	SignIn    string   `json:"sign_in,omitempty"` // where a sign-in begins, for who is not signed in

	// For administrators only: what was wrong this time, and with which field.
	Detail string            `json:"detail,omitempty"`
	Errors map[string]string `json:"errors,omitempty"`
}

// handleError is echo's error handler: every failure of every handler comes here, once.
func (web *web) handleError(err error, c echo.Context) {
	if c.Response().Committed {
		web.Log.ErrorContext(c.Request().Context(), "failed after the answer had begun", "error", err)
		panic(http.ErrAbortHandler) // half an answer, such as a file of events, must not look whole
	}
	if he, ok := errors.AsType[*echo.HTTPError](err); ok {
		err = echoError(he)
	}
	if sso.CodeOf(err) == sso.Internal && errors.Is(err, context.DeadlineExceeded) { // SECURITY L8
		err = fmt.Errorf("it took longer than %v: %w: %w", web.handlerTimeout, err, sso.StoreUnavailable)
	}
	web.serveRefusal(c.Response(), c.Request(), err)
}

// echoError gives echo's own errors a code.
func echoError(he *echo.HTTPError) error {
	switch he.Code {
	case http.StatusNotFound:
		return sso.NotFound
	case http.StatusMethodNotAllowed:
		return sso.MethodNotAllowed
	case http.StatusRequestEntityTooLarge, http.StatusBadRequest, http.StatusUnsupportedMediaType:
		return fmt.Errorf("%v: %w", he.Message, sso.RequestMalformed)
	}
	return fmt.Errorf("%v: %w", he.Message, sso.Internal)
}

// aboutBody are headers of an answer that did not come about and that would be wrong about ours.
var aboutBody = [...]string{"Content-Length", "Content-Encoding", "Content-Range", "Etag", "Last-Modified"}

// serveRefusal answers an error: log line, status, and words in the form that the client reads.
func (web *web) serveRefusal(w http.ResponseWriter, r *http.Request, err error) {
	code := sso.CodeOf(err)
	status := code.Status()
	ref := reference(r)
	h := w.Header()
	web.logRefusal(r, status, code, ref, web.live.Load().begin(h, r), err)
	web.metrics.Refused(code)

	for _, name := range aboutBody {
		h.Del(name)
	}
	switch status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		if h.Get("Retry-After") == "" {
			h.Set("Retry-After", retryAfter)
		}
	case http.StatusUnauthorized:
		if len(r.Header["Authorization"]) > 0 {
			h["Www-Authenticate"] = badBearer
		}
	}
	switch formOf(r) {
	case formPage:
		web.renderRefusal(w, r, code, ref, err)
	case formJSON:
		h.Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		p := problem{Status: status, Code: code, Message: sso.Message(err), Reference: ref}
		if told, ok := errors.AsType[*admin.Refusal](err); ok {
			p.Detail, p.Errors = told.Detail(), told.Fields
		}
		if l := web.live.Load(); code == sso.NotSignedIn && l.signInURL() != "" {
			p.SignIn = string(l.cfg.SiteURL) + l.signInURL()
		}
		json.NewEncoder(w).Encode(p)
	default:
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		fmt.Fprint(w, sso.Message(err))
	}
}

func (web *web) renderRefusal(w http.ResponseWriter, r *http.Request, code sso.Code, ref string, err error) {
	page := templates.Refusal{
		Layout: web.layout(web.live.Load()), Status: code.Status(), Title: code.Title(), Advice: []string{code.Help()}, Reference: ref,
		TryAgain: web.tryAgain(r, code),
	}
	if told, ok := errors.AsType[*admin.Refusal](err); ok {
		page.Message, page.TryAgain = told.Detail(), web.live.Load().path("/admin")
	}
	pages := web.pages
	if e, ok := errors.AsType[*explainedRefusal](err); ok {
		e.page(&page)
		if e.at != "" {
			pages = web.pagesElsewhere // what the page loads is there
			const csp = "Content-Security-Policy"
			w.Header().Set(csp, strings.ReplaceAll(w.Header().Get(csp), "'self'", "'self' "+e.at))
			if strings.HasPrefix(page.TryAgain, web.live.Load().path("/auth/")) {
				page.TryAgain = e.at + page.TryAgain
			}
		}
	}
	if err := pages.Render(&pageWriter{w, page.Status}, page); err != nil {
		web.Log.ErrorContext(r.Context(), "page not rendered", "error", err)
		http.Error(w, page.Title, page.Status)
	}
}

// tryAgain is where the button of a refusal leads: to what the advice on the page says, and on to the page that was wanted.
func (web *web) tryAgain(r *http.Request, code sso.Code) string {
	l := web.live.Load()
	switch code {
	case sso.ProofNeeded:
		return l.path("/auth/confirm")
	case sso.NotFound, sso.MethodNotAllowed:
		return l.path("/")
	case sso.Disabled, sso.CrossOrigin, sso.ReturnToRefused, sso.Internal:
		return "/"
	case sso.LinkRefused, sso.PasswordRefused, sso.PasskeyRefused:
		if l.cfg.EnablePasswordLogin {
			return loginPage(l, wantedPath(r, l))
		}
	case sso.Throttled:
		if r.URL.Path == "/login" {
			return loginPage(l, wantedPath(r, l))
		}
	case sso.UpstreamDown, sso.StoreUnavailable:
		if r.URL.Path != "/auth/sso" { // its address may have a token
			return wantedHere(r, l)
		}
	case sso.NotSignedIn:
		if to := wantedHere(r, l); to != "/" && r.URL.Path != "/auth/sso" {
			return l.signIn(to)
		}
	}
	return l.signIn(wantedPath(r, l))
}

// wantedHere is the page that a request asked for itself.
func wantedHere(r *http.Request, l *live) string {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || strings.HasPrefix(r.URL.Path, "/api/") {
		return "/"
	}
	to, err := l.bridge.Return.Parse(asked(r).RequestURI())
	if err != nil {
		return "/"
	}
	return to
}

func (web *web) logRefusal(r *http.Request, status int, code sso.Code, ref, id string, err error) {
	level := web.Log.InfoContext
	switch {
	case status >= 500:
		level = web.Log.ErrorContext
	case code == sso.NotSignedIn && formOf(r) != formPage: // each picture of a page, once a session is over
		level = web.Log.DebugContext
	case code == sso.ProxyRefused: // someone has to set the proxy right, and need not hear of it at each request
		level = web.Log.DebugContext
		if web.warned.add(cause(err), 1, web.Now()) {
			level = web.Log.WarnContext
		}
	case code == sso.SignInCircle: // nobody can sign in until the product's page is mended
		level = web.Log.WarnContext
	}
	fields := []any{"code", code, "reference", ref, "status", status, "reason", sso.Reason(err),
		"method", r.Method, "path", sso.ShownPath(asked(r).Path), "peer", web.live.Load().peer(r), "request_id", id}
	if o, ok := errors.AsType[*outsider](err); ok {
		fields = append(fields, "account", o.account)
	}
	level(r.Context(), "refused", fields...)
}

// cause is an error's reason without what a request may change in it: addresses, hosts and what is quoted.
func cause(err error) string {
	words := strings.Fields(sso.Reason(err))
	for i, word := range words {
		if strings.ContainsAny(word, "0123456789.:/\"%") {
			words[i] = "*"
		}
	}
	return sso.Truncate(strings.Join(words, " "), 200)
}
