package templates

import (
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// AdminPeople is /admin/people: a part of all accounts. Its list posts person (ids), do and back to /admin/people/selected.
type AdminPeople struct {
	AdminLayout
	Search, Group, GroupError      string
	States, Providers, Seen, Sorts []AdminOption
	Presets                        []AdminTab
	Filtered                       bool
	Count                          string // how many there are, in words; "": not known
	Back                           string // the filter, as the query of a URL
	People                         []AdminPersonRow
	Pager                          AdminPager
	Now                            time.Time
}

func (AdminPeople) template() string { return "admin-people" }

// Faults are why the filter cannot be used.
func (p AdminPeople) Faults() Faults { return faults("", p.GroupField()) }

// Narrowed reports whether more is asked than a search.
func (p AdminPeople) Narrowed() bool {
	return p.Group != "" || narrowed(p.Selects())
}

// narrowed reports whether something is chosen.
func narrowed(selects []AdminLabelled) bool {
	return slices.ContainsFunc(selects, func(l AdminLabelled) bool { return l.Select.Chosen() != "" })
}

// GroupField is the field for a group.
func (p AdminPeople) GroupField() Field {
	return Field{Name: "group", Label: "In the group", Type: "text", Value: p.Group, Error: p.GroupError, Autocomplete: "off"}
}

// Selects are what is chosen from.
func (p AdminPeople) Selects() []AdminLabelled {
	return []AdminLabelled{
		{"State", AdminSelect{"state", p.States}}, {"Signs in through", AdminSelect{"provider", p.Providers}}, {"Signed in last", AdminSelect{"seen", p.Seen}},
		{"Order", AdminSelect{"sort", p.Sorts}},
	}
}

// An AdminLabelled is a choice with its label.
type AdminLabelled struct {
	Label  string
	Select AdminSelect
}

// AdminSelected is the answer of /admin/people/selected: what will happen to the people who are ticked, or what has happened. Its
// form posts person, do, group and back there again, and confirmed.
type AdminSelected struct {
	AdminLayout
	Do                         string
	Title, Consequence, Button string
	People                     []AdminPersonRow // Why: they stay as they were
	Self                       bool             // the administrator who looks is one of them
	Done                       bool
	Undo                       *AdminUndoing // nil: nothing takes it back
	Group, GroupError          string
	Offers                     []string
	Back, BackQuery            string // the list that they were ticked in: URL, and its query
	Alert                      string
	Now                        time.Time
}

func (AdminSelected) template() string { return "admin-selected" }

// Faults are why nothing was done.
func (s AdminSelected) Faults() Faults {
	return faults(s.Alert).with("group", s.GroupField().Label, s.GroupError)
}

// Asks reports whether a group is to be named.
func (s AdminSelected) Asks() bool { return s.Offers != nil && !s.Done }

// Grave reports whether it shuts somebody out.
func (s AdminSelected) Grave() bool { return s.Do == "deactivate" || s.Do == "sign_out" }

// GroupField is the field for the group.
func (s AdminSelected) GroupField() AdminChoice {
	return AdminChoice{"group", "Group", s.Group, s.GroupError, s.Offers}
}

// An AdminUndoing takes back what was done to several people.
type AdminUndoing struct {
	Do, Label string
	People    []int64
}

// An AdminPersonRow is one account in a list.
type AdminPersonRow struct {
	ID          int64
	Person      Person
	Inactive    bool
	HasPassword bool
	Source      string // the provider that signed it in last; "" leaves it out
	LastLogin   time.Time
	Why         string // in a group: why; of several: why they stay as they were; "" leaves it out
}

// AdminNewPerson is /admin/people/new: it makes an account without a password. The form posts email, first_name, last_name
// and group.
type AdminNewPerson struct {
	AdminLayout
	Email, FirstName, LastName, Group                     string
	EmailError, FirstNameError, LastNameError, GroupError string
	Groups                                                []string // to offer
	Alert                                                 string
}

func (AdminNewPerson) template() string { return "admin-new-person" }

// Faults are why the form was refused.
func (p AdminNewPerson) Faults() Faults {
	return faults(p.Alert, p.Fields()...).with("group", p.GroupField().Label, p.GroupError)
}

// Fields are the fields but for the group.
func (p AdminNewPerson) Fields() []Field {
	return []Field{
		{Name: "email", Label: "E-mail", Type: "email", Value: p.Email, Error: p.EmailError, Autocomplete: "off", Required: true,
			Help: "The person signs in with this address, through the identity provider. No password is set."},
		{Name: "first_name", Label: "First name (optional)", Type: "text", Value: p.FirstName, Error: p.FirstNameError, Autocomplete: "off"},
		{Name: "last_name", Label: "Last name (optional)", Type: "text", Value: p.LastName, Error: p.LastNameError, Autocomplete: "off"},
	}
}

// GroupField is the field for a group.
func (p AdminNewPerson) GroupField() AdminChoice {
	return AdminChoice{"group", "Group (optional)", p.Group, p.GroupError, p.Groups}
}

// An AdminChoice is a field that offers values; others may be typed. Its template is "choice".
type AdminChoice struct {
	Name, Label, Value, Error string
	Offers                    []string
}

// AdminPerson is /admin/people/ID: one account and everything about it. Its forms post to /state (active), /attributes
// (name, value, and was when it was known; do), /groups (group, do) and /sessions (session, or all) below that.
type AdminPerson struct {
	AdminLayout
	ID              int64
	Person          Person
	Active          bool
	HasPassword     bool
	Self            bool   // the administrator who looks
	Administrator   bool   // the person is one
	Source          string // the provider that signed it in last; "" for one that never was
	CreatedAt       time.Time
	LastLogin       time.Time
	Now             time.Time
	Alert           string
	Attributes      []AdminAttribute
	Attribute       AdminAttributeForm
	Groups          []AdminMembership
	Pager           AdminPager // of the groups
	Adding          string     // the group that was typed
	AddingError     string
	Offers          []string // groups to add
	Synced          bool     // groups are synced at each sign-in
	Mapping         string   // the page that says by what
	Sent            []string // the groups that the last sign-in named
	SentAny         bool     // a sign-in has named groups, if only none
	Sessions        []Session
	SessionsFurther bool // there are more
	Events          []AdminEvent
	Refused         []AdminEvent // sign-ins
	Kept            sso.Kept
	Purging         bool // that part is open
	PurgeError      string
}

func (AdminPerson) template() string { return "admin-person" }

// Faults are why a form was refused.
func (p AdminPerson) Faults() Faults {
	return faults(p.Alert, p.Attribute.NameField(), p.Attribute.ValueField()).with("group", p.GroupField().Label, p.AddingError).with("sure", "Delete for good", p.PurgeError)
}

// GroupField is the field for another group.
func (p AdminPerson) GroupField() AdminChoice {
	return AdminChoice{"group", "Group to add", p.Adding, p.AddingError, p.Offers}
}

// An AdminAttribute is one attribute in force.
type AdminAttribute struct {
	Name, Value string
	Own         bool   // an administrator set it
	Synced      string // what the last sign-in says instead; "" for nothing else
	Hidden      bool   // the last sign-in says something, too
}

// AdminAttributeForm sets one attribute of an administrator's own.
type AdminAttributeForm struct {
	Name, Value           string
	Was                   string // the own value that the form was made of
	Known                 bool   // there was one
	NameError, ValueError string
}

// NameField is the field for the name.
func (f AdminAttributeForm) NameField() Field {
	return Field{Name: "name", Label: "Name", Type: "text", Value: f.Name, Error: f.NameError, Autocomplete: "off", Required: true}
}

// ValueField is the field for the value.
func (f AdminAttributeForm) ValueField() Field {
	return Field{Name: "value", Label: "Value", Type: "text", Value: f.Value, Error: f.ValueError, Autocomplete: "off"}
}

// An AdminMembership is a group that a person is in.
type AdminMembership struct {
	ID    int64
	Name  string
	Why   string
	Since time.Time
	Fixed bool // nobody can be taken out
}
