package templates

// AdminTry is /admin/try: what a sign-in with a token would meet. The form posts token.
type AdminTry struct {
	AdminLayout
	Alert      string
	Testable   bool       // there is an identity provider to go to
	BeginURL   string     // where the form of the test sign-in posts to
	Providers  []Provider // to choose from; none: there is only one
	Token      string     // as it was typed
	TokenError string
	Report     *AdminReport // nil: nothing was tried yet
}

func (AdminTry) template() string { return "admin-try" }

// Faults are why there is no report.
func (t AdminTry) Faults() Faults {
	return faults(t.Alert).with("token", "Token", t.TokenError)
}

// An AdminReport is every check that a sign-in meets, and what would come of it.
type AdminReport struct {
	Accepted   bool
	Code       string // why it is refused
	Advice     string // what to change
	Checks     []AdminCheck
	Email      string // "" when it could not be established
	Name       string
	Attributes []AdminFact
	Sent       []string // the groups that the token names
	SentAny    bool     // it has a claim with groups
	SentFault  string   // what of that claim cannot be read
	Account    string   // known, new, reactivated, ""
	Groups     []string // afterwards
	Warnings   []string
}

// AccountText says what becomes of the account.
func (r AdminReport) AccountText() string {
	switch r.Account {
	case "known":
		return "known"
	case "new":
		return "would be made"
	case "reactivated":
		return "would be reactivated"
	}
	return ""
}

// An AdminCheck is one condition of a sign-in.
type AdminCheck struct {
	Name   string
	OK     bool
	Detail string
}

// An AdminFact is a name with its value.
type AdminFact struct {
	Name, Value string
}
