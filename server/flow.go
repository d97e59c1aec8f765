package server

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/sso"
)

// A flow lives in a sealed cookie of its own, named by a part of its state's hash, so that several tabs can sign in at
// once. Always SameSite=Lax: it must come along when the IdP sends the browser back.
const (
	flowCookieHost  = "__Host-ssobridge-flow-"
	flowCookiePlain = "ssobridge-flow-"
	// maxFlows bounds the cookies: a person who opens ten protected links begins ten flows.
	maxFlows = 8
)

func (l *live) flowCookieName(state string) string {
	sum := sha256.Sum256([]byte(state))
	if l.cookie.secure {
		return flowCookieHost + hex.EncodeToString(sum[:6])
	}
	return flowCookiePlain + hex.EncodeToString(sum[:6])
}

func (s *Server) setFlowCookie(c echo.Context, l *live, f *sso.Flow) error {
	plain, err := json.Marshal(f)
	if err != nil {
		return err
	}
	name := l.flowCookieName(f.State)
	value := base64.RawURLEncoding.EncodeToString(s.flows.Seal(plain, name))
	if len(name)+len(value) > 4000 { // browsers drop a cookie over 4,096 bytes without a word
		return fmt.Errorf("return_to is too long to be kept with the login: %w", sso.ReturnToRefused)
	}
	s.dropOldFlows(c, l)
	http.SetCookie(c.Response(), l.flowCookie(name, value, int(sso.FlowLifetime.Seconds())))
	return nil
}

func (l *live) flowCookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: l.cookie.secure, HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
}

// dropOldFlows takes away flow cookies when there are too many: browsers send the oldest first (RFC 6265 §5.4).
func (s *Server) dropOldFlows(c echo.Context, l *live) {
	var names []string
	for _, cookie := range c.Request().Cookies() {
		if strings.HasPrefix(cookie.Name, flowCookieHost) || strings.HasPrefix(cookie.Name, flowCookiePlain) {
			names = append(names, cookie.Name)
		}
	}
	for len(names) >= maxFlows {
		http.SetCookie(c.Response(), l.flowCookie(names[0], "", -1))
		names = names[1:]
	}
}

// flowOf returns the flow that this browser began with that state; nil when it brings none, or one that is not ours.
func (s *Server) flowOf(r *http.Request, l *live, state string) *sso.Flow {
	if state == "" {
		return nil
	}
	name := l.flowCookieName(state)
	value, ok := cookieValue(r.Header["Cookie"], name)
	if !ok {
		return nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return nil
	}
	plain, err := s.flows.Open(sealed, name)
	if err != nil {
		return nil
	}
	var f sso.Flow
	if json.Unmarshal(plain, &f) != nil {
		return nil
	}
	return &f
}

func (s *Server) clearFlowCookie(c echo.Context, l *live, state string) {
	http.SetCookie(c.Response(), l.flowCookie(l.flowCookieName(state), "", -1))
}
