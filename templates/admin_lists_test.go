package templates

import (
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/ssobridge/ssobridge/sso"
)

// listSamples show the pages of people, groups, sessions and activity.
func listSamples() []sample {
	ada := Person{Name: "Ada Lovelace", Email: "ada@acme.example"}
	grace := Person{Email: "grace.brewster.murray.hopper@subsidiary.acme.example"}
	people := []AdminPersonRow{
		{ID: 3, Person: ada, HasPassword: true, Source: "jwt", LastLogin: sampleTime.Add(-time.Hour), Why: "Added by an administrator"},
		{ID: 4, Person: grace, Inactive: true, Source: "jwt", LastLogin: sampleTime.Add(-100 * time.Hour), Why: "Through the groups of the identity provider"},
		{ID: 5, Person: Person{Name: "Charles", Email: "charles@acme.example"}, HasPassword: true},
	}
	pager := AdminPager{First: "/admin/people?search=a", Next: "/admin/people?search=a&after=5"}
	session := Session{Ref: "aa11", Device: "Firefox on Linux", Peer: "192.0.2.7", Provider: "jwt", Current: true,
		SignedInAt: sampleTime.Add(-2 * time.Hour), LastUsed: sampleTime}
	other := Session{Ref: "bb22", Device: "Safari on iPhone", SignedInAt: sampleTime.Add(-76 * time.Hour), LastUsed: sampleTime.Add(-50 * time.Minute)}
	ended := []AdminSessionRow{
		{Session: session, AccountID: 3, Email: "ada@acme.example", ExpiresAt: sampleTime.Add(300 * time.Hour)},
		{Session: other, AccountID: 4, Idle: true, ExpiresAt: sampleTime.Add(200 * time.Hour)},
	}
	events := sampleEvents()
	layout := func(s AdminSection) AdminLayout {
		l := adminSample(s)
		l.Notice = ""
		return l
	}
	return append(liveSamples(), []sample{
		{"admin people", AdminPeople{AdminLayout: adminSample(AdminSectionPeople), Search: "a", People: people, Pager: pager, Now: sampleTime,
			States: []AdminOption{{Value: "", Label: "all"}, {Value: "active", Label: "active", Chosen: true}}, Providers: []AdminOption{{Value: "", Label: "any"}, {Value: "acme", Label: "Acme"}},
			Seen: []AdminOption{{Value: "never", Label: "never"}}, Sorts: []AdminOption{{Value: "newest", Label: "newest account first"}}, Count: "1,234 people", Back: "search=a", Filtered: true,
			Presets: []AdminTab{{"Everybody", "/admin/people", false}, {"Administrators", "/admin/people?group=Administrators", true}, {"Never signed in", "/admin/people?seen=never", false}}}},
		{"admin people like nobody", AdminPeople{AdminLayout: layout(AdminSectionPeople), Filtered: true}},
		{"admin people further", AdminPeople{AdminLayout: layout(AdminSectionPeople), Search: "ann", Filtered: true, Pager: AdminPager{Next: "/admin/people?after=7"}}},
		{"admin people of no group", AdminPeople{AdminLayout: layout(AdminSectionPeople), Group: "Sale", GroupError: "There is no group of this name."}},
		{"admin people new", AdminPeople{AdminLayout: layout(AdminSectionPeople)}},
		{"admin selected", AdminSelected{AdminLayout: layout(AdminSectionPeople), Do: "deactivate", Title: "Deactivate 3 people", Consequence: "5 sessions end at once. Nobody of them can sign in until an administrator reactivates the account. Nothing is deleted.",
			Button: "Deactivate 3 people", People: people, Self: true, Back: "/admin/people?search=a", BackQuery: "search=a", Now: sampleTime}},
		{"admin selected for a group", AdminSelected{AdminLayout: layout(AdminSectionPeople), Do: "add", Title: "Add 3 people to a group", Consequence: "It is in force at once.", Button: "Add 3 people", People: people[:1], Offers: []string{"Sales"},
			Group: "Sale", GroupError: "There is no group of this name.", Back: "/admin/people", Now: sampleTime}},
		{"admin selected done", AdminSelected{AdminLayout: adminSample(AdminSectionPeople), Do: "deactivate", Title: "x", Done: true, People: people, Back: "/admin/people", Now: sampleTime,
			Undo: &AdminUndoing{"reactivate", "Undo: reactivate 2 people", []int64{3, 4}}}},
		{"admin selected nobody", AdminSelected{AdminLayout: layout(AdminSectionPeople), Alert: "Nobody is ticked. Go back to the list, and tick who is meant.", Back: "/admin/people"}},
		{"admin people none", AdminPeople{AdminLayout: layout(AdminSectionPeople), Search: "zz", Now: sampleTime}},
		{"admin new person", AdminNewPerson{AdminLayout: adminSample(AdminSectionPeople), Groups: []string{"Sales", "Administrators"}}},
		{"admin new person refused", AdminNewPerson{AdminLayout: layout(AdminSectionPeople), Email: "ada", FirstName: "Ada", LastName: "L", Group: "Sale",
			EmailError: "An e-mail address needs one @.", FirstNameError: "It is too long.", LastNameError: "It is too long.", GroupError: "There is no group of this name.", Alert: "Not saved."}},
		{"admin person", AdminPerson{
			AdminLayout: adminSample(AdminSectionPeople), ID: 3, Person: ada, Active: true, HasPassword: true, Source: "jwt", Administrator: true,
			CreatedAt: sampleTime.Add(-1000 * time.Hour), LastLogin: sampleTime.Add(-2 * time.Hour), Now: sampleTime, Alert: "Ada Lovelace is the only administrator.",
			Attributes: []AdminAttribute{
				{Name: "department", Value: "Sales", Own: true, Hidden: true, Synced: "Marketing"},
				{Name: "floor", Value: "2"}, {Name: "team", Value: "blue", Own: true},
			},
			Attribute: AdminAttributeForm{Name: "department", Value: "Sales", Was: "Sales", Known: true, NameError: "It is reserved.", ValueError: "It is too long."},
			Groups: []AdminMembership{
				{ID: 1, Name: "All Users", Why: "Everyone is in it", Fixed: true},
				{ID: 2, Name: "Administrators", Why: "Added by an administrator", Since: sampleTime.Add(-999 * time.Hour)},
				{ID: 7, Name: "Sales, Europe", Why: "Through the groups of the identity provider", Since: sampleTime.Add(-2 * time.Hour)},
			},
			Adding: "Supp", AddingError: "There is no group of this name.", Offers: []string{"Support"}, Pager: pager,
			Synced: true, Mapping: "/admin/mapping?provider=jwt", Sent: []string{"extSales", "extStaff"}, SentAny: true,
			Sessions: []Session{session, other}, SessionsFurther: true, Events: events, Refused: events,
		}},
		{"admin person to delete", AdminPerson{AdminLayout: layout(AdminSectionPeople), ID: 4, Person: grace, CreatedAt: sampleTime, Now: sampleTime, Active: true,
			Kept: sso.Kept{Sessions: 3, Groups: 12, Passkeys: 1, Identities: 2, Events: 18_412}, Purging: true, PurgeError: "Confirm that this is meant."}},
		{"admin person new", AdminPerson{AdminLayout: layout(AdminSectionPeople), ID: 4, Person: grace, CreatedAt: sampleTime, Now: sampleTime,
			Groups: []AdminMembership{{ID: 1, Name: "All Users", Why: "Everyone is in it", Fixed: true}}, SentAny: true}},
		{"admin groups", AdminGroups{AdminLayout: adminSample(AdminSectionGroups), Search: "s", Total: 1002, Largest: true, Sorts: []AdminOption{{Label: "name"}, {Value: "members", Label: "number of people", Chosen: true}}, Pager: pager, Groups: []AdminGroupRow{
			{ID: 1, Name: "All Users", Members: 100000, BuiltIn: true}, {ID: 7, Name: "Sales, Europe", Members: 12, From: []string{"extSales", "extEMEA"}},
		}}},
		{"admin groups deleted", AdminGroups{AdminLayout: layout(AdminSectionGroups), Total: 1, Groups: []AdminGroupRow{{ID: 7, Name: "Sales", From: []string{"ext"}}}, Now: sampleTime,
			Deleted: []AdminGoneGroup{{Undo: "ABCD", Name: "APAC", Members: 1, At: sampleTime.Add(-time.Hour), By: "ada@acme.example"}}}},
		{"admin services", AdminServices{AdminLayout: adminSample(AdminSectionServices), Pager: pager, Now: sampleTime, Accounts: []AdminServiceRow{
			{ID: 1, Name: "etl-nightly", Label: "Load of the night", Tokens: 2, LastUsed: sampleTime.Add(-time.Hour)}, {ID: 2, Name: "old", Inactive: true}}}},
		{"admin services none", AdminServices{AdminLayout: layout(AdminSectionServices), NewName: "Etl", NameError: "Write small letters.", NewLabel: "x", LabelError: "Has line ends.", Alert: "Not made."}},
		{"admin service", AdminService{AdminLayout: adminSample(AdminSectionServices), ID: 1, Name: "etl-nightly", Label: "Load of the night", NewLabel: "Load of the night",
			MadeBy: "ada@acme.example", CreatedAt: sampleTime, Working: 1, Token: "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJldGwtbmlnaHRseSIsInRva2VuX3R5cGUiOiJzZXJ2aWNlIn0.c2ln",
			TTL: "30", Groups: []AdminOption{{Value: "3", Label: "Research", Chosen: true}, {Value: "4", Label: "Sales"}}, Pager: pager, Now: sampleTime,
			Tokens: []AdminServiceToken{
				{ID: "A", Name: "first", State: "works", Groups: []string{"Research"}, Lost: []string{"Sales"}, MadeBy: "ada@acme.example", CreatedAt: sampleTime, Endless: true},
				{ID: "B", State: "expired", MadeBy: "cli", CreatedAt: sampleTime.Add(-48 * time.Hour), ExpiresAt: sampleTime.Add(-time.Hour), LastUsed: sampleTime.Add(-2 * time.Hour)}}}},
		{"admin service stopped", AdminService{AdminLayout: layout(AdminSectionServices), ID: 2, Name: "old", Inactive: true, MadeBy: "cli", CreatedAt: sampleTime, TTL: "90", Now: sampleTime,
			NewLabel: "x", LabelError: "Too long.", TokenName: "y", TokenNameError: "Too long.", TTLError: "Is a minute or more.", GroupsError: "You are not in it.", Alert: "Not made."}},
		{"admin groups none", AdminGroups{AdminLayout: layout(AdminSectionGroups), Search: "zz", NewName: "All users", NameError: "It is too like a built-in group.", Alert: "Not made."}},
		{"admin group", AdminGroup{AdminLayout: adminSample(AdminSectionGroups), ID: 7, Name: "Sales, Europe", NewName: "Sales, Europe", Members: 12345,
			From: []string{"extSales", "extEMEA"}, Synced: true, People: people, Pager: pager, Now: sampleTime}},
		{"admin group refused", AdminGroup{AdminLayout: layout(AdminSectionGroups), ID: 7, Name: "Sales", NewName: "Administrator,s", NameError: "A group's name has no comma.",
			Adding: "ada@acme", AddingError: "There is no such account.", Alert: "Not saved.", Deleting: true, Now: sampleTime}},
		{"admin group kept", AdminGroup{AdminLayout: layout(AdminSectionGroups), ID: 7, Name: "Sales", Now: sampleTime,
			Kept: "The mapping of extSales names this group by its name: change the mapping first."}},
		{"admin group all users", AdminGroup{AdminLayout: layout(AdminSectionGroups), ID: 1, Name: "All Users", BuiltIn: true, Everyone: true, Members: 3, People: people, Now: sampleTime}},
		{"admin sessions", AdminSessions{AdminLayout: adminSample(AdminSectionSessions), Person: "ada@acme.example", PersonError: "There is no such account.", Alert: "It is over already.",
			Ways:  []AdminOption{{Label: "anything"}, {Value: "jwt", Label: "Your product", Chosen: true}},
			Roles: []AdminOption{{Label: "everybody"}, {Value: "administrator", Label: "administrators"}}, Unused: []AdminOption{{Label: "at any time"}, {Value: "day", Label: "more than a day ago"}}, Devices: []AdminOption{{Label: "any"}, {Value: "Firefox", Label: "Firefox"}},
			Filtered: true, Back: "way=jwt", Sessions: ended, Count: "2 sessions", Pager: pager, Now: sampleTime}},
		{"admin sessions further", AdminSessions{AdminLayout: layout(AdminSectionSessions), Filtered: true, Pager: AdminPager{Next: "/admin/sessions?after=1.ab"}, Now: sampleTime}},
		{"admin sessions to end", AdminEndSessions{AdminLayout: adminSample(AdminSectionSessions), Sessions: ended, People: "2 people", Back: "/admin/sessions?way=jwt", BackQuery: "way=jwt", Now: sampleTime}},
		{"admin sessions ended", AdminEndSessions{AdminLayout: adminSample(AdminSectionSessions), Ended: new(int), Back: "/admin/sessions"}},
		{"admin sessions to end refused", AdminEndSessions{AdminLayout: layout(AdminSectionSessions), Alert: "No session is ticked.", Back: "/admin/sessions"}},
		{"admin sessions none", AdminSessions{AdminLayout: layout(AdminSectionSessions), Now: sampleTime}},
		{"admin activity", AdminActivity{AdminLayout: adminSample(AdminSectionActivity), Reference: "7K3QM9TX", Person: "ada@acme.example", Actor: "root@acme.example", Presets: []AdminTab{{"Today", "/admin/activity?from=2026-11-22", true}, {"All", "/admin/activity", false}}, From: "2026-11-01", Until: "2026-11-22",
			Kinds:  []AdminOption{{Value: "", Label: "everything", Chosen: true}, {Value: "sign_in", Label: "Signed in"}},
			Codes:  []AdminOption{{Value: "", Label: "any reason", Chosen: true}, {Value: "token_expired", Label: "The token has expired"}},
			Events: events, Pager: pager, CSV: "/admin/activity.csv", JSONLines: "/admin/activity.jsonl", Filtered: true, Now: sampleTime,
			SignIns: sampleChart("sign-ins", "Sign-ins", 700), Refusals: sampleChart("refusals", "Refusals", 3),
		}},
		{"admin activity none", AdminActivity{AdminLayout: layout(AdminSectionActivity), CSV: "/admin/activity.csv", JSONLines: "/admin/activity.jsonl", Now: sampleTime,
			SignIns: Chart{ID: "sign-ins", Label: "Sign-ins", Days: make([]ChartDay, 30)}, Refusals: Chart{ID: "refusals", Label: "Refusals", Days: make([]ChartDay, 30)}}},
		{"admin activity refused", AdminActivity{AdminLayout: layout(AdminSectionActivity), From: "tomorrow", Until: "x", Person: "x", PersonError: "This is no e-mail address.",
			FromError: "Write a day as in 2026-01-31.", UntilError: "Write a day as in 2026-01-31.", Alert: "The filter cannot be used.", CSV: "/admin/activity.csv", JSONLines: "/admin/activity.jsonl", Now: sampleTime}},
	}...)
}

