package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"

	"github.com/ssobridge/ssobridge/sso"
)

const settingsBox = "settings"

// Settings returns what administrators saved, by name, secrets opened, and the version to save with. It fails when a
// secret cannot be opened: a bridge that ignored it would do something else than was asked for.
func (s *Store) Settings(ctx context.Context) (saved map[string]sso.SavedSetting, version int64, err error) {
	c := s.reading()
	// The version first: if someone saves in between, saving with the older version is refused.
	if _, err := c.one(ctx, []any{&version}, "SELECT value FROM counters WHERE name = 'settings'"); err != nil {
		return nil, 0, err
	}
	saved = map[string]sso.SavedSetting{}
	err = c.each(ctx, func(rows *sql.Rows) error {
		var name string
		var sealed bool
		var v sso.SavedSetting
		if err := rows.Scan(&name, &v.Value, &sealed, when(&v.SavedAt), &v.SavedBy); err != nil {
			return err
		}
		if sealed {
			if v.Value, err = s.openSetting(name, v.Value); err != nil {
				return fmt.Errorf("setting %s: %w", name, err)
			}
		}
		saved[name] = v
		return nil
	}, "SELECT name, value, sealed, saved_at, saved_by FROM settings ORDER BY name")
	if err != nil {
		return nil, 0, err
	}
	return saved, version, nil
}

// SaveSettings writes settings (nil deletes one), seals those that secrets names, keeps the events, and returns the new
// version. When someone has saved since expectVersion it returns [sso.Conflict] and saves nothing. The Actor of the first
// event is who saved.
func (s *Store) SaveSettings(ctx context.Context, changes map[string]*string, secrets map[string]bool, expectVersion int64,
	events []sso.Event) (version int64, err error) {
	actor := ""
	if len(events) > 0 {
		actor = events[0].Actor
	}
	err = s.writing(ctx, func(c *conn) error {
		found, err := c.one(ctx, []any{&version},
			"UPDATE counters SET value = value + 1 WHERE name = 'settings' AND value = $1 RETURNING value", expectVersion)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("someone has saved settings meanwhile: %w", sso.Conflict)
		}
		for _, name := range slices.Sorted(maps.Keys(changes)) {
			if err := s.saveSetting(ctx, c, name, changes[name], secrets[name], actor); err != nil {
				return fmt.Errorf("setting %s: %w", name, err)
			}
		}
		for _, e := range events {
			if err := s.event(ctx, c, e); err != nil {
				return err
			}
		}
		return announce(ctx, c, 0, s.now())
	})
	if err != nil {
		return 0, err
	}
	return version, nil
}

func (s *Store) saveSetting(ctx context.Context, c *conn, name string, value *string, secret bool, actor string) error {
	if value == nil {
		_, err := c.exec(ctx, "DELETE FROM settings WHERE name = $1", name)
		return err
	}
	kept := *value
	if secret {
		box, err := s.box(settingsBox)
		if err != nil {
			return err
		}
		kept = base64.StdEncoding.EncodeToString(box.Seal([]byte(kept), name))
	}
	_, err := c.exec(ctx, `INSERT INTO settings (name, value, sealed, saved_at, saved_by) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value, sealed = excluded.sealed, saved_at = excluded.saved_at,
		saved_by = excluded.saved_by`, name, kept, secret, s.now(), sso.CleanText(actor))
	return err
}

func (s *Store) openSetting(name, kept string) (string, error) {
	box, err := s.box(settingsBox)
	if err != nil {
		return "", err
	}
	sealed, err := base64.StdEncoding.DecodeString(kept)
	if err != nil {
		return "", err
	}
	plain, err := box.Open(sealed, name)
	return string(plain), err
}
