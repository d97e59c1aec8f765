package templates

// AdminSettings is /admin/sign-in: every setting that has no page of its own. The form posts version, and for each setting
// its name and was.NAME, what the form was made of: only what differs is saved.
type AdminSettings struct {
	AdminLayout
	Version  string
	Alerts   []string // what went wrong with the form as a whole
	Sections []AdminSettingSection
	Through  string // the button that posts do=through: a sign-in comes first, and then the form again; "" for none
}

func (AdminSettings) template() string { return "admin-settings" }

// Faults are why nothing was saved.
func (a AdminSettings) Faults() Faults {
	f := Faults{Alerts: a.Alerts}
	for _, section := range a.Sections {
		for _, s := range section.Settings {
			f = f.with(s.Name, s.Label, s.Error)
		}
	}
	return f
}

// An AdminSettingSection is a heading with its settings.
type AdminSettingSection struct {
	Name     string
	Settings []AdminSetting
	Hint     string // what has to come first; "" for nothing
}

// An AdminSetting is one setting as a field.
type AdminSetting struct {
	Name    string // also its id
	Label   string
	Help    string
	Value   string // as it was typed, or as it is
	Was     string // what the form was made of
	Default string
	Options []AdminOption // the values to choose from; none: it is text
	Long    bool          // the text has several lines
	Source  string        // where it is fixed, so that it is read only; "" for nowhere
	Secret  bool          // it is written and never shown: Value and Was are empty
	Set     bool          // of a Secret: there is one
	Error   string
	Note    string // what somebody else saved meanwhile
	Seen    string // how many of the last tokens had the claim that it names
}

// An AdminOption is one value of a setting with few.
type AdminOption struct {
	Value, Label string
	Chosen       bool
}

// Choose marks the option of the setting's value. A value in another spelling becomes an option of its own.
func (s *AdminSetting) Choose() {
	found := len(s.Options) == 0
	for i := range s.Options {
		s.Options[i].Chosen = s.Options[i].Value == s.Value
		found = found || s.Options[i].Chosen
	}
	if !found {
		s.Options = append(s.Options, AdminOption{Value: s.Value, Label: s.Value, Chosen: true})
	}
}

// DescribedBy is the value of aria-describedby.
func (s AdminSetting) DescribedBy() string {
	ids := s.Name + "-help"
	if s.Error != "" {
		ids += " " + s.Name + "-error"
	}
	if s.Note != "" {
		ids += " " + s.Name + "-note"
	}
	if s.Seen != "" {
		ids += " " + s.Name + "-seen"
	}
	if s.Secret {
		ids += " " + s.Name + "-set"
	}
	return ids
}
