// Package sessions lists and counts the sessions that run.
//
// Most of what administrators ask for has no index: each further one would be written at each sign-in. So a list that is asked
// for a device, say, looks at [Looked] sessions for a page at most, and leads on from there.
package sessions

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// Running are the sessions of one database that have not reached their absolute end.
type Running struct {
	db  *sqldb.DB
	now func() time.Time
}

// New makes them.
func New(db *sqldb.DB, now func() time.Time) *Running { return &Running{db, now} }

// Columns are those of a session in a query that calls the table s, in the order of [Fields].
const Columns = `s.hash, s.account_id, s.provider, s.proof, s.flow, s.created_at, s.last_used, s.expires_at, s.peer, s.user_agent, s.proved_at, s.refreshed_at, s.refresh_after, s.refresh_failing`

// Fields are where the columns of a session go.
func Fields(n *sso.Session) []any {
	return []any{
		sqldb.Bytes(n.Hash[:]), &n.AccountID, &n.Provider, &n.Proof, &n.Flow, sqldb.Time(&n.CreatedAt), sqldb.Time(&n.LastUsed),
		sqldb.Time(&n.ExpiresAt), &n.Peer, &n.UserAgent, sqldb.Time(&n.ProvedAt),
		sqldb.Time(&n.RefreshedAt), sqldb.Time(&n.RefreshAfter), sqldb.Time(&n.Unconfirmed),
	}
}

// CountSessions returns how many sessions have not reached their absolute end.
func (r *Running) CountSessions(ctx context.Context, now time.Time) (n int64, err error) {
	_, err = r.db.Read().One(ctx, []any{&n}, "SELECT count(*) FROM sessions WHERE expires_at > $1", now)
	return n, err
}

// CountSessionsOf returns how many sessions these accounts have together that have not reached their absolute end.
func (r *Running) CountSessionsOf(ctx context.Context, accountIDs []int64) (n int64, err error) {
	if len(accountIDs) == 0 {
		return 0, nil
	}
	_, err = r.db.Read().One(ctx, []any{&n}, "SELECT count(*) FROM sessions WHERE +expires_at > $1 AND account_id IN "+sqldb.List(len(accountIDs), 1),
		append([]any{r.now()}, sqldb.Padded(accountIDs)...)...)
	return n, err
}

// Looked is how many sessions are looked at for one page of a list that no index finds.
const Looked = 10_000

// Sessions returns one page of the sessions that have not reached their absolute end, newest first, and where the next
// begins ("" for none). A page can have fewer than were asked for, or none, though there is a next one: see [Looked].
func (r *Running) Sessions(ctx context.Context, q sso.SessionQuery) (list []sso.Session, next string, err error) {
	w, order, next, err := r.part(ctx, q)
	if err != nil {
		return nil, "", err
	}
	size := q.Size()
	err = r.db.Read().Each(ctx, func(rows *sql.Rows) error {
		var n sso.Session
		err := rows.Scan(Fields(&n)...)
		list = append(list, n)
		return err
	}, "SELECT "+Columns+" FROM sessions s"+w.SQL()+" ORDER BY "+order+" LIMIT "+strconv.Itoa(size+1), w.Args()...)
	if len(list) > size {
		list = list[:size]
		next = cursor(list[size-1])
	}
	return list, next, err
}

// CountSessionsLike counts the sessions of a query, whatever its page, among the newest of all that are looked at for a page;
// further: there are more sessions, of which nobody counted any.
func (r *Running) CountSessionsLike(ctx context.Context, q sso.SessionQuery) (n int, further bool, err error) {
	q.After = ""
	w, _, next, err := r.part(ctx, q)
	if err != nil {
		return 0, false, err
	}
	_, err = r.db.Read().One(ctx, []any{&n}, "SELECT count(*) FROM sessions s"+w.SQL(), w.Args()...)
	return n, next != "", err
}

