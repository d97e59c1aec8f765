package server

import (
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

// words is how a refusal looks from outside. Message is what programs get, the same as Metabase's where it has one; %s is
// the one public value of the error. Title and Advice are for the person in front of the page.
type words struct {
	status  int
	message string
	title   string
	advice  string
}

const (
	adviceAgain = "Start again from the app you wanted. If it happens again, tell your administrator and give the reference below."
	adviceAdmin = "Tell your administrator, and give the reference below."
	adviceClock = "Start again: you will get a fresh sign-in. If it happens again, the clock of a server may be wrong; tell your administrator."
)

// vocabulary has a row for every code; a test holds it against [sso.Codes].
func vocabulary(code sso.Code) words {
	switch code {
	case sso.Disabled:
		return words{400, "SSO has not been enabled and/or configured", "Sign-in is not set up yet", adviceAdmin}
	case sso.ReturnToRefused:
		return words{400, "Invalid redirect URL", "That link cannot be followed", "The link that brought you here points to a place this site does not know. Open the app you wanted directly."}
	case sso.RequestMalformed:
		return words{400, "The request is not one this page understands", "That link is not complete", adviceAgain}
	case sso.TokenMalformed, sso.TokenSignature, sso.KeyUnknown:
		return words{401, "Message seems corrupt or manipulated", "This sign-in could not be checked", adviceAgain}
	case sso.TokenExpired:
		return words{401, "Token is expired (%s)", "This sign-in is too old", adviceClock}
	case sso.TokenNotYetValid:
		return words{401, "Token is not yet valid (%s)", "This sign-in is not valid yet", adviceClock}
	case sso.TokenTooOld:
		return words{401, "Token is older than max-age (%s)", "This sign-in is too old", adviceClock}
	case sso.TokenFromFuture:
		return words{401, "Token is from the future", "This sign-in is not valid yet", adviceClock}
	case sso.TokenUnbounded:
		return words{401, "Token has no acceptable time limit", "This sign-in could not be accepted", adviceAdmin}
	case sso.TokenIssuer:
		return words{401, "Token has the wrong issuer", "This sign-in came from somewhere else", adviceAdmin}
	case sso.TokenAudience:
		return words{401, "Token has the wrong audience", "This sign-in is for another site", adviceAdmin}
	case sso.TokenType:
		return words{401, "Token has the wrong type", "This sign-in could not be accepted", adviceAdmin}
	case sso.TokenReplayed:
		return words{401, "Token has been used already", "This sign-in has been used already", "A sign-in works once. Start again from the app you wanted."}
	case sso.TokenIDMissing:
		return words{401, "JWT token missing jti claim", "This sign-in could not be accepted", adviceAdmin}
	case sso.TokenSubjectMissing:
		return words{401, "JWT token missing subject claim", "This sign-in does not say who you are", adviceAdmin}
	case sso.TokenEmailMissing:
		return words{401, "JWT token missing email claim", "This sign-in does not say who you are", adviceAdmin}
	case sso.TokenEmailInvalid:
		return words{401, "JWT token has an invalid email claim", "This sign-in does not say who you are", adviceAdmin}
	case sso.ProvisioningOff:
		return words{401, "Sorry, but you'll need a %s account to view this page. Please contact your administrator.", "You have no account here yet", adviceAdmin}
	case sso.AccountDisabled:
		return words{403, "This account is deactivated", "Your account is switched off", "Ask your administrator to switch it on again, and give the reference below."}
	case sso.LinkRefused:
		return words{403, "This account cannot be used with this sign-in", "Your account signs in another way", "There is an account with your e-mail that this sign-in may not use. If you have a password for it, sign in with that; else tell your administrator, and give the reference below."}
	case sso.FlowMissing:
		return words{401, "This sign-in did not begin in this browser, or took too long", "Please start again", "A sign-in must be finished in the browser that began it, within ten minutes, with cookies allowed."}
	case sso.FlowMismatch:
		return words{401, "This sign-in does not belong to the one that began in this browser", "Please start again", adviceAgain}
	case sso.CodeExchangeFailed:
		return words{401, "The identity provider did not accept this sign-in", "Please start again", adviceAgain}
	case sso.ProviderRefused:
		return words{401, "The identity provider refused this sign-in", "You were not signed in", adviceAgain}
	case sso.Throttled:
		return words{429, "Too many attempts; try again later", "Too many attempts", "Wait a little, then try again."}
	case sso.StoreUnavailable:
		return words{503, "Temporarily unavailable; try again", "Please try again in a moment", "Nothing is lost. Reload this page; if it goes on, tell your administrator."}
	case sso.ProviderUnavailable:
		return words{503, "The identity provider does not answer; try again", "Please try again in a moment", "The sign-in service did not answer. Start again; if it goes on, tell your administrator."}
	case sso.NotSignedIn:
		return words{401, "Unauthenticated", "Please sign in", "You are not signed in, or your session is over."}
	case sso.Forbidden:
		return words{403, "You don't have permissions to do that.", "You may not see this", "Your account is not in a group that may, or the address is written in an odd way, such as with two slashes. Ask your administrator."}
	case sso.NotFound:
		return words{404, "Not found", "There is nothing here", "Check the address, or begin at the start page."}
	case sso.MethodNotAllowed:
		return words{405, "Method not allowed", "That is not possible here", "Begin at the start page."}
	case sso.CrossOrigin:
		return words{403, "Cross-origin request refused", "That came from another site", "For your safety this can only be done from this site's own pages."}
	case sso.PasswordRefused:
		return words{401, "E-mail or password is wrong", "You were not signed in", "Check the e-mail and the password. Most people sign in through their product instead."}
	case sso.PasskeyRefused:
		return words{401, "That passkey was not accepted", "You were not signed in", "Try another passkey, or sign in another way."}
	case sso.ProofNeeded:
		return words{403, "Confirm first that it is you: /auth/confirm", "Please confirm that it is you", "This step needs a fresh proof of who you are. Open /auth/confirm on this site, then try again."}
	case sso.Conflict:
		return words{409, "Changed meanwhile, or in the way of something else", "That was not saved", "Somebody changed it meanwhile. Load the page again and look."}
	case sso.Invalid:
		return words{400, "Invalid value", "That was not saved", "Check what you entered."}
	case sso.UpstreamDown:
		return words{502, "The app behind this page does not answer", "The app is not answering", "You are signed in; only the app does not answer at the moment. Try again soon; if it goes on, tell your administrator."}
	case sso.ProxyRefused:
		return words{403, "The proxy in front of this site is not set up as it must be", "This address is not set up for sign-in yet", adviceAdmin}
	default:
		return words{500, "Something went wrong", "Something went wrong", adviceAdmin}
	}
}

// sentence is the message for an error, its public value filled in.
func (w words) sentence(err error) string {
	if strings.Contains(w.message, "%s") {
		return fmt.Sprintf(w.message, sso.PublicValue(err))
	}
	return w.message
}

// problem is application/problem+json (RFC 9457) with the members of CONTRACT 3.
type problem struct {
	Status    int      `json:"status"`
	Code      sso.Code `json:"code"`
	Message   string   `json:"message"`
	Reference string   `json:"reference"`

	// For administrators only: what was wrong this time, and with which field.
	Detail string            `json:"detail,omitempty"`
	Errors map[string]string `json:"errors,omitempty"`
}

// handleError is echo's error handler: every failure of every handler comes here, once.
func (s *Server) handleError(err error, c echo.Context) {
	if c.Response().Committed {
		s.Log.ErrorContext(c.Request().Context(), "failed after the answer had begun", "error", err)
		panic(http.ErrAbortHandler) // half an answer, such as a file of events, must not look whole
	}
	if he, ok := errors.AsType[*echo.HTTPError](err); ok {
		err = echoError(he)
	}
	s.serveRefusal(c.Response(), c.Request(), err)
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
func (s *Server) serveRefusal(w http.ResponseWriter, r *http.Request, err error) {
	code := sso.CodeOf(err)
	v := vocabulary(code)
	ref := reference(r)
	h := w.Header()
	if h.Get("X-Request-Id") == "" { // the hot path comes here without echo's middleware
		h["X-Request-Id"] = []string{newRequestID()}
	}
	s.logRefusal(r, v.status, code, ref, h.Get("X-Request-Id"), err)
	s.metrics.refused(code)

	for _, name := range aboutBody {
		h.Del(name)
	}
	setPrivate(h)
	if h.Get("Content-Security-Policy") == "" { // the same
		s.securityHeaders(h, s.live.Load())
	}
	switch v.status {
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
		s.renderRefusal(w, r, v, code, ref, err)
	case formJSON:
		h.Set("Content-Type", "application/problem+json")
		w.WriteHeader(v.status)
		p := problem{Status: v.status, Code: code, Message: v.sentence(err), Reference: ref}
		if told, ok := errors.AsType[*admin.Refusal](err); ok {
			p.Detail, p.Errors = told.Detail(), told.Fields
		}
		json.NewEncoder(w).Encode(p)
	default:
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(v.status)
		fmt.Fprint(w, v.sentence(err))
	}
}

func (s *Server) renderRefusal(w http.ResponseWriter, r *http.Request, v words, code sso.Code, ref string, err error) {
	page := templates.Refusal{
		Layout: s.layout(s.live.Load()), Status: v.status, Title: v.title, Advice: []string{v.advice}, Reference: ref,
		TryAgain: s.tryAgain(r, code),
	}
	if told, ok := errors.AsType[*admin.Refusal](err); ok {
		page.Message, page.TryAgain = told.Detail(), "/admin"
	}
	if err := s.page(w, v.status, page); err != nil {
		s.Log.ErrorContext(r.Context(), "page not rendered", "error", err)
		http.Error(w, v.title, v.status)
	}
}

// tryAgain is where "start again" leads: to a sign-in that ends where the person wanted to go.
func (s *Server) tryAgain(r *http.Request, code sso.Code) string {
	switch code {
	case sso.Disabled, sso.CrossOrigin, sso.Internal:
		return "/"
	case sso.UpstreamDown, sso.StoreUnavailable:
		if r.Method == http.MethodGet && !strings.HasPrefix(r.URL.Path, "/auth/") {
			if to, err := s.live.Load().bridge.Return.Parse(r.URL.RequestURI()); err == nil {
				return to
			}
		}
		return "/"
	}
	return loginPath(wantedPath(r, s.live.Load()))
}

// form is what a client reads (CONTRACT 3).
type form int

const (
	formText form = iota
	formPage
	formJSON
)

func formOf(r *http.Request) form {
	accept := r.Header.Get("Accept")
	switch {
	case strings.Contains(accept, "text/html"):
		return formPage
	case jsonClient(r), strings.Contains(accept, "json"), strings.HasPrefix(r.URL.Path, "/api/v1/"), strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		return formJSON
	}
	return formText
}

func (s *Server) logRefusal(r *http.Request, status int, code sso.Code, ref, id string, err error) {
	level := s.Log.InfoContext
	if status >= 500 {
		level = s.Log.ErrorContext
	}
	fields := []any{"code", code, "reference", ref, "status", status, "reason", sso.Reason(err),
		"method", r.Method, "path", r.URL.Path, "peer", s.live.Load().peer(r), "request_id", id}
	if o, ok := errors.AsType[*outsider](err); ok {
		fields = append(fields, "account", o.account)
	}
	level(r.Context(), "refused", fields...)
}
