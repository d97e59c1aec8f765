package server

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/seal"
)

// A flow travels in its state, sealed for one secret of the browser that began it. The secret is in a cookie, so that the
// state is no use elsewhere; all flows of a browser share it, so that any number of tabs may sign in at once. Beginning
// writes nothing on the server. The cookie is always SameSite=Lax: it must come along when the IdP sends the browser back.
const (
	// maxFlowCookies bounds the secrets of one browser. It has more than one where several tabs begin before the first
	// answer is there.
	maxFlowCookies = 60
	// maxDropped bounds how many an answer takes away: proxies refuse headers that are too long.
	maxDropped = 20
	// maxState is what the address of an identity provider may grow by.
	maxState = 4096
	// A cookie outlives its flow, so that who took too long is told so, and starts again where they wanted to go.
	flowCookieLifetime = time.Hour
	flowIDSize         = 12 // in characters
)

// sealedFlow is a flow inside its state. The verifier is in no address, not even sealed: see flowSecret.
type sealedFlow struct {
	Nonce    string `json:"n"`
	PKCE     bool   `json:"k,omitempty"`
	Provider string `json:"p"`
	ReturnTo string `json:"r"`
	Expires  int64  `json:"e"` // unix microseconds
}

// flowSecret is what one cookie holds: a name, which begins the states that are bound to it, and a secret.
type flowSecret struct{ id, value string }

// verifier makes the verifier of a flow (RFC 7636 §4.1: 43 characters), which only this browser can.
func (f flowSecret) verifier(nonce string) string {
	mac := hmac.New(sha256.New, []byte(f.value))
	mac.Write([]byte("verifier " + nonce))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func flowCookiePrefix(site *web.Site) string { return site.CookieName("flow-") }

// keepFlow gives a flow its state and returns where it leads.
func (s *relyingParty) keepFlow(c echo.Context, site *web.Site, f *sso.Flow) (loginURL string, err error) {
	all := flowSecrets(site, c.Request())
	for _, old := range all[:min(maxDropped, max(0, len(all)-maxFlowCookies))] {
		http.SetCookie(c.Response(), site.LaxCookie(flowCookiePrefix(site)+old.id, "", -1))
	}
	var secret flowSecret
	if len(all) > 0 {
		secret = all[len(all)-1]
	} else {
		var id [flowIDSize / 2]byte
		rand.Read(id[:])
		secret = flowSecret{hex.EncodeToString(id[:]), rand.Text()}
	}
	if f.Verifier != "" {
		f.Verifier = secret.verifier(f.Nonce)
	}
	f.State = s.sealFlow(f, secret)
	if len(f.State) > maxState { // signing in to the page without its view is better than not at all
		f.ReturnTo, _, _ = strings.Cut(f.ReturnTo, "#")
		f.ReturnTo, _, _ = strings.Cut(f.ReturnTo, "?")
		s.web.Log.InfoContext(c.Request().Context(), "return_to is too long to be kept with the login: cut to its path",
			"reference", web.Reference(c.Request()))
		f.State = s.sealFlow(f, secret)
	}
	if len(f.State) > maxState {
		return "", fmt.Errorf("return_to is too long to be kept with the login: %w", sso.ReturnToRefused)
	}
	http.SetCookie(c.Response(), site.LaxCookie(flowCookiePrefix(site)+secret.id, secret.value, int(flowCookieLifetime.Seconds())))
	return site.Bridge.LoginURL(c.Request().Context(), f)
}

func (s *relyingParty) sealFlow(f *sso.Flow, secret flowSecret) string {
	plain, _ := json.Marshal(sealedFlow{f.Nonce, f.Verifier != "", f.Provider, f.ReturnTo, f.Expires.UnixMicro()}) // it always encodes
	return secret.id + base64.RawURLEncoding.EncodeToString(s.web.Box.Seal(plain, secret.id+secret.value))
}

// flowSecrets are those that a request brings, the oldest first: browsers send them in that order (RFC 6265 §5.4). On https
// those without __Host- do not count: a sibling site may have planted them.
func flowSecrets(site *web.Site, r *http.Request) (all []flowSecret) {
	for _, cookie := range r.Cookies() {
		if id, ok := strings.CutPrefix(cookie.Name, flowCookiePrefix(site)); ok && len(id) == flowIDSize && len(cookie.Value) == len(rand.Text()) {
			all = append(all, flowSecret{id, cookie.Value})
		}
	}
	return all
}

// flowOf returns the flow that this browser began with that state; else why there is none, in the words of the person who
// configures the identity provider.
func (s *relyingParty) flowOf(r *http.Request, site *web.Site, state string) (*sso.Flow, error) {
	if state == "" {
		return nil, nil
	}
	id := state[:min(len(state), flowIDSize)]
	value, ok := web.CookieValue(r.Header["Cookie"], flowCookiePrefix(site)+id)
	if !ok {
		return nil, noFlow(r, site)
	}
	secret := flowSecret{id, value}
	// Strict: a second spelling of one state would be a second use of it.
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(state[len(id):])
	if err != nil || len(state) > maxState || strings.ContainsAny(state, "\r\n") {
		return nil, fmt.Errorf("wrong state: it is not one that the bridge gives: %w", sso.FlowMismatch)
	}
	plain, err := s.web.Box.Open(sealed, id+value)
	if errors.Is(err, seal.ErrOtherKey) {
		return nil, fmt.Errorf("the state of this login cannot be opened (do all replicas have the same SECRET_KEY?): %w: %w",
			err, sso.FlowMissing)
	}
	var in sealedFlow
	if err != nil || json.Unmarshal(plain, &in) != nil {
		return nil, fmt.Errorf("wrong state: it was changed, or this browser was given another one: %w", sso.FlowMismatch)
	}
	f := &sso.Flow{State: state, Nonce: in.Nonce, Provider: in.Provider, ReturnTo: in.ReturnTo, Expires: time.UnixMicro(in.Expires)}
	if in.PKCE {
		f.Verifier = secret.verifier(in.Nonce)
	}
	return f, nil
}

// noFlow tells a browser that has begun other logins from one that has begun none.
func noFlow(r *http.Request, site *web.Site) error {
	if len(flowSecrets(site, r)) > 0 {
		return fmt.Errorf("wrong state: this browser has begun a login, and none with the state that came back: the identity "+
			"provider sent back another one, or the login is over or was begun in another browser: %w", sso.FlowMismatch)
	}
	return fmt.Errorf("no cookie: this browser brings none of a login that has begun. Either another browser began it, or this "+
		"one keeps no cookies, or the sign-in began at another address than SITE_URL (%s): %w", site.Config.SiteURL, sso.FlowMissing)
}
