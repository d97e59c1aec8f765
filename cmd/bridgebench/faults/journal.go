package faults

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // read the database behind the bridge's back
	_ "modernc.org/sqlite"
)

// An attempt is one sign-in of one new person.
type attempt struct {
	email, token string
	session      string // "": it was not answered, or refused
	began, ended time.Time
}

// A journal is what the clients know.
type journal struct {
	mu       sync.Mutex
	changed  chan struct{} // closed at the next answer
	fresh    []*attempt    // answered since the last look
	open     []*attempt    // not answered since the last look: no more than openMost
	answered []*attempt    // all that were answered before
}

// openMost is how many sign-ins without an answer are looked at after one fault. A database that is away for seconds makes more.
const openMost = 16

func newJournal() *journal { return &journal{changed: make(chan struct{})} }

func (j *journal) reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fresh, j.open, j.answered = nil, nil, nil
}

func (j *journal) add(a *attempt) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case a.session != "":
		j.fresh = append(j.fresh, a)
		close(j.changed)
		j.changed = make(chan struct{})
	case len(j.open) < openMost:
		j.open = append(j.open, a)
	}
}

// wait returns when so many sign-ins were answered since the last look.
func (j *journal) wait(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, recoverWithin)
	defer cancel()
	for {
		j.mu.Lock()
		got, changed := len(j.fresh), j.changed
		j.mu.Unlock()
		if got >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d sign-ins were answered before the fault: %w", got, n, ctx.Err())
		}
	}
}

// verify holds the journal against the bridge: what is new of it, and with all the rest, too.
func (s *site) verify(ctx context.Context, r *Result, all bool) error {
	j := s.journal
	j.mu.Lock()
	fresh, open := j.fresh, j.open
	j.fresh, j.open = nil, nil
	j.mu.Unlock()
	r.Answered += len(fresh)
	for _, a := range open {
		session, err := s.present(ctx, a.token)
		if err != nil {
			return fmt.Errorf("a token that was cut off, again: %w", err)
		}
		if session != "" { // the first time it had not happened
			a.session = session
			fresh = append(fresh, a)
		}
	}
	for _, a := range fresh {
		session, err := s.present(ctx, a.token)
		if err != nil {
			return fmt.Errorf("a token that was answered, again: %w", err)
		}
		if session != "" {
			r.Twice++
		}
	}
	j.answered = append(j.answered, fresh...)
	if all {
		fresh = j.answered
	}
	for _, a := range fresh {
		email, err := s.current(ctx, a.session)
		if err != nil {
			return err
		}
		if email != a.email {
			r.Lost++
		}
	}
	return nil
}

// halves counts parts of sign-ins without the others, in the database itself. Each person signs in once, so that a proof which has
// two sessions, or a person with two, is a token that was accepted twice.
func (s *site) halves(ctx context.Context) (n int, err error) {
	db, err := s.open()
	if err != nil {
		return 0, err
	}
	defer db.Close()
	queries := []string{
		`SELECT count(*) FROM (SELECT proof FROM sessions EXCEPT SELECT key FROM proofs) x`,
		`SELECT count(*) FROM (SELECT session FROM proofs EXCEPT SELECT hash FROM sessions) x`,
		`SELECT count(*) FROM (SELECT proof FROM sessions GROUP BY proof HAVING count(*) > 1) x`,
		`SELECT count(*) FROM (SELECT account_id FROM sessions GROUP BY account_id HAVING count(*) > 1) x`,
		`SELECT count(*) FROM (SELECT id FROM accounts EXCEPT SELECT account_id FROM sessions) x`,
		`SELECT count(*) FROM (SELECT id FROM accounts EXCEPT SELECT account_id FROM memberships) x`,
		`SELECT count(*) FROM (SELECT proof, account_id FROM sessions EXCEPT SELECT proof, account_id FROM events WHERE kind = 'sign_in') x`,
		`SELECT count(*) FROM (SELECT proof, account_id FROM events WHERE kind = 'sign_in' EXCEPT SELECT proof, account_id FROM sessions) x`,
	}
	if strings.HasPrefix(s.database, "sqlite:") {
		queries = append(queries, `SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'`, `SELECT count(*) FROM pragma_foreign_key_check`)
	}
	for _, query := range queries {
		var found int
		if err := db.QueryRowContext(ctx, query).Scan(&found); err != nil {
			return n, fmt.Errorf("%s: %w", query, err)
		}
		n += found
	}
	return n, nil
}

func (s *site) open() (*sql.DB, error) {
	if file, ok := strings.CutPrefix(s.database, "sqlite:"); ok {
		return sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?mode=ro&_pragma=busy_timeout(5000)")
	}
	if s.behind == "" {
		return nil, errors.New("the database has no address of its own")
	}
	return sql.Open("pgx", s.behind)
}
