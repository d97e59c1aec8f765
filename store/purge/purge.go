// Package purge takes a person out of the database.
package purge

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
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// Account deletes the rows of an account, which the transaction holds, and takes it out of the trail. It returns how many events were
// about it.
func Account(ctx context.Context, c *sqldb.Conn, a sso.Account) (events int64, err error) {
	for _, table := range []string{"sessions", "identities", "memberships", "passkeys", "doubtful_emails", "undo_members"} {
		if _, err := c.Exec(ctx, "DELETE FROM "+table+" WHERE account_id = $1", a.ID); err != nil {
			return 0, err
		}
	}
	if events, err = forgetPerson(ctx, c, a); err != nil {
		return 0, err
	}
	_, err = c.Exec(ctx, "DELETE FROM accounts WHERE id = $1", a.ID)
	return events, err
}

// Pseudonym is what stands for the e-mail of a person who was purged.
func Pseudonym(id int64) string { return fmt.Sprintf("account %d", id) }

// forgetPerson takes a person out of the trail, and out of what says who changed something.
func forgetPerson(ctx context.Context, c *sqldb.Conn, a sso.Account) (events int64, err error) {
	events, err = c.Exec(ctx, `UPDATE events SET email = '', email_key = '', peer = '', detail = '', proof = ''
		WHERE account_id = $1 OR email_key = $2`, a.ID, address.Key(a.Email))
	if err != nil {
		return 0, err
	}
	for _, column := range []string{"events.actor", "settings.saved_by", "undos.actor"} {
		table, name, _ := strings.Cut(column, ".")
		if _, err := c.Exec(ctx, fmt.Sprintf("UPDATE %s SET %s = $2 WHERE %s = $1", table, name, name), a.Email, Pseudonym(a.ID)); err != nil {
			return 0, err
		}
	}
	return events, forgetMentions(ctx, c, a)
}

// forgetMentions takes the e-mail out of the details of events about others. One that ends or begins with it is somebody else's.
func forgetMentions(ctx context.Context, c *sqldb.Conn, a sso.Account) error {
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
		if without := whole.ReplaceAllString(details[id], "${1}"+Pseudonym(a.ID)+"${2}"); without != details[id] {
			_, err = c.Exec(ctx, "UPDATE events SET detail = $2 WHERE id = $1", id, without)
		}
	}
	return err
}

// Kept counts what [Account] deletes, and the events about the person.
func Kept(ctx context.Context, c *sqldb.Conn, a sso.Account) (k sso.Kept, err error) {
	_, err = c.One(ctx, []any{&k.Sessions, &k.Groups, &k.Passkeys, &k.Identities, &k.Events}, `SELECT
		(SELECT count(*) FROM sessions WHERE account_id = $1), (SELECT count(*) FROM memberships WHERE account_id = $1),
		(SELECT count(*) FROM passkeys WHERE account_id = $1), (SELECT count(*) FROM identities WHERE account_id = $1),
		(SELECT count(*) FROM events WHERE (account_id = $1 AND account_id <> 0) OR (email_key = $2 AND email_key <> ''))`, a.ID, address.Key(a.Email))
	return k, err
}

// Identities are what providers call a person: the subject by the name of the provider.
func Identities(ctx context.Context, c *sqldb.Conn, accountID int64) (subjects map[string]string, err error) {
	subjects = map[string]string{}
	err = c.Each(ctx, func(rows *sql.Rows) error {
		var provider, subject string
		err := rows.Scan(&provider, &subject)
		subjects[provider] = subject
		return err
	}, "SELECT provider, subject FROM identities WHERE account_id = $1", accountID)
	return subjects, err
}
