package people

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/search"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// Words of people: whoever writes an account's e-mail or names writes its words and words_of too, in the same transaction
// ([SetWords]). [People.MakeWords] makes those that are missing: after an update of the tables, and of accounts that a program
// of before has written since.

const (
	// wordsOf is the text that an account's words are made of.
	wordsOf  = `email || ' ' || first_name || ' ' || last_name`
	wordless = `words_of <> ` + wordsOf // as the index accounts_wordless has it

	// wordsBatch is how many accounts one transaction makes words of: few enough that a login does not wait for it.
	wordsBatch = 100
	// wordsPause comes between two of them: a command that waits for SQLite's lock looks for it now and then only.
	wordsPause = 20 * time.Millisecond
)

// TextOfWords is the text that the words of an account are made of, as it is kept with them.
func TextOfWords(a sso.Account) string { return a.Email + " " + a.FirstName + " " + a.LastName }

// SetWords writes the words of an account whose row the transaction has locked or made. old: there may be some already.
func SetWords(ctx context.Context, c *sqldb.Conn, a sso.Account, emailKey string, old bool) error {
	if old {
		if err := c.Later(ctx, "DELETE FROM account_words WHERE email_key = $1", emailKey); err != nil {
			return err
		}
	}
	words := search.Words(a)
	if len(words) == 0 {
		return nil
	}
	args := sqldb.Padded(words)
	return c.Later(ctx, insertWords(len(args)), append([]any{emailKey}, args...)...)
}

// insertWords is the statement of [SetWords] that adds n words ($2 and after) to the account with the key $1. A word that comes again fills a place.
func insertWords(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(", ($" + strconv.Itoa(i+2) + ", $1)")
	}
	return "INSERT INTO account_words (word, email_key) VALUES " + b.String()[2:] + " ON CONFLICT (word, email_key) DO NOTHING"
}

// MakeWords makes the words of accounts that have none yet, or those of an earlier name, and returns of how many. People are
// found meanwhile, the ones whose turn is still to come excepted. It goes on where another call stopped, and any number of
// replicas may call it at once.
func (p *People) MakeWords(ctx context.Context) (n int, err error) {
	for {
		made := 0
		if err := p.db.WriteLong(ctx, func(c *sqldb.Conn) (err error) {
			made, err = makeWords(ctx, c)
			return err
		}); err != nil {
			return n, err
		}
		if n += made; made < wordsBatch {
			return n, nil
		}
		select {
		case <-ctx.Done():
			return n, ctx.Err()
		case <-time.After(wordsPause):
		}
	}
}

// makeWords makes the words of at most wordsBatch accounts.
func makeWords(ctx context.Context, c *sqldb.Conn) (made int, err error) {
	type keyed struct {
		sso.Account
		key string
	}
	var accounts []keyed
	err = c.Each(ctx, func(rows *sql.Rows) error {
		var a keyed
		err := rows.Scan(append(Fields(&a.Account), &a.key)...)
		accounts = append(accounts, a)
		return err
	}, "UPDATE accounts SET words_of = "+wordsOf+" WHERE id IN (SELECT id FROM accounts WHERE "+wordless+
		" ORDER BY id LIMIT "+strconv.Itoa(wordsBatch)+") AND "+wordless+" RETURNING "+Columns+", email_key")
	for _, a := range accounts {
		if err == nil {
			err = SetWords(ctx, c, a.Account, a.key, true)
		}
	}
	return len(accounts), err
}

// A peopleSearch selects accounts that have, for each term, a word that begins with it.
type peopleSearch struct {
	terms  []string // the one that the fewest words begin with comes first
	common bool     // many words begin with each of the terms
}

// manyFound is from where on it pays to go through some accounts in their order first, and to ask of each whether it has the
// terms; of fewAccounts, a page is found in that way unless those who have them come late in the order.
const (
	manyFound   = 2000
	fewAccounts = 4000
	// manyLooked is how many are gone through for a page when there is a filter, too: the next page goes on from there. Nothing
	// but a look at each account finds those whom a filter leaves of a common word.
	manyLooked = 10_000
)

// A left says how many accounts a filter leaves to be searched.
type left int

const (
	everybody left = iota // there is no filter
	few
	many
)

