package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// sentGroups is how the groups claim of a login is kept: "" when there was none.
func sentGroups(id sso.Identity) string {
	if !id.GroupsSent {
		return ""
	}
	text, err := json.Marshal(append([]string{}, id.Groups...))
	if err != nil { // strings always marshal
		return ""
	}
	return sso.CleanText(string(text))
}

// SentGroups calls each for every active account of a provider of which a login there has named groups, in the order of their
// ids.
func (s *Store) SentGroups(ctx context.Context, provider string, each func(sso.SentGroups)) error {
	var now sso.SentGroups
	known := map[string][]string{} // most people of a company have one of few sets
	flush := func() {
		if now.AccountID != 0 {
			each(now)
		}
	}
	err := s.reading().Each(ctx, func(rows *sql.Rows) error {
		var id, group int64
		var email, sent string
		if err := rows.Scan(&id, &email, &sent, &group); err != nil {
			return err
		}
		if id != now.AccountID {
			flush()
			list, ok := known[sent]
			if !ok {
				if err := json.Unmarshal([]byte(sent), &list); err != nil {
					return fmt.Errorf("groups sent for account %d: %w", id, err)
				}
				known[sent] = list
			}
			now = sso.SentGroups{AccountID: id, Email: email, Sent: list}
		}
		if group != 0 {
			now.Groups = append(now.Groups, group)
		}
		return nil
	}, `SELECT a.id, a.email, a.idp_groups, coalesce(m.group_id, 0) FROM accounts a LEFT JOIN memberships m ON m.account_id = a.id
		WHERE a.idp_groups <> '' AND a.active AND a.source = $1 ORDER BY a.id, m.group_id`, provider)
	if err == nil {
		flush()
	}
	return err
}

// AccountSentGroups returns the groups that the last login of an account named; sent is false when none has named any.
func (s *Store) AccountSentGroups(ctx context.Context, accountID int64) (groups []string, sent bool, err error) {
	var text string
	if _, err = s.reading().One(ctx, []any{&text}, "SELECT idp_groups FROM accounts WHERE id = $1", accountID); err != nil || text == "" {
		return nil, false, err
	}
	err = json.Unmarshal([]byte(text), &groups)
	return groups, err == nil, err
}

// AdministratorSignedInBy reports whether the last login of an active administrator left one of the digests.
func (s *Store) AdministratorSignedInBy(ctx context.Context, digests []string) (bool, error) {
	if len(digests) == 0 {
		return false, nil
	}
	var one int
	return s.reading().One(ctx, []any{&one}, `SELECT 1 FROM memberships m JOIN accounts a ON a.id = m.account_id
		WHERE m.group_id = $1 AND a.active AND a.mark <> '' AND a.mark IN `+sqldb.List(len(digests), 1)+" LIMIT 1",
		append([]any{sso.Administrators}, sqldb.Padded(digests)...)...)
}
