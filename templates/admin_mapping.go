package templates

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AdminMapping is /admin/mapping: which groups people get by signing in with a provider. The form posts provider, version, mode, and for each row N
// idp.N, groups.N, was.N, remove.N and members.N; json with the button import; map with a group that was seen;
// administrators=yes and confirm as confirmations. The form of an undo posts provider and undo to /admin/mapping/undo.
type AdminMapping struct {
	AdminLayout
	Provider      string
	Providers     []AdminTab // the mappings of all providers; none: there is one provider
	Setting       string     // that holds the table
	Clients       bool       // it is about API clients, which have no account
	Idle          bool       // API clients have the groups of their accounts, and nothing looks at this
	Version       string
	Now           time.Time
	Alert         string
	Info          string
	Theirs        string // JSON that somebody else has saved meanwhile
	Undo          *AdminUndo
	Mode          string // off, automatic, manual
	ModeError     string
	ModeFixed     string // where it is fixed; "" for nowhere
	MappingsFixed string
	Total         int // mappings that are saved
	Search        string
	Rows          []AdminMappingRow
	Pager         AdminPager
	Seen          []AdminSeenGroup // groups that the product has sent lately and that are not mapped
	Unmapped      int              // how many there are
	Groups        []string         // of the bridge, to offer
	JSON          string           // for import and export
	JSONError     string
	Import        bool // the part for import is open

	NewAdministrators   []string // groups of the product whose members would become administrators
	Administrators      bool     // that was confirmed
	AdministratorsError string
	Confirm             *AdminConfirm
	ConfirmError        string
	Preview             *AdminPreview
	Previewed           bool // it was asked for
}

func (AdminMapping) template() string { return "admin-mapping" }

// Faults are why the form was not saved.
func (m AdminMapping) Faults() Faults {
	f := faults(m.Alert).with("administrators", "New administrators", m.AdministratorsError).with("confirm", "What is lost at once", m.ConfirmError)
	f = f.with(m.ModeField(), "How groups are set", m.ModeError)
	for _, row := range m.Rows {
		f = f.with("idp."+row.N, "Group in your product", row.IDPError).with("groups."+row.N, "Groups here", row.GroupsError)
	}
	return f.with("json", "Mappings as JSON", m.JSONError)
}

// Unused reports whether there are rows that no sign-in looks at.
func (m AdminMapping) Unused() bool {
	for _, row := range m.Rows {
		if row.Was != "" && m.Mode == "off" {
			return true
		}
	}
	return m.MappingsFixed != "" && m.Mode == "off" && len(m.Rows) > 0
}

// Unheeded reports whether the form has rows that its mode does not look at.
func (m AdminMapping) Unheeded() bool {
	return m.Mode != "manual" && slices.ContainsFunc(m.Rows, func(row AdminMappingRow) bool { return row.IDP != "" && !row.Remove })
}

// An AdminSeenGroup is a group that the product has sent.
type AdminSeenGroup struct {
	Name string
	At   time.Time // the last time, to a day
}

// Searchable reports whether there are so many rows that a search is of use.
func (m AdminMapping) Searchable() bool { return m.Total > 20 || m.Search != "" }

// More is how many groups are not mapped and not shown.
func (m AdminMapping) More() int { return m.Unmapped - len(m.Seen) }

// Affected says how many people are affected, once that was looked at; "" before.
func (m AdminMapping) Affected() string {
	if m.Preview == nil {
		return ""
	}
	text := peopleChange(m.Preview.Next.People)
	if m.Preview.Pending != nil {
		text = "Still looking: " + number(m.Preview.Pending.Looked) + " of at most " + number(m.Preview.Pending.AtMost) + " people"
	}
	if m.Confirm != nil {
		text += "; " + m.Confirm.Lost
	}
	return text
}

