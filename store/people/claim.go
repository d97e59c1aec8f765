package people

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// KeptGroups is how the groups claim of a login is kept: "" when there was none. One text with a comma is kept as a text: it can
// mean something else than a list with that name.
func KeptGroups(id sso.Identity) string {
	if !id.GroupsSent {
		return ""
	}
	kept := any(append([]string{}, id.Groups...))
	if !id.GroupsListed && len(id.Groups) == 1 && strings.Contains(id.Groups[0], ",") {
		kept = id.Groups[0]
	}
	text, err := json.Marshal(kept)
	if err != nil { // strings always marshal
		return ""
	}
	return sso.CleanText(string(text))
}

// readSentGroups reads what [KeptGroups] writes.
func readSentGroups(text string) (groups []string, listed bool, err error) {
	if text == "" {
		return nil, false, nil
	}
	if strings.HasPrefix(text, `"`) {
		groups = make([]string, 1)
		err = json.Unmarshal([]byte(text), &groups[0])
		return groups, false, err
	}
	err = json.Unmarshal([]byte(text), &groups)
	return groups, true, err
}

// knownLists bounds the lists of groups that are kept while people are gone through.
const knownLists = 10_000

// SentGroups calls each for every active account of a provider of which a login there has named groups, in the order of their
// ids. Nobody is kept in memory.
func (p *People) SentGroups(ctx context.Context, provider string, each func(sso.SentGroups)) error {
	return p.sentGroups(ctx, provider, " AND a.idp_groups <> ''", each)
}

// PeopleOf calls each for every active account of a provider, in the order of their ids, with the groups that the last login
// there named, if one did.
func (p *People) PeopleOf(ctx context.Context, provider string, each func(sso.SentGroups)) error {
	return p.sentGroups(ctx, provider, "", each)
}

// sentGroupsPart is how many accounts one query looks at: while a query reads, SQLite cannot put what is written meanwhile into its file.
const sentGroupsPart = 5000

func (p *People) sentGroups(ctx context.Context, provider, where string, each func(sso.SentGroups)) error {
	known := map[string]sso.SentGroups{} // most people of a company have one of few lists
	for after, last := int64(math.MinInt64), int64(0); last < math.MaxInt64; after = last {
		found, err := p.db.Read().One(ctx, []any{&last}, "SELECT id FROM accounts WHERE id > $1 ORDER BY id LIMIT 1 OFFSET "+strconv.Itoa(sentGroupsPart-1), after)
		if err == nil && !found { // this part is the last
			last = math.MaxInt64
		}
		if err == nil {
			err = p.sentGroupsBetween(ctx, provider, where, after, last, known, each)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sentGroupsBetween is one part of sentGroups: of the accounts after one id, up to another. Both ends are given, and no planner finds
// an index for the provider as it is written here: with a LIMIT in place of an end PostgreSQL sorted all people for each part, and with
// the index of providers SQLite would.
func (p *People) sentGroupsBetween(ctx context.Context, provider, where string, after, last int64, known map[string]sso.SentGroups, each func(sso.SentGroups)) error {
	return p.db.Read().Each(ctx, func(rows *sql.Rows) error {
		var id int64
		var email, sent, groups string
		err := rows.Scan(&id, &email, &sent, &groups)
		if err != nil {
			return err
		}
		one, ok := known[sent]
		if !ok {
			if one.Sent, one.Listed, err = readSentGroups(sent); err != nil {
				return fmt.Errorf("groups sent for account %d: %w", id, err)
			}
			if len(known) == knownLists {
				clear(known)
			}
			known[sent] = one
		}
		one.AccountID, one.Email = id, email
		if one.Groups, err = sortedIDs(groups); err == nil {
			each(one)
		}
		return err
	}, `SELECT a.id, a.email, a.idp_groups, coalesce((SELECT string_agg(CAST(m.group_id AS TEXT), ',') FROM memberships m WHERE m.account_id = a.id), '')
		FROM accounts a WHERE a.active AND a.source || '' = $1`+where+` AND a.id > $2 AND a.id <= $3 ORDER BY a.id`, provider, after, last)
}

// sortedIDs reads ids that are separated by commas.
func sortedIDs(text string) (ids []int64, err error) {
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		id, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

// AccountSentGroups returns the groups that the last login of an account named; sent is false when none has named any.
func (p *People) AccountSentGroups(ctx context.Context, accountID int64) (groups []string, sent bool, err error) {
	var text string
	if _, err = p.db.Read().One(ctx, []any{&text}, "SELECT idp_groups FROM accounts WHERE id = $1", accountID); err != nil || text == "" {
		return nil, false, err
	}
	groups, _, err = readSentGroups(text)
	return groups, err == nil, err
}

// AdministratorSignedInBy reports whether the last login of an active administrator left one of the digests.
func (p *People) AdministratorSignedInBy(ctx context.Context, digests []string) (bool, error) {
	if len(digests) == 0 {
		return false, nil
	}
	var one int
	return p.db.Read().One(ctx, []any{&one}, `SELECT 1 FROM memberships m JOIN accounts a ON a.id = m.account_id
		WHERE m.group_id = $1 AND a.active AND a.mark <> '' AND a.mark IN `+sqldb.List(len(digests), 1)+" LIMIT 1",
		append([]any{sso.Administrators}, sqldb.Padded(digests)...)...)
}
