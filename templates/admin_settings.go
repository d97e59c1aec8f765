package templates

import (
	"time"

	"github.com/ssobridge/ssobridge/sso"
)

// AdminSettings is /admin/sign-in: every setting that has no page of its own. The form posts version, and for each setting
// its name and was.NAME, what the form was made of: only what differs is saved.
type AdminSettings struct {
	AdminLayout
	Version  string
	Alerts   []string // what went wrong with the form as a whole
	Sections []AdminSettingSection
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
	Error   string
	Note    string // what somebody else saved meanwhile
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
	return ids
}

// AdminKey is /admin/key: the keys that tokens are signed with. Keys themselves are never shown, but one that was just
// generated. The forms post version and action: generate, paste (with secret), or retire.
type AdminKey struct {
	AdminLayout
	Version     string
	Keys        int // how many are accepted
	Secrets     []AdminKeyRow
	Now         time.Time
	Source      string // where they are fixed; "" for nowhere
	Generated   string // the new key, this once
	Alert       string
	SecretError string
}

// AdminProviders is /admin/providers: the identity providers, and what is known of their keys.
type AdminProviders struct {
	AdminLayout
	Providers []AdminProviderRow
	Now       time.Time
}

// An AdminProviderRow is one provider.
type AdminProviderRow struct {
	Name, Label string
	On          bool
	Issuer      string
	Secrets     int    // how many shared secrets it has
	RedirectURI string // of an OpenID provider; "": it is none
	Discovery   sso.Discovery
	Sources     []sso.KeySource
}

func (AdminProviders) template() string { return "admin-providers" }

// An AdminKeyRow is one shared secret. Its form posts action=remove, key, and sign_ins as a confirmation.
type AdminKeyRow struct {
	ID       string // its fingerprint
	Current  bool
	Last     bool // the only one
	SignIns  int  // in the last 24 hours
	LastUsed time.Time
	MadeAt   time.Time
	MadeBy   string
}

// OldSignIns are the sign-ins of the last 24 hours by secrets that are not the current one.
func (k AdminKey) OldSignIns() int {
	n := 0
	for _, s := range k.Secrets {
		if !s.Current {
			n += s.SignIns
		}
	}
	return n
}

func (AdminKey) template() string { return "admin-key" }

// Faults are why nothing was done.
func (k AdminKey) Faults() Faults { return faults(k.Alert, k.SecretField()) }

// SecretField is the field for a pasted key.
func (k AdminKey) SecretField() Field {
	return Field{Name: "secret", Label: "Key from the identity provider", Type: "password", Error: k.SecretError, Autocomplete: "off", Required: true,
		Help: "At least 32 characters. The characters themselves are the key: it is not decoded."}
}