// peopleChange says for how many people something changes.
func peopleChange(n int) string {
	switch n {
	case 0:
		return "Nobody changes at the next sign-in"
	case 1:
		return "1 person changes at the next sign-in"
	}
	return number(n) + " people change at their next sign-in"
}

// An AdminMappingRow is one mapping.
type AdminMappingRow struct {
	N           string // counts the rows
	IDP         string // the group in the product
	Groups      string // of the bridge, separated by commas
	Was         string // the group in the product as it is saved; "" for a new row
	Gone        string // what is wrong with a saved mapping
	IDPError    string
	GroupsError string
	Remove      bool          // ticked
	Members     string        // keep, remove, delete
	Targets     []AdminTarget // the groups to which the row leads as it is saved, without built-in ones
	Focus       bool          // typing goes on here
	Seen        time.Time     // when a sign-in named the group last; zero: none did lately
	Unseen      bool          // sign-ins name groups, and none has named this one lately
}

// An AdminTarget is a group to which a row leads.
type AdminTarget struct {
	Name    string
	Members int
	Shared  bool // another row leads there too
}

// People says how many are in it.
func (g AdminTarget) People() string {
	if g.Members == 1 {
		return "1 person"
	}
	return number(g.Members) + " people"
}

// Shared are the groups to which another row leads too, in words.
func (r AdminMappingRow) Shared() string {
	var names []string
	for _, g := range r.Targets {
		if g.Shared {
			names = append(names, g.Name)
		}
	}
	return sentenceList(names)
}

// Fates are the choices of what becomes of the groups to which the row leads, when it is removed; none: there are no such
// groups.
func (r AdminMappingRow) Fates() []AdminOption {
	if len(r.Targets) == 0 {
		return nil
	}
	names, people := []string{}, 0
	for _, g := range r.Targets {
		names, people = append(names, g.Name), people+g.Members
	}
	all := sentenceList(names)
	leave := peopleLeave(people, "them")
	if len(names) == 1 {
		leave = peopleLeave(people, "it")
	}
	return []AdminOption{
		{Value: "keep", Label: "Leave " + all + " and everyone in it as they are", Chosen: r.Members == "" || r.Members == "keep"},
		{Value: "remove", Label: "Empty " + all + ": " + leave + " at once", Chosen: r.Members == "remove"},
		{Value: "delete", Label: "Delete " + all + ": " + leave + " at once", Chosen: r.Members == "delete"},
	}
}

// peopleLeave says how many people leave a group.
func peopleLeave(n int, what string) string {
	switch n {
	case 0:
		return "nobody is in " + what
	case 1:
		return "1 person leaves " + what
	}
	return number(n) + " people leave " + what
}

