package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/store/sqldb"
	"github.com/ssobridge/ssobridge/store/trail"
)

const (
	insertMembership = `INSERT INTO memberships (account_id, group_id, source, added_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (account_id, group_id) DO NOTHING`
	deleteMembership = "DELETE FROM memberships WHERE account_id = $1 AND group_id = $2"
)

var allUsers = sso.Group{ID: sso.AllUsers, Name: sso.AllUsersName}

// Groups returns all groups, sorted by id; the built-in ones are always there.
func (s *Store) Groups(ctx context.Context) ([]sso.Group, error) {
	c, err := s.db.ReadHot(ctx)
	if err != nil {
		return nil, err
	}
	return someGroups(ctx, c, allGroups)
}

const allGroups = "SELECT id, name FROM groups ORDER BY id"

// Group returns one group, or [sso.NotFound].
func (s *Store) Group(ctx context.Context, id int64) (sso.Group, error) {
	return foundGroup(oneGroup(ctx, s.reading(), "id = $1", id))
}

// GroupByName returns the group of exactly that name, or [sso.NotFound].
func (s *Store) GroupByName(ctx context.Context, name string) (sso.Group, error) {
	return foundGroup(oneGroup(ctx, s.reading(), "name = $1", name))
}

func foundGroup(g *sso.Group, err error) (sso.Group, error) {
	if err == nil && g == nil {
		err = fmt.Errorf("no such group: %w", sso.NotFound)
	}
	if err != nil {
		return sso.Group{}, err
	}
	return *g, nil
}

// oneGroup returns nil when there is none.
func oneGroup(ctx context.Context, c *conn, condition string, arg any) (*sso.Group, error) {
	var g sso.Group
	found, err := c.One(ctx, []any{&g.ID, &g.Name}, "SELECT id, name FROM groups WHERE "+condition, arg)
	if err != nil || !found {
		return nil, err
	}
	return &g, nil
}

// CreateGroup makes a group. It returns [sso.Invalid] for a name that will not do and [sso.Conflict] for one that is taken.
func (s *Store) CreateGroup(ctx context.Context, name string, e sso.Event) (group sso.Group, err error) {
	if err := groupName(name); err != nil {
		return group, err
	}
	err = s.writing(ctx, func(c *conn) error {
		id, err := insertGroup(ctx, c, name)
		if err != nil {
			return err
		}
		if id == 0 {
			return fmt.Errorf("a group %q is there already: %w", name, sso.Conflict)
		}
		group = sso.Group{ID: id, Name: name}
		if err := s.event(ctx, c, e); err != nil {
			return err
		}
		return announce(ctx, c, 0, s.now()) // tokens that name it give it from now on
	})
	return group, err
}

// EnsureGroups makes the groups that are not there yet, each with an event made from e. It returns the ones it made,
// sorted by name.
func (s *Store) EnsureGroups(ctx context.Context, names []string, e sso.Event) (made []sso.Group, err error) {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	for _, name := range names {
		if err := groupName(name); err != nil {
			return nil, err
		}
	}
	err = s.writingLong(ctx, func(c *conn) (err error) {
		if made, err = s.ensureGroups(ctx, c, names, e); err != nil || len(made) == 0 {
			return err
		}
		return announce(ctx, c, 0, s.now())
	})
	return made, err
}

// ensureGroups is EnsureGroups in a transaction; names are sorted, and can be names of groups.
func (s *Store) ensureGroups(ctx context.Context, c *conn, names []string, e sso.Event) (made []sso.Group, err error) {
	known, err := groupIDs(ctx, c, names)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, ok := known[name]; ok {
			continue
		}
		id, err := insertGroup(ctx, c, name)
		if err != nil || id == 0 {
			return nil, orLost(err)
		}
		made = append(made, sso.Group{ID: id, Name: name})
		e.Detail = fmt.Sprintf("group %q created", name)
		if err := s.event(ctx, c, e); err != nil {
			return nil, err
		}
	}
	return made, nil
}

