// Package trail keeps the audit trail: events, and how many there were of each kind on each day.
//
// A change of the store writes its event in its own transaction ([Write]); what changes nothing, such as a refusal, is
// recorded by itself ([Trail.Record]).
package trail

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/address"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// insert is the statement of [Write].
const insert = `INSERT INTO events
	(at, kind, code, reference, provider, account_id, email, email_key, actor, peer, detail, key_id, proof)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`

// What an event holds at most, in bytes: a flood of refusals should not fill the disk sooner than it must.
const (
	// MaxField bounds each field but the detail.
	MaxField  = 300
	maxDetail = 2000
)

// A Trail is the audit trail of one database. Make one with [New], and [Trail.Stop] it.
type Trail struct {
	db       *sqldb.DB
	now      func() time.Time
	recorder *sqldb.Batcher[sso.Event]
	dropped  atomic.Int64 // events
	refusals refusalLimit
}

// New begins to record.
func New(db *sqldb.DB, now func() time.Time) *Trail {
	t := &Trail{db: db, now: now, refusals: newRefusalLimit()}
	t.recorder = sqldb.NewBatcher(t.keep)
	return t
}

// Stop waits for the events that are being recorded.
func (t *Trail) Stop() { t.recorder.Stop() }

// Write writes one event in the transaction of the change that it tells of. It must have a time.
func Write(ctx context.Context, c *sqldb.Conn, e sso.Event) error {
	short := func(text string) string { return sso.Truncate(sso.CleanText(text), MaxField) }
	email := short(e.Email)
	return c.Later(ctx, insert, e.At, e.Kind, e.Code, short(e.Reference), short(e.Provider), e.AccountID, email,
		address.Key(email), short(e.Actor), short(e.Peer), sso.Truncate(sso.CleanText(e.Detail), maxDetail),
		short(e.KeyID), short(e.Proof))
}

// Record adds an event to the audit trail, and returns when it is safe on disk. Events that arrive together are written
// together, so that a flood of refusals costs few transactions and leaves room for logins. When even so too many wait, or
// too many are refusals, it returns [sso.StoreUnavailable] at once, and the event is counted in [Trail.Dropped].
func (t *Trail) Record(ctx context.Context, e sso.Event) error {
	if e.At.IsZero() {
		e.At = t.now()
	}
	err := fmt.Errorf("the trail takes %d refusals in a second, and more came; the log has them: %w", refusalRate, sso.StoreUnavailable)
	if t.refusals.admit(e, t.now()) {
		err = t.recorder.Add(ctx, e)
	}
	if err != nil && !errors.Is(err, sqldb.ErrNotKnown) {
		t.dropped.Add(1)
	}
	return err
}

// How many refusals are kept in a second, and at once, by each replica. Whoever is outside can cause them as often as they
// like, and the trail is kept: without a limit they would fill the disk, and then nobody signs in.
const (
	refusalRate  = 10
	refusalBurst = 2000
)

// A refusalLimit counts apart those whose token nobody signed, so that these keep no other from the trail.
type refusalLimit struct {
	signed, unsigned *rate.Limiter
}

func newRefusalLimit() refusalLimit {
	return refusalLimit{rate.NewLimiter(refusalRate, refusalBurst), rate.NewLimiter(refusalRate, refusalBurst)}
}

// admit reports whether an event may be kept. It never asks whether there is an account: a commit more or less would tell
// (SECURITY L9). Passwords are throttled elsewhere, all together.
func (l refusalLimit) admit(e sso.Event, now time.Time) bool {
	switch {
	case e.Kind != sso.EventSignInRefused && e.Kind != sso.EventLogoutRefused || e.Code == sso.PasswordRefused:
		return true
	case e.Proof != "":
		return l.signed.AllowN(now, 1)
	}
	return l.unsigned.AllowN(now, 1)
}

// Dropped is the number of events that [Trail.Record] has refused since the start.
func (t *Trail) Dropped() int64 { return t.dropped.Load() }