// sentenceList writes names as in "A, B and C".
func sentenceList(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// WithRows numbers the rows and adds empty ones.
func (m AdminMapping) WithRows(empty int) AdminMapping {
	if m.MappingsFixed == "" {
		m.Rows = append(m.Rows, make([]AdminMappingRow, empty)...)
	}
	for i := range m.Rows {
		m.Rows[i].N = strconv.Itoa(i)
	}
	return m
}

// Modes are the choices, with what each does.
func (m AdminMapping) Modes() []AdminMode {
	all := []AdminMode{
		{Value: "off", Label: "Off", Help: "Signing in changes nobody's groups."},
		{Value: "automatic", Label: "Same names", Help: "After a sign-in, a person is in the groups that your product names, and in no others. Nobody becomes an administrator this way."},
		{Value: "manual", Label: "Table", Help: "The rows below decide. Only groups that stand in them are given and taken."},
	}
	if m.Clients {
		all = []AdminMode{
			{Value: "automatic", Label: "Same names", Help: "An API client is in the groups that its token names, and in no others. It is never an administrator."},
			{Value: "manual", Label: "Table", Help: "The rows below decide which groups an API client is in."},
		}
	}
	for i := range all {
		all[i].Chosen = all[i].Value == m.Mode
	}
	return all
}

// Export is where the table is to be had as JSON.
func (m AdminMapping) Export() string {
	return "/admin/mapping.json?provider=" + url.QueryEscape(m.Provider)
}

// Here is this page as nobody has edited it.
func (m AdminMapping) Here() string { return "/admin/mapping?provider=" + url.QueryEscape(m.Provider) }

// ModeField is the field to which a fault of the mode leads.
func (m AdminMapping) ModeField() string { return "mode-" + m.Modes()[0].Value }

// An AdminMode is one choice of how groups are set.
type AdminMode struct {
	Value, Label, Help string
	Chosen             bool
}

// An AdminUndo is a change that can be taken back.
type AdminUndo struct {
	ID        string
	At        time.Time
	By        string
	People    int  // who would change at their next sign-in by it
	Uncounted bool // they were too many to count
	Groups    []AdminCleared
}

// An AdminCleared is a group whose members leave, or left.
type AdminCleared struct {
	Name    string
	Members int
	Deleted bool
	Some    []string // e-mails of the first
}

// Leave says how many people leave it.
func (g AdminCleared) Leave() string { return peopleLeave(g.Members, "it") }

// Left says how many people left it.
func (g AdminCleared) Left() string {
	switch g.Members {
	case 0:
		return "nobody was in it"
	case 1:
		return "1 person left it"
	}
	return number(g.Members) + " people left it"
}

// More is how many people are not named.
func (g AdminCleared) More() int { return g.Members - len(g.Some) }

// An AdminConfirm is the box that confirms what is lost at once.
type AdminConfirm struct {
	Value string // two numbers
	Lost  string // in words
}

// An AdminPreview says what saving would do.
type AdminPreview struct {
	Now     []AdminCleared // at once
	Kept    []AdminCleared // groups to which nothing leads any more, whose members stay
	Creates []string       // groups that would be made
	People  int            // of whom the product's groups are known
	Next    AdminForecast  // because of the edit
	Due     AdminForecast  // anyway
	Pending *AdminPending  // People, Next and Due are of those who were looked at so far; nil: of all
}

// AdminPending is how far a preview is that is being made.
type AdminPending struct{ Looked, AtMost int }

// An AdminForecast says who would gain and lose what at their next sign-in.
type AdminForecast struct {
	People int
	Groups []AdminGroupForecast
	Some   []AdminPersonForecast
}

// More is how many people the list leaves out.
func (f AdminForecast) More() int { return f.People - len(f.Some) }

// An AdminGroupForecast counts the people of one group.
type AdminGroupForecast struct {
	Name                   string
	Gain, Lose, Keep, Miss int
}

// In says who will be in the group that would not be otherwise.
func (g AdminGroupForecast) In() string { return forecastText(g.Gain, "get it", g.Keep, "stay in it") }

// Out says who will not be in the group that would be otherwise.
func (g AdminGroupForecast) Out() string {
	return forecastText(g.Lose, "lose it", g.Miss, "do not get it")
}

func forecastText(n int, what string, m int, other string) string {
	var all []string
	if n > 0 {
		all = append(all, number(n)+" "+what)
	}
	if m > 0 {
		all = append(all, number(m)+" "+other)
	}
	if len(all) == 0 {
		return "–"
	}
	return strings.Join(all, ", ")
}

// An AdminPersonForecast is what one person would gain and lose.
type AdminPersonForecast struct {
	ID                     int64
	Email                  string
	Gain, Lose, Keep, Miss []string
}

// Changes are the groups one by one, in words.
func (p AdminPersonForecast) Changes() []string {
	var all []string
	for _, part := range []struct {
		what   string
		groups []string
	}{{"gets", p.Gain}, {"loses", p.Lose}, {"stays in", p.Keep}, {"does not get", p.Miss}} {
		if len(part.groups) > 0 {
			all = append(all, fmt.Sprintf("%s %s", part.what, sentenceList(part.groups)))
		}
	}
	return all
}
