package templates

import (
	"slices"
	"time"
)

// AdminSessions is /admin/sessions: who is signed in, newest first. Its list posts session (of the row whose button was pressed)
// and back, or ticked (several) and back to /admin/sessions/selected.
type AdminSessions struct {
	AdminLayout
	Person                       string // e-mail to look for
	PersonError                  string
	Ways, Roles, Unused, Devices []AdminOption
	Filtered                     bool
	Back                         string // the filter, as the query of a URL
	Alert                        string
	Sessions                     []AdminSessionRow
	Count                        string // how many there are, in words; "": not known
	Pager                        AdminPager
	Now                          time.Time
}

func (AdminSessions) template() string { return "admin-sessions" }

// Faults are why something was refused.
func (s AdminSessions) Faults() Faults { return faults(s.Alert, s.PersonField()) }

// Narrowed reports whether more is asked than whose they are.
func (s AdminSessions) Narrowed() bool { return narrowed(s.Selects()) }

// Selects are what is chosen from.
func (s AdminSessions) Selects() []AdminLabelled {
	return []AdminLabelled{
		{"Signed in through", AdminSelect{"way", s.Ways}}, {"Whose", AdminSelect{"role", s.Roles}}, {"Last used", AdminSelect{"unused", s.Unused}},
		{"Device", AdminSelect{"device", s.Devices}},
	}
}

// PersonField is the field to look for one person.
func (s AdminSessions) PersonField() Field {
	return Field{Name: "person", Label: "E-mail", Type: "email", Value: s.Person, Error: s.PersonError, Autocomplete: "off"}
}

// An AdminSessionRow is one session and whose it is.
type AdminSessionRow struct {
	Session
	AccountID int64
	Email     string
	ExpiresAt time.Time
	Idle      bool // not used for so long that it is over, though not at its end yet
}

// Key names the row within the page: shorter than Ref, of which a page has many.
func (r AdminSessionRow) Key() string { return r.Ref[:min(12, len(r.Ref))] }

// AdminEndSessions is the answer of /admin/sessions/selected: which sessions will end, or how many have ended. Its form posts ticked,
// back and confirmed there again.
type AdminEndSessions struct {
	AdminLayout
	Sessions        []AdminSessionRow
	People          string // how many people's they are, in words
	Ended           *int   // nil: nothing has happened yet
	Back, BackQuery string // the list that they were ticked in: URL, and its query
	Alert           string
	Now             time.Time
}

func (AdminEndSessions) template() string { return "admin-sessions-selected" }

// Faults are why nothing was done.
func (s AdminEndSessions) Faults() Faults { return faults(s.Alert) }

// Self reports whether one of them is the session of this very request.
func (s AdminEndSessions) Self() bool {
	return slices.ContainsFunc(s.Sessions, func(r AdminSessionRow) bool { return r.Current })
}

// Title says what will happen.
func (s AdminEndSessions) Title() string {
	if len(s.Sessions) == 1 {
		return "End this session"
	}
	return "End " + counted(len(s.Sessions), "session")
}

// AdminActivity is /admin/activity: the audit trail, newest first.
type AdminActivity struct {
	AdminLayout
	Alert                              string
	Reference, Person, Actor           string
	Presets                            []AdminTab
	From, Until                        string // days, as in 2026-01-31
	PersonError, FromError, UntilError string
	Kinds, Codes                       []AdminOption
	Events                             []AdminEvent
	Pager                              AdminPager
	CSV, JSONLines                     string // URLs of what is filtered, as files
	Filtered                           bool
	SignIns, Refusals                  Chart
	Now                                time.Time
}

func (AdminActivity) template() string { return "admin-activity" }

// Faults are why the filter cannot be used.
func (a AdminActivity) Faults() Faults {
	return faults(a.Alert, a.PersonField(), a.FromField(), a.UntilField())
}

// ReferenceField is the field for a reference.
func (a AdminActivity) ReferenceField() Field {
	return Field{Name: "reference", Label: "Reference", Type: "text", Value: a.Reference, Autocomplete: "off"}
}

// PersonField is the field for a person.
func (a AdminActivity) PersonField() Field {
	return Field{Name: "person", Label: "Person's e-mail", Type: "text", Value: a.Person, Error: a.PersonError, Autocomplete: "off"}
}

// ActorField is the field for who did it.
func (a AdminActivity) ActorField() Field {
	return Field{Name: "actor", Label: "Done by", Type: "text", Value: a.Actor, Autocomplete: "off"}
}

// FromField is the field for the first day.
func (a AdminActivity) FromField() Field {
	return Field{Name: "from", Label: "From (UTC)", Type: dateType(a.FromError), Value: a.From, Error: a.FromError, Autocomplete: "off"}
}

// UntilField is the field for the last day.
func (a AdminActivity) UntilField() Field {
	return Field{Name: "until", Label: "Until (UTC)", Type: dateType(a.UntilError), Value: a.Until, Error: a.UntilError, Autocomplete: "off"}
}

// dateType is the type of a field for a day. What is no day would not be shown in one of type date.
func dateType(problem string) string {
	if problem != "" {
		return "text"
	}
	return "date"
}

// KindSelect is the choice of a kind of events.
func (a AdminActivity) KindSelect() AdminSelect { return AdminSelect{"kind", a.Kinds} }

// CodeSelect is the choice of a reason.
func (a AdminActivity) CodeSelect() AdminSelect { return AdminSelect{"code", a.Codes} }