func orLost(err error) error {
	if err == nil {
		return sqldb.ErrLost
	}
	return err
}

func groupName(name string) error {
	if err := sso.CheckGroupName(name); err != nil {
		return fmt.Errorf("%w: %w", err, sso.Invalid)
	}
	return nil
}

// insertGroup returns 0 when the name is taken. Ids are counted and never used twice: a mapping may still name the id of
// a group that is gone.
func insertGroup(ctx context.Context, c *conn, name string) (id int64, err error) {
	if id, err = count(ctx, c, "group"); err != nil {
		return 0, err
	}
	n, err := c.Exec(ctx, "INSERT INTO groups (id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", id, name)
	if n == 0 {
		id = 0
	}
	return id, err
}

// RenameGroup gives a group another name. It returns [sso.Forbidden] for a built-in group, [sso.NotFound], [sso.Invalid]
// or [sso.Conflict].
func (s *Store) RenameGroup(ctx context.Context, id int64, name string, e sso.Event) error {
	if err := groupName(name); err != nil {
		return err
	}
	return s.changeGroup(ctx, id, e, func(c *conn) error {
		other, err := oneGroup(ctx, c, "name = $1", name)
		if err != nil {
			return err
		}
		if other != nil && other.ID != id {
			return fmt.Errorf("a group %q is there already: %w", name, sso.Conflict)
		}
		_, err = c.Exec(ctx, "UPDATE groups SET name = $2 WHERE id = $1", id, name)
		return err
	})
}

// DeleteGroup deletes a group with so many members and their memberships; undo, if it is not "", is the id under which that
// can be taken back. It returns [sso.Forbidden] for a built-in group, [sso.NotFound], or [sso.Conflict] when another number
// of people is in it.
func (s *Store) DeleteGroup(ctx context.Context, g sso.GroupClearing, undo string) error {
	g.Delete = true
	return s.writingLong(ctx, func(c *conn) error {
		if undo != "" {
			if err := s.keepUndo(ctx, c, sso.Undo{ID: undo, Kind: sso.UndoGroup}, nil, g.Event.Actor); err != nil {
				return err
			}
		}
		if err := s.clearGroup(ctx, c, g, undo); err != nil {
			return err
		}
		return announce(ctx, c, 0, s.now())
	})
}

// changeGroup changes a group that is not built in, and announces it to everyone.
func (s *Store) changeGroup(ctx context.Context, id int64, e sso.Event, change func(*conn) error) error {
	if id < sso.FirstGroup {
		return fmt.Errorf("group %d is built in: %w", id, sso.Forbidden)
	}
	return s.writing(ctx, func(c *conn) error {
		if _, err := foundGroup(oneGroup(ctx, c, "id = $1", id)); err != nil {
			return err
		}
		if err := change(c); err != nil {
			return err
		}
		if err := s.event(ctx, c, e); err != nil {
			return err
		}
		return announce(ctx, c, 0, s.now())
	})
}

// Memberships returns the groups of an account, sorted by id, and why it is in each. The first is All Users, without a
// source. For an account that does not exist it returns [sso.NotFound].
func (s *Store) Memberships(ctx context.Context, accountID int64) ([]sso.Membership, error) {
	a, err := s.Account(ctx, accountID)
	if err != nil {
		return nil, err
	}
	all := []sso.Membership{{Group: allUsers, AddedAt: a.CreatedAt}}
	err = s.reading().Each(ctx, func(rows *sql.Rows) error {
		var m sso.Membership
		err := rows.Scan(&m.ID, &m.Name, &m.Source, sqldb.Time(&m.AddedAt))
		all = append(all, m)
		return err
	}, `SELECT g.id, g.name, m.source, m.added_at FROM memberships m JOIN groups g ON g.id = m.group_id
		WHERE m.account_id = $1 ORDER BY g.id`, accountID)
	return all, err
}

