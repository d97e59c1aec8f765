package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/gate"
	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/logout"
)

// backChannel is where identity providers say that somebody was signed out there: OpenID Connect Back-Channel Logout 1.0, for
// every kind of provider. What vouches for a request is the logout token; it has no cookie.
type backChannel struct {
	web   *web.Web
	gate  *gate.Gate
	store logoutStore
}

// logoutStore is what a notice changes.
type logoutStore interface {
	EndByNotice(ctx context.Context, n logout.Notice, proof sso.Proof, e sso.Event) (ended int, err error)
}

// handleLogoutToken is POST /auth/sso/backchannel-logout, and /auth/oidc/NAME/backchannel-logout. Once it has answered 200, no session lives here that the token is
// about, and none opens for a sign-in that was under way (SECURITY D9).
func (s *backChannel) handleLogoutToken(c echo.Context) error {
	r, site := c.Request(), s.web.Site()
	x := &sso.Exam{Now: s.web.Now()}
	e := sso.Event{At: x.Now, Kind: sso.EventSignOut, Actor: "identity provider", Reference: web.Reference(r), Peer: site.Peer(r), Detail: "back-channel logout"}
	ended, err := s.endSessions(r, site, cmp.Or(c.Param("provider"), c.QueryParam("provider")), x, &e)
	if err != nil {
		return s.refuse(c, e, err)
	}
	s.gate.SeeChanges(r)
	s.web.Metrics.LoggedOut(ended, nil)
	s.web.Log.InfoContext(r.Context(), "signed out by the identity provider", "provider", e.Provider, "sessions", ended,
		"reference", e.Reference, "peer", e.Peer, "request_id", web.RequestID(r))
	return c.NoContent(http.StatusOK)
}

// endSessions does what a logout token asks for, and notes in the event what is known of it.
func (s *backChannel) endSessions(r *http.Request, site *web.Site, named string, x *sso.Exam, e *sso.Event) (ended int, err error) {
	token, err := logoutTokenOf(r)
	if err != nil {
		return 0, err
	}
	p, err := site.Bridge.Providers.Of(sso.Callback{Provider: named, Token: token})
	if err != nil {
		return 0, err
	}
	e.Provider = p.Name
	if p.Logout == nil {
		return 0, fmt.Errorf("no logout token of the provider %q is accepted: %w", p.Name, sso.Disabled)
	}
	p.Logout.Verify(r.Context(), token, x)
	e.KeyID, e.Proof = sso.Truncate(sso.CleanText(x.KeyID), 100), x.Proof.Key
	if x.Err != nil {
		return 0, x.Err
	}
	n := logout.Notice{Provider: p.Name, ByEmail: p.ByEmail, Issued: x.Issued, Received: x.Now, Until: x.Until}
	n.Subject, _ = x.Claims.String("sub")
	n.ID, _ = x.Claims.String("sid")
	return s.store.EndByNotice(r.Context(), n, x.Proof, *e)
}

// logoutTokenOf reads the form of a request: logout_token once, in the body alone.
func logoutTokenOf(r *http.Request) (string, error) {
	if kind := web.BodyKind(r); kind != "application/x-www-form-urlencoded" {
		return "", &withStatus{http.StatusUnsupportedMediaType, fmt.Errorf("the body is %q; send a form (application/x-www-form-urlencoded) with logout_token: %w",
			sso.Shorten(kind, 60), sso.RequestMalformed)}
	}
	if r.ContentLength > web.MaxBody {
		return "", &withStatus{http.StatusRequestEntityTooLarge, fmt.Errorf("the body has %d bytes, of at most %d: %w", r.ContentLength, web.MaxBody, sso.RequestMalformed)}
	}
	body, err := web.ReadBody(r, web.MaxBody)
	if err != nil {
		return "", err
	}
	form, err := url.ParseQuery(string(body))
	switch tokens := form["logout_token"]; {
	case err != nil:
		return "", fmt.Errorf("the form: %w: %w", err, sso.RequestMalformed)
	case len(tokens) != 1 || tokens[0] == "":
		return "", fmt.Errorf("the form has logout_token %d times; send it once, and not empty: %w", len(tokens), sso.RequestMalformed)
	default:
		return tokens[0], nil
	}
}

// withStatus is an error with a status of its own, for what HTTP says better than a code.
type withStatus struct {
	status int
	err    error
}

func (e *withStatus) Error() string { return e.err.Error() }
func (e *withStatus) Unwrap() error { return e.err }

// refuse answers as §2.8 of the specification says: 400 with an error of OAuth 2.0 (RFC 6749 §5.2), whatever is wrong with the
// token. What may be right a little later is 503, so that the provider tries again.
func (s *backChannel) refuse(c echo.Context, e sso.Event, err error) error {
	r, h := c.Request(), c.Response().Header()
	code, status, word := sso.CodeOf(err), http.StatusBadRequest, "invalid_request"
	if own, ok := errors.AsType[*withStatus](err); ok {
		status = own.status
	} else if code.Status() >= http.StatusInternalServerError {
		status, word = http.StatusServiceUnavailable, "temporarily_unavailable"
		h.Set("Retry-After", web.RetryAfter)
	}
	s.web.LogRefusal(r, status, code, e.Reference, web.RequestID(r), err)
	s.web.Metrics.Refused(code)
	s.web.Metrics.LoggedOut(0, err)
	e.Kind, e.Code, e.Detail = sso.EventLogoutRefused, code, sso.Reason(err)
	s.web.RecordRefusal(context.WithoutCancel(r.Context()), e)
	return c.JSON(status, map[string]any{"error": word, "error_description": sso.Message(err), "code": code, "reference": e.Reference})
}
