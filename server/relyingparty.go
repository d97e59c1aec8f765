package server

import (
	"golang.org/x/time/rate"
)

// relyingParty is the sign-in at the identity provider, /auth/sso: it begins logins and takes what comes back.
type relyingParty struct {
	*web
	*gate
	store    signInStore
	unsigned *rate.Limiter // of handoffs
	tokens   tally         // handoffs with a token, by token
	networks tally         // handoffs without one, by network
}

// signInStore is what a sign-in keeps besides the login itself.
type signInStore interface {
	handoffStore
	recorder
}

func newRelyingParty(g *gate, store signInStore) *relyingParty {
	return &relyingParty{
		web: g.web, gate: g, store: store, unsigned: rate.NewLimiter(unsignedRate, unsignedBurst), tokens: tally{open: true},
	}
}
