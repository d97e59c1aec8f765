package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/renewal"
)

// Granted returns what is kept with a session.
func (s *Store) Granted(_ context.Context, session sso.SessionHash) (g sso.Granted, err error) {
	err = s.look(func(k *kept) error { g = k.granted[session]; return nil })
	return g, err
}

// ClaimRefresh implements [renewal.Store].
func (s *Store) ClaimRefresh(_ context.Context, session sso.SessionHash, due, now, until time.Time) (c renewal.Claim, claimed bool, err error) {
	err = s.change(func(k *kept) error {
		n, ok := k.sessions[session]
		if claimed = ok && !n.RefreshedAt.IsZero() && !n.RefreshedAt.After(due) && !n.RefreshAfter.After(now); !claimed {
			return nil
		}
		c = renewal.Claim{Session: session, Until: until, AccountID: n.AccountID, Granted: k.granted[session], State: renewal.State{Refreshed: n.RefreshedAt, Failing: n.Unconfirmed}}
		n.RefreshAfter = until
		k.sessions[session] = n
		return nil
	})
	return c, claimed && err == nil, err
}

// claimed returns the session of a claim that is not over.
func (k *kept) claimed(c renewal.Claim) (n sso.Session, err error) {
	n, ok := k.sessions[c.Session]
	if !ok || !n.RefreshAfter.Equal(c.Until) {
		err = fmt.Errorf("the session ended meanwhile: %w", sso.NotSignedIn)
	}
	return n, err
}

// KeepGranted implements [renewal.Store].
func (s *Store) KeepGranted(_ context.Context, c renewal.Claim, g sso.Granted) error {
	return s.change(func(k *kept) error { return k.keep(c, g) })
}

func (k *kept) keep(c renewal.Claim, g sso.Granted) error {
	_, err := k.claimed(c)
	k.granted[c.Session] = g
	return err
}

// SettleRefresh implements [renewal.Store].
func (s *Store) SettleRefresh(_ context.Context, c renewal.Claim, to renewal.State) error {
	return s.change(func(k *kept) error { return k.settle(c, to) })
}

func (k *kept) settle(c renewal.Claim, to renewal.State) error {
	n, err := k.claimed(c)
	n.RefreshedAt, n.RefreshAfter, n.Unconfirmed = to.Refreshed, to.After, to.Failing
	k.sessions[c.Session] = n
	return err
}

// EndRefused implements [renewal.Store].
func (s *Store) EndRefused(_ context.Context, c renewal.Claim, e sso.Event) error {
	return s.change(func(k *kept) error {
		n, err := k.claimed(c)
		if err != nil {
			return err
		}
		delete(k.sessions, c.Session)
		e.AccountID, e.Email = n.AccountID, k.accounts[n.AccountID].Email
		k.event(e)
		k.announce(n.AccountID)
		return nil
	})
}

// EndSession ends a session.
func (s *Store) EndSession(_ context.Context, session sso.SessionHash, _ sso.Event) (ended bool, err error) {
	err = s.change(func(k *kept) error {
		_, ended = k.sessions[session]
		delete(k.sessions, session)
		return nil
	})
	return ended, err
}

// Renew implements [renewal.Store].
func (s *Store) Renew(_ context.Context, x *sso.Exam, in sso.Attempt, c renewal.Claim) (*sso.SignedIn, error) {
	l := &attempt{x: x, in: in}
	err := s.change(func(k *kept) error {
		l.kept = k
		if err := l.admit(); err != nil {
			return err
		}
		l.now.LastLogin = l.found.LastLogin
		if err := l.sync(); err != nil {
			return err
		}
		if l.in.Settings != l.settings {
			return sso.SettingsChanged{}
		}
		if !l.same() {
			l.announce(l.now.ID)
		}
		l.accounts[l.now.ID] = l.now
		if moved := l.detail(); moved != "" {
			e := l.in.Event
			e.AccountID, e.Email, e.Detail = l.now.ID, l.now.Email, e.Detail+"; "+moved
			l.event(e)
		}
		if err := k.keep(c, in.Granted); err != nil {
			return err
		}
		return k.settle(c, renewal.State{Refreshed: x.Now})
	})
	if err != nil {
		return nil, err
	}
	return &l.out, nil
}

// SessionsOf are the sessions of an account.
func (s *Store) SessionsOf(accountID int64) (all []sso.SessionHash) {
	_ = s.look(func(k *kept) error {
		for hash, n := range k.sessions {
			if n.AccountID == accountID {
				all = append(all, hash)
			}
		}
		return nil
	})
	return all
}
