package store

import (
	"context"
	"fmt"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/renewal"
	"github.com/ssobridge/ssobridge/store/grants"
	"github.com/ssobridge/ssobridge/store/people"
)

// Finding an account for a refresh locks it, as findLinked does for a login.
const findAgain = `UPDATE accounts SET mark = CASE WHEN $2 = '' THEN mark ELSE $2 END,
		idp_groups = CASE WHEN $3 = '' OR source NOT IN ('', $4) THEN idp_groups ELSE $3 END WHERE id = $1 RETURNING ` + people.Columns

// Renew implements [renewal.Store]: the transaction of a sign-in, of which the ends differ.
func (s *Store) Renew(ctx context.Context, x *sso.Exam, in sso.Attempt, c renewal.Claim) (*sso.SignedIn, error) {
	l, err := s.signIn(ctx, x, in, (*attempt).noteGroups, func(l *attempt, ctx context.Context) error { return l.renew(ctx, c) })
	if err != nil {
		return nil, err
	}
	s.seen.note(x.Identity.Provider, l.noted, x.Now)
	return &l.out, nil
}

// findAgain locks the account of the session that is refreshed. The identity must lead to that one.
func (l *attempt) findAgain(ctx context.Context) (*sso.Account, sso.Match, error) {
	id, accountID := l.x.Identity, int64(0)
	if _, err := l.c.One(ctx, []any{&accountID}, findSubjectOf+"$1 AND subject = $2", id.Provider, id.Subject.Value); err != nil {
		return nil, 0, err
	}
	if accountID != l.in.Session.AccountID {
		return nil, 0, fmt.Errorf("the session is of account %d, and the person is not linked to it any more: %w", l.in.Session.AccountID, sso.TokenSubjectMismatch)
	}
	found, err := people.One(ctx, l.c, findAgain, accountID, l.in.Digest, people.KeptGroups(id), id.Provider)
	return found, sso.MatchSubject, err
}

// renew keeps what came, if the session is still there.
func (l *attempt) renew(ctx context.Context, c renewal.Claim) error {
	var version int64
	if _, err := l.c.One(ctx, []any{&version}, "SELECT value FROM counters WHERE name = 'settings'"+l.db.KeepRow()); err != nil {
		return err
	}
	if version != l.in.Settings { // SECURITY D8
		return sso.SettingsChanged{}
	}
	if err := l.KeepGrantedIn(ctx, l.c, c, l.in.Granted); err != nil {
		return err
	}
	if err := grants.Settle(ctx, l.c, c, renewal.State{Refreshed: l.x.Now}); err != nil {
		return err
	}
	if l.moved != "" {
		e := l.in.Event
		e.AccountID, e.Email, e.Detail = l.out.Account.ID, l.out.Account.Email, e.Detail+"; "+l.moved
		if err := l.event(ctx, l.c, e); err != nil {
			return err
		}
	}
	if !l.stale {
		return nil
	}
	return announce(ctx, l.c, l.out.Account.ID, l.x.Now)
}
