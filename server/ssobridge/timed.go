package ssobridge

import (
	"context"
	"time"

	"github.com/ssobridge/ssobridge/server"
	"github.com/ssobridge/ssobridge/server/metrics"
	"github.com/ssobridge/ssobridge/sso"
)

// timed is l with each step of a sign-in that asks somebody timed.
func timed(l server.Live, m *metrics.Metrics) server.Live {
	b := *l.Bridge
	b.Store = timedStore{b.Store, m}
	b.Providers = make(sso.Providers, len(l.Bridge.Providers))
	for i, p := range l.Bridge.Providers {
		b.Providers[i] = timedProvider(p, m)
	}
	l.Bridge = &b
	return l
}

func timedProvider(p *sso.Provider, m *metrics.Metrics) *sso.Provider {
	same := *p
	took := func(step string) func() {
		began := time.Now()
		return func() { m.StepTook(p.Name, step, time.Since(began)) }
	}
	if p.Redeemer != nil {
		same.Redeemer = timedRedeemer{p.Redeemer, took}
	}
	if p.Login != nil {
		same.Login = timedVerifier{p.Login, took}
	}
	if p.Groups != nil {
		same.Groups = timedGroups{p.Groups, took}
	}
	return &same
}

// timer begins to time a step; what it returns ends it.
type timer func(step string) (done func())

type timedRedeemer struct {
	sso.Redeemer
	took timer
}

func (t timedRedeemer) Redeem(ctx context.Context, a sso.Answer) (sso.Grant, error) {
	defer t.took(metrics.StepRedeem)()
	return t.Redeemer.Redeem(ctx, a)
}

type timedVerifier struct {
	sso.Verifier
	took timer
}

func (t timedVerifier) Verify(ctx context.Context, token string, x *sso.Exam) {
	defer t.took(metrics.StepVerify)()
	t.Verifier.Verify(ctx, token, x)
}

type timedGroups struct {
	sso.GroupFinder
	took timer
}

func (t timedGroups) FindGroups(ctx context.Context, id sso.Identity) (sso.GroupAnswer, error) {
	defer t.took(metrics.StepGroups)()
	return t.GroupFinder.FindGroups(ctx, id)
}

type timedStore struct {
	sso.Store
	metrics *metrics.Metrics
}

func (t timedStore) SignIn(ctx context.Context, x *sso.Exam, in sso.Attempt) (*sso.SignedIn, error) {
	began := time.Now()
	defer func() { t.metrics.StepTook(in.Session.Provider, metrics.StepKeep, time.Since(began)) }()
	return t.Store.SignIn(ctx, x, in)
}
