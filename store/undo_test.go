package store_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
)

// state is all that a change of the mapping may change.
func (db *testDB) state(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	groups, err := db.Groups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	saved, _, err := db.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(&b, groups, saved["M"].Value, saved["S"].Value)
	accounts, _, err := db.Accounts(t.Context(), sso.AccountQuery{Page: sso.Page{Limit: sso.MaxLimit}})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range accounts {
		members, err := db.Memberships(t.Context(), a.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range members[1:] {
			fmt.Fprintln(&b, a.Email, m.ID, m.Source, m.AddedAt)
		}
	}
	return b.String()
}

// clearing is a database with the groups Sales (two people, one through a sign-in) and HR (one), and the change that empties
// the first and deletes the second.
func clearing(t *testing.T, db *testDB) sso.SettingsChange {
	t.Helper()
	db.ensure(t, "Sales", "HR")
	hr, sales := sso.Group{ID: 3, Name: "HR"}, sso.Group{ID: 4, Name: "Sales"}
	policy := mapped(sso.Mappings{"ext": {{ID: sales.ID}}})
	ada, _ := db.signIn(t, groups(person("ada@acme.example"), "ext"), policy)
	bob, _ := db.signIn(t, person("bob@acme.example"), policy)
	for _, m := range []struct{ account, group int64 }{{bob.Account.ID, sales.ID}, {ada.Account.ID, hr.ID}} {
		wantCode(t, "member", db.AddMember(t.Context(), m.account, m.group, sso.MemberByAdmin, cli), "")
	}
	if _, err := db.SaveSettings(t.Context(), sso.SettingsChange{Values: map[string]*string{"M": ptr("before")}, Events: []sso.Event{{Kind: sso.EventSetting}}}); err != nil {
		t.Fatal(err)
	}
	db.advance(time.Minute)
	return sso.SettingsChange{
		Values: map[string]*string{"M": ptr("after"), "S": ptr("on")}, Version: 1, Groups: []string{"New"},
		Events: []sso.Event{{Kind: sso.EventSetting, Actor: "root@example.com"}},
		Clear:  []sso.GroupClearing{{Group: hr, Members: 1, Delete: true, Event: cli}, {Group: sales, Members: 2, Event: cli}},
		Undo:   &sso.Undo{ID: "u1", Kind: sso.UndoMapping, People: 7},
	}
}

// SECURITY G8: all of it is done or nothing, whatever of it is not as the administrator was told.
func TestSaveWithGroupsIsOneTransaction(t *testing.T) {
	for name, spoil := range map[string]func(*testing.T, *testDB, *sso.SettingsChange){
		"someone has saved":     func(_ *testing.T, _ *testDB, c *sso.SettingsChange) { c.Version = 0 },
		"one more in the first": func(_ *testing.T, _ *testDB, c *sso.SettingsChange) { c.Clear[0].Members = 0 },
		"one less in the last":  func(_ *testing.T, _ *testDB, c *sso.SettingsChange) { c.Clear[1].Members = 3 },
		"a group is gone":       func(_ *testing.T, _ *testDB, c *sso.SettingsChange) { c.Clear[1].ID = 99 },
		"a built-in group":      func(_ *testing.T, _ *testDB, c *sso.SettingsChange) { c.Clear[1].ID = sso.Administrators },
		"nothing to take back": func(_ *testing.T, _ *testDB, c *sso.SettingsChange) {
			c.Restore = &sso.Undo{ID: "none", Kind: sso.UndoMapping}
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, db *testDB) {
				c := clearing(t, db)
				before, events := db.state(t), db.count(t, "events")
				spoil(t, db, &c)
				if _, err := db.SaveSettings(t.Context(), c); sso.CodeOf(err) == "" || sso.CodeOf(err) == sso.Internal {
					t.Errorf("got %v, want a refusal", err)
				}
				if diff := cmp.Diff(before, db.state(t)); diff != "" {
					t.Errorf("after a refusal (-before +after):\n%s", diff)
				}
				if got := db.count(t, "events"); got != events {
					t.Errorf("events: got %d, want %d", got, events)
				}
				if undos, err := db.Undos(t.Context(), sso.UndoMapping); err != nil || len(undos) > 0 {
					t.Errorf("to take back: got %v, %v, want nothing", undos, err)
				}
			})
		})
	}
}

