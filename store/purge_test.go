package store_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest"
	"github.com/ssobridge/ssobridge/sso/ssotest/conformance"
)

// A person who is purged is in no table any more: not by e-mail, name or address, and by number in the trail alone. Others stay as
// they were, and whoever signs in with the same e-mail is a new account, with nothing of the old one.
func TestPurgeAccount(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		root := db.admin(t, "root@example.com")
		id := groups(subject("ada@example.com", "subject-of-ada"), "Sales")
		id.FirstName, id.LastName, id.Attributes = ptr("Augusta"), ptr("Kinglovelace"), map[string]string{"desk": "desk-of-ada"}
		if _, err := db.EnsureGroups(t.Context(), []string{"Sales"}, cli); err != nil {
			t.Fatal(err)
		}
		old, sid := db.signIn(t, id, standard)
		other, others := db.signIn(t, person("canada@example.com"), standard)
		by := func(actor, detail string) sso.Event {
			return sso.Event{Kind: sso.EventAccount, Actor: actor, Peer: "192.0.2.1", Detail: detail}
		}
		if err := db.AddMember(t.Context(), old.Account.ID, sso.Administrators, sso.MemberByAdmin, by("root@example.com", "")); err != nil {
			t.Fatal(err)
		}
		if err := db.SetActive(t.Context(), other.Account.ID, false, by("ada@example.com", "asked by ada@example.com, not canada@example.com or ada@example.com.au. Told ada@example.com.")); err != nil {
			t.Fatal(err)
		}
		if err := db.SetActive(t.Context(), other.Account.ID, true, by("root@example.com", "")); err != nil {
			t.Fatal(err)
		}
		name := "Ours"
		if _, err := db.SaveSettings(t.Context(), sso.SettingsChange{Values: map[string]*string{"SITE_NAME": &name}, Events: []sso.Event{by("ada@example.com", "SITE_NAME")}}); err != nil {
			t.Fatal(err)
		}
		if err := db.Record(t.Context(), sso.Event{Kind: sso.EventSignInRefused, Code: sso.TokenExpired, Email: "Ada@example.com", Peer: "192.0.2.1"}); err != nil {
			t.Fatal(err)
		}
		proofs := db.count(t, "proofs")
		kept, err := db.KeptOf(t.Context(), old.Account)
		if err != nil {
			t.Fatal(err)
		}
		for table, n := range map[string]int{"identities": kept.Identities, "memberships": kept.Groups, "passkeys": kept.Passkeys, "sessions": kept.Sessions} {
			if want := db.count(t, fmt.Sprintf("%s WHERE account_id = %d", table, old.Account.ID)); n != want {
				t.Errorf("%s: %d are said to be kept, want %d", table, n, want)
			}
		}
		events, err := db.PurgeAccount(t.Context(), old.Account.ID, by("root@example.com", "purged"))
		if err != nil || events < 3 || int(events) != kept.Events {
			t.Fatalf("got %d events of %d that were said, %v", events, kept.Events, err)
		}
		for _, text := range []string{"ada@example.com", "subject-of-ada", "Kinglovelace", "desk-of-ada"} {
			if found := db.textIn(t, text, "canada@example.com"); len(found) > 0 {
				t.Errorf("%s is still in %v", text, found)
			}
		}
		for _, table := range []string{"identities", "memberships", "passkeys", "sessions", "doubtful_emails", "undo_members"} {
			if n := db.count(t, fmt.Sprintf("%s WHERE account_id = %d", table, old.Account.ID)); n > 0 {
				t.Errorf("%s has %d rows of the account", table, n)
			}
		}
		if n := db.count(t, "proofs"); n != proofs {
			t.Errorf("got %d tokens that were used, want %d", n, proofs)
		}
		_, err = db.Principal(t.Context(), sid)
		wantCode(t, "the session", err, sso.NotSignedIn)
		db.stillThere(t, old.Account.ID, other.Account.ID)
		if _, err := db.Principal(t.Context(), others); sso.CodeOf(err) == sso.StoreUnavailable {
			t.Error(err)
		}

		again, _ := db.signIn(t, person("ada@example.com"), standard)
		if again.Account.ID == old.Account.ID {
			t.Error("the number was given again")
		}
		members, err := db.Memberships(t.Context(), again.Account.ID)
		if err != nil || len(members) != 1 {
			t.Errorf("the new account is in %v, %v; want in that of everyone alone", members, err)
		}
		_, err = db.PurgeAccount(t.Context(), old.Account.ID, by("root@example.com", ""))
		wantCode(t, "once more", err, sso.NotFound)
		_, err = db.PurgeAccount(t.Context(), root.ID, by("cli", ""))
		wantCode(t, "the only administrator", err, sso.Conflict)
		if _, err := db.Account(t.Context(), root.ID); err != nil {
			t.Errorf("the only administrator: %v", err)
		}
	})
}

