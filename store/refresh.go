package store

import (
	"context"
	"fmt"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/renewal"
	"github.com/ssobridge/ssobridge/store/people"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

const (
	claimRefresh = `UPDATE sessions SET refresh_after = $4 WHERE hash = $1 AND refreshed_at > 0 AND refreshed_at <= $2 AND refresh_after <= $3
		RETURNING account_id, refreshed_at, refresh_failing`

	// A session is known by the row of what was given with it, since it may get another id meanwhile; only one that has no such
	// row is known by its id.
	ofClaim = ` WHERE hash = coalesce((SELECT hash FROM grants WHERE session = $1), $2) AND refresh_after = $3`

	settleRefresh = `UPDATE sessions SET refreshed_at = $4, refresh_after = $5, refresh_failing = $6` + ofClaim
	endRefused    = `DELETE FROM sessions` + ofClaim + ` RETURNING account_id`
	keepGranted   = `UPDATE grants SET sealed = $2 WHERE session = $1
		AND EXISTS (SELECT 1 FROM sessions s WHERE s.hash = grants.hash AND s.refresh_after = $3)`

	// Finding an account for a refresh locks it, as findByID does for a login.
	findAgain = `UPDATE accounts SET mark = CASE WHEN $2 = '' THEN mark ELSE $2 END,
		idp_groups = CASE WHEN $3 = '' OR source NOT IN ('', $4) THEN idp_groups ELSE $3 END WHERE id = $1 RETURNING ` + people.Columns
)

// ClaimRefresh implements [renewal.Store].
func (s *Store) ClaimRefresh(ctx context.Context, session sso.SessionHash, due, now, until time.Time) (c renewal.Claim, claimed bool, err error) {
	err = s.writing(ctx, func(tx *conn) error {
		c = renewal.Claim{Session: session, Until: until}
		if claimed, err = tx.One(ctx, []any{&c.AccountID, sqldb.Time(&c.State.Refreshed), sqldb.Time(&c.State.Failing)}, claimRefresh, session, due, now, until); err != nil || !claimed {
			return err
		}
		c.Key, c.Granted, err = s.granted(ctx, tx, session)
		return err
	})
	return c, claimed && err == nil, err
}

func argsOf(c renewal.Claim) []any { return []any{c.Key, c.Session, c.Until} }

// stillClaimed makes a statement that changed nothing [sso.NotSignedIn].
func stillClaimed(n int64, err error) error {
	if err == nil && n == 0 {
		err = fmt.Errorf("the session ended while it was refreshed: %w", sso.NotSignedIn)
	}
	return err
}

// KeepGranted implements [renewal.Store].
func (s *Store) KeepGranted(ctx context.Context, c renewal.Claim, g sso.Granted) error {
	return s.writing(ctx, func(tx *conn) error { return s.keepGranted(ctx, tx, c, g) })
}

func (s *Store) keepGranted(ctx context.Context, tx *conn, c renewal.Claim, g sso.Granted) error {
	kept, err := s.sealGrant(ctx, tx, c.Key, g)
	if err != nil {
		return err
	}
	return stillClaimed(tx.Exec(ctx, keepGranted, c.Key, kept, c.Until))
}

// SettleRefresh implements [renewal.Store].
func (s *Store) SettleRefresh(ctx context.Context, c renewal.Claim, to renewal.State) error {
	return s.writing(ctx, func(tx *conn) error { return settle(ctx, tx, c, to) })
}

func settle(ctx context.Context, tx *conn, c renewal.Claim, to renewal.State) error {
	return stillClaimed(tx.Exec(ctx, settleRefresh, append(argsOf(c), to.Refreshed, to.After, to.Failing)...))
}

// EndRefused implements [renewal.Store].
func (s *Store) EndRefused(ctx context.Context, c renewal.Claim, e sso.Event) error {
	return s.writing(ctx, func(tx *conn) error {
		ended, err := tx.One(ctx, []any{&e.AccountID}, endRefused, argsOf(c)...)
		if err == nil && !ended {
			err = stillClaimed(0, nil)
		}
		if err != nil {
			return err
		}
		if _, err := tx.One(ctx, []any{&e.Email}, "SELECT email FROM accounts WHERE id = $1", e.AccountID); err != nil {
			return err
		}
		if err := s.event(ctx, tx, e); err != nil {
			return err
		}
		return announce(ctx, tx, e.AccountID, s.now())
	})
}

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
	if _, err := l.c.One(ctx, []any{&accountID}, findSubject, id.Provider, id.Subject.Value); err != nil {
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
	if err := l.keepGranted(ctx, l.c, c, l.in.Granted); err != nil {
		return err
	}
	if err := settle(ctx, l.c, c, renewal.State{Refreshed: l.x.Now}); err != nil {
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
