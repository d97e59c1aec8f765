package store

import (
	"bytes"
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/credential"
	"github.com/ssobridge/ssobridge/store/people"
	"github.com/ssobridge/ssobridge/store/sessions"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

const (
	deleteSessions = "DELETE FROM sessions WHERE account_id = $1"

	// One row for each group. The account's columns come with each: few accounts have many groups, and a second query
	// would cost all of them more.
	findPrincipal = `SELECT ` + sessions.Columns + `, a.id, a.email, a.first_name, a.last_name, a.active, a.password_hash <> '',
			a.source, a.synced, a.own, a.created_at, a.last_login, coalesce(g.id, 0), coalesce(g.name, '')
		FROM sessions s JOIN accounts a ON a.id = s.account_id
		LEFT JOIN memberships m ON m.account_id = a.id LEFT JOIN groups g ON g.id = m.group_id
		WHERE s.hash = $1 AND a.active ORDER BY g.id`
)

var hotReads = []string{findPrincipal, allGroups, lastChange}

// Principal returns whom a session acts for, or [sso.NotSignedIn] when there is no such session or its account is
// deactivated. It does not judge how old the session is: see [sso.SessionPolicy.Live].
func (s *Store) Principal(ctx context.Context, id sso.SessionHash) (*sso.Principal, error) {
	c, err := s.db.ReadHot(ctx)
	if err != nil {
		return nil, err
	}
	var p *sso.Principal
	var groups []sso.Group
	var fields []any
	ignored := sqldb.Scanner(func(any) error { return nil })
	err = c.Each(ctx, func(rows *sql.Rows) error {
		var g sso.Group
		if p == nil {
			p = &sso.Principal{}
			fields = slices.Concat(sessions.Fields(&p.Session), people.Fields(&p.Account), []any{nil, nil})
		}
		fields[len(fields)-2], fields[len(fields)-1] = &g.ID, &g.Name
		err := rows.Scan(fields...)
		for i := range len(fields) - 2 {
			fields[i] = ignored // the other rows say the same
		}
		if g.ID != 0 {
			groups = append(groups, g)
		}
		return err
	}, findPrincipal, id)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, sso.NotSignedIn
	}
	p.Groups = withAllUsers(groups)
	return p, nil
}

// OpenSession opens a session that no identity provider vouches for: a sign-in by password or passkey. It notes the use of
// the passkey, and keeps the hash at new costs. It returns the errors of [credential.Credential.Holds], [sso.SettingsChanged],
// or [sso.Busy].
func (s *Store) OpenSession(ctx context.Context, n sso.Session, by credential.Credential, e sso.Event) error {
	if by.Passkey != nil { // a password passed AddFailureWithin: to turn it away here would leave a guess that was none
		var err error
		if ctx, err = s.admitted(ctx); err != nil {
			return err
		}
	}
	n.AccountID = by.AccountID
	return s.writing(ctx, func(c *conn) error {
		if err := s.useCredential(ctx, c, by, n.CreatedAt); err != nil {
			return err
		}
		if _, err := c.Exec(ctx, "UPDATE accounts SET last_login = $2 WHERE id = $1", n.AccountID, n.CreatedAt); err != nil {
			return err
		}
		if err := s.openJudgedSession(ctx, c, n, by.Settings); err != nil {
			return err
		}
		e.AccountID = n.AccountID
		return s.event(ctx, c, e)
	})
}

// EndSession ends one session and reports whether it was there. Only then is there an event.
func (s *Store) EndSession(ctx context.Context, id sso.SessionHash, e sso.Event) (ended bool, err error) {
	err = s.writing(ctx, func(c *conn) error {
		ended, err = c.One(ctx, []any{&e.AccountID}, "DELETE FROM sessions WHERE hash = $1 RETURNING account_id", id)
		if err != nil || !ended {
			return err
		}
		if err := s.event(ctx, c, e); err != nil {
			return err
		}
		return announce(ctx, c, e.AccountID, s.now())
	})
	return ended && err == nil, err
}

// EndSessions ends all sessions of an account and returns how many there were. Only if there was one is there an event.
func (s *Store) EndSessions(ctx context.Context, accountID int64, e sso.Event) (ended int, err error) {
	e.AccountID = accountID
	err = s.writing(ctx, func(c *conn) error {
		n, err := c.Exec(ctx, deleteSessions, accountID)
		ended = int(n)
		if err != nil || n == 0 {
			return err
		}
		if err := s.event(ctx, c, e); err != nil {
			return err
		}
		return announce(ctx, c, accountID, s.now())
	})
	if err != nil {
		ended = 0
	}
	return ended, err
}

// TouchSessions writes when sessions were last used; only ever forward. Sessions that are gone are left out.
func (s *Store) TouchSessions(ctx context.Context, used map[sso.SessionHash]time.Time) error {
	if len(used) == 0 {
		return nil
	}
	order := slices.SortedFunc(maps.Keys(used), func(a, b sso.SessionHash) int { return bytes.Compare(a[:], b[:]) })
	return s.writing(ctx, func(c *conn) error {
		for _, id := range order {
			if _, err := c.Exec(ctx, "UPDATE sessions SET last_used = $2 WHERE hash = $1 AND last_used < $2", id, used[id]); err != nil {
				return err
			}
		}
		return nil
	})
}