func sampleEvents() []AdminEvent {
	return []AdminEvent{
		{At: sampleTime.Add(-time.Minute), What: "Sign-in refused", Refused: true, Why: "The token has expired", Code: "token_expired",
			Detail: "exp is 2 h ago", Advice: "sign a new token at each redirect, with exp a few minutes ahead", Reference: "7K3QM9TX", Email: "ada@acme.example",
			AccountID: 3, Provider: "jwt", Peer: "192.0.2.7", KeyID: "k1",
			Repeats: []AdminRepeat{{sampleTime.Add(-2 * time.Minute), "exp is 1 h ago", "8K3QM9TX", "192.0.2.7"}, {At: sampleTime.Add(-9 * time.Minute)}}},
		{At: sampleTime.Add(-time.Hour), What: "Group changed", AccountID: 4, Actor: "root@acme.example", Detail: "put into Sales, Europe", Peer: "2001:db8:85a3:8d3:1319:8a2e:370:7348"},
		{At: sampleTime.Add(-30 * time.Hour), What: "Setting changed", Actor: "cli"},
		{At: sampleTime.Add(-30 * time.Hour), What: "Sign-in refused", Refused: true, Why: "No account, and none may be made", Code: "provisioning_off", Email: "new@acme.example"},
	}
}

func sampleChart(id, label string, most int) Chart {
	c := Chart{ID: id, Label: label}
	for i := range 30 {
		c.Days = append(c.Days, ChartDay{sampleTime.Truncate(24*time.Hour).AddDate(0, 0, i-29), (i * i * 7) % (most + 1)})
	}
	return c
}