func (t *Trail) keep(ctx context.Context, events []sso.Event) error {
	return t.db.Write(ctx, func(c *sqldb.Conn) error {
		for _, e := range events {
			if err := Write(ctx, c, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// Events returns one page of the audit trail, newest first, and where the next begins ("" for none).
func (t *Trail) Events(ctx context.Context, q sso.EventQuery) (events []sso.Event, next string, err error) {
	if q.AccountID != 0 && q.Email != "" {
		events, err = t.eventsOfPerson(ctx, q)
	} else {
		events, err = t.someEvents(ctx, q)
	}
	if size := q.Size(); len(events) > size {
		events = events[:size]
		last := events[size-1]
		next = fmt.Sprintf("%d.%d", sqldb.Micros(last.At), last.ID)
	}
	return events, next, err
}

// eventsOfPerson are the events that name the account, and those that name only the e-mail, such as refusals from before
// there was one. Each is found through an index of its own, which an OR would not do on both engines.
func (t *Trail) eventsOfPerson(ctx context.Context, q sso.EventQuery) ([]sso.Event, error) {
	byAccount, byEmail := q, q
	byAccount.Email, byEmail.AccountID = "", 0
	events, err := t.someEvents(ctx, byAccount)
	if err != nil {
		return nil, err
	}
	more, err := t.someEvents(ctx, byEmail)
	events = append(events, more...)
	slices.SortFunc(events, func(a, b sso.Event) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) })
	return slices.CompactFunc(events, func(a, b sso.Event) bool { return a.ID == b.ID }), err
}

// someEvents returns one event more than a page has, if there is one.
func (t *Trail) someEvents(ctx context.Context, q sso.EventQuery) (events []sso.Event, err error) {
	w := &sqldb.Where{}
	if q.After != "" {
		at, id, err := cursor(q.After)
		if err != nil {
			return nil, err
		}
		w.And("(at, id) < (?, ?)", at, id)
	}
	switch {
	case q.AccountID != 0 || q.Email != "" || q.Reference != "" || q.Actor != "": // no index for these: a person has few events, a kind may have a million
		w.In("coalesce(kind, '')", texts(q.Kinds))
		w.In("coalesce(code, '')", texts(codes(q.Code)))
	case q.Code != "" && len(q.Kinds) > 0:
		pairs := texts(q.Kinds)
		for i := range pairs {
			pairs[i] += " " + string(q.Code)
		}
		w.In("code <> '' AND kind || ' ' || code", pairs) // the index events_kind_code, in its words
	default:
		w.In("kind", texts(q.Kinds))
		w.In("code <> '' AND code", texts(codes(q.Code))) // the first part names the partial index
	}
	if q.AccountID != 0 {
		w.And("account_id <> 0 AND account_id = ?", q.AccountID)
	}
	if q.Email != "" {
		w.And("email_key <> '' AND email_key = ?", address.Key(q.Email))
	}
	if q.Reference != "" {
		w.And("reference <> '' AND reference = ?", q.Reference)
	}
	if q.Actor != "" {
		w.And("actor <> '' AND actor = ?", q.Actor)
	}
	if !q.Since.IsZero() {
		w.And("at >= ?", q.Since)
	}
	if !q.Until.IsZero() {
		w.And("at < ?", q.Until)
	}
	query := `SELECT id, at, kind, code, reference, provider, account_id, email, actor, peer, detail, key_id, proof
		FROM events` + w.SQL() + " ORDER BY at DESC, id DESC LIMIT " + strconv.Itoa(q.Size()+1)
	err = t.db.Read().Each(ctx, func(rows *sql.Rows) error {
		var e sso.Event
		err := rows.Scan(&e.ID, sqldb.Time(&e.At), &e.Kind, &e.Code, &e.Reference, &e.Provider, &e.AccountID, &e.Email, &e.Actor,
			&e.Peer, &e.Detail, &e.KeyID, &e.Proof)
		events = append(events, e)
		return err
	}, query, w.Args()...)
	return events, err
}

func codes(c sso.Code) []sso.Code {
	if c == "" {
		return nil
	}
	return []sso.Code{c}
}

func texts[T ~string](values []T) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return all
}

// microsPerDay is a day (UTC) in the unit of times.
const microsPerDay = int64(24 * time.Hour / time.Microsecond)

// EventCounts counts the events from since (inclusive) until until (exclusive) by day (UTC) and kind, oldest first. Days
// and kinds without events are left out.
func (t *Trail) EventCounts(ctx context.Context, since, until time.Time) (counts []sso.DayCount, err error) {
	c := t.db.Read()
	var counted int64
	if _, err := c.One(ctx, []any{&counted}, "SELECT value FROM counters WHERE name = 'event_day'"); err != nil {
		return nil, err
	}
	from, to := sqldb.Micros(since), sqldb.Micros(until)
	first := (from + microsPerDay - 1) / microsPerDay   // the first whole day
	last := max(first, min(to/microsPerDay, counted+1)) // the day after the last whole one that was counted
	rest1, rest2 := min(first*microsPerDay, to), max(last*microsPerDay, from)
	err = c.Each(ctx, func(rows *sql.Rows) error {
		var d sso.DayCount
		var day int64
		err := rows.Scan(&day, &d.Kind, &d.Count)
		d.Day = time.UnixMicro(day * microsPerDay).UTC()
		counts = append(counts, d)
		return err
	}, `SELECT day, kind, CAST(sum(n) AS BIGINT) FROM (
			SELECT day, kind, count AS n FROM event_days WHERE day >= $1 AND day < $2
			UNION ALL SELECT at / $3, kind, count(*) FROM events WHERE at >= $4 AND at < $5 GROUP BY at / $3, kind
			UNION ALL SELECT at / $3, kind, count(*) FROM events WHERE at >= $6 AND at < $7 GROUP BY at / $3, kind
		) AS counts GROUP BY day, kind ORDER BY day, kind`,
		first, last, microsPerDay, from, rest1, rest2, to)
	return counts, err
}

// eventsLate is how long after the end of a day an event of that day may still be written.
const eventsLate = time.Hour

// CountDays counts the events of the days that are over, for [Trail.EventCounts]. It counts a day while others write, and
// writes what it found in a transaction of its own: no sign-in waits while many events are read.
func (t *Trail) CountDays(ctx context.Context, now time.Time) error {
	over := sqldb.Micros(now.Add(-eventsLate))/microsPerDay - 1
	for {
		var counted int64
		if _, err := t.db.Read().One(ctx, []any{&counted}, "SELECT value FROM counters WHERE name = 'event_day'"); err != nil || over <= counted {
			return err
		}
		day, kinds, err := t.countNext(ctx, counted+1, over)
		if err == nil {
			err = t.keepCounts(ctx, counted, day, kinds)
		}
		if err != nil {
			return err
		}
	}
}

// kindCount is how many events of a kind there were on a day.
type kindCount struct {
	kind  string
	count int64
}

// countNext counts the first day from first to last that has events. Without any it returns last.
func (t *Trail) countNext(ctx context.Context, first, last int64) (day int64, kinds []kindCount, err error) {
	c := t.db.Read()
	var at *int64
	if _, err = c.One(ctx, []any{&at}, "SELECT min(at) FROM events WHERE at >= $1 AND at < $2", first*microsPerDay, (last+1)*microsPerDay); err != nil || at == nil {
		return last, nil, err
	}
	day = *at / microsPerDay
	err = c.Each(ctx, func(rows *sql.Rows) error {
		var k kindCount
		err := rows.Scan(&k.kind, &k.count)
		kinds = append(kinds, k)
		return err
	}, "SELECT kind, count(*) FROM events WHERE at >= $1 AND at < $2 GROUP BY kind", day*microsPerDay, (day+1)*microsPerDay)
	return day, kinds, err
}

// keepCounts writes the counts of a day, and that all days up to it are counted, unless another replica was first.
func (t *Trail) keepCounts(ctx context.Context, counted, day int64, kinds []kindCount) error {
	return t.db.Write(ctx, func(c *sqldb.Conn) error {
		first, err := c.Exec(ctx, "UPDATE counters SET value = $1 WHERE name = 'event_day' AND value = $2", day, counted)
		if err != nil {
			return err
		}
		if first == 0 {
			return sqldb.ErrUndo
		}
		for _, k := range kinds {
			if _, err := c.Exec(ctx, "INSERT INTO event_days (day, kind, count) VALUES ($1, $2, $3)", day, k.kind, k.count); err != nil {
				return err
			}
		}
		return nil
	})
}

// ForgetEvents deletes the events of the days (in UTC) that were over before a time, and returns how many. Days that
// [Trail.CountDays] has not counted yet are kept, so what [Trail.EventCounts] says of a whole day never changes. Any number of
// replicas may call it at once.
func (t *Trail) ForgetEvents(ctx context.Context, before time.Time) (int, error) {
	var counted int64
	if _, err := t.db.Read().One(ctx, []any{&counted}, "SELECT value FROM counters WHERE name = 'event_day'"); err != nil {
		return 0, err
	}
	day := min(sqldb.Micros(before)/microsPerDay, counted+1)
	query := fmt.Sprintf("DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < $1 ORDER BY at, id LIMIT %d)", sqldb.SweepBatch)
	return t.db.DeleteBatches(ctx, query, day*microsPerDay)
}

// cursor reads "123.456".
func cursor(after string) (at, id int64, err error) {
	a, b, _ := strings.Cut(after, ".")
	at, err1 := strconv.ParseInt(a, 10, 64)
	id, err2 := strconv.ParseInt(b, 10, 64)
	if err1 != nil || err2 != nil {
		return 0, 0, fmt.Errorf("%q is not the beginning of a page: %w", sso.Truncate(sso.CleanText(after), 50), sso.Invalid)
	}
	return at, id, nil
}
