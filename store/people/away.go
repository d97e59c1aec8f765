package people

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// In which week people signed in last stands in the table login_weeks, which triggers keep (migration 0019).

// week is the length of one there, in the unit of last_login.
const week = int64(7 * 24 * time.Hour / time.Microsecond)

// manyAway is where it becomes quicker to go through the weeks than to sort the accounts: some of those who are asked for have to be
// among the first.
const manyAway = 20_000

// away is what selects people who signed in last before some day: those who have been away longest come first, by weeks.
type away struct {
	from, week, id string // the tables, and what the order is made of
	w              *sqldb.Where
}

// awayBy is how people are selected of a query with Before. Of few accounts the weeks are made of the accounts themselves; else
// they are gone through in the order of their weeks, until enough are found.
func (p *People) awayBy(ctx context.Context, q sso.AccountQuery) (a away, err error) {
	w, _, err := p.selectedBy(ctx, q, "source", manyAway)
	if err != nil {
		return a, err
	}
	few := w.All() != ""
	if few {
		n, err := p.countUpTo(ctx, manyAway, "SELECT 1 FROM accounts"+w.SQL(), w.Args()...)
		if err != nil {
			return a, err
		}
		few = n < manyAway
	}
	if few {
		a = away{from: "accounts", week: "last_login / " + strconv.FormatInt(week, 10), id: "id", w: w}
	} else {
		// CROSS: SQLite goes through the left one first. PostgreSQL does so as its statistics say how many are left of these.
		a = away{from: "login_weeks CROSS JOIN accounts", week: "login_weeks.week", id: "login_weeks.account_id", w: w}
		a.w.And("accounts.id = login_weeks.account_id AND login_weeks.week <= ?", q.Before.UnixMicro()/week)
	}
	before(a.w, q)
	return a, nil
}

// longAgo returns one page of those whom a query with Before selects. A page begins after a week and an account: who signs in
// meanwhile comes out of the list, and takes no one with them.
func (p *People) longAgo(ctx context.Context, q sso.AccountQuery) (accounts []sso.Account, next string, err error) {
	a, err := p.awayBy(ctx, q)
	if err != nil {
		return nil, "", err
	}
	if q.After != "" {
		after, id, ok := readAway(q.After)
		if !ok {
			return nil, "", noBeginning(q.After)
		}
		a.w.And("("+a.week+", "+a.id+") > (?, ?)", after, id)
	}
	accounts, next, err = p.accountsFrom(ctx, a.from, a.w, a.week+", "+a.id, q.Size())
	if next != "" {
		next = strconv.FormatInt(accounts[len(accounts)-1].LastLogin.UnixMicro()/week, 10) + "-" + next
	}
	return accounts, next, err
}

// countAway is [People.CountAccounts] of a query with Before. Where nothing else is asked, the weeks that are over by then tell it
// without a look at an account.
func (p *People) countAway(ctx context.Context, q sso.AccountQuery, most int) (n int, err error) {
	a, err := p.awayBy(ctx, q)
	if err != nil {
		return 0, err
	}
	if asked := (sso.AccountQuery{Page: q.Page, Before: q.Before, Newest: q.Newest}); asked == q {
		last := q.Before.UnixMicro() / week
		if n, err = p.countUpTo(ctx, most, "SELECT 1 FROM login_weeks WHERE week < $1", last); err != nil || n == most {
			return n, err
		}
		a.w.And("login_weeks.week = ?", last)
	}
	more, err := p.countUpTo(ctx, most-n, "SELECT 1 FROM "+a.from+a.w.SQL(), a.w.Args()...)
	return n + more, err
}

// readAway reads where a page of longAgo begins.
func readAway(after string) (week, id int64, ok bool) {
	first, second, _ := strings.Cut(after, "-")
	week, err1 := strconv.ParseInt(first, 10, 64)
	id, err2 := strconv.ParseInt(second, 10, 64)
	return week, id, err1 == nil && err2 == nil
}

func noBeginning(after string) error {
	return fmt.Errorf("%q is not the beginning of a page: %w", sso.Truncate(sso.CleanText(after), 50), sso.Invalid)
}
