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
