package store_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
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
		text, list := groups(person("cid@acme.example"), "cn=a,dc=x"), groups(person("dan@acme.example"), "cn=a,dc=x")
		list.GroupsListed = true
		cid, _ := db.signIn(t, text, policy)
		dan, _ := db.signIn(t, list, policy)
		gone, _ := db.signIn(t, groups(person("gone@acme.example"), "ext"), policy)
		if err := db.SetActive(t.Context(), gone.Account.ID, false, sso.Event{Kind: sso.EventAccount}); err != nil {
			t.Fatal(err)
		}
		db.signIn(t, person("ada@acme.example"), policy)
		x, in := conformance.Arrival(*db.now.Load(), groups(person("bob@acme.example"), "secretly"), policy)
		x.Explaining = true
		if _, err := db.TrySignIn(t.Context(), x, in); err != nil {
			t.Fatal(err)
		}
		x, in = conformance.Arrival(*db.now.Load(), groups(person("gone@acme.example"), "refused"), policy)
		if _, err := db.SignIn(t.Context(), x, in); err == nil {
			t.Fatal("a deactivated account signed in")
		}

		var got []sso.SentGroups
		if err := db.SentGroups(t.Context(), "jwt", func(s sso.SentGroups) { got = append(got, s) }); err != nil {
			t.Fatal(err)
		}
		want := []sso.SentGroups{
			{AccountID: ada.Account.ID, Email: "ada@acme.example", Sent: []string{"ext", `"quoted`}, Listed: true, Groups: []int64{sso.FirstGroup}},
			{AccountID: bob.Account.ID, Email: "bob@acme.example", Sent: []string{}, Listed: true},
			{AccountID: cid.Account.ID, Email: "cid@acme.example", Sent: []string{"cn=a,dc=x"}},
			{AccountID: dan.Account.ID, Email: "dan@acme.example", Sent: []string{"cn=a,dc=x"}, Listed: true},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("sent groups (-want +got):\n%s", diff)
		}
		var emails []string
		if err := db.PeopleOf(t.Context(), "jwt", func(s sso.SentGroups) { emails = append(emails, s.Email) }); err != nil {
			t.Fatal(err)
		}
		if want := []string{"ada@acme.example", "grace@acme.example", "bob@acme.example", "cid@acme.example", "dan@acme.example"}; !slices.Equal(emails, want) {
			t.Errorf("people: got %q, want %q", emails, want)
		}
		if list, sent, err := db.AccountSentGroups(t.Context(), cid.Account.ID); err != nil || !sent || !slices.Equal(list, text.Groups) {
			t.Errorf("groups in one text: got %q, %v, %v", list, sent, err)
		}
		if list, sent, err := db.AccountSentGroups(t.Context(), gone.Account.ID); err != nil || !sent || len(list) != 1 || list[0] != "ext" {
			t.Errorf("groups of the refused: got %q, %v, %v; want ext, from the login before", list, sent, err)
		}
	})
}
