package templates

import "strconv"

// AdminMapping is /admin/mapping: which groups people get by signing in. The form posts version, mode, and for each row N
// idp.N, groups.N, was.N, remove.N and members.N; json with the button import; administrators=yes as a confirmation.
type AdminMapping struct {
	AdminLayout
	Version       string
	Alert         string
	Info          string
	Theirs        string // JSON that somebody else has saved meanwhile
	Mode          string // off, automatic, manual
	ModeError     string
	ModeFixed     string // where it is fixed; "" for nowhere
	MappingsFixed string
	Rows          []AdminMappingRow
	Seen          []string // groups that the identity provider has sent lately and that are not mapped
	Groups        []string // of the bridge, to offer
	JSON          string   // for import and export
	JSONError     string
	Import        bool // the part for import is open

	NewAdministrators []string // groups of the identity provider whose members would become administrators
	Preview           *AdminPreview
}

func (AdminMapping) template() string { return "admin-mapping" }

// An AdminMappingRow is one mapping.
type AdminMappingRow struct {
	N           string // counts the rows
	IDP         string // the group at the identity provider
	Groups      string // of the bridge, separated by commas
	Was         string // the group at the identity provider as it is saved; "" for a new row
	Gone        string // what is wrong with a saved mapping
	IDPError    string
	GroupsError string
	Remove      bool   // ticked
	Members     string // keep, remove, delete
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
		{Value: "automatic", Label: "Automatic", Help: "Groups are matched by equal names. At each sign-in a person is in the groups that the identity provider names, and in no others. Nobody becomes an administrator this way."},
		{Value: "manual", Label: "Manual", Help: "The mappings below decide. Only groups that occur in them are given and taken."},
	}
	for i := range all {
		all[i].Chosen = all[i].Value == m.Mode
	}
	return all
}

// Faults are why the form was not saved.
func (m AdminMapping) Faults() Faults {
	f := faults(m.Alert).with("mode-off", "How groups are set", m.ModeError)
	for _, row := range m.Rows {
		f = f.with("idp."+row.N, "Group at the identity provider", row.IDPError).with("groups."+row.N, "Groups here", row.GroupsError)
	}
	return f.with("json", "Mappings as JSON", m.JSONError)
}

// An AdminMode is one choice of how groups are set.
type AdminMode struct {
	Value, Label, Help string
	Chosen             bool
}

// An AdminPreview says who would gain and lose what.
type AdminPreview struct {
	People  int // of whom the identity provider's groups are known
	Changed int
	Creates []string // groups that would be made
	Groups  []AdminGroupPreview
	Some    []AdminPersonPreview
}

// More is how many people the list leaves out.
func (p AdminPreview) More() int { return p.Changed - len(p.Some) }

// AdminGroupPreview counts the people of one group.
type AdminGroupPreview struct {
	Name       string
	Gain, Lose int
}

// AdminPersonPreview is what one person would gain and lose.
type AdminPersonPreview struct {
	Email, Gain, Lose string
}
