package trail

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// KeyDayMost is where counting the sign-ins of a key on a day stops: a chart shows no more, and so it costs little of a busy key.
const KeyDayMost = 5_000

// KeyDays says how many sign-ins each of these keys verified on each of n days, the first of which begins at first; of a day, at most
// [KeyDayMost]. Each key that is asked about is in the answer.
func (t *Trail) KeyDays(ctx context.Context, ids []string, first time.Time, n int) (map[string][]int, error) {
	days := make(map[string][]int, len(ids))
	if len(ids) == 0 || n <= 0 {
		return days, nil
	}
	for _, id := range ids {
		days[id] = make([]int, n)
	}
	args := append([]any{sso.EventSignIn, first}, sqldb.Padded(ids)...)
	var keys, numbers strings.Builder
	for i := range len(args) - 2 {
		fmt.Fprintf(&keys, ", (CAST($%d AS TEXT))", i+3)
	}
	for i := range n {
		fmt.Fprintf(&numbers, ", (CAST(%d AS BIGINT))", i)
	}
	const day = int64(24 * time.Hour / time.Microsecond)
	err := t.db.Read().Each(ctx, func(rows *sql.Rows) error {
		var id string
		var on, count int
		err := rows.Scan(&id, &on, &count)
		if of, ok := days[id]; ok {
			of[on] = count
		}
		return err
	}, fmt.Sprintf(`WITH keys (id) AS (VALUES %s), days (n) AS (VALUES %s) SELECT id, n,
		(SELECT count(*) FROM (SELECT 1 FROM events WHERE key_id <> '' AND key_id = keys.id AND kind = $1
			AND at >= CAST($2 AS BIGINT) + days.n * %d AND at < CAST($2 AS BIGINT) + (days.n + 1) * %d LIMIT %d) AS found)
		FROM keys, days`, keys.String()[2:], numbers.String()[2:], day, day, KeyDayMost), args...)
	return days, err
}

// KeyUses says of each of these keys how it was used since a time, when it was used last, and when and by whom it was made: in
// one question, however many they are. Each key that is asked about is in the answer.
func (t *Trail) KeyUses(ctx context.Context, ids []string, since time.Time) (map[string]sso.KeyUse, error) {
	uses := make(map[string]sso.KeyUse, len(ids))
	if len(ids) == 0 {
		return uses, nil
	}
	args := append([]any{sso.EventSignIn, sso.EventSetting, since}, sqldb.Padded(ids)...)
	var values strings.Builder
	for i := range len(args) - 3 {
		fmt.Fprintf(&values, ", (CAST($%d AS TEXT))", i+4)
	}
	err := t.db.Read().Each(ctx, func(rows *sql.Rows) error {
		var id string
		var use sso.KeyUse
		err := rows.Scan(&id, &use.SignIns, sqldb.Time(&use.LastUsed), sqldb.Time(&use.MadeAt), &use.MadeBy)
		uses[id] = use
		return err
	}, `WITH keys (id) AS (VALUES `+values.String()[2:]+`) SELECT id,
		(SELECT count(*) FROM events WHERE key_id <> '' AND key_id = keys.id AND kind = $1 AND at >= $3),
		COALESCE((SELECT at FROM events WHERE key_id <> '' AND key_id = keys.id AND kind = $1 ORDER BY at DESC, events.id DESC LIMIT 1), 0),
		COALESCE((SELECT at FROM events WHERE key_id <> '' AND key_id = keys.id AND kind = $2 ORDER BY at, events.id LIMIT 1), 0),
		COALESCE((SELECT actor FROM events WHERE key_id <> '' AND key_id = keys.id AND kind = $2 ORDER BY at, events.id LIMIT 1), '')
		FROM keys`, args...)
	return uses, err
}