// MemberSources says why each of these accounts is in a group; those that are not in it are left out.
func (s *Store) MemberSources(ctx context.Context, groupID int64, accountIDs []int64) (map[int64]sso.MembershipSource, error) {
	sources := make(map[int64]sso.MembershipSource, len(accountIDs))
	if len(accountIDs) == 0 {
		return sources, nil
	}
	err := s.reading().Each(ctx, func(rows *sql.Rows) error {
		var id int64
		var source sso.MembershipSource
		err := rows.Scan(&id, &source)
		sources[id] = source
		return err
	}, "SELECT account_id, source FROM memberships WHERE group_id = $1 AND account_id IN "+sqldb.List(len(accountIDs), 1),
		append([]any{groupID}, sqldb.Padded(accountIDs)...)...)
	return sources, err
}

// AddMember puts an account into a group; once more changes nothing. It returns [sso.NotFound], or [sso.Forbidden] for
// All Users.
func (s *Store) AddMember(ctx context.Context, accountID, groupID int64, source sso.MembershipSource, e sso.Event) error {
	return s.changeMember(ctx, accountID, groupID, e, func(c *conn) (int64, error) {
		return c.Exec(ctx, insertMembership, accountID, groupID, source, s.now())
	})
}

// RemoveMember takes an account out of a group; once more changes nothing. It returns [sso.NotFound], [sso.Forbidden] for
// All Users, or [sso.Conflict] for the last administrator.
func (s *Store) RemoveMember(ctx context.Context, accountID, groupID int64, e sso.Event) error {
	return s.changeMember(ctx, accountID, groupID, e, func(c *conn) (int64, error) {
		n, err := c.Exec(ctx, deleteMembership, accountID, groupID)
		if err != nil || n == 0 || groupID != sso.Administrators {
			return n, err
		}
		return n, refuseLastAdministrator(ctx, c, accountID)
	})
}

func refuseLastAdministrator(ctx context.Context, c *conn, accountID int64) error {
	last, err := lastAdministrator(ctx, c, accountID)
	if err == nil && last {
		err = fmt.Errorf("account %d is the last administrator: %w", accountID, sso.Conflict)
	}
	return err
}

func (s *Store) changeMember(ctx context.Context, accountID, groupID int64, e sso.Event, change func(*conn) (int64, error)) error {
	if groupID == sso.AllUsers {
		return fmt.Errorf("everyone is in %s: %w", sso.AllUsersName, sso.Forbidden)
	}
	return s.changeAccount(ctx, accountID, e, func(c *conn, _ sso.Account) (bool, error) {
		if _, err := foundGroup(oneGroup(ctx, c, "id = $1", groupID)); err != nil {
			return false, err
		}
		n, err := change(c)
		return n > 0, err
	})
}

func ids(groups []sso.Group) []int64 {
	var ids []int64
	for _, g := range groups {
		ids = append(ids, g.ID)
	}
	return ids
}

