package templates

import "time"

// AdminGroups is /admin/groups: all groups, by name or by size. The form posts name.
type AdminGroups struct {
	AdminLayout
	Search    string
	Sorts     []AdminOption
	Largest   bool // they are sorted by size
	Total     int  // groups that match
	Groups    []AdminGroupRow
	Pager     AdminPager
	Synced    bool // groups are set at each sign-in
	Deleted   []AdminGoneGroup
	NewName   string
	NameError string
	Alert     string
	Now       time.Time
}

func (AdminGroups) template() string { return "admin-groups" }

// Sort is the choice of their order.
func (g AdminGroups) Sort() AdminSelect { return AdminSelect{"sort", g.Sorts} }

// Faults are why a form was refused.
func (g AdminGroups) Faults() Faults { return faults(g.Alert, g.NameField()) }

// NameField is the field for a new group.
func (g AdminGroups) NameField() Field {
	return Field{Name: "name", Label: "Name of a new group", Type: "text", Value: g.NewName, Error: g.NameError, Autocomplete: "off", Required: true}
}

// An AdminGroupRow is one group in the list.
type AdminGroupRow struct {
	ID      int64
	Name    string
	Members int
	BuiltIn bool
	From    []string // the groups of the identity provider that are mapped to it
}

// An AdminGoneGroup is a deleted group that can be brought back. Its form posts undo to /admin/groups/restore.
type AdminGoneGroup struct {
	Undo    string
	Name    string
	Members int
	At      time.Time
	By      string
}

// AdminGroup is /admin/groups/ID: one group and who is in it. Its forms post to /rename (name), /delete (members, how many they
// are), and /members (person, do) below that.
type AdminGroup struct {
	AdminLayout
	ID          int64
	Name        string
	Members     int
	BuiltIn     bool
	Everyone    bool     // All Users
	From        []string // the groups of the identity provider that are mapped to it
	Synced      bool     // groups are synced at each sign-in
	Kept        string   // why it can be neither renamed nor deleted now; "" when it can
	Deleting    bool     // the part for deleting is open
	NewName     string
	NameError   string
	Adding      string
	AddingError string
	Alert       string
	People      []AdminPersonRow
	Pager       AdminPager
	Now         time.Time
}

func (AdminGroup) template() string { return "admin-group" }

// Faults are why a form was refused.
func (g AdminGroup) Faults() Faults { return faults(g.Alert, g.NameField(), g.PersonField()) }

// NameField is the field for another name.
func (g AdminGroup) NameField() Field {
	return Field{Name: "name", Label: "Name", Type: "text", Value: g.NewName, Error: g.NameError, Autocomplete: "off", Required: true,
		Help: "Apps know the group by its name."}
}

// Leave says how many people leave the group when it is deleted.
func (g AdminGroup) Leave() string { return peopleLeave(g.Members, "it") }

// PersonField is the field for a new member.
func (g AdminGroup) PersonField() Field {
	return Field{Name: "person", Label: "E-mail of a person to add", Type: "email", Value: g.Adding, Error: g.AddingError, Autocomplete: "off", Required: true}
}