// leftBy is how many the conditions of a query leave.
func (p *People) leftBy(ctx context.Context, w *sqldb.Where, q sso.AccountQuery) (left, error) {
	switch {
	case w.All() != "":
		n, err := p.countUpTo(ctx, manyMembers, "SELECT 1 FROM accounts"+w.SQL(), w.Args()...)
		if err != nil || n < manyMembers {
			return few, err
		}
		return many, nil
	case !q.Before.IsZero():
		return many, nil
	}
	return everybody, nil
}

// search returns a page of the accounts that have the terms, of those that w selects.
func (p *People) search(ctx context.Context, terms []string, w *sqldb.Where, of left, after string, size int) ([]sso.Account, string, error) {
	if len(terms) == 0 {
		return nil, "", nil
	}
	found, err := p.searchFor(ctx, terms)
	if err != nil {
		return nil, "", err
	}
	switch {
	case found.common && of == few:
		return p.accounts(ctx, found.having(w), "email_key || ''", size) // no planner finds an index for this order, and so it begins with those few
	case found.common && of == many:
		accounts, next, err := p.accounts(ctx, found.inOrder(w, after, manyLooked), "email_key", size)
		if err == nil && next == "" {
			_, err = p.db.Read().One(ctx, []any{&next}, "SELECT CAST(id AS TEXT) FROM accounts WHERE email_key > $1 ORDER BY email_key LIMIT 1 OFFSET "+strconv.Itoa(manyLooked), after)
		}
		return accounts, next, err
	case found.common:
		accounts, next, err := p.accounts(ctx, found.inOrder(w, after, fewAccounts), "email_key", size)
		if err != nil || next != "" {
			return accounts, next, err
		}
	}
	return p.accounts(ctx, found.first(w, after, size+1), "email_key", size)
}

// searchFor prepares a search.
func (p *People) searchFor(ctx context.Context, terms []string) (peopleSearch, error) {
	rarest, least := 0, 0
	for i, term := range terms {
		w := &sqldb.Where{}
		w.And(hasWord("words"), bounds(term)...)
		found, err := p.countUpTo(ctx, manyFound, "SELECT 1 FROM account_words words"+w.SQL(), w.Args()...)
		if err != nil {
			return peopleSearch{}, err
		}
		if i == 0 || found < least {
			rarest, least = i, found
		}
	}
	return peopleSearch{slices.Concat(terms[rarest:], terms[:rarest]), least == manyFound}, nil
}

// inOrder selects, of the next n accounts and one, those that have the terms.
func (p peopleSearch) inOrder(accounts *sqldb.Where, after string, n int) *sqldb.Where {
	w := accounts.Clone()
	w.And("email_key <= coalesce((SELECT email_key FROM accounts WHERE email_key > ? ORDER BY email_key LIMIT 1 OFFSET "+
		strconv.Itoa(n)+"), ?)", after, lastText)
	return p.having(w)
}

// having selects, of the accounts of w, those that have the terms.
func (p peopleSearch) having(accounts *sqldb.Where) *sqldb.Where {
	w := accounts.Clone()
	for _, term := range p.terms {
		w.And("EXISTS (SELECT 1 FROM account_words words WHERE words.email_key = accounts.email_key AND "+hasWord("words")+")", bounds(term)...)
	}
	return w
}

// first selects the first of all that have the terms. It begins with the words; only a filter makes it look at accounts.
func (p peopleSearch) first(accounts *sqldb.Where, after string, n int) *sqldb.Where {
	w := &sqldb.Where{}
	w.And(hasWord("words"), bounds(p.terms[0])...)
	w.And("words.email_key > ?", after)
	for _, term := range p.terms[1:] {
		w.And("EXISTS (SELECT 1 FROM account_words others WHERE others.email_key = words.email_key AND "+hasWord("others")+")", bounds(term)...)
	}
	if accounts.All() != "" {
		w.And("EXISTS (SELECT 1 FROM accounts WHERE accounts.email_key = words.email_key AND "+accounts.All()+")", accounts.Args()...)
	}
	found := &sqldb.Where{}
	found.And("email_key IN (SELECT DISTINCT words.email_key FROM account_words words WHERE "+w.All()+
		" ORDER BY words.email_key LIMIT "+strconv.Itoa(n)+")", w.Args()...)
	return found
}

// hasWord selects the words within [bounds].
func hasWord(table string) string { return table + ".word >= ? AND " + table + ".word < ?" }

// bounds are those of the words that begin with a term.
func bounds(term string) []any { return []any{term, term + lastText} }

// lastText comes after every text.
const lastText = "\U0010ffff"
