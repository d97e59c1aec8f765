package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
)

// What the last login said about groups is kept until another login says something; a refused one, and an explanation,
// leave no trace.
func TestSentGroups(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		db.ensure(t, "Sales")
		policy := mapped(sso.Mappings{"ext": {{Name: "Sales"}}})
		ada, _ := db.signIn(t, groups(person("ada@acme.example"), "ext", `"quoted`), policy)
		db.signIn(t, person("grace@acme.example"), policy) // named no groups
		bob, _ := db.signIn(t, groups(person("bob@acme.example")), policy)
		gone, _ := db.signIn(t, groups(person("gone@acme.example"), "ext"), policy)
		if err := db.SetActive(t.Context(), gone.Account.ID, false, sso.Event{Kind: sso.EventAccount}); err != nil {
			t.Fatal(err)
		}
		db.signIn(t, person("ada@acme.example"), policy)
		x, in := arrival(*db.now.Load(), groups(person("bob@acme.example"), "secretly"), policy)
		x.Explaining = true
		if _, err := db.TrySignIn(t.Context(), x, in); err != nil {
			t.Fatal(err)
		}
		x, in = arrival(*db.now.Load(), groups(person("gone@acme.example"), "refused"), policy)
		if _, err := db.SignIn(t.Context(), x, in); err == nil {
			t.Fatal("a deactivated account signed in")
		}

		var got []sso.SentGroups
		if err := db.SentGroups(t.Context(), func(s sso.SentGroups) { got = append(got, s) }); err != nil {
			t.Fatal(err)
		}
		want := []sso.SentGroups{
			{AccountID: ada.Account.ID, Email: "ada@acme.example", Sent: []string{"ext", `"quoted`}, Groups: []int64{sso.FirstGroup}},
			{AccountID: bob.Account.ID, Email: "bob@acme.example", Sent: []string{}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("sent groups (-want +got):\n%s", diff)
		}
		if list, sent, err := db.AccountSentGroups(t.Context(), gone.Account.ID); err != nil || !sent || len(list) != 1 || list[0] != "ext" {
			t.Errorf("groups of the refused: got %q, %v, %v; want ext, from the login before", list, sent, err)
		}
	})
}

// SECURITY G4
func TestAdministratorMarked(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		login := func(email, mark string) {
			t.Helper()
			x, in := arrival(*db.now.Load(), person(email), with(func(*sso.Policy) {}))
			in.Mark = mark
			if _, err := db.SignIn(t.Context(), x, in); err != nil {
				t.Fatal(err)
			}
		}
		want := func(when string, want bool, marks ...string) {
			t.Helper()
			if got, err := db.AdministratorMarked(t.Context(), marks); got != want || err != nil {
				t.Errorf("%s: got %v, %v, want %v", when, got, err, want)
			}
		}
		login("root@acme.example", "a")
		want("a plain person", false, "a")
		root, err := db.AccountByEmail(t.Context(), "root@acme.example")
		if err != nil {
			t.Fatal(err)
		}
		other := db.admin(t, "other@acme.example")
		if err := db.AddMember(t.Context(), root.ID, sso.Administrators, sso.MemberByAdmin, sso.Event{Kind: sso.EventGroup}); err != nil {
			t.Fatal(err)
		}
		want("an administrator", true, "x", "a", "y")
		want("with other settings", false, "b")
		want("with none", false)
		want("an administrator who never signed in through the provider", false, "")
		login("root@acme.example", "b")
		want("after a login with others", false, "a")
		want("after a login with others", true, "b")
		if err := db.SetActive(t.Context(), root.ID, false, sso.Event{Kind: sso.EventAccount}); err != nil {
			t.Fatal(err)
		}
		want("a deactivated one", false, "b")
		if other.ID == 0 {
			t.Error("no other administrator")
		}
	})
}
