package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/store/people"
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
		for _, table := range []string{"sessions", "identities", "memberships", "passkeys", "doubtful_emails", "undo_members"} {
			if _, err := c.Exec(ctx, "DELETE FROM "+table+" WHERE account_id = $1", id); err != nil {
				return err
			}
		}
		if events, err = forgetPerson(ctx, c, a); err != nil {
			return err
		}
		if _, err := c.Exec(ctx, "DELETE FROM accounts WHERE id = $1", id); err != nil {
			return err
		}
		e.AccountID = id
		if e.Actor == a.Email {
			e.Actor = pseudonym(id)
		}
		if err := s.event(ctx, c, e); err != nil {
			return err
		}
		return announce(ctx, c, id, s.now())
	})
	return events, err
}

// pseudonym is what stands for the e-mail of a person who was purged.
func pseudonym(id int64) string { return fmt.Sprintf("account %d", id) }

// forgetPerson takes a person out of the trail, and out of what says who changed something.
func forgetPerson(ctx context.Context, c *conn, a sso.Account) (events int64, err error) {
	events, err = c.Exec(ctx, `UPDATE events SET email = '', email_key = '', peer = '', detail = '', proof = ''
		WHERE account_id = $1 OR email_key = $2`, a.ID, address.Key(a.Email))
	if err != nil {
		return 0, err
	}
	for _, column := range []string{"events.actor", "settings.saved_by", "undos.actor"} {
		table, name, _ := strings.Cut(column, ".")
		if _, err := c.Exec(ctx, fmt.Sprintf("UPDATE %s SET %s = $2 WHERE %s = $1", table, name, name), a.Email, pseudonym(a.ID)); err != nil {
			return 0, err
		}
	}
	return events, forgetMentions(ctx, c, a)
}

// forgetMentions takes the e-mail out of the details of events about others. One that ends or begins with it is somebody else's.
func forgetMentions(ctx context.Context, c *conn, a sso.Account) error {
	whole := regexp.MustCompile(`(^|[^\pL\pN.!#$%&'*+/=?^_{|}~-])` + regexp.QuoteMeta(a.Email) + `($|[^\pL\pN.-]|[.-]+($|[^\pL\pN.-]))`)
	details := map[int64]string{}
	err := c.Each(ctx, func(rows *sql.Rows) error {
		var id int64
		var detail string
		err := rows.Scan(&id, &detail)
		details[id] = detail
		return err
	}, "SELECT id, detail FROM events WHERE replace(detail, $1, '') <> detail", a.Email)
	for _, id := range slices.Sorted(maps.Keys(details)) {
		if err != nil {
			break
		}
		if without := whole.ReplaceAllString(details[id], "${1}"+pseudonym(a.ID)+"${2}"); without != details[id] {
			_, err = c.Exec(ctx, "UPDATE events SET detail = $2 WHERE id = $1", id, without)
		}
	}
	return err
}

// Identities are what providers call a person: the subject by the name of the provider.
func (s *Store) Identities(ctx context.Context, accountID int64) (subjects map[string]string, err error) {
	subjects = map[string]string{}
	err = s.reading().Each(ctx, func(rows *sql.Rows) error {
		var provider, subject string
		err := rows.Scan(&provider, &subject)
		subjects[provider] = subject
		return err
	}, "SELECT provider, subject FROM identities WHERE account_id = $1", accountID)
	return subjects, err
}
