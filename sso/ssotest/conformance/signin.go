package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ssobridge/ssobridge/sso"
	"github.com/ssobridge/ssobridge/sso/ssotest"
)

func signInProvisions(t *testing.T, db *subject) {
	db.ensure(t, "Sales")
	id := groups(person("Ada@Example.com"), "Sales", "unheard of")
	id.FirstName, id.LastName = ptr("Ada"), ptr("Lovelace")
	id.Attributes = map[string]string{"dept": "engines"}
	out, sid := db.signIn(t, id, standard)

	want := sso.Account{
		ID: out.Account.ID, Email: "Ada@Example.com", FirstName: "Ada", LastName: "Lovelace", Active: true, Source: "jwt",
		Synced: map[string]string{"dept": "engines"}, CreatedAt: start, LastLogin: start,
	}
	if diff := cmp.Diff(want, out.Account, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	if out.Admitted != sso.AdmittedNew || names(out.Groups) != "All Users, Sales" {
		t.Errorf("got admission %v and groups %s", out.Admitted, names(out.Groups))
	}
	p, err := db.Principal(t.Context(), sid)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, p.Account, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("principal's account (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(out.Groups, p.Groups); diff != "" {
		t.Errorf("principal's groups (-want +got):\n%s", diff)
	}
	if p.Session.Hash != sid || p.Session.AccountID != want.ID || !p.Session.ExpiresAt.Equal(start.Add(time.Hour)) {
		t.Errorf("got session %+v", p.Session)
	}
}

func signInAgain(t *testing.T, db *subject) {
	first := person("ada@example.com")
	first.FirstName, first.LastName = ptr("Ada"), ptr("Byron")
	first.Attributes = map[string]string{"dept": "engines", "floor": "2"}
	before, _ := db.signIn(t, first, standard)
	if err := db.ChangeOwnAttributes(t.Context(), before.Account.ID, map[string]*string{"floor": ptr("9")}, nil, cli); err != nil {
		t.Fatal(err)
	}

	db.advance(time.Hour)
	second := person("ADA@example.com") // one mailbox
	second.LastName = ptr("Lovelace")   // the first name was not sent
	second.Attributes = map[string]string{"dept": "poetry"}
	after, _ := db.signIn(t, second, standard)

	want := sso.Account{
		ID: before.Account.ID, Email: "ada@example.com", FirstName: "Ada", LastName: "Lovelace", Active: true, Source: "jwt",
		Synced: map[string]string{"dept": "poetry"}, Own: map[string]string{"floor": "9"},
		CreatedAt: start, LastLogin: start.Add(time.Hour),
	}
	if diff := cmp.Diff(want, after.Account); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	kept, err := db.Account(t.Context(), want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

// CONTRACT 6, and SECURITY E4, E6.
func groupSync(t *testing.T, db *subject) {
	auto := standard
	off := with(func(p *sso.Policy) { p.SyncGroups = false })
	manual := mapped(sso.Mappings{"hr": {{Name: "HR"}}, "staff": {{Name: "Sales"}, {Name: "HR"}}, "boss": {{ID: sso.Administrators}}})
	rows := []struct {
		name   string
		policy sso.Policy
		before string // comma-separated
		sent   []string
		absent bool
		want   string
	}{
		{name: "off", policy: off, before: "Sales", sent: []string{"HR"}, want: "All Users, Sales"},
		{name: "absent or null", policy: auto, before: "Sales", absent: true, want: "All Users, Sales"},
		{name: "empty list", policy: auto, before: "Sales,HR", sent: []string{}, want: "All Users"},
		{name: "one", policy: auto, before: "Sales", sent: []string{"HR"}, want: "All Users, HR"},
		{name: "the same", policy: auto, before: "Sales", sent: []string{"Sales"}, want: "All Users, Sales"},
		{name: "several and unknown", policy: auto, sent: []string{"Sales", "HR", "Ops"}, want: "All Users, Sales, HR"},
		{name: "another case", policy: auto, sent: []string{"sales"}, want: "All Users"},
		{name: "NUL", policy: auto, sent: []string{"Sales\x00", "HR\xff"}, want: "All Users"},
		{name: "a built-in name", policy: auto, sent: []string{"Administrators", "All Users"}, want: "All Users"},
		{name: "administrator by hand stays", policy: auto, before: "Administrators,Sales", sent: []string{}, want: "All Users, Administrators"},
		{name: "mapped", policy: manual, sent: []string{"staff"}, want: "All Users, Sales, HR"},
		{name: "mapped away", policy: manual, before: "Sales,HR,Other", sent: []string{"hr"}, want: "All Users, HR, Other"},
		{name: "mapped to nothing", policy: manual, before: "Sales,HR,Other", sent: []string{}, want: "All Users, Other"},
		{name: "mapped, but by the bridge's name", policy: manual, sent: []string{"Sales", "Administrators"}, want: "All Users"},
		{name: "mapped to Administrators", policy: manual, sent: []string{"boss"}, want: "All Users, Administrators"},
		{name: "no longer an administrator", policy: manual, before: "Administrators", sent: []string{}, want: "All Users"},
		{name: "mapped, absent", policy: manual, before: "Administrators,Sales", absent: true, want: "All Users, Administrators, Sales"},
	}
	db.ensure(t, "Sales")
	db.ensure(t, "HR")
	db.ensure(t, "Other")
	db.admin(t, "root@example.com")
	for i, tt := range rows {
		email := fmt.Sprintf("p%d@example.com", i)
		out, sid := db.signIn(t, person(email), standard)
		for name := range strings.SplitSeq(tt.before, ",") {
			if g, err := db.GroupByName(t.Context(), name); err == nil {
				if err := db.AddMember(t.Context(), out.Account.ID, g.ID, sso.MemberByAdmin, cli); err != nil {
					t.Fatal(err)
				}
			}
		}
		_, since, err := db.Changes(t.Context(), -1)
		if err != nil {
			t.Fatal(err)
		}
		id := person(email)
		if !tt.absent {
			id = groups(id, tt.sent...)
		}
		out, _ = db.signIn(t, id, tt.policy)
		if got := names(out.Groups); got != tt.want {
			t.Errorf("%s: got groups %s, want %s", tt.name, got, tt.want)
		}
		// SECURITY E5: the session that was there before has the same groups.
		p, err := db.Principal(t.Context(), sid)
		if err != nil {
			t.Fatal(err)
		}
		if got := names(p.Groups); got != tt.want {
			t.Errorf("%s: running session: got groups %s, want %s", tt.name, got, tt.want)
		}
		// What changed is in the event, by name.
		events, _, err := db.Events(t.Context(), sso.EventQuery{AccountID: out.Account.ID, Kinds: []sso.EventKind{sso.EventSignIn}})
		if err != nil {
			t.Fatal(err)
		}
		if said := strings.Contains(events[0].Detail, "added to "); said != (len(out.Added) > 0) {
			t.Errorf("%s: added %v, but the event says %q", tt.name, out.Added, events[0].Detail)
		}
		if said := strings.Contains(events[0].Detail, "removed from "); said != (len(out.Removed) > 0) {
			t.Errorf("%s: removed %v, but the event says %q", tt.name, out.Removed, events[0].Detail)
		}
		changes, _, err := db.Changes(t.Context(), since)
		if err != nil {
			t.Fatal(err)
		}
		if changed := len(out.Added)+len(out.Removed) > 0; changed != (len(changes) == 1 && changes[0].AccountID == out.Account.ID) {
			t.Errorf("%s: added %v, removed %v, but announced %v", tt.name, out.Added, out.Removed, changes)
		}
	}
}

func groupSyncWarnings(t *testing.T, db *subject) {
	policy := mapped(sso.Mappings{"boss": {{ID: sso.Administrators}}, "lost": {{ID: 77}, {Name: "Gone"}}})
	out, _ := db.signIn(t, groups(person("ada@example.com"), "boss"), policy)
	if names(out.Groups) != "All Users, Administrators" || len(out.Warnings) != 0 {
		t.Fatalf("got groups %s, warnings %q", names(out.Groups), out.Warnings)
	}
	// SECURITY E6
	out, _ = db.signIn(t, groups(person("ada@example.com"), "lost"), policy)
	if names(out.Groups) != "All Users, Administrators" {
		t.Errorf("the last administrator has the groups %s", names(out.Groups))
	}
	got := strings.Join(out.Warnings, "\n")
	for _, want := range []string{"last administrator", "group 77", `group "Gone"`} {
		if !strings.Contains(got, want) {
			t.Errorf("no warning says %q:\n%s", want, got)
		}
	}
	events, _, err := db.Events(t.Context(), sso.EventQuery{Kinds: []sso.EventKind{sso.EventWarning}})
	if err != nil || len(events) != 3 || events[0].AccountID != out.Account.ID {
		t.Errorf("got events %+v, %v; want one for each warning", events, err)
	}
	// A deactivated administrator cannot help anyone: the one left is still the last.
	second := db.admin(t, "second@example.com")
	if err := db.SetActive(t.Context(), second.ID, false, cli); err != nil {
		t.Fatal(err)
	}
	out, _ = db.signIn(t, groups(person("ada@example.com")), policy)
	if names(out.Groups) != "All Users, Administrators" {
		t.Errorf("with a deactivated second one: got groups %s", names(out.Groups))
	}
}

func linking(t *testing.T, db *subject) {
	link := with(func(p *sso.Policy) { p.LinkPasswordAccounts = true })
	back := with(func(p *sso.Policy) { p.Reactivate = true })
	backOnly := with(func(p *sso.Policy) { p.Reactivate, p.Provision = true, false })
	closed := with(func(p *sso.Policy) { p.Provision = false })
	across := with(func(p *sso.Policy) { p.LinkAccounts = true })
	of := func(provider string, id sso.Identity) sso.Identity {
		id.Provider = provider
		return id
	}
	// In each row these people are others: "#" in an e-mail or a subject is the row's number.
	const known, other, locked, gone, plain = "ada#@example.com", "bob#@example.com", "pw#@example.com", "gone#@example.com", "mail#@example.com"
	rows := []struct {
		name   string
		id     sso.Identity
		policy sso.Policy
		want   string // an e-mail the account had before, "new", or a code
	}{
		{"by e-mail", person(plain), standard, plain},
		{"by e-mail in another case", person("MAIL#@Example.COM"), standard, plain},
		{"unknown", person("new#@example.com"), standard, "new"},
		{"unknown, provisioning off", person("new#@example.com"), closed, "provisioning_off"},
		{"known, provisioning off", person(plain), closed, plain},
		{"by subject", subjectOf(known, "42#"), standard, known},
		{"by subject, e-mail changed", subjectOf("lovelace#@example.com", "42#"), standard, known},
		{"by subject, e-mail of another", subjectOf(other, "42#"), standard, "link_refused"},
		{"e-mail of another subject", subjectOf(known, "43#"), standard, "link_refused"},
		{"first subject for an e-mail", subjectOf(plain, "44#"), standard, plain},
		{"subject in another case", subjectOf(known, "4２#"), standard, "link_refused"},
		{"subject that looks like an account's id", subjectOf("new#@example.com", "1"), standard, "new"}, // CVE-2025-41115
		{"subject that looks like an e-mail", subjectOf("new#@example.com", plain), standard, "new"},
		{"subject of another provider", of("second", subjectOf("new#@example.com", "42#")), standard, "new"},
		{"known e-mail from another provider", of("second", subjectOf(known, "x#")), standard, "link_refused"}, // SECURITY E1
		{"known e-mail alone from another provider", of("second", person(plain)), standard, "link_refused"},
		{"known e-mail from another provider, linking on", of("second", subjectOf(known, "x#")), across, known},
		{"known e-mail alone from another provider, linking on", of("second", person(plain)), across, plain},
		{"with a password, from another provider, linking on", of("second", person(locked)), across, "link_refused"},
		{"deactivated, from another provider, linking on", of("second", person(gone)), across, "account_disabled"},
		{"with a password", person(locked), standard, "link_refused"}, // SECURITY E2
		{"with a password, linking on", person(locked), link, locked},
		{"deactivated", person(gone), standard, "account_disabled"}, // SECURITY E8
		{"deactivated, reactivation on", person(gone), back, gone},
		{"deactivated, reactivation on, provisioning off", person(gone), backOnly, "provisioning_off"},
	}
	for i, tt := range rows {
		in := func(text string) string { return strings.ReplaceAll(text, "#", fmt.Sprint("-", i)) }
		row := func(id sso.Identity) sso.Identity {
			id.Email, id.Subject.Value = in(id.Email), in(id.Subject.Value)
			return id
		}
		accounts := map[int64]string{}
		for _, id := range []sso.Identity{subjectOf(known, "42#"), subjectOf(other, "b#"), person(gone), person(plain)} {
			out, _ := db.signIn(t, row(id), standard)
			accounts[out.Account.ID] = id.Email
			if id.Email == gone {
				if err := db.SetActive(t.Context(), out.Account.ID, false, cli); err != nil {
					t.Fatal(err)
				}
			}
		}
		a, err := db.CreateAccount(t.Context(), sso.Account{Email: in(locked), Active: true}, "hash", nil, cli)
		if err != nil {
			t.Fatal(err)
		}
		accounts[a.ID] = locked
		db.tryLink(t, tt.name, row(tt.id), tt.policy, tt.want, accounts)
	}
}

// tryLink signs in and wants the account that had the e-mail want before, a "new" one, or a refusal that changes nothing.
func (db *subject) tryLink(t *testing.T, name string, id sso.Identity, policy sso.Policy, want string, accounts map[int64]string) {
	t.Helper()
	before := db.Rows(t)
	x, in := Arrival(db.now, id, policy)
	out, err := db.SignIn(t.Context(), x, in)
	if err != nil {
		if got := string(sso.CodeOf(err)); got != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
		if diff := cmp.Diff(before, db.Rows(t)); diff != "" {
			t.Errorf("%s: refused, but something was kept (-before +after):\n%s", name, diff)
		}
		return
	}
	got, old := accounts[out.Account.ID]
	if !old {
		got = "new"
	}
	if got != want {
		t.Errorf("%s: signed in to %s, want %s", name, got, want)
	}
	if !strings.EqualFold(out.Account.Email, id.Email) || !out.Account.Active {
		t.Errorf("%s: got account %+v", name, out.Account)
	}
	again, _ := db.signIn(t, id, policy)
	if again.Account.ID != out.Account.ID || again.Admitted != sso.AdmittedKnown {
		t.Errorf("%s: the second time account %d, admission %v", name, again.Account.ID, again.Admitted)
	}
}

// Who moved to another provider while LINK_ACCOUNTS was on stays there when it is off again. Nobody else gets in (SECURITY E1).
func linkingEnds(t *testing.T, db *subject) {
	across := with(func(p *sso.Policy) { p.LinkAccounts = true })
	of := func(id sso.Identity) sso.Identity {
		id.Provider = "second"
		return id
	}
	ada, _ := db.signIn(t, subjectOf("ada@example.com", "1"), standard)
	bob, _ := db.signIn(t, person("bob@example.com"), standard)
	all := map[int64]string{ada.Account.ID: "ada", bob.Account.ID: "bob"}
	db.signIn(t, of(person("ada@example.com")), across)
	for _, tt := range []struct {
		name   string
		id     sso.Identity
		policy sso.Policy
		want   string
	}{
		{"linked", of(person("ADA@example.com")), standard, "ada"},
		{"linked before, by the first provider", subjectOf("ada@example.com", "1"), standard, "ada"},
		{"not linked", of(person("bob@example.com")), standard, "link_refused"},
		{"a subject that looks like the link", of(subjectOf("eve@example.com", "ada@example.com")), standard, "new"},
		{"renamed by the first provider", subjectOf("lovelace@example.com", "1"), standard, "ada"},
		{"linked by another e-mail", of(person("lovelace@example.com")), standard, "link_refused"},
		{"linked once more", of(person("lovelace@example.com")), across, "ada"},
		{"linked by the new e-mail", of(person("lovelace@example.com")), standard, "ada"},
		{"linked, and with a subject now", of(subjectOf("lovelace@example.com", "s")), standard, "ada"},
		{"by the subject", of(subjectOf("ada@second.example", "s")), standard, "ada"},
		{"with another subject", of(subjectOf("ada@second.example", "t")), standard, "link_refused"},
		{"by the e-mail alone again", of(person("ada@second.example")), standard, "link_refused"},
		{"by the e-mail alone again, linking on", of(person("ada@second.example")), across, "ada"},
	} {
		db.tryLink(t, tt.name, tt.id, tt.policy, tt.want, all)
	}
}

func switchAsksAndSpendsNothing(t *testing.T, db *subject) {
	ada, _ := db.signIn(t, person("ada@example.com"), standard)
	for _, email := range []string{"bob@example.com", "new@example.com"} {
		if email == "bob@example.com" {
			db.signIn(t, person(email), standard)
		}
		accounts := db.Rows(t)["accounts"]
		x, in := Arrival(start, person(email), standard)
		in.Current = []int64{ada.Account.ID}
		_, err := db.SignIn(t.Context(), x, in)
		if ask, ok := errors.AsType[*sso.SwitchNeeded](err); !ok || ask.To.Email != email || ask.From != ada.Account.ID { // SECURITY C5
			t.Errorf("%s over ada: got %v, want to be asked", email, err)
		}
		if got := db.Rows(t)["accounts"]; got != accounts {
			t.Errorf("%s: asking made an account", email)
		}
		in.Switch = true
		x.Err, x.Checks = nil, nil
		if _, err := db.SignIn(t.Context(), x, in); err != nil {
			t.Errorf("%s after agreeing: %v", email, err)
		}
	}
	x, in := Arrival(start, person("ada@example.com"), standard)
	in.Current = []int64{ada.Account.ID}
	if _, err := db.SignIn(t.Context(), x, in); err != nil {
		t.Errorf("the same person again: %v", err)
	}
}

func spentOnce(t *testing.T, db *subject) {
	type try struct {
		name   string
		policy sso.Policy
		proof  string
		flow   string
		want   sso.Code
	}
	metabase := with(func(p *sso.Policy) { p.SingleUse = false })
	for _, tt := range []try{
		{"first", standard, "p1", "f1", ""},
		{"token again", standard, "p1", "f2", sso.TokenReplayed},
		{"flow again", standard, "p2", "f1", sso.FlowMismatch}, // SECURITY C4
		{"both again", standard, "p1", "f1", sso.TokenReplayed},
		{"what was refused is not spent", standard, "p2", "f2", ""},
		{"no flow", standard, "p3", "", ""},
		{"no proof", standard, "", "", sso.Internal},
		{"metabase", metabase, "p4", "", ""},
		{"metabase again", metabase, "p4", "", ""},
		{"metabase, flow again", metabase, "p4", "f1", sso.FlowMismatch},
	} {
		x, in := Arrival(start, person("ada@example.com"), tt.policy)
		x.Proof.Key, in.FlowKey = tt.proof, tt.flow
		if _, err := db.SignIn(t.Context(), x, in); sso.CodeOf(err) != tt.want {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

func explainChangesNothing(t *testing.T, db *subject) {
	db.ensure(t, "Sales")
	ada, _ := db.signIn(t, groups(person("ada@example.com"), "Sales"), standard)
	gone, _ := db.signIn(t, person("gone@example.com"), standard)
	if err := db.SetActive(t.Context(), gone.Account.ID, false, cli); err != nil {
		t.Fatal(err)
	}
	spent, in := Arrival(start, person("ada@example.com"), standard)
	if _, err := db.SignIn(t.Context(), spent, in); err != nil {
		t.Fatal(err)
	}
	closed := with(func(p *sso.Policy) { p.Provision = false })
	for _, tt := range []struct {
		name       string
		id         sso.Identity
		policy     sso.Policy
		replay     bool
		earlier    error
		want       sso.Code
		wantGroups string
		wantID     int64
		checks     string
	}{
		{"known", groups(person("ada@example.com")), standard, false, nil, "", "All Users", ada.Account.ID, "+single_use +account +groups"},
		{"new", groups(person("new@example.com"), "Sales"), standard, false, nil, "", "All Users, Sales", 0, "+single_use +account +groups"},
		{"replayed", groups(person("ada@example.com")), standard, true, nil, sso.TokenReplayed, "All Users", ada.Account.ID, "-single_use +account +groups"},
		{"provisioning off", groups(person("new@example.com"), "Sales"), closed, false, nil, sso.ProvisioningOff, "All Users, Sales", 0, "+single_use -account +groups"},
		{"deactivated", person("gone@example.com"), standard, false, nil, sso.AccountDisabled, "All Users", gone.Account.ID, "+single_use -account +groups"},
		{"expired before", groups(person("new@example.com"), "Sales"), standard, false, sso.TokenExpired, sso.TokenExpired, "All Users, Sales", 0, "+single_use +account +groups"},
	} {
		before := db.Rows(t)
		x, in := Arrival(start, tt.id, tt.policy)
		x.Explaining, x.Err = true, tt.earlier
		if tt.replay {
			x.Proof = spent.Proof
		}
		out, err := db.TrySignIn(t.Context(), x, in)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := sso.CodeOf(x.Err); got != tt.want {
			t.Errorf("%s: got %v, want %q", tt.name, x.Err, tt.want)
		}
		var checks []string
		for _, c := range x.Checks {
			checks = append(checks, map[bool]string{true: "+", false: "-"}[c.OK]+c.Name)
			if c.Detail == "" {
				t.Errorf("%s: check %s says nothing", tt.name, c.Name)
			}
		}
		if got := strings.Join(checks, " "); got != tt.checks {
			t.Errorf("%s: got checks %s, want %s", tt.name, got, tt.checks)
		}
		if got := names(out.Groups); got != tt.wantGroups || out.Account.ID != tt.wantID || out.Account.Email != tt.id.Email {
			t.Errorf("%s: got account %d %s in %s, want %d in %s", tt.name, out.Account.ID, out.Account.Email, got, tt.wantID, tt.wantGroups)
		}
		if diff := cmp.Diff(before, db.Rows(t)); diff != "" {
			t.Errorf("%s: something was kept (-before +after):\n%s", tt.name, diff)
		}
	}
}

// SECURITY C1: one token 100 times at once, at two replicas.
func oneTokenManyTimesAtOnce(t *testing.T, db *subject) {
	replicas := []sso.Store{db.Store, db.Twin}
	first, _ := Arrival(start, person("ada@example.com"), standard)
	codes := make([]sso.Code, 100)
	ssotest.AtOnce(len(codes), func(i int) {
		x, in := Arrival(start, first.Identity, standard)
		x.Proof, in.Session.Proof = first.Proof, first.Proof.Key
		_, err := replicas[i%2].SignIn(context.Background(), x, in)
		codes[i] = sso.CodeOf(err)
	})
	got := map[sso.Code]int{}
	for _, c := range codes {
		got[c]++
	}
	if got[""] != 1 || got[sso.TokenReplayed] != 99 {
		t.Errorf("got %v, want one success and 99 replays", got)
	}
	if n := db.Rows(t)["sessions"]; n != 1 {
		t.Errorf("got %d sessions, want 1", n)
	}
}

// SECURITY E9: new people at once, each of them twice, at two replicas.
func newPeopleAtOnce(t *testing.T, db *subject) {
	replicas := []sso.Store{db.Store, db.Twin}
	db.ensure(t, "g0", "g1", "g2")
	const people = 100
	type answer struct {
		out *sso.SignedIn
		sid sso.SessionHash
		err error
	}
	answers := make([]answer, 2*people)
	ssotest.AtOnce(len(answers), func(i int) {
		who := i % people
		id := groups(subjectOf(fmt.Sprintf("p%d@example.com", who), fmt.Sprintf("s%d", who)), fmt.Sprintf("g%d", who%3), "g2")
		id.FirstName = ptr(fmt.Sprintf("P%d", who))
		x, in := Arrival(start, id, standard)
		out, err := replicas[i/people].SignIn(context.Background(), x, in)
		answers[i] = answer{out, in.Session.Hash, err}
	})
	for i, a := range answers {
		if a.err != nil {
			t.Fatalf("login %d: %v", i, a.err)
		}
		who := i % people
		p, err := db.Principal(t.Context(), a.sid)
		if err != nil {
			t.Fatal(err)
		}
		want := "All Users, g2"
		if who%3 != 2 {
			want = fmt.Sprintf("All Users, g%d, g2", who%3)
		}
		if email := fmt.Sprintf("p%d@example.com", who); p.Account.Email != email || p.Account.FirstName != fmt.Sprintf("P%d", who) || names(p.Groups) != want {
			t.Errorf("login of %s leads to %s (%s) in %s", email, p.Account.Email, p.Account.FirstName, names(p.Groups))
		}
		if twin := answers[who]; a.out.Account.ID != twin.out.Account.ID {
			t.Errorf("person %d has the accounts %d and %d", who, a.out.Account.ID, twin.out.Account.ID)
		}
	}
	if n := db.Rows(t)["accounts"]; n != people {
		t.Errorf("got %d accounts, want %d", n, people)
	}
}

// SECURITY G4
func administratorSignedInBy(t *testing.T, db *subject) {
	login := func(email, digest string) {
		t.Helper()
		x, in := Arrival(db.now, person(email), with(func(*sso.Policy) {}))
		in.Digest = digest
		if _, err := db.SignIn(t.Context(), x, in); err != nil {
			t.Fatal(err)
		}
	}
	want := func(when string, want bool, digests ...string) {
		t.Helper()
		if got, err := db.AdministratorSignedInBy(t.Context(), digests); got != want || err != nil {
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
}

// An exam that goes on after a failure opens nothing, even where it is not only tried.
func failedExamOpensNothing(t *testing.T, db *subject) {
	before := db.Rows(t)
	x, in := Arrival(start, person("ada@example.com"), standard)
	x.Explaining, x.Err = true, sso.TokenExpired
	if _, err := db.SignIn(t.Context(), x, in); sso.CodeOf(err) != sso.TokenExpired {
		t.Errorf("got %v, want the failure from before", err)
	}
	if diff := cmp.Diff(before, db.Rows(t)); diff != "" {
		t.Errorf("something was kept (-before +after):\n%s", diff)
	}
}

// SECURITY D8
func settingsChanged(t *testing.T, db *subject) {
	_, version, err := db.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := db.Rows(t)
	x, in := Arrival(start, person("ada@example.com"), standard)
	in.Settings = version + 1
	_, err = db.SignIn(t.Context(), x, in)
	if _, anew := errors.AsType[sso.SettingsChanged](err); !anew {
		t.Errorf("got %v, want to judge anew", err)
	}
	if diff := cmp.Diff(before, db.Rows(t)); diff != "" {
		t.Errorf("something was kept (-before +after):\n%s", diff)
	}
	in.Settings = version
	if _, err := db.SignIn(t.Context(), x, in); err != nil {
		t.Errorf("by the settings in force: %v", err)
	}
}

// A sign-in and its event are kept together, and a refusal's is kept too.
func eventIsKept(t *testing.T, db *subject) {
	x, in := Arrival(start, person("ada@example.com"), standard)
	in.Event.KeyID, in.Event.Peer = "secret 1234", "192.0.2.7"
	out, err := db.SignIn(t.Context(), x, in)
	if err != nil {
		t.Fatal(err)
	}
	refusal := sso.Event{At: start, Kind: sso.EventSignInRefused, Code: sso.TokenExpired, Reference: "REF", Provider: "jwt", Email: "ada@example.com", Detail: "why"}
	if err := db.Record(t.Context(), refusal); err != nil {
		t.Fatal(err)
	}
	in.Event.AccountID, in.Event.Detail = out.Account.ID, "account provisioned"
	for _, want := range []sso.Event{in.Event, refusal} {
		got, _, err := db.Events(t.Context(), sso.EventQuery{Kinds: []sso.EventKind{want.Kind}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]sso.Event{want}, got, cmpopts.IgnoreFields(sso.Event{}, "ID")); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	}
}
