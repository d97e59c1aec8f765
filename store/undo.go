package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/sqldb"
)

// clearGroup takes everyone out of a group, and deletes it if that is asked for. With undo, who was in it is kept under that
// id. It returns [sso.Forbidden] for a built-in group, [sso.NotFound], or [sso.Conflict] when another number of people is in
// the group than the administrator was told of.
func (s *Store) clearGroup(ctx context.Context, c *conn, g sso.GroupClearing, undo string) error {
	if g.ID < sso.FirstGroup {
		return fmt.Errorf("group %d is built in: %w", g.ID, sso.Forbidden)
	}
	now, err := foundGroup(oneGroup(ctx, c, "id = $1", g.ID))
	if err != nil {
		return err
	}
	if undo != "" {
		if err := keepMembers(ctx, c, undo, now, g.Delete); err != nil {
			return err
		}
	}
	n, err := c.Exec(ctx, "DELETE FROM memberships WHERE group_id = $1", g.ID)
	if err != nil {
		return err
	}
	if int(n) != g.Members {
		return fmt.Errorf("%d people are in the group %q now, not %d as you were told: %w", n, now.Name, g.Members, sso.Conflict)
	}
	if g.Delete {
		if _, err := c.Exec(ctx, "DELETE FROM groups WHERE id = $1", g.ID); err != nil {
			return err
		}
	}
	return s.event(ctx, c, g.Event)
}

// keepMembers copies who is in a group. Who comes into it between this and the deletion (PostgreSQL) makes the number
// another than the one that was expected, and the transaction fails.
func keepMembers(ctx context.Context, c *conn, undo string, g sso.Group, deleted bool) error {
	n, err := c.Exec(ctx, `INSERT INTO undo_members (undo_id, group_id, account_id, source, added_at)
		SELECT $1, group_id, account_id, source, added_at FROM memberships WHERE group_id = $2`, undo, g.ID)
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, "INSERT INTO undo_groups (undo_id, group_id, name, deleted, members) VALUES ($1, $2, $3, $4, $5)",
		undo, g.ID, g.Name, deleted, n)
	return err
}

