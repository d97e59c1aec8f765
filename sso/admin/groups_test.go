package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// A shelf is a GroupStore with Administrators, and with Sales, in which two people are. It keeps what it is told.
type shelf struct {
	refuse error
	undos  []sso.Undo
	did    []string
}

func (s *shelf) keep(e sso.Event, format string, args ...any) error {
	if s.refuse != nil {
		return s.refuse
	}
	s.did = append(s.did, fmt.Sprintf(format, args...)+fmt.Sprintf(" | %s %s: %s", e.Kind, e.Actor, e.Detail))
	return nil
}

func (s *shelf) Group(_ context.Context, id int64) (sso.Group, error) {
	if name := map[int64]string{sso.Administrators: sso.AdministratorsName, sales: "Sales", hr: "HR"}[id]; name != "" {
		return sso.Group{ID: id, Name: name}, nil
	}
	return sso.Group{}, fmt.Errorf("no such group: %w", sso.NotFound)
}

func (s *shelf) MemberCounts(context.Context, []int64) (map[int64]int, error) {
	return map[int64]int{sales: 2}, nil
}

func (s *shelf) CreateGroup(_ context.Context, name string, e sso.Event) (sso.Group, error) {
	return sso.Group{ID: 9, Name: name}, s.keep(e, "create %s", name)
}

func (s *shelf) RenameGroup(_ context.Context, id int64, name string, e sso.Event) error {
	return s.keep(e, "rename %d to %s", id, name)
}

func (s *shelf) DeleteGroup(_ context.Context, g sso.GroupClearing, undo string) error {
	return s.keep(g.Event, "delete %d with %d, undo %v", g.ID, g.Members, undo != "")
}

func (s *shelf) RestoreGroup(_ context.Context, undo string, e sso.Event) error {
	return s.keep(e, "restore %s", undo)
}

func (s *shelf) Undos(context.Context, sso.UndoKind) ([]sso.Undo, error) { return s.undos, nil }

// SECURITY G6, G8: what may be done with groups, and the event that it leaves. All of it needs a proof, and nothing is told, nor
// done, without one; who deletes a group knows how many people lose it.
func TestGroups(t *testing.T) {
	ctx := t.Context()
	rename := func(id int64, name string) func(Groups, Actor) error {
		return func(g Groups, by Actor) error { return g.Rename(ctx, by, id, name) }
	}
	remove := func(id int64, members ...int) func(Groups, Actor) error {
		return func(g Groups, by Actor) error {
			var known *int
			if len(members) > 0 {
				known = &members[0]
			}
			_, err := g.Delete(ctx, by, id, known)
			return err
		}
	}
	create := func(g Groups, by Actor) error { _, err := g.Create(ctx, by, "New"); return err }
	restore := func(undo string) func(Groups, Actor) error {
		return func(g Groups, by Actor) error { _, err := g.Restore(ctx, by, undo); return err }
	}
	const who = " | group_changed root@example.com: "
	for _, tt := range []struct {
		name   string
		do     func(Groups, Actor) error
		refuse error
		did    string // "": nothing
		err    error
		field  string
	}{
		{"made", create, nil, "create New" + who + `group "New" made`, nil, ""},
		{"made of a name that is taken", create, fmt.Errorf("is there already: %w", sso.Conflict), "", sso.Conflict, "name"},
		{"made of a name that will not do", create, fmt.Errorf("is too long: %w", sso.Invalid), "", sso.Invalid, "name"},
		{"made without a database", create, sso.StoreUnavailable, "", sso.StoreUnavailable, ""},

		{"renamed", rename(sales, "Selling"), nil, "rename 3 to Selling" + who + `group 3 renamed: "Sales" → "Selling"`, nil, ""},
		{"renamed to one that is taken", rename(sales, "X"), fmt.Errorf("is there already: %w", sso.Conflict), "", sso.Conflict, "name"},
		{"renamed, and made again by a mapping", rename(hr, "People"), nil, "", sso.Conflict, ""},
		{"renamed where there is none", rename(7, "X"), nil, "", sso.NotFound, ""},

		{"deleted", remove(sales, 2), nil, "delete 3 with 2, undo true" + who + `group 3, "Sales", deleted with 2 members`, nil, ""},
		{"deleted with members that nobody spoke of", remove(sales), nil, "", ErrNotConfirmed, "members"},
		{"deleted with more members than known", remove(sales, 1), nil, "", sso.Conflict, ""},
		{"deleted, and made again by a mapping", remove(hr, 0), nil, "", sso.Conflict, ""},
		{"deleted although built in", remove(sso.Administrators, 0), nil, "", sso.Forbidden, ""},
		{"deleted where there is none", remove(7, 0), nil, "", sso.NotFound, ""},

		{"brought back", restore("u"), nil, "restore u" + who + `group 5, "Gone", brought back with 1 member`, nil, ""},
		{"brought back once more", restore("other"), nil, "", sso.Conflict, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, proved := range []bool{true, false} {
				s := &shelf{refuse: tt.refuse, undos: []sso.Undo{{ID: "u", Groups: []sso.ClearedGroup{{Group: sso.Group{ID: 5, Name: "Gone"}, Members: 1, Deleted: true}}}}}
				g := Groups{Store: s, Mappings: []sso.Mappings{{"s": id(sales)}, {"h": {{Name: "HR"}}}}}
				err := tt.do(g, Actor{Name: "root@example.com", At: time.Unix(1, 0), Proved: proved})
				want, did := tt.err, tt.did
				if !proved {
					want, did = ErrProofNeeded, ""
				}
				if !errors.Is(err, want) || want == nil && err != nil || strings.Join(s.did, "\n") != did {
					t.Errorf("proved %v: got %v and %q, want %v and %q", proved, err, s.did, want, did)
				}
				if r, ok := errors.AsType[*Refusal](err); proved && tt.field != "" && (!ok || r.Fields[tt.field] == "") {
					t.Errorf("got %v, want it at the field %q", err, tt.field)
				}
			}
		})
	}
}