// stillThere looks at what the trail keeps of who was purged, and of others.
func (db *testDB) stillThere(t *testing.T, purged, other int64) {
	t.Helper()
	about, _, err := db.Events(t.Context(), sso.EventQuery{AccountID: purged})
	if err != nil || len(about) < 2 {
		t.Fatalf("got events %v, %v", about, err)
	}
	for _, e := range about {
		if e.At.IsZero() || e.Kind == "" || e.Email != "" || e.Peer != "" && e.Detail != "purged" || e.Detail != "" && e.Detail != "purged" {
			t.Errorf("got %+v, want time and kind alone, and that the account was purged", e)
		}
	}
	list, _, err := db.Events(t.Context(), sso.EventQuery{AccountID: other, Actor: fmt.Sprintf("account %d", purged)})
	want := fmt.Sprintf("asked by account %[1]d, not canada@example.com or ada@example.com.au. Told account %[1]d.", purged)
	if err != nil || len(list) != 1 || list[0].Detail != want || list[0].Email != "canada@example.com" || list[0].Peer == "" {
		t.Errorf("the event about somebody else: got %+v, %v; want %q", list, err, want)
	}
}

// textIn returns the columns of all tables that have a text, but for those rows that have it within another one.
func (db *testDB) textIn(t *testing.T, text, within string) (found []string) {
	t.Helper()
	raw := db.raw(t)
	columns := `SELECT m.name, p.name FROM sqlite_schema m, pragma_table_info(m.name) p WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`
	if !strings.HasPrefix(db.url, "sqlite:") {
		columns = `SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = current_schema()`
	}
	for _, c := range query(t, raw, columns) {
		rows := query(t, raw, fmt.Sprintf(`SELECT count(*) FROM "%[1]s" WHERE lower(CAST("%[2]s" AS TEXT)) LIKE '%%%[3]s%%' AND CAST("%[2]s" AS TEXT) NOT LIKE '%%%[4]s%%'`,
			c[0], c[1], strings.ToLower(text), within))
		if rows[0][0] != "0" {
			found = append(found, c[0]+"."+c[1])
		}
	}
	return found
}

// A sign-in that meets the end of its account opens one anew, or is refused; it is no error of the bridge.
func TestPurgeDuringSignIns(t *testing.T) {
	each(t, func(t *testing.T, db *testDB) {
		db.ensure(t, "Sales", "HR")
		for round := range 12 {
			who := groups(subject(fmt.Sprintf("p%d@example.com", round), fmt.Sprint("subject-", round)), "Sales", "HR")
			out, _ := db.signIn(t, who, standard)
			errs := make([]error, 6)
			ssotest.AtOnce(len(errs)+1, func(i int) {
				if i == len(errs) {
					if _, err := db.PurgeAccount(context.Background(), out.Account.ID, cli); err != nil {
						t.Errorf("purge: %v", err)
					}
					return
				}
				x, in := conformance.Arrival(start, who, standard)
				_, errs[i] = db.SignIn(context.Background(), x, in)
			})
			for _, err := range errs {
				if err != nil {
					t.Errorf("round %d: a sign-in: got %v (%s)", round, err, sso.CodeOf(err))
				}
			}
		}
	})
}

// Nor is a person who was purged in what SQLite calls free: it leaves the bytes of what is deleted in the file.
func TestPurgedBytesAreOverwritten(t *testing.T) {
	db := open(t, empties()["sqlite"](t))
	var ada sso.Account
	for i := range 40 {
		name := fmt.Sprintf("person%d", i)
		if i == 20 {
			name = "ada.kinglovelace"
		}
		for range 5 {
			id := person(name + "@example.com")
			id.FirstName, id.Attributes = ptr(name), map[string]string{"desk": "desk of " + name}
			in, _ := db.signIn(t, id, standard)
			if i == 20 {
				ada = in.Account
			}
			if err := db.Record(t.Context(), sso.Event{Kind: sso.EventSignInRefused, Code: sso.TokenExpired, Email: name + "@example.com"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := db.PurgeAccount(t.Context(), ada.ID, cli); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(strings.TrimPrefix(db.url, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(raw, []byte("kinglovelace")); n > 0 {
		t.Errorf("the file has the name %d times", n)
	}
	if !bytes.Contains(raw, []byte("person21@example.com")) {
		t.Error("the file has nobody")
	}
}