// keepUndo writes down what a change can be taken back with. changes are the settings that it is about to save.
func (s *Store) keepUndo(ctx context.Context, c *conn, u sso.Undo, changes map[string]*string, actor string) error {
	before, err := settingsNow(ctx, c, slices.Sorted(maps.Keys(changes)))
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, `INSERT INTO undos (id, kind, made_at, actor, people, before, after, keep_until)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, u.ID, u.Kind, s.now(), sso.CleanText(actor), u.People,
		valuesText(before), valuesText(changes), s.now().Add(sso.UndoLifetime))
	return err
}

// settingsNow returns settings that are not sealed, by name: nil for one that is not saved. A secret cannot be taken back.
func settingsNow(ctx context.Context, c *conn, names []string) (map[string]*string, error) {
	values := map[string]*string{}
	if len(names) == 0 {
		return values, nil
	}
	for _, name := range names {
		values[name] = nil
	}
	err := c.Each(ctx, func(rows *sql.Rows) error {
		var name, value string
		var sealed bool
		if err := rows.Scan(&name, &value, &sealed); err != nil {
			return err
		}
		if sealed {
			return fmt.Errorf("%s is a secret, and cannot be kept to take a change back: %w", name, sso.Internal)
		}
		values[name] = &value
		return nil
	}, "SELECT name, value, sealed FROM settings WHERE name IN "+sqldb.List(len(names), 0), sqldb.Padded(names)...)
	return values, err
}

// valuesText writes settings; equal ones give equal text.
func valuesText(values map[string]*string) string {
	if len(values) == 0 {
		return "{}"
	}
	text, err := json.Marshal(values)
	if err != nil { // strings always marshal
		return "{}"
	}
	return string(text)
}

// Undos returns what of one kind can be taken back, newest first.
func (s *Store) Undos(ctx context.Context, kind sso.UndoKind) ([]sso.Undo, error) {
	var all []sso.Undo
	var afters []string
	c := s.reading()
	err := c.Each(ctx, func(rows *sql.Rows) error {
		u, before, after := sso.Undo{Kind: kind}, "", ""
		if err := rows.Scan(&u.ID, sqldb.Time(&u.At), &u.Actor, &u.People, &before, &after); err != nil {
			return err
		}
		all, afters = append(all, u), append(afters, after)
		return json.Unmarshal([]byte(before), &all[len(all)-1].Values)
	}, `SELECT id, made_at, actor, people, before, after FROM undos WHERE kind = $1 AND keep_until > $2
		ORDER BY made_at DESC, id LIMIT 10`, kind, s.now())
	for i := range all {
		if err != nil {
			break
		}
		if all[i].Stale, err = changedSince(ctx, c, afters[i]); err == nil {
			all[i].Groups, err = undoGroups(ctx, c, all[i].ID)
		}
	}
	return all, err
}

// changedSince reports whether settings are no longer as a change left them.
func changedSince(ctx context.Context, c *conn, after string) (bool, error) {
	var left map[string]*string
	if err := json.Unmarshal([]byte(after), &left); err != nil {
		return false, err
	}
	now, err := settingsNow(ctx, c, slices.Sorted(maps.Keys(left)))
	return valuesText(now) != valuesText(left), err
}

func undoGroups(ctx context.Context, c *conn, id string) (all []sso.ClearedGroup, err error) {
	err = c.Each(ctx, func(rows *sql.Rows) error {
		var g sso.ClearedGroup
		err := rows.Scan(&g.ID, &g.Name, &g.Deleted, &g.Members)
		all = append(all, g)
		return err
	}, "SELECT group_id, name, deleted, members FROM undo_groups WHERE undo_id = $1 ORDER BY group_id", id)
	return all, err
}

// RestoreGroup makes a deleted group anew, with its id and the people who were in it, as [sso.UndoGroup] of this id says. It
// returns [sso.Conflict] when that was done already, it is too long ago, or its name is taken.
func (s *Store) RestoreGroup(ctx context.Context, undo string, e sso.Event) error {
	return s.writingLong(ctx, func(c *conn) error {
		if err := s.takeBack(ctx, c, undo, sso.UndoGroup); err != nil {
			return err
		}
		if err := s.event(ctx, c, e); err != nil {
			return err
		}
		return announce(ctx, c, 0, s.now())
	})
}

// takeBack brings back groups and who was in them, and forgets the undo, so that it is used once. Who was in a group through
// a sign-in and has signed in since is left to the next sign-in: the identity provider has spoken after what was kept.
func (s *Store) takeBack(ctx context.Context, c *conn, id string, kind sso.UndoKind) error {
	var after string
	found, err := c.One(ctx, []any{&after}, "UPDATE undos SET kind = kind WHERE id = $1 AND kind = $2 AND keep_until > $3 RETURNING after", id, kind, s.now())
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("this was taken back already, or is too long ago: %w", sso.Conflict)
	}
	if changed, err := changedSince(ctx, c, after); err != nil || changed {
		return orConflict(err, "the settings were changed again since")
	}
	groups, err := undoGroups(ctx, c, id)
	if err != nil {
		return err
	}
	for _, g := range groups {
		if err := bringBack(ctx, c, g); err != nil {
			return err
		}
	}
	if _, err := c.Exec(ctx, `INSERT INTO memberships (account_id, group_id, source, added_at)
		SELECT u.account_id, u.group_id, u.source, u.added_at FROM undo_members u
		JOIN undos d ON d.id = u.undo_id JOIN accounts a ON a.id = u.account_id
		WHERE u.undo_id = $1 AND (u.source <> $2 OR a.last_login < d.made_at) ORDER BY u.account_id, u.group_id
		ON CONFLICT (account_id, group_id) DO NOTHING`, id, sso.MemberBySync); err != nil {
		return err
	}
	_, err = c.Exec(ctx, "DELETE FROM undos WHERE id = $1", id)
	return err
}

func orConflict(err error, reason string) error {
	if err == nil {
		err = fmt.Errorf("%s: %w", reason, sso.Conflict)
	}
	return err
}

// bringBack makes a group that was deleted, and looks for one that was only emptied.
func bringBack(ctx context.Context, c *conn, g sso.ClearedGroup) error {
	if !g.Deleted {
		now, err := oneGroup(ctx, c, "id = $1", g.ID)
		if err == nil && now == nil {
			err = fmt.Errorf("the group %q was deleted since: %w", g.Name, sso.Conflict)
		}
		return err
	}
	n, err := c.Exec(ctx, "INSERT INTO groups (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING", g.ID, g.Name)
	if err == nil && n == 0 {
		err = fmt.Errorf("there is another group %q now: give that one another name first: %w", g.Name, sso.Conflict)
	}
	return err
}
