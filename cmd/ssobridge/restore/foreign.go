package restore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/hint"
	"github.com/ssobridge/ssobridge/store"
	"github.com/ssobridge/ssobridge/store/sqlitefile"
)

// refuseActing refuses a file with a trigger, a view or a virtual table that this program has not made. They act whenever the bridge
// reads or writes: a trigger could make administrators at each sign-in, and nobody would see it in any table. Tables and indexes of
// others do nothing, and may stay.
func (r Restore) refuseActing(ctx context.Context, file string) error {
	own, err := r.fresh(ctx)
	if err != nil {
		return noRoom(err)
	}
	there, err := acting(ctx, file)
	if err != nil {
		return noRoom(err)
	}
	for name, text := range there {
		if own[name] != text {
			return hint.With("take a backup that nobody has changed; sqlite3 FILE .schema shows what is in this one",
				fmt.Errorf("%s cannot be restored: it has the %s, which ssobridge has not made", r.From, name))
		}
	}
	return nil
}

// fresh has what acts in a database that this program made just now.
func (r Restore) fresh(ctx context.Context) (own map[string]string, err error) {
	f, err := os.CreateTemp(filepath.Dir(r.Database), filepath.Base(r.Database)+suffix)
	if err != nil {
		return nil, err
	}
	file := f.Name()
	defer func() { err = errors.Join(err, sqlitefile.Remove(file), os.Remove(file)) }()
	if err := f.Close(); err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, "sqlite:"+file, store.Options{Now: r.Now, Secret: r.Secret, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	_, err = st.Migrate(ctx)
	if err = errors.Join(err, st.Close()); err != nil {
		return nil, err
	}
	return acting(ctx, file)
}

// acting has the texts of triggers, views and virtual tables by kind and name.
func acting(ctx context.Context, file string) (texts map[string]string, err error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?mode=ro")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, `SELECT type, name, coalesce(sql, '') FROM sqlite_master
		WHERE type IN ('trigger', 'view') OR type = 'table' AND rootpage = 0`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	texts = map[string]string{}
	for rows.Next() {
		var kind, name, text string
		if err := rows.Scan(&kind, &name, &text); err != nil {
			return nil, err
		}
		if kind == "table" {
			kind = "virtual table"
		}
		texts[fmt.Sprintf("%s %q", kind, name)] = text
	}
	return texts, rows.Err()
}
