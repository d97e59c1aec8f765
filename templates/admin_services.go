package templates

import "time"

// AdminServices is /admin/service-accounts: all service accounts by name. The form posts name and label.
type AdminServices struct {
	AdminLayout
	Accounts   []AdminServiceRow
	Pager      AdminPager
	NewName    string
	NameError  string
	NewLabel   string
	LabelError string
	Alert      string
	Now        time.Time
}

func (AdminServices) template() string { return "admin-services" }

// Faults are why the form was refused.
func (s AdminServices) Faults() Faults { return faults(s.Alert, s.NameField(), s.LabelField()) }

// NameField is the field for the name of a new account.
func (s AdminServices) NameField() Field {
	return Field{Name: "name", Label: "Name of a new service account", Type: "text", Value: s.NewName, Error: s.NameError, Autocomplete: "off", Required: true,
		Help: "Apps know it by this name, which never changes: small letters, digits, and hyphens between them, such as etl-nightly."}
}

// LabelField is the field for its label.
func (s AdminServices) LabelField() Field {
	return Field{Name: "label", Label: "What it is for", Type: "text", Value: s.NewLabel, Error: s.LabelError, Autocomplete: "off"}
}

// An AdminServiceRow is one service account in the list.
type AdminServiceRow struct {
	ID       int64
	Name     string
	Label    string
	Inactive bool
	Tokens   int
	LastUsed time.Time
}

// AdminService is /admin/service-accounts/ID: one service account and its tokens. Its form posts do (rename with label,
// deactivate, reactivate, delete, or revoke with token); to /tokens below it goes a new token (name, ttl, groups), or token
// alone, the id of the one that is made anew.
type AdminService struct {
	AdminLayout
	ID             int64
	Name           string
	Label          string
	Inactive       bool
	MadeBy         string
	CreatedAt      time.Time
	Working        int    // tokens that work
	Token          string // one that was just made; shown this once
	NewLabel       string
	LabelError     string
	TokenName      string
	TokenNameError string
	TTL            string
	TTLError       string
	Groups         []AdminOption // those that a token of whoever looks may have
	GroupsError    string
	Alert          string
	Tokens         []AdminServiceToken
	Pager          AdminPager
	Now            time.Time
}

func (AdminService) template() string { return "admin-service" }

// Faults are why a form was refused. What is wrong with the groups leads to the first of them.
func (s AdminService) Faults() Faults {
	groups := "groups-0"
	if len(s.Groups) == 0 { // there is no field for them
		groups = s.TokenNameField().Name
	}
	return faults(s.Alert, s.LabelField(), s.TokenNameField()).with("ttl", "How long it works", s.TTLError).with(groups, "Groups", s.GroupsError)
}

// Shown is the label, or the name.
func (s AdminService) Shown() string {
	if s.Label != "" {
		return s.Label
	}
	return s.Name
}

// LabelField is the field for another label.
func (s AdminService) LabelField() Field {
	return Field{Name: "label", Label: "What it is for", Type: "text", Value: s.NewLabel, Error: s.LabelError, Autocomplete: "off"}
}

// TokenNameField is the field for the name of a new token.
func (s AdminService) TokenNameField() Field {
	return Field{Name: "name", Label: "Name of a new token", Type: "text", Value: s.TokenName, Error: s.TokenNameError, Autocomplete: "off",
		Help: "Where the token is used, so that you know later what stops when you revoke it."}
}

// TTLs are how long a token may work.
func (s AdminService) TTLs() AdminSelect {
	all := []AdminOption{{Value: "OneHour", Label: "One hour"}, {Value: "1", Label: "1 day"}, {Value: "7", Label: "7 days"}, {Value: "30", Label: "30 days"},
		{Value: "60", Label: "60 days"}, {Value: "90", Label: "90 days"}, {Value: "Unlimited", Label: "Without end"}}
	for i := range all {
		all[i].Chosen = all[i].Value == s.TTL
	}
	return AdminSelect{Name: "ttl", Options: all}
}

// An AdminServiceToken is one token in the list.
type AdminServiceToken struct {
	ID        string
	Name      string
	State     string // works, revoked, expired or stopped
	Groups    []string
	Lost      []string // those in which its maker is no more
	MadeBy    string
	CreatedAt time.Time
	Endless   bool
	ExpiresAt time.Time
	LastUsed  time.Time
}

// Works reports whether it is accepted.
func (t AdminServiceToken) Works() bool { return t.State == "works" }

// Revocable reports whether there is anything to revoke.
func (t AdminServiceToken) Revocable() bool { return t.State == "works" || t.State == "stopped" }