// part is what selects the sessions of a query that are looked at for a page, their order, and where those after them begin; ""
// when there are none.
func (r *Running) part(ctx context.Context, q sso.SessionQuery) (w *sqldb.Where, order, next string, err error) {
	w, order = &sqldb.Where{}, "s.created_at DESC, s.hash DESC"
	w.And("+s.expires_at > ?", r.now()) // the + keeps the planners to the index of the order: most sessions are not over
	before := int64(math.MaxInt64)
	if q.After != "" {
		at, id, err := parseCursor(q.After)
		if err != nil {
			return nil, "", "", err
		}
		w.And("(s.created_at, s.hash) < (?, ?)", at, id)
		before = at
		if len(id) == 0 { // all of that moment were looked at
			before--
		}
	}
	switch {
	case q.AccountID != 0:
		w.And("s.account_id = ?", q.AccountID)
	case !q.Administrators && asks(q):
		if next, err = r.lookedUntil(ctx, w, before); err != nil {
			return nil, "", "", err
		}
	}
	if q.Administrators { // they are few, and so it begins with them: no planner finds an index for this order
		w.And("s.account_id IN (SELECT account_id FROM memberships WHERE group_id = ?)", sso.Administrators)
		order = "s.created_at + 0 DESC, s.hash DESC"
	}
	ask(w, q)
	return w, order, next, nil
}

// lookedUntil bounds how many sessions are looked at, and returns where the others begin; "" when there are none. The index of
// the order alone says it.
func (r *Running) lookedUntil(ctx context.Context, w *sqldb.Where, before int64) (next string, err error) {
	var last int64
	found, err := r.db.Read().One(ctx, []any{&last}, "SELECT created_at FROM sessions WHERE created_at <= $1 ORDER BY created_at DESC LIMIT 1 OFFSET "+strconv.Itoa(Looked), before)
	if err != nil || !found {
		return "", err
	}
	w.And("s.created_at >= ?", last)
	return strconv.FormatInt(last, 10) + ".", nil // no hash comes before this, so that those of the same moment are not met again
}

// asks reports whether something is asked of each session.
func asks(q sso.SessionQuery) bool {
	w := &sqldb.Where{}
	ask(w, q)
	return w.All() != ""
}

// ask adds what is asked of each session.
func ask(w *sqldb.Where, q sso.SessionQuery) {
	if q.Provider != "" {
		w.And("s.provider = ?", q.Provider)
	}
	if q.Local != nil {
		w.And(map[bool]string{true: "s.provider IN (?, ?)", false: "s.provider NOT IN (?, ?)"}[*q.Local], sso.WayPassword, sso.WayPasskey)
	}
	if !q.UnusedSince.IsZero() {
		w.And("s.last_used < ?", q.UnusedSince)
	}
	var each []string
	var args []any
	for _, mark := range q.Agent.Any {
		each, args = append(each, has), append(args, mark)
	}
	if len(each) > 0 {
		w.And("("+strings.Join(each, " OR ")+")", args...)
	}
	for _, mark := range q.Agent.None {
		w.And("NOT "+has, mark)
	}
}

// has is whether a User-Agent has a mark, in words that both databases read in the same way, capitals included.
const has = "(s.user_agent <> replace(s.user_agent, ?, ''))"

// cursor is where the page after a session begins: "microseconds.hash".
func cursor(last sso.Session) string {
	return fmt.Sprintf("%d.%x", sqldb.Micros(last.CreatedAt), last.Hash)
}

func parseCursor(after string) (at int64, id []byte, err error) {
	a, b, _ := strings.Cut(after, ".")
	at, err1 := strconv.ParseInt(a, 10, 64)
	id, err2 := hex.DecodeString(b)
	if err1 != nil || err2 != nil {
		return 0, nil, fmt.Errorf("%q is not the beginning of a page: %w", sso.Truncate(sso.CleanText(after), 50), sso.Invalid)
	}
	return at, id, nil
}