func TestSaveWithGroupsIsTakenBack(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		c := clearing(t, db)
		before := db.state(t)
		if _, err := db.SaveSettings(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if got := db.state(t); !strings.Contains(got, "[{1 All Users} {2 Administrators} {4 Sales} {5 New}] after on") || strings.Contains(got, "acme.example") {
			t.Errorf("after the change: got %s", got)
		}
		undos, err := db.Undos(t.Context(), sso.UndoMapping)
		want := []sso.Undo{{ID: "u1", Kind: sso.UndoMapping, At: *db.now.Load(), Actor: "root@example.com", People: 7,
			Groups: []sso.ClearedGroup{{Group: sso.Group{ID: 3, Name: "HR"}, Deleted: true, Members: 1}, {Group: sso.Group{ID: 4, Name: "Sales"}, Members: 2}},
			Values: map[string]*string{"M": ptr("before"), "S": nil}}}
		if diff := cmp.Diff(want, undos); diff != "" || err != nil {
			t.Fatalf("to take back (-want +got):\n%s%v", diff, err)
		}
		back := sso.SettingsChange{Values: undos[0].Values, Version: 2, Restore: &sso.Undo{ID: "u1", Kind: sso.UndoMapping}, Events: []sso.Event{{Kind: sso.EventSetting}}}
		if _, err := db.SaveSettings(t.Context(), back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Replace(before, "{4 Sales}]", "{4 Sales} {5 New}]", 1), db.state(t)); diff != "" {
			t.Errorf("taken back (-before +after):\n%s", diff)
		}
		back.Version = 3
		wantCode(t, "taken back twice", second(db.SaveSettings(t.Context(), back)), sso.Conflict)
		for _, table := range []string{"undos", "undo_groups", "undo_members"} {
			if n := db.count(t, table); n != 0 {
				t.Errorf("%s: got %d rows left, want none", table, n)
			}
		}
	})
}

// What changed since stands in the way, or is respected.
func TestTakenBackAfterOtherChanges(t *testing.T) {
	back := func(db *testDB, t *testing.T, version int64) error {
		_, err := db.SaveSettings(t.Context(), sso.SettingsChange{Values: map[string]*string{"M": ptr("before"), "S": nil}, Version: version, Restore: &sso.Undo{ID: "u1", Kind: sso.UndoMapping}})
		return err
	}
	for name, since := range map[string]func(*testing.T, *testDB) sso.Code{
		"the settings were changed": func(t *testing.T, db *testDB) sso.Code {
			wantCode(t, "save", second(db.SaveSettings(t.Context(), sso.SettingsChange{Values: map[string]*string{"S": nil}, Version: 2})), "")
			if undos, err := db.Undos(t.Context(), sso.UndoMapping); err != nil || len(undos) != 1 || !undos[0].Stale {
				t.Errorf("got %v, %v, want it stale", undos, err)
			}
			return sso.Conflict
		},
		"another setting was changed": func(t *testing.T, db *testDB) sso.Code {
			wantCode(t, "save", second(db.SaveSettings(t.Context(), sso.SettingsChange{Values: map[string]*string{"X": ptr("1")}, Version: 2})), "")
			return ""
		},
		"the name was taken": func(t *testing.T, db *testDB) sso.Code { db.ensure(t, "HR"); return sso.Conflict },
		"the emptied group is gone": func(t *testing.T, db *testDB) sso.Code {
			wantCode(t, "delete", db.DeleteGroup(t.Context(), sso.GroupClearing{Group: sso.Group{ID: 4}, Event: cli}, ""), "")
			return sso.Conflict
		},
		"its time is over": func(_ *testing.T, db *testDB) sso.Code { db.advance(sso.UndoLifetime); return sso.Conflict },
		"it was swept away": func(t *testing.T, db *testDB) sso.Code {
			db.advance(sso.UndoLifetime)
			if _, err := db.Sweep(t.Context(), *db.now.Load()); err != nil || db.count(t, "undo_members") != 0 {
				t.Errorf("swept: %v, %d left", err, db.count(t, "undo_members"))
			}
			return sso.Conflict
		},
		"a member is back already": func(t *testing.T, db *testDB) sso.Code {
			wantCode(t, "member", db.AddMember(t.Context(), 1, 4, sso.MemberByAdmin, cli), "")
			return ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, db *testDB) {
				if _, err := db.SaveSettings(t.Context(), clearing(t, db)); err != nil {
					t.Fatal(err)
				}
				want := since(t, db)
				_, version, err := db.Settings(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				before := db.state(t)
				err = back(db, t, version)
				wantCode(t, "taken back", err, want)
				if got := db.state(t); (got == before) != (want != "") {
					t.Errorf("got %v and\n%s, want it refused whole or done whole", err, got)
				}
				if want == "" && strings.Count(db.state(t), "acme.example") != 3 {
					t.Errorf("got %s, want all three memberships", db.state(t))
				}
			})
		})
	}
}

