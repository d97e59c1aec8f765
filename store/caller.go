package store

import (
	"context"

	"github.com/ssobridge/ssobridge/sso"
)

// MakeCaller is [Store.SignIn] for the holder of a token that comes with each request: the account is made or brought up to
// date, and no session is opened. There is an event when the account is new, or something of it changed.
func (s *Store) MakeCaller(ctx context.Context, x *sso.Exam, in sso.Attempt) (*sso.SignedIn, error) {
	l, err := s.signIn(ctx, x, in, (*attempt).passed, (*attempt).noteGroups, (*attempt).settle)
	if err != nil {
		return nil, err
	}
	s.seen.note(x.Identity.Provider, l.noted, x.Now)
	return &l.out, nil
}

// settle writes the event and tells everyone, where there is something to tell.
func (l *attempt) settle(ctx context.Context) error {
	if l.known && !l.stale {
		return nil
	}
	e := l.in.Event
	e.AccountID, e.Detail = l.out.Account.ID, l.eventDetail()
	if err := l.event(ctx, l.c, e); err != nil || !l.known {
		return err
	}
	return announce(ctx, l.c, l.out.Account.ID, l.x.Now)
}