// withAllUsers completes and sorts the groups of an account.
func withAllUsers(groups []sso.Group) []sso.Group {
	groups = append([]sso.Group{allUsers}, groups...)
	slices.SortFunc(groups, func(a, b sso.Group) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(groups, func(a, b sso.Group) bool { return a.ID == b.ID })
}

// groupIDs finds groups by their exact names. A few are asked for by name, so that a thousand groups do not slow a login
// down; many are compared with all there are.
func groupIDs(ctx context.Context, c *conn, names []string) (map[string]int64, error) {
	var groups []sso.Group
	var err error
	switch {
	case len(names) == 0:
	case len(names) <= fewNames:
		groups, err = someGroups(ctx, c, "SELECT id, name FROM groups WHERE name IN "+sqldb.List(len(names), 0), sqldb.Padded(names)...)
	default:
		groups, err = someGroups(ctx, c, "SELECT id, name FROM groups")
	}
	found := map[string]int64{}
	for _, g := range groups {
		found[g.Name] = g.ID
	}
	return found, err
}

const fewNames = 64

// groupsOf returns the groups that an account is in, sorted by id, and finds groups by their exact names; both with one query
// when the names are few.
func groupsOf(ctx context.Context, c *conn, accountID int64, names []string) (groups []sso.Group, named map[string]int64, err error) {
	if len(names) == 0 || len(names) > fewNames {
		if groups, err = someGroups(ctx, c, findGroups+" ORDER BY g.id", accountID); err == nil {
			named, err = groupIDs(ctx, c, names)
		}
		return groups, named, err
	}
	query, args := groupsAndNames("$1", []any{accountID}, names)
	return groupsAnswered(ctx, c.Soon(query, args...))
}

// groupsAndNames is a query for the groups of the account that an expression finds by its arguments, and for groups by name.
func groupsAndNames(whose string, of []any, names []string) (query string, args []any) {
	return "SELECT g.id, g.name, 1 FROM memberships m JOIN groups g ON g.id = m.group_id WHERE m.account_id = " + whose +
		" UNION ALL SELECT id, name, 0 FROM groups WHERE name IN " + sqldb.List(len(names), len(of)) + " ORDER BY 1", append(of, sqldb.Padded(names)...)
}

// groupsAnswered reads what [groupsAndNames] finds.
func groupsAnswered(ctx context.Context, answer *sqldb.Answer) (groups []sso.Group, named map[string]int64, err error) {
	named = map[string]int64{}
	err = answer.Each(ctx, func(r sqldb.Row) error {
		var g sso.Group
		var member int
		err := r.Scan(&g.ID, &g.Name, &member)
		if member == 1 {
			groups = append(groups, g)
		} else {
			named[g.Name] = g.ID
		}
		return err
	})
	return groups, named, err
}

// Names of groups that providers sent.

type seenKey struct{ provider, name string }

// seenGroups remembers which names this process wrote down lately, so that most logins need not look.
type seenGroups struct {
	mu sync.Mutex
	at map[seenKey]time.Time
}

const (
	seenAgain = 24 * time.Hour
	seenKept  = 90 * 24 * time.Hour
	seenMost  = 10_000 // names remembered in memory
)

// fresh returns those of the names that are due to be written down, sorted.
func (g *seenGroups) fresh(provider string, names []string, now time.Time) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var due []string
	for _, name := range names {
		if at, ok := g.at[seenKey{provider, name}]; !ok || now.Sub(at) >= seenAgain {
			due = append(due, name)
		}
	}
	slices.Sort(due)
	return slices.Compact(due)
}

func (g *seenGroups) note(provider string, names []string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.at)+len(names) > seenMost {
		clear(g.at)
	}
	for _, name := range names {
		g.at[seenKey{provider, name}] = now
	}
}

// noteGroups writes down which names of groups the provider sent, so that they can be offered when groups are mapped. A
// name is written when it is new or was not for a day.
func (l *attempt) noteGroups(ctx context.Context) error {
	provider := l.x.Identity.Provider
	for _, name := range l.seen.fresh(provider, l.x.Identity.Groups, l.x.Now) {
		if name == "" || name != sso.CleanText(name) || len(name) > trail.MaxField {
			continue // it can be no key of a mapping
		}
		if err := l.c.Later(ctx, `INSERT INTO idp_groups (provider, name, last_seen) VALUES ($1, $2, $3)
			ON CONFLICT (provider, name) DO UPDATE SET last_seen = excluded.last_seen WHERE idp_groups.last_seen < $4`,
			provider, name, l.x.Now, l.x.Now.Add(-seenAgain)); err != nil {
			return err
		}
		l.noted = append(l.noted, name)
	}
	return nil
}

// GroupNamesSeen returns the names of groups that providers sent in recent logins, by provider and name.
func (s *Store) GroupNamesSeen(ctx context.Context) (seen []sso.SeenGroup, err error) {
	err = s.reading().Each(ctx, func(rows *sql.Rows) error {
		var g sso.SeenGroup
		err := rows.Scan(&g.Provider, &g.Name, sqldb.Time(&g.LastSeen))
		seen = append(seen, g)
		return err
	}, "SELECT provider, name, last_seen FROM idp_groups ORDER BY provider, name")
	return seen, err
}
