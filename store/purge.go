package store

import (
	"context"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/people"
	"github.com/ssobridge/ssobridge/store/purge"
)

// PurgeAccount deletes a person, in one transaction: the account and everything of it, which ends the sessions. The trail keeps
// what happened and when, under the number of the account, which is not given again: e-mail, network addresses and details go from
// the events about the person, and the e-mail from wherever else the trail names it. Tokens that were used stay used. It returns how
// many events were about the person; [sso.NotFound], or [sso.Conflict] for the last administrator.
func (s *Store) PurgeAccount(ctx context.Context, id int64, e sso.Event) (events int64, err error) {
	err = s.writingLong(ctx, func(c *conn) error {
		a, err := people.Found(people.One(ctx, c, "UPDATE accounts SET active = active WHERE id = $1 RETURNING "+people.Columns, id))
		if err != nil {
			return err
		}
		if err := refuseIfLastAdministrator(ctx, c, id); err != nil {
			return err
		}
		if events, err = purge.Account(ctx, c, a); err != nil {
			return err
		}
		if e.AccountID = id; e.Actor == a.Email {
			e.Actor = purge.Pseudonym(id)
		}
		if err := s.event(ctx, c, e); err != nil {
			return err
		}
		return announce(ctx, c, id, s.now())
	})
	return events, err
}

// KeptOf counts what is kept of a person.
func (s *Store) KeptOf(ctx context.Context, a sso.Account) (sso.Kept, error) {
	return purge.Kept(ctx, s.reading(), a)
}

// Identities are what providers call a person: the subject by the name of the provider.
func (s *Store) Identities(ctx context.Context, accountID int64) (subjects map[string]string, err error) {
	return purge.Identities(ctx, s.reading(), accountID)
}
