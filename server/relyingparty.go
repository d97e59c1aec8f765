package server

import (
	"golang.org/x/time/rate"

	"github.com/ssobridge/ssobridge/server/gate"
	"github.com/ssobridge/ssobridge/server/web"
)

// relyingParty is the sign-in at the identity provider, /auth/sso: it begins logins and takes what comes back.
type relyingParty struct {
	web      *web.Web
	gate     *gate.Gate
	store    signInStore
	unsigned *rate.Limiter // of handoffs
	tokens   web.Tally     // handoffs with a token, by token
	networks web.Tally     // handoffs without one, by network
	codes    redemptions
}

// signInStore is what a sign-in keeps besides the login itself.
type signInStore interface {
	handoffStore
	web.Recorder
}

func newRelyingParty(w *web.Web, g *gate.Gate, store signInStore) *relyingParty {
	return &relyingParty{
		web: w, gate: g, store: store, unsigned: rate.NewLimiter(unsignedRate, unsignedBurst), tokens: web.Tally{Open: true},
	}
}
