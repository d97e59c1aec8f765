package local

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/ssobridge/ssobridge/server/web"
	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/templates"
)

// Local are the ways in without an identity provider, and the proofs of who someone is.
type Local struct {
	web            *web.Web
	sessions       Sessions
	store          Store
	passwords      Passwords
	networks       web.Tally // passkeys that are tried, by network
	administration bool      // there are administrator's pages
}

// Sessions are who is signed in, as the gate knows it.
type Sessions interface {
	// Principal returns who a request acts for; nil, nil when no one.
	Principal(r *http.Request) (*sso.Principal, error)
	// BySettings runs a sign-in by the settings in force, and anew when others were saved before it was finished.
	BySettings(ctx context.Context, run func(*web.Site) error) error
	// EndReplaced ends what sessions a browser has had, once it has another.
	EndReplaced(r *http.Request)
	// Forget has the next request of a session ask the database.
	Forget(hash sso.SessionHash)
	// SeeChanges makes this replica act on what was just changed, before the answer goes out.
	SeeChanges(r *http.Request)
}

// Store is what the ways in without an identity provider keep.
type Store interface {
	openedStore
	formStore
	passwordStore
	setupStore
	passkeyStore
}

// openedStore opens sessions. Errors are those of [credential.Credential.Holds].
type openedStore interface {
	// OpenSession opens a session for a credential, if that still is one of its account; else also [sso.SettingsChanged].
	OpenSession(ctx context.Context, s sso.Session, by credential.Credential, e sso.Event) error
	// RenewSession gives a session another id and notes the proof; [sso.NotSignedIn] when it is over.
	RenewSession(ctx context.Context, old, renewed sso.SessionHash, by credential.Credential, at time.Time, e sso.Event) error
}

// formStore keeps something for a moment. Data is sealed at rest.
type formStore interface {
	// KeepHandoff keeps data; [sso.Conflict] when there is something of that key.
	KeepHandoff(ctx context.Context, key string, data []byte, until time.Time) error
	// TakeHandoff returns what was kept, once; then, and after its time, [sso.NotFound].
	TakeHandoff(ctx context.Context, key string) ([]byte, error)
}

// New makes the ways in. Administration says that there are administrator's pages, where a set-up goes on.
func New(w *web.Web, known Sessions, store Store, passwords Passwords, administration bool) *Local {
	return &Local{web: w, sessions: known, store: store, passwords: passwords, administration: administration}
}

// passkeys are the second way in.
type passkeys struct{ local *Local }

// setup makes the first administrator.
type setup struct{ *passkeys }

// Mount adds the pages. What changes something comes from our own pages only.
func (s *Local) Mount(e *echo.Echo) {
	web.Get(e, "/login", s.handleLogin)
	e.POST("/login", s.handlePassword, s.web.SameOrigin)
	web.Get(e, "/auth/confirm", s.handleConfirmPage)
	e.POST("/auth/confirm", s.handleConfirm, s.web.SameOrigin)
	web.Get(e, "/auth/confirm/resume", s.handleResume)
	web.Get(e, "/auth/password", s.handlePasswordPage)
	e.POST("/auth/password", s.handlePasswordChange, s.web.SameOrigin)

	p := &passkeys{s}
	e.POST("/auth/confirm/passkey", p.handlePasskeyConfirm, s.web.SameOrigin)
	web.Get(e, "/auth/passkeys", p.handlePasskeysPage)
	e.POST("/auth/passkeys", p.handlePasskeyChange, s.web.SameOrigin)
	e.POST("/auth/passkeys/create", p.handlePasskeyCreate, s.web.SameOrigin)
	e.POST("/auth/passkeys/add", p.handlePasskeyAdd, s.web.SameOrigin)
	e.POST("/auth/passkeys/ask", p.handlePasskeyAsk, s.web.SameOrigin)
	e.POST("/auth/passkeys/sign-in", p.handlePasskeySignIn, s.web.SameOrigin)

	f := &setup{p}
	web.Get(e, "/auth/setup", f.handleSetupPage)
	e.POST("/auth/setup", f.handleSetup, s.web.SameOrigin)
	e.POST("/auth/setup/passkey", f.handleSetupPasskey, s.web.SameOrigin)
	e.POST("/auth/setup/passkey/add", f.handleSetupPasskeyAdd, s.web.SameOrigin)
}

// MustSignIn returns who a request acts for; nil once it has sent someone who wants a page to sign in. Other requests of no
// one get [sso.NotSignedIn].
func (s *Local) MustSignIn(c echo.Context, signIn string) (*sso.Principal, error) {
	p, err := s.sessions.Principal(c.Request())
	switch {
	case err != nil || p != nil:
		return p, err
	case web.ReaderOf(c.Request()).CanSignIn(c.Request().Method):
		return nil, c.Redirect(http.StatusFound, signIn)
	}
	return nil, sso.NotSignedIn
}

// Passwords hashes with a limit on how many at once, so that guesses cannot starve sign-ins (SECURITY I4).
type Passwords interface {
	// Verify takes as long for an empty hash as for a real one (SECURITY I3).
	Verify(ctx context.Context, hash, password string) (ok, rehash bool, err error)
	Hash(ctx context.Context, password string) (string, error)
}

// layoutOf is what surrounds a page of somebody who is signed in.
func (s *Local) layoutOf(site *web.Site, r *http.Request, p *sso.Principal) templates.Layout {
	layout := s.web.Layout(site, r)
	layout.User = &templates.UserMenu{Name: web.Person(p.Account).Label()}
	if s.administration && p.Administrator() {
		layout.User.AdminURL = site.Path("/admin")
	}
	return layout
}
