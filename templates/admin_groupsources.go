package templates

// AdminGroupSources is /admin/group-sources: what a directory or an endpoint says of one name. The form posts name, and provider
// where there are several.
type AdminGroupSources struct {
	AdminLayout
	Providers []Provider // that have sources
	Name      string     // as it was typed
	NameError string
	Found     *AdminFoundGroups // nil: nothing was looked up yet
}

func (AdminGroupSources) template() string { return "admin-group-sources" }

// Faults are why nothing was looked up.
func (t AdminGroupSources) Faults() Faults { return faults("").with("name", "Name", t.NameError) }

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
