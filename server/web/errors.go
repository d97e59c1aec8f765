package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/admin"
	"github.com/ssobridge/ssobridge/sso/urltext"
	"github.com/ssobridge/ssobridge/templates"
)

// RetryAfter is in seconds: what is down now is often back soon, and browsers ask again by themselves.
const RetryAfter = "5"

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

// HandleError is echo's error handler: every failure of every handler comes here, once.
func (web *Web) HandleError(err error, c echo.Context) {
	if c.Response().Committed {
		web.Log.ErrorContext(c.Request().Context(), "failed after the answer had begun", "error", err)
		panic(http.ErrAbortHandler) // half an answer, such as a file of events, must not look whole
	}
	if he, ok := errors.AsType[*echo.HTTPError](err); ok {
		err = echoError(he)
	}
	if sso.CodeOf(err) == sso.Internal && errors.Is(err, context.DeadlineExceeded) { // SECURITY L8
		err = fmt.Errorf("it took longer than %v: %w: %w", web.HandlerTimeout, err, sso.StoreUnavailable)
	}
	web.ServeRefusal(c.Response(), c.Request(), err)
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

// ServeRefusal answers an error: log line, status, and words in the form that the client reads.
func (web *Web) ServeRefusal(w http.ResponseWriter, r *http.Request, err error) {
	web.refuse(w, r, ReaderOf(r), err)
}

// RefuseProgram answers with application/problem+json, whatever the program says that it takes.
func (web *Web) RefuseProgram(w http.ResponseWriter, r *http.Request, err error) {
	SetChallenge(w.Header(), r, err)
	web.refuse(w, r, Reader{JSON: true}, err)
}

func (web *Web) refuse(w http.ResponseWriter, r *http.Request, reader Reader, err error) {
	code := sso.CodeOf(err)
	status := code.Status()
	ref := Reference(r)
	h := w.Header()
	id := web.Site().Begin(h, r)
	web.LogRefusal(r, status, code, ref, id, err)
	web.Metrics.Refused(code)

	for _, name := range aboutBody {
		h.Del(name)
	}
	switch status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		if h.Get("Retry-After") == "" {
			h.Set("Retry-After", RetryAfter)
		}
	case http.StatusUnauthorized:
		if len(r.Header["Authorization"]) > 0 || IsTokenError(err) {
			h["Www-Authenticate"] = Challenge(r, err)
		}
	}
	switch {
	case reader.Page:
		web.renderRefusal(w, r, code, ref, id, err)
	case reader.JSON:
		h.Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		p := problem{Status: status, Code: code, Message: sso.Message(err), Reference: ref}
		if refusal, ok := errors.AsType[*admin.Refusal](err); ok {
			p.Detail, p.Errors = refusal.Detail(), refusal.Fields
		}
		if site := web.Site(); code == sso.NotSignedIn && site.SignInURL() != "" {
			p.SignIn = string(site.Config.SiteURL) + site.SignInURL()
		}
		json.NewEncoder(w).Encode(p)
	default:
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		fmt.Fprint(w, sso.Message(err))
	}
}

func (web *Web) renderRefusal(w http.ResponseWriter, r *http.Request, code sso.Code, ref, id string, err error) {
	site, reason := web.Site(), templates.ReasonOf(code)
	page := templates.Refusal{Layout: web.Layout(site, r), Title: reason.Title, Advice: []string{reason.Help}}
	act(&page, r, site, code)
	if refusal, ok := errors.AsType[*admin.Refusal](err); ok {
		page.Message, page.Button = refusal.Detail(), templates.Button{Label: "Go to the administration", URL: site.Path("/admin")}
	}
	pages := web.pages
	if e, ok := errors.AsType[*Explained](err); ok {
		web.explain(w.Header(), &page, r, e)
		if e.At != "" {
			pages = web.pagesElsewhere // what the page loads is there
		}
	}
	page.Report = templates.Report{
		Site: page.SiteName(), What: page.Title, At: web.Now(), Status: code.Status(), Code: string(code), Reference: ref, RequestID: id,
	}
	if err := pages.Render(&pageWriter{w, code.Status()}, page); err != nil {
		web.Log.ErrorContext(r.Context(), "page not rendered", "error", err)
		http.Error(w, page.Title, code.Status())
	}
}

// explain changes the page of a refusal to what is known of this one.
func (web *Web) explain(h http.Header, page *templates.Refusal, r *http.Request, e *Explained) {
	site := web.Site()
	if e.Account != "" {
		to := e.Wanted
		if to == "" {
			to = urltext.PageWithoutTokens(wantedHere(r, site))
		}
		offerAnother(page, site, e.Account, to)
		page.Advice = []string{
			"Your account is in none of the groups that may. Ask your administrator to add it.",
			"If you have another account here, use that one.",
		}
	}
	if e.Page != nil {
		e.Page(page)
	}
	if e.At == "" {
		return
	}
	const csp = "Content-Security-Policy"
	h.Set(csp, strings.ReplaceAll(h.Get(csp), "'self'", "'self' "+e.At))
	if strings.HasPrefix(page.Button.URL, site.Path("/auth/")) {
		page.Button.URL = e.At + page.Button.URL
	}
	if page.Another != "" { // no form of another site is taken
		page.Asks, page.Another = true, e.At+forAnother(page.Another, page.ReturnTo)
	}
}

// LogRefusal writes the log line of a refusal.
func (web *Web) LogRefusal(r *http.Request, status int, code sso.Code, ref, id string, err error) {
	level := web.Log.InfoContext
	switch {
	case IsTokenError(err): // who refused it has logged it, within bounds
		level = web.Log.DebugContext
	case status >= 500:
		level = web.Log.ErrorContext
	case code == sso.NotSignedIn && !ReaderOf(r).Page: // each picture of a page, once a session is over
		level = web.Log.DebugContext
	case code == sso.ProxyRefused: // someone has to set the proxy right, and need not hear of it at each request
		level = web.Log.DebugContext
		if web.warned.Add(cause(err), 1, web.Now()) {
			level = web.Log.WarnContext
		}
	case code == sso.SignInCircle: // nobody can sign in until the product's page is mended
		level = web.Log.WarnContext
	}
	if code == sso.NotFound {
		web.WarnStrayToken(r, asked(r).Path, asked(r).RawQuery)
	}
	fields := []any{"code", code, "reference", ref, "status", status, "reason", sso.Reason(err),
		"method", r.Method, "path", urltext.ShownPath(asked(r).Path), "peer", web.Site().Peer(r), "request_id", id}
	if o, ok := errors.AsType[accountError](err); ok {
		fields = append(fields, "account", o.Account())
	}
	if info := infoOf(r); info != nil && info.provider != "" {
		fields = append(fields, "provider", info.provider)
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

// accountError is an error that names whose request it is about.
type accountError interface {
	error
	Account() int64
}

// An Explained is an error with what its page says besides.
type Explained struct {
	Err     error
	Account string                   // the e-mail of who is signed in and may not; ""
	Wanted  string                   // with Account: where another one would come to; "": to the page that was asked for
	Page    func(*templates.Refusal) // changes the page; nil: it stays
	At      string                   // where the bridge's own paths stand, if not at this site
}

// Error is the text of the refusal itself.
func (e *Explained) Error() string { return e.Err.Error() }

// Unwrap is the refusal itself.
func (e *Explained) Unwrap() error { return e.Err }
