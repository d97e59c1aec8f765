package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/sso/logout"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

const (
	keepMark = `INSERT INTO logouts (provider, key, issued, received, keep_until) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (provider, key) DO UPDATE SET
			issued = CASE WHEN excluded.issued > logouts.issued THEN excluded.issued ELSE logouts.issued END,
			received = CASE WHEN excluded.received > logouts.received THEN excluded.received ELSE logouts.received END,
			keep_until = CASE WHEN excluded.keep_until > logouts.keep_until THEN excluded.keep_until ELSE logouts.keep_until END`

	findNotices = "SELECT issued, received FROM logouts WHERE provider = $1 AND key IN ($2, $3, $4, $5, $6)" // [logout.MaxMarks]

	// Sign-ins hold this row until they are kept (see openJudgedSession). Whoever changes it waits for those that have opened a
	// session, and those that come later find the marks.
	holdSignIns = "UPDATE counters SET value = value WHERE name = 'settings'"
)

// EndByNotice ends the sessions that a logout token is about, in one transaction with its spent proof, its events and what bars
// the sign-ins that were under way. It returns how many there were.
//
// Errors: [sso.TokenReplayed], and [sso.LogoutSession] when the session is there and is another person's.
func (s *Store) EndByNotice(ctx context.Context, n logout.Notice, proof sso.Proof, e sso.Event) (ended int, err error) {
	err = s.writing(ctx, func(c *conn) error {
		spent, err := c.Exec(ctx, spendProof, proof.Key, proof.Until, n.Received, []byte{})
		if err == nil && spent == 0 {
			err = fmt.Errorf("the logout token was used before: %w", sso.TokenReplayed)
		}
		if err != nil {
			return err
		}
		marks := n.Marks()
		slices.Sort(marks)
		for _, key := range marks {
			if _, err := c.Exec(ctx, keepMark, n.Provider, key, n.Issued, n.Received, n.Until); err != nil {
				return err
			}
		}
		if _, err := c.Exec(ctx, holdSignIns); err != nil {
			return err
		}
		of, err := s.endNamed(ctx, c, n)
		if err != nil {
			return err
		}
		ended = 0
		for _, sessions := range of {
			ended += sessions
		}
		return s.tellEnded(ctx, c, of, e)
	})
	if err != nil {
		ended = 0
	}
	return ended, err
}

// endNamed deletes the sessions of a notice, and returns how many each account had. With a sid these are the sessions of it, and
// those of the person of which nobody knows whose they are.
func (s *Store) endNamed(ctx context.Context, c *conn, n logout.Notice) (of map[int64]int, err error) {
	people, err := peopleOf(ctx, c, n)
	if err != nil {
		return nil, err
	}
	of = map[int64]int{}
	end := func(where string, args ...any) error {
		return c.Each(ctx, func(rows *sql.Rows) error {
			var account int64
			var subject string
			if err := rows.Scan(&account, &subject); err != nil {
				return err
			}
			of[account]++
			if n.Subject != "" && subject != string(n.Session().Subject) && !slices.Contains(people, account) {
				return fmt.Errorf("the session of the logout token's sid is that of another person than its sub: %w", sso.LogoutSession)
			}
			return nil
		}, "DELETE FROM sessions WHERE provider = $1 AND "+where+" RETURNING account_id, idp_subject", append([]any{n.Provider}, args...)...)
	}
	unnamed := ""
	if n.ID != "" {
		unnamed = " AND idp_session = ''"
		err = end("idp_session = $2 AND idp_session <> ''", n.Session().ID)
	}
	if err == nil && n.Subject != "" {
		err = end("idp_subject = $2 AND idp_subject <> ''"+unnamed, n.Session().Subject)
	}
	for _, account := range people {
		if err == nil {
			err = end("account_id = $2"+unnamed, account)
		}
	}
	return of, err
}

// peopleOf are the accounts that the sub of a notice means: as a subject, or as the e-mail where people are known by that.
func peopleOf(ctx context.Context, c *conn, n logout.Notice) (accounts []int64, err error) {
	if n.Subject == "" || n.Subject != sso.CleanText(n.Subject) { // no sign-in is of such a subject
		return nil, nil
	}
	query, args := "SELECT account_id FROM identities WHERE provider = $1 AND subject = $2", []any{n.Provider, n.Subject}
	if n.ByEmail {
		query, args = "SELECT id FROM accounts WHERE email_key = $1", []any{address.Key(n.Subject)}
	}
	err = c.Each(ctx, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		accounts = append(accounts, id)
		return err
	}, query, args...)
	return accounts, err
}

// tellEnded writes the events of a notice: one for each person, and one if nobody had a session.
func (s *Store) tellEnded(ctx context.Context, c *conn, of map[int64]int, e sso.Event) error {
	if len(of) == 0 {
		e.Detail += "; no session was open"
		return s.event(ctx, c, e)
	}
	detail := e.Detail
	for _, account := range slices.Sorted(maps.Keys(of)) {
		e.AccountID, e.Email, e.Detail = account, "", fmt.Sprintf("%s; %d sessions ended", detail, of[account])
		if of[account] == 1 {
			e.Detail = detail + "; 1 session ended"
		}
		if _, err := c.One(ctx, []any{&e.Email}, "SELECT email FROM accounts WHERE id = $1", account); err != nil {
			return err
		}
		if err := s.event(ctx, c, e); err != nil {
			return err
		}
	}
	for _, account := range slices.Sorted(maps.Keys(of)) {
		if err := announce(ctx, c, account, s.now()); err != nil {
			return err
		}
	}
	return nil
}

// judgeNotices bars a sign-in that was under way when the provider signed its person out (SECURITY D9). It comes after the
// session was opened, whose row of counters a notice waits for.
func (l *attempt) judgeNotices(ctx context.Context) error {
	in := l.in.UnderWay
	keys := in.Marks()
	if len(keys) == 0 { // nothing can
		return nil
	}
	args := []any{l.in.Session.Provider}
	for i := range logout.MaxMarks { // one text, whatever is looked for, so that it is prepared once
		args = append(args, keys[min(i, len(keys)-1)])
	}
	var latest, m logout.Mark
	err := l.c.Soon(findNotices, args...).Each(ctx, func(r sqldb.Row) error {
		err := r.Scan(sqldb.Time(&m.Issued), sqldb.Time(&m.Received))
		if m.Bars(in) && m.Received.After(latest.Received) {
			latest = m
		}
		return err
	})
	if err != nil {
		return err
	}
	return l.check("signed_out", func(x *sso.Exam) error {
		x.Note("no sign-out since it began")
		return barred(latest, in)
	})
}

// barred is the error of a sign-in that a mark bars; the zero Mark bars none.
func barred(m logout.Mark, in logout.SignIn) error {
	if m.Received.IsZero() {
		return nil
	}
	when := m.Received.UTC().Format(time.RFC3339)
	if in.Issued.IsZero() {
		return fmt.Errorf("the identity provider signed the person out at %s, and the token does not say whether it was signed after that: give it iat: %w", when, sso.SignedOut)
	}
	return fmt.Errorf("the identity provider signed the person out at %s, after this sign-in had begun: %w", when, sso.SignedOut)
}
