package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/templates"
)

// handoffStore keeps something for a moment. Data is sealed at rest.
type handoffStore interface {
	KeepHandoff(ctx context.Context, key string, data []byte, until time.Time) error
	// TakeHandoff returns what was kept, once; then, and after its time, [sso.NotFound].
	TakeHandoff(ctx context.Context, key string) ([]byte, error)
}

const (
	handoffLifetime = time.Minute
	maxHandoff      = 24 << 10 // a token, a return path and a state at their longest

	// How many tokens that nobody has signed are kept in a second, and at once: an administrator's trial has to see them,
	// and no one else. Without a limit anyone could fill the disk.
	unsignedRate  = 10
	unsignedBurst = 100

	// How many forms are kept, within one to two handoffLifetimes, with one token that somebody did sign, which signs in once
	// at most; and without a token, from one network: nobody can tell a good code from another before it is spent.
	tokenForms   = 20
	networkForms = 600
)

// handoff is what a form of another site posted.
type handoff struct {
	JWT      string `json:"j,omitempty"`
	Code     string `json:"c,omitempty"`
	State    string `json:"s,omitempty"`
	ReturnTo string `json:"r,omitempty"`
	IDPError string `json:"e,omitempty"`
	Provider string `json:"p,omitempty"`
	Empty    bool   `json:"0,omitempty"`
}

// viaHandoff reports whether a callback takes a step of our own first: when it came from another site in such a way that
// the browser kept back cookies which decide.
//
//   - A form that another site posts brings no SameSite=Lax cookie. This is how an IdP keeps a token out of URLs.
//   - With SESSION_COOKIE_SAMESITE strict a link from another site brings no session. Then someone who is signed in
//     would look signed out, and would not be asked before a link makes them another person (SECURITY C5). And the new
//     cookie would not come along to the page behind the redirect (RFC 6265bis §5.2).
func viaHandoff(site *web.Site, r *http.Request) bool {
	if r.Method == http.MethodPost {
		return site.CrossSite(r)
	}
	if site.Cookie.SameSite != http.SameSiteStrictMode || !web.ReaderOf(r).Page { // only browsers have cookies kept back
		return false
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "same-site", "none":
		return false
	}
	return true
}

// keepHandoff keeps what came on the server for a moment, and the browser comes back for it with a GET that brings the
// cookies. The link is good once, and the flow is checked when it is followed: whoever steals it has no more than the
// token, which he could not use either.
func (s *relyingParty) keepHandoff(c echo.Context, site *web.Site, in sso.Callback) error {
	if in.ReturnTo != "" { // refused first, before anything is kept
		if _, err := site.Bridge.Return.Parse(in.ReturnTo); err != nil {
			return err
		}
	}
	if err := s.mayKeep(c.Request(), site, in); err != nil {
		return err
	}
	data, err := json.Marshal(handoff{in.Token, in.Code, in.State, in.ReturnTo, in.IDPError, in.Provider, in.Empty})
	if err != nil {
		return err
	}
	if len(data) > maxHandoff {
		return fmt.Errorf("what was posted has %d bytes, more than any sign-in: %w", len(data), sso.TokenMalformed)
	}
	id := rand.Text()
	if err := s.store.KeepHandoff(c.Request().Context(), handoffKey(id), data, s.web.Now().Add(handoffLifetime)); err != nil {
		return err
	}
	next := site.Path("/auth/sso?handoff=" + id)
	if site.Cookie.SameSite != http.SameSiteStrictMode {
		return c.Redirect(http.StatusSeeOther, next)
	}
	// A redirect would still count as the other site's doing; a page of ours makes the step. Its Strict cookie comes back
	// from there only, so that nobody else can send a browser past this point.
	http.SetCookie(c.Response(), site.StrictCookie(handoffCookieName(site, id), "1", int(handoffLifetime.Seconds())))
	return s.web.Page(c.Response(), http.StatusOK, templates.Continue{Layout: s.web.Layout(site, c.Request()), URL: next})
}

// mayKeep looks at a form before it is written down, which anyone may ask for: without limits whoever has one token, or
// none, could fill the disk and keep the database from sign-ins (SECURITY L2). It decides nothing else: whether the token
// signs in is judged when the browser comes back with its cookies.
func (s *relyingParty) mayKeep(r *http.Request, site *web.Site, in sso.Callback) error {
	now := s.web.Now()
	p, err := site.Bridge.Providers.Of(in)
	if errors.Is(err, sso.Disabled) {
		return err
	}
	if in.Token == "" {
		from := web.Network(site.Peer(r))
		if !s.networks.Add(from, networkForms, now) {
			return fmt.Errorf("too many forms without a token from %s: %w", from, sso.Throttled)
		}
		return nil
	}
	x := &sso.Exam{Now: now, Network: in.Network}
	if p != nil && p.Login != nil {
		p.Login.Verify(r.Context(), in.Token, x)
	}
	switch {
	case x.Proof.Key == "" && !s.unsigned.AllowN(now, 1):
		return fmt.Errorf("too many forms with tokens whose signature does not fit (%s): %w", sso.Reason(x.Err), sso.Throttled)
	case x.Proof.Key != "" && !s.tokens.Add(x.Proof.Key, tokenForms, now):
		return fmt.Errorf("too many forms with the same token: %w", sso.Throttled)
	}
	return nil
}

func (s *relyingParty) takeHandoff(r *http.Request, site *web.Site, id string) (sso.Callback, error) {
	if site.Cookie.SameSite == http.SameSiteStrictMode {
		if _, ok := web.CookieValue(r.Header["Cookie"], handoffCookieName(site, id)); !ok {
			return sso.Callback{}, fmt.Errorf("this step of the sign-in was not begun by a page of ours in this browser, or its cookie was "+
				"blocked: %w", sso.FlowMissing)
		}
	}
	data, err := s.store.TakeHandoff(r.Context(), handoffKey(id))
	if errors.Is(err, sso.NotFound) {
		return sso.Callback{}, fmt.Errorf("this step of the sign-in was taken already, or took over %v: %w", handoffLifetime, sso.FlowMissing)
	}
	if err != nil {
		return sso.Callback{}, err
	}
	var h handoff
	if err := json.Unmarshal(data, &h); err != nil {
		return sso.Callback{}, err
	}
	return sso.Callback{Token: h.JWT, Code: h.Code, State: h.State, ReturnTo: h.ReturnTo, IDPError: h.IDPError, Provider: h.Provider, Empty: h.Empty}, nil
}

// noteLostHandoff leaves the event of a sign-in that ended before the bridge saw what it brought.
func (s *relyingParty) noteLostHandoff(r *http.Request, site *web.Site, err error) {
	if !errors.Is(err, sso.FlowMissing) {
		return // the store is down, or will not open it: the log has it
	}
	s.noteRefusal(r, site, err)
}

func handoffCookieName(site *web.Site, id string) string {
	return site.CookieName("handoff-" + handoffKey(id)[:12])
}

func handoffKey(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}
