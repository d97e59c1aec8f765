// Package people finds accounts: by id, by e-mail, in lists, and by the words of their names.
//
// It also has what lets them be found and is written with an account: its words ([SetWords]), the groups that a provider named
// ([KeptGroups]), and the keys of e-mails when
// their form has changed ([RenewEmailKeys]).
package people

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/sso/search"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// People are the accounts of one database.
type People struct{ db *sqldb.DB }

// New makes them.
func New(db *sqldb.DB) *People { return &People{db} }

// Columns are those of an account, in the order of [Fields].
const Columns = `id, email, first_name, last_name, active, password_hash <> '', source, synced, own, created_at, last_login`

// Fields are where the columns of an account go.
func Fields(a *sso.Account) []any {
	return []any{
		&a.ID, &a.Email, &a.FirstName, &a.LastName, &a.Active, &a.HasPassword, &a.Source, sqldb.JSON(&a.Synced), sqldb.JSON(&a.Own),
		sqldb.Time(&a.CreatedAt), sqldb.Time(&a.LastLogin),
	}
}

// One reads the account of a query, nil when there is none.
func One(ctx context.Context, c *sqldb.Conn, query string, args ...any) (*sso.Account, error) {
	return Answered(ctx, c.Soon(query, args...))
}

// Answered is One for a query that was made before.
func Answered(ctx context.Context, answer *sqldb.Answer) (*sso.Account, error) {
	var a sso.Account
	found, err := answer.One(ctx, Fields(&a)...)
	if err != nil || !found {
		return nil, err
	}
	return &a, nil
}

// Found makes an account that is not there [sso.NotFound].
func Found(a *sso.Account, err error) (sso.Account, error) {
	if err == nil && a == nil {
		err = fmt.Errorf("no such account: %w", sso.NotFound)
	}
	if err != nil {
		return sso.Account{}, err
	}
	return *a, nil
}

// Account returns one account, or [sso.NotFound].
func (p *People) Account(ctx context.Context, id int64) (sso.Account, error) {
	return Found(One(ctx, p.db.Read(), "SELECT "+Columns+" FROM accounts WHERE id = $1", id))
}

