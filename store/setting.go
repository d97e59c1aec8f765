package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/sealed"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// Settings returns what administrators saved, by name, secrets opened, and the version to save with. It fails when a
// secret cannot be opened: a bridge that ignored it would do something else than was asked for.
func (s *Store) Settings(ctx context.Context) (saved map[string]sso.SavedSetting, version int64, err error) {
	c := s.reading()
	// The version first: if someone saves in between, saving with the older version is refused.
	if _, err := c.One(ctx, []any{&version}, "SELECT value FROM counters WHERE name = 'settings'"); err != nil {
		return nil, 0, err
	}
	saved = map[string]sso.SavedSetting{}
	err = c.Each(ctx, func(rows *sql.Rows) error {
		var name string
		var secret bool
		var v sso.SavedSetting
		if err := rows.Scan(&name, &v.Value, &secret, sqldb.Time(&v.SavedAt), &v.SavedBy); err != nil {
			return err
		}
		if secret {
			plain, err := s.sealed.Open(sealed.Settings(), []byte(v.Value), name)
			if err != nil {
				return fmt.Errorf("setting %s: %w", name, err)
			}
			v.Value = string(plain)
		}
		saved[name] = v
		return nil
	}, "SELECT name, value, sealed, saved_at, saved_by FROM settings ORDER BY name")
	if err != nil {
		return nil, 0, err
	}
	return saved, version, nil
}

// SaveSettings saves settings, and does to groups what was asked for with them, in one transaction. It returns the new
// version of the settings. When someone has saved since c.Version, when a group is not as the administrator was told, or
// when what is to be taken back cannot be any more, it returns [sso.Conflict] and nothing is done.
func (s *Store) SaveSettings(ctx context.Context, c sso.SettingsChange) (version int64, err error) {
	actor := ""
	if len(c.Events) > 0 {
		actor = c.Events[0].Actor
	}
	err = s.writingLong(ctx, func(tx *conn) error {
		found, err := tx.One(ctx, []any{&version},
			"UPDATE counters SET value = value + 1 WHERE name = 'settings' AND value = $1 RETURNING value", c.Version)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("someone has saved settings meanwhile: %w", sso.Conflict)
		}
		if err := s.changeGroups(ctx, tx, c, actor); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(c.Values)) {
			if err := s.saveSetting(ctx, tx, name, c.Values[name], c.Secrets[name], actor); err != nil {
				return fmt.Errorf("setting %s: %w", name, err)
			}
		}
		for _, e := range c.Events {
			if err := s.event(ctx, tx, e); err != nil {
				return err
			}
		}
		return announce(ctx, tx, 0, s.now())
	})
	if err != nil {
		return 0, err
	}
	return version, nil
}

// changeGroups does what a change of settings does to groups. It comes before the settings are written, of which it keeps
// how they were.
func (s *Store) changeGroups(ctx context.Context, tx *conn, c sso.SettingsChange, actor string) error {
	undo := ""
	if c.Undo != nil {
		undo = c.Undo.ID
		if err := s.keepUndo(ctx, tx, *c.Undo, c.Values, actor); err != nil {
			return err
		}
	}
	if c.Restore != nil {
		if err := s.takeBack(ctx, tx, c.Restore.ID, c.Restore.Kind); err != nil {
			return err
		}
	}
	for _, g := range c.Clear {
		if err := s.clearGroup(ctx, tx, g, undo); err != nil {
			return err
		}
	}
	if len(c.Groups) == 0 {
		return nil
	}
	_, err := s.ensureGroups(ctx, tx, c.Groups, sso.Event{At: s.now(), Kind: sso.EventGroup, Actor: actor})
	return err
}

func (s *Store) saveSetting(ctx context.Context, c *conn, name string, value *string, secret bool, actor string) error {
	if value == nil {
		_, err := c.Exec(ctx, "DELETE FROM settings WHERE name = $1", name)
		return err
	}
	kept := any(*value)
	if secret {
		var err error
		if kept, err = s.sealed.Seal(ctx, c, sealed.Settings(), []byte(*value), name); err != nil {
			return err
		}
	}
	_, err := c.Exec(ctx, `INSERT INTO settings (name, value, sealed, saved_at, saved_by) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value, sealed = excluded.sealed, saved_at = excluded.saved_at,
		saved_by = excluded.saved_by`, name, kept, secret, s.now(), sso.CleanText(actor))
	return err
}
