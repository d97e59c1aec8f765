package trail

import (
	"context"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// KeyUse says how a key was used since a time, when it was used last, and when and by whom it was made.
func (t *Trail) KeyUse(ctx context.Context, id string, since time.Time) (use sso.KeyUse, err error) {
	c := t.db.Read()
	if _, err = c.One(ctx, []any{&use.SignIns}, "SELECT count(*) FROM events WHERE key_id <> '' AND key_id = $3 AND kind = $1 AND at >= $2",
		sso.EventSignIn, since, id); err != nil {
		return use, err
	}
	if _, err = c.One(ctx, []any{sqldb.Time(&use.LastUsed)}, "SELECT at FROM events WHERE key_id <> '' AND key_id = $2 AND kind = $1 ORDER BY at DESC, id DESC LIMIT 1",
		sso.EventSignIn, id); err != nil {
		return use, err
	}
	_, err = c.One(ctx, []any{sqldb.Time(&use.MadeAt), &use.MadeBy}, "SELECT at, actor FROM events WHERE key_id <> '' AND key_id = $2 AND kind = $1 ORDER BY at, id LIMIT 1",
		sso.EventSetting, id)
	return use, err
}
