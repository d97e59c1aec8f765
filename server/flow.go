package server

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/sso"
)

// A flow lives in a sealed cookie of its own, named by a part of its state's hash, so that several tabs can sign in at
// once. Always SameSite=Lax: it must come along when the IdP sends the browser back.
const (
	flowCookieHost  = "__Host-ssobridge-flow-"
	flowCookiePlain = "ssobridge-flow-"
	// maxFlows and maxFlowBytes bound the cookies: a person who opens ten protected links begins ten flows, and proxies
	// refuse a request whose headers are too long (nginx: 8 KiB a line).
	maxFlows     = 8
	maxFlowBytes = 6 << 10
	// maxCookie: browsers drop a cookie over 4,096 bytes without a word (RFC 6265 §6.1).
	maxCookie = 4000
	// A cookie outlives its flow, so that who took too long is told so, and starts again where they wanted to go.
	flowCookieLifetime = time.Hour
)

func (l *live) flowCookieName(state string) string {
	sum := sha256.Sum256([]byte(state))
	return l.flowCookiePrefix() + hex.EncodeToString(sum[:6])
}

func (l *live) flowCookiePrefix() string {
	if l.cookie.secure {
		return flowCookieHost
	}
	return flowCookiePlain
}

func (s *Server) setFlowCookie(c echo.Context, l *live, f *sso.Flow) error {
	name := l.flowCookieName(f.State)
	value, err := s.sealFlow(f, name)
	if err != nil {
		return err
	}
	if len(name)+len(value) > maxCookie { // signing in to the page without its view is better than not at all
		f.ReturnTo, _, _ = strings.Cut(f.ReturnTo, "#")
		f.ReturnTo, _, _ = strings.Cut(f.ReturnTo, "?")
		s.Log.InfoContext(c.Request().Context(), "return_to is too long to be kept with the login: cut to its path",
			"reference", reference(c.Request()))
		if value, err = s.sealFlow(f, name); err != nil {
			return err
		}
	}
	if len(name)+len(value) > maxCookie {
		return fmt.Errorf("return_to is too long to be kept with the login: %w", sso.ReturnToRefused)
	}
	s.dropOldFlows(c, l, len(name)+len(value))
	http.SetCookie(c.Response(), l.flowCookie(name, value, int(flowCookieLifetime.Seconds())))
	return nil
}

func (s *Server) sealFlow(f *sso.Flow, name string) (string, error) {
	plain, err := json.Marshal(f)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.flows.Seal(plain, name)), nil
}

func (l *live) flowCookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: l.cookie.secure, HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
}

// flowCookies are the names and sizes of the flow cookies that a request brings, the oldest first: browsers send them in
// that order (RFC 6265 §5.4). On https those without __Host- do not count: a sibling site may have planted them.
func (l *live) flowCookies(r *http.Request) (names []string, sizes []int) {
	for _, cookie := range r.Cookies() {
		if strings.HasPrefix(cookie.Name, l.flowCookiePrefix()) {
			names, sizes = append(names, cookie.Name), append(sizes, len(cookie.Name)+len(cookie.Value))
		}
	}
	return names, sizes
}

// dropOldFlows takes away the oldest flow cookies when there are too many beside the next one.
func (s *Server) dropOldFlows(c echo.Context, l *live, next int) {
	names, sizes := l.flowCookies(c.Request())
	total := next
	for _, size := range sizes {
		total += size
	}
	for len(names) > 0 && (len(names) >= maxFlows || total > maxFlowBytes) {
		http.SetCookie(c.Response(), l.flowCookie(names[0], "", -1))
		total -= sizes[0]
		names, sizes = names[1:], sizes[1:]
	}
}

// flowOf returns the flow that this browser began with that state; else why there is none, in the words of the person who
// configures the identity provider.
func (s *Server) flowOf(r *http.Request, l *live, state string) (*sso.Flow, error) {
	if state == "" {
		return nil, nil
	}
	name := l.flowCookieName(state)
	value, ok := cookieValue(r.Header["Cookie"], name)
	if !ok {
		return nil, noFlow(r, l)
	}
	sealed, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return nil, fmt.Errorf("the cookie of this login is damaged: %w", sso.FlowMissing)
	}
	plain, err := s.flows.Open(sealed, name)
	if err != nil {
		return nil, fmt.Errorf("the cookie of this login cannot be opened (do all replicas have the same SECRET_KEY?): %w: %w",
			err, sso.FlowMissing)
	}
	var f sso.Flow
	if err := json.Unmarshal(plain, &f); err != nil {
		return nil, fmt.Errorf("the cookie of this login cannot be read: %w: %w", err, sso.FlowMissing)
	}
	return &f, nil
}

// noFlow tells a browser that has begun other logins from one that has begun none.
func noFlow(r *http.Request, l *live) error {
	if names, _ := l.flowCookies(r); len(names) > 0 {
		return fmt.Errorf("wrong state: this browser has begun %d logins, and none with the state that came back: the identity "+
			"provider sent back another one, or the login is over or was begun in another browser: %w", len(names), sso.FlowMismatch)
	}
	return fmt.Errorf("no cookie: this browser brings none of a login that has begun. Either another browser began it, or this "+
		"one keeps no cookies, or the sign-in began at another address than SITE_URL (%s): %w", l.cfg.SiteURL, sso.FlowMissing)
}

// endFlow takes the flow's cookie away after a refusal: a flow is tried once. After a success the cookie stays until its
// time is over, spent (the store knows), so that a reload finds the way to its page. When something was down, the same
// request may be sent again.
func (s *Server) endFlow(c echo.Context, l *live, state string, err error) {
	switch sso.CodeOf(err) {
	case "", sso.StoreUnavailable, sso.ProviderUnavailable, sso.Internal:
		return
	}
	http.SetCookie(c.Response(), l.flowCookie(l.flowCookieName(state), "", -1))
}