// AccountsByID returns the accounts of these ids; ids of which there is none are left out.
func (p *People) AccountsByID(ctx context.Context, ids []int64) (map[int64]sso.Account, error) {
	found := make(map[int64]sso.Account, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	err := p.db.Read().Each(ctx, func(rows *sql.Rows) error {
		var a sso.Account
		err := rows.Scan(Fields(&a)...)
		found[a.ID] = a
		return err
	}, "SELECT "+Columns+" FROM accounts WHERE id IN "+sqldb.List(len(ids), 0), sqldb.Padded(ids)...)
	return found, err
}

// AccountByEmail returns the account with that e-mail, compared without case, or [sso.NotFound].
func (p *People) AccountByEmail(ctx context.Context, email string) (sso.Account, error) {
	return Found(One(ctx, p.db.Read(), "SELECT "+Columns+" FROM accounts WHERE email_key = $1",
		address.Key(email)))
}

// PasswordHash returns the account with that e-mail and its password's hash, or [sso.NotFound]. The hash is "" for an
// account without a password: no password matches it, and nothing may be derived from it.
func (p *People) PasswordHash(ctx context.Context, email string) (a sso.Account, hash string, err error) {
	found, err := p.db.Read().One(ctx, append(Fields(&a), &hash),
		"SELECT "+Columns+", password_hash FROM accounts WHERE email_key = $1", address.Key(email))
	if err == nil && !found {
		err = fmt.Errorf("no such account: %w", sso.NotFound)
	}
	return a, hash, err
}

// Accounts returns one page of accounts in the order of their e-mails, the newest first, or with Before those first who have been away
// longest, and where the next begins ("" for none). Where a search for common words goes with a filter, a page can have fewer than were asked for, or none, though there is a
// next one: see [manyLooked].
func (p *People) Accounts(ctx context.Context, q sso.AccountQuery) (accounts []sso.Account, next string, err error) {
	searched := strings.TrimSpace(q.Search) != ""
	newest := q.Newest && !searched
	if !searched && !q.Before.IsZero() {
		return p.longAgo(ctx, q)
	}
	after, err := p.emailKeyOf(ctx, q.After)
	if err != nil {
		return nil, "", err
	}
	w, order, err := p.selected(ctx, q)
	if err == nil && newest {
		w, order, err = p.newestFirst(ctx, q, w)
	}
	if err != nil {
		return nil, "", err
	}
	left := everybody
	if searched {
		if left, err = p.leftBy(ctx, w, q); err != nil {
			return nil, "", err
		}
	}
	before(w, q)
	switch {
	case newest && after != "":
		w.And("id < CAST(? AS BIGINT)", q.After)
	case after != "":
		w.And("email_key > ?", after)
	}
	if searched {
		return p.search(ctx, search.Terms(q.Search), w, left, after, q.Size())
	}
	return p.accounts(ctx, w, order, q.Size())
}

// newestFirst is what a query selects, and its order. Of few accounts no planner may take the index of the order, and go through
// all of them; of many none may take the one of the provider, and sort them.
func (p *People) newestFirst(ctx context.Context, q sso.AccountQuery, w *sqldb.Where) (many *sqldb.Where, order string, err error) {
	if w.All() == "" {
		return w, "id DESC", nil
	}
	n, err := p.countUpTo(ctx, manyMembers, "SELECT 1 FROM accounts"+w.SQL(), w.Args()...)
	if err != nil || n < manyMembers {
		return w, "id + 0 DESC", err
	}
	many, _, err = p.selectedBy(ctx, q, "source || ''", manyMembers)
	return many, "id DESC", err
}

// CountAccounts counts the accounts of a query without a search, whatever its page, and stops at most.
func (p *People) CountAccounts(ctx context.Context, q sso.AccountQuery, most int) (int, error) {
	if !q.Before.IsZero() {
		return p.countAway(ctx, q, most)
	}
	w, _, err := p.selected(ctx, q)
	if err != nil {
		return 0, err
	}
	return p.countUpTo(ctx, most, "SELECT 1 FROM accounts"+w.SQL(), w.Args()...)
}

func before(w *sqldb.Where, q sso.AccountQuery) {
	if !q.Before.IsZero() {
		w.And("last_login > 0 AND last_login < ?", q.Before)
	}
}

// selected are the conditions of a query but for its search, its page and Before, and the order by e-mail that suits them.
func (p *People) selected(ctx context.Context, q sso.AccountQuery) (w *sqldb.Where, order string, err error) {
	return p.selectedBy(ctx, q, "source", manyMembers)
}

// selectedBy is selected with the provider in these words (an expression has no index), and from so many members on with a look at
// whether each account is one.
func (p *People) selectedBy(ctx context.Context, q sso.AccountQuery, source string, from int) (w *sqldb.Where, order string, err error) {
	w, order = &sqldb.Where{}, "email_key"
	if q.Active != nil {
		w.And(map[bool]string{true: "active", false: "NOT active"}[*q.Active]) // in the words of the index accounts_inactive
	}
	if q.Provider != "" {
		w.And(source+" = ?", q.Provider)
	}
	if q.Never {
		w.And(source + " = '' AND last_login = 0") // the first part follows from the second, and has an index
	}
	if q.GroupID != 0 && q.GroupID != sso.AllUsers {
		members, err := p.countUpTo(ctx, from, "SELECT 1 FROM memberships WHERE group_id = $1", q.GroupID)
		if err != nil {
			return nil, "", err
		}
		if members == from {
			w.And("EXISTS (SELECT 1 FROM memberships m WHERE m.account_id = accounts.id AND m.group_id = ?)", q.GroupID)
		} else {
			w.And("id IN (SELECT account_id FROM memberships WHERE group_id = ?)", q.GroupID)
			order = "email_key || ''" // no planner finds an index for this, and so it begins with the members
		}
	}
	return w, order, nil
}

// SomeMembers returns the e-mails of a few members of each group: of those that were there first, sorted. Whom a page names as an
// example need not be the first by e-mail, for whom all accounts would be gone through. One query asks for all groups.
func (p *People) SomeMembers(ctx context.Context, groupIDs []int64, few int) (map[int64][]string, error) {
	some := make(map[int64][]string, len(groupIDs))
	if len(groupIDs) == 0 {
		return some, nil
	}
	const apart = "\n" // no e-mail has one
	err := p.db.Read().Each(ctx, func(rows *sql.Rows) error {
		var id int64
		var emails string
		err := rows.Scan(&id, &emails)
		if emails != "" {
			some[id] = slices.Sorted(strings.SplitSeq(emails, apart))
		}
		return err
	}, `SELECT g.id, coalesce((SELECT string_agg(a.email, $1) FROM accounts a WHERE a.id IN (SELECT m.account_id FROM memberships m
		WHERE m.group_id = g.id ORDER BY m.account_id LIMIT `+strconv.Itoa(few)+`)), '') FROM groups g WHERE g.id IN `+sqldb.List(len(groupIDs), 1),
		append([]any{apart}, sqldb.Padded(groupIDs)...)...)
	return some, err
}

// emailKeyOf returns the key of the e-mail of the account after which a page begins; "" for the first page.
func (p *People) emailKeyOf(ctx context.Context, after string) (key string, err error) {
	if after == "" {
		return "", nil
	}
	id, err := strconv.ParseInt(after, 10, 64)
	if err != nil {
		return "", noBeginning(after)
	}
	found, err := p.db.Read().One(ctx, []any{&key}, "SELECT email_key FROM accounts WHERE id = $1", id)
	if err == nil && !found {
		key = lastText // nobody comes after somebody who is not there
	}
	return key, err
}

// accounts returns the first of the accounts that a query selects.
func (p *People) accounts(ctx context.Context, w *sqldb.Where, order string, size int) (accounts []sso.Account, next string, err error) {
	return p.accountsFrom(ctx, "accounts", w, order, size)
}

func (p *People) accountsFrom(ctx context.Context, from string, w *sqldb.Where, order string, size int) (accounts []sso.Account, next string, err error) {
	err = p.db.Read().Each(ctx, func(rows *sql.Rows) error {
		var a sso.Account
		err := rows.Scan(Fields(&a)...)
		accounts = append(accounts, a)
		return err
	}, "SELECT "+Columns+" FROM "+from+w.SQL()+" ORDER BY "+order+" LIMIT "+strconv.Itoa(size+1), w.Args()...)
	if len(accounts) > size {
		accounts = accounts[:size]
		next = strconv.FormatInt(accounts[size-1].ID, 10)
	}
	return accounts, next, err
}

// manyMembers is where it becomes quicker to go through all accounts in their order and ask of each whether it is a
// member, than to sort the members: 100,000 of them are sorted in 60 ms.
const manyMembers = 2000

// countUpTo counts the rows of a query, and stops at most.
func (p *People) countUpTo(ctx context.Context, most int, query string, args ...any) (n int, err error) {
	_, err = p.db.Read().One(ctx, []any{&n}, "SELECT count(*) FROM ("+query+" LIMIT "+strconv.Itoa(most)+") AS found", args...)
	return n, err
}
