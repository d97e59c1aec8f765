package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/ssobridge/ssobridge/sso"
)

// A SessionStore is what sessions need of package store.
type SessionStore interface {
	Account(ctx context.Context, id int64) (sso.Account, error)
	Principal(ctx context.Context, id sso.SessionHash) (*sso.Principal, error)
	EndSession(ctx context.Context, id sso.SessionHash, e sso.Event) (ended bool, err error)
	EndSessions(ctx context.Context, accountID int64, e sso.Event) (ended int, err error)
}

// Sessions are the browsers and programs that are signed in.
type Sessions struct {
	Store SessionStore
}

// ErrSessionOver refuses to end a session that is over, or never was.
var ErrSessionOver error = &Refusal{Err: fmt.Errorf("this session is over already: %w", sso.NotFound)}

// End signs one session out, at once and on every replica. It returns [ErrSessionOver].
func (s Sessions) End(ctx context.Context, by Actor, id sso.SessionHash) error {
	e, err := by.event(endSession, "signed out by an administrator")
	if err != nil {
		return err
	}
	if p, err := s.Store.Principal(ctx, id); err == nil { // without it the event still has the account
		e.Email = p.Account.Email
	}
	ended, err := s.Store.EndSession(ctx, id, e)
	if err == nil && !ended {
		err = ErrSessionOver
	}
	return err
}

// EndAll signs a person out everywhere, and returns how many sessions there were.
func (s Sessions) EndAll(ctx context.Context, by Actor, accountID int64) (ended int, err error) {
	account, err := s.Store.Account(ctx, accountID)
	if err != nil {
		return 0, err
	}
	e, err := by.about(endSession, account.Email, "signed out everywhere by an administrator")
	if err != nil {
		return 0, err
	}
	return s.Store.EndSessions(ctx, accountID, e)
}

// EndSeveral signs sessions out, each with an event of its own. Those that are over already are left out. It refuses more than
// [MaxSeveral].
func (s Sessions) EndSeveral(ctx context.Context, by Actor, ids []sso.SessionHash) (ended int, err error) {
	if len(ids) == 0 || len(ids) > MaxSeveral {
		return 0, Invalid("sessions", "names %d sessions; it needs one to %d", len(ids), MaxSeveral)
	}
	for _, id := range ids {
		switch err := s.End(ctx, by, id); {
		case err == nil:
			ended++
		case !errors.Is(err, sso.NotFound):
			return ended, err
		}
	}
	return ended, nil
}
