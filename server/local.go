package server

import "github.com/labstack/echo/v4"

// local are the ways in without an identity provider, and the proofs of who someone is.
type local struct {
	*web
	*gate
	store          localStore
	passwords      Passwords
	networks       tally // passkeys that are tried, by network
	administration bool  // there are administrator's pages
}

// localStore is what the ways in without an identity provider keep.
type localStore interface {
	sessionStore
	handoffStore
	passwordStore
	proofStore
	setupStore
	passkeyStore
}

// passkeys are the second way in.
type passkeys struct{ *local }

// setup makes the first administrator.
type setup struct{ *passkeys }

// mount adds the pages. What changes something comes from our own pages only.
func (s *local) mount(e *echo.Echo) {
	get(e, "/login", s.handleLogin)
	e.POST("/login", s.handlePassword, s.sameOrigin)
	get(e, "/auth/confirm", s.handleConfirmPage)
	e.POST("/auth/confirm", s.handleConfirm, s.sameOrigin)
	get(e, "/auth/confirm/resume", s.handleResume)
	get(e, "/auth/password", s.handlePasswordPage)
	e.POST("/auth/password", s.handlePasswordChange, s.sameOrigin)

	p := &passkeys{s}
	e.POST("/auth/confirm/passkey", p.handlePasskeyConfirm, s.sameOrigin)
	get(e, "/auth/passkeys", p.handlePasskeysPage)
	e.POST("/auth/passkeys", p.handlePasskeyChange, s.sameOrigin)
	e.POST("/auth/passkeys/create", p.handlePasskeyCreate, s.sameOrigin)
	e.POST("/auth/passkeys/add", p.handlePasskeyAdd, s.sameOrigin)
	e.POST("/auth/passkeys/ask", p.handlePasskeyAsk, s.sameOrigin)
	e.POST("/auth/passkeys/sign-in", p.handlePasskeySignIn, s.sameOrigin)

	f := &setup{p}
	get(e, "/auth/setup", f.handleSetupPage)
	e.POST("/auth/setup", f.handleSetup, s.sameOrigin)
	e.POST("/auth/setup/passkey", f.handleSetupPasskey, s.sameOrigin)
	e.POST("/auth/setup/passkey/add", f.handleSetupPasskeyAdd, s.sameOrigin)
}