func TestChart(t *testing.T) {
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	c := Chart{Label: "Sign-ins", Days: []ChartDay{{day, 0}, {day.AddDate(0, 0, 1), 2000}, {day.AddDate(0, 0, 2), 1}, {day.AddDate(0, 0, 3), 1000}}}
	if got, want := c.Sentence(), "Sign-ins: 3,001 in 4 days, at most 2,000 on a day (2 November)"; got != want {
		t.Errorf("Sentence: got %q, want %q", got, want)
	}
	var got []int
	for _, b := range c.Bars() {
		got = append(got, b.X, b.Y, b.Width, b.Height)
		if b.Y+b.Height != c.Height() || b.X+b.Width > c.Width() || b.Height < 2 {
			t.Errorf("%s: got %+v, want it to stand on the axis, inside, and to be seen", b.Name(), b)
		}
	}
	if want := 3 * 4; len(got) != want {
		t.Errorf("got %d bars, want one for each day with anything", len(got)/4)
	}
	if got, want := (Chart{Label: "Refusals", Days: c.Days[:1]}).Sentence(), "Refusals: none in 1 days"; got != want {
		t.Errorf("Sentence: got %q, want %q", got, want)
	}
	if c.First() != "1 November" || c.Last() != "4 November" || (Chart{}).First() != "" {
		t.Errorf("axis: got %q to %q", c.First(), c.Last())
	}
}

// Every figure of the drawing stands in the table, too.
func TestChartHasATable(t *testing.T) {
	c := sampleChart("sign-ins", "Sign-ins", 40)
	doc := parse(t, render(t, englishPages(t), AdminActivity{SignIns: c}))
	var figure *html.Node
	for _, n := range find(doc, "figure") {
		if attr(n, "id") == "sign-ins" {
			figure = n
		}
	}
	if got := len(find(figure, "td")); got != len(c.Days) {
		t.Errorf("got %d figures in the table, want %d", got, len(c.Days))
	}
	if got := attr(find(figure, "svg")[0], "aria-label"); got != c.Sentence() {
		t.Errorf("label of the drawing: got %q", got)
	}
}

func TestNumber(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 100000: "100,000", 1234567: "1,234,567", -1234: "-1,234", -123: "-123"} {
		if got := number(n); got != want {
			t.Errorf("number(%d): got %q, want %q", n, got, want)
		}
	}
}
