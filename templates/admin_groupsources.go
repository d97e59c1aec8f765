package templates

// AdminGroupSources is /admin/group-sources: where groups come from besides the token, and what a source says of one name. One
// form posts name, and provider where there are several; the other one posts the settings of the directory to
// /admin/group-sources/directory, as [AdminSettings] does.
type AdminGroupSources struct {
	AdminLayout
	Version   string
	Alerts    []string // what went wrong with the form of the directory as a whole
	Orders    []AdminSourceOrder
	Providers []Provider // that have sources
	Name      string     // as it was typed
	NameError string
	Found     *AdminFoundGroups // nil: nothing was looked up yet
	Directory AdminCard
}

func (AdminGroupSources) template() string { return "admin-group-sources" }

// Faults are why nothing was looked up, or saved.
func (t AdminGroupSources) Faults() Faults {
	f := Faults{Alerts: t.Alerts}.with("name", "Name", t.NameError)
	for _, s := range t.Directory.Fields {
		f = f.with(s.Name, s.Label, s.Error)
	}
	return f
}

// An AdminSourceOrder says whom one provider asks for groups.
type AdminSourceOrder struct {
	Name, Label string
	Sources     []string // in their order, in words
	Endpoint    string   // its address; "": there is none
	Keeps       bool     // a sign-in goes on when a source does not answer
	Asks        bool     // anything but the token
}

// AdminFoundGroups is what the sources said of a name.
type AdminFoundGroups struct {
	Provider, Source string // Source "": none knows the person
	Groups           []string
	Asked            []AdminAskedSource
	Code             string // why a sign-in would be refused; "": it would not
}

// An AdminAskedSource is one source that was asked.
type AdminAskedSource struct {
	Source, Said string
	Milliseconds int64
}