// A sign-in since then knows better than what was kept: who is not in the group any more by it does not come back.
func TestTakenBackAfterASignIn(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		if _, err := db.SaveSettings(t.Context(), clearing(t, db)); err != nil {
			t.Fatal(err)
		}
		db.advance(time.Minute)
		db.signIn(t, groups(person("ada@acme.example")), mapped(sso.Mappings{"other": {{ID: 5}}}))
		db.signIn(t, groups(person("bob@acme.example")), mapped(sso.Mappings{"other": {{ID: 5}}}))
		if _, err := db.SaveSettings(t.Context(), sso.SettingsChange{Values: map[string]*string{"M": ptr("before")}, Version: 2, Restore: &sso.Undo{ID: "u1", Kind: sso.UndoMapping}}); err != nil {
			t.Fatal(err)
		}
		got := db.state(t)
		if strings.Contains(got, "ada@acme.example 4") || !strings.Contains(got, "ada@acme.example 3 admin") || !strings.Contains(got, "bob@acme.example 4 admin") {
			t.Errorf("got %s, want the membership through a sign-in left to the next one, and those of an administrator back", got)
		}
	})
}

func TestDeletedGroupIsBroughtBack(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		clearing(t, db)
		before := db.state(t)
		wantCode(t, "delete", db.DeleteGroup(t.Context(), sso.GroupClearing{Group: sso.Group{ID: 4}, Members: 2, Event: cli}, "g1"), "")
		undos, err := db.Undos(t.Context(), sso.UndoGroup)
		if err != nil || len(undos) != 1 || undos[0].Stale || undos[0].Groups[0].Name != "Sales" {
			t.Fatalf("got %+v, %v", undos, err)
		}
		_, last, err := db.Changes(t.Context(), -1)
		if err != nil {
			t.Fatal(err)
		}
		wantCode(t, "as a mapping", second(db.SaveSettings(t.Context(), sso.SettingsChange{Version: 1, Restore: &sso.Undo{ID: "g1", Kind: sso.UndoMapping}})), sso.Conflict)
		wantCode(t, "back", db.RestoreGroup(t.Context(), "g1", cli), "")
		if diff := cmp.Diff(before, db.state(t)); diff != "" {
			t.Errorf("brought back (-before +after):\n%s", diff)
		}
		changes, _, err := db.Changes(t.Context(), last)
		if err != nil || !slices.ContainsFunc(changes, func(c sso.Change) bool { return c.AccountID == 0 }) {
			t.Errorf("got %v, %v, want every cache told", changes, err)
		}
		wantCode(t, "twice", db.RestoreGroup(t.Context(), "g1", cli), sso.Conflict)
	})
}

// Two who take the same change back at once: it is taken back once.
func TestTakenBackAtOnce(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		clearing(t, db)
		before := db.state(t)
		wantCode(t, "delete", db.DeleteGroup(t.Context(), sso.GroupClearing{Group: sso.Group{ID: 4}, Members: 2, Event: cli}, "g1"), "")
		var all sync.WaitGroup
		codes := make([]sso.Code, 8)
		for i := range codes {
			all.Go(func() { codes[i] = sso.CodeOf(db.RestoreGroup(t.Context(), "g1", cli)) })
		}
		all.Wait()
		slices.Sort(codes)
		if codes[0] != "" || codes[1] != sso.Conflict || codes[7] != sso.Conflict {
			t.Errorf("got %q, want one done and the others told", codes)
		}
		if diff := cmp.Diff(before, db.state(t)); diff != "" {
			t.Errorf("brought back (-before +after):\n%s", diff)
		}
	})
}
